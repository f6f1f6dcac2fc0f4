"""Figures of where systems with attention look."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ser_lib.errors import InputError
from ser_lib.plots.panels import (
    colour_bar,
    curve,
    frequency_axis,
    greys,
    name_even_share,
    overlay,
)
from ser_lib.plots.style import figure, heading

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Heard = Mapping[str, Any]
"""What `well_and_badly` takes of an utterance: ``spectrogram, weights`` and, if known, the rest."""


@figure
def attention_over_time(
    spectrogram: np.ndarray,
    weights: np.ndarray,
    *,
    hop: float,
    step: float,
    start: float = 0.0,
    frequencies: Sequence[float] | None = None,
    unit: str = "dB",
    answer: Mapping[str, Any] | None = None,
    title: str = "",
) -> "Figure":
    """
    Show which moments of an utterance a system attends to, below its spectrogram.

    Parameters
    ----------
    spectrogram : np.ndarray [shape=(frames, bands)]
        Levels, lowest band first.
    weights : np.ndarray [shape=(steps,)]
        Attention, which sums to one. Steps that are NaN are padding and left out.
    hop : float
        Seconds from one frame to the next.
    step : float
        Seconds from one weight to the next; a multiple of `hop` where a network pools over time.
    start : float
        Seconds at which the share of the first weight begins.
    frequencies : sequence of float [shape=(bands,)], optional
        Middle of each band in Hz, in ascending order. Without it bands are numbered.
    unit : str
        Of the levels.
    answer : mapping, optional
        What the system answered: a row of predictions, with ``emotion, predicted`` and
        ``p_<emotion>``, as far as they are known. Its ``utterance`` is named too.
    title : str
        Written instead of the answer, which then stands beside it.

    Returns
    -------
    Figure
        Attention in multiples of what each step would get if all got the same, so that recordings
        of different lengths can be compared. What lies above that is filled.

    Raises
    ------
    InputError
        If shapes do not fit, weights do not sum to one, or a duration is not positive.
    """
    heard = {"spectrogram": spectrogram, "weights": weights, "answer": answer, "title": title}
    return _draw([heard], 1, hop, step, start, None, frequencies, unit)


@figure
def attention_map(
    spectrogram: np.ndarray,
    weights: np.ndarray,
    *,
    hop: float,
    step: float,
    start: float = 0.0,
    bands: tuple[float, float] | None = None,
    frequencies: Sequence[float] | None = None,
    unit: str = "dB",
    answer: Mapping[str, Any] | None = None,
    title: str = "",
) -> "Figure":
    """
    Show which moments and frequencies of an utterance a system attends to.

    Parameters
    ----------
    spectrogram, hop, step, start, frequencies, unit, answer, title
        As in `attention_over_time`.
    weights : np.ndarray [shape=(steps, cells)]
        Attention, lowest cell first, which sums to one over all of them.
    bands : tuple of float, optional
        Number of bands below the lowest cell and up to the top of the highest; cells share the
        range evenly. All bands by default.

    Returns
    -------
    Figure
        The spectrogram, and below it the same in grey under the attention, in multiples of what
        each cell would get if all got the same. The outline goes around what gets more than that;
        it is left out of more than 60 steps, where it would hide what it is around.

    Raises
    ------
    InputError
        If shapes do not fit, weights do not sum to one, or a duration is not positive.
    """
    heard = {"spectrogram": spectrogram, "weights": weights, "answer": answer, "title": title}
    return _draw([heard], 2, hop, step, start, bands, frequencies, unit)


@figure
def well_and_badly(
    well: Heard,
    badly: Heard,
    *,
    hop: float,
    step: float,
    start: float = 0.0,
    bands: tuple[float, float] | None = None,
    frequencies: Sequence[float] | None = None,
    unit: str = "dB",
) -> "Figure":
    """
    Show the attention to a well and to a badly recognised utterance side by side.

    Parameters
    ----------
    well, badly : mapping
        ``spectrogram, weights`` and, if known, ``answer`` and ``title``, as in
        `attention_over_time` or, if the weights have two dimensions, in `attention_map`.
    hop, step, start, bands, frequencies, unit
        As there.

    Returns
    -------
    Figure
        Both under the same scales of level and attention. A second is as wide in both, unless one
        lasts more than twice as long as the other.

    Raises
    ------
    InputError
        As there, or if an utterance lacks its spectrogram or weights.
    """
    for name, heard in (("well", well), ("badly", badly)):
        missing = [key for key in ("spectrogram", "weights") if key not in heard]
        if missing:
            raise InputError(f"{name} has no {' and no '.join(missing)}; found {', '.join(heard)}")
    dimensions = 2 if np.ndim(well["weights"]) == 2 else 1
    return _draw([well, badly], dimensions, hop, step, start, bands, frequencies, unit)


def _checked(heard: Heard, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the spectrogram, and attention in multiples of an even share."""
    level = np.asarray(heard["spectrogram"], dtype=float)
    if level.ndim != 2 or level.size == 0 or not np.isfinite(level).all():
        raise InputError(
            f"spectrogram has the shape {level.shape}; expected (frames, bands) of finite levels"
        )
    weights = np.asarray(heard["weights"], dtype=float)
    expected = "(steps,)" if dimensions == 1 else "(steps, cells)"
    if weights.ndim != dimensions or weights.size == 0:
        raise InputError(f"weights have the shape {weights.shape}; expected {expected}")
    weights = weights[~np.isnan(weights.reshape(len(weights), -1)).all(axis=1)]
    if not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-3:
        raise InputError(
            f"weights sum to {weights.sum():g}, the least is {weights.min(initial=np.inf):g}; "
            "expected numbers from 0 that sum to 1"
        )
    return level, weights * weights.size


def _draw(
    columns: Sequence[Heard],
    dimensions: int,
    hop: float,
    step: float,
    start: float,
    bands: tuple[float, float] | None,
    frequencies: Sequence[float] | None,
    unit: str,
) -> "Figure":
    """Draw a column for each utterance: what was heard, and below where the system looked."""
    import matplotlib.pyplot as plt

    for name, value in (("hop", hop), ("step", step)):
        if not value > 0:
            raise InputError(f"{name} is {value}; expected seconds, more than 0")
    checked = [_checked(heard, dimensions) for heard in columns]
    n_bands = checked[0][0].shape[1]
    for level, _ in checked[1:]:
        if level.shape[1] != n_bands:
            raise InputError(
                f"{level.shape[1]} bands in one spectrogram but {n_bands} in the other; "
                "expected as many"
            )
    low, high = bands or (0, n_bands)
    if not 0 <= low < high <= n_bands:
        raise InputError(f"bands are {low} to {high}; expected a range within 0 to {n_bands}")
    ends = [max(len(v) * hop, start + len(w) * step) for v, w in checked]
    widths = np.maximum(ends, max(ends) / 2)
    fig, axes = plt.subplots(
        *(2, len(columns)),
        sharex="col",
        sharey="row",
        squeeze=False,
        figsize=(7.2 if len(columns) == 1 else 10.2, 3.9 if dimensions == 1 else 4.7),
        gridspec_kw={
            "height_ratios": (1.9, 1) if dimensions == 1 else (1, 1),
            "width_ratios": widths,
        },
    )
    limits = {
        "vmin": min(level.min() for level, _ in checked),
        "vmax": max(level.max() for level, _ in checked),
    }
    # Near an even share, differences would look like more than they are.
    most = max(2.0, *(1.08 * share.max() for _, share in checked))
    for i, (level, share) in enumerate(checked):
        top, below = axes[:, i]
        common = {"origin": "lower", "aspect": "auto", **limits}
        common["extent"] = (0, len(level) * hop, 0, n_bands)
        heard_image = top.imshow(level.T, cmap="magma", **common)
        edges = start + step * np.arange(len(share) + 1)
        if dimensions == 1:
            curve(below, share, edges, most)
        else:
            below.imshow(level.T, cmap=greys(), **common)
            cells = np.linspace(low, high, share.shape[1] + 1)
            shade = overlay(below, share, edges, cells, most)
        for panel in axes[:dimensions, i]:
            frequency_axis(panel, n_bands, frequencies, named=i == 0)
        top.tick_params(axis="x", length=0)
        below.set_xlim(0, ends[i])
        below.xaxis.set_major_locator(_seconds(ends[i], 8 * widths[i] / max(widths)))
        below.set_xlabel("time (s)")
        said = _said(columns[i].get("answer"), columns[i].get("title", ""))
        heading(top, *said, below=len(columns) > 1)
    colour_bar(heard_image, axes[0], f"level ({unit})")
    label = "attention\n(times even share)"
    if dimensions == 1:
        axes[1, 0].set_ylabel(label)
        name_even_share(axes[1, -1])
    else:
        colour_bar(shade, axes[1], label, mark=1)
    fig.align_ylabels(axes[:, 0])
    return fig


def _seconds(length: float, most: float) -> Any:
    """Choose ticks of time, so that there are at most so many."""
    from matplotlib.ticker import MultipleLocator

    steps = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 60)
    return MultipleLocator(next((s for s in steps if length / s <= most), 300))


def _said(answer: Mapping[str, Any] | None, title: str) -> tuple[str, str]:
    """Say what was answered, and in a whisper of whom and how surely."""
    answer = {} if answer is None else answer
    true, predicted = answer.get("emotion"), answer.get("predicted")
    if true is None or predicted is None:
        found = predicted or true or ""
    else:
        found = f"{true}, recognised" if true == predicted else f"{true}, taken for {predicted}"
    posterior = {e: answer[f"p_{e}"] for e in (predicted, true) if f"p_{e}" in answer}
    sure = ", ".join(f"p({e}) = {p:.2f}" for e, p in posterior.items())
    asides = [found if title else "", str(answer.get("utterance", "")), sure]
    return title or found, "   ".join(filter(None, asides))
