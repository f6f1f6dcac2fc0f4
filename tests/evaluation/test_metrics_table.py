"""One entry in `METRICS` is all that a new metric needs."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from ser_lib.evaluation import Evaluation, compare, interval, metrics
from ser_lib.evaluation.metrics import METRICS, Metric
from ser_lib.evaluation.predictions import score_groups


def error_rate(counts):
    return 1 - metrics.wa_of(counts)


def brier(y, posteriors):
    return float(((posteriors - np.eye(posteriors.shape[1])[y]) ** 2).sum(axis=1).mean())


def auc(y, posteriors):
    """Area under the curve of the first class against the rest; NaN without one of the two."""
    return roc_auc_score(y == 0, posteriors[:, 0]) if 0 < (y == 0).sum() < len(y) else np.nan


NEW = {
    "counts": Metric("new", "error rate", error_rate, lower_is_better=True),
    "mean of posteriors": Metric(
        "new", "Brier score", brier, "posteriors", bounds=(0.0, 2.0), additive=True
    ),
    "posteriors": Metric("new", "AUC of anger", auc, "posteriors"),
}
REFERENCE = {
    "error rate": lambda y, posteriors: 1 - np.mean(posteriors.argmax(axis=1) == y),
    # 1 - 2 p_y + sum of squares, row by row.
    "Brier score": lambda y, posteriors: np.mean(
        [1 - 2 * p[i] + p @ p for i, p in zip(y, posteriors, strict=True)]
    ),
    "AUC of anger": lambda y, posteriors: roc_auc_score(y == 0, posteriors[:, 0]),
}


@pytest.fixture(params=NEW.values(), ids=NEW)
def metric(request, monkeypatch):
    """Put a new entry in the table."""
    monkeypatch.setitem(METRICS, "new", request.param)
    return request.param


@pytest.fixture
def graded(predictions):
    """Make predictions whose posteriors all differ."""

    def make(**options):
        rows = predictions(**options)
        columns = [name for name in rows if name.startswith("p_")]
        noise = np.random.default_rng(options.get("random_state", 0)).dirichlet([4] * 3, len(rows))
        rows[columns] = 0.6 * rows[columns] + 0.4 * noise
        rows["predicted"] = rows[columns].idxmax(axis=1).str.removeprefix("p_")
        return rows

    return make


def by_hand(metric, rows):
    columns = [name for name in rows if name.startswith("p_")]
    y = rows["emotion"].map({name.removeprefix("p_"): i for i, name in enumerate(columns)})
    return REFERENCE[metric.title](y.to_numpy(), rows[columns].to_numpy())


def test_a_new_metric_is_scored_with_its_interval(metric, graded):
    rows = graded(seeds=(0, 1))
    scores = Evaluation(rows).scores()
    each = [by_hand(metric, s) for _, s in rows.groupby("seed")]
    assert scores["new"] == pytest.approx(np.mean(each))
    assert (scores["new_low"], scores["new_high"]) == interval(rows, "new")
    assert metric.bounds[0] <= scores["new_low"] < scores["new"] < scores["new_high"]
    assert interval(rows, metric) == interval(rows, "new")


def test_a_new_metric_is_scored_by_speaker(metric, graded):
    rows = graded()
    table = Evaluation(rows).by_speaker()
    own = rows[rows["speaker"] == "s3"]
    assert table.loc["s3", "new"] == pytest.approx(by_hand(metric, own))
    assert list(table)[: len(METRICS)] == list(METRICS)


def test_a_new_metric_is_compared(metric, graded):
    first = graded(speakers=4, right=0.9)
    second = graded(speakers=4, right=0.4, random_state=1)
    comparison = compare(first, second, "new")
    assert comparison.difference == pytest.approx(by_hand(metric, first) - by_hand(metric, second))
    assert comparison.low < comparison.difference < comparison.high
    # Of 16 ways of swapping four speakers, none but the observed one and its mirror is as far.
    assert comparison.p == 2 / 16
    assert str(comparison).startswith(f"{metric.title} {comparison.difference:+.3f} [")


def test_a_metric_of_all_posteriors_gives_the_jackknife_and_test_of_a_mean(graded, monkeypatch):
    slow = Metric("slow", "cross-entropy", metrics.cross_entropy_of, "posteriors", (0.0, np.inf))
    monkeypatch.setitem(METRICS, "slow", slow)
    first, second = (
        graded(speakers=5, n=9, seeds=range(seeds), right=right, random_state=seeds)
        for seeds, right in ((2, 0.7), (3, 0.6))
    )
    assert interval(first, "slow") == pytest.approx(interval(first, "cross_entropy"))
    one, other = (compare(first, second, name) for name in ("slow", "cross_entropy"))
    assert one.p == other.p
    assert (one.difference, one.low) == pytest.approx((other.difference, other.low))


def test_speakers_without_a_value_are_nan(graded, monkeypatch):
    monkeypatch.setitem(METRICS, "new", NEW["posteriors"])
    rows = graded()
    rows = rows[(rows["speaker"] != "s1") | (rows["emotion"] != "anger")]
    table = score_groups(rows, "speaker")
    assert table.index[table["new"].isna()].tolist() == ["s1"]


def test_classes_may_be_numbers_or_categories():
    y, p = [2, 0, 1, 1], np.array([2, 1, 1, 0])
    assert metrics.uar(y, p) == balanced_accuracy_score(y, p)
    names = pd.Series(["c", "a", "b", "b"]), pd.Categorical(["c", "b", "b", "a"])
    assert metrics.uar(*names) == metrics.uar(y, p)
