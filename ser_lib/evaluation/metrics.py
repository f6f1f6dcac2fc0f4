"""
The field's scores: unweighted average recall, accuracy, macro F1, recalls, confusion matrices.

Every score comes in two forms: from labels (``uar(y, p)``) and from stacks of confusion matrices
(``uar_of(counts)``). The second form makes resampling cheap: the confusion matrices of the speakers
are counted once, and leaving a speaker out is a subtraction.

Two names confuse the literature. Here *UAR* (also UA, balanced accuracy, macro recall) is the mean
of the recalls of the classes, and *WA* is the plain accuracy, that is the same mean weighted by how
often each class occurs [1]_.

References
----------
.. [1] B. Schuller, S. Steidl, A. Batliner, "The INTERSPEECH 2009 Emotion Challenge", Proc.
   Interspeech 2009, pp. 312-315.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ser_lib.errors import InputError, unknown


def _positions(values: Sequence, labels: pd.Index, what: str) -> np.ndarray:
    positions = labels.get_indexer(pd.Index(values))
    if (positions < 0).any():
        strange = sorted({str(v) for v, i in zip(values, positions, strict=True) if i < 0})
        expected = ", ".join(map(str, labels))
        raise InputError(f"{what} contain {', '.join(strange)}; the classes are {expected}")
    return positions


def labels_of(y: Sequence, p: Sequence, labels: Sequence | None = None) -> pd.Index:
    """Return `labels`, by default all that occur, sorted; InputError if there are no rows."""
    if len(y) != len(p):
        raise InputError(f"{len(y)} true labels but {len(p)} predicted ones")
    if not len(y):
        raise InputError("there is nothing to score: no labels were given")
    return pd.Index(sorted(set(y) | set(p)) if labels is None else list(labels))


def count(
    y: Sequence[str],
    p: Sequence[str],
    labels: Sequence[str],
    groups: np.ndarray | None = None,
    n_groups: int = 1,
) -> np.ndarray:
    """
    Count how often each class was taken for each class, within each group.

    Parameters
    ----------
    y, p : sequence of str [shape=(n,)]
        True and predicted classes.
    labels : sequence of str [shape=(k,)]
        The classes, in the order of the rows and columns.
    groups : np.ndarray of int [shape=(n,)], optional
        Group of each row, 0 to ``n_groups - 1``; without it all rows form one group.
    n_groups : int > 0
        Number of groups.

    Returns
    -------
    np.ndarray of int [shape=(n_groups, k, k)]
        ``[g, i, j]``: rows of group g and class i that were taken for class j.

    Raises
    ------
    InputError
        If a class is not among `labels`.
    """
    labels = pd.Index(labels)
    k = len(labels)
    cell = _positions(y, labels, "the true labels") * k + _positions(p, labels, "the predictions")
    if groups is not None:
        cell = cell + np.asarray(groups) * (k * k)
    return np.bincount(cell, minlength=n_groups * k * k).reshape(n_groups, k, k)


def recall_of(counts: np.ndarray) -> np.ndarray:
    """
    Compute the recall of every class from confusion matrices.

    Parameters
    ----------
    counts : np.ndarray [shape=(..., k, k)]
        Confusion matrices, rows true.

    Returns
    -------
    np.ndarray of float [shape=(..., k)]
        Recalls in [0, 1]; NaN where a class does not occur.
    """
    support = counts.sum(axis=-1)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    return np.where(support > 0, hits / np.where(support > 0, support, 1), np.nan)


def precision_of(counts: np.ndarray) -> np.ndarray:
    """Compute the precision of every class, as `recall_of`; NaN for one never predicted."""
    return recall_of(np.swapaxes(counts, -2, -1))


def mean_where(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Average over the last axis where `present`; NaN where nothing is (without a warning)."""
    n = present.sum(axis=-1)
    total = np.where(present, values, 0.0).sum(axis=-1)
    return np.where(n > 0, total / np.where(n > 0, n, 1), np.nan)


def uar_of(counts: np.ndarray) -> np.ndarray:
    """
    Compute the unweighted average recall from confusion matrices.

    Parameters
    ----------
    counts : np.ndarray [shape=(..., k, k)]
        Confusion matrices, rows true.

    Returns
    -------
    np.ndarray of float [shape=(...)]
        Mean recall over the classes that occur; NaN where none does.
    """
    recall = recall_of(counts)
    return mean_where(recall, ~np.isnan(recall))


def wa_of(counts: np.ndarray) -> np.ndarray:
    """Compute the accuracy from confusion matrices (..., k, k); NaN where a matrix is empty."""
    total = counts.sum(axis=(-2, -1))
    hits = np.trace(counts, axis1=-2, axis2=-1)
    return np.where(total > 0, hits / np.where(total > 0, total, 1), np.nan)


def macro_f1_of(counts: np.ndarray) -> np.ndarray:
    """Compute the mean F1 of the classes that occur among the true ones, from (..., k, k)."""
    support, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    # F1 = 2 hits / (support + predicted); a class that occurs has a denominator of at least one.
    return mean_where(2 * hits / np.maximum(support + predicted, 1), support > 0)


STATISTICS = {"uar": uar_of, "wa": wa_of, "macro_f1": macro_f1_of}
"""The scores by name, each a function of confusion matrices."""

TITLES = {"uar": "UAR", "wa": "WA", "macro_f1": "macro F1"}
"""How the scores are written in figures and tables."""


def statistic_of(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function of `STATISTICS` called `name`; InputError if there is none."""
    if name not in STATISTICS:
        raise unknown("metric", name, STATISTICS)
    return STATISTICS[name]


def confusion(
    y: Sequence[str], p: Sequence[str], labels: Sequence[str] | None = None
) -> pd.DataFrame:
    """
    Count how often each class was taken for each class.

    Parameters
    ----------
    y, p : sequence of str [shape=(n,)]
        True and predicted classes.
    labels : sequence of str [shape=(k,)], optional
        Classes in the order wanted; by default all that occur, sorted.

    Returns
    -------
    pd.DataFrame of int [shape=(k, k)]
        Rows are the true classes (index name "emotion"), columns the predicted ones.

    Raises
    ------
    InputError
        If the lengths differ, nothing was given, or a class is not among `labels`.
    """
    labels = labels_of(y, p, labels)
    return pd.DataFrame(
        count(y, p, labels)[0],
        index=labels.rename("emotion"),
        columns=labels.rename("predicted"),
    )


def _scalar(
    statistic: Callable[[np.ndarray], np.ndarray], y: Sequence[str], p: Sequence[str]
) -> float:
    return float(statistic(count(y, p, labels_of(y, p))[0]))


def uar(y: Sequence[str], p: Sequence[str]) -> float:
    """
    Compute the unweighted average recall: the mean of the recalls of the classes present in `y`.

    Chance level is one over the number of classes, whatever their frequencies. It equals
    scikit-learn's ``balanced_accuracy_score``.

    Parameters
    ----------
    y, p : sequence of str [shape=(n,)]
        True and predicted classes.

    Returns
    -------
    float in [0, 1]

    Examples
    --------
    >>> uar(["anger", "anger", "anger", "fear"], ["anger", "anger", "fear", "fear"])
    0.8333333333333333
    """
    return _scalar(uar_of, y, p)


def wa(y: Sequence[str], p: Sequence[str]) -> float:
    """Compute the accuracy ("weighted" accuracy), the share of rows that are right, in [0, 1]."""
    return _scalar(wa_of, y, p)


def macro_f1(y: Sequence[str], p: Sequence[str]) -> float:
    """
    Compute the mean of the F1 scores of the classes present in `y`.

    A class that is only ever predicted costs precision where it was wrong, but has no F1 of its
    own: ``f1_score(y, p, labels=sorted(set(y)), average="macro")`` in scikit-learn's terms, whose
    default would count it as a class with an F1 of zero.
    """
    return _scalar(macro_f1_of, y, p)


def per_class_recall(y: Sequence[str], p: Sequence[str]) -> pd.Series:
    """Compute the recall of every class present in `y` (a Series in [0, 1], sorted by class)."""
    labels = labels_of(y, p)
    recall = pd.Series(recall_of(count(y, p, labels)[0]), index=labels.rename("emotion"))
    return recall.dropna().rename("recall")
