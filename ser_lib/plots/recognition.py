"""Figures of what a trained model recognises in a recording, and of what it decides by."""

import dataclasses
import itertools
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ser_lib.errors import InputError
from ser_lib.evaluation.resampling import classes_of
from ser_lib.plots.attention import draw_attention, name_attention
from ser_lib.plots.examples import Spectrogram, compute_spectrogram
from ser_lib.plots.layout import (
    colour_bar,
    figure,
    grid,
    heading,
    require_columns,
    seconds_locator,
    write,
)
from ser_lib.plots.spectrograms import draw_levels, draw_waveform, frequency_axis
from ser_lib.plots.style import (
    FAINT,
    INK,
    LEVELS,
    MUTED,
    check_seconds,
    emotion_colours,
    ordered,
)

if TYPE_CHECKING:
    from ser_lib.features import FrontEnd

_LONG = 60.0
"""Seconds beyond which a spectrogram is computed piece by piece."""
_COLUMNS = 1500
"""Frames at most that are drawn; of more, neighbours are averaged."""
_OUTLINED = 100
"""Windows up to which areas are outlined."""


@figure
def timeline(
    table: pd.DataFrame,
    *,
    parts: Sequence[tuple[str, float]] = (),
    title: str = "Posteriors over time",
    width: float = 7.2,
) -> Figure:
    """
    Show the posteriors of the windows of a recording as a stacked area.

    The posteriors of a window are drawn at its centre, with straight lines between; those of the
    first and the last window reach to the ends of the recording. Where windows hold no speech, the
    figure is grey.

    Parameters
    ----------
    table : pd.DataFrame
        A row per window, as of `ser_lib.recognition.Recogniser.timeline`: ``start, end`` in seconds
        and ``p_<emotion>``, NaN where there is no speech.
    parts : sequence of (str, float)
        Where several utterances follow each other: the emotion of each and its end in seconds, at
        which a line is drawn.
    title : str
        Written above.
    width : float
        Inches; 4.2 suits a phone.
    """
    names, posteriors = _posteriors_of(table)
    require_columns("the table", table, ("start", "end"))
    start, end = (table[name].to_numpy(float) for name in ("start", "end"))
    centres = (start + end) / 2
    edges = np.concatenate([start[:1], (centres[1:] + centres[:-1]) / 2, end[-1:]])
    check_seconds(length=edges[-1] - edges[0])
    rows = -(-len(names) // _legend_columns(width))
    fig, ax = plt.subplots(figsize=(width, 2.6 + 0.22 * rows))
    ax.set_facecolor(FAINT)
    # Lines between the areas of many windows would hide the areas.
    look = {"edgecolor": "white", "linewidth": 0.5 if len(table) <= _OUTLINED else 0}
    look["colors"] = list(emotion_colours(names).values())
    for first, last in _runs(np.isfinite(posteriors).all(axis=1)):
        inside = slice(first, last + 1)
        x = np.concatenate([edges[[first]], centres[inside], edges[[last + 1]]])
        values = posteriors[inside]
        areas = ax.stackplot(x, *values[[0, *range(len(values)), -1]].T, **look)
    start_of_part = 0.0
    for emotion, end_of_part in parts:
        ax.axvline(end_of_part, color=INK, linewidth=1.2)
        middle = (start_of_part + end_of_part) / 2
        write(ax, emotion, middle, 0, (0, 5), ha="center", va="bottom", halo=True)
        start_of_part = end_of_part
    length = end[0] - start[0]
    windows = f"one window of {length:.3g} s"
    if len(table) > 1:
        windows = f"windows of {length:.3g} s, one every {start[1] - start[0]:.3g} s"
    ax.set(xlim=(edges[0], edges[-1]), ylim=(0, 1), ylabel="posterior")
    ax.xaxis.set_major_locator(seconds_locator(edges[-1] - edges[0], 10))
    ax.set_xlabel(f"time (s); {windows}")
    look = {"handlelength": 1, "handleheight": 1, "handletextpad": 0.5, "columnspacing": 1.2}
    columns = _legend_columns(width)
    fig.legend(areas, names, loc="outside lower center", ncols=columns, **look)
    silent = not np.isfinite(posteriors).all()
    heading(ax, title, "grey: no speech" if silent else "")
    return fig


def _legend_columns(width: float) -> int:
    return max(1, int(width))


def _posteriors_of(table: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """Return the emotions and the posteriors, (rows, emotions); InputError if there are none."""
    classes = classes_of(table)
    if not classes:
        found = ", ".join(map(str, table.columns))
        raise InputError(
            f"the table has no posteriors; expected columns p_<emotion>, found {found}"
        )
    names = ordered(classes)
    posteriors = table[[f"p_{name}" for name in names]].to_numpy(float)
    if not np.isfinite(posteriors).all(axis=1).any():
        raise InputError(
            f"there is nothing to draw: none of the {len(table)} rows has posteriors; expected a "
            "recording in which there is speech"
        )
    return names, posteriors


def _runs(present: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield the first and the last position of each run of what is present."""
    for value, positions in itertools.groupby(range(len(present)), present.__getitem__):
        if value:
            positions = list(positions)
            yield positions[0], positions[-1]


@figure
def distribution(
    table: pd.DataFrame,
    corpus_emotions: Mapping[str, int],
    *,
    title: str = "This recording and the corpus",
    width: float = 7.2,
) -> Figure:
    """
    Show the posteriors of a recording beside how often the training corpus has each emotion.

    Two bars for each emotion, the recording's in its colour, the corpus's in grey.

    Parameters
    ----------
    table : pd.DataFrame
        One row, as of `ser_lib.recognition.Recogniser.predict`, or a row per window, whose mean is
        shown: ``p_<emotion>``, NaN where there is no speech.
    corpus_emotions : mapping
        Number of recordings of each emotion, as in a model's
        ``description["corpus"]["emotions"]``.
    title : str
        Written above.
    width : float
        Inches; 4.2 suits a phone.
    """
    classes, posteriors = _posteriors_of(table)
    names = ordered([*classes, *corpus_emotions])
    counts = np.array([corpus_emotions.get(name, 0) for name in names], dtype=float)
    if not (counts >= 0).all() or not counts.sum() > 0:
        raise InputError(
            f"corpus_emotions is {dict(corpus_emotions)}; expected how many recordings there are "
            "of each emotion"
        )
    mean = dict(zip(classes, np.nanmean(posteriors, axis=0), strict=True))
    own = np.array([mean.get(name, 0) for name in names])
    y = np.arange(len(names))
    fig, ax = plt.subplots(figsize=(width, 1.1 + 0.42 * len(names)))
    bars = {"height": 0.36, "linewidth": 0}
    upper = ax.barh(y - 0.19, own, color=list(emotion_colours(names).values()), **bars)
    lower = ax.barh(y + 0.19, counts / counts.sum(), color=FAINT, **bars)
    for drawn, colour in ((upper, INK), (lower, MUTED)):
        ax.bar_label(drawn, fmt="%.2f", padding=4, color=colour, fontsize=8)
    ax.set_yticks(y, names)
    ax.get_yticklabels()[int(own.argmax())].set_fontweight("bold")
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_xlim(0, 1.12)
    ax.set_xticks(np.linspace(0, 1, 6))
    grid(ax, "x")
    ax.set_xlabel("posterior; share of the corpus")
    heading(ax, title, f"grey: the corpus, {int(counts.sum()):,} recordings")
    return fig


@figure
def contributions(
    table: pd.DataFrame,
    emotion: str,
    *,
    largest: int = 10,
    title: str | None = None,
    width: float = 7.2,
) -> Figure:
    """
    Show which descriptors of a recording speak for an emotion, and which against it.

    A bar for each descriptor, the sum of the contributions of its functionals, of its derivative
    and of its coefficients or bands: those of ``mfcc_1 mean`` and ``delta mfcc_2 slope`` belong to
    ``mfcc``. The largest come first; the last bar is the sum of all others.

    Parameters
    ----------
    table : pd.DataFrame
        A row per feature and a column per emotion, as of
        `ser_lib.recognition.Recogniser.contributions`.
    emotion : str
        One of the columns.
    largest : int
        How many descriptors have bars of their own.
    title : str, optional
        Written above.
    width : float
        Inches; 4.2 suits a phone.
    """
    sums = by_descriptor(table, emotion)
    shown, rest = sums.iloc[:largest], sums.iloc[largest:]
    if len(rest):
        shown = pd.concat([shown, pd.Series({f"{len(rest)} others": rest.sum()})])
    colours = np.where(shown > 0, emotion_colours(table.columns)[emotion], MUTED)
    fig, ax = plt.subplots(figsize=(width, 1.2 + 0.3 * len(shown)))
    bars = ax.barh(range(len(shown)), shown, color=colours, height=0.7, linewidth=0)
    ax.bar_label(bars, [signed(value) for value in shown], padding=4, color=INK, fontsize=8)
    ax.set_yticks(range(len(shown)), shown.index.str.replace("_", " "))
    ax.set_ylim(len(shown) - 0.5, -0.5)
    # Room for what is written at the ends of bars, which is as wide in every figure.
    ax.margins(x=1.0 / width)
    ax.axvline(0, color=INK, linewidth=0.8)
    grid(ax, "x")
    ax.set_xlabel(f"contribution to the log posterior of {emotion}")
    title = f"What speaks for {emotion}" if title is None else title
    heading(ax, title, f"sum {signed(sums.sum())}")
    return fig


def signed(value: float) -> str:
    """Write a number with its sign, which is as wide as those of axes."""
    return f"{value:+.2f}".replace("-", "−")


def by_descriptor(table: pd.DataFrame, emotion: str) -> pd.Series:
    """Sum contributions to an emotion by descriptor, as of `contributions`, the largest first."""
    require_columns("contributions", table, [emotion])
    sums = table[emotion].groupby([_descriptor(name) for name in table.index]).sum()
    return sums.reindex(sums.abs().sort_values(ascending=False, kind="stable").index)


def _descriptor(feature: str) -> str:
    """Return what a feature such as ``delta voiced mfcc_3 mean`` describes: ``mfcc``."""
    name = feature.rpartition(" ")[0] or feature
    name = name.removeprefix("delta ").removeprefix("voiced ")
    return re.sub(r"(_\d+)+$", "", name)


@figure
def recording(
    recogniser: object,
    recording: str | os.PathLike | tuple[np.ndarray, int],
    *,
    title: str = "",
    width: float = 7.2,
) -> Figure:
    """
    Show a recording, its spectrogram as a model is given it, and what the model attends to.

    The waveform is that of the whole recording. Where the front end trims it to the voice, the
    spectrogram and the attention cover the part that is left, at its place in time. The attention
    is that of each moment, over all frequencies, in multiples of uniform attention; it is left out
    where the network has none over the whole recording, and for recordings longer than 60 s, which
    are recognised in windows.

    Parameters
    ----------
    recogniser : ser_lib.recognition.Recogniser
        A trained model.
    recording : path or (waveform, rate)
        The recording.
    title : str
        Whose recording it is.
    width : float
        Inches; 4.2 suits a phone.
    """
    rate = recogniser.front_end.sample_rate
    signal = recogniser.read(recording)
    offset, levels = _analysed(recogniser.front_end, signal)
    attention = _attention(recogniser, (signal, rate))
    shown = attention is not None
    heights = (1, 2.2, 1.1)[: 2 + shown]
    size = (width, 0.6 + 0.85 * sum(heights))
    fig, axes = plt.subplots(
        len(heights), 1, sharex=True, figsize=size, gridspec_kw={"height_ratios": heights}
    )
    draw_waveform(axes[0], signal, rate)
    image = draw_levels(axes[1], levels.values[..., 0], levels.hop, start=offset, cmap=LEVELS)
    frequency_axis(axes[1], levels.values.shape[1], levels.frequencies, named=True)
    colour_bar(image, [axes[1]], f"level ({levels.unit})")
    if shown:
        weights = attention["weight"].to_numpy()
        step = attention["end"].iloc[0] - attention["start"].iloc[0]
        steps = offset + attention["start"].iloc[0] + step * np.arange(len(weights) + 1)
        relative = weights * len(weights)
        draw_attention(axes[2], relative, steps, max(2.0, 1.08 * relative.max()))
        name_attention(axes[2], axes[2])
    length = len(signal) / rate
    axes[-1].set_xlim(0, length)
    axes[-1].xaxis.set_major_locator(seconds_locator(length, 10))
    axes[-1].set_xlabel("time (s)")
    for ax in axes[:-1]:
        ax.tick_params(axis="x", length=0)
    heading(axes[0], title)
    fig.align_ylabels(axes)
    return fig


def _attention(recogniser: object, recording: tuple[np.ndarray, int]) -> pd.DataFrame | None:
    try:
        return recogniser.attention(recording)
    except InputError:
        # It has none, or the recording is longer than what is read as a whole.
        return None


def _analysed(front_end: "FrontEnd", signal: np.ndarray) -> tuple[float, Spectrogram]:
    """Return where in seconds the spectrogram of a front end begins, and the spectrogram."""
    from ser_lib.signal import TrimToVoice
    from ser_lib.signal.seeding import generator

    rate, offset = front_end.sample_rate, 0
    whole = len(signal) <= _LONG * rate
    pieces = [signal] if whole else np.array_split(signal, int(np.ceil(len(signal) / _LONG / rate)))
    analysis = dataclasses.replace(front_end, preprocessing=())
    spectrograms = []
    for piece in pieces:
        for step in front_end.preprocessing:
            if not isinstance(step, TrimToVoice):
                piece = step(piece, rate, generator("", step))
            elif whole:
                # Of a long recording, each window is trimmed by itself.
                before, piece = piece, step(piece, rate, generator("", step))
                offset += _place(piece, before)
        spectrograms.append(compute_spectrogram(analysis, piece))
    first = spectrograms[0]
    values = np.concatenate([each.values for each in spectrograms])
    hop = first.hop if whole else len(signal) / rate / len(values)
    together = -(-len(values) // _COLUMNS)
    if together > 1:
        rest = len(values) % together
        values = values[: len(values) - rest]
        values = values.reshape(-1, together, *values.shape[1:]).mean(axis=1)
    return offset / rate, first._replace(values=values, hop=hop * together)


def _place(part: np.ndarray, whole: np.ndarray) -> int:
    """Return at which sample of a signal a part of it begins."""
    # Comparing arrays sample by sample would take seconds where both have long digital silence.
    return whole.tobytes().index(part.tobytes()) // whole.itemsize
