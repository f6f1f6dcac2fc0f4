"""Predictions of a system for every test utterance, and every score derived from them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ser_lib.errors import InputError, unknown
from ser_lib.evaluation import metrics
from ser_lib.evaluation.intervals import limits
from ser_lib.evaluation.metrics import Metric
from ser_lib.evaluation.resampling import (
    check_columns,
    check_once,
    classes_of,
    contributions,
    counts_by_speaker,
    jackknife,
    mean_over_seeds,
    posteriors_of,
    row_error,
    scores_by_seed,
)

KEY = ("part", "condition", "seed", "fold", "utterance")
"""Columns of which no two rows of a table of predictions have the same values."""

COLUMNS = ("utterance", "speaker", "fold", "seed", "part", "condition", "emotion", "predicted")
"""Columns of a table of predictions, before one ``p_<emotion>`` for each class."""

ALL_OUTPUTS = ("recognised", "posterior")
"""
Columns at the end of predictions of a trained model on another corpus: the emotion with the largest
posterior among all that the model knows, of which the corpus may lack some, and this posterior.
"""

PARTS = ("test", "dev")
"""The parts of a fold for which a system makes predictions."""

RANKED_SEEDS = 3
"""Seeds from which on a score has a rank: with fewer, its place is an accident of its trainings."""

# A posterior rounded to six decimals is off by half of this.
_ROUNDING = 1e-6


def validate(predictions: pd.DataFrame) -> None:
    """
    Raise an InputError unless a table has the form of predictions.

    It has if the columns of `COLUMNS` and one ``p_<emotion>`` for each of at least two classes are
    there, parts are test or dev, classes have posteriors, posteriors are in [0, 1] and sum to one
    within the rounding of six decimals, `predicted` is their arg max, and no row occurs twice.
    """
    check_columns(predictions, COLUMNS)
    classes = classes_of(predictions)
    if len(classes) < 2:
        raise InputError(
            "predictions: expected a column p_<emotion> for each of at least two classes; "
            f"found {len(classes)}"
        )
    if predictions.empty:
        raise InputError("predictions: the table has no rows")
    for column, known in (("part", PARTS), ("emotion", classes), ("predicted", classes)):
        wrong = ~predictions[column].isin(known).to_numpy()
        if wrong.any():
            value = predictions.loc[wrong, column].iloc[0]
            what = f"{column} {value!r} (expected {', '.join(known)})"
            raise row_error(predictions, wrong, what)
    p = posteriors_of(predictions)
    rounding = _ROUNDING * len(classes)
    wrong = np.abs(p.sum(axis=1) - 1) > rounding
    if wrong.any():
        total = p[wrong][0].sum()
        raise row_error(predictions, wrong, f"posteriors that sum to {total:.6f} instead of 1")
    own = p[np.arange(len(p)), pd.Index(classes).get_indexer(predictions["predicted"])]
    wrong = own < p.max(axis=1) - _ROUNDING
    if wrong.any():
        what = "`predicted` that is not the arg max of its posteriors"
        raise row_error(predictions, wrong, what)
    check_once(predictions, KEY)


def _metrics_of(rows: pd.DataFrame) -> list[Metric]:
    """Return the metrics that can be computed; without posteriors those of confusion matrices."""
    return [m for m in metrics.METRICS.values() if m.input == "counts" or classes_of(rows)]


def summarise(rows: pd.DataFrame, classes: Sequence[str] | None = None) -> dict[str, float]:
    """
    Score pooled rows by every metric, with 95 % intervals over speakers and seeds.

    Parameters
    ----------
    rows : pd.DataFrame
        Predictions of one part and condition.
    classes : sequence of str, optional
        The classes; by default all that occur.

    Returns
    -------
    dict
        For every entry of `metrics.METRICS` its name, ``<name>_low`` and ``<name>_high``: ``uar,
        uar_low, uar_high, wa, ..., cross_entropy_high``. The limits are NaN where a row has no
        speaker, there are fewer than three speakers, or there is no spread; metrics of posteriors
        are NaN where there are none.
    """
    scores = {f"{n}{end}": np.nan for n in metrics.METRICS for end in ("", "_low", "_high")}
    for metric in _metrics_of(rows):
        values, function, speakers = contributions(metric, rows, classes)
        score, without = jackknife(values, function)
        scores[metric.name] = float(score)
        if None not in speakers:
            by_seed = scores_by_seed(values, function)
            low, high = limits(score, without, by_seed=by_seed, bounds=metric.bounds)
            scores |= {f"{metric.name}_low": float(low), f"{metric.name}_high": float(high)}
    return scores


def score_all_outputs(rows: pd.DataFrame) -> dict[str, float]:
    """
    Score the emotions that a trained model recognises, those that the corpus lacks among them.

    Parameters
    ----------
    rows : pd.DataFrame
        Predictions of one part and condition, with the columns `ALL_OUTPUTS`.

    Returns
    -------
    dict
        ``uar, uar_low, uar_high, wa`` as of `summarise`, and ``largest_posterior``, the mean over
        all rows.
    """
    scores = summarise(rows[list(COLUMNS)].assign(predicted=rows[ALL_OUTPUTS[0]]))
    kept = {name: scores[name] for name in ("uar", "uar_low", "uar_high", "wa")}
    return kept | {"largest_posterior": float(rows[ALL_OUTPUTS[1]].mean())}


def describe_all_outputs(rows: pd.DataFrame) -> str:
    """Write what `score_all_outputs` computes: UAR with its interval, accuracy, posteriors."""
    found = score_all_outputs(rows)
    uar = with_limits(*(found[name] for name in ("uar", "uar_low", "uar_high")))
    return (
        f"UAR {uar}; {100 * found['wa']:.0f} % of these recordings are recognised, and the largest "
        f"posterior is {found['largest_posterior']:.2f} on average"
    )


def with_limits(score: float, low: float, high: float) -> str:
    """
    Write a score and its interval, if it has one.

    Examples
    --------
    >>> with_limits(0.6912, 0.6398, 0.7377)
    '0.691 [0.640, 0.738]'
    >>> with_limits(0.6912, float("nan"), float("nan"))
    '0.691'
    """
    return f"{score:.3f}" + (f" [{low:.3f}, {high:.3f}]" if np.isfinite([low, high]).all() else "")


def score_groups(
    rows: pd.DataFrame, column: str, classes: Sequence[str] | None = None
) -> pd.DataFrame:
    """
    Score folds or speakers over the classes present in each, seed by seed, and average.

    Parameters
    ----------
    rows : pd.DataFrame
        Predictions of one part and condition.
    column : {"fold", "speaker", "seed"}
        What to group by. Folds keep their order, speakers and seeds are sorted.
    classes : sequence of str, optional
        The classes; by default all that occur.

    Returns
    -------
    pd.DataFrame
        Index `column`; one column for every entry of `metrics.METRICS`; the number of ``classes``
        and ``utterances``; which ``speakers`` a fold tested, or in which ``folds`` a speaker was
        tested, as text. Rows without a speaker are left out of the scores of speakers.
    """
    sort, other = column != "fold", "speaker" if column == "fold" else "fold"
    groups = rows.groupby(column, sort=sort, observed=True)
    index = pd.Index(list(pd.factorize(rows[column], sort=sort)[1]), name=column)
    table = pd.DataFrame(np.nan, index=index, columns=list(metrics.METRICS))
    if table.empty:
        return table
    for metric in _metrics_of(rows):
        values, function, names = contributions(metric, rows, classes, column=column, sort=sort)
        scores = mean_over_seeds(function(values).T)
        table[metric.name] = pd.Series(scores, index=names).reindex(table.index)
    return table.assign(
        classes=groups["emotion"].nunique(),
        utterances=groups["utterance"].nunique(),
        **{f"{other}s": groups[other].agg(lambda g: ", ".join(map(str, g.dropna().unique())))},
    )


def score_classes(rows: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    """
    Score each class on pooled rows.

    Parameters
    ----------
    rows : pd.DataFrame
        Predictions of one part and condition.
    classes : sequence of str
        The classes, in the order wanted.

    Returns
    -------
    pd.DataFrame
        Index ``emotion``; ``recall, recall_low, recall_high`` (95 % interval over seeds and the
        speakers who have the class), ``precision`` in [0, 1], ``count`` (rows of the class under
        one seed).
    """
    counts, speakers = counts_by_speaker(rows, classes)
    pooled = counts.sum(axis=1)
    known = np.array([speaker is not None for speaker in speakers])
    result = {}
    for i, name in enumerate(classes):
        # Leaving out a speaker without the class says nothing about the spread of its recall.
        have = counts[:, :, i, :].sum(axis=(0, 2)) > 0
        values, recall = counts[:, have], lambda c, i=i: metrics.recall_of(c)[..., i]
        score, without = jackknife(values, recall)
        low, high = limits(score, without, by_seed=scores_by_seed(values, recall))
        if not known[have].all():
            low = high = np.nan
        result[name] = {
            "recall": float(score),
            "recall_low": float(low),
            "recall_high": float(high),
            "precision": float(mean_over_seeds(metrics.precision_of(pooled)[:, i])),
            "count": round(pooled[:, i].sum() / len(pooled)),
        }
    return pd.DataFrame.from_dict(result, orient="index").rename_axis("emotion")


def _number(rows: pd.DataFrame, column: str) -> str:
    """Write how many different values a column has: "10 speakers"."""
    n = rows[column].nunique()
    return f"{n} {column}" if n == 1 else f"{n} {column}s"


@dataclass(repr=False)
class Evaluation:
    """
    The predictions of a system on a corpus under a protocol, and the record of how they were made.

    Every score is derived from `predictions`: it is computed from the pooled rows of all folds, for
    each seed, and averaged over seeds; intervals are over speakers and seeds (see
    `ser_lib.evaluation.intervals`), and NaN where rows have no speaker.

    Attributes
    ----------
    predictions : pd.DataFrame
        One row per utterance, fold, seed, part ("test" or "dev") and condition ("clean" unless the
        recording was degraded), columns as `validate` checks them.
    record : dict
        How the predictions were made: corpus, system, parameters, versions, times.
    """

    predictions: pd.DataFrame
    record: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        validate(self.predictions)

    def __repr__(self) -> str:
        names = [str(self.record[key]) for key in ("system", "corpus") if key in self.record]
        rows = self.predictions[self.predictions["part"] == "test"]
        shape = (
            f"{rows['utterance'].nunique()} utterances, {rows['fold'].nunique()} folds, "
            f"{rows['seed'].nunique()} seeds, {len(self.classes)} classes"
        )
        return f"Evaluation({' on '.join(names)}{': ' if names else ''}{shape})"

    def summary(self, metric: str = "uar") -> str:
        """
        Write the pooled test score in a line, with all that is needed to read it.

        Parameters
        ----------
        metric : str
            Name of an entry of `metrics.METRICS`.

        Returns
        -------
        str
            The score with its 95 % interval, how many classes, utterances, speakers, folds and
            seeds it is of, and the spread over seeds; as far as the record has them, of which
            corpus and under which protocol and normalisation.

        Examples
        --------
        >>> print(evaluation.summary())                                     # doctest: +SKIP
        UAR 0.764 [0.704, 0.815] on emodb 1.3.0: 7 classes, 535 utterances of 10 speakers; leave
        one speaker out, 10 of 10 folds; normalisation train; 1 seed (interval over speakers alone)
        """
        known = metrics.get(metric)
        score, low, high = self.scores()[[known.name, f"{known.name}_low", f"{known.name}_high"]]
        rows, record = self.rows(), self.record
        specification = record.get("specification", {})
        corpus = [record.get("corpus"), specification.get("corpus", {}).get("version")]
        where = f" on {' '.join(map(str, filter(None, corpus)))}" if any(corpus) else ""
        folds = f"{rows['fold'].nunique()}"
        if "n_folds" in record:
            folds += f" of {record['n_folds']}"
        tested = rows["emotion"].nunique()
        untested = f" ({tested} of them tested)" if tested < len(self.classes) else ""
        parts = [
            f"{len(self.classes)} classes{untested}, {_number(rows, 'utterance')} of "
            f"{_number(rows, 'speaker')}",
            ", ".join(filter(None, [record.get("protocol_title"), f"{folds} folds"])),
            f"normalisation {specification['normalisation']}" if specification else "",
            self._seeds(metric)
            or f"1 seed{' (interval over speakers alone)' if np.isfinite(low) else ''}",
        ]
        own = with_limits(score, low, high)
        return f"{known.title} {own}{where}: {'; '.join(filter(None, parts))}"

    def _seeds(self, metric: str) -> str:
        """Write how many seeds there are and how far their scores spread; nothing of one seed."""
        scores = self.by_seed()[metric]
        if len(scores) == 1:
            return ""
        spread = f"{scores.min():.3f} to {scores.max():.3f}, standard deviation {scores.std():.3f}"
        return f"{len(scores)} seeds ({spread})"

    @property
    def classes(self) -> tuple[str, ...]:
        """The emotions that the system can predict, in the order of the posteriors."""
        return classes_of(self.predictions)

    def rows(self, part: str = "test", condition: str | None = "clean") -> pd.DataFrame:
        """
        Select the predictions of one part and condition.

        Parameters
        ----------
        part : {"test", "dev"}
            Test rows, or those of the development speakers.
        condition : str or None
            How the recordings were degraded; None for all conditions.

        Raises
        ------
        InputError
            If there are no such rows.
        """
        rows = self.predictions
        for column, wanted in (("part", part), ("condition", condition)):
            if wanted is not None:
                present = sorted(rows[column].unique())
                if wanted not in present:
                    raise unknown(f"{column} of this evaluation", wanted, present)
                rows = rows[rows[column] == wanted]
        return rows

    def scores(self, part: str = "test", condition: str = "clean") -> pd.Series:
        """
        Score the pooled predictions by every metric.

        Returns
        -------
        pd.Series of float
            As `summarise`: ``uar, uar_low, uar_high, wa, ...``.
        """
        return pd.Series(summarise(self.rows(part, condition), self.classes), name="score")

    def by_seed(self, part: str = "test", condition: str = "clean") -> pd.DataFrame:
        """Score the pooled predictions of each seed: index ``seed``, a column for every metric."""
        table = score_groups(self.rows(part, condition), "seed", self.classes)
        return table[list(metrics.METRICS)]

    def by_condition(self, part: str = "test") -> pd.DataFrame:
        """Score each condition as `scores` does (one row each, in order of appearance)."""
        groups = self.rows(part, None).groupby("condition", sort=False, observed=True)
        rows = {name: summarise(rows, self.classes) for name, rows in groups}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("condition")

    def by_fold(self, part: str = "test", condition: str = "clean") -> pd.DataFrame:
        """Score each fold over the classes present, averaged over seeds; see `score_groups`."""
        return score_groups(self.rows(part, condition), "fold", self.classes)

    def by_speaker(self, part: str = "test", condition: str = "clean") -> pd.DataFrame:
        """Score each speaker over the classes present, averaged over seeds; see `score_groups`."""
        return score_groups(self.rows(part, condition), "speaker", self.classes)

    def per_class(self, part: str = "test", condition: str = "clean") -> pd.DataFrame:
        """Score each class on the pooled predictions; see `score_classes`."""
        return score_classes(self.rows(part, condition), self.classes)

    def confusion(self, part: str = "test", condition: str = "clean") -> pd.DataFrame:
        """Count over all folds and seeds which class (rows) was taken for which (columns)."""
        rows = self.rows(part, condition)
        return metrics.confusion(rows["emotion"], rows["predicted"], self.classes)
