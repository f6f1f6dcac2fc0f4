"""Features by their ranks among reference values, on the scale of a normal distribution."""

import numpy as np
from scipy.special import ndtri

_ROWS = 8  # so few of some thousand features stay in the processor's cache


def normal_quantiles(values: np.ndarray, references: np.ndarray) -> np.ndarray:
    """
    Replace each value by the normal quantile of its rank among the reference values.

    The probability of a value is the share of reference values below it, those equal to it counted
    half; it is kept between 1/2n and 1 - 1/2n, so that no value, however far out, is further than
    the normal quantile of these.

    Parameters
    ----------
    values : ndarray, shape (rows, features)
    references : ndarray, shape (n, features)

    Returns
    -------
    ndarray of float64, shape (rows, features)
    """
    references = references.astype(values.dtype)
    counts = np.zeros(values.shape, np.int32)
    for start in range(0, len(values), _ROWS):
        rows, counted = values[start : start + _ROWS], counts[start : start + _ROWS]
        for reference in references:
            counted += reference < rows
            counted += reference <= rows
    half = 1 / (2 * len(references))
    return ndtri(np.clip(half * counts, half, 1 - half))
