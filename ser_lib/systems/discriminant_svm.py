"""A support vector machine on the discriminant directions of all functionals of an utterance."""

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import VarianceThreshold
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from ser_lib.features import RaggedArray
from ser_lib.systems.normal_quantiles import NormalQuantiles
from ser_lib.systems.statistics_svm import StatisticsSVM


class DiscriminantSVM(StatisticsSVM):
    """
    Normal quantiles, PCA, shrunken discriminant analysis, and a linear support vector machine.

    Each feature is replaced by the normal quantile of its rank, so that outliers count little. PCA
    keeps every component: it turns thousands of features into as many as there are training rows,
    which loses nothing and makes discriminant analysis cheap. Its directions, one fewer than there
    are classes, have the largest variance between the classes for that within them, a covariance
    that is shrunken towards a sphere (Friedman 1989, Regularized discriminant analysis, JASA 84,
    165-175). Search, calibration and attributes are those of `StatisticsSVM`.

    Parameters
    ----------
    shrinkage : float
        Share of the sphere in the covariance within classes, above 0 and well below 1:
        scikit-learn takes the covariance between classes from totals that are shrunken as well, and
        at 1 nothing is left of it.
    C : sequence of float
        Penalties of the grid.
    balanced : bool
        Whether the machine weighs classes by the inverse of their frequency.
    folds : int
        Inner folds, which keep speakers apart and are scored by UAR.
    seed : int
        Seed of the division into inner folds, which is all that is random.
    """

    by_speaker = True
    scoring = "uar"
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

    def fit(
        self,
        X: RaggedArray | np.ndarray,
        y: Sequence[str],
        *,
        groups: Sequence[str] | None = None,
        validation: tuple | None = None,
        copies: Sequence[RaggedArray] = (),
    ) -> "DiscriminantSVM":
        """Search the grid and fit the best pipeline on all rows; see `StatisticsSVM.fit`."""
        super().fit(X, y, groups=groups, validation=validation, copies=copies)
        projection = (self.pipeline_["pca"].components_, self.pipeline_["discriminate"].scalings_)
        self.n_parameters_ += sum(matrix.size for matrix in projection)
        return self

    def _pipeline(self, memory: str | None = None) -> Pipeline:
        directions = LinearDiscriminantAnalysis(solver="eigen", shrinkage=self.shrinkage)
        weights = "balanced" if self.balanced else None
        return Pipeline(
            [
                ("vary", VarianceThreshold()),
                ("quantiles", NormalQuantiles()),
                ("pca", PCA(svd_solver="full")),
                ("discriminate", directions),
                ("svc", SVC(kernel="linear", class_weight=weights, break_ties=True)),
            ],
            memory=memory,
        )
