"""
Degrade or alter a recording: for augmented training copies and for test conditions.

Steps are called like those of `ser_lib.signal.preprocess`. Their random generator is seeded by the
utterance and the step's parameters, so that a degraded corpus is the same on every machine; `copy`
changes the random numbers only.
"""

import dataclasses
import math
from typing import ClassVar

import numpy as np
from numpy.random import Generator

from ser_lib.errors import InputError
from ser_lib.params import as_count, as_real, check_flag

# Energy falls by 60 dB within the reverberation time: amplitude by exp(-6.9 t / rt60).
_DECAY = math.log(1000)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WhiteNoise:
    """
    Add Gaussian white noise at a given signal-to-noise ratio.

    Parameters
    ----------
    snr : float or (float, float)
        Ratio of mean powers in dB. Given a pair, it is drawn uniformly between the two for each
        utterance.
    integers : bool
        Draw integers, both ends included, as maelfabien/Multimodal-Emotion-Recognition does.
    copy : int
        Number of the copy, for several noisy versions of one recording.
    """

    snr: float | tuple[float, float]
    integers: bool = False
    copy: int = 0

    def __post_init__(self):
        as_count(self, "copy", low=0)
        check_flag(self, "integers")
        if isinstance(self.snr, tuple | list):
            pair = [float(v) for v in self.snr if isinstance(v, int | float) and math.isfinite(v)]
            if len(self.snr) != 2 or len(pair) != 2 or pair[0] > pair[1]:
                raise InputError(
                    f"WhiteNoise: snr is {self.snr!r}; expected a number or (low, high) in dB"
                )
            object.__setattr__(self, "snr", tuple(pair))
        else:
            as_real(self, "snr")
        if self.integers and not all(v.is_integer() for v in np.atleast_1d(self.snr).tolist()):
            raise InputError(
                f"WhiteNoise: snr is {self.snr!r}; expected integers, as integers is True"
            )

    def __call__(self, signal: np.ndarray, sample_rate: int, rng: Generator) -> np.ndarray:
        """Return the noisy signal, of the same length; silence is not changed."""
        if isinstance(self.snr, float):
            snr = self.snr
        elif self.integers:
            snr = rng.integers(int(self.snr[0]), int(self.snr[1]), endpoint=True)
        else:
            snr = rng.uniform(*self.snr)
        noise = rng.standard_normal(len(signal))
        power = np.mean(np.square(signal, dtype=np.float64)) / 10 ** (snr / 10)
        # Scaled by the power of this sample of the noise, so that the ratio is exact.
        noise *= math.sqrt(power / np.mean(noise**2))
        return (signal + noise).astype(np.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpeedPerturbation:
    """
    Play a recording faster or slower: tempo, pitch and formants change together.

    Ko et al. (2015, Interspeech, 3586-3589) train speech recognisers on speeds of 0.9, 1 and 1.1.

    Parameters
    ----------
    max_change : float
        Each utterance draws its speed, log-uniformly, from ``1 / (1 + max_change)`` to
        ``1 + max_change``; above 0 and at most 1.
    copy : int
        Number of the copy, for several versions of one recording.

    Examples
    --------
    >>> step = SpeedPerturbation(max_change=0.1)
    >>> slow = step(np.zeros(16000, np.float32), 16000, np.random.default_rng(1))
    >>> 16000 / 1.1 <= len(slow) <= 16000 * 1.1
    True
    """

    max_change: float
    copy: int = 0

    # The seed contains the parameter's former name, so that the draws of earlier results remain.
    seed_names: ClassVar[dict[str, str]] = {"max_change": "most"}

    def __post_init__(self):
        as_real(self, "max_change", above=0, high=1)
        as_count(self, "copy", low=0)

    def __call__(self, signal: np.ndarray, sample_rate: int, rng: Generator) -> np.ndarray:
        """Return the signal at another speed, shape (about samples / speed,)."""
        import soxr

        speed = math.exp(rng.uniform(-1, 1) * math.log1p(self.max_change))
        # Resampled to another rate, then read as if it were still at `sample_rate`.
        return soxr.resample(signal.astype(np.float32), sample_rate, round(sample_rate / speed))


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimeStretch:
    """
    Change the tempo and keep the pitch by ``librosa.effects.time_stretch``, a phase vocoder.

    Parameters
    ----------
    max_change : float
        Each utterance draws its tempo, log-uniformly, from ``1 / (1 + max_change)`` to
        ``1 + max_change``; above 0 and at most 1.
    copy : int
        Number of the copy, for several versions of one recording.
    """

    max_change: float
    copy: int = 0

    def __post_init__(self):
        as_real(self, "max_change", above=0, high=1)
        as_count(self, "copy", low=0)

    def __call__(self, signal: np.ndarray, sample_rate: int, rng: Generator) -> np.ndarray:
        """Return the signal at another tempo, shape (about samples / tempo,)."""
        import librosa

        tempo = math.exp(rng.uniform(-1, 1) * math.log1p(self.max_change))
        n_fft = _n_fft(signal)
        return librosa.effects.time_stretch(signal, rate=tempo, n_fft=n_fft).astype(np.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PitchShift:
    """
    Raise or lower the pitch of a recording and keep its duration; formants move with the pitch.

    This is ``librosa.effects.pitch_shift``: a phase vocoder, then resampling.

    Parameters
    ----------
    semitones : float
        Largest shift: each utterance draws its own, uniformly, from ``-semitones`` to
        ``semitones``; above 0 and at most 24.
    copy : int
        Number of the copy, for several versions of one recording.
    """

    semitones: float
    copy: int = 0

    def __post_init__(self):
        as_real(self, "semitones", above=0, high=24)
        as_count(self, "copy", low=0)

    def __call__(self, signal: np.ndarray, sample_rate: int, rng: Generator) -> np.ndarray:
        """Return the signal at another pitch, of the same length."""
        import librosa

        shift = rng.uniform(-self.semitones, self.semitones)
        return librosa.effects.pitch_shift(
            signal, sr=sample_rate, n_steps=shift, n_fft=_n_fft(signal), res_type="soxr_hq"
        ).astype(np.float32)


def _n_fft(signal: np.ndarray) -> int:
    """Return the length of the phase vocoder's transform: 2,048, or less for a short signal."""
    return min(2048, 1 << max(5, len(signal).bit_length() - 1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class AddedNoise:
    """
    Add Gaussian white noise of a fixed level, independent of the level of the recording.

    `WhiteNoise` has a fixed signal-to-noise ratio instead.

    Parameters
    ----------
    sd : float
        Standard deviation in units of full scale. samsudinng/speech_emo_recognition adds 0.002.
    copy : int
        Number of the copy, for several noisy versions of one recording.
    """

    sd: float = 0.002
    copy: int = 0

    def __post_init__(self):
        as_real(self, "sd", low=0)
        as_count(self, "copy", low=0)

    def __call__(self, signal: np.ndarray, sample_rate: int, rng: Generator) -> np.ndarray:
        """Return the noisy signal, of the same length."""
        return (signal + self.sd * rng.standard_normal(len(signal))).astype(np.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reverberation:
    """
    Add reverberation: convolve with exponentially decaying white noise.

    The impulse response is the statistical model of Polack (1988): direct sound, then Gaussian
    noise whose energy decays by 60 dB within the reverberation time. The direct sound comes first,
    so that nothing is delayed; the mean power of the recording is kept.

    Parameters
    ----------
    rt60 : float
        Reverberation time in seconds: about 0.3 in a furnished room, 1 in a lecture hall.
    drr : float
        Direct-to-reverberant energy ratio in dB; it is lower the farther the microphone is.
    copy : int
        Number of the copy, for several versions of one recording.
    """

    rt60: float
    drr: float = 0.0
    copy: int = 0

    def __post_init__(self):
        as_real(self, "rt60", above=0, high=20)
        as_real(self, "drr")
        as_count(self, "copy", low=0)

    def impulse_response(self, sample_rate: int, rng: Generator) -> np.ndarray:
        """Draw an impulse response, float64, shape ``(1 + round(rt60 * sample_rate),)``."""
        length = max(1, round(self.rt60 * sample_rate))
        tail = rng.standard_normal(length) * np.exp(
            -_DECAY * np.arange(1, length + 1) / (self.rt60 * sample_rate)
        )
        tail *= math.sqrt(10 ** (-self.drr / 10) / np.sum(tail**2))
        return np.concatenate([[1.0], tail])

    def __call__(self, signal: np.ndarray, sample_rate: int, rng: Generator) -> np.ndarray:
        """Return the reverberant signal, of the same length and mean power."""
        from scipy.signal import oaconvolve

        response = self.impulse_response(sample_rate, rng)
        wet = oaconvolve(signal.astype(np.float64), response)[: len(signal)]
        before, after = (np.mean(np.square(s, dtype=np.float64)) for s in (signal, wet))
        return (wet * math.sqrt(before / after) if after > 0 else wet).astype(np.float32)
