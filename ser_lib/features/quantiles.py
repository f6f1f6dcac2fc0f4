"""Features by their ranks among reference values, on the scale of a normal distribution."""

import numpy as np
from scipy.special import ndtri


def normal_quantiles(values: np.ndarray, references: np.ndarray) -> np.ndarray:
    """
    Replace each value by the normal quantile of its rank among the reference values.

    The probability of a value is the share of reference values below it, those equal to it counted
    half; it is kept between 1/2n and 1 - 1/2n, so that no value, however far out, is further than
    the normal quantile of these.

    Parameters
    ----------
    values : ndarray, shape (rows, features)
    references : ndarray, shape (features, n)

    Returns
    -------
    ndarray of float64, shape (rows, features)
    """
    counts = np.empty(values.shape)
    for row, count in zip(values, counts, strict=True):
        below, up_to = references < row[:, None], references <= row[:, None]
        count[:] = np.count_nonzero(below, axis=1) + np.count_nonzero(up_to, axis=1)
    half = 1 / (2 * references.shape[1])
    return ndtri(np.clip(half * counts, half, 1 - half))
