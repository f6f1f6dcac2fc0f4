import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from ser_lib.errors import InputError
from ser_lib.evaluation import metrics


def labels(seed, n=60, classes="abcde", unused=""):
    """True and predicted labels at random; the classes in `unused` are only ever predicted."""
    rng = np.random.default_rng(seed)
    y = rng.choice(list(classes), n)
    p = np.where(rng.random(n) < 0.5, y, rng.choice(list(classes + unused), n))
    return y, p


RANDOM = [labels(seed, unused=unused) for seed in range(5) for unused in ("", "z")]


def test_a_case_worked_by_hand():
    y = ["anger"] * 4 + ["fear"] * 2
    p = ["anger", "anger", "anger", "fear", "fear", "sadness"]
    assert metrics.uar(y, p) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert metrics.wa(y, p) == pytest.approx(4 / 6)
    # Anger: precision 3/3, recall 3/4. Fear: precision 1/2, recall 1/2. Sadness never occurs.
    assert metrics.macro_f1(y, p) == pytest.approx((6 / 7 + 1 / 2) / 2)
    assert metrics.per_class_recall(y, p).to_dict() == {"anger": 0.75, "fear": 0.5}


@pytest.mark.parametrize(("y", "p"), RANDOM)
def test_scores_equal_those_of_scikit_learn(y, p):
    present = sorted(set(y))
    with warnings.catch_warnings():
        # It warns of classes that are only predicted, and leaves them out as we do.
        warnings.simplefilter("ignore", UserWarning)
        uar = reference.balanced_accuracy_score(y, p)
    assert metrics.uar(y, p) == pytest.approx(uar, abs=1e-15)
    assert metrics.wa(y, p) == pytest.approx(reference.accuracy_score(y, p), abs=1e-15)
    f1 = reference.f1_score(y, p, labels=present, average="macro", zero_division=0)
    assert metrics.macro_f1(y, p) == pytest.approx(f1, abs=1e-15)
    recall = reference.recall_score(y, p, labels=present, average=None)
    np.testing.assert_allclose(metrics.per_class_recall(y, p), recall, atol=1e-15)
    every = sorted({*y, *p})
    np.testing.assert_array_equal(
        metrics.confusion(y, p), reference.confusion_matrix(y, p, labels=every)
    )


@pytest.mark.parametrize("seed", range(5))
def test_scores_equal_those_of_audmetric(seed):
    audmetric = pytest.importorskip("audmetric")
    y, p = labels(seed)
    uar = audmetric.unweighted_average_recall(y, p)
    assert metrics.uar(y, p) == pytest.approx(uar, abs=1e-15)
    assert metrics.wa(y, p) == pytest.approx(audmetric.accuracy(y, p), abs=1e-15)
    f1 = audmetric.unweighted_average_fscore(y, p)
    assert metrics.macro_f1(y, p) == pytest.approx(f1, abs=1e-15)


def test_counts_of_groups_add_up_to_the_whole():
    y, p = labels(1, n=200)
    groups = np.arange(200) % 7
    counts = metrics.count(y, p, list("abcde"), groups, n_groups=7)
    assert counts.shape == (7, 5, 5)
    np.testing.assert_array_equal(counts.sum(axis=0), metrics.confusion(y, p))
    np.testing.assert_array_equal(counts[3], metrics.count(y[3::7], p[3::7], list("abcde"))[0])


def test_stacks_of_matrices_are_scored_one_by_one():
    y, p = labels(2, n=300)
    counts = metrics.count(y, p, list("abcde"), np.arange(300) % 4, n_groups=4)
    for statistic, single in (
        (metrics.uar_of, metrics.uar),
        (metrics.wa_of, metrics.wa),
        (metrics.macro_f1_of, metrics.macro_f1),
    ):
        expected = [single(y[g::4], p[g::4]) for g in range(4)]
        np.testing.assert_allclose(statistic(counts), expected)
        np.testing.assert_allclose(statistic(counts.reshape(2, 2, 5, 5)).ravel(), expected)


@pytest.mark.parametrize("k", [2, 5])
def test_cross_entropy_equals_that_of_scikit_learn(k):
    rng = np.random.default_rng(k)
    y, posteriors = rng.integers(0, k, 50), rng.dirichlet(np.ones(k), 50)
    expected = reference.log_loss(y, posteriors, labels=range(k))
    assert metrics.cross_entropy_of(y, posteriors) == pytest.approx(expected)
    uniform = np.full((50, k), 1 / k)
    assert metrics.cross_entropy_of(y, uniform) == pytest.approx(np.log(k))


def test_a_posterior_that_was_rounded_to_zero_costs_a_finite_amount():
    cost = metrics.cross_entropy_of(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 0.0]]))
    assert cost == pytest.approx(-np.log(1e-6) / 2)


def test_nothing_has_no_score():
    empty = np.zeros((1, 3, 3), dtype=int)
    for function in (metrics.uar_of, metrics.wa_of, metrics.macro_f1_of):
        assert np.isnan(function(empty)).all()
    assert np.isnan(metrics.cross_entropy_of(np.empty(0, dtype=int), np.empty((0, 3))))


def test_the_order_of_classes_is_kept():
    matrix = metrics.confusion(["b", "a"], ["b", "b"], ["b", "a", "c"])
    assert list(matrix.index) == list(matrix.columns) == ["b", "a", "c"]
    assert (matrix.index.name, matrix.columns.name) == ("emotion", "predicted")
    assert matrix.to_numpy().tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_a_class_that_is_given_twice_is_refused():
    with pytest.raises(InputError, match="labels hold 'b' twice; expected each class once"):
        metrics.confusion(["b", "a"], ["b", "b"], ["b", "a", "b"])


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NA, pd.NaT])
@pytest.mark.parametrize(
    "function", [metrics.uar, metrics.wa, metrics.macro_f1, metrics.per_class_recall]
)
def test_missing_labels_are_no_class(function, missing):
    gaps, whole = ["anger", missing, missing, "fear"], ["anger", "fear", "fear", "fear"]
    for given in (gaps, pd.Series(gaps), pd.Series(gaps, dtype=object), pd.Categorical(gaps)):
        with pytest.raises(
            InputError, match=r"true labels are missing .* in 2 of 4 rows, first .*1"
        ):
            function(given, whole)
        with pytest.raises(InputError, match=r"predictions are missing .* in 2 of 4 rows"):
            function(whole, given)
    with pytest.raises(
        InputError, match=r"contain (None|nan|<NA>|NaT); the classes are anger, fear"
    ):
        metrics.confusion(gaps, whole, ["anger", "fear"])


def test_missing_numbers_are_no_class():
    with pytest.raises(InputError, match=r"true labels are missing \(nan\) in 1 of 3 rows"):
        metrics.uar(np.array([1.0, np.nan, 2.0]), np.array([1.0, 1.0, 2.0]))


@pytest.mark.parametrize(
    "given", [{"a", "b"}, "ab", {"a": 1, "b": 2}, np.array([["a"], ["b"]]), (i for i in "ab")]
)
def test_labels_without_an_order_are_refused(given):
    with pytest.raises(
        InputError, match=r"true labels are .* expected a sequence with one for each"
    ):
        metrics.uar(given, ["a", "b"])


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(InputError, match="labels are of types int, str; expected all of one type"):
        metrics.uar([1, 2], ["1", "2"])
    with pytest.raises(InputError, match="no labels were given"):
        metrics.uar([], [])
    with pytest.raises(InputError, match="1 true labels but 2 predicted"):
        metrics.uar(["a"], ["a", "b"])
    with pytest.raises(InputError, match="predictions contain joy; the classes are anger, fear"):
        metrics.confusion(["anger"], ["joy"], ["anger", "fear"])
    with pytest.raises(InputError, match="unknown metric 'uarr'; did you mean 'uar'"):
        metrics.get("uarr")
