"""
The pass over all frames that every spectrogram begins with, and the decibels that it may end with.

Frames and their powers are those of ``librosa.stft`` (McFee et al. 2015, librosa: Audio and music
signal analysis in Python): periodic window, frames centred on multiples of the hop.
"""

import functools
from collections.abc import Iterator

import numpy as np

from ser_lib.errors import InputError
from ser_lib.params import as_count, check_choice

# Frames analysed at a time: the work stays in the processor's cache, and an hour in memory.
_BLOCK = 128
_WINDOWS = {"hamming": (0.54, 0.46), "hann": (0.5, 0.5)}


def check_transform(step: object) -> None:
    """
    Check the parameters of the transform in the ``__post_init__`` of a frozen dataclass.

    They are ``n_fft``, ``win_length`` (None becomes `n_fft`), ``hop_length``, ``window`` and
    ``pad_mode``.

    Raises
    ------
    InputError
        Naming the parameter, what was found and what is expected.
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
    """Count the frames: one at the first sample, and one after every whole hop."""
    return 1 + len(signal) // step.hop_length


def powers(
    step: object, signal: np.ndarray, bins: slice = slice(None)
) -> Iterator[tuple[slice, np.ndarray]]:
    """
    Give the power spectra of all frames, block by block.

    Parameters
    ----------
    step : dataclass instance
        With the parameters of `check_transform`.
    signal : array of float, shape (samples,)
        At least one sample.
    bins : slice
        Which of the ``1 + n_fft // 2`` bins are wanted.

    Yields
    ------
    rows : slice
        Which frames.
    power : ndarray of float32, shape (rows, bins)
    """
    # A window shorter than the transform sits in its middle. Where the zeros around it lie
    # changes the phase only, so the frames are cut to the window and padded at their end.
    margin = step.n_fft // 2 - (step.n_fft - step.win_length) // 2
    before, after = margin, step.win_length - margin
    frames = count_frames(step, signal)
    padded = np.pad(signal.astype(np.float32, copy=False), (before, after), step.pad_mode)
    strided = np.lib.stride_tricks.sliding_window_view(padded, step.win_length)
    strided = strided[:: step.hop_length][:frames]
    window = _window(step.window, step.win_length)
    # In single precision the transform's rounding would show in bands 80 dB below the loudest.
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
    Convert powers to decibels below the loudest, in place.

    Parameters
    ----------
    power : ndarray of float32
        Overwritten by the result.
    top_db : float
        What lies further below is brought to ``-top_db``.
    loudest : float, optional
        Power of 0 dB; the largest of `power` by default.

    Returns
    -------
    ndarray of float32
        Within [-top_db, 0], equal to ``librosa.power_to_db(power, ref=np.max)``.
    """
    # Below 1e-10 all is silence, as in librosa.
    silence, scale = np.float32(1e-10), np.float32(10 / np.log(10))
    result = np.log(np.maximum(power, silence, out=power), out=power)
    result *= scale
    # In single precision too, so that the loudest comes out as 0 and nothing above it.
    result -= result.max() if loudest is None else np.log(max(np.float32(loudest), silence)) * scale
    return np.maximum(result, np.float32(-top_db), out=result)


@functools.lru_cache
def _window(name: str, length: int) -> np.ndarray:
    level, swing = _WINDOWS[name]
    phase = 2 * np.pi * np.arange(length) / length
    return level - swing * np.cos(phase)
