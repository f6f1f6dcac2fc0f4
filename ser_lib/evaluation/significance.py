"""
Is one system better than another? Paired comparisons over speakers.

Both systems are evaluated on the same utterances, so that differences between speakers cancel. The
difference of their scores comes with an interval (jackknife over speakers, as in `intervals`, but
not transformed, since a difference is rarely near its bounds) and with the p-value of a permutation
test: if the systems were equal, their predictions for a speaker could be swapped without changing
anything, and the observed difference would be an ordinary one among those of all ways of swapping
[1]_. For an additive metric, such as UAR, this is the sign-flip test of what each speaker adds to
the difference.

Training seeds are a second source of chance: a training that went well is better for most speakers,
and no swapping of speakers shows it. The question is which *system* is better, not which of two
trainings, so that the difference is that of the expected scores over speakers and seeds. Where a
system has several seeds, the variance of its mean over them is added to that of the speakers (with
Satterthwaite's degrees of freedom, as in `intervals`), and p is the larger of two: that of the
permutation test and that of Student's test with the same error as the interval. With a single seed
the chance of its training cannot be known, and the comparison is of trainings.

Two systems that are equal on average and whose seeds differ as in the simulations of `intervals`
(3 or 5 seeds each, 10 or 24 speakers, 300 pairs of each kind) have p <= 0.05 in 0 to 5 % of the
cases; by the permutation test alone it were 8 to 32 %.

References
----------
.. [1] E. S. Edgington, P. Onghena, "Randomization Tests", 4th ed., Chapman & Hall 2007.
.. [2] B. Phipson, G. K. Smyth, "Permutation p-values should never be zero", Statistical
   Applications in Genetics and Molecular Biology 9 (2010), article 39.
.. [3] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of
   Statistics 6 (1979), pp. 65-70.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from ser_lib.errors import InputError, unknown
from ser_lib.evaluation import metrics
from ser_lib.evaluation.intervals import (
    check_confidence,
    combined_error,
    seed_variance,
    standard_error,
)
from ser_lib.evaluation.metrics import Metric
from ser_lib.evaluation.resampling import (
    check_columns,
    check_labels,
    check_once,
    classes_of,
    contributions,
    jackknife,
    mean_over_seeds,
    posteriors_of,
    scores_by_seed,
)

ALPHA = 0.05
"""Largest corrected p-value at which a difference counts."""
EXACT_UP_TO = 13
"""Speakers up to which all ways of swapping are tried (2^12 = 4,096 with their mirrors)."""
PERMUTATIONS = 100_000
"""Ways of swapping that are drawn at random where there are more speakers."""

_TOO_FEW = "a comparison over speakers needs at least two; found {}"


@dataclass(frozen=True)
class Comparison:
    """
    Result of a paired comparison.

    Attributes
    ----------
    metric : str
        Name of the metric in `metrics.METRICS`.
    difference, low, high : float
        Score of the first system less that of the second, and its interval over speakers and seeds.
    p : float in (0, 1]
        Two-sided p-value: of the permutation test over speakers, or, where that is larger, of
        Student's test over speakers and seeds.
    speakers : int
        Number of speakers: the number of independent observations.
    exact : bool
        True if every way of swapping was tried, False if some were drawn at random.
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
            f"{metrics.get(self.metric).title} {self.difference:+.3f} "
            f"[{self.low:+.3f}, {self.high:+.3f}], p = {self.p:.3g}, {self.speakers} speakers"
        )


def sign_flip_p(
    difference: Callable[[np.ndarray], np.ndarray],
    n: int,
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> tuple[float, bool]:
    """
    Test whether a difference is larger than swapping the systems for some speakers would give.

    Parameters
    ----------
    difference : callable
        Takes signs [shape=(m, n)], -1 for speakers for whom the systems are swapped, else 1, and
        returns the difference of the scores [shape=(m,)]. All signs turned must turn its sign.
    n : int > 0
        Number of speakers.
    permutations, seed : int
        How many signs are drawn where there are more than `EXACT_UP_TO` speakers, and with what
        seed.

    Returns
    -------
    p : float in (0, 1]
        Two-sided. Drawn signs count the observed ones among them, so that p is never zero [2]_.
    exact : bool
        Whether all signs were tried.

    Raises
    ------
    InputError
        If the observed difference is not a number.
    """
    one_swapped = 1.0 - 2.0 * np.eye(n)
    observed, *swapped = difference(np.vstack([np.ones(n), one_swapped]))
    if not np.isfinite(observed):
        raise InputError(
            f"the observed difference is {observed}; expected a number: a score has no value here"
        )
    # Sums of the same terms in another order differ in the last bits: ties must stay ties.
    scale = np.abs(observed - np.array(swapped)).sum() / 2
    threshold = abs(observed) - 1e-12 * max(1.0, scale)
    if n <= EXACT_UP_TO:
        # Turning all signs changes nothing in a two-sided test: the first sign can stay.
        signs = np.array([(1, *rest) for rest in itertools.product((1, -1), repeat=n - 1)], float)
        return float((np.abs(difference(signs)) >= threshold).mean()), True
    rng = np.random.default_rng(seed)
    above = 0
    for start in range(0, permutations, 10_000):
        rows = min(10_000, permutations - start)
        signs = 1 - 2.0 * rng.integers(0, 2, size=(rows, n))
        above += int((np.abs(difference(signs)) >= threshold).sum())
    return (above + 1) / (permutations + 1), False


def _check_rows(metric: Metric, first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Refuse rows that cannot be scored, or of which it is not known whose they are."""
    if first.empty or second.empty:
        raise InputError("a comparison needs predictions of both systems; found none of one")
    for which, table in (("first", first), ("second", second)):
        whose = f"predictions of the {which} system"
        check_columns(table, ["utterance", "speaker"], whose)
        check_labels(metric, table, whose)
        if metric.input == "posteriors":
            posteriors_of(table, whose)
        if table["speaker"].isna().any():
            raise InputError(_TOO_FEW.format("rows without a speaker"))


def _check_same_rows(first: pd.DataFrame, second: pd.DataFrame) -> None:
    """Refuse tables that are not about the same utterances, however many seeds each has."""
    key = ["utterance", *(c for c in ("fold",) if c in first and c in second)]
    contents = []
    for which, table in (("first", first), ("second", second)):
        seeds = ["seed"] if "seed" in table else []
        check_once(table, [*key, *seeds], f"predictions of the {which} system")
        columns = [np.asarray(table[c], dtype=object) for c in (*key, "emotion", "speaker")]
        parts = table.groupby("seed").indices.values() if seeds else [slice(None)]
        contents += [set(zip(*(c[rows].tolist() for c in columns), strict=True)) for rows in parts]
    for other in contents[1:]:
        if other != contents[0]:
            odd = contents[0] ^ other
            here, there = ({tuple(map(_plain, row)) for row in c} for c in (contents[0], other))
            advice = (
                "; they differ only in how they are written: read all with the same types, as by "
                "`dtype=str`"
            )
            raise InputError(
                "a paired comparison needs the same utterances, folds, true classes and speakers "
                f"in both systems and all seeds; {len(odd)} differ, such as "
                f"{', '.join(sorted(map(str, odd))[:3])}{advice if here == there else ''}"
            )


def _plain(value: object) -> str:
    """Write "03", 3 and 3.0 alike: a CSV that is read without types makes numbers of texts."""
    try:
        return str(float(value))
    except (TypeError, ValueError):
        return str(value)


def _paired(
    metric: Metric, first: pd.DataFrame, second: pd.DataFrame
) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Return what each speaker adds to the scores of either system, and the metric of sums."""
    runs = []
    for table in (first, second):
        seed = pd.factorize(table["seed"], sort=True)[0] if "seed" in table else 0
        runs.append(table.assign(seed=seed + sum(run["seed"].max() + 1 for run in runs)))
    n_first = int(runs[0]["seed"].max()) + 1
    values, function, speakers = contributions(metric, pd.concat(runs, ignore_index=True))
    if len(speakers) < 2:
        raise InputError(_TOO_FEW.format("one speaker"))
    return values[:n_first], values[n_first:], function


def _flipped(
    metric: Metric,
    function: Callable[[np.ndarray], np.ndarray],
    first: np.ndarray,
    second: np.ndarray,
) -> Callable[[np.ndarray], np.ndarray]:
    """Make the function of signs that `sign_flip_p` asks for, from what `_paired` returns."""
    # Each seed of one system with one of the other, all equally often.
    pairs = np.arange(math.lcm(len(first), len(second)))
    first, second = (values[pairs % len(values)] for values in (first, second))
    centre, halves = (first + second).sum(axis=1) / 2, (first - second) / 2

    def flipped(signs: np.ndarray) -> np.ndarray:
        differences = []
        for middle, apart in zip(centre, halves, strict=True):
            shift = np.tensordot(signs, apart, 1)
            differences.append(function(middle + shift) - function(middle - shift))
        return mean_over_seeds(np.stack(differences, axis=-1))

    if not metric.additive:
        return flipped
    # Each speaker's part of the difference has the sign of its own.
    parts = flipped(np.eye(first.shape[1]))
    return lambda signs: signs @ parts


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    metric: str = "uar",
    *,
    confidence: float = 0.95,
    permutations: int | None = None,
    seed: int = 0,
) -> Comparison:
    """
    Compare the predictions of two systems for the same utterances.

    Parameters
    ----------
    first, second : pd.DataFrame
        Predictions of one part and condition: columns ``utterance, speaker, emotion``, where there
        are several ``seed`` and ``fold``, and ``predicted`` or ``p_<emotion>`` as the metric needs
        them. The systems may have different numbers of seeds: scores are averaged over seeds, and
        for swapping the seeds are paired in turn.
    metric : str
        Name of an entry of `metrics.METRICS`.
    confidence : float in (0, 1)
        Of the interval.
    permutations, seed : int, optional
        See `sign_flip_p`; by default 100,000, and 10,000 for a metric of posteriors that is not a
        mean over utterances, which must be computed from all posteriors each time.

    Raises
    ------
    InputError
        If the utterances, their classes or their speakers differ, or an utterance occurs twice
        under a seed (rows of several parts or conditions); if a label, a posterior or a speaker is
        missing; if there are fewer than two speakers, or the metric is unknown.
    """
    metric = metrics.get(metric)
    check_confidence(confidence)
    _check_rows(metric, first, second)
    _check_same_rows(first, second)
    one, other = (sorted(classes_of(table)) for table in (first, second))
    if metric.input == "posteriors" and one != other:
        raise InputError(
            "a paired comparison of posteriors needs the same classes in both systems; found "
            f"{', '.join(one) or 'none'} and {', '.join(other) or 'none'}"
        )
    *pair, function = _paired(metric, first, second)
    scores, without = zip(*(jackknife(values, function) for values in pair), strict=True)
    difference = float(scores[0] - scores[1])
    n = pair[0].shape[1]
    seeds = [seed_variance(scores_by_seed(values, function)) for values in pair]
    # Of the means over seeds: see the notes on top.
    by_chance = [
        np.sqrt(variance / len(values)) for (variance, _), values in zip(seeds, pair, strict=True)
    ]
    error, degrees = combined_error(
        [standard_error(without[0] - without[1]), *by_chance], [n - 1, *(d for _, d in seeds)]
    )
    half = float(stdtrit(degrees, (1 + confidence) / 2) * error)

    if permutations is None:
        permutations = PERMUTATIONS if metric.additive or metric.input == "counts" else 10_000
    flipped = _flipped(metric, function, *pair)
    p, exact = sign_flip_p(flipped, n, permutations=permutations, seed=seed)
    if any(chance > 0 for chance in by_chance):
        p = max(p, float(2 * stdtr(degrees, -abs(difference) / error)))
    widest = metric.bounds[1] - metric.bounds[0]
    low, high = max(-widest, difference - half), min(widest, difference + half)
    return Comparison(metric.name, difference, low, high, p, n, exact)


def holm(p: Sequence[float]) -> np.ndarray:
    """
    Correct p-values for making several comparisons, by Holm's method [3]_.

    Parameters
    ----------
    p : sequence of float [shape=(n,)]
        In [0, 1].

    Returns
    -------
    np.ndarray of float [shape=(n,)]
        In the order given: below 0.05 where the comparison stands with a chance of at most 5 %
        that any of them is a false alarm.

    Raises
    ------
    InputError
        If a p-value is not in [0, 1].

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p, dtype=float)
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError(f"p is {p.tolist()}; expected numbers from 0 to 1")
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(steps, 1.0)
    return corrected


def compare_all(
    systems: Mapping[str, pd.DataFrame],
    metric: str = "uar",
    *,
    reference: str | None = None,
    **options: float,
) -> pd.DataFrame:
    """
    Compare systems in pairs and correct the p-values by Holm's method.

    Parameters
    ----------
    systems : mapping of str to pd.DataFrame
        Predictions by the name of the system.
    metric : str
        Name of an entry of `metrics.METRICS`.
    reference : str, optional
        Name of the system with which each of the others is compared; by default every pair is.
        The fewer comparisons, the smaller the difference that can be told from chance.
    **options
        Passed to `compare`.

    Returns
    -------
    pd.DataFrame
        One row per pair: ``first, second, difference, low, high, p, p_holm, speakers``.

    Raises
    ------
    InputError
        As `compare`; or if there are fewer than two systems, or none of the name `reference`.
    """
    if len(systems) < 2:
        raise InputError(f"a comparison needs at least two systems; found {len(systems)}")
    if reference is not None and reference not in systems:
        raise unknown("reference", reference, systems)
    pairs = itertools.combinations(systems, 2)
    if reference is not None:
        pairs = [(name, reference) for name in systems if name != reference]
    rows = []
    for first, second in pairs:
        try:
            result = compare(systems[first], systems[second], metric, **options)
        except InputError as error:
            raise InputError(f"{first} (first) and {second} (second): {error}") from None
        rows.append({"first": first, "second": second, **vars(result)})
    table = pd.DataFrame(rows).drop(columns=["metric", "exact"])
    table.insert(6, "p_holm", holm(table["p"]))
    return table


def smallest_p(speakers: int, *, permutations: int = PERMUTATIONS) -> float:
    """
    Compute the smallest p-value that a comparison over so many speakers can give.

    Of all ways of swapping, one and its mirror give the largest difference; where there are more
    than `EXACT_UP_TO` speakers, so many `permutations` are drawn.

    Examples
    --------
    >>> smallest_p(10)
    0.001953125
    """
    return 2.0 ** (1 - speakers) if speakers <= EXACT_UP_TO else 1 / (permutations + 1)


def conclude(comparisons: pd.DataFrame, metric: str = "uar", *, alpha: float = ALPHA) -> str:
    """
    Write what follows from paired comparisons.

    Parameters
    ----------
    comparisons : pd.DataFrame
        From `compare_all`.
    metric : str
        The metric that was compared.
    alpha : float in (0, 1)
        Largest corrected p-value at which a difference counts.

    Returns
    -------
    str
        A sentence for each system that others are ahead of or behind, as far as the differences
        count, one about those that do not, and, where none could have counted, one that says so.
    """
    title, sign = metrics.get(metric).title, -1 if metrics.get(metric).lower_is_better else 1
    counting = comparisons[comparisons["p_holm"] <= alpha]
    order = np.where(sign * counting["difference"] > 0, "ahead of", "behind")
    sentences = [
        f"{', '.join(rows['first'])} {'is' if len(rows) == 1 else 'are'} {order} {second} by "
        f"{_range(rows, title)}."
        for (second, order), rows in counting.groupby(["second", order], sort=False)
    ]
    others = len(comparisons) - len(counting)
    if others and sentences:
        sentences.append(f"No other of {len(comparisons)} differences can be told from chance.")
    elif others:
        row = comparisons.loc[comparisons["p"].idxmin()]
        sentences.append(
            f"No difference can be told from chance (of {len(comparisons)}); the clearest is "
            f"that of {row['first']} and {row['second']} (p = {row['p']:.2g}, corrected "
            f"{row['p_holm']:.2g})."
        )
    speakers = int(comparisons["speakers"].max())
    smallest = min(1.0, len(comparisons) * smallest_p(speakers))
    if smallest > alpha:
        sentences.append(
            f"None could have been: with that many comparisons over {speakers} speakers no "
            f"corrected p is below {smallest:.2g}."
        )
    return " ".join(sentences)


def _range(rows: pd.DataFrame, title: str) -> str:
    """Write by how much systems differ from another: one with its interval, several in short."""
    sizes, p = rows["difference"].abs(), rows["p_holm"]
    if len(rows) > 1:
        return f"{sizes.min():.3f} to {sizes.max():.3f} {title} (corrected p at most {p.max():.2g})"
    (row,) = rows.itertuples()
    low, high = (row.low, row.high) if row.difference > 0 else (-row.high, -row.low)
    return f"{sizes.max():.3f} {title} [{low:.3f}, {high:.3f}] (corrected p = {p.max():.2g})"
