"""Analyses that return several versions of another analysis as the channels of an image."""

import dataclasses
import hashlib

import numpy as np

from ser_lib.errors import InputError
from ser_lib.features.front_end import check_parts
from ser_lib.params import as_count
from ser_lib.signal.seeding import generator


@dataclasses.dataclass(frozen=True, kw_only=True)
class WithDeltas:
    """
    Add the first and second derivative over time: three channels.

    The derivative is the slope of the line fitted to the `width` frames around each frame, for
    ``N = width // 2``::

        delta_t = sum over n = 1..N of n (x_(t+n) - x_(t-n)) / (2 sum over n of n**2)

    (Furui 1986, IEEE Trans. ASSP 34(1): 52-59; Chen et al. 2018, IEEE SPL 25(10): 1440-1444, with
    N = 2). The first and last frame are repeated beyond the ends. The second derivative is the
    derivative of the first.

    Parameters
    ----------
    analysis : callable
        ``analysis(signal, sample_rate)`` returns frames, shape (frames, bands): `LogMel`.
    width : int
        Number of frames to which a line is fitted; odd, at least 3.

    Examples
    --------
    >>> from ser_lib.features import LogMel
    >>> WithDeltas(analysis=LogMel(n_mels=40))(np.zeros(16000, np.float32), 16000).shape
    (101, 40, 3)
    """

    analysis: object
    width: int = 5

    def __post_init__(self):
        check_parts(self, (self.analysis,))
        as_count(self, "width", low=3)
        if self.width % 2 == 0:
            raise InputError(f"WithDeltas: width is {self.width}; expected an odd number of frames")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bands, in order, the same in every channel."""
        return self.analysis.names

    def __call__(self, signal: np.ndarray, sample_rate: int) -> np.ndarray:
        """Return frames, first and second derivative, shape (frames, bands, 3)."""
        static = self.analysis(signal, sample_rate)
        first = self._slope(static)
        return _channels(self, [static, first, self._slope(first)])

    def _slope(self, frames: np.ndarray) -> np.ndarray:
        half = self.width // 2
        padded = np.pad(frames, [(half, half), *[(0, 0)] * (frames.ndim - 1)], "edge")
        count = len(frames)
        slope = np.zeros_like(frames)
        for n in range(1, half + 1):
            after, before = padded[half + n :][:count], padded[half - n :][:count]
            slope += n * (after - before)
        return slope / (2 * sum(n**2 for n in range(1, half + 1)))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Variants:
    """
    Analyse several variants of a recording, one per channel.

    Each variant is the signal after its own waveform steps (see `ser_lib.signal`), for example the
    recording as it is, a noisy one and a reverberant one. Random numbers are seeded by the samples
    and the step, so that the same signal always gives the same channels.

    Parameters
    ----------
    analysis : callable
        ``analysis(signal, sample_rate)`` returns frames, shape (frames, bands): `LogSpectrogram`.
    variants : tuple of tuples of steps
        Waveform steps of each variant; an empty tuple leaves the signal unchanged.

    Examples
    --------
    >>> from ser_lib.features import LogSpectrogram
    >>> from ser_lib.signal import AddedNoise, Reverberation
    >>> variants = ((), (AddedNoise(sd=0.002),), (Reverberation(rt60=0.4),))
    >>> analysis = Variants(analysis=LogSpectrogram(), variants=variants)
    >>> analysis(np.zeros(16000, np.float32), 16000).shape
    (101, 200, 3)
    """

    analysis: object
    variants: tuple[tuple, ...] = ((),)

    def __post_init__(self):
        several = isinstance(self.variants, tuple | list) and self.variants
        if not several or not all(isinstance(steps, tuple | list) for steps in self.variants):
            raise InputError(
                f"Variants: variants is {self.variants!r}; expected a tuple with a tuple of steps "
                "for each variant, such as ((), (AddedNoise(),))"
            )
        object.__setattr__(self, "variants", tuple(tuple(steps) for steps in self.variants))
        check_parts(self, (self.analysis, *(step for steps in self.variants for step in steps)))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bands, in order, the same in every channel."""
        return self.analysis.names

    def __call__(self, signal: np.ndarray, sample_rate: int) -> np.ndarray:
        """Return shape (frames, bands, variants), with as many frames as the shortest variant."""
        signal = np.asarray(signal, dtype=np.float32)
        samples = hashlib.sha256(signal.tobytes()).hexdigest()
        channels = []
        for steps in self.variants:
            variant = signal
            for step in steps:
                variant = step(variant, sample_rate, generator(samples, step))
            channels.append(self.analysis(variant, sample_rate))
        shortest = min(map(len, channels))
        return _channels(self, [channel[:shortest] for channel in channels])


def _channels(step: object, channels: list[np.ndarray]) -> np.ndarray:
    """Stack channels of shape (frames, bands) along a last axis."""
    if channels[0].ndim != 2:
        raise InputError(
            f"{type(step).__name__}: its analysis returned an array of shape {channels[0].shape}; "
            "expected (frames, bands)"
        )
    return np.stack(channels, axis=-1)
