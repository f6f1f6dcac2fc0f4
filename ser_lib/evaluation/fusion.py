"""
Fusion: the posteriors of several systems, or of several seeds of one, combined into one.

With equal weights the posteriors are averaged. Of the usual rules this one suffers least from
members whose posteriors are wrong [1]_: one that is sure and mistaken is outvoted, while in a
product it decides alone. It is also how networks with different seeds are averaged [2]_.

With fitted weights their logarithms are averaged, with a weight for each member (the logarithmic
opinion pool [3]_)::

    log p(k) = sum over members m of w_m log p_m(k), less what makes the p(k) sum to one

There a member's weight and its temperature are one number: a member that is too sure of itself has
a smaller weight. So weights and temperatures that fit development rows best are found together, by
a convex problem with one unknown per member.

References
----------
.. [1] J. Kittler, M. Hatef, R. P. W. Duin, J. Matas, "On combining classifiers", IEEE Transactions
   on Pattern Analysis and Machine Intelligence 20 (1998), pp. 226-239.
.. [2] B. Lakshminarayanan, A. Pritzel, C. Blundell, "Simple and scalable predictive uncertainty
   estimation using deep ensembles", Advances in Neural Information Processing Systems 30 (2017).
.. [3] C. Genest, J. V. Zidek, "Combining probability distributions: a critique and an annotated
   bibliography", Statistical Science 1 (1986), pp. 114-135.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import logsumexp, softmax

from ser_lib.errors import InputError, unknown
from ser_lib.evaluation.metrics import (
    SMALLEST_POSTERIOR,
    checked,
    checked_posteriors,
    positions_of,
)
from ser_lib.evaluation.predictions import COLUMNS, KEY
from ser_lib.evaluation.resampling import (
    POSTERIOR,
    check_columns,
    check_once,
    classes_of,
    posteriors_of,
)

WEIGHTS = ("equal", "fitted")
"""How the members of a fusion are weighted."""

_DECIMALS = 6


def pool(posteriors: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """
    Combine the posteriors of several members.

    Parameters
    ----------
    posteriors : np.ndarray [shape=(members, n, k)]
        Of each member.
    weights : np.ndarray [shape=(members,)], optional
        At least 0, of the logarithms; there a posterior below `SMALLEST_POSTERIOR` counts as that.
        By default the posteriors are averaged.

    Returns
    -------
    np.ndarray of float [shape=(n, k)]
        Rows sum to one.

    Raises
    ------
    InputError
        If a posterior is not in [0, 1], or there is not one weight of at least 0 for each member.

    Examples
    --------
    >>> posteriors = np.array([[[0.9, 0.1]], [[0.5, 0.5]]])
    >>> pool(posteriors).round(3), pool(posteriors, [0.5, 0.5]).round(3)
    (array([[0.7, 0.3]]), array([[0.75, 0.25]]))
    """
    posteriors = checked_posteriors(posteriors)
    if weights is None:
        mean = posteriors.mean(axis=0)
        return mean / mean.sum(axis=-1, keepdims=True)
    weights = np.asarray(weights, dtype=float)
    if weights.shape != posteriors.shape[:1] or not (np.isfinite(weights) & (weights >= 0)).all():
        raise InputError(
            f"weights are {weights.tolist()}; expected a number of at least 0 for each of "
            f"{len(posteriors)} members"
        )
    return softmax(np.tensordot(weights, _logarithms(posteriors), 1), axis=-1)


def fit_weights(posteriors: np.ndarray, y: np.ndarray) -> np.ndarray:
    """
    Find the weights of log posteriors under which the true classes are most likely.

    The sum of the cross-entropies is minimised with a normal prior of standard deviation 1 / M
    around equal weights 1 / M, which keeps them finite where all rows are recognised, and near
    equal where there are few.

    Parameters
    ----------
    posteriors : np.ndarray [shape=(members, n, k)]
        Of development rows.
    y : np.ndarray of int [shape=(n,)]
        Index of the true class.

    Returns
    -------
    np.ndarray of float [shape=(members,)]
        At least 0.

    Raises
    ------
    InputError
        If there is not one index from 0 to k - 1 per row, or a posterior is not in [0, 1].
    """
    y, posteriors = checked(y, posteriors)
    logarithms = _logarithms(posteriors)
    members, n, _ = logarithms.shape
    true = logarithms[:, np.arange(n), y].sum(axis=1)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = np.tensordot(weights, logarithms, 1)
        apart = members * weights - 1
        value = logsumexp(scores, axis=-1).sum() - weights @ true + apart @ apart / 2
        expected = (logarithms * softmax(scores, axis=-1)).sum(axis=(1, 2))
        return value, expected - true + members * apart

    start = np.full(members, 1 / members)
    return minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None)] * members).x


def _logarithms(posteriors: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(posteriors, SMALLEST_POSTERIOR))


def fuse(
    members: Mapping[str, pd.DataFrame], weights: str = "equal"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """
    Fuse the predictions of several systems for the same utterances.

    Seeds are paired: seed 1 of the fusion is made of seed 1 of every member, and has what seeds all
    members have. A member with one seed counts for all of them.

    Parameters
    ----------
    members : mapping of str to pd.DataFrame
        Predictions by the name of the member; columns as of `Evaluation.predictions`.
    weights : {"equal", "fitted"}
        Whether members count alike, or as much as fits the development rows of each fold and seed
        best. Test rows are never looked at for it.

    Returns
    -------
    predictions : pd.DataFrame
        Test rows under all conditions that the members share, and development rows if all members
        have the same.
    weights : pd.DataFrame
        A row for each seed and fold, a column for each member.

    Raises
    ------
    InputError
        If there are fewer than two members; a row of one occurs twice or has posteriors that are
        not in [0, 1]; they differ in utterances, speakers, folds or classes, or have no part,
        condition or seed in common; or weights are to be fitted and there are no development rows.
    """
    if weights not in WEIGHTS:
        raise unknown("kind of weights", weights, WEIGHTS)
    if len(members) < 2:
        raise InputError(f"a fusion needs at least two members; found {len(members)}")
    tables = _aligned(members)
    first = next(iter(tables.values()))
    classes = classes_of(first)
    columns = [POSTERIOR + name for name in classes]
    posteriors = np.stack([table[columns].to_numpy(dtype=float) for table in tables.values()])
    y = positions_of(first["emotion"], classes)
    development = (first["part"] == "dev").to_numpy()
    fused, found = np.empty(posteriors.shape[1:]), {}
    groups = first.groupby(["seed", "fold"], sort=False).indices
    for (seed, fold), rows in groups.items():
        own = None
        if weights == "fitted":
            fit = rows[development[rows]]
            if not len(fit):
                raise InputError(
                    f"weights are fitted to development rows; found none that all members predict "
                    f"in fold {fold!r}, seed {seed}"
                )
            own = fit_weights(posteriors[:, fit], y[fit])
        fused[rows] = pool(posteriors[:, rows], own)
        found[seed, fold] = np.full(len(tables), 1 / len(tables)) if own is None else own
    index = pd.MultiIndex.from_tuples(found, names=["seed", "fold"])
    return _predictions(first, fused), pd.DataFrame(
        list(found.values()), index=index, columns=list(tables)
    )


def average_seeds(predictions: pd.DataFrame) -> pd.DataFrame:
    """
    Fuse the seeds of one system with equal weights, as one system of seed 0.

    Parameters
    ----------
    predictions : pd.DataFrame
        Columns as of `Evaluation.predictions`; a single seed is returned as seed 0.

    Raises
    ------
    InputError
        If the seeds do not predict the same utterances in the same folds, as where a protocol draws
        them at random.
    """
    seeds = {f"seed {seed}": rows for seed, rows in predictions.groupby("seed")}
    seeds = {name: rows.assign(seed=0) for name, rows in seeds.items()}
    if len(seeds) == 1:
        return next(iter(seeds.values())).reset_index(drop=True)
    return fuse(seeds)[0]


def _aligned(members: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Bring members to the same seeds and rows, in the same order."""
    for name, table in members.items():
        check_columns(table, COLUMNS, f"predictions of {name}")
    several = {n: set(t["seed"]) for n, t in members.items() if t["seed"].nunique() > 1}
    seeds = sorted(set.intersection(*several.values())) if several else [0]
    if not seeds:
        listed = "; ".join(f"{name} {sorted(own)}" for name, own in several.items())
        raise InputError(f"the members of a fusion have no seed in common: {listed}")
    first, *others = members
    conditions, parts = (_shared(members, column) for column in ("condition", "part"))
    aligned = {}
    for name, table in members.items():
        table = table[table["condition"].isin(conditions) & table["part"].isin(parts)]
        check_once(table, KEY, f"predictions of {name}")
        posteriors_of(table, f"predictions of {name}")
        if name in several:
            table = table[table["seed"].isin(seeds)]
        else:
            table = pd.concat([table.assign(seed=seed) for seed in seeds])
        aligned[name] = table.set_index(list(KEY), drop=False)
    for name in others:
        _check_same(first, aligned[first], name, aligned[name])
        aligned[name] = aligned[name].loc[aligned[first].index]
    return {name: table.reset_index(drop=True) for name, table in aligned.items()}


def _shared(members: Mapping[str, pd.DataFrame], column: str) -> set:
    """Return what all members have in a column; InputError if there is nothing."""
    own = {name: set(table[column]) for name, table in members.items()}
    shared = set.intersection(*own.values())
    if not shared:
        listed = "; ".join(f"{name} {sorted(values)}" for name, values in own.items())
        raise InputError(f"the members of a fusion have no {column} in common: {listed}")
    return shared


def _check_same(name: str, table: pd.DataFrame, other_name: str, other: pd.DataFrame) -> None:
    """Refuse two members that are not about the same rows, speakers and classes."""
    if classes_of(table) != classes_of(other):
        raise InputError(
            f"members of a fusion need the same classes; found {', '.join(classes_of(table))} in "
            f"{name} and {', '.join(classes_of(other))} in {other_name}"
        )
    odd = table.index.symmetric_difference(other.index)
    if not len(odd):
        own, theirs = (t[["emotion", "speaker"]].astype(object) for t in (table, other))
        theirs = theirs.loc[own.index]
        # A speaker who is known to neither is no difference.
        odd = own.index[((own != theirs) & ~(own.isna() & theirs.isna())).any(axis=1)]
    if len(odd):
        raise InputError(
            "members of a fusion need the same utterances, folds, true classes and speakers under "
            f"each seed; {name} and {other_name} differ in {len(odd)}, such as "
            f"{', '.join(map(str, odd[0]))}"
        )


def _predictions(rows: pd.DataFrame, posteriors: np.ndarray) -> pd.DataFrame:
    """Put fused posteriors in the place of those of the rows."""
    classes = classes_of(rows)
    # Rounded first, so that the written posteriors give the written prediction.
    posteriors = np.round(posteriors, _DECIMALS)
    table = rows[list(COLUMNS)].reset_index(drop=True)
    table["predicted"] = np.asarray(classes, dtype=object)[posteriors.argmax(axis=1)]
    table[[POSTERIOR + name for name in classes]] = posteriors
    return table
