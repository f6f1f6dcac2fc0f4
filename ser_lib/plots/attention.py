"""Figures of which moments and frequencies systems with attention attend to."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colorbar import Colorbar
from matplotlib.colors import LinearSegmentedColormap, PowerNorm, to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator

from ser_lib.errors import InputError
from ser_lib.plots.examples import Example
from ser_lib.plots.layout import colour_bar, figure, heading, seconds_locator, write
from ser_lib.plots.spectrograms import draw_levels, frequency_axis
from ser_lib.plots.style import CONTRAST, DASHED, FAINT, INK, LEVELS, MUTED, as_array, check_seconds

_OUTLINED = 60
"""Up to so many steps, outlines can be told from each other."""
_LABEL = "attention\n(× uniform)"


@figure
def attention_over_time(
    example: Example,
    *,
    seconds_per_step: float,
    start: float = 0.0,
    bands_per_cell: float | None = None,
    first_band: float = 0,
) -> Figure:
    """
    Show which moments, and where known which frequencies, of an utterance a system attends to.

    The spectrogram, and below it the attention in multiples of uniform attention (the same weight
    for all), so that recordings of different lengths can be compared. In one dimension what lies
    above uniform is filled. In two, it lies over the spectrogram in grey, with an outline around
    what lies above uniform, which is left out of more than 60 steps, where it would hide what it
    surrounds.

    Parameters
    ----------
    example : Example
        The utterance, with attention of one dimension (time) or two (time and frequency).
    seconds_per_step : float
        Seconds from one weight to the next; a multiple of the hop where a network pools over time.
    start : float
        Seconds at which the first step begins.
    bands_per_cell : float, optional
        In two dimensions, bands from one weight to the next; by default the cells divide all bands
        from `first_band` evenly.
    first_band : float
        Number of bands below the lowest cell.
    """
    return _draw([example], seconds_per_step, start, bands_per_cell, first_band)


@figure
def best_and_worst(
    best: Example,
    worst: Example,
    *,
    seconds_per_step: float,
    start: float = 0.0,
    bands_per_cell: float | None = None,
    first_band: float = 0,
) -> Figure:
    """
    Show the attention to the best and to the worst recognised utterance side by side.

    Both under the same scales of level and attention. A second is as wide in both, unless one lasts
    more than twice as long as the other.

    Parameters
    ----------
    best, worst : Example
        The utterances; see `choose_examples` and `make_example`.
    seconds_per_step, start, bands_per_cell, first_band
        As for `attention_over_time`.
    """
    return _draw([best, worst], seconds_per_step, start, bands_per_cell, first_band)


def _relative_attention(example: Example) -> np.ndarray:
    """Return the attention in multiples of uniform, without padding."""
    weights = np.asarray(example.weights, dtype=float)
    if weights.ndim not in (1, 2) or weights.size == 0:
        raise InputError(
            f"weights have the shape {weights.shape}; expected (steps,) or (steps, cells)"
        )
    weights = weights[~np.isnan(weights.reshape(len(weights), -1)).all(axis=1)]
    if not (weights >= 0).all() or abs(weights.sum() - 1) > 1e-3:
        raise InputError(
            f"weights sum to {weights.sum():g}, the least is {weights.min(initial=np.inf):g}; "
            "expected numbers from 0 that sum to 1"
        )
    return weights * weights.size


def _draw(
    examples: Sequence[Example],
    seconds_per_step: float,
    start: float,
    bands_per_cell: float | None,
    first_band: float,
) -> Figure:
    """Draw a column for each utterance: its spectrogram, and the attention below."""
    check_seconds(seconds_per_step=seconds_per_step, **{"hop": min(e.hop for e in examples)})
    levels = [as_array(example.levels, "levels", "frames", "bands") for example in examples]
    weights = [_relative_attention(example) for example in examples]
    for name, shapes in (("bands", levels), ("cells", weights)):
        numbers = {array.shape[1:] for array in shapes}
        if len(numbers) > 1:
            sizes = " and ".join(str(array.shape) for array in shapes)
            raise InputError(f"the examples differ in {name}, shapes {sizes}; expected as many")
    n_bands, in_bands = levels[0].shape[1], weights[0].ndim == 2
    if in_bands:
        cells = _cell_edges(weights[0].shape[1], n_bands, bands_per_cell, first_band)
    steps = [start + seconds_per_step * np.arange(len(w) + 1) for w in weights]
    ends = [max(len(v) * e.hop, s[-1]) for e, v, s in zip(examples, levels, steps, strict=True)]
    widths = np.maximum(ends, max(ends) / 2)
    fig, axes = plt.subplots(
        *(2, len(examples)),
        sharex="col",
        sharey="row",
        squeeze=False,
        figsize=(7.2 if len(examples) == 1 else 10.2, 4.7 if in_bands else 3.9),
        gridspec_kw={"height_ratios": (1 if in_bands else 1.9, 1), "width_ratios": widths},
    )
    limits = {"vmin": min(v.min() for v in levels), "vmax": max(v.max() for v in levels)}
    # Near uniform attention, differences would look larger than they are.
    largest = max(2.0, *(1.08 * w.max() for w in weights))
    for i, example in enumerate(examples):
        top, below = axes[:, i]
        image = draw_levels(top, levels[i], example.hop, cmap=LEVELS, **limits)
        if in_bands:
            draw_levels(below, levels[i], example.hop, cmap=_greys(), **limits)
            shade = _draw_map(below, weights[i], steps[i], cells, largest)
        else:
            draw_attention(below, weights[i], steps[i], largest)
        for ax in (top, below) if in_bands else (top,):
            frequency_axis(ax, n_bands, example.frequencies, named=i == 0)
        top.tick_params(axis="x", length=0)
        below.set_xlim(0, ends[i])
        below.xaxis.set_major_locator(seconds_locator(ends[i], 8 * widths[i] / max(widths)))
        below.set_xlabel("time (s)")
        heading(top, *_titles(example), below=len(examples) > 1)
    colour_bar(image, axes[0], f"level ({examples[0].unit})")
    if in_bands:
        label = f"{_LABEL},\nsquare-root scale"
        _mark_uniform(colour_bar(shade, axes[1], label), largest)
    else:
        name_attention(axes[1, 0], axes[1, -1])
    fig.align_ylabels(axes[:, 0])
    return fig


def _cell_edges(n: int, n_bands: int, per_cell: float | None, first: float) -> np.ndarray:
    per_cell = (n_bands - first) / n if per_cell is None else per_cell
    edges = first + per_cell * np.arange(n + 1)
    if not 0 <= edges[0] < edges[-1] <= n_bands + 1e-6:
        raise InputError(
            f"{n} cells of {per_cell:g} bands from band {first:g} end at {edges[-1]:g}; "
            f"expected a range within 0 to {n_bands} bands"
        )
    return edges


def _titles(example: Example) -> tuple[str, str]:
    """Say what was predicted, and in a note for which utterance and with which posteriors."""
    row = example.prediction
    true, predicted = row.get("emotion"), row.get("predicted")
    if true is None or predicted is None:
        summary = predicted or true or ""
    else:
        summary = f"{true}, recognised" if true == predicted else f"{true}, taken for {predicted}"
    posteriors = {e: row[f"p_{e}"] for e in (predicted, true) if f"p_{e}" in row}
    posterior = ", ".join(f"p({e}) = {p:.2f}" for e, p in posteriors.items())
    notes = [summary if example.title else "", str(row.get("utterance", "")), posterior]
    return example.title or summary, "   ".join(filter(None, notes))


def draw_attention(ax: Axes, weights: np.ndarray, steps: np.ndarray, largest: float) -> None:
    """Draw relative attention over the edges of steps as a stair, filled where above uniform."""
    stair = np.append(weights, weights[-1])
    fill = {"step": "post", "linewidth": 0}
    ax.fill_between(steps, 0, stair, color=FAINT, **fill)
    ax.fill_between(steps, 1, np.maximum(stair, 1), color=CONTRAST, alpha=0.55, **fill)
    ax.stairs(weights, steps, color=CONTRAST, linewidth=1.2, baseline=None)
    ax.axhline(1, color=INK, linewidth=0.9, linestyle=DASHED)
    ax.set_ylim(0, largest)
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def name_attention(first: Axes, last: Axes) -> None:
    """Name the axis of relative attention of a row of panels, and the line at uniform."""
    first.set_ylabel(_LABEL)
    look = {"fontsize": 7.5, "color": MUTED, "beside": True}
    # There is room below the scale of colours.
    write(last, "uniform", 1, 1, (4, 0), **look).set_in_layout(False)


def _greys() -> LinearSegmentedColormap:
    """Make greys so light that what is laid over them can be seen everywhere."""
    return LinearSegmentedColormap.from_list("faint", ["white", "#e4e4e4", "#8c8c8c"])


def _draw_map(
    ax: Axes, weights: np.ndarray, steps: np.ndarray, cells: np.ndarray, largest: float
) -> AxesImage:
    """Lay attention over a spectrogram, and an outline around what is above uniform."""
    opacities = [to_rgba(CONTRAST, opacity) for opacity in (0, 0.9)]
    image = ax.imshow(
        weights.T,
        cmap=LinearSegmentedColormap.from_list("attention", opacities),
        # Beside a cell that gets nearly all, differences among the others can still be seen.
        norm=PowerNorm(0.5, 0, largest),
        # Above the spectrogram.
        zorder=1.5,
        extent=(steps[0], steps[-1], cells[0], cells[-1]),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
    )
    # Each cell twice, just inside its edges: the contour then runs along them, not across cells.
    above = np.pad(np.kron(weights > 1 + 1e-6, np.ones((2, 2))), 1)
    if above.any() and len(weights) <= _OUTLINED:
        x, y = (
            (edges[:, None] + np.array((-1e-6, 1e-6)) * np.ptp(edges)).ravel()
            for edges in (steps, cells)
        )
        ax.contour(x, y, above.T, levels=[0.5], colors=INK, linewidths=1.1)
    return image


def _mark_uniform(bar: Colorbar, largest: float) -> None:
    """Draw a line on a scale of attention at 1."""
    bar.ax.axhline(1, color=INK, linewidth=1.1)
    ticks = [t for t in (0, 1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000) if t <= largest]
    bar.set_ticks(ticks, labels=[f"{t:g}" for t in ticks])
    bar.minorticks_off()
