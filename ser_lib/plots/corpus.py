"""Figures of a corpus: utterances per emotion and per speaker, durations."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib.plots.style import (
    EMOTION_COLOURS,
    INK,
    figure,
    grid,
    halo,
    heading,
    ordered,
    same_length,
    text_colour,
    text_on,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    emotions = same_length(len(seconds), emotions, "emotions", "durations")
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
