"""
The functionals of openSMILE (Eyben, Wöllmer & Schuller 2010), for comparison.

The package opensmile is imported when features are computed; its licence limits commercial use.
"""

import dataclasses
import functools
import importlib

import numpy as np

from ser_lib.errors import InputError
from ser_lib.params import check_choice

# Names in the package, and what it computes of shorter recordings: nothing.
_SETS = {"egemaps": "eGeMAPSv02", "compare": "ComParE_2016"}
SETS = tuple(_SETS)
"""``egemaps``: eGeMAPSv02, 88 functionals; ``compare``: ComParE 2016, 6373 functionals."""
_SHORTEST = 0.1


@dataclasses.dataclass(frozen=True, kw_only=True)
class OpenSmile:
    """
    Compute the functionals of openSMILE over a recording.

    Parameters
    ----------
    functionals : {"egemaps", "compare"}
        One of `SETS`.
    """

    functionals: str = "egemaps"

    def __post_init__(self):
        check_choice(self, "functionals", SETS)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the functionals, as openSMILE gives them."""
        return tuple(_extractor(self.functionals).feature_names)

    def __call__(self, signal: np.ndarray, sample_rate: int) -> np.ndarray:
        """
        Analyse a signal of at least one sample, nominally in [-1, 1].

        Returns
        -------
        ndarray of float32, shape (1, functionals)
            A signal shorter than 0.1 s is padded with zeros.

        Raises
        ------
        InputError
            If the package opensmile is not installed.
        """
        missing = max(0, int(np.ceil(_SHORTEST * sample_rate)) - len(signal))
        signal = np.pad(np.asarray(signal, dtype=np.float32), (0, missing))
        return _extractor(self.functionals).process_signal(signal, sample_rate).to_numpy()


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneVector:
    """Keep the one vector of an analysis that summarises a recording by itself."""

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Return the vector as it is, shape (1, features)."""
        return vectors


@functools.lru_cache
def _extractor(name: str) -> object:
    """Return openSMILE set up for some functionals; it works in one thread of this process."""
    try:
        opensmile = importlib.import_module("opensmile")
    except ImportError:
        raise InputError(
            "the functionals of openSMILE: the package opensmile is not installed; the extra "
            "`baselines` brings it"
        ) from None
    return opensmile.Smile(
        feature_set=opensmile.FeatureSet[_SETS[name]],
        feature_level=opensmile.FeatureLevel.Functionals,
    )
