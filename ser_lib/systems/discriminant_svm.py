"""A support vector machine on the discriminant directions of all functionals of an utterance."""

import dataclasses
from collections.abc import Sequence

from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import VarianceThreshold
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

from ser_lib.params import flag, integer, param, real, several
from ser_lib.systems.base import System
from ser_lib.systems.normal_quantiles import NormalQuantiles
from ser_lib.systems.statistics_svm import CalibratedSVM


class DiscriminantSVM(CalibratedSVM):
    """
    Normal quantiles, PCA, shrunken discriminant analysis, and a linear support vector machine.

    Each feature is replaced by the normal quantile of its rank, so that outliers count little. PCA
    keeps every component: it turns thousands of features into as many as there are training rows,
    which loses nothing and makes discriminant analysis cheap. Its directions, one fewer than there
    are classes, have the largest variance between the classes for that within them, a covariance
    that is shrunken towards a sphere (Friedman 1989, Regularized discriminant analysis, JASA 84,
    165-175). Search, calibration and attributes are those of `CalibratedSVM`; the matrices of PCA
    and of discriminant analysis count as parameters, too.

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

    def _size(self) -> int:
        projections = (self.pipeline_["pca"].components_, self.pipeline_["discriminate"].scalings_)
        return super()._size() + sum(matrix.size for matrix in projections)

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
