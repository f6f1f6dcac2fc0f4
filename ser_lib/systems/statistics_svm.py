"""Classifiers of one vector per utterance, tuned inside the training speakers; the SVM of `svm`."""

import abc
import warnings
from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectFpr, VarianceThreshold, f_classif
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, GroupKFold, ParameterGrid, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

from ser_lib import paths
from ser_lib.errors import InputError
from ser_lib.evaluation import metrics
from ser_lib.features import RaggedArray

_SCORES = {"uar": metrics.uar, "wa": metrics.wa}


class CalibratedPipeline(ClassifierMixin, BaseEstimator, abc.ABC):
    """
    A pipeline that ends in a classifier, tuned and calibrated inside the training speakers.

    One scikit-learn `Pipeline` holds every step, so that each is learnt anew from the training part
    of each inner fold. Posteriors are a softmax over the classifier's decision values, one per
    class, divided by a temperature, which is learnt from the decisions on inner folds held out (Guo
    et al. 2017, "On calibration of modern neural networks"); the temperature
    changes which is largest only where posteriors of several targets are summed.

    A subclass gives the steps of the pipeline and has the parameters folds and seed, as
    `StatisticsSVM` has them.

    Attributes
    ----------
    classes_ : ndarray of str
    pipeline_ : sklearn.pipeline.Pipeline
        Fitted on all training rows with the parameters that scored best.
    search_ : dict
        The best parameters and their mean score over the inner folds.
    temperature_ : float
    n_parameters_ : int
        Numbers that the fitted classifier stores.
    """

    by_speaker = True
    scoring = "uar"

    def fit(
        self,
        X: RaggedArray | np.ndarray,
        y: Sequence[str],
        *,
        groups: Sequence[str] | None = None,
        validation: tuple | None = None,
        copies: Sequence[RaggedArray] = (),
    ) -> "CalibratedPipeline":
        """
        Search the grid and fit the best pipeline on all rows.

        Parameters
        ----------
        X : RaggedArray or ndarray, shape (utterances, features)
            One vector per utterance.
        y, groups : sequence of str, shape (utterances,)
            Labels, and optionally speakers, whom the inner folds keep apart.
        validation : tuple, optional
            Ignored: the grid is searched inside the training rows.
        copies : sequence of RaggedArray
            Altered copies of the rows, added to the training as they are.

        Raises
        ------
        InputError
            If rows and labels do not match, there are fewer than two classes, or fewer rows or
            selected features than components.
        """
        X, y = as_matrix(X), np.asarray(y)
        if len(X) != len(y):
            raise InputError(f"{len(X)} rows of features, {len(y)} labels; expected equal numbers")
        if len(set(y)) < 2:
            found = ", ".join(sorted(set(y))) or "none"
            raise InputError(f"training labels {found}; expected two classes or more")
        groups = np.asarray(groups) if groups is not None and self.by_speaker else None
        X = np.concatenate([X, *map(as_matrix, copies)])
        y = np.tile(y, 1 + len(copies))
        # A copy stays on the side of its original even where the folds are not by speaker.
        unit = np.tile(np.arange(len(y) // (1 + len(copies))), 1 + len(copies))
        groups = None if groups is None else np.tile(groups, 1 + len(copies))
        splits = self._inner_folds(y, unit if groups is None and len(copies) else groups)
        # The matrices are small: several threads make their decompositions several times slower.
        with threadpool_limits(1):
            held = self._tune(X, y, splits)
        self.classes_ = self.pipeline_.classes_
        decisions, labels = (np.concatenate(parts) for parts in zip(*held, strict=True))
        self.temperature_ = _temperature(decisions, np.searchsorted(self.classes_, labels))
        self.n_parameters_ = self._size()
        return self

    def predict_proba(self, X: RaggedArray | np.ndarray) -> np.ndarray:
        """Return posteriors, shape (utterances, classes), in the order of ``classes_``."""
        check_is_fitted(self)
        return softmax(_decisions(self.pipeline_, as_matrix(X)) / self.temperature_, axis=1)

    def embed(self, X: RaggedArray | np.ndarray) -> np.ndarray:
        """Return what the last step is given, shape (utterances, units), in single precision."""
        check_is_fitted(self)
        return self.pipeline_[:-1].transform(as_matrix(X)).astype(np.float32)

    def predict(self, X: RaggedArray | np.ndarray) -> np.ndarray:
        """Return the class with the largest posterior for each utterance."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    @abc.abstractmethod
    def _pipeline(self, memory: str | None = None) -> Pipeline:
        """Make the steps; a folder keeps what a grid shares."""

    @abc.abstractmethod
    def _size(self) -> int:
        """Count the parameters of the fitted pipeline."""

    def _grid(self) -> dict[str, list]:
        """Return the values of the parameters of the steps among which the inner folds choose."""
        return {}

    def _tune(
        self, X: np.ndarray, y: np.ndarray, splits: list[tuple]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Fit the best pipeline; return decisions and labels of the held-out inner folds."""
        point = self._best_point(X, y, splits)
        self.pipeline_ = self._pipeline().set_params(**point)
        held = [
            (_decisions(clone(self.pipeline_).fit(X[train], y[train]), X[rest]), y[rest])
            for train, rest in splits
        ]
        self.pipeline_.fit(X, y)
        score, classes = _SCORES[self.scoring], self.pipeline_.classes_
        scores = [score(labels, classes[d.argmax(axis=1)]) for d, labels in held]
        self.search_ = {**point, f"inner_{self.scoring}": float(np.mean(scores))}
        return held

    def _best_point(self, X: np.ndarray, y: np.ndarray, splits: list[tuple]) -> dict[str, object]:
        """Return the point of the grid that scores best over the inner folds."""
        grid = self._grid()
        points = list(ParameterGrid(grid))
        if len(points) == 1:
            return points[0]
        with paths.temporary_folder() as memory, warnings.catch_warnings():
            # Of joblib, when the disk is busy.
            warnings.filterwarnings("ignore", message="Persisting input arguments")
            # The grid shares scaling, selection and PCA of each fold through the pipeline's memory.
            search = GridSearchCV(
                self._pipeline(str(memory)),
                grid,
                scoring=make_scorer(_SCORES[self.scoring]),
                cv=splits,
                refit=False,
                error_score="raise",
            )
            return search.fit(X, y).best_params_

    def _inner_folds(self, y: np.ndarray, groups: np.ndarray | None) -> list[tuple]:
        smallest = min(np.unique(y, return_counts=True)[1])
        if groups is None:
            folds = max(2, min(self.folds, smallest))
            splitter = StratifiedKFold(folds, shuffle=True, random_state=self.seed)
        else:
            folds = min(self.folds, len(set(groups)))
            if folds < 2:
                only = str(groups[0])
                raise InputError(
                    f"the training rows have one speaker, {only!r}; expected two or more to "
                    "search the grid over (or by_speaker=False)"
                )
            # Stratified, scikit-learn's folds of groups hardly depend on the seed: it breaks ties.
            splitter = GroupKFold(folds, shuffle=True, random_state=self.seed)
        # A fold whose training part lacks a class would tune a different problem.
        splits = [
            (train, held)
            for train, held in splitter.split(np.zeros(len(y)), y, groups)
            if len(held) and len(set(y[train])) == len(set(y))
        ]
        if not splits:
            raise InputError(
                "every inner fold of the training rows lacks a class; expected each class "
                "from two speakers at least"
            )
        return splits


class CalibratedSVM(CalibratedPipeline):
    """
    A `CalibratedPipeline` whose last step, ``"svc"``, is a support vector machine.

    Its decision values are those of one class versus the rest. A subclass has the parameters C and
    gamma, too, the grid that the inner folds choose from.
    """

    def _size(self) -> int:
        svc = self.pipeline_["svc"]
        return svc.support_vectors_.size + svc.dual_coef_.size + svc.intercept_.size

    def _grid(self) -> dict[str, list]:
        return {"svc__C": list(self.C), "svc__gamma": list(self.gamma)}


class StatisticsSVM(CalibratedSVM):
    """
    Scaling, ANOVA selection, PCA and an RBF support vector machine.

    Search, calibration and attributes are those of `CalibratedSVM`.

    Parameters
    ----------
    alpha, components, C, gamma, balanced, folds, by_speaker, scoring
        See the parameters of `ser_lib.systems.Svm`.
    seed : int
        Seed of the division into inner folds, which is all that is random.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.01,
        components: int | float = 0.98,
        C: Sequence[float] = (1, 3, 10),
        gamma: Sequence[float] = (0.0003, 0.001, 0.003),
        balanced: bool = True,
        folds: int = 5,
        by_speaker: bool = True,
        scoring: str = "uar",
        seed: int = 0,
    ):
        self.alpha = alpha
        self.components = components
        self.C = C
        self.gamma = gamma
        self.balanced = balanced
        self.folds = folds
        self.by_speaker = by_speaker
        self.scoring = scoring
        self.seed = seed

    def _tune(
        self, X: np.ndarray, y: np.ndarray, splits: list[tuple]
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        try:
            return super()._tune(X, y, splits)
        except ValueError as error:
            if "n_components" not in str(error):
                raise
            raise InputError(
                f"svm: components is {self.components}; {error}, as an inner fold of the "
                f"{len(X)} training rows has fewer rows or selected features"
            ) from None

    def _pipeline(self, memory: str | None = None) -> Pipeline:
        weights = "balanced" if self.balanced else None
        return Pipeline(
            [
                ("vary", VarianceThreshold()),
                ("scale", StandardScaler()),
                ("select", SelectFpr(f_classif, alpha=self.alpha)),
                ("pca", PCA(self.components, svd_solver="full")),
                ("svc", SVC(class_weight=weights, break_ties=True, cache_size=500)),
            ],
            memory=memory,
        )


def as_matrix(X: RaggedArray | np.ndarray) -> np.ndarray:
    """Return one row per utterance in double precision, in which the scaler is exact enough."""
    rows = X.stack() if isinstance(X, RaggedArray) else np.asarray(X)
    return rows.reshape(len(rows), -1).astype(np.float64)


def _decisions(pipeline: Pipeline, X: np.ndarray) -> np.ndarray:
    """Return decision values, shape (utterances, classes), for two classes as well."""
    values = pipeline.decision_function(X)
    return np.stack([-values, values], axis=1) / 2 if values.ndim == 1 else values


def _temperature(decisions: np.ndarray, labels: np.ndarray) -> float:
    """Return the divisor of the decision values that makes the labels most likely."""

    def loss(log_temperature: float) -> float:
        logs = log_softmax(decisions / np.exp(log_temperature), axis=1)
        return -logs[np.arange(len(labels)), labels].mean()

    return float(np.exp(minimize_scalar(loss, bounds=(-5, 5), method="bounded").x))
