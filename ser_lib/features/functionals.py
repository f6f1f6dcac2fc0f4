"""Statistics of each feature over the frames of an utterance."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ser_lib.params import as_choices

STATISTICS = (
    *("mean", "std", "median", "kurtosis", "skewness", "percentile_1", "percentile_99"),
    *("min", "max", "range"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Functionals:
    """
    Compute statistics over time: one vector per utterance.

    Parameters
    ----------
    statistics : tuple of str
        Some of these, in any order:

        - ``mean``, ``std`` (biased), ``median``, ``min``, ``max``;
        - ``kurtosis`` (Fisher's: 0 for a Gaussian) and ``skewness``, both biased, and both 0 where
          a feature is constant and they are not defined;
        - ``percentile_1``, ``percentile_99``, interpolated linearly;
        - ``range``, from the 1st to the 99th percentile: the definition of
          maelfabien/Multimodal-Emotion-Recognition, which is less sensitive to single frames than
          maximum minus minimum.

    Raises
    ------
    InputError
        For an unknown or repeated statistic.

    Notes
    -----
    Values are ordered by statistic, then by feature: statistic s of feature f has the position
    ``f + s * n_features``.

    Examples
    --------
    >>> Functionals(statistics=("mean", "range"))(np.array([[1.0], [3.0]]))
    array([[2.  , 1.96]])
    """

    statistics: tuple[str, ...] = STATISTICS

    def __post_init__(self):
        as_choices(self, "statistics", STATISTICS)

    def names(self, features: Sequence[str]) -> tuple[str, ...]:
        """Return the name of every dimension, ``"<feature> <statistic>"``, in order."""
        return tuple(f"{feature} {name}" for name in self.statistics for feature in features)

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """
        Compute the statistics of at least one frame, shape (frames, features).

        Returns
        -------
        ndarray of float64, shape (1, features * statistics)
            Finite for finite frames.
        """
        # Features first: each is contiguous, and is sorted once for all order statistics.
        x = np.array(frames.T, dtype=np.float64, order="C")
        mean = x.mean(axis=1)
        z = x - mean[:, None]
        std = np.sqrt((z**2).mean(axis=1))
        # Rounding errors of a constant are not variation; its higher moments are undefined.
        varies = std > 8 * np.finfo(float).eps * np.abs(x).max(axis=1)
        z *= np.where(varies, 1 / np.where(varies, std, 1), 0)[:, None]
        cube = z**2 * z
        x.sort(axis=1)
        low, high = _percentile(x, 0.01), _percentile(x, 0.99)
        values = {
            "mean": lambda: mean,
            "std": lambda: np.where(varies, std, 0),
            "median": lambda: _percentile(x, 0.5),
            "kurtosis": lambda: np.where(varies, (cube * z).mean(axis=1) - 3, 0),
            "skewness": lambda: cube.mean(axis=1),
            "percentile_1": lambda: low,
            "percentile_99": lambda: high,
            "min": lambda: x[:, 0],
            "max": lambda: x[:, -1],
            "range": lambda: high - low,
        }
        return np.concatenate([values[name]() for name in self.statistics])[None]


def _percentile(ordered: np.ndarray, fraction: float) -> np.ndarray:
    """Interpolate linearly between the neighbours of a percentile, along the last axis."""
    position = fraction * (ordered.shape[1] - 1)
    below = int(position)
    above = min(below + 1, ordered.shape[1] - 1)
    return ordered[:, below] + (position - below) * (ordered[:, above] - ordered[:, below])
