"""Short-term descriptors computed by pyAudioAnalysis itself, frame by frame."""

import dataclasses
from typing import ClassVar

import numpy as np

from ser_lib.features.descriptors import ShortTerm


@dataclasses.dataclass(frozen=True, kw_only=True)
class PyAudioAnalysis(ShortTerm):
    """
    Compute the 34 short-term descriptors by calling pyAudioAnalysis.

    The library (Giannakopoulos 2015, PLoS ONE 10(12): e0144610) is the reference;
    ``Descriptors(convention="pyaudioanalysis")`` computes the same values many times faster.

    Parameters
    ----------
    subset, deltas, frame, hop
        As for `Descriptors`.

    Examples
    --------
    >>> PyAudioAnalysis()(np.random.default_rng(0).standard_normal(16000), 16000).shape
    (98, 34)
    """

    convention: ClassVar[str] = "pyaudioanalysis"

    def __call__(self, signal: np.ndarray, sample_rate: int) -> np.ndarray:
        """Analyse a signal, as `Descriptors`."""
        from pyAudioAnalysis import ShortTermFeatures

        signal, length, hop = self.framing(signal, sample_rate)
        # The library divides by 2**15 first, as it expects 16-bit samples.
        values, names = ShortTermFeatures.feature_extraction(
            signal * 2.0**15, sample_rate, length, hop, deltas=self.deltas
        )
        return values[[names.index(name) for name in self.names]].T
