"""
Condition a waveform before it is analysed.

Every step is called as ``step(signal, rate, rng)`` with a float32 signal of shape (samples,), its
rate in Hz and random numbers (which these steps do not need), and returns a new float32 signal.
"""

import dataclasses

import numpy as np

from ser_lib.params import as_real

# What is left of a recording must fill one frame of the usual 25 ms.
SHORTEST = 0.025


@dataclasses.dataclass(frozen=True)
class PreEmphasis:
    """
    Raise high frequencies: ``y[n] = x[n] - coefficient * x[n - 1]``, with ``y[0] = x[0]``.

    Parameters
    ----------
    coefficient : float
        Between 0 (nothing) and 1 (the difference of neighbours).
    """

    coefficient: float = 0.97

    def __post_init__(self):
        as_real(self, "coefficient", low=0, high=1)

    def __call__(self, signal: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
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

    def __call__(self, signal: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Return the scaled signal, of the same length."""
        largest = np.abs(signal).max()
        return signal / largest * np.float32(self.peak) if largest > 0 else signal.copy()


@dataclasses.dataclass(frozen=True)
class Standardise:
    """Bring the whole utterance to mean 0 and standard deviation 1; a constant becomes zeros."""

    def __call__(self, signal: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Return the standardised signal, of the same length."""
        if signal.max() == signal.min():
            return np.zeros_like(signal)
        mean = signal.mean(dtype=np.float64)
        std = signal.std(dtype=np.float64)
        return ((signal - mean) / std).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Offset:
    """
    Skip the beginning, never past the end.

    Parameters
    ----------
    seconds : float
        How much to skip. A recording of which less than 25 ms would be left is kept whole.
    """

    seconds: float

    def __post_init__(self):
        as_real(self, "seconds", low=0)

    def __call__(self, signal: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Return the end of the signal."""
        start = round(self.seconds * rate)
        return signal[start:] if len(signal) - start >= SHORTEST * rate else signal


@dataclasses.dataclass(frozen=True)
class FixedLength:
    """
    Cut the end off, or pad it with zeros.

    Parameters
    ----------
    seconds : float
        Length of every signal afterwards, to the nearest sample.
    """

    seconds: float

    def __post_init__(self):
        as_real(self, "seconds", low=SHORTEST)

    def __call__(self, signal: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Return ``round(seconds * rate)`` samples."""
        length = round(self.seconds * rate)
        return np.pad(signal[:length], (0, max(0, length - len(signal))))
