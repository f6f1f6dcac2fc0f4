"""Read a recording of any length piece by piece, and tell whether a piece holds speech."""

import math
import numbers
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from ser_lib.errors import InputError
from ser_lib.signal import decoding
from ser_lib.signal.preprocess import SHORTEST

LONGEST = 60.0
"""Seconds up to which a recording is recognised as a whole."""
OFFSET = 0.05
"""
Standard deviations of a signal from which its mean is taken off.

In no recording of EmoDB and RAVDESS is it more than 0.04, so that these are recognised as they were
evaluated.
"""

WINDOW, HOP = 3.0, 1.0
"""Seconds of a window, as long as a short sentence, and to the next, where none are given."""

# Voice activity: sampling rate and hop of WebRTC's detector, which here rejects most noise.
_RATE, _HOP, _MODE = 16000, 480, 3
# A piece holds speech if at least so many seconds are voiced, and its level is not the same
# throughout: the detector takes loud stationary noise for voice. White noise varies by 1 dB, of one
# second of speech the least varying ones of EmoDB and RAVDESS by 7 dB.
_VOICED, _SPREAD = 0.15, 3.0

Recording = str | os.PathLike | tuple[np.ndarray, int]
"""A file, or a waveform and its sampling rate in hertz."""
_EXPECTED = "a path, or a pair of a waveform and its sampling rate in hertz"


class Piece(NamedTuple):
    """
    A part of a recording.

    Attributes
    ----------
    start, end : float
        In seconds.
    signal : ndarray of float32, shape (samples,)
    """

    start: float
    end: float
    signal: np.ndarray


def check_window(window: float, hop: float) -> tuple[float, float]:
    """
    Return both as floats, if they are allowed.

    Raises
    ------
    InputError
        For a window shorter than a frame or longer than `LONGEST`, or a hop of 0 or above it.
    """
    for name, value in (("window", window), ("hop", hop)):
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not (number and math.isfinite(value)):
            raise InputError(f"{name} is {value!r}; expected a number of seconds")
    window, hop = float(window), float(hop)
    if not SHORTEST <= window <= LONGEST:
        raise InputError(f"window is {window:g} s; expected {SHORTEST:g} to {LONGEST:g} s")
    if not SHORTEST <= hop <= window:
        raise InputError(
            f"hop is {hop:g} s; expected {SHORTEST:g} s to the window of {window:g} s, so that "
            "nothing between windows is left out"
        )
    return window, hop


def spans(
    samples: int, sample_rate: int, window: float, hop: float, *, first: int = 0
) -> list[tuple[int, int]]:
    """
    List start and end of the windows of a recording, in samples.

    All have the full length; the last ends where the recording does. A recording that is not longer
    than a window is one by itself. All but the last are windows of every longer recording as well.

    Parameters
    ----------
    samples : int
        Length of the recording.
    sample_rate : int
        In hertz.
    window, hop : float
        Seconds of a window, and to the next; each is rounded to samples.
    first : int
        How many windows are left out at the beginning; the last one never is.

    Examples
    --------
    >>> spans(65, 10, 3, 2)
    [(0, 30), (20, 50), (35, 65)]
    """
    length, step = round(window * sample_rate), round(hop * sample_rate)
    last = max(0, samples - length)
    starts = [*range(0, last, step)[first:], last]
    return [(start, min(start + length, samples)) for start in starts]


def blocks_of(recording: Recording, sample_rate: int) -> Iterator[np.ndarray]:
    """
    Read a recording in blocks of one channel, float32, at a sampling rate.

    Yields
    ------
    ndarray, shape (samples,)
        A recording of up to `LONGEST` is one block, just as `ser_lib.signal.decode` reads it.

    Raises
    ------
    InputError
        If it cannot be read, before the first or any later block; names the file.
    """
    if isinstance(recording, tuple):
        yield _centred(_resampled(*_waveform(*recording), sample_rate))
        return
    with decoding.opened(recording) as (file, _):
        if file.frames <= LONGEST * file.samplerate:
            yield _centred(decoding.decode(recording, sample_rate=sample_rate).signal)
            return
        blocks = decoding.mono_blocks(Path(recording), file)
        if file.samplerate != sample_rate:
            blocks = decoding.resampled(blocks, file.samplerate, sample_rate)
        yield from map(_centred, blocks)


def _centred(signal: np.ndarray) -> np.ndarray:
    """Take a constant offset off, as some sound cards add it; smaller ones are left as they are."""
    mean = signal.mean(dtype=float) if len(signal) else 0.0
    return signal - np.float32(mean) if abs(mean) > OFFSET * signal.std(dtype=float) else signal


def each_of(recordings: Recording | Iterable[Recording]) -> Iterable[Recording]:
    """Return what gives recordings, of one or several; none has been taken from it yet."""
    if isinstance(recordings, str | os.PathLike) or (
        isinstance(recordings, tuple)
        and len(recordings) == 2
        and isinstance(recordings[1], numbers.Real)
    ):
        return [recordings]
    if not isinstance(recordings, Iterable) or isinstance(recordings, bytes):
        raise InputError(f"recordings is {recordings!r}; expected {_EXPECTED}, or several of these")
    return recordings


def recordings_of(recordings: Recording | Iterable[Recording]) -> list[Recording]:
    """Make a list of recordings of one or several."""
    recordings = list(each_of(recordings))
    if not recordings:
        raise InputError("no recordings were given; expected at least one")
    return recordings


def name_of(recording: Recording, number: int) -> str:
    """Return the name of a recording: the path, or the number of the waveform, from 1."""
    if isinstance(recording, tuple) and len(recording) == 2:
        return f"waveform {number}"
    if not isinstance(recording, str | os.PathLike):
        what = type(recording).__name__
        what += f" of {len(recording)}" if isinstance(recording, tuple) else ""
        raise InputError(f"recording {number} is of type {what}; expected {_EXPECTED}")
    return os.fspath(recording)


def seconds_of(recording: Recording) -> float:
    """Return the duration, as a file's header says; NaN where `decode` will say what is wrong."""
    if isinstance(recording, tuple):
        return len(recording[0]) / recording[1]
    try:
        with decoding.opened(recording) as (file, _):
            return file.frames / file.samplerate
    except InputError:
        return float("nan")


def _waveform(signal: np.ndarray, rate: int) -> tuple[np.ndarray, int]:
    """Check a waveform, (samples,) or (samples, channels), and bring it to one float32 channel."""
    if isinstance(rate, bool) or not isinstance(rate, int | np.integer) or rate < 1000:
        raise InputError(f"waveform: its sampling rate is {rate!r}; expected hertz, at least 1000")
    signal = np.asarray(signal)
    if signal.dtype.kind == "i":
        # Integers of 32 bits hold those of 16 where nobody scaled them.
        least = np.iinfo(np.int16).max if signal.dtype.itemsize > 2 else 0
        if signal.dtype.itemsize > 4 or (signal.size and np.abs(signal).max() <= least):
            raise InputError(
                f"waveform: integers of type {signal.dtype} whose full scale is not known; "
                "expected int16, int32 that uses its range, or floats between -1 and 1"
            )
        signal = signal / -float(np.iinfo(signal.dtype).min)
    if signal.dtype.kind != "f" or signal.ndim not in (1, 2) or 0 in signal.shape[1:]:
        raise InputError(
            f"waveform: shape {signal.shape}, type {signal.dtype}; expected numbers of shape "
            "(samples,) or (samples, channels)"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        # What is not finite is refused below.
        signal = signal.astype(np.float32)
        signal = signal.mean(axis=1) if signal.ndim == 2 else signal
    if len(signal) < SHORTEST * rate:
        raise InputError(
            f"waveform: {len(signal)} samples at {rate} Hz; expected at least "
            f"{1000 * SHORTEST:.0f} ms"
        )
    # By the same rule as a file's.
    decoding.refuse_values("waveform", signal, len(signal))
    return signal, int(rate)


def _resampled(signal: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    return signal if rate == new_rate else soxr.resample(signal, rate, new_rate, quality="HQ")


def pieces_of(
    blocks: Iterable[np.ndarray],
    sample_rate: int,
    window: float | None,
    hop: float | None,
    *,
    skip: int = 0,
) -> Iterator[Piece]:
    """
    Cut a recording, read in blocks, into pieces; only what a window needs is in memory.

    Parameters
    ----------
    blocks : iterable of ndarray
        Of `blocks_of`, at `sample_rate`.
    window, hop : float or None
        Seconds, as in `spans`; with None a recording of up to `LONGEST` is one piece, and `blocks`
        must be one block.
    skip : int
        How many windows are left out at the beginning; the last one never is.
    """
    if window is None:
        signal = next(iter(blocks))
        yield Piece(0.0, len(signal) / sample_rate, signal)
        return
    rest, read, done = np.empty(0, np.float32), 0, skip  # what is kept; samples; windows
    for block in blocks:
        rest, read = np.concatenate([rest, block]), read + len(block)
        # If the recording goes on, its last window is another one, which begins no earlier.
        *windows, last = spans(read, sample_rate, window, hop, first=done)
        for span in windows:
            yield _piece(rest, read, span, sample_rate)
        done += len(windows)
        rest = rest[last[0] - read :]
    yield _piece(rest, read, last, sample_rate)


def _piece(rest: np.ndarray, read: int, span: tuple[int, int], sample_rate: int) -> Piece:
    """Cut a window out of the last samples of what was read."""
    (start, end), before = span, read - len(rest)
    return Piece(start / sample_rate, end / sample_rate, rest[start - before : end - before])


def holds_speech(signal: np.ndarray, sample_rate: int) -> bool:
    """
    Tell whether WebRTC's voice activity detector finds speech in a signal, however quiet it is.

    Parameters
    ----------
    signal : ndarray of float32, shape (samples,)
    sample_rate : int
        In hertz.

    Returns
    -------
    bool
        Whether at least 0.15 s of it are voiced and the level varies as speech does. Music and
        changing noise may pass; silence, tones and stationary noise do not.
    """
    import webrtcvad

    signal = _resampled(signal, sample_rate, _RATE)
    peak = np.abs(signal).max(initial=0)
    if peak == 0:
        return False
    hops = (signal[: len(signal) // _HOP * _HOP] / peak * np.float32(0.9)).reshape(-1, _HOP)
    if len(hops) * _HOP < _VOICED * _RATE:
        return False
    level = 10 * np.log10(np.square(hops, dtype=np.float64).mean(axis=1) + 1e-9)
    low, high = np.percentile(level, [10, 95])
    if high - low < _SPREAD:
        return False
    detector, samples = webrtcvad.Vad(_MODE), (hops * np.float32(2**15)).astype(np.int16)
    voiced = sum(detector.is_speech(each.tobytes(), _RATE) for each in samples)
    return voiced * _HOP / _RATE >= _VOICED
