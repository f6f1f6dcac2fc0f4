"""Short-term descriptors computed by pyAudioAnalysis itself, frame by frame."""

import dataclasses

import numpy as np

from ser_lib.features.descriptors import SETS, framing
from ser_lib.params import as_choices, as_real, check_flag


@dataclasses.dataclass(frozen=True, kw_only=True)
class PyAudioAnalysis:
    """
    Compute the 34 short-term descriptors by calling pyAudioAnalysis.

    The library (Giannakopoulos 2015, PLoS ONE 10(12): e0144610) is the reference;
    ``Descriptors(convention="pyaudioanalysis")`` computes the same values many times faster.

    Parameters
    ----------
    subset : tuple of str, optional
        Which descriptors, in this order; by default all.
    deltas : bool
        Append the difference of each descriptor to the frame before, 0 in the first frame.
    frame, hop : float
        Length of a frame and distance between frames in seconds, truncated to samples.

    Raises
    ------
    InputError
        Naming the parameter, its value and what is expected.

    Examples
    --------
    >>> PyAudioAnalysis()(np.random.default_rng(0).standard_normal(16000), 16000).shape
    (98, 34)
    """

    subset: tuple[str, ...] | None = None
    deltas: bool = False
    frame: float = 0.025
    hop: float = 0.010

    def __post_init__(self):
        if self.subset is None:
            object.__setattr__(self, "subset", SETS["pyaudioanalysis"])
        as_choices(self, "subset", SETS["pyaudioanalysis"])
        as_real(self, "frame", above=0)
        as_real(self, "hop", above=0)
        check_flag(self, "deltas")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the descriptors, in order."""
        deltas = tuple(f"delta {name}" for name in self.subset) if self.deltas else ()
        return self.subset + deltas

    def __call__(self, signal: np.ndarray, sample_rate: int) -> np.ndarray:
        """
        Analyse.

        Parameters
        ----------
        signal : array of float, shape (samples,)
            Nominally within [-1, 1]; a signal shorter than one frame is padded with zeros.
        sample_rate : int
            Samples per second.

        Returns
        -------
        ndarray of float64, shape (1 + (samples - L) // hop, descriptors)
            For frames of L samples.

        Raises
        ------
        InputError
            If a frame has too few samples for the descriptors.
        """
        from pyAudioAnalysis import ShortTermFeatures

        signal, length, hop = framing(self, signal, sample_rate)
        # The library divides by 2**15 first, as it expects 16-bit samples.
        values, names = ShortTermFeatures.feature_extraction(
            signal * 2.0**15, sample_rate, length, hop, deltas=self.deltas
        )
        return values[[names.index(name) for name in self.names]].T
