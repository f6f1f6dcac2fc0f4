"""Parts that figures over spectrograms are put together from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.errors import InputError
from ser_lib.plots.style import CONTRAST, FAINT, INK, MUTED, same_length

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.image import AxesImage


_OUTLINED = 60
"""Up to so many steps, outlines can be told from each other."""


def greys() -> "Colormap":
    """Make greys so light that what is laid over them can be seen everywhere."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("faint", ["white", "#e4e4e4", "#8c8c8c"])


def colour_bar(
    image: "AxesImage", panels: Sequence["Axes"], label: str, mark: float | None = None
) -> None:
    """Put a scale of colours beside a row of panels; a line on it marks a value."""
    bar = panels[0].figure.colorbar(image, ax=list(panels), pad=0.015, aspect=14)
    bar.outline.set_visible(False)
    bar.set_label(label)
    if mark is not None:
        bar.ax.axhline(mark, color=INK, linewidth=1.1)
        ticks = (0, mark, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
        shown = [t for t in ticks if t <= image.norm.vmax]
        bar.set_ticks(shown, labels=[f"{t:g}" for t in shown])
        bar.minorticks_off()


def curve(ax: "Axes", share: np.ndarray, edges: np.ndarray, most: float) -> None:
    """Draw attention over time as a stair, filled where it is more than an even share."""
    from matplotlib.ticker import MaxNLocator

    stair = np.append(share, share[-1])
    options = {"step": "post", "linewidth": 0}
    ax.fill_between(edges, 0, stair, color=FAINT, **options)
    ax.fill_between(edges, 1, np.maximum(stair, 1), color=CONTRAST, alpha=0.55, **options)
    ax.stairs(share, edges, color=CONTRAST, linewidth=1.2, baseline=None)
    ax.axhline(1, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    ax.set_ylim(0, most)
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True))


def name_even_share(ax: "Axes") -> None:
    """Say at the right of a curve what its dashed line is."""
    ax.annotate(
        "even share",
        (1, 1),
        (4, 0),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="center",
        fontsize=7.5,
        color=MUTED,
        annotation_clip=False,
    ).set_in_layout(False)  # there is room below the scale of colours


def overlay(
    ax: "Axes", share: np.ndarray, edges: np.ndarray, cells: np.ndarray, most: float
) -> "AxesImage":
    """Lay attention over a spectrogram, and an outline around what gets more than an even share."""
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm, to_rgba

    shades = LinearSegmentedColormap.from_list(
        "attention", [to_rgba(CONTRAST, opacity) for opacity in (0, 0.9)]
    )
    image = ax.imshow(
        share.T,
        cmap=shades,
        # Beside a cell that gets nearly all, differences among the others can still be seen.
        norm=PowerNorm(0.5, 0, most),
        extent=(edges[0], edges[-1], cells[0], cells[-1]),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
    )
    # Each cell twice, just inside its edges: the contour then runs along them, not across cells.
    more = np.pad(np.kron(share > 1 + 1e-6, np.ones((2, 2))), 1)
    if more.any() and len(share) <= _OUTLINED:
        x, y = _both_sides(edges), _both_sides(cells)
        ax.contour(x, y, more.T, levels=[0.5], colors=INK, linewidths=1.1)
    return image


def _both_sides(edges: np.ndarray) -> np.ndarray:
    near = 1e-6 * (edges[-1] - edges[0])
    return (edges[:, None] + (-near, near)).ravel()


def frequency_axis(
    ax: "Axes", n_bands: int, frequencies: Sequence[float] | None, *, named: bool
) -> None:
    """
    Lay out the axis of bands, in kHz where their frequencies are known.

    Raises
    ------
    InputError
        If there is not one frequency for each band, or they do not ascend.
    """
    ax.set_ylim(0, n_bands)
    if named:
        ax.set_ylabel("band" if frequencies is None else "frequency (kHz)")
    if frequencies is None:
        return
    hertz = same_length(n_bands, frequencies, "frequencies", "bands").astype(float)
    if not (np.diff(hertz) > 0).all():
        raise InputError("frequencies do not ascend; expected the middle of each band in Hz")
    even = np.allclose(np.diff(hertz), np.ptp(hertz) / max(n_bands - 1, 1), rtol=0.01)
    ticks = 1000.0 * np.arange(97) if even else 125 * 2.0 ** np.arange(10)
    ticks = ticks[(ticks >= hertz[0] - 50) & (ticks <= 1.05 * hertz[-1])]
    at = np.interp(ticks, hertz, np.arange(n_bands) + 0.5)
    # The lowest octaves lie within a few bands.
    keep = np.append(np.diff(at), n_bands) > n_bands / 14
    ax.set_yticks(at[keep], [f"{tick / 1000:g}" for tick in ticks[keep]])
