"""Figures of the frames that a system is given: a spectrogram, or descriptors over time."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.errors import InputError
from ser_lib.plots.panels import colour_bar, frequency_axis
from ser_lib.plots.style import figure, heading, same_length

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@figure
def spectrogram(
    levels: np.ndarray,
    *,
    hop: float,
    frequencies: Sequence[float] | None = None,
    unit: str = "dB",
    title: str = "",
) -> "Figure":
    """
    Show a spectrogram as a network is given it.

    Parameters
    ----------
    levels : np.ndarray [shape=(frames, bands)]
        Lowest band first.
    hop : float
        Seconds from one frame to the next.
    frequencies : sequence of float [shape=(bands,)], optional
        Middle of each band in Hz, in ascending order. Without it bands are numbered.
    unit : str
        Of the levels.
    title : str
        Whose recording it is.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If shapes do not fit.
    """
    import matplotlib.pyplot as plt

    levels = _frames(levels, "levels", "bands")
    fig, ax = plt.subplots(figsize=(7.2, 2.6))
    extent = (0, len(levels) * hop, 0, levels.shape[1])
    image = ax.imshow(levels.T, cmap="magma", origin="lower", aspect="auto", extent=extent)
    frequency_axis(ax, levels.shape[1], frequencies, named=True)
    ax.set_xlabel("time (s)")
    heading(ax, title)
    colour_bar(image, [ax], f"level ({unit})")
    return fig


@figure
def descriptors(
    values: np.ndarray, names: Sequence[str], *, step: float, title: str = ""
) -> "Figure":
    """
    Show short-term descriptors of one utterance over time, each in its own standard deviations.

    Parameters
    ----------
    values : np.ndarray [shape=(steps, descriptors)]
        What is drawn.
    names : sequence of str [shape=(descriptors,)]
        Of the descriptors; derivatives (``"delta ..."``) are left out.
    step : float
        Seconds from one step to the next.
    title : str
        Whose recording it is.

    Returns
    -------
    Figure
        A line per descriptor: orange above its mean over the utterance, purple below.

    Raises
    ------
    InputError
        If shapes do not fit.
    """
    import matplotlib.pyplot as plt

    values = _frames(values, "values", "descriptors")
    names = same_length(values.shape[1], names, "names", "descriptors")
    shown = np.array([not str(name).startswith("delta ") for name in names])
    values, names = values[:, shown], names[shown]
    deviation = values.std(axis=0)
    values = (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, np.inf)
    fig, ax = plt.subplots(figsize=(7.2, 0.9 + 0.14 * len(names)))
    image = ax.imshow(
        values.T,
        cmap="PuOr_r",
        vmin=-3,
        vmax=3,
        aspect="auto",
        interpolation="nearest",
        extent=(0, len(values) * step, len(names), 0),
    )
    ax.set_yticks(np.arange(len(names)) + 0.5, [str(n).replace("_", " ") for n in names])
    ax.tick_params(axis="y", length=0, labelsize=7)
    ax.set_xlabel("time (s)")
    heading(ax, title)
    colour_bar(image, [ax], "standard deviations from its mean")
    return fig


def _frames(values: np.ndarray, name: str, features: str) -> np.ndarray:
    """Check that there are frames, and what each holds."""
    values = np.asarray(values, dtype=float)
    if values.ndim != 2 or values.size == 0 or not np.isfinite(values).all():
        raise InputError(
            f"{name} have the shape {values.shape}; expected (frames, {features}), finite"
        )
    return values
