"""
The functionals of openSMILE (Eyben, Wöllmer & Schuller 2010), for comparison.

The package opensmile is imported when features are computed; its licence limits commercial use.
"""

import dataclasses
import functools
import importlib.util

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
        return _child().submit(_names, self.functionals).result()

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
        return _child().submit(_process, self.functionals, signal, sample_rate).result()


@dataclasses.dataclass(frozen=True, kw_only=True)
class OneVector:
    """Keep the one vector of an analysis that summarises a recording by itself."""

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        """Return the vector as it is, shape (1, features)."""
        return vectors


@functools.lru_cache
def _child() -> object:
    """Start a process for openSMILE, whose library crashes beside others (TensorFlow's, say)."""
    from joblib.externals.loky import ProcessPoolExecutor

    if importlib.util.find_spec("opensmile") is None:
        raise InputError(
            "the functionals of openSMILE: the package opensmile is not installed; the extra "
            "`baselines` brings it"
        )
    return ProcessPoolExecutor(max_workers=1)


def _names(functionals: str) -> tuple[str, ...]:
    return tuple(_extractor(functionals).feature_names)


def _process(functionals: str, signal: np.ndarray, sample_rate: int) -> np.ndarray:
    return _extractor(functionals).process_signal(signal, sample_rate).to_numpy()


@functools.lru_cache
def _extractor(name: str) -> object:
    """Return openSMILE set up for some functionals; it works in one thread of this process."""
    opensmile = importlib.import_module("opensmile")
    return opensmile.Smile(
        feature_set=getattr(opensmile.FeatureSet, _SETS[name]),
        feature_level=opensmile.FeatureLevel.Functionals,
    )
