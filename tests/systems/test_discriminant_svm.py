"""The support vector machine on discriminant directions."""

import itertools
import warnings

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.stats import norm, rankdata
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import QuantileTransformer
from sklearn.svm import SVC

from ser_lib import systems
from ser_lib.systems.discriminant_svm import DiscriminantSVM
from ser_lib.systems.normal_quantiles import NormalQuantiles

rng = np.random.default_rng(0)
SPEAKERS = np.repeat([f"s{number}" for number in range(8)], 45)
LABELS = np.tile(["anger", "neutral", "sadness"], 120)
ROWS = rng.normal(size=(360, 40))
# Two noisy measurements of the emotion share their noise with others that tell nothing: only their
# differences tell the emotions apart, which takes the covariance within classes.
ROWS[:, :2] = 0.3 * ROWS[:, :2] + 3 * ROWS[:, 2:4]
ROWS[:, 0] += (LABELS == "anger") * 1.2
ROWS[:, 1] += (LABELS == "neutral") * 1.2
TRAIN, TEST = SPEAKERS < "s6", SPEAKERS >= "s6"


def fit(rows=ROWS, **parameters):
    machine = DiscriminantSVM(**parameters)
    return machine.fit(rows[TRAIN], LABELS[TRAIN], groups=SPEAKERS[TRAIN])


def test_directions_are_those_of_fishers_generalised_eigenproblem():
    shrinkage = 0.05
    machine = fit(shrinkage=shrinkage)
    normal = machine.pipeline_["quantiles"].transform(ROWS[TRAIN])
    within, means = np.zeros((40, 40)), []
    for label in machine.classes_:
        rows = normal[LABELS[TRAIN] == label]
        means.append(rows.mean(axis=0))
        within += np.cov(rows.T, bias=True) / 3
    within = (1 - shrinkage) * within + shrinkage * np.trace(within) / 40 * np.eye(40)
    between = np.cov(np.array(means).T, bias=True)
    expected = eigh(between, within)[1][:, :-3:-1]
    found = machine.pipeline_["discriminate"].directions_
    for direction, reference in zip(found.T, expected.T, strict=True):
        cosine = direction @ reference / np.linalg.norm(direction) / np.linalg.norm(reference)
        assert abs(cosine) == pytest.approx(1, abs=1e-3)


def test_what_takes_the_covariance_within_classes_is_told_apart():
    uar = balanced_accuracy_score(LABELS[TEST], fit(shrinkage=0.01).predict(ROWS[TEST]))
    nearest = NearestCentroid().fit(ROWS[TRAIN], LABELS[TRAIN]).predict(ROWS[TEST])
    assert uar > 0.85
    assert balanced_accuracy_score(LABELS[TEST], nearest) < 0.6


def test_values_become_the_normal_quantiles_of_their_ranks():
    quantiles = NormalQuantiles().fit(ROWS[TRAIN])
    found = quantiles.transform(ROWS[TRAIN])
    np.testing.assert_allclose(found, norm.ppf((rankdata(ROWS[TRAIN], axis=0) - 0.5) / 270))
    other = QuantileTransformer(n_quantiles=270, output_distribution="normal", subsample=None)
    other.fit(ROWS[TRAIN])
    # scikit-learn interpolates between neighbours, whose distance at 1 is this, and puts the ends
    # at 5.2.
    step = 1 / 270 / norm.pdf(1)
    found = quantiles.transform(ROWS[TEST])
    inner = np.abs(found) < 1
    np.testing.assert_allclose(found[inner], other.transform(ROWS[TEST])[inner], atol=step)


def test_ties_outliers_and_scales_do_not_matter():
    quantiles = NormalQuantiles().fit(np.array([[1.0], [2.0], [2.0], [5.0]]))
    found = quantiles.transform(np.array([[-1e9], [1.0], [2.0], [3.0], [5.0], [1e9]]))
    expected = norm.ppf([1 / 8, 1 / 8, 1 / 2, 3 / 4, 7 / 8, 7 / 8])
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-12)
    monotone = np.sign(ROWS) * np.abs(ROWS) ** 3 * 1e4
    posteriors = fit(monotone).predict_proba(monotone[TEST])
    np.testing.assert_allclose(posteriors, fit().predict_proba(ROWS[TEST]))


def test_more_features_than_rows_are_fitted_in_silence():
    wide = rng.normal(size=(36, 90)) + (LABELS[:36] == "anger")[:, None]
    speakers = np.repeat(["s1", "s2", "s3"], 12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        machine = DiscriminantSVM().fit(wide, LABELS[:36], groups=speakers)
    posteriors = machine.predict_proba(wide)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1)
    assert machine.predict(wide).tolist().count("anger") >= 12
    svc = machine.pipeline_["svc"]
    vectors = len(svc.support_) * 2
    assert machine.n_parameters_ == vectors + svc.dual_coef_.size + svc.intercept_.size + 90 * 3


@pytest.mark.parametrize("classes", [("anger", "neutral", "sadness"), ("anger", "neutral")])
def test_contributions_of_features_sum_to_what_tells_margins_apart(classes):
    known = np.isin(LABELS, classes)
    rows = np.column_stack([ROWS, np.ones(360)])
    train = TRAIN & known
    machine = DiscriminantSVM().fit(rows[train], LABELS[train], groups=SPEAKERS[train])
    found = machine.contributions(rows[TEST])
    assert found.shape == (TEST.sum(), len(classes), 41)
    assert (found[..., 40] == 0).all()
    # The decisions between two classes each, the first of which a positive one is for.
    decisions = SVC(kernel="linear", C=1e-3, class_weight="balanced", decision_function_shape="ovo")
    spaces = [machine.pipeline_[:-1].transform(part) for part in (rows[train], rows[TEST])]
    pairs = decisions.fit(spaces[0], LABELS[train]).decision_function(spaces[1])
    pairs = -pairs[:, None] if pairs.ndim == 1 else pairs
    margins = np.zeros((TEST.sum(), len(classes)))
    for (i, j), pair in zip(itertools.combinations(range(len(classes)), 2), pairs.T, strict=True):
        margins[:, i] += pair / (len(classes) - 1)
        margins[:, j] -= pair / (len(classes) - 1)
    sums = found.sum(axis=2)
    np.testing.assert_allclose(sums - sums[0], margins - margins[0], atol=1e-6)


def test_a_row_of_medians_has_no_contributions():
    machine = fit()
    medians = np.median(ROWS[TRAIN], axis=0)[None]
    np.testing.assert_allclose(machine.contributions(medians), 0, atol=1e-9)


def test_its_functionals_are_those_of_the_svm_on_functionals():
    for parameters in ({}, {"deltas": False}, {"trim": False}):
        front_ends = [
            systems.make(f"ours_{kind}_svm", **parameters).front_end
            for kind in ("discriminant", "functionals")
        ]
        assert front_ends[0] == front_ends[1]
