"""Figures of features: over time, their distributions, and utterances in a plane."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, StrMethodFormatter

from ser_lib.errors import InputError
from ser_lib.plots.layout import colour_bar, draw_violins, figure, heading
from ser_lib.plots.style import (
    DIVERGING,
    FAINT,
    INK,
    MUTED,
    NOTE_SIZE,
    as_array,
    emotion_colours,
    ordered,
    same_length,
)

_COLOURED = 6
"""So many speakers can be told apart by colours."""


def deviations(values: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """
    Scale short-term descriptors of one utterance by their own means and standard deviations.

    Parameters and errors are those of `descriptors`.

    Returns
    -------
    pd.DataFrame, shape (frames, descriptors)
        Standard deviations from the mean; derivatives are left out, constant descriptors are 0.
    """
    values = as_array(values, "values", "frames", "descriptors")
    names = same_length(values.shape[1], names, "names", "descriptors")
    shown = np.array([not str(name).startswith("delta ") for name in names])
    values = values[:, shown]
    deviation = values.std(axis=0)
    values = (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, np.inf)
    return pd.DataFrame(values, columns=[str(name).replace("_", " ") for name in names[shown]])


@figure
def descriptors(values: np.ndarray, names: Sequence[str], *, hop: float, title: str = "") -> Figure:
    """
    Show short-term descriptors of one utterance over time, each in its own standard deviations.

    A row per descriptor: red above its mean over the utterance, blue below. Colours end at three
    standard deviations; the scale is pointed where values lie beyond.

    Parameters
    ----------
    values : np.ndarray [shape=(frames, descriptors)]
        The descriptors.
    names : sequence of str [shape=(descriptors,)]
        Their names; derivatives (``"delta ..."``) are left out.
    hop : float
        Seconds from one frame to the next.
    title : str
        Whose recording it is.
    """
    table = deviations(values, names)
    frames, rows = table.shape
    fig, ax = plt.subplots(figsize=(7.2, 0.9 + 0.14 * rows))
    look = {"cmap": DIVERGING, "vmin": -3, "vmax": 3, "interpolation": "nearest"}
    image = ax.imshow(table.T, extent=(0, frames * hop, rows, 0), aspect="auto", **look)
    ax.set_yticks(np.arange(rows) + 0.5, table.columns)
    ax.tick_params(axis="y", length=0, labelsize=7)
    ax.set_xlabel("time (s)")
    heading(ax, title)
    colour_bar(image, [ax], "standard deviations from the mean\n(one colour beyond ±3)")
    return fig


@figure
def feature_distributions(
    values: np.ndarray, emotions: Sequence[str], names: Sequence[str]
) -> Figure:
    """
    Show how features are distributed in each emotion.

    A panel per feature, a violin per emotion with its quartiles; the range shown is little more
    than that of the middle 99 % of the values, which a note below says.

    Parameters
    ----------
    values : np.ndarray [shape=(n, features)]
        Features of each utterance.
    emotions : sequence of str [shape=(n,)]
        Its emotion.
    names : sequence of str [shape=(features,)]
        Titles of the features, with their units.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise InputError(
            f"values have the shape {values.shape}; expected (utterances, {len(names)}), "
            "a column for each name"
        )
    emotions = same_length(len(values), emotions, "emotions", "rows of values")
    present = ordered(emotions)
    # As few empty panels as possible; of equal numbers, the wider figure.
    columns = min((4, 3, 2, 1), key=lambda n: (-len(names) % n, -n))
    rows = -(-len(names) // columns)
    size = (1.1 + 2.0 * columns, rows * (0.85 + 0.3 * len(present)))
    fig, axes = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False)
    for ax, name, column in zip(axes.flat, names, values.T, strict=True):
        draw_violins(ax, column, emotions, width=0.85, inner="quartile", linecolor=INK)
        low, high = np.nanpercentile(column, [0.5, 99.5])
        margin = 0.1 * (high - low) or 0.5
        ax.set_xlim(low - margin, high + margin)
        ax.set(xlabel=name, ylabel="")
        ax.spines["left"].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.locator_params(axis="x", nbins=4)
        # Large numbers as 2 k or 3 M, and none with a power of ten at the end of the axis.
        engineering = max(abs(low), abs(high)) >= 1e4
        ax.xaxis.set_major_formatter(EngFormatter() if engineering else StrMethodFormatter("{x:g}"))
    note = "axes: little more than the middle 99 % of the values; what lies beyond is not shown"
    fig.supxlabel(note, fontsize=NOTE_SIZE, color=MUTED)
    return fig


@figure
def projection(
    points: np.ndarray,
    emotions: Sequence[str],
    speakers: Sequence[str] | None = None,
    *,
    axes: tuple[str, str] = ("first component", "second component"),
    title: str = "",
) -> Figure:
    """
    Show utterances as points in a plane, coloured by emotion and, beside it, by speaker.

    Of more than six speakers, the first six have a colour, and all others are grey.

    Parameters
    ----------
    points : np.ndarray [shape=(n, 2)]
        Coordinates that some projection gave (PCA, LDA, t-SNE). One alone, as of a discriminant
        analysis of two emotions, puts all points on a line.
    emotions : sequence of str [shape=(n,)]
        Emotion of each.
    speakers : sequence of str [shape=(n,)], optional
        Speaker of each; gives the second panel.
    axes : (str, str)
        What the coordinates are.
    title : str
        What was projected.
    """
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] not in (1, 2):
        raise InputError(f"points have the shape {points.shape}; expected (utterances, 2)")
    if points.shape[1] == 1:
        points = np.column_stack([points, np.zeros(len(points))])
    emotions = same_length(len(points), emotions, "emotions", "points").astype(str)
    panels = [("emotion", emotions, emotion_colours(emotions))]
    if speakers is not None:
        speakers = same_length(len(points), speakers, "speakers", "points").astype(str)
        names = sorted(set(speakers))
        shown, others = names[:_COLOURED], f"{len(names[_COLOURED:])} others"
        colours = dict(zip(shown, sns.color_palette("colorblind").as_hex(), strict=False))
        groups = np.where(np.isin(speakers, shown), speakers, others)
        panels.append(("speaker", groups, colours | ({others: FAINT} if others in groups else {})))
    size = (4.6 * len(panels), 4.6)
    fig, drawn = plt.subplots(1, len(panels), figsize=size, sharex=True, sharey=True, squeeze=False)
    # The last drawn would hide the others if points came emotion by emotion.
    order = np.random.default_rng(0).permutation(len(points))
    for ax, (what, groups, colours) in zip(drawn.flat, panels, strict=True):
        # What is grey lies below the rest.
        above = [colours[group] != FAINT for group in groups[order]]
        order = order[np.argsort(above, kind="stable")]
        x, y = points[order].T
        look = {"hue_order": colours, "palette": colours, "s": 18, "alpha": 0.8, "linewidth": 0.3}
        sns.scatterplot(x=x, y=y, hue=groups[order], **look, legend="full", ax=ax)
        look = {"bbox_to_anchor": (0.5, -0.1), "handletextpad": 0.1, "columnspacing": 1.0}
        sns.move_legend(ax, "upper center", title=None, ncols=min(4, len(colours)), **look)
        ax.set(xticks=[], yticks=[])
        # seaborn hides the label of an axis without ticks.
        ax.set_xlabel(axes[0], visible=True)
        ax.spines[["left", "bottom"]].set_color(MUTED)
        heading(ax, title if ax is drawn[0, 0] else "", f"by {what}")
    drawn[0, 0].set_ylabel(axes[1])
    return fig
