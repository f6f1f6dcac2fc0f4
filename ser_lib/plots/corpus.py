"""Figures of a corpus: utterances per emotion and per speaker, durations."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ser_lib.plots.layout import draw_violins, figure, grid, heading, write
from ser_lib.plots.style import INK, emotion_colours, ordered, same_length, text_on


@figure
def class_counts(table: pd.DataFrame) -> Figure:
    """
    Show how many utterances of each emotion there are.

    Parameters
    ----------
    table : pd.DataFrame
        Corpus table with the column ``emotion``.
    """
    colours = emotion_colours(table["emotion"].dropna())
    fig, ax = plt.subplots(figsize=(5.6, 0.9 + 0.3 * len(colours)))
    look = {"hue": "emotion", "hue_order": colours, "palette": colours, "legend": False}
    sns.countplot(table, y="emotion", order=list(colours), **look, saturation=1, width=0.72, ax=ax)
    for bars in ax.containers:
        ax.bar_label(bars, padding=4, color=INK, fontsize=8.5)
    _hide_axes(ax)
    ax.margins(x=0.08)
    heading(ax, "Utterances per emotion", f"{len(table):,} in all")
    return fig


@figure
def speaker_counts(table: pd.DataFrame) -> Figure:
    """
    Show how many utterances of each emotion every speaker has.

    Missing speakers are shown together as "unknown".

    Parameters
    ----------
    table : pd.DataFrame
        Corpus table with ``speaker, emotion`` and, where known, ``sex``.
    """
    rows = table.assign(speaker=table["speaker"].astype("object").fillna("unknown").astype(str))
    colours = emotion_colours(rows["emotion"].dropna())
    counts = pd.crosstab(rows["speaker"], rows["emotion"])
    known = table.reindex(columns=["speaker", "sex"]).dropna()
    sexes = known.groupby(known["speaker"].astype(str))["sex"].first()
    labels = [f"{s}  {sexes[s]}" if s in sexes.index else str(s) for s in counts.index]
    height = max(1.6, 0.9 + 0.24 * len(counts))
    fig, ax = plt.subplots(figsize=(7.2, min(height, 24)))
    totals = counts.sum(axis=1).to_numpy()
    left = np.zeros(len(counts))
    for emotion, colour in colours.items():
        n = counts[emotion].to_numpy()
        look = {"color": colour, "height": 0.78, "edgecolor": "white", "linewidth": 0.6}
        bars = ax.barh(labels, n, left=left, label=emotion, **look)
        # Narrower parts have no room for their number.
        inside = [str(count) if count >= 0.028 * totals.max() else "" for count in n]
        look = {"fontsize": 6.5, "color": text_on(colour)}
        ax.bar_label(bars, inside, label_type="center", **look)
        left = left + n
    for y, total in enumerate(totals):
        write(ax, f"{total}", total, y, (5, 0))
    ax.invert_yaxis()
    _hide_axes(ax)
    ax.margins(x=0.07, y=0.01)
    look = {"handlelength": 1, "handleheight": 1, "handletextpad": 0.5, "columnspacing": 1.4}
    fig.legend(loc="outside lower center", ncols=min(len(colours), 8), **look)
    speakers = table["speaker"].nunique()
    heading(ax, "Utterances per speaker", f"{speakers} speakers, {len(table):,} utterances")
    return fig


def _hide_axes(ax: Axes) -> None:
    """Leave the names of the bars only: their lengths are written at their ends."""
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.tick_params(length=0)
    ax.set(xticks=[], xlabel="", ylabel="")


@figure
def durations(seconds: Sequence[float], emotions: Sequence[str]) -> Figure:
    """
    Show how long the utterances of each emotion are.

    A violin per emotion; the bar within spans the middle half, the number is the median.

    Parameters
    ----------
    seconds : sequence of float [shape=(n,)]
        Length of each utterance.
    emotions : sequence of str [shape=(n,)]
        Its emotion.
    """
    seconds = np.asarray(seconds, dtype=float)
    emotions = same_length(len(seconds), emotions, "emotions", "durations")
    names = ordered(emotions)
    fig, ax = plt.subplots(figsize=(6.4, 1.1 + 0.42 * len(names)))
    boxes = {"inner": "box", "inner_kws": {"box_width": 4, "color": INK}}
    draw_violins(ax, seconds, emotions, width=0.75, **boxes)
    for y, name in enumerate(names):
        own = seconds[emotions == name]
        write(ax, f"{np.median(own):.1f}", own.max(), y, (6, 0))
    ax.set_xlim(left=0)
    grid(ax, "x")
    ax.set(xlabel="duration (s)", ylabel="")
    total = seconds.sum()
    length = f"{total / 60:.0f} min" if total >= 120 else f"{total:.0f} s"
    heading(ax, "Durations per emotion", f"{length} in all; numbers: medians")
    return fig
