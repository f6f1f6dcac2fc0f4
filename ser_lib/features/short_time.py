"""
The short-time Fourier transform of the spectrograms, and their conversion to decibels.

Powers are those of ``librosa.stft`` and decibels those of ``librosa.power_to_db`` (McFee et al.
2015, librosa: Audio and music signal analysis in Python): periodic window, frames centred on
multiples of the hop. They are computed here because this is where most of the time of feature
extraction goes: see `ser_lib.features.log_mel` for the ratio.
"""

import functools
from collections.abc import Iterator

import numpy as np

from ser_lib.errors import InputError
from ser_lib.params import as_count, check_choice

# Frames analysed at a time: a block fits the processor's cache, and an hour of audio the memory.
_BLOCK = 128
_WINDOWS = {"hamming": (0.54, 0.46), "hann": (0.5, 0.5)}


def check_transform(step: object) -> None:
    """
    Check the parameters of the transform, in the ``__post_init__`` of a frozen dataclass.

    These are ``n_fft``, ``win_length`` (None is replaced by `n_fft`), ``hop_length``, ``window``
    and ``pad_mode``.
    """
    name = type(step).__name__
    as_count(step, "n_fft", low=2)
    if step.n_fft % 2:
        raise InputError(f"{name}: n_fft is {step.n_fft}; expected an even number of samples")
    if step.win_length is None:
        object.__setattr__(step, "win_length", step.n_fft)
    as_count(step, "win_length")
    if step.win_length > step.n_fft:
        raise InputError(
            f"{name}: win_length is {step.win_length}; expected at most n_fft, {step.n_fft}"
        )
    as_count(step, "hop_length")
    check_choice(step, "window", tuple(_WINDOWS))
    check_choice(step, "pad_mode", ("reflect", "constant"))


def count_frames(step: object, signal: np.ndarray) -> int:
    """Return the number of frames: one at the first sample and one after each complete hop."""
    return 1 + len(signal) // step.hop_length


def powers(
    step: object, signal: np.ndarray, bins: slice = slice(None)
) -> Iterator[tuple[slice, np.ndarray]]:
    """
    Compute the power spectra of all frames, block by block.

    Parameters
    ----------
    step : dataclass instance
        With the parameters of `check_transform`.
    signal : array of float, shape (samples,)
    bins : slice
        Which of the ``1 + n_fft // 2`` bins to return.

    Yields
    ------
    rows : slice
        Positions of the frames.
    power : ndarray of float32, shape (rows, bins)
    """
    # librosa centres a window shorter than the transform. The position of the zeros around it
    # changes the phase only, so frames are cut to the window and padded at their end.
    margin = step.n_fft // 2 - (step.n_fft - step.win_length) // 2
    before, after = margin, step.win_length - margin
    frames = count_frames(step, signal)
    padded = np.pad(signal.astype(np.float32, copy=False), (before, after), step.pad_mode)
    strided = np.lib.stride_tricks.sliding_window_view(padded, step.win_length)
    strided = strided[:: step.hop_length][:frames]
    window = _window(step.window, step.win_length)
    # Double precision: rounding errors of a float32 transform show 80 dB below the maximum.
    buffer = np.zeros((min(frames, _BLOCK), step.n_fft))
    spectra = np.empty((len(buffer), 1 + step.n_fft // 2), np.complex128)
    for start in range(0, frames, _BLOCK):
        part = strided[start : start + _BLOCK]
        block = buffer[: len(part)]
        np.multiply(part, window, out=block[:, : step.win_length])
        np.fft.rfft(block, axis=1, out=spectra[: len(part)])
        spectrum = spectra[: len(part), bins].astype(np.complex64)
        power = np.square(spectrum.real)
        power += np.square(spectrum.imag)
        yield slice(start, start + len(part)), power


def decibels(power: np.ndarray, top_db: float, loudest: float | None = None) -> np.ndarray:
    """
    Convert powers to decibels relative to the maximum, in place.

    Parameters
    ----------
    power : ndarray of float32
        Overwritten by the result.
    top_db : float
        Dynamic range: lower values are clipped to ``-top_db``.
    loudest : float, optional
        Power of 0 dB; by default the maximum of `power`.

    Returns
    -------
    ndarray of float32
        In [-top_db, 0], equal to ``librosa.power_to_db(power, ref=np.max, top_db=top_db)``.
    """
    # Powers below 1e-10 count as silence, as in librosa.
    silence, scale = np.float32(1e-10), np.float32(10 / np.log(10))
    result = np.log(np.maximum(power, silence, out=power), out=power)
    result *= scale
    # The reference in single precision too, so that the maximum becomes exactly 0.
    result -= result.max() if loudest is None else np.log(max(np.float32(loudest), silence)) * scale
    return np.maximum(result, np.float32(-top_db), out=result)


@functools.lru_cache
def _window(name: str, length: int) -> np.ndarray:
    level, swing = _WINDOWS[name]
    phase = 2 * np.pi * np.arange(length) / length
    return level - swing * np.cos(phase)
