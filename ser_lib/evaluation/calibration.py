"""
Calibration: whether posteriors are right as often as they say, and a temperature to make it so.

All functions take posteriors, shape (n, k), whose rows sum to one, and the index of each true
class, shape (n,). A temperature divides the logarithms of the posteriors before they are normalised
again; it changes no ranking of the classes, and so no recall (Guo et al. 2017, "On calibration of
modern neural networks", Proc. ICML, pp. 1321-1330).
"""

from collections.abc import Sequence
from numbers import Integral
from typing import NamedTuple

import numpy as np

from ser_lib.errors import InputError
from ser_lib.evaluation.metrics import SMALLEST_POSTERIOR, checked

BINS = 15
"""Bins of the calibration error, as many as Guo et al. use."""

# Temperatures are searched between 1/20 and 20.
_LARGEST = 20.0
# Parts into which groups are put to estimate the error on rows that fitted no temperature.
_PARTS = 10


class Calibration(NamedTuple):
    """A temperature, and what it does to the expected calibration error."""

    temperature: float
    before: float
    """Expected calibration error of the posteriors as they were."""
    after: float
    """The same after scaling each row by a temperature that other groups gave."""
    rows: int
    groups: int


def apply_temperature(posteriors: np.ndarray, temperature: float) -> np.ndarray:
    """
    Scale posteriors by a temperature: above 1 they become more alike, below 1 less.

    Parameters
    ----------
    posteriors : ndarray, shape (..., k)
        In [0, 1]; those below `SMALLEST_POSTERIOR` count as this.
    temperature : float
        Above 0; InputError if it is not.

    Returns
    -------
    ndarray of float64, shape (..., k)
        Rows sum to one, the order of the classes is kept.
    """
    if not temperature > 0 or not np.isfinite(temperature):
        raise InputError(f"temperature is {temperature!r}; expected a number above 0")
    logarithms = np.log(np.maximum(posteriors, SMALLEST_POSTERIOR)) / temperature
    scaled = np.exp(logarithms - logarithms.max(axis=-1, keepdims=True))
    return scaled / scaled.sum(axis=-1, keepdims=True)


def fit_temperature(y: np.ndarray, posteriors: np.ndarray) -> float:
    """
    Find the temperature, from 0.05 to 20, under which the true classes are most likely.

    Raises
    ------
    InputError
        If there are no rows, not one index from 0 to k - 1 per row, or a posterior is not in
        [0, 1].
    """
    from scipy.optimize import minimize_scalar

    y, posteriors = _checked(y, posteriors)

    def loss(logarithm: float) -> float:
        scaled = apply_temperature(posteriors, np.exp(logarithm))
        return -np.log(scaled[np.arange(len(y)), y]).mean()

    limit = np.log(_LARGEST)
    return float(np.exp(minimize_scalar(loss, bounds=(-limit, limit), method="bounded").x))


def expected_calibration_error(y: np.ndarray, posteriors: np.ndarray, bins: int = BINS) -> float:
    """
    Compute the mean distance between confidence and accuracy.

    Rows are put into `bins` equally wide bins by their largest posterior; the distance between the
    mean of these and the fraction of correct rows is averaged over the bins, weighted by their rows
    (Naeini, Cooper & Hauskrecht 2015; Guo et al. 2017).

    Returns
    -------
    float
        In [0, 1]; 0 where confidence is accuracy in every bin.

    Raises
    ------
    InputError
        As `fit_temperature`; or if `bins` is not a whole number above 0.
    """
    if not isinstance(bins, Integral) or bins < 1:
        raise InputError(f"bins is {bins!r}; expected a whole number above 0")
    y, posteriors = _checked(y, posteriors)
    confidence = posteriors.max(axis=1)
    correct = posteriors.argmax(axis=1) == y
    # Bins are open below and closed above, as in Guo et al.
    number = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    distance = np.bincount(number, confidence - correct, bins)
    return float(np.abs(distance).sum() / len(y))


def calibrate(y: np.ndarray, posteriors: np.ndarray, groups: Sequence[object]) -> Calibration:
    """
    Fit a temperature to all rows, and estimate its effect on rows that did not fit it.

    Parameters
    ----------
    y, posteriors
        Of recordings that the classifier was not trained on.
    groups : sequence, shape (n,)
        Speakers; for the error afterwards they are divided into at most ten parts, and each part is
        scaled by the temperature of the others. With one speaker the error afterwards is NaN.

    Raises
    ------
    InputError
        As `fit_temperature`; or if there is not one group per row.
    """
    y, posteriors = _checked(y, posteriors)
    names, group = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    if len(group) != len(y):
        raise InputError(f"{len(group)} groups for {len(y)} rows; expected equally many")
    after = float("nan")
    if len(names) > 1:
        part, scaled = group % min(_PARTS, len(names)), np.empty_like(posteriors)
        for number in np.unique(part):
            held = part == number
            temperature = fit_temperature(y[~held], posteriors[~held])
            scaled[held] = apply_temperature(posteriors[held], temperature)
        after = expected_calibration_error(y, scaled)
    before = expected_calibration_error(y, posteriors)
    return Calibration(fit_temperature(y, posteriors), before, after, len(y), len(names))


def _checked(y: np.ndarray, posteriors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, posteriors = checked(y, posteriors)
    if posteriors.ndim != 2 or not len(y):
        raise InputError(
            f"the posteriors have shape {posteriors.shape}; expected a column for each class, and "
            "at least one row"
        )
    return y, posteriors
