"""
Metrics: unweighted average recall, accuracy, macro F1, cross-entropy; recalls, confusion matrices.

`METRICS` is the one table of the scores that are computed, reported, drawn and compared; a new
metric is one entry in it. A metric is a function either of confusion matrices or of posteriors.
Those of confusion matrices take stacks of them (``uar_of(counts)``), which makes resampling cheap:
the confusion matrices of the speakers are counted once, and leaving a speaker out is a subtraction.
They have a second form from labels (``uar(y, p)``).

Two names are used differently in the literature. Here *UAR* (also UA, balanced accuracy, macro
recall) is the mean of the recalls of the classes, and *WA* is the plain accuracy, that is the same
mean weighted by how often each class occurs [1]_.

References
----------
.. [1] B. Schuller, S. Steidl, A. Batliner, "The INTERSPEECH 2009 Emotion Challenge", Proc.
   Interspeech 2009, pp. 312-315.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from ser_lib.errors import InputError, unknown

# pandas is imported where a table is made: networks compute scores while they are trained.
if TYPE_CHECKING:
    import pandas as pd

SMALLEST_POSTERIOR = 1e-6
"""Posteriors are stored with six decimals; smaller ones count as this in the cross-entropy."""


@dataclass(frozen=True)
class Metric:
    """
    One score: its name, its title, how it is computed and what values it takes.

    Attributes
    ----------
    name, title : str
        Key in `METRICS` and column of tables; as it is written in figures and reports.
    function : callable
        With `input` "counts": confusion matrices (rows true) of shape (..., k, k) to values of
        shape (...), NaN where there is none. With "posteriors": the index of the true class of
        each utterance [shape=(n,)] and posteriors [shape=(n, k)] to a float.
    input : {"counts", "posteriors"}
        What `function` takes.
    bounds : tuple of two floats
        Smallest and largest possible value, infinite where there is none; they determine the
        scale on which intervals are computed.
    lower_is_better : bool
        True for losses and errors.
    additive : bool
        Whether every utterance adds its own share to the value, whatever is predicted for others;
        with `input` "posteriors", whether the value is the mean of one per utterance. Then
        resampling speakers needs only their sums and is fast.
    """

    name: str
    title: str
    function: Callable
    input: Literal["counts", "posteriors"] = "counts"
    bounds: tuple[float, float] = (0.0, 1.0)
    lower_is_better: bool = False
    additive: bool = False


def outside(posteriors: np.ndarray) -> np.ndarray:
    """Tell for each row [shape=(...)] of (..., k) whether a posterior in it is not in [0, 1]."""
    # Single precision may exceed 1 a little. The comparisons are written so that NaN fails them.
    return ~((posteriors >= 0) & (posteriors <= 1 + 1e-6)).all(axis=-1)


def checked_posteriors(posteriors: np.ndarray) -> np.ndarray:
    """Return posteriors (..., k) as floats; InputError if one is not a number in [0, 1]."""
    posteriors = np.asarray(posteriors, dtype=np.float64)
    wrong = outside(posteriors)
    if wrong.any():
        first = tuple(np.argwhere(wrong)[0].tolist())
        where = first[0] if len(first) == 1 else first
        raise InputError(
            f"posteriors of {np.count_nonzero(wrong)} of {wrong.size} rows are not in [0, 1], "
            f"first {posteriors[first].tolist()} in row {where}; expected "
            "probabilities"
        )
    return posteriors


def checked(y: np.ndarray, posteriors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """
    Return true classes and posteriors as arrays that fit each other.

    Parameters
    ----------
    y : np.ndarray of int [shape=(n,)]
        Index of the true class.
    posteriors : np.ndarray [shape=(..., n, k)]
        In [0, 1].

    Raises
    ------
    InputError
        If there is not one integer from 0 to k - 1 per row, or a posterior is not in [0, 1].
    """
    y, posteriors = np.asarray(y), np.asarray(posteriors, dtype=np.float64)
    if posteriors.ndim < 2 or y.shape != posteriors.shape[-2:-1]:
        raise InputError(
            f"{y.shape} true classes for posteriors of shape {posteriors.shape}; expected one per "
            "row"
        )
    k = posteriors.shape[-1]
    if y.size and y.dtype.kind not in "iu":
        raise InputError(
            f"the true classes are of type {y.dtype}, such as {y[:1].tolist()[0]!r}; expected the "
            f"index of each, an integer from 0 to {k - 1}"
        )
    wrong = (y < 0) | (y >= k)
    if wrong.any():
        row = int(wrong.argmax())
        raise InputError(
            f"the true classes of {np.count_nonzero(wrong)} of {len(y)} rows are not among the "
            f"columns of the posteriors, first {y[row]} in row {row}; expected integers from 0 to "
            f"{k - 1}"
        )
    return y, checked_posteriors(posteriors)


def _listed(values: Iterable, what: str) -> list:
    """Return the elements as they are (NaN beside texts is no text); InputError if not in a row."""
    array = values if isinstance(values, np.ndarray) else np.asarray(values, dtype=object)
    if array.ndim != 1:
        raise InputError(
            f"{what} are {type(values).__name__} of shape {array.shape}; expected a sequence with "
            "one for each row"
        )
    return array.tolist()


def _is_missing(value: object) -> bool:
    """Tell None, NaN, and the missing values of pandas, which equal not even themselves."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA: neither equal nor unequal.
        return True


def positions_of(values: Iterable, labels: Sequence, what: str = "the true labels") -> np.ndarray:
    """Return the index in `labels` of every value; InputError for one that is not there."""
    index = {label: i for i, label in enumerate(labels)}
    values = _listed(values, what)
    positions = np.array([index.get(value, -1) for value in values], dtype=int)
    if (positions < 0).any():
        strange = sorted({str(v) for v, i in zip(values, positions, strict=True) if i < 0})
        expected = ", ".join(map(str, labels))
        raise InputError(f"{what} contain {', '.join(strange)}; the classes are {expected}")
    return positions


def labels_of(y: Sequence, p: Sequence, labels: Sequence | None = None) -> list:
    """
    Return `labels`, by default all that occur, sorted.

    Raises
    ------
    InputError
        If the lengths differ, there are no rows, a label is given twice, or what occurs is missing
        in some (None, NaN) or cannot be sorted.
    """
    if labels is None:
        y, p = _listed(y, "the true labels"), _listed(p, "the predictions")
    if len(y) != len(p):
        raise InputError(f"{len(y)} true labels but {len(p)} predicted ones; expected equally many")
    if not len(y):
        raise InputError("there is nothing to score: no labels were given")
    if labels is not None:
        twice = [label for label, times in Counter(labels).items() if times > 1]
        if twice:
            raise InputError(f"labels hold {twice[0]!r} twice; expected each class once")
        return list(labels)
    for given, what in ((y, "the true labels"), (p, "the predictions")):
        if any(map(_is_missing, set(given))):
            missing = [row for row, value in enumerate(given) if _is_missing(value)]
            raise InputError(
                f"{what} are missing ({given[missing[0]]}) in {len(missing)} of {len(given)} rows, "
                f"first row {missing[0]}; expected a class in each"
            )
    found = {*y, *p}
    try:
        return sorted(found)
    except TypeError:
        types = ", ".join(sorted({type(value).__name__ for value in found}))
        raise InputError(f"the labels are of types {types}; expected all of one type") from None


def count(
    y: Sequence,
    p: Sequence,
    labels: Sequence,
    groups: np.ndarray | None = None,
    n_groups: int = 1,
) -> np.ndarray:
    """
    Count how often each class was taken for each class, within each group.

    Parameters
    ----------
    y, p : sequence of str or int [shape=(n,)]
        True and predicted classes; InputError for one that is not among `labels`.
    labels : sequence of str or int [shape=(k,)]
        The classes, in the order of the rows and columns.
    groups : np.ndarray of int [shape=(n,)], optional
        Group of each row, 0 to ``n_groups - 1``; without it all rows form one group.
    n_groups : int > 0
        Number of groups.

    Returns
    -------
    np.ndarray of int [shape=(n_groups, k, k)]
        ``[g, i, j]``: rows of group g and class i that were taken for class j.
    """
    k = len(labels)
    cell = positions_of(y, labels) * k + positions_of(p, labels, "the predictions")
    if groups is not None:
        cell = cell + np.asarray(groups) * (k * k)
    return np.bincount(cell, minlength=n_groups * k * k).reshape(n_groups, k, k)


def ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide; NaN (without a warning) where `whole` is not positive."""
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), np.nan)


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
    return ratio(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1))


def precision_of(counts: np.ndarray) -> np.ndarray:
    """Compute the precision of every class, as `recall_of`; NaN for one never predicted."""
    return recall_of(np.swapaxes(counts, -2, -1))


def mean_where(values: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Average over the last axis where `present`; NaN where nothing is (without a warning)."""
    return ratio(np.where(present, values, 0.0).sum(axis=-1), present.sum(axis=-1))


def uar_of(counts: np.ndarray) -> np.ndarray:
    """Compute the mean recall of the classes that occur, from (..., k, k); NaN where none does."""
    recall = recall_of(counts)
    return mean_where(recall, ~np.isnan(recall))


def wa_of(counts: np.ndarray) -> np.ndarray:
    """Compute the accuracy from confusion matrices (..., k, k); NaN where a matrix is empty."""
    return ratio(np.trace(counts, axis1=-2, axis2=-1), counts.sum(axis=(-2, -1)))


def macro_f1_of(counts: np.ndarray) -> np.ndarray:
    """Compute the mean F1 of the classes that occur among the true ones, from (..., k, k)."""
    support, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    # F1 = 2 hits / (support + predicted); a class that occurs has a denominator of at least one.
    return mean_where(2 * hits / np.maximum(support + predicted, 1), support > 0)


def cross_entropy_of(y: np.ndarray, posteriors: np.ndarray) -> float:
    """
    Compute the mean negative logarithm (in nats) of the posterior of the true class.

    A system that always gives each of k classes the same posterior has log k; posteriors that are
    confident and wrong cost more. It equals scikit-learn's ``log_loss``, but for posteriors below
    `SMALLEST_POSTERIOR`. NaN where there are no rows.

    Parameters
    ----------
    y : np.ndarray of int [shape=(n,)]
        Index of the true class.
    posteriors : np.ndarray [shape=(n, k)]
        Each row sums to one.

    Raises
    ------
    InputError
        As `checked`: for an index without a column, or a posterior that is not in [0, 1].
    """
    return _cross_entropy(*checked(y, posteriors))


def _cross_entropy(y: np.ndarray, posteriors: np.ndarray) -> float:
    if not len(y):
        return math.nan
    return float(-np.log(np.maximum(posteriors[np.arange(len(y)), y], SMALLEST_POSTERIOR)).mean())


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("uar", "UAR", uar_of, additive=True),
        Metric("wa", "WA", wa_of, additive=True),
        Metric("macro_f1", "macro F1", macro_f1_of),
        Metric(
            "cross_entropy",
            "cross-entropy",
            _cross_entropy,  # The rows of tables are checked at once, not those of each speaker.
            "posteriors",
            bounds=(0.0, math.inf),
            lower_is_better=True,
            additive=True,
        ),
    )
}
"""All metrics by their names, in the order of tables."""


def get(name: str) -> Metric:
    """Return the entry of `METRICS` called `name`; InputError if there is none."""
    if name not in METRICS:
        raise unknown("metric", name, METRICS)
    return METRICS[name]


def confusion(
    y: Sequence[str], p: Sequence[str], labels: Sequence[str] | None = None
) -> "pd.DataFrame":
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
        If the lengths differ, nothing was given, a class is missing or not among `labels`, or
        `labels` hold one twice.
    """
    import pandas as pd

    labels = labels_of(y, p, labels)
    return pd.DataFrame(
        count(y, p, labels)[0],
        index=pd.Index(labels, name="emotion"),
        columns=pd.Index(labels, name="predicted"),
    )


def _from_labels(function: Callable, y: Sequence, p: Sequence) -> float:
    return float(function(count(y, p, labels_of(y, p))[0]))


def uar(y: Sequence, p: Sequence) -> float:
    """
    Compute the unweighted average recall: the mean of the recalls of the classes present in `y`.

    Chance level is one over the number of classes, whatever their frequencies. It equals
    scikit-learn's ``balanced_accuracy_score``.

    Parameters
    ----------
    y, p : sequence of str or int [shape=(n,)]
        True and predicted classes; InputError if the lengths differ, nothing was given, or one is
        missing (None, NaN).

    Examples
    --------
    >>> uar(["anger", "anger", "anger", "fear"], ["anger", "anger", "fear", "fear"])
    0.8333333333333333
    """
    return _from_labels(uar_of, y, p)


def wa(y: Sequence, p: Sequence) -> float:
    """Compute the accuracy ("weighted" accuracy): the fraction of correct rows, in [0, 1]."""
    return _from_labels(wa_of, y, p)


def macro_f1(y: Sequence, p: Sequence) -> float:
    """
    Compute the mean of the F1 scores of the classes present in `y`.

    A class that is only ever predicted costs precision where it was wrong, but has no F1 of its
    own: ``f1_score(y, p, labels=sorted(set(y)), average="macro")`` in scikit-learn's terms, whose
    default would count it as a class with an F1 of zero.
    """
    return _from_labels(macro_f1_of, y, p)


def per_class_recall(y: Sequence[str], p: Sequence[str]) -> "pd.Series":
    """Compute the recall of every class present in `y` (a Series in [0, 1], sorted by class)."""
    import pandas as pd

    labels = labels_of(y, p)
    recall = pd.Series(recall_of(count(y, p, labels)[0]), index=pd.Index(labels, name="emotion"))
    return recall.dropna().rename("recall")
