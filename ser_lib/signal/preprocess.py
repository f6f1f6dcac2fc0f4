"""
Preprocess a waveform before it is analysed.

A step is called as ``step(signal, sample_rate, rng)`` with a float32 signal of shape (samples,),
its sampling rate in Hz and a random generator (which these steps do not use). It returns a new
float32 signal. Parameters are checked when a step is made: an `InputError` names the parameter, its
value and what is expected.
"""

import dataclasses

import numpy as np
from numpy.random import Generator

from ser_lib.params import as_real

# Seconds that must be left of a recording: one frame of the usual length.
SHORTEST = 0.025


@dataclasses.dataclass(frozen=True)
class PreEmphasis:
    """
    Emphasise high frequencies: ``y[n] = x[n] - coefficient * x[n - 1]``, with ``y[0] = x[0]``.

    Parameters
    ----------
    coefficient : float
        From 0 (no change) to 1 (the difference of successive samples).
    """

    coefficient: float = 0.97

    def __post_init__(self):
        as_real(self, "coefficient", low=0, high=1)

    def __call__(self, signal: np.ndarray, sample_rate: int, rng: Generator) -> np.ndarray:
        """Return the filtered signal, of the same length."""
        result = signal.copy()
        result[1:] -= np.float32(self.coefficient) * signal[:-1]
        return result


@dataclasses.dataclass(frozen=True)
class PeakNormalise:
    """
    Scale so that the largest magnitude is `peak`; silence stays silence.

    Parameters
    ----------
    peak : float
        Above 0.
    """

    peak: float = 1.0

    def __post_init__(self):
        as_real(self, "peak", above=0)

    def __call__(self, signal: np.ndarray, sample_rate: int, rng: Generator) -> np.ndarray:
        """Return the scaled signal, of the same length."""
        largest = np.abs(signal).max()
        return signal / largest * np.float32(self.peak) if largest > 0 else signal.copy()


@dataclasses.dataclass(frozen=True)
class Standardise:
    """Scale the utterance to mean 0 and standard deviation 1; a constant signal becomes 0."""

    def __call__(self, signal: np.ndarray, sample_rate: int, rng: Generator) -> np.ndarray:
        """Return the standardised signal, of the same length."""
        if signal.max() == signal.min():
            return np.zeros_like(signal)
        mean = signal.mean(dtype=np.float64)
        std = signal.std(dtype=np.float64)
        return ((signal - mean) / std).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Offset:
    """
    Remove the beginning of a recording.

    Parameters
    ----------
    seconds : float
        Duration to remove. A recording of which less than 25 ms would be left is not changed.
    """

    seconds: float

    def __post_init__(self):
        as_real(self, "seconds", low=0)

    def __call__(self, signal: np.ndarray, sample_rate: int, rng: Generator) -> np.ndarray:
        """Return the signal from `seconds` on."""
        start = round(self.seconds * sample_rate)
        return signal[start:] if len(signal) - start >= SHORTEST * sample_rate else signal


@dataclasses.dataclass(frozen=True)
class FixedLength:
    """
    Truncate the signal, or pad it with zeros, to a fixed duration.

    Parameters
    ----------
    seconds : float
        Duration of the result, rounded to the nearest sample; at least 0.025.
    """

    seconds: float

    def __post_init__(self):
        as_real(self, "seconds", low=SHORTEST)

    def __call__(self, signal: np.ndarray, sample_rate: int, rng: Generator) -> np.ndarray:
        """Return a signal of ``round(seconds * sample_rate)`` samples."""
        length = round(self.seconds * sample_rate)
        return np.pad(signal[:length], (0, max(0, length - len(signal))))
