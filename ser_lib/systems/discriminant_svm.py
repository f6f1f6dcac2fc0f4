"""A support vector machine on the discriminant directions of all functionals of an utterance."""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import VarianceThreshold
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted

from ser_lib.features import RaggedArray
from ser_lib.params import flag, integer, param, real, several
from ser_lib.systems.base import System
from ser_lib.systems.normal_quantiles import NormalQuantiles
from ser_lib.systems.statistics_svm import CalibratedSVM, as_matrix


class DiscriminantDirections(TransformerMixin, BaseEstimator):
    """
    Project rows on the directions along which classes differ most, and rows of a class least.

    The directions, one fewer than there are classes, have the largest variance between the classes
    for that within them, a covariance that is shrunken towards a sphere (Friedman 1989, Regularized
    discriminant analysis, JASA 84, 165-175). They are found among the principal components of the
    training rows, all of which are kept: thousands of features become as many as there are rows,
    which loses nothing and makes the analysis cheap.

    Parameters
    ----------
    shrinkage : float
        Share of the sphere in the covariance within classes, above 0 and well below 1:
        scikit-learn takes the covariance between classes from totals that are shrunken as well, and
        at 1 nothing is left of it.

    Attributes
    ----------
    mean_ : ndarray, shape (features,)
    directions_ : ndarray, shape (features, classes - 1)
    """

    def __init__(self, *, shrinkage: float = 0.2):
        self.shrinkage = shrinkage

    def fit(self, X: np.ndarray, y: Sequence[str]) -> "DiscriminantDirections":
        """Find the directions of the rows of `X`, shape (rows, features), of classes `y`."""
        components = PCA(svd_solver="full")
        analysis = LinearDiscriminantAnalysis(solver="eigen", shrinkage=self.shrinkage)
        analysis.fit(components.fit_transform(X), y)
        self.mean_ = components.mean_
        # scikit-learn keeps all eigenvectors, the leading ones first.
        leading = analysis.scalings_[:, : len(analysis.classes_) - 1]
        self.directions_ = components.components_.T @ leading
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the rows of `X`, shape (rows, features), along the directions."""
        check_is_fitted(self)
        return (X - self.mean_) @ self.directions_


class DiscriminantSVM(CalibratedSVM):
    """
    Normal quantiles, shrunken discriminant analysis, and a linear support vector machine.

    Each feature is replaced by the normal quantile of its rank, so that outliers count little.
    Search, calibration and attributes are those of `CalibratedSVM`; the projection counts as
    parameters, the order of the training rows does not.

    Parameters
    ----------
    shrinkage : float
        See `DiscriminantDirections`.
    C : sequence of float
        Penalties of the grid.
    balanced : bool
        Whether the machine weighs classes by the inverse of their frequency.
    folds : int
        Inner folds, which keep speakers apart and are scored by UAR.
    seed : int
        Seed of the division into inner folds, which is all that is random.
    """

    gamma = ("scale",)

    def __init__(
        self,
        *,
        shrinkage: float = 0.2,
        C: Sequence[float] = (1e-3,),
        balanced: bool = True,
        folds: int = 5,
        seed: int = 0,
    ):
        self.shrinkage = shrinkage
        self.C = C
        self.balanced = balanced
        self.folds = folds
        self.seed = seed

    def contributions(self, X: RaggedArray | np.ndarray) -> np.ndarray:
        """
        Tell how much each feature speaks for each class.

        The margin of a class is the mean of the machine's decision values between it and each of
        the others. It is linear in the normal quantiles of the features, so that each quantile
        times its coefficient is what the feature contributes: nothing where it has the median of
        the training rows. All contributions to a margin sum to what it is above that of a row of
        medians. The machine counts which of two classes wins how often, so that the class that it
        predicts need not be that of the largest margin.

        Parameters
        ----------
        X : RaggedArray or ndarray, shape (rows, features)

        Returns
        -------
        ndarray, shape (rows, classes, features)
            In the order of ``classes_``; 0 for features that did not vary in training.
        """
        check_is_fitted(self)
        X, n = as_matrix(X), len(self.classes_)
        projection, machine = self.pipeline_["discriminate"], self.pipeline_["svc"]
        # scikit-learn turns the sign of the one decision value of two classes.
        pairs = machine.coef_ if n > 2 else -machine.coef_
        weights = np.zeros((n, pairs.shape[1]))
        for (first, second), pair in zip(itertools.combinations(range(n), 2), pairs, strict=True):
            weights[first] += pair / (n - 1)
            weights[second] -= pair / (n - 1)
        coefficients = weights @ projection.directions_.T
        found = np.zeros((len(X), n, X.shape[1]))
        quantiles = self.pipeline_[:-2].transform(X)
        found[..., self.pipeline_["vary"].get_support()] = quantiles[:, None] * coefficients
        return found

    def _size(self) -> int:
        projection = self.pipeline_["discriminate"]
        return super()._size() + projection.mean_.size + projection.directions_.size

    def _pipeline(self, memory: str | None = None) -> Pipeline:
        weights = "balanced" if self.balanced else None
        return Pipeline(
            [
                ("vary", VarianceThreshold()),
                ("quantiles", NormalQuantiles()),
                ("discriminate", DiscriminantDirections(shrinkage=self.shrinkage)),
                ("svc", SVC(kernel="linear", class_weight=weights, break_ties=True)),
            ],
            memory=memory,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiscriminantSystem(System):
    """A system whose classifier is a `DiscriminantSVM`; a subclass gives its front end."""

    shrinkage: float = param(
        0.2, real(above=0, high=0.9), "Share of the sphere in the covariance within classes."
    )
    C: tuple[float, ...] = param(
        (1e-3,), several(real(above=0), low=1), "Penalties; of several, the inner folds choose."
    )
    balanced: bool = param(
        True, flag(), "Whether the machine weighs classes by the inverse of their frequency."
    )
    folds: int = param(
        5, integer(low=2), "Inner folds of training speakers that choose C and calibrate."
    )

    def classifier(self, seed: int = 0) -> DiscriminantSVM:
        """Make a `DiscriminantSVM`; see `System.classifier`."""
        return self.configured(DiscriminantSVM, seed=seed)
