"""
Confidence intervals over speakers.

Utterances of one speaker resemble each other: a voice that is hard to read is hard in all its
utterances. Intervals over utterances are therefore far too narrow, and speakers are the unit here.
There are few of them, so that the percentile bootstrap is too narrow as well. We use the jackknife:
the score is computed again without each speaker in turn, which gives its standard error [1]_, and
the interval is Student's, with as many degrees of freedom as speakers less one, on the logit scale.
A score in [0, 1] asks for such a transformation [2]_: it keeps the interval inside and makes it
reach further towards chance than towards perfection where the score is high.

Coverage of nominal 95 % intervals of UAR, lowest and highest over eight ways in which speakers may
differ (standard deviation of logits over speakers 0 to 1, over speakers and classes 0 to 1.2; true
UAR 0.66 and 0.91), 10,000 corpora each, shaped like EmoDB (10 speakers, 7 uneven classes) and
RAVDESS (24 speakers); ``tests/evaluation/test_intervals.py`` defines the simulation and repeats it
in small:

=======================================  ============  ============
method                                   10 speakers   24 speakers
=======================================  ============  ============
this one                                 0.937, 0.955  0.943, 0.953
jackknife, Student's t, not transformed  0.907, 0.952  0.932, 0.951
percentile bootstrap over speakers       0.864, 0.907  0.913, 0.929
normal approximation over utterances     0.491, 0.948  0.470, 0.949
=======================================  ============  ============

The last is right only where speakers do not differ at all.

What no interval over test speakers holds: the folds of a cross-validation share most of their
training speakers, so that another corpus of the same kind may differ by more.

References
----------
.. [1] B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall 1993, ch. 11.
.. [2] R. G. Miller, "The jackknife - a review", Biometrika 61 (1974), pp. 1-15.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.special import expit, logit, stdtrit

from ser_lib.errors import InputError
from ser_lib.evaluation import metrics

Statistic = Callable[[np.ndarray], np.ndarray]
"""A score as a function of confusion matrices: (..., k, k) to (...), NaN where it has no value."""


def counts_by_speaker(
    predictions: pd.DataFrame, labels: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """
    Count the confusion matrix of every seed and speaker.

    A speaker whose utterances are tested in several folds (pairs of speakers, random redraws) is
    one speaker: the counts of its folds are added.

    Parameters
    ----------
    predictions : pd.DataFrame
        Columns ``speaker, emotion, predicted`` and, where there are several, ``seed``.
    labels : sequence of str [shape=(k,)], optional
        The classes; by default all that occur, sorted.

    Returns
    -------
    counts : np.ndarray of int [shape=(seeds, speakers, k, k)]
        Rows are true, columns predicted classes. Rows without a speaker are one "speaker" at the
        end, so that totals are right.
    speakers : np.ndarray of object [shape=(speakers,)]
        Sorted; None stands for rows without a speaker.

    Raises
    ------
    InputError
        If there are no rows or a class is not among `labels`.
    """
    y, p = predictions["emotion"], predictions["predicted"]
    labels = metrics.labels_of(y, p, labels)
    code, speakers = pd.factorize(predictions["speaker"], sort=True, use_na_sentinel=True)
    speakers = list(speakers)
    if (code < 0).any():
        code = np.where(code < 0, len(speakers), code)
        speakers.append(None)
    seed, n_seeds = np.zeros(len(predictions), dtype=int), 1
    if "seed" in predictions:
        seed, seeds = pd.factorize(predictions["seed"], sort=True)
        n_seeds = len(seeds)
    n = len(speakers)
    counts = metrics.count(y, p, labels, groups=seed * n + code, n_groups=n_seeds * n)
    k = len(labels)
    return counts.reshape(n_seeds, n, k, k), np.array(speakers, dtype=object)


def mean_over_seeds(values: np.ndarray) -> np.ndarray:
    """Average over the last axis what is not NaN; NaN where nothing is left."""
    return metrics.mean_where(values, ~np.isnan(values))


def jackknife(counts: np.ndarray, statistic: Statistic) -> tuple[np.ndarray, np.ndarray]:
    """
    Compute a pooled score, and the same without each speaker in turn.

    With several seeds the score is computed from each seed's pooled counts and averaged, with and
    without the speaker alike.

    Parameters
    ----------
    counts : np.ndarray [shape=(..., seeds, speakers, k, k)]
        Confusion matrices.
    statistic : callable
        (..., k, k) to (...).

    Returns
    -------
    score : np.ndarray of float [shape=(...)]
        Of all speakers.
    without : np.ndarray of float [shape=(..., speakers)]
        Of all speakers but one.
    """
    total = counts.sum(axis=-3, keepdims=True)
    score = mean_over_seeds(statistic(total)[..., 0])
    without = mean_over_seeds(np.swapaxes(statistic(total - counts), -1, -2))
    return score, without


def standard_error(without: np.ndarray) -> np.ndarray:
    """
    Compute the jackknife's standard error from the scores without each speaker.

    Parameters
    ----------
    without : np.ndarray [shape=(..., speakers)]
        The second result of `jackknife`.

    Returns
    -------
    np.ndarray of float [shape=(...)]
        NaN for fewer than two speakers, or where a score without one speaker has no value.
    """
    n = without.shape[-1]
    if n < 2:
        return np.full(without.shape[:-1], np.nan)
    # Equals the standard error of the mean of the pseudo-values n * score - (n - 1) * without.
    return np.sqrt((n - 1) * without.var(axis=-1))


def limits(
    score: np.ndarray, without: np.ndarray, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """
    Turn the results of `jackknife` into the limits of an interval.

    A score of exactly one (or zero) has no spread to learn from. Then all that is known is that n
    speakers out of n were perfect: a share q of speakers who are not would have let that happen
    with probability (1 - q)^n, and the score is at least 1 - q.

    Parameters
    ----------
    score : np.ndarray [shape=(...)]
        In [0, 1].
    without : np.ndarray [shape=(..., speakers)]
        The score without each speaker.
    confidence : float in (0, 1)
        Of the two-sided interval.

    Returns
    -------
    low, high : np.ndarray of float [shape=(...)]
        In [0, 1]; NaN for fewer than two speakers.

    Raises
    ------
    InputError
        If `confidence` is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}; expected a number between 0 and 1")
    score = np.asarray(score, dtype=float)
    n = without.shape[-1]
    error = standard_error(without)
    if n < 2:
        return error, error.copy()
    tail = (1 - confidence) / 2
    spread = score * (1 - score)
    inside = np.nan_to_num(spread) > 1e-12
    centre = logit(np.where(inside, score, 0.5))
    half = stdtrit(n - 1, 1 - tail) * error / np.where(inside, spread, 1)
    furthest = 1 - tail ** (1 / n)
    low = np.where(inside, expit(centre - half), np.where(score > 0.5, 1 - furthest, 0.0))
    high = np.where(inside, expit(centre + half), np.where(score > 0.5, 1.0, furthest))
    unknown = np.isnan(score) | np.isnan(error)
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


def interval(
    predictions: pd.DataFrame, statistic: str | Statistic = "uar", *, confidence: float = 0.95
) -> tuple[float, float]:
    """
    Compute the interval of a pooled score over speakers.

    Parameters
    ----------
    predictions : pd.DataFrame
        Columns ``speaker, emotion, predicted`` and, where there are several, ``seed``. Speakers who
        are tested in several folds count once (see `counts_by_speaker`).
    statistic : {"uar", "wa", "macro_f1"} or callable
        The score; a callable maps confusion matrices (..., k, k) to (...).
    confidence : float in (0, 1)
        How often such intervals are to hold the true score.

    Returns
    -------
    low, high : float in [0, 1]
        NaN where there is no interval over speakers: with fewer than two, or where rows have none.

    Raises
    ------
    InputError
        If the statistic is unknown, `confidence` is not between 0 and 1, or there are no rows.
    """
    if isinstance(statistic, str):
        statistic = metrics.statistic_of(statistic)
    counts, speakers = counts_by_speaker(predictions)
    score, without = jackknife(counts, statistic)
    low, high = limits(score, without, confidence)
    if None in speakers:
        return float("nan"), float("nan")
    return float(low), float(high)
