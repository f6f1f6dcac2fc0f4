"""
Confidence intervals over speakers and training seeds.

Utterances of one speaker resemble each other: a voice whose emotions are hard to recognise is hard
in all its utterances. Intervals over utterances are therefore far too narrow, and speakers are the
unit here. There are few of them, so that the percentile bootstrap is too narrow as well. We use the
jackknife: the score is computed again without each speaker in turn, which gives its standard error
[1]_, and the interval is Student's, with as many degrees of freedom as speakers less one, on a
transformed scale [2]_: the logit for scores in [0, 1], the logarithm for scores that are only
bounded below, such as the cross-entropy. The transformation keeps the interval within the bounds
and makes it reach further on the side on which there is room.

Coverage of nominal 95 % intervals of UAR, lowest and highest over eight ways in which speakers may
differ (standard deviation of logits over speakers 0 to 1, over speakers and classes 0 to 1.2; true
UAR 0.66 and 0.91), 10,000 corpora each, shaped like EmoDB (10 speakers, 7 uneven classes) and
RAVDESS (24 speakers); and of the cross-entropy over four (standard deviation over speakers 0 to 2),
5,000 corpora each. ``tests/evaluation/test_intervals.py`` defines the simulations and repeats them
in small:

========================================  ============  ============
UAR                                       10 speakers   24 speakers
========================================  ============  ============
jackknife, logit scale (used here)        0.937, 0.955  0.943, 0.953
jackknife, not transformed                0.907, 0.952  0.932, 0.951
percentile bootstrap over speakers        0.864, 0.907  0.913, 0.929
normal approximation over utterances      0.491, 0.948  0.470, 0.949
========================================  ============  ============

========================================  ============  ============
cross-entropy                             10 speakers   24 speakers
========================================  ============  ============
jackknife, logarithmic scale (used here)  0.942, 0.951  0.945, 0.948
jackknife, not transformed                0.923, 0.950  0.938, 0.948
========================================  ============  ============

The approximation over utterances is valid only where speakers do not differ at all.

A network trained again with another seed is another network. The score of several seeds is their
mean, and the interval is made for somebody who trains once, with a seed of their own: it is to
contain the score that this training has on average over speakers. To the squared error over
speakers it adds the variance of a new seed and that of the mean over the S seeds there are:
s^2 (1 + 1 / S), where s^2 is the variance of their scores. The degrees of freedom are
Satterthwaite's [3]_, so that three seeds give a wide interval if it is they that differ. An
interval for the mean over all seeds would be narrower, but nobody has a mean of trainings. Equal
scores under all seeds add nothing. From a single seed nothing can be said of others: the interval
is over speakers alone, and tables mark it.

Coverage of nominal 95 % intervals of the UAR of one training with a seed that was not among those
evaluated: of its true UAR, over all speakers, and of the one measured on the same test speakers;
lowest and highest over the eight ways in which speakers may differ, 10,000 corpora each. Seeds
change the logits of all speakers (standard deviation 0.12) and of each (0.3), and 30 % of the
utterances are recognised anew, which gives a standard deviation of UAR over seeds of 0.030, as
networks have it on EmoDB (0.032):

===============================  ============  ============  ============  ============
UAR of a new training            10 speakers                 24 speakers
-------------------------------  --------------------------  --------------------------
seeds                            3             5             3             5
===============================  ============  ============  ============  ============
speakers and seeds, true         0.962, 0.977  0.957, 0.982  0.945, 0.960  0.960, 0.968
speakers and seeds, measured     0.960, 0.999  0.965, 0.999  0.937, 0.997  0.954, 0.998
speakers alone, true             0.802, 0.931  0.797, 0.932  0.594, 0.904  0.578, 0.910
speakers alone, measured         0.753, 0.996  0.739, 0.995  0.566, 0.989  0.545, 0.992
===============================  ============  ============  ============  ============

They are a little wider than they need be, since what is drawn anew for each utterance counts among
speakers and among seeds.

No interval over test speakers covers another source of variation: the folds of a cross-validation
share most of their training speakers, so that another corpus of the same kind may differ by more.

References
----------
.. [1] B. Efron, R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall 1993, ch. 11.
.. [2] R. G. Miller, "The jackknife - a review", Biometrika 61 (1974), pp. 1-15.
.. [3] F. E. Satterthwaite, "An approximate distribution of estimates of variance components",
   Biometrics Bulletin 2 (1946), pp. 110-114.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.special import expit, logit, stdtrit

from ser_lib.errors import InputError
from ser_lib.evaluation import metrics
from ser_lib.evaluation.metrics import Metric
from ser_lib.evaluation.resampling import contributions, jackknife, scores_by_seed

SPEAKERS = 3
"""
Fewest speakers from whom an interval is made.

Two have one degree of freedom: an interval from them spans nearly all scores, or nothing where the
two happen to agree.
"""


def standard_error(without: np.ndarray) -> np.ndarray:
    """
    Compute the jackknife's standard error from the scores without each speaker.

    Parameters
    ----------
    without : np.ndarray [shape=(..., speakers)]
        The second result of `ser_lib.evaluation.resampling.jackknife`.

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


def combined_error(
    errors: Sequence[np.ndarray], degrees: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """
    Add independent errors, each estimated with its own degrees of freedom.

    Parameters
    ----------
    errors : sequence of np.ndarray [shape=(...)]
        Standard errors of the parts.
    degrees : sequence of int > 0
        Degrees of freedom of each.

    Returns
    -------
    error : np.ndarray of float [shape=(...)]
        Standard error of the sum.
    degrees : np.ndarray of float [shape=(...)]
        Its degrees of freedom by Satterthwaite's formula [3]_: those of the first part where the
        others are zero.
    """
    variances = [np.square(error) for error in errors]
    total = np.sum(variances, axis=0)
    weighted = np.sum([v * v / n for v, n in zip(variances, degrees, strict=True)], axis=0)
    certain = ~(weighted > 0)  # Also where there is no value.
    combined = total * total / np.where(certain, 1.0, weighted)
    return np.sqrt(total), np.where(certain, float(degrees[0]), combined)


def seed_variance(by_seed: np.ndarray) -> tuple[np.ndarray, int]:
    """
    Compute the variance of the scores over seeds, and its degrees of freedom.

    Parameters
    ----------
    by_seed : np.ndarray [shape=(..., seeds)]
        From `ser_lib.evaluation.resampling.scores_by_seed`.

    Returns
    -------
    variance : np.ndarray of float [shape=(...)]
        Of one seed (not of their mean); zero for a single seed, of which nothing can be said.
    degrees : int
        Seeds less one, but at least one.
    """
    seeds = by_seed.shape[-1]
    if seeds < 2:
        return np.zeros(by_seed.shape[:-1]), 1
    # Equal scores are equal to the last bit, and their variance is to be zero.
    same = (by_seed == by_seed[..., :1]).all(axis=-1)
    return np.where(same, 0.0, by_seed.var(axis=-1, ddof=1)), seeds - 1


def check_confidence(confidence: float) -> None:
    """Raise an InputError unless `confidence` is between 0 and 1."""
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}; expected a number between 0 and 1")


def limits(
    score: np.ndarray,
    without: np.ndarray,
    confidence: float = 0.95,
    *,
    by_seed: np.ndarray | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> tuple[np.ndarray, np.ndarray]:
    """
    Turn the results of `jackknife` into the limits of an interval.

    A score of exactly one (or zero) has no spread from which to estimate an interval. Then all that
    is known is that n speakers out of n were perfect: a fraction q of speakers who are not would
    have let that happen with probability (1 - q)^n, and the score is at least 1 - q. Of a score
    without an upper bound that says nothing, and the upper limit is infinite. Nor does any other
    score have a spread if it is the same without each speaker and under each seed, as that of few
    speakers may be who happen to be alike: there is no interval then.

    Parameters
    ----------
    score : np.ndarray [shape=(...)]
        Within `bounds`.
    without : np.ndarray [shape=(..., speakers)]
        The score without each speaker.
    confidence : float in (0, 1)
        Of the two-sided interval; InputError for another value.
    by_seed : np.ndarray [shape=(..., seeds)], optional
        The score under each seed. With two or more the interval is that of one new training;
        otherwise it is over speakers alone.
    bounds : tuple of two floats
        Smallest and largest possible score: the interval is Student's on the logit scale between
        two finite bounds, on the logarithmic scale above a lower bound, else not transformed.

    Returns
    -------
    low, high : np.ndarray of float [shape=(...)]
        Within `bounds`; NaN for fewer than `SPEAKERS`, and where there is no spread.
    """
    check_confidence(confidence)
    score = np.asarray(score, dtype=float)
    n = without.shape[-1]
    error = standard_error(without)
    if n < SPEAKERS:
        return np.full_like(error, np.nan), np.full_like(error, np.nan)
    tail = (1 - confidence) / 2
    smallest, largest = bounds
    degrees = n - 1
    if by_seed is not None:
        variance, seeds_less_one = seed_variance(by_seed)
        # Of a new seed, and of the mean over those that there are.
        new_seed = np.sqrt(variance * (1 + 1 / by_seed.shape[-1]))
        error, degrees = combined_error([error, new_seed], [n - 1, seeds_less_one])
    quantile = stdtrit(degrees, 1 - tail)
    if math.isfinite(smallest) and math.isfinite(largest):
        x, error = (score - smallest) / (largest - smallest), error / (largest - smallest)
        spread = x * (1 - x)
        inside = np.nan_to_num(spread) > 1e-12
        centre = logit(np.where(inside, x, 0.5))
        half = quantile * error / np.where(inside, spread, 1)
        furthest = 1 - tail ** (1 / n)
        low = np.where(inside, expit(centre - half), np.where(x > 0.5, 1 - furthest, 0.0))
        high = np.where(inside, expit(centre + half), np.where(x > 0.5, 1.0, furthest))
        low, high = (smallest + (largest - smallest) * limit for limit in (low, high))
    elif math.isfinite(smallest):
        x = score - smallest
        inside = np.nan_to_num(x) > 1e-12
        factor = np.exp(quantile * error / np.where(inside, x, 1))
        low = smallest + np.where(inside, x / factor, 0.0)
        high = smallest + np.where(inside, x * factor, np.inf)
    else:
        low, high = score - quantile * error, np.minimum(score + quantile * error, largest)
        inside = np.full(score.shape, True)
    unknown = np.isnan(score) | np.isnan(error) | (inside & (error < 1e-12))
    return np.where(unknown, np.nan, low), np.where(unknown, np.nan, high)


def interval(
    predictions: pd.DataFrame,
    metric: str | Metric | Callable[[np.ndarray], np.ndarray] = "uar",
    *,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """
    Compute the interval of a pooled score over speakers and, where there are several, seeds.

    Parameters
    ----------
    predictions : pd.DataFrame
        Columns ``speaker, emotion``, where there are several seeds ``seed``, and ``predicted`` or
        ``p_<emotion>`` as the metric needs them. Speakers who are tested in several folds count
        once.
    metric : str, Metric or callable
        Name of an entry of `metrics.METRICS`, such an entry, or a function that maps confusion
        matrices (..., k, k) to scores (...) in [0, 1].
    confidence : float in (0, 1)
        How often such intervals are to contain the true score.

    Returns
    -------
    low, high : float
        Within the bounds of the metric; NaN where there is no interval over speakers: with fewer
        than `SPEAKERS`, or where rows have none.

    Raises
    ------
    InputError
        If the metric is unknown, `confidence` is not between 0 and 1, or there are no rows.
    """
    if isinstance(metric, str):
        metric = metrics.get(metric)
    elif not isinstance(metric, Metric):
        metric = Metric("statistic", "statistic", metric)
    values, function, speakers = contributions(metric, predictions)
    score, without = jackknife(values, function)
    by_seed = scores_by_seed(values, function)
    low, high = limits(score, without, confidence, by_seed=by_seed, bounds=metric.bounds)
    if None in speakers:
        return float("nan"), float("nan")
    return float(low), float(high)
