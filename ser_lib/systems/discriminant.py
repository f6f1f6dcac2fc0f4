"""Shrunken discriminant analysis of all functionals of an utterance."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.covariance import shrunk_covariance
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ser_lib.errors import InputError
from ser_lib.features import RaggedArray
from ser_lib.params import integer, param, real
from ser_lib.systems.base import System
from ser_lib.systems.normal_quantiles import NormalQuantiles
from ser_lib.systems.statistics_svm import CalibratedPipeline, as_matrix


class ShrunkenDiscriminant(ClassifierMixin, TransformerMixin, BaseEstimator):
    """
    Linear discriminant analysis: the nearest class mean, along the directions that part classes.

    The directions, one fewer than there are classes, are those along which the means of the classes
    differ most for the covariance within classes (Fisher 1936), which is shrunken towards a sphere
    (Friedman 1989, Regularized discriminant analysis, JASA 84, 165-175); along each of them, rows
    of a class have unit variance under the shrunken covariance. All classes count as equally
    likely. The covariance is that of the principal components of the training rows, all of which
    are kept: thousands of features become at most as many as there are rows, which keeps all
    distances between rows and makes the analysis cheap. The sphere has the mean variance of these
    components: the same shrinkage is stronger than it would be over all features, whose mean
    variance is smaller, and the more so the fewer rows there are.

    scikit-learn's `LinearDiscriminantAnalysis` decides alike where all classes are equally
    frequent. Told that they are equally likely, it gives rare classes more weight in the
    covariance, which so becomes less certain.

    Parameters
    ----------
    shrinkage : float
        Share of the sphere in the covariance within classes, above 0, up to 1.

    Attributes
    ----------
    classes_ : ndarray of str
    mean_ : ndarray, shape (features,)
        Of the training rows.
    directions_ : ndarray, shape (features, classes - 1)
        The one along which classes differ most first; fewer where the means of the classes lie in
        a smaller space.
    class_means_ : ndarray, shape (classes, classes - 1)
        Of the training rows of each class, along the directions.
    """

    def __init__(self, *, shrinkage: float = 0.2):
        self.shrinkage = shrinkage

    def fit(self, X: np.ndarray, y: Sequence[str]) -> "ShrunkenDiscriminant":
        """
        Find the directions of the rows of `X`, shape (rows, features), of classes `y`.

        Raises
        ------
        InputError
            If within no class rows differ from each other.
        """
        self.classes_, labels = np.unique(y, return_inverse=True)
        members = [labels == label for label in range(len(self.classes_))]
        if not any(np.ptp(X[rows], axis=0).any() for rows in members):
            raise InputError(
                "discriminant analysis: the training rows of each class are all the same; expected "
                "rows that differ"
            )
        components = PCA(svd_solver="full")
        rows = components.fit_transform(X)
        means = np.array([rows[each].mean(axis=0) for each in members])
        apart = rows - means[labels]
        within = shrunk_covariance(apart.T @ apart / len(rows), self.shrinkage)
        spread = means - means.mean(axis=0)
        scaled = np.linalg.solve(within, spread.T)
        # The variances between classes for those within, in ascending order; one is always 0.
        ratios, vectors = np.linalg.eigh(spread @ scaled)
        leading = np.flatnonzero(ratios > 1e-9 * ratios[-1])[::-1]
        directions = scaled @ vectors[:, leading] / np.sqrt(ratios[leading])
        self.mean_ = components.mean_
        self.directions_ = components.components_.T @ directions
        self.class_means_ = means @ directions
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return the rows of `X`, shape (rows, features), along the directions."""
        check_is_fitted(self)
        return (X - self.mean_) @ self.directions_

    def decision_function(self, X: np.ndarray) -> np.ndarray:
        """Return minus half the squared distance to each class mean, shape (rows, classes)."""
        apart = self.transform(X)[:, None] - self.class_means_
        return -np.square(apart).sum(axis=2) / 2

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Return the class whose mean is nearest to each row."""
        return self.classes_[self.decision_function(X).argmax(axis=1)]


class DiscriminantClassifier(CalibratedPipeline):
    """
    Normal quantiles and shrunken discriminant analysis.

    Each feature is replaced by the normal quantile of its rank, so that outliers count little.
    Calibration and attributes are those of `CalibratedPipeline`; the directions and the means along
    them count as parameters, the quantiles of the training rows do not.

    Parameters
    ----------
    shrinkage : float
        See `ShrunkenDiscriminant`.
    n_quantiles : int
        See `NormalQuantiles`.
    folds : int
        Inner folds, which keep speakers apart and calibrate the posteriors.
    seed : int
        Seed of the division into inner folds, which is all that is random.
    """

    def __init__(
        self, *, shrinkage: float = 0.2, n_quantiles: int = 64, folds: int = 5, seed: int = 0
    ):
        self.shrinkage = shrinkage
        self.n_quantiles = n_quantiles
        self.folds = folds
        self.seed = seed

    def embed(self, X: RaggedArray | np.ndarray) -> np.ndarray:
        """Return rows along the directions, shape (rows, classes - 1), in single precision."""
        check_is_fitted(self)
        return self.pipeline_.transform(as_matrix(X)).astype(np.float32)

    def _size(self) -> int:
        analysis = self.pipeline_["discriminant"]
        return analysis.mean_.size + analysis.directions_.size + analysis.class_means_.size

    def _pipeline(self, memory: str | None = None) -> Pipeline:
        return Pipeline(
            [
                ("quantiles", NormalQuantiles(n_quantiles=self.n_quantiles)),
                ("discriminant", ShrunkenDiscriminant(shrinkage=self.shrinkage)),
            ],
            memory=memory,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DiscriminantSystem(System):
    """A system whose classifier is a `DiscriminantClassifier`; a subclass gives its front end."""

    shrinkage: float = param(
        0.2, real(above=0, high=1), "Share of the sphere in the covariance within classes."
    )
    n_quantiles: int = param(
        64, integer(low=2), "Quantiles of the training rows by which features are ranked."
    )
    folds: int = param(5, integer(low=2), "Inner folds of training speakers that calibrate.")

    def classifier(self, seed: int = 0) -> DiscriminantClassifier:
        """Make a `DiscriminantClassifier`; see `System.classifier`."""
        return self.configured(DiscriminantClassifier, seed=seed)
