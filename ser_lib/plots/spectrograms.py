"""Figures of recordings and of the spectrograms that systems are given."""

from collections.abc import Sequence

import librosa
import librosa.display
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ser_lib.errors import InputError
from ser_lib.plots.layout import colour_bar, figure, heading, seconds_locator
from ser_lib.plots.style import ACCENT, DIVERGING, INK, LEVELS, as_array, check_seconds, same_length

_MOST_WINDOWS = 8


@figure
def waveform_and_spectrogram(
    signal: np.ndarray,
    sample_rate: int,
    *,
    pitch: tuple[np.ndarray, np.ndarray] | None = None,
    title: str = "",
) -> Figure:
    """
    Show a recording as a waveform and, aligned in time, as a spectrogram, with its pitch below.

    The spectrogram has 25 ms Hann windows every 5 ms, in dB below its loudest point, down to -80.
    The pitch has a panel of its own: on the axis of the spectrogram it would look flat.

    Parameters
    ----------
    signal : np.ndarray [shape=(samples,)]
        Mono, in [-1, 1].
    sample_rate : int
        Samples per second.
    pitch : (np.ndarray, np.ndarray) [shape=(n,)], optional
        Times in seconds and fundamental frequency in Hz, NaN where unvoiced, as
        `ser_lib.features.pitch_track` gives them.
    title : str
        Whose recording it is.
    """
    signal = np.asarray(signal, dtype=float)
    window, hop = round(0.025 * sample_rate), round(0.005 * sample_rate)
    if signal.ndim != 1 or len(signal) < window:
        raise InputError(
            f"signal has the shape {signal.shape}; expected one channel of {window} samples or more"
        )
    n_fft = max(512, 2 ** int(np.ceil(np.log2(window))))
    spectrum = np.abs(librosa.stft(signal, n_fft=n_fft, win_length=window, hop_length=hop))
    level = librosa.amplitude_to_db(spectrum, ref=spectrum.max() or 1.0, amin=1e-6)
    heights = (1, 2.4, 1.2)[: 2 if pitch is None else 3]
    size = (7.2, 0.4 + sum(heights))
    fig, axes = plt.subplots(len(heights), 1, sharex=True, figsize=size, height_ratios=heights)
    top, below, bottom = axes[0], axes[1], axes[-1]
    draw_waveform(top, signal, sample_rate)
    scales = {"sr": sample_rate, "hop_length": hop, "n_fft": n_fft, "x_axis": "s", "y_axis": "hz"}
    look = {"cmap": LEVELS, "vmin": -80, "vmax": 0}
    image = librosa.display.specshow(level, **scales, **look, ax=below)
    length = len(signal) / sample_rate
    below.xaxis.set_major_locator(seconds_locator(length, 10))
    below.set(xlabel="", ylabel="frequency (Hz)", xlim=(0, length))
    if pitch is not None:
        bottom.plot(*pitch, color=ACCENT)
        bottom.set_ylabel("fundamental\nfrequency (Hz)")
        bottom.grid(axis="y")
    bottom.set_xlabel("time (s)")
    for ax in axes[:-1]:
        ax.tick_params(axis="x", length=0)
    colour_bar(image, [below], "level (dB)")
    heading(top, title)
    fig.align_ylabels(axes)
    return fig


@figure
def spectrogram(
    levels: np.ndarray,
    *,
    hop: float,
    frequencies: Sequence[float] | None = None,
    unit: str = "dB",
    title: str = "",
) -> Figure:
    """
    Show a spectrogram as a system is given it.

    Parameters
    ----------
    levels : np.ndarray [shape=(frames, bands)]
        Lowest band first.
    hop : float
        Seconds from one frame to the next.
    frequencies : sequence of float [shape=(bands,)], optional
        Centre of each band in Hz, in ascending order. Without it bands are numbered.
    unit : str
        Unit of the levels.
    title : str
        Whose recording it is.
    """
    levels = as_array(levels, "levels", "frames", "bands")[..., np.newaxis]
    return _draw_channels(levels, hop, frequencies, unit, ("level",), title)


@figure
def spectrogram_channels(
    values: np.ndarray,
    *,
    hop: float,
    frequencies: Sequence[float] | None = None,
    unit: str = "dB",
    channels: Sequence[str] = ("level", "first derivative", "second derivative"),
    title: str = "",
) -> Figure:
    """
    Show the channels of a spectrogram below each other.

    Parameters
    ----------
    values : np.ndarray [shape=(frames, bands, channels)]
        Lowest band first.
    hop, frequencies, unit, title
        As for `spectrogram`.
    channels : sequence of str
        Names of the channels. Those of a derivative, in units per frame, are drawn in one diverging
        colour map centred at zero, all others in one map of levels.
    """
    values = as_array(values, "values", "frames", "bands", "channels")
    # A single channel needs no name but its own.
    channels = tuple(channels)[:1] if values.shape[2] == 1 else channels
    channels = same_length(values.shape[2], channels, "names", "channels")
    return _draw_channels(values, hop, frequencies, unit, channels, title)


def _draw_channels(
    values: np.ndarray,
    hop: float,
    frequencies: Sequence[float] | None,
    unit: str,
    channels: Sequence[str],
    title: str,
) -> Figure:
    check_seconds(hop=hop)
    n = len(channels)
    size = (7.2, 2.6 if n == 1 else 0.5 + 1.55 * n)
    fig, panels = plt.subplots(n, 1, sharex=True, sharey=True, squeeze=False, figsize=size)
    derived = np.array(["derivative" in name for name in channels])
    # Single frames, such as the onset of a recording, would make all others look pale.
    largest = np.percentile(np.abs(values[..., derived]), 99.5) if derived.any() else 1
    levels = values[..., ~derived]
    for i, (ax, name) in enumerate(zip(panels.flat, channels, strict=True)):
        look = {"cmap": LEVELS}
        if derived[i]:
            look = {"cmap": DIVERGING, "vmin": -(largest or 1), "vmax": largest or 1}
        else:
            look |= {"vmin": levels.min(), "vmax": levels.max()}
        image = draw_levels(ax, values[..., i], hop, **look)
        frequency_axis(ax, values.shape[1], frequencies, named=True)
        label = f"{unit} per frame{'²' if i > 1 else ''}" if derived[i] else f"level ({unit})"
        bar = colour_bar(image, [ax], label)
        bar.ax.yaxis.label.set_size(8 if n > 1 else 9)
        heading(ax, title if i == 0 else "", name if n > 1 else "")
    panels[-1, 0].set_xlabel("time (s)")
    return fig


@figure
def windows(
    items: np.ndarray,
    *,
    hop: float,
    window_hop: float,
    frequencies: Sequence[float] | None = None,
    unit: str = "dB",
    title: str = "",
) -> Figure:
    """
    Show the windows of one recording side by side, as a network is given them.

    One panel per window, of the first eight, under one scale of colours.

    Parameters
    ----------
    items : np.ndarray [shape=(n, frames, bands)]
        Windows of a spectrogram, lowest band first.
    hop : float
        Seconds from one frame to the next.
    window_hop : float
        Seconds from the start of one window to that of the next.
    frequencies, unit, title
        As for `spectrogram`.
    """
    items = as_array(items, "windows", "n", "frames", "bands")
    check_seconds(hop=hop, window_hop=window_hop)
    shown = items[:_MOST_WINDOWS]
    size = (min(9.2, 2.2 + 1.5 * len(shown)), 2.6)
    fig, panels = plt.subplots(1, len(shown), sharey=True, figsize=size, squeeze=False)
    limits = {"vmin": shown.min(), "vmax": shown.max()}
    for i, (ax, item) in enumerate(zip(panels[0], shown, strict=True)):
        image = draw_levels(ax, item, hop, start=i * window_hop, cmap=LEVELS, **limits)
        frequency_axis(ax, item.shape[1], frequencies, named=i == 0)
        ax.xaxis.set_major_locator(seconds_locator(len(item) * hop, 4 if len(shown) < 5 else 2))
        ax.tick_params(axis="y", length=0 if i else 3)
    colour_bar(image, panels[0], f"level ({unit})")
    count = f"{len(items)} windows" if len(items) > 1 else "one window"
    if len(items) > len(shown):
        count = f"the first {len(shown)} of {count}"
    fig.supxlabel(f"time (s); {count} of {items.shape[1] * hop:.3g} s", fontsize=9)
    # A title of the first panel would make it narrower than the others.
    fig.suptitle(title, x=0.01, ha="left", fontsize=10, fontweight="bold")
    return fig


def draw_waveform(ax: Axes, signal: np.ndarray, sample_rate: int) -> None:
    """Draw a waveform, shape (samples,), over seconds."""
    librosa.display.waveshow(signal, sr=sample_rate, axis="s", color=INK, linewidth=0.5, ax=ax)
    peak = max(np.abs(signal).max(), 1e-6) * 1.08
    ax.set(ylabel="amplitude", xlabel="", ylim=(-peak, peak))
    ax.spines["bottom"].set_visible(False)


def draw_levels(
    ax: Axes, levels: np.ndarray, hop: float, *, start: float = 0.0, **look: object
) -> QuadMesh:
    """Draw levels (frames, bands) over seconds from `start` and over numbers of bands from 0."""
    frames, bands = levels.shape
    edges = {"x_coords": start + hop * np.arange(frames + 1), "y_coords": np.arange(bands + 1)}
    image = librosa.display.specshow(levels.T, **edges, x_axis="s", ax=ax, **look)
    ax.xaxis.set_major_locator(seconds_locator(frames * hop, 10))
    ax.set_xlabel("")
    return image


def frequency_axis(
    ax: Axes, n_bands: int, frequencies: Sequence[float] | None, *, named: bool
) -> None:
    """
    Lay out an axis on which band i lies between i and i + 1, in kHz where frequencies are known.

    Raises an InputError if there is not one frequency in Hz for each band, or they do not ascend.
    """
    ax.set_ylim(0, n_bands)
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    if named:
        ax.set_ylabel("band" if frequencies is None else "frequency (kHz)")
    if frequencies is None:
        return
    hertz = same_length(n_bands, frequencies, "frequencies", "bands").astype(float)
    if not (np.diff(hertz) > 0).all():
        raise InputError("frequencies do not ascend; expected the centre of each band in Hz")
    linear = np.allclose(np.diff(hertz), np.ptp(hertz) / max(n_bands - 1, 1), rtol=0.01)
    ticks = 1000.0 * np.arange(97) if linear else 125 * 2.0 ** np.arange(10)
    ticks = ticks[(ticks >= hertz[0] - 50) & (ticks <= 1.05 * hertz[-1])]
    positions = np.interp(ticks, hertz, np.arange(n_bands) + 0.5)
    # The lowest octaves lie within a few bands.
    shown = np.append(np.diff(positions), n_bands) > n_bands / 14
    ax.set_yticks(positions[shown], [f"{tick / 1000:g}" for tick in ticks[shown]])
