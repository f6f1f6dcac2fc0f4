"""
What each speaker contributes to a metric, so that resampling speakers is arithmetic.

Intervals leave speakers out, and permutation tests swap the predictions of two systems for some
speakers. For that, every metric is brought into one form: an array per speaker that is added up,
and a function of the sum. For confusion matrices these are the matrices themselves; for a mean over
utterances the sum and the number of utterances; for any other function of posteriors a list of
which speakers are in the sample, from whose utterances it is then computed.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from ser_lib.errors import InputError
from ser_lib.evaluation import metrics
from ser_lib.evaluation.metrics import Metric

POSTERIOR = "p_"
"""Prefix of the columns of posteriors: ``p_<emotion>``."""


class Contributions(NamedTuple):
    """
    A metric as a function of a sum over groups, such as speakers.

    Attributes
    ----------
    values : np.ndarray [shape=(seeds, groups, a, b)]
        What every group adds under every seed.
    function : callable
        Sums (..., a, b) to values of the metric (...), NaN where it has none.
    groups : np.ndarray of object [shape=(groups,)]
        Names of the groups; None stands for rows without a name.
    """

    values: np.ndarray
    function: Callable[[np.ndarray], np.ndarray]
    groups: np.ndarray


def classes_of(predictions: pd.DataFrame) -> tuple[str, ...]:
    """Read the classes from the columns ``p_<emotion>``, in their order."""
    names = (str(column) for column in predictions.columns)
    return tuple(name.removeprefix(POSTERIOR) for name in names if name.startswith(POSTERIOR))


def check_columns(rows: pd.DataFrame, columns: Sequence[str], whose: str = "predictions") -> None:
    """Raise an InputError that names the columns that a table lacks, if it lacks any."""
    missing = [column for column in columns if column not in rows]
    if missing:
        found = ", ".join(map(str, rows.columns)) or "none"
        raise InputError(f"{whose}: columns {', '.join(missing)} are missing; found {found}")


def row_error(
    rows: pd.DataFrame, wrong: np.ndarray, what: str, whose: str = "predictions"
) -> InputError:
    """Make the error for some rows of a table of predictions, naming the first."""
    first = rows.loc[wrong].iloc[0]
    names = {"utterance": repr, "fold": repr, "seed": str}
    where = [f"{name} {write(first[name])}" for name, write in names.items() if name in rows]
    where = ", ".join(where) or f"row {int(np.argmax(wrong))}"
    return InputError(f"{whose}: {what} in {np.count_nonzero(wrong)} rows, first {where}")


def check_once(rows: pd.DataFrame, key: Sequence[str], whose: str = "predictions") -> None:
    """Raise an InputError if there are several rows of the same key."""
    repeated = rows.duplicated(list(key)).to_numpy()
    if repeated.any():
        what = f"repeated predictions (equal in {', '.join(key)})"
        raise row_error(rows, repeated, what, whose)


def check_labels(metric: Metric, rows: pd.DataFrame, whose: str = "predictions") -> None:
    """Raise an InputError if there are no rows, or some lack a label that the metric needs."""
    if rows.empty:
        raise InputError(f"there is nothing to score: the {whose} have no rows")
    labels = ("emotion", "predicted") if metric.input == "counts" else ("emotion",)
    check_columns(rows, labels, whose)
    for column in (*labels, *(["seed"] if "seed" in rows else [])):
        missing = rows[column].isna().to_numpy()
        if missing.any():
            raise row_error(rows, missing, f"`{column}` is missing (None or NaN)", whose)


def posteriors_of(rows: pd.DataFrame, whose: str = "predictions") -> np.ndarray:
    """Read the posteriors [shape=(rows, classes)]; InputError if one is not in [0, 1]."""
    try:
        p = rows[[POSTERIOR + name for name in classes_of(rows)]].to_numpy(dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"{whose}: posteriors are not numbers: {error}") from None
    wrong = metrics.outside(p)
    if wrong.any():
        what = "missing posteriors (NaN) or posteriors outside [0, 1]"
        raise row_error(rows, wrong, what, whose)
    return p


def _summed(
    metric: Metric, rows: pd.DataFrame, code: np.ndarray, n: int, labels: Sequence[str] | None
) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Bring a metric into the form of `Contributions`, for rows in groups 0 to n - 1."""
    if metric.input == "counts":
        y, p = rows["emotion"], rows["predicted"]
        return metrics.count(y, p, metrics.labels_of(y, p, labels), code, n), metric.function
    classes = classes_of(rows)
    if not classes:
        raise InputError(
            f"{metric.title} is computed from posteriors; found no column {POSTERIOR}<emotion> in "
            "the predictions"
        )
    y = metrics.positions_of(rows["emotion"], classes)
    posteriors = posteriors_of(rows)
    members = [np.flatnonzero(code == group) for group in range(n)]
    if metric.additive:
        values = np.zeros((n, 1, 2))
        for group, own in enumerate(members):
            if len(own):
                values[group] = metric.function(y[own], posteriors[own]) * len(own), len(own)
        return values, lambda sums: metrics.ratio(sums[..., 0, 0], sums[..., 0, 1])

    def of_sample(sample: np.ndarray) -> float:
        groups = np.flatnonzero(sample > 0.5)
        own = np.sort(np.concatenate([members[group] for group in groups])) if len(groups) else []
        return metric.function(y[own], posteriors[own]) if len(own) else np.nan

    def of_samples(samples: np.ndarray) -> np.ndarray:
        values = [of_sample(sample) for sample in samples.reshape(-1, n)]
        return np.array(values, dtype=float).reshape(samples.shape[:-2])

    return np.eye(n)[:, None, :], of_samples


def contributions(
    metric: Metric,
    predictions: pd.DataFrame,
    labels: Sequence[str] | None = None,
    *,
    column: str = "speaker",
    sort: bool = True,
) -> Contributions:
    """
    Compute what every speaker (or other group) contributes to a metric under every seed.

    A speaker whose utterances are tested in several folds (pairs of speakers, random redraws) is
    one speaker: its folds are added.

    Parameters
    ----------
    metric : Metric
        What is computed.
    predictions : pd.DataFrame
        Columns `column` and ``emotion``, where there are several seeds ``seed``, and ``predicted``
        or ``p_<emotion>`` as the metric needs them.
    labels : sequence of str [shape=(k,)], optional
        The classes of confusion matrices; by default all that occur, sorted.
    column : str
        What groups the rows. Those without a value are one group at the end, called None, so that
        totals are complete.
    sort : bool
        Whether groups are sorted by name; otherwise they are in order of appearance.

    Raises
    ------
    InputError
        If there are no rows, a column is missing, a row has no label (None, NaN), a class is not
        among `labels`, or a posterior is not in [0, 1].
    """
    check_labels(metric, predictions)
    check_columns(predictions, [column])
    code, groups = pd.factorize(predictions[column], sort=sort, use_na_sentinel=True)
    names = np.empty(len(groups) + (code < 0).any(), dtype=object)
    names[: len(groups)] = groups
    n, n_seeds = len(names), 1
    code = np.where(code < 0, len(groups), code)
    if "seed" in predictions:
        seed, seeds = pd.factorize(predictions["seed"], sort=True)
        code, n_seeds = seed * n + code, len(seeds)
    values, function = _summed(metric, predictions, code, n_seeds * n, labels)
    return Contributions(values.reshape(n_seeds, n, *values.shape[1:]), function, names)


def counts_by_speaker(
    predictions: pd.DataFrame, labels: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """
    Count the confusion matrix of every seed and speaker.

    Returns
    -------
    counts : np.ndarray of int [shape=(seeds, speakers, k, k)]
        Rows are true, columns predicted classes.
    speakers : np.ndarray of object [shape=(speakers,)]
        Sorted; None stands for rows without a speaker.
    """
    counts, _, speakers = contributions(metrics.METRICS["uar"], predictions, labels)
    return counts, speakers


def mean_over_seeds(values: np.ndarray) -> np.ndarray:
    """Average over the last axis what is not NaN; NaN where nothing is left."""
    return metrics.mean_where(values, ~np.isnan(values))


def scores_by_seed(values: np.ndarray, function: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Compute the pooled score of each seed [shape=(..., seeds)]; parameters as of `jackknife`."""
    return function(values.sum(axis=-3))


def jackknife(
    values: np.ndarray, function: Callable[[np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """
    Compute a pooled score, and the same without each speaker in turn.

    With several seeds the score is computed for each seed and averaged, with and without the
    speaker alike.

    Parameters
    ----------
    values : np.ndarray [shape=(..., seeds, speakers, a, b)]
        What each speaker contributes, for example confusion matrices.
    function : callable
        Sums (..., a, b) to scores (...).

    Returns
    -------
    score : np.ndarray of float [shape=(...)]
        Of all speakers.
    without : np.ndarray of float [shape=(..., speakers)]
        Of all speakers but one.
    """
    total = values.sum(axis=-3, keepdims=True)
    score = mean_over_seeds(scores_by_seed(values, function))
    without = mean_over_seeds(np.swapaxes(function(total - values), -1, -2))
    return score, without
