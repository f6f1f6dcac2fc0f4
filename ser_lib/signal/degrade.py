"""
Make a recording worse in a controlled way: for noisy training copies and harder test conditions.

The steps are called like those of `ser_lib.signal.preprocess`. Their random numbers come seeded by
utterance and parameters, so that a degraded corpus is the same on every machine; `copy` changes
nothing but the random numbers.
"""

import dataclasses
import math

import numpy as np

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
        Ratio of mean powers in dB; of a pair, each utterance draws uniformly between the two.
    integers : bool
        Draw whole numbers, both ends included, as maelfabien/Multimodal-Emotion-Recognition does.
    copy : int
        Number of the copy, for several noisy versions of one recording.

    Raises
    ------
    InputError
        Naming the parameter, what was found and what is expected.
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
            raise InputError(f"WhiteNoise: snr is {self.snr!r}; integers expects whole numbers")

    def __call__(self, signal: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Return the noisy signal; silence stays silence, as no noise has a ratio to it."""
        if isinstance(self.snr, float):
            snr = self.snr
        elif self.integers:
            snr = rng.integers(int(self.snr[0]), int(self.snr[1]), endpoint=True)
        else:
            snr = rng.uniform(*self.snr)
        noise = rng.standard_normal(len(signal))
        wanted = np.mean(np.square(signal, dtype=np.float64)) / 10 ** (snr / 10)
        # The noise drawn, not its distribution, is brought to the power wanted: the ratio is exact.
        noise *= math.sqrt(wanted / np.mean(noise**2))
        return (signal + noise).astype(np.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpeedPerturbation:
    """
    Play a recording a little slower or faster, and so lower or higher, as another speaker might.

    Ko et al. (2015, Interspeech, 3586-3589) train speech recognisers on speeds of 0.9, 1 and 1.1.
    Formants and pitch move together with the tempo.

    Parameters
    ----------
    most : float
        Each utterance draws its speed between ``1 / (1 + most)`` and ``1 + most``, slower and
        faster alike; at most 1.
    copy : int
        Number of the copy, for several versions of one recording.

    Raises
    ------
    InputError
        Naming the parameter, what was found and what is expected.

    Examples
    --------
    >>> step = SpeedPerturbation(most=0.1)
    >>> slow = step(np.zeros(16000, np.float32), 16000, np.random.default_rng(1))
    >>> 16000 / 1.1 <= len(slow) <= 16000 * 1.1
    True
    """

    most: float
    copy: int = 0

    def __post_init__(self):
        as_real(self, "most", above=0, high=1)
        as_count(self, "copy", low=0)

    def __call__(self, signal: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Return the signal at another speed, shape (about samples / speed,)."""
        import soxr

        speed = math.exp(rng.uniform(-1, 1) * math.log1p(self.most))
        # What was sampled at one rate is brought to another and taken for the first.
        return soxr.resample(signal.astype(np.float32), rate, round(rate / speed))


@dataclasses.dataclass(frozen=True, kw_only=True)
class AddedNoise:
    """
    Add Gaussian white noise of one level, whatever the level of the recording.

    A quiet recording becomes noisier than a loud one; `WhiteNoise` has one ratio for all.

    Parameters
    ----------
    sd : float
        Standard deviation in units of full scale. samsudinng/speech_emo_recognition adds 0.002.
    copy : int
        Number of the copy, for several noisy versions of one recording.

    Raises
    ------
    InputError
        Naming the parameter, what was found and what is expected.
    """

    sd: float = 0.002
    copy: int = 0

    def __post_init__(self):
        as_real(self, "sd", low=0)
        as_count(self, "copy", low=0)

    def __call__(self, signal: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Return the noisy signal, of the same length."""
        return (signal + self.sd * rng.standard_normal(len(signal))).astype(np.float32)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reverberation:
    """
    Put the speaker into a room: convolve with exponentially decaying white noise.

    The impulse response is the statistical model of Polack (1988): direct sound, then Gaussian
    noise whose energy falls by 60 dB within the reverberation time. It starts with the direct
    sound, so nothing is shifted in time; the level of the recording is kept.

    Parameters
    ----------
    rt60 : float
        Reverberation time in seconds: about 0.3 in a furnished room, 1 in a lecture hall.
    drr : float
        Direct-to-reverberant energy ratio in dB; lower means further from the microphone.
    copy : int
        Number of the copy, for several rooms for one recording.

    Raises
    ------
    InputError
        Naming the parameter, what was found and what is expected.
    """

    rt60: float
    drr: float = 0.0
    copy: int = 0

    def __post_init__(self):
        as_real(self, "rt60", above=0, high=20)
        as_real(self, "drr")
        as_count(self, "copy", low=0)

    def impulse_response(self, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Draw a room: float64, shape ``(1 + round(rt60 * rate),)``, the direct sound first."""
        length = max(1, round(self.rt60 * rate))
        tail = rng.standard_normal(length) * np.exp(
            -_DECAY * np.arange(1, length + 1) / (self.rt60 * rate)
        )
        tail *= math.sqrt(10 ** (-self.drr / 10) / np.sum(tail**2))
        return np.concatenate([[1.0], tail])

    def __call__(self, signal: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
        """Return the reverberant signal, of the same length and mean power."""
        from scipy.signal import oaconvolve

        room = self.impulse_response(rate, rng)
        wet = oaconvolve(signal.astype(np.float64), room)[: len(signal)]
        before, after = (np.mean(np.square(s, dtype=np.float64)) for s in (signal, wet))
        return (wet * math.sqrt(before / after) if after > 0 else wet).astype(np.float32)
