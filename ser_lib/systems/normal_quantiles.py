"""Features by their ranks among the training rows, on the scale of a normal distribution."""

import numpy as np
from scipy.special import ndtri
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted


class NormalQuantiles(TransformerMixin, BaseEstimator):
    """
    Replace each value by the normal quantile of its rank among the training rows.

    The probability of a value is the share of training rows below it, those equal to it counted
    half; it is kept between 1/2n and 1 - 1/2n, so that no value, however far out, is further than
    the normal quantile of these. scikit-learn's `QuantileTransformer` interpolates between
    quantiles and puts the ends at 5.2; on thousands of features it takes some five times as long.

    Attributes
    ----------
    sorted_ : ndarray, shape (features, rows)
        Values of the training rows in order, feature by feature; in single precision where that
        holds them exactly.
    """

    def fit(self, X: np.ndarray, y: object = None) -> "NormalQuantiles":
        """Learn the order of the rows of `X`, shape (rows, features)."""
        ordered = np.sort(np.asarray(X).T)
        single = ordered.astype(np.float32)
        self.sorted_ = single if (single == ordered).all() else ordered
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return normal quantiles of the rows of `X`, shape (rows, features)."""
        check_is_fitted(self)
        n = self.sorted_.shape[1]
        below = np.empty(np.shape(X)[::-1])
        for counts, ordered, values in zip(below, self.sorted_, np.asarray(X).T, strict=True):
            counts[:] = ordered.searchsorted(values, "left")
            counts += ordered.searchsorted(values, "right")
        half = 1 / (2 * n)
        return ndtri(np.clip(half * below, half, 1 - half)).T
