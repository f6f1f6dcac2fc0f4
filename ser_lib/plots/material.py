"""Figures of what systems are given: utterances, speakers, sound and features."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib.errors import InputError
from ser_lib.plots.style import (
    EMOTION_COLOURS,
    INK,
    MUTED,
    figure,
    grid,
    halo,
    heading,
    ordered,
    text_colour,
    text_on,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _same_length(n: int, other: Sequence, what: str, rows: str) -> np.ndarray:
    if len(other) != n:
        raise InputError(f"{len(other)} {what} but {n} {rows}; expected as many")
    return np.asarray(other, dtype=object)


@figure
def class_counts(table: pd.DataFrame) -> "Figure":
    """
    Show how many utterances of each emotion there are.

    Parameters
    ----------
    table : pd.DataFrame
        Corpus table with the column ``emotion``.

    Returns
    -------
    Figure
    """
    import matplotlib.pyplot as plt

    emotions = ordered(table["emotion"].dropna())
    counts = table["emotion"].value_counts()
    fig, ax = plt.subplots(figsize=(5.6, 0.9 + 0.3 * len(emotions)))
    bars = ax.barh(
        emotions,
        [counts[e] for e in emotions],
        color=[EMOTION_COLOURS[e] for e in emotions],
        height=0.72,
    )
    ax.bar_label(bars, padding=4, color=INK, fontsize=8.5)
    ax.invert_yaxis()
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xticks([])
    ax.margins(x=0.08, y=0.02)
    heading(ax, "Utterances per emotion", f"{len(table):,} in all")
    return fig


@figure
def speaker_counts(table: pd.DataFrame) -> "Figure":
    """
    Show how many utterances of each emotion each speaker has.

    Parameters
    ----------
    table : pd.DataFrame
        Corpus table with the columns ``speaker``, ``emotion`` and ``sex``.

    Returns
    -------
    Figure
        A bar per speaker, labelled with name and sex; rows without a speaker are "unknown".
    """
    import matplotlib.pyplot as plt

    emotions = ordered(table["emotion"].dropna())
    rows = pd.DataFrame(
        {"speaker": table["speaker"].astype(object).fillna("unknown"), "emotion": table["emotion"]}
    )
    counts = pd.crosstab(rows["speaker"], rows["emotion"])[emotions]
    sexes = table.dropna(subset=["speaker", "sex"]).groupby("speaker")["sex"].first()
    labels = [f"{s}  {sexes[s]}" if s in sexes.index else str(s) for s in counts.index]
    height = max(1.6, 0.9 + 0.24 * len(counts))
    fig, ax = plt.subplots(figsize=(7.2, min(height, 24)))
    left = np.zeros(len(counts))
    for emotion in emotions:
        colour = EMOTION_COLOURS[emotion]
        n = counts[emotion].to_numpy()
        ax.barh(labels, n, left=left, color=colour, height=0.78, edgecolor="white", linewidth=0.6)
        # Narrower parts have no room for their number.
        room = n >= 0.028 * counts.to_numpy().sum(axis=1).max()
        for y in np.flatnonzero(room):
            middle = left[y] + n[y] / 2
            ax.text(
                middle,
                y,
                n[y],
                ha="center",
                va="center_baseline",
                fontsize=6.5,
                color=text_on(colour),
            )
        left = left + n
    for y, total in enumerate(left):
        ax.annotate(
            f"{total:.0f}", (total, y), (5, 0), textcoords="offset points", va="center", fontsize=8
        )
    ax.invert_yaxis()
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    ax.set_xticks([])
    ax.margins(x=0.07, y=0.01)
    _key(fig, emotions)
    known = rows.loc[rows["speaker"] != "unknown", "speaker"].nunique()
    heading(ax, "Utterances per speaker", f"{known} speakers, {len(table):,} utterances")
    return fig


def _key(fig: "Figure", emotions: Sequence[str]) -> None:
    """Name the colours in one row below the figure."""
    from matplotlib.patches import Patch

    fig.legend(
        handles=[Patch(color=EMOTION_COLOURS[e], label=e) for e in emotions],
        loc="outside lower center",
        ncols=min(len(emotions), 8),
        handlelength=1,
        handleheight=1,
        columnspacing=1.4,
        handletextpad=0.5,
    )


@figure
def durations(seconds: Sequence[float], emotions: Sequence[str]) -> "Figure":
    """
    Show how long the utterances of each emotion are.

    Parameters
    ----------
    seconds : sequence of float [shape=(n,)]
        Length of each utterance.
    emotions : sequence of str [shape=(n,)]
        Its emotion.

    Returns
    -------
    Figure
        A dot per utterance; the line spans the middle half, its white dot is the median.

    Raises
    ------
    InputError
        If the lengths of the two differ.
    """
    import matplotlib.pyplot as plt

    seconds = np.asarray(seconds, dtype=float)
    emotions = _same_length(len(seconds), emotions, "emotions", "durations")
    names = ordered(emotions)
    # Where a dot lies within its row says nothing; it must only be the same every time.
    rng = np.random.default_rng(0)
    fig, ax = plt.subplots(figsize=(6.4, 1.1 + 0.42 * len(names)))
    for y, name in enumerate(names):
        own, colour = seconds[emotions == name], EMOTION_COLOURS[name]
        ax.scatter(
            own,
            y + rng.uniform(-0.28, 0.28, len(own)),
            s=9,
            color=colour,
            alpha=0.45,
            linewidths=0,
        )
        low, middle, high = np.percentile(own, [25, 50, 75])
        ax.plot([low, high], [y, y], color=text_colour(colour), linewidth=3)
        ax.plot(middle, y, "o", color="white", markeredgecolor=INK, markersize=5.5, zorder=3)
        ax.annotate(
            f"{middle:.1f}",
            (middle, y),
            (0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            path_effects=halo(),
        )
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.6)
    ax.set_xlim(left=0)
    grid(ax, "x")
    ax.set_xlabel("duration (s)")
    total = seconds.sum()
    whole = f"{total / 60:.0f} min" if total >= 120 else f"{total:.0f} s"
    heading(ax, "Durations per emotion", f"{whole} in all")
    return fig


@figure
def waveform_and_spectrogram(signal: Sequence[float], rate: int, title: str = "") -> "Figure":
    """
    Show a recording as a waveform and, aligned in time, as a spectrogram.

    Parameters
    ----------
    signal : sequence of float [shape=(samples,)]
        Mono, in [-1, 1].
    rate : int
        Samples per second.
    title : str
        Whose recording it is.

    Returns
    -------
    Figure
        The spectrogram has 25 ms Hann windows every 5 ms, in dB below its loudest point.

    Raises
    ------
    InputError
        If the signal is not one-dimensional or shorter than a window.
    """
    import matplotlib.pyplot as plt
    from scipy.signal import spectrogram

    signal = np.asarray(signal, dtype=float)
    window = round(0.025 * rate)
    if signal.ndim != 1 or len(signal) < window:
        raise InputError(
            f"signal has the shape {signal.shape}; expected one channel of {window} samples or more"
        )
    f, t, power = spectrogram(
        signal,
        rate,
        window="hann",
        nperseg=window,
        noverlap=window - round(0.005 * rate),
        nfft=max(512, 2 ** int(np.ceil(np.log2(window)))),
        detrend=False,
    )
    peak = power.max() if power.max() > 0 else 1.0
    level = 10 * np.log10(np.maximum(power / peak, 1e-12))
    fig, (top, below) = plt.subplots(
        2, 1, sharex=True, figsize=(7.2, 3.8), gridspec_kw={"height_ratios": (1, 2.4)}
    )
    top.plot(np.arange(len(signal)) / rate, signal, color=INK, linewidth=0.5)
    top.set_ylabel("amplitude")
    extent = max(np.abs(signal).max(), 1e-6) * 1.08
    top.set_ylim(-extent, extent)
    top.spines["bottom"].set_visible(False)
    top.tick_params(axis="x", length=0)
    image = below.pcolormesh(
        t, f / 1000, level, cmap="magma", vmin=-80, vmax=0, shading="nearest", rasterized=True
    )
    # Before the middle of the first window there is nothing to show.
    below.set_facecolor("black")
    below.set_xlim(0, len(signal) / rate)
    below.set_ylim(0, rate / 2000)
    below.set_ylabel("frequency (kHz)")
    below.set_xlabel("time (s)")
    bar = fig.colorbar(image, ax=below, pad=0.015, aspect=18)
    bar.outline.set_visible(False)
    bar.set_label("level (dB)")
    if title:
        top.set_title(title)
    return fig


def _violin(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Estimate the density of `values`, scaled to a greatest value of one."""
    from scipy.stats import gaussian_kde

    if len(values) < 3 or np.ptp(values) == 0:
        return np.zeros(len(at))
    density = gaussian_kde(values)(at)
    return density / density.max()


@figure
def feature_distributions(
    values: np.ndarray, emotions: Sequence[str], names: Sequence[str]
) -> "Figure":
    """
    Show how features are distributed in each emotion.

    Parameters
    ----------
    values : np.ndarray [shape=(n, features)]
        Features of each utterance.
    emotions : sequence of str [shape=(n,)]
        Its emotion.
    names : sequence of str [shape=(features,)]
        What the features are called, with their units.

    Returns
    -------
    Figure
        A panel per feature, a density per emotion with its median; the range shown is little more
        than that of the middle 99 % of the values.

    Raises
    ------
    InputError
        If the shapes do not fit each other.
    """
    import matplotlib.pyplot as plt

    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise InputError(
            f"values have the shape {values.shape}; expected (utterances, {len(names)}), "
            "a column for each name"
        )
    emotions = _same_length(len(values), emotions, "emotions", "rows of values")
    present = ordered(emotions)
    columns = min(4, len(names))
    rows = -(-len(names) // columns)
    fig, axes = plt.subplots(
        rows,
        columns,
        figsize=(1.1 + 2.0 * columns, rows * (0.75 + 0.27 * len(present))),
        sharey=True,
        squeeze=False,
    )
    for ax, name, column in zip(axes.flat, names, values.T, strict=False):
        low, high = np.nanpercentile(column, [0.5, 99.5])
        low, high = low - 0.1 * (high - low), high + 0.1 * (high - low)
        at = np.linspace(low, high, 160) if high > low else np.array([low - 0.5, low + 0.5])
        for y, emotion in enumerate(present):
            own = column[(emotions == emotion) & np.isfinite(column)]
            colour = EMOTION_COLOURS[emotion]
            height = 0.85 * _violin(own, at)
            ax.fill_between(at, y, y - height, color=colour, alpha=0.85, linewidth=0, zorder=y)
            ax.plot(at, y - height, color="white", linewidth=0.9, zorder=y)
            if len(own):
                middle = np.median(own)
                ax.plot([middle, middle], [y, y - 0.3], color=INK, linewidth=1.5, zorder=y + 0.5)
        ax.set_yticks(range(len(present)), present)
        ax.set_ylim(len(present) - 0.8, -1.05)
        ax.set_xlim(at[0], at[-1])
        ax.set_title(name, fontsize=8.5, fontweight="normal", loc="center")
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.locator_params(axis="x", nbins=4)
    for ax in axes.flat[len(names) :]:
        ax.set_axis_off()
    return fig


@figure
def projection(
    points: np.ndarray,
    emotions: Sequence[str],
    speakers: Sequence[str] | None = None,
    *,
    axes: tuple[str, str] = ("", ""),
    title: str = "",
) -> "Figure":
    """
    Show utterances as points in a plane, coloured by emotion and, beside it, by speaker.

    Parameters
    ----------
    points : np.ndarray [shape=(n, 2)]
        Coordinates that some projection gave (PCA, LDA, t-SNE).
    emotions : sequence of str [shape=(n,)]
        Emotion of each.
    speakers : sequence of str [shape=(n,)], optional
        Speaker of each; gives the second panel.
    axes : (str, str)
        What the coordinates are.
    title : str
        What was projected.

    Returns
    -------
    Figure
        Names stand at, or just above, the median of their points.

    Raises
    ------
    InputError
        If the shapes do not fit each other.
    """
    import matplotlib.pyplot as plt
    from matplotlib import colormaps

    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"points have the shape {points.shape}; expected (utterances, 2)")
    emotions = _same_length(len(points), emotions, "emotions", "points")
    panels = [("by emotion", emotions, {e: EMOTION_COLOURS[e] for e in ordered(emotions)})]
    if speakers is not None:
        speakers = _same_length(len(points), speakers, "speakers", "points")
        names = sorted({str(s) for s in speakers})
        shades = colormaps["turbo"](np.linspace(0.05, 0.95, len(names)))
        panels.append(("by speaker", speakers.astype(str), dict(zip(names, shades, strict=True))))
    fig, drawn = plt.subplots(
        1, len(panels), figsize=(4.6 * len(panels), 4.2), sharex=True, sharey=True, squeeze=False
    )
    # The last drawn would hide the others if points came emotion by emotion.
    order = np.random.default_rng(0).permutation(len(points))
    for ax, (what, groups, colours) in zip(drawn.flat, panels, strict=True):
        ax.scatter(
            *points[order].T,
            c=[colours[str(g)] for g in groups[order]],
            s=16,
            alpha=0.75,
            linewidths=0.3,
            edgecolors="white",
        )
        _name_groups(ax, points, groups, colours)
        ax.set_xlabel(axes[0])
        ax.set_xticks([])
        ax.set_yticks([])
        ax.spines[["left", "bottom"]].set_color(MUTED)
        heading(ax, title if ax is drawn[0, 0] else "", what)
    drawn[0, 0].set_ylabel(axes[1])
    return fig


def _name_groups(
    ax: "Axes", points: np.ndarray, groups: np.ndarray, colours: Mapping[str, object]
) -> None:
    """Write each name amid its points, in their colour, and none upon another."""
    from matplotlib.colors import to_hex

    places = {name: np.median(points[groups == name], axis=0) for name in colours}
    # A line of text takes about this much of the panel, a letter a third of that.
    line = 0.045 * np.ptp(points[:, 1])
    letter = 0.015 * np.ptp(points[:, 0])
    lowest_first = sorted(places, key=lambda name: places[name][1])
    placed: list[tuple[float, float, int]] = []
    for name in lowest_first:
        x, y = places[name]
        for other_x, other_y, length in placed:
            if abs(x - other_x) < letter * (len(name) + length) * 0.65 and y < other_y + line:
                y = other_y + line
        placed.append((x, y, len(name)))
        ax.text(
            x,
            y,
            name,
            color=text_colour(to_hex(colours[name])),
            fontsize=9,
            fontweight="bold",
            ha="center",
            va="center",
            path_effects=halo(),
            zorder=5,
        )
