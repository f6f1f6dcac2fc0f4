"""
Voice activity: reduce stationary noise, and trim a recording to the speech in it.

Steps are called like those of `ser_lib.signal.preprocess`.
"""

import dataclasses

import numpy as np
from numpy.random import Generator

from ser_lib.errors import InputError
from ser_lib.params import as_count, as_real
from ser_lib.signal.preprocess import SHORTEST

# Seconds per decision of the detector, and the sampling rates that it supports.
_HOP = 0.030
_RATES = (8000, 16000, 32000, 48000)
# Peak of the copy to which detector and threshold are applied.
_PEAK = 0.9


@dataclasses.dataclass(frozen=True)
class Wiener:
    """
    Reduce noise by an adaptive Wiener filter over three samples.

    This is ``scipy.signal.wiener`` with its defaults (Lim 1990, Two-dimensional signal and image
    processing, p. 548): each sample is shrunk towards the local mean, the more so the smaller the
    local variance; the noise power is the mean of the local variances. Zeros are replaced by 1e-10
    before, as in ki4ai-skc/merc2020.
    """

    def __call__(self, signal: np.ndarray, sample_rate: int, rng: Generator) -> np.ndarray:
        """Return the filtered signal, of the same length; it is finite, also for silence."""
        from scipy.signal import wiener

        # In double precision: the square of 1e-10 times a small factor underflows in float32.
        signal = np.where(signal == 0, 1e-10, signal.astype(np.float64))
        # Where the local variance is 0 SciPy divides by zero, then replaces the result by the mean.
        with np.errstate(divide="ignore", invalid="ignore"):
            return wiener(signal).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class TrimToVoice:
    """
    Remove what precedes the first and follows the last voiced segment, but no pauses between.

    The rules are those of ``pyvad.trim`` 0.0.8, which ki4ai-skc/merc2020 uses: WebRTC's voice
    activity detector classifies hops of 30 ms, a segment is a run of voiced hops, and only segments
    above a level count. Decisions are made on a copy scaled to a peak of 0.9; the level of the
    result is that of the signal.

    Parameters
    ----------
    mode : int
        Aggressiveness of the detector, from 0 (detects most voice) to 3 (rejects most noise).
    threshold : float
        Root mean square that a voiced segment must exceed in the copy of peak 0.9.
    """

    mode: int = 2
    threshold: float = 0.01

    def __post_init__(self):
        as_count(self, "mode", low=0)
        if self.mode > 3:
            raise InputError(f"TrimToVoice: mode is {self.mode}; expected an integer from 0 to 3")
        as_real(self, "threshold", low=0)

    def __call__(self, signal: np.ndarray, sample_rate: int, rng: Generator) -> np.ndarray:
        """
        Return the part of the signal from the first to the last segment that counts.

        The signal is not changed if no segment counts or less than 25 ms would be left. InputError
        is raised for a sampling rate other than 8000, 16000, 32000 or 48000 Hz.
        """
        if sample_rate not in _RATES:
            raise InputError(
                f"TrimToVoice: the sampling rate is {sample_rate} Hz; expected 8000, 16000, 32000 "
                "or 48000 Hz, which the voice activity detector supports"
            )
        peak = np.abs(signal).max()
        if peak == 0:
            return signal
        scaled = signal / peak * np.float32(_PEAK)
        segments = [
            (start, end)
            for start, end in _segments(self._voiced(scaled, sample_rate))
            if np.sqrt(np.mean(np.square(scaled[start:end], dtype=np.float64))) > self.threshold
        ]
        if not segments:
            return signal
        start, end = segments[0][0], segments[-1][1]
        return signal[start:end] if end - start >= SHORTEST * sample_rate else signal

    def _voiced(self, signal: np.ndarray, sample_rate: int) -> np.ndarray:
        """Return for each sample whether the hop that contains it is voiced."""
        import webrtcvad

        detector = webrtcvad.Vad(self.mode)
        hop = round(_HOP * sample_rate)
        samples = (signal * np.float32(2**15)).astype(np.int16)
        samples = np.pad(samples, (0, -len(samples) % hop)).reshape(-1, hop)
        voiced = [detector.is_speech(part.tobytes(), sample_rate) for part in samples]
        return np.repeat(voiced, hop)[: len(signal)]


def _segments(voiced: np.ndarray) -> list[tuple[int, int]]:
    """
    Return the runs of true values as pairs (start, end).

    As in pyvad, a run begins and ends one sample early, a run that reaches the end stops before the
    last sample, and if the values do not change there is no run.
    """
    change = np.diff(voiced.astype(np.int8))
    if not change.any():
        return []
    starts, ends = np.flatnonzero(change == 1), np.flatnonzero(change == -1)
    if voiced[0]:
        starts = np.append(0, starts)
    if voiced[-1]:
        ends = np.append(ends, len(voiced) - 1)
    return list(zip(starts.tolist(), ends.tolist(), strict=True))
