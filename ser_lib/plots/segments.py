"""The figure of what a system predicts for each segment of an utterance."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ser_lib.errors import InputError
from ser_lib.plots.layout import figure, heading, write
from ser_lib.plots.style import (
    FAINT,
    INK,
    MUTED,
    as_array,
    check_seconds,
    emotion_colours,
    ordered,
    same_length,
    text_colour,
)

_HEIGHT = 0.8
"""Of a posterior of one; rows are one apart."""


@figure
def segment_posteriors(
    posteriors: np.ndarray,
    classes: Sequence[str],
    *,
    length: float,
    hop: float,
    prediction: Mapping[str, Any] | None = None,
    parts: Sequence[tuple[str, float]] = (),
    title: str = "",
) -> Figure:
    """
    Show the posterior of each emotion in each segment of an utterance, and in the utterance.

    A row for each emotion; a segment is drawn around its centre, as wide as the hop. At the right
    is the posterior of the utterance by `prediction` or, without it, the mean over the segments,
    which need not be what a system would predict of them.

    Parameters
    ----------
    posteriors : np.ndarray [shape=(segments, classes)]
        Each row sums to one.
    classes : sequence of str [shape=(classes,)]
        The emotions, in the order of the columns.
    length : float
        Seconds of a segment.
    hop : float
        Seconds from the start of one segment to that of the next.
    prediction : mapping, optional
        The prediction for the utterance: a row of a table of predictions, with ``emotion,
        predicted, utterance`` and ``p_<emotion>``, as far as they are known.
    parts : sequence of (str, float)
        Where several utterances follow each other: the emotion of each and its end in seconds. Its
        row is outlined there, and nothing stands at the right.
    title : str
        Written instead of the name of the utterance.
    """
    values = as_array(posteriors, "posteriors", "segments", "classes")
    classes = list(same_length(values.shape[1], classes, "classes", "columns"))
    sums = values.sum(axis=1)
    if not (values >= 0).all() or np.abs(sums - 1).max() > 1e-3:
        furthest = sums[np.argmax(np.abs(sums - 1))]
        raise InputError(
            f"posteriors of a segment sum to {furthest:g}, the least is {values.min():g}; "
            "expected numbers from 0 that sum to 1"
        )
    check_seconds(length=length, hop=hop)
    prediction = {} if prediction is None else prediction
    given = all(f"p_{name}" in prediction for name in classes)
    means = dict(zip(classes, values.mean(axis=0), strict=True))
    total = {name: prediction[f"p_{name}"] for name in classes} if given else means
    predicted = prediction.get("predicted")
    end = (len(values) - 1) * hop + length
    # Neighbours meet half-way between their centres; the first and the last reach to the ends.
    edges = np.arange(1, len(values)) * hop + (length - hop) / 2
    edges = np.array([0, *edges, end])
    names, colours = ordered(classes), emotion_colours(classes)
    # A single segment is a bar per emotion: nothing to stretch over time.
    width = 7.2 if len(values) > 1 else 4.4
    fig, ax = plt.subplots(figsize=(width, 1.2 + 0.46 * len(names)))
    for row, name in enumerate(names):
        bottom = len(names) - 1 - row
        heights = _HEIGHT * values[:, classes.index(name)] + bottom
        colour = colours[name]
        ax.axhspan(bottom, bottom + _HEIGHT, color=FAINT, alpha=0.35, linewidth=0)
        ax.stairs(heights, edges, baseline=bottom, fill=True, color=colour)
        ax.stairs(heights, edges, baseline=bottom, color=text_colour(colour), linewidth=0.9)
        if not parts:
            text = f"{total[name]:.2f}" + ("  predicted" if name == predicted else "")
            look = {"fontweight": "bold", "color": INK} if name == predicted else {"color": MUTED}
            write(ax, text, 1, bottom + _HEIGHT / 2, (8, 0), beside=True, fontsize=9, **look)
    if len(values) <= 60:
        ax.vlines(edges[1:-1], 0, len(names), color="white", linewidth=1)
    _name_rows(ax, names, prediction.get("emotion"))
    _mark_parts(ax, names, parts)
    ax.set_xlim(0, end)
    segments = f"{len(values)} segments of {length:.3g} s, one every {hop:.3g} s"
    if len(values) == 1:
        segments = f"one segment of {length:.3g} s"
    following = f", {len(parts)} recordings one after the other" if parts else ""
    ax.set_xlabel(f"time (s){following}; {segments}")
    if not parts:
        above = {"beside": True, "color": MUTED, "va": "baseline"}
        column = "utterance" if given else "mean"
        write(ax, column, 1, len(names) - 1 + _HEIGHT, (8, 6), **above)
    default = "outlined: the true emotion" if parts else "Posteriors of the segments"
    title = title or str(prediction.get("utterance", "")) or default
    heading(ax, title, "height: posterior, 0 to 1")
    return fig


def _mark_parts(ax: Axes, names: Sequence[str], parts: Sequence[tuple[str, float]]) -> None:
    """Outline the row of the emotion of each utterance, as long as it lasts."""
    start = 0.0
    for emotion, end in parts:
        if emotion in names:
            corner = (start, len(names) - 1 - names.index(emotion))
            look = {"fill": False, "color": INK, "linewidth": 1.5, "zorder": 4, "clip_on": False}
            ax.add_patch(Rectangle(corner, end - start, _HEIGHT, **look))
        start = end


def _name_rows(ax: Axes, names: Sequence[str], true: str | None) -> None:
    """Name the rows and give each a scale from 0 to 1."""
    bottoms = np.arange(len(names))[::-1]
    ax.set_ylim(-0.06, len(names) - 1 + _HEIGHT + 0.06)
    labels = [f"{name} (true)" if name == true else name for name in names]
    ax.set_yticks(bottoms + _HEIGHT / 2, labels)
    for label, name in zip(ax.get_yticklabels(), names, strict=True):
        label.set_fontweight("bold" if name == true else "normal")
    ends = np.add.outer(bottoms, (0, _HEIGHT)).ravel()
    ax.set_yticks(ends, ["0", "1"] * len(names), minor=True)
    ax.tick_params(axis="y", which="minor", length=2, labelsize=6, labelcolor=MUTED)
    ax.tick_params(axis="y", which="major", length=0, pad=16)
    ax.spines["left"].set_visible(False)
