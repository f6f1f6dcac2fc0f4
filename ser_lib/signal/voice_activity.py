"""
Find the voice in a recording: take steady noise away, and cut off what lies around the speech.

The steps are called like those of `ser_lib.signal.preprocess`.
"""

import dataclasses

import numpy as np

from ser_lib.errors import InputError
from ser_lib.params import as_count, as_real
from ser_lib.signal.preprocess import SHORTEST

# What the detector listens to at a time, in seconds, and the rates it knows.
_HOP = 0.030
_RATES = (8000, 16000, 32000, 48000)
# Peak of the copy on which the detector and the threshold decide.
_PEAK = 0.9


@dataclasses.dataclass(frozen=True)
class Wiener:
    """
    Remove noise with the adaptive filter of Wiener over three neighbouring samples.

    This is ``scipy.signal.wiener`` with its defaults (Lim 1990, Two-dimensional signal and image
    processing, p. 548): a sample is drawn towards the mean of its neighbourhood, the more so the
    less the neighbourhood varies; the noise is taken to be the mean of all local variances. Exact
    zeros become 1e-10 before, as in ki4ai-skc/merc2020.
    """

    def __call__(self, signal: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Return the filtered signal, of the same length; finite, also for digital silence."""
        from scipy.signal import wiener

        # In double precision: the squares of 1e-10 are below what single precision tells from 0.
        signal = np.where(signal == 0, 1e-10, signal.astype(np.float64))
        # Where nothing varies the filter divides by zero, and then takes the mean instead.
        with np.errstate(divide="ignore", invalid="ignore"):
            return wiener(signal).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class TrimToVoice:
    """
    Cut off what comes before the first and after the last voiced segment; pauses inside stay.

    The rules are those of ``pyvad.trim`` 0.0.8, with which ki4ai-skc/merc2020 trims: the voice
    activity detector of WebRTC hears every 30 ms, a segment is a run of voiced hops, and only
    segments that are loud enough count. The decision is made on a copy scaled to a peak of 0.9;
    what is returned has the level it came with.

    Parameters
    ----------
    mode : int
        Aggressiveness of the detector, from 0 (takes much for voice) to 3 (takes little).
    threshold : float
        Root mean square that a voiced segment must exceed in the copy of peak 0.9.

    Raises
    ------
    InputError
        Naming the parameter, what was found and what is expected.
    """

    mode: int = 2
    threshold: float = 0.01

    def __post_init__(self):
        as_count(self, "mode", low=0)
        if self.mode > 3:
            raise InputError(
                f"TrimToVoice: mode is {self.mode}; expected a whole number from 0 to 3"
            )
        as_real(self, "threshold", low=0)

    def __call__(self, signal: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """
        Trim.

        Returns
        -------
        ndarray of float32
            A part of the signal. All of it where no segment counts, or where less than 25 ms
            would be left.

        Raises
        ------
        InputError
            If the rate is none of those that the detector knows.
        """
        if rate not in _RATES:
            raise InputError(
                f"TrimToVoice: found a signal at {rate} Hz; expected 8000, 16000, 32000 or "
                "48000 Hz, which the voice activity detector knows"
            )
        peak = np.abs(signal).max()
        if peak == 0:
            return signal
        scaled = signal / peak * np.float32(_PEAK)
        segments = [
            (start, end)
            for start, end in _segments(self._voiced(scaled, rate))
            if np.sqrt(np.mean(np.square(scaled[start:end], dtype=np.float64))) > self.threshold
        ]
        if not segments:
            return signal
        start, end = segments[0][0], segments[-1][1]
        return signal[start:end] if end - start >= SHORTEST * rate else signal

    def _voiced(self, signal: np.ndarray, rate: int) -> np.ndarray:
        """Tell of every sample whether the detector heard a voice in the hop around it."""
        import webrtcvad

        detector = webrtcvad.Vad(self.mode)
        hop = round(_HOP * rate)
        samples = (signal * np.float32(2**15)).astype(np.int16)
        samples = np.pad(samples, (0, -len(samples) % hop)).reshape(-1, hop)
        voiced = [detector.is_speech(part.tobytes(), rate) for part in samples]
        return np.repeat(voiced, hop)[: len(signal)]


def _segments(voiced: np.ndarray) -> list[tuple[int, int]]:
    """
    List the runs of true values, from start up to end.

    As in pyvad, a run lies one sample early (at the samples before its edges), one that reaches the
    end stops before the last sample, and where there is no edge there is no run.
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
