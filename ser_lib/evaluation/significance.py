"""
Is one system better than another? Paired comparisons over speakers.

Both systems answered the same utterances, so that what a speaker is like cancels out. The
difference comes with an interval (jackknife over speakers, as in `intervals`, without the logit
since a difference has no bounds near) and with the p-value of a permutation test: if the systems
were equal, their answers to a speaker could be swapped without changing anything, and the observed
difference would be an ordinary one among those of all ways of swapping [1]_.

References
----------
.. [1] E. S. Edgington, P. Onghena, "Randomization Tests", 4th ed., Chapman & Hall 2007.
.. [2] B. Phipson, G. K. Smyth, "Permutation p-values should never be zero", Statistical
   Applications in Genetics and Molecular Biology 9 (2010), article 39.
.. [3] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
   Statistics 6 (1979), pp. 65-70.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from ser_lib.errors import InputError, unknown
from ser_lib.evaluation import intervals, metrics

EXACT_UP_TO = 13
"""Speakers up to which all ways of swapping are gone through (2^12 = 4,096 with their mirrors)."""

_LINEAR = ("uar", "wa")


@dataclass(frozen=True)
class Comparison:
    """
    What a paired comparison found.

    Attributes
    ----------
    metric : {"uar", "wa"}
        What was compared.
    difference : float in [-1, 1]
        Score of the first system less that of the second.
    low, high : float in [-1, 1]
        Interval over speakers.
    p : float in (0, 1]
        Two-sided p-value of the permutation test over speakers.
    speakers : int
        How many there are: the number of independent observations.
    exact : bool
        True if every way of swapping was gone through, False if some were drawn at random.
    """

    metric: str
    difference: float
    low: float
    high: float
    p: float
    speakers: int
    exact: bool

    def __str__(self) -> str:
        return (
            f"{metrics.TITLES[self.metric]} {self.difference:+.3f} "
            f"[{self.low:+.3f}, {self.high:+.3f}], p = {self.p:.3g}, {self.speakers} speakers"
        )


def _same_rows(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Refuse tables that are not about the same utterances, however many seeds each has."""
    key = ["utterance", *(c for c in ("fold",) if c in first and c in second)]
    found = []
    for table in (first, second):
        parts = [part for _, part in table.groupby("seed")] if "seed" in table else [table]
        found += [set(p[[*key, "emotion"]].itertuples(index=False, name=None)) for p in parts]
    for other in found[1:]:
        if other != found[0]:
            odd = sorted(map(str, found[0] ^ other))[:3]
            raise InputError(
                "a paired comparison needs the same utterances, folds and true classes in both "
                f"systems and all seeds; {len(found[0] ^ other)} differ, such as {', '.join(odd)}"
            )


def _shares(counts: np.ndarray, metric: str) -> np.ndarray:
    """Say what each speaker adds to the pooled score: (..., speakers, k, k) to (..., speakers)."""
    hits = np.diagonal(counts, axis1=-2, axis2=-1)
    support = counts.sum(axis=(-3, -1))[..., None, :]
    if metric == "wa":
        return hits.sum(axis=-1) / support.sum(axis=-1)
    present = support > 0
    return (hits / np.where(present, support, 1)).sum(axis=-1) / present.sum(axis=-1)


def sign_flip_p(
    shares: np.ndarray, *, permutations: int = 100_000, seed: int = 0
) -> tuple[float, bool]:
    """
    Test whether a sum of paired differences is more than the signs of its terms would give.

    Parameters
    ----------
    shares : np.ndarray [shape=(speakers,)]
        What each speaker adds to the difference.
    permutations : int > 0
        Signs drawn where there are more than `EXACT_UP_TO` speakers.
    seed : int
        Of that draw.

    Returns
    -------
    p : float in (0, 1]
        Two-sided. Drawn signs count the observed ones among them, so that p is never zero [2]_.
    exact : bool
        Whether all signs were gone through.
    """
    n = len(shares)
    observed = abs(shares.sum())
    # Sums of the same terms in another order differ in the last bits: ties must stay ties.
    threshold = observed - 1e-12 * max(1.0, np.abs(shares).sum())
    if n <= EXACT_UP_TO:
        # Turning all signs changes nothing in a two-sided test: the first sign can stay.
        signs = np.array(list(itertools.product((1, -1), repeat=max(n - 1, 0))), dtype=float)
        sums = np.abs(shares[0] + signs.reshape(len(signs), n - 1) @ shares[1:])
        return float((sums >= threshold).mean()), True
    rng = np.random.default_rng(seed)
    above = 0
    for start in range(0, permutations, 10_000):
        rows = min(10_000, permutations - start)
        sums = np.abs((1 - 2.0 * rng.integers(0, 2, size=(rows, n))) @ shares)
        above += int((sums >= threshold).sum())
    return (above + 1) / (permutations + 1), False


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    metric: str = "uar",
    *,
    confidence: float = 0.95,
    permutations: int = 100_000,
    seed: int = 0,
) -> Comparison:
    """
    Compare two systems' answers to the same utterances.

    Parameters
    ----------
    first, second : pd.DataFrame
        Predictions of one part and condition: columns ``utterance, speaker, emotion, predicted``
        and, where there are several, ``seed`` and ``fold``. The systems may have different
        numbers of seeds; each one's counts are averaged over its own.
    metric : {"uar", "wa"}
        Scores that add up over speakers, so that swapping a speaker changes a sign.
    confidence : float in (0, 1)
        Of the interval.
    permutations, seed : int
        See `sign_flip_p`.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If the utterances or their classes differ, speakers are missing, there are fewer than two,
        or the metric is not one of the two.
    """
    if metric not in _LINEAR:
        raise unknown("metric for a comparison", metric, _LINEAR)
    _same_rows(first, second)
    labels = sorted({*first["emotion"], *first["predicted"], *second["predicted"]})
    pair = []
    for table in (first, second):
        counts, speakers = intervals.counts_by_speaker(table, labels)
        if None in speakers or len(speakers) < 2:
            found = "rows without a speaker" if None in speakers else "one speaker"
            raise InputError(f"a comparison over speakers needs at least two; found {found}")
        pair.append(counts.mean(axis=0))
    statistic = metrics.statistic_of(metric)
    scores, without = zip(
        *(intervals.jackknife(counts[None], statistic) for counts in pair), strict=True
    )
    difference = float(scores[0] - scores[1])
    n = len(speakers)
    half = stdtrit(n - 1, (1 + confidence) / 2)
    half = float(half * intervals.standard_error(without[0] - without[1]))
    p, exact = sign_flip_p(
        _shares(pair[0], metric) - _shares(pair[1], metric), permutations=permutations, seed=seed
    )
    low, high = max(-1.0, difference - half), min(1.0, difference + half)
    return Comparison(metric, difference, low, high, p, n, exact)


def holm(p: Sequence[float]) -> np.ndarray:
    """
    Correct p-values for having looked at several comparisons, by Holm's method [3]_.

    Parameters
    ----------
    p : sequence of float [shape=(n,)]
        In [0, 1].

    Returns
    -------
    np.ndarray of float [shape=(n,)]
        In [0, 1], in the order given: below 0.05 where the comparison stands with a chance of at
        most 5 % that any of them is a false alarm.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected


def compare_all(
    systems: Mapping[str, pd.DataFrame], metric: str = "uar", **options: float
) -> pd.DataFrame:
    """
    Compare every pair of systems and correct the p-values by Holm's method.

    Parameters
    ----------
    systems : mapping of str to pd.DataFrame
        Predictions by the name of the system.
    metric : {"uar", "wa"}
        What is compared.
    **options
        Handed on to `compare`.

    Returns
    -------
    pd.DataFrame
        One row per pair: ``first, second, difference, low, high, p, p_holm, speakers``.

    Raises
    ------
    InputError
        As `compare`; or if there are fewer than two systems.
    """
    if len(systems) < 2:
        raise InputError(f"a comparison needs at least two systems; found {len(systems)}")
    rows = []
    for first, second in itertools.combinations(systems, 2):
        found = compare(systems[first], systems[second], metric, **options)
        rows.append(
            {
                "first": first,
                "second": second,
                "difference": found.difference,
                "low": found.low,
                "high": found.high,
                "p": found.p,
                "speakers": found.speakers,
            }
        )
    table = pd.DataFrame(rows)
    table.insert(6, "p_holm", holm(table["p"]))
    return table
