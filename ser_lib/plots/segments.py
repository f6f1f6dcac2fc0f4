"""The figure of what a system makes of each segment of an utterance."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_lib.errors import InputError
from ser_lib.plots.style import (
    EMOTION_COLOURS,
    FAINT,
    INK,
    MUTED,
    NOTE_SIZE,
    figure,
    heading,
    ordered,
    same_length,
    text_colour,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HEIGHT = 0.8
"""Of a posterior of one; rows are one apart."""


@figure
def segment_posteriors(
    posteriors: np.ndarray,
    classes: Sequence[str],
    *,
    seconds: float,
    hop: float,
    answer: Mapping[str, Any] | None = None,
    title: str = "",
) -> "Figure":
    """
    Show the posterior of each emotion in each segment of an utterance, and in the whole of it.

    Parameters
    ----------
    posteriors : np.ndarray [shape=(segments, classes)]
        Each row sums to one.
    classes : sequence of str [shape=(classes,)]
        The emotions, in the order of the columns.
    seconds : float
        Length of a segment.
    hop : float
        Seconds from the start of one segment to that of the next.
    answer : mapping, optional
        What was answered for the utterance: a row of predictions, with ``emotion, predicted,
        utterance`` and ``p_<emotion>``, as far as they are known.
    title : str
        Written instead of the name of the utterance.

    Returns
    -------
    Figure
        A row for each emotion; a segment stands around its middle, as wide as the hop. At the right
        is the posterior of the utterance, by `answer` or, without it, the mean over the segments.

    Raises
    ------
    InputError
        If shapes do not fit, rows do not sum to one, a duration is not positive, or an emotion is
        unknown.
    """
    import matplotlib.pyplot as plt

    values = np.asarray(posteriors, dtype=float)
    if values.ndim != 2 or len(values) == 0:
        raise InputError(
            f"posteriors have the shape {values.shape}; expected (segments, classes), one or more"
        )
    classes = [str(name) for name in same_length(values.shape[1], classes, "classes", "columns")]
    if not (values >= 0).all() or np.abs(values.sum(axis=1) - 1).max() > 1e-3:
        raise InputError("posteriors of a segment do not sum to 1; expected numbers from 0 that do")
    for name, value in (("seconds", seconds), ("hop", hop)):
        if not value > 0:
            raise InputError(f"{name} is {value}; expected more than 0")
    answer = {} if answer is None else answer
    given = all(f"p_{name}" in answer for name in classes)
    means = dict(zip(classes, values.mean(axis=0), strict=True))
    whole = {name: answer[f"p_{name}"] for name in classes} if given else means
    predicted, true = answer.get("predicted", max(whole, key=whole.get)), answer.get("emotion")
    end = (len(values) - 1) * hop + seconds
    # Neighbours meet half-way between their middles; the first and the last reach to the ends.
    edges = np.arange(1, len(values)) * hop + (seconds - hop) / 2
    edges = np.array([0, *edges, end])
    names = ordered(classes)
    fig, ax = plt.subplots(figsize=(7.2, 1.2 + 0.46 * len(names)))
    for row, name in enumerate(names):
        bottom = len(names) - 1 - row
        shape = _HEIGHT * values[:, classes.index(name)] + bottom
        colour = EMOTION_COLOURS[name]
        ax.axhspan(bottom, bottom + _HEIGHT, color=FAINT, alpha=0.35, linewidth=0)
        ax.stairs(shape, edges, baseline=bottom, fill=True, color=colour)
        ax.stairs(shape, edges, baseline=bottom, color=text_colour(colour), linewidth=0.9)
        chosen = name == predicted
        ax.annotate(
            f"{whole[name]:.2f}" + ("  answer" if chosen else ""),
            (1, bottom + _HEIGHT / 2),
            (8, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontweight="bold" if chosen else "normal",
            color=INK if chosen else MUTED,
            annotation_clip=False,
        )
    if len(values) <= 60:
        ax.vlines(edges[1:-1], 0, len(names), color="white", linewidth=1)
    _rows(ax, names, true)
    ax.set_xlim(0, end)
    ax.set_xlabel(_segments(len(values), seconds, hop))
    ax.annotate(
        "utterance" if given else "mean",
        (1, len(names) - 1 + _HEIGHT),
        (8, 6),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=NOTE_SIZE,
        color=MUTED,
        annotation_clip=False,
    )
    title = title or str(answer.get("utterance", "")) or "Posteriors of the segments"
    heading(ax, title, "height: posterior, 0 to 1")
    return fig


def _rows(ax: "Axes", names: Sequence[str], true: str | None) -> None:
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


def _segments(count: int, seconds: float, hop: float) -> str:
    if count == 1:
        return f"time (s); one segment of {seconds:.3g} s"
    return f"time (s); {count} segments of {seconds:.3g} s, one every {hop:.3g} s"
