"""Figures of what systems hear: sound, features and how emotions and speakers lie in them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.errors import InputError
from ser_lib.plots.style import (
    EMOTION_COLOURS,
    INK,
    MUTED,
    figure,
    halo,
    heading,
    ordered,
    same_length,
    text_colour,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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


@figure
def windows(items: np.ndarray, title: str = "") -> "Figure":
    """
    Show the windows of one recording side by side, as a network that reads them meets them.

    Parameters
    ----------
    items : np.ndarray [shape=(n, frames, bands)]
        Windows of a spectrogram, lowest band first.
    title : str
        Whose recording it is.

    Returns
    -------
    Figure
        One panel per window under one scale of colours; time runs to the right.

    Raises
    ------
    InputError
        If the items are not windows of frames and bands, or there is none.
    """
    import matplotlib.pyplot as plt

    items = np.asarray(items)
    if items.ndim != 3 or len(items) == 0:
        raise InputError(
            f"windows have the shape {items.shape}; expected (n, frames, bands), n at least 1"
        )
    fig, panels = plt.subplots(
        1, len(items), sharey=True, figsize=(min(7.2, 1.0 + 1.5 * len(items)), 1.9), squeeze=False
    )
    limits = {"vmin": items.min(), "vmax": items.max()}
    for number, (panel, item) in enumerate(zip(panels[0], items, strict=True), start=1):
        image = panel.imshow(item.T, origin="lower", aspect="auto", cmap="magma", **limits)
        panel.set_xticks([])
        panel.set_xlabel(f"{number}")
        panel.tick_params(axis="y", length=0 if number > 1 else 3)
    panels[0, 0].set_ylabel("mel band")
    bar = fig.colorbar(image, ax=panels[0].tolist(), pad=0.015, aspect=12)
    bar.outline.set_visible(False)
    bar.set_label("level (dB)")
    fig.supxlabel("window", fontsize=9, x=0.45)
    if title:
        panels[0, 0].set_title(title)
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
    emotions = same_length(len(values), emotions, "emotions", "rows of values")
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
    emotions = same_length(len(points), emotions, "emotions", "points")
    panels = [("by emotion", emotions, {e: EMOTION_COLOURS[e] for e in ordered(emotions)})]
    if speakers is not None:
        speakers = same_length(len(points), speakers, "speakers", "points")
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
