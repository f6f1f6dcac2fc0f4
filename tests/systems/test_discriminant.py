"""Shrunken discriminant analysis."""

import warnings

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.stats import norm, rankdata
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import QuantileTransformer

from ser_lib import systems
from ser_lib.errors import InputError
from ser_lib.systems.discriminant import DiscriminantClassifier, ShrunkenDiscriminant
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
    classifier = DiscriminantClassifier(**parameters)
    return classifier.fit(rows[TRAIN], LABELS[TRAIN], groups=SPEAKERS[TRAIN])


def test_directions_are_those_of_fishers_generalised_eigenproblem():
    shrinkage = 0.05
    analysis = ShrunkenDiscriminant(shrinkage=shrinkage).fit(ROWS, LABELS)
    within, means = np.zeros((40, 40)), []
    for label in analysis.classes_:
        rows = ROWS[label == LABELS]
        means.append(rows.mean(axis=0))
        within += np.cov(rows.T, bias=True) / 3
    within = (1 - shrinkage) * within + shrinkage * np.trace(within) / 40 * np.eye(40)
    between = np.cov(np.array(means).T, bias=True)
    expected = eigh(between, within)[1][:, :-3:-1]
    # Both have unit variance within classes; only their signs are free.
    signs = np.sign((analysis.directions_ * expected).sum(axis=0))
    np.testing.assert_allclose(analysis.directions_, expected * signs, atol=1e-6)
    np.testing.assert_allclose(
        analysis.class_means_, (np.array(means) - ROWS.mean(axis=0)) @ expected * signs, atol=1e-6
    )


@pytest.mark.parametrize("classes", [("anger", "neutral", "sadness"), ("anger", "neutral")])
def test_decisions_are_those_of_scikit_learn_with_classes_made_equally_likely(classes):
    # Of one class a part only, so that frequencies differ.
    known = np.isin(LABELS, classes) & ((LABELS != "neutral") | (np.arange(360) < 200))
    rows, labels = ROWS[known], LABELS[known]
    analysis = ShrunkenDiscriminant(shrinkage=0.3).fit(rows, labels)
    other = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3).fit(rows, labels)
    posteriors = other.predict_proba(ROWS) / other.priors_
    decisions = analysis.decision_function(ROWS)
    logs = np.log(posteriors / posteriors.sum(axis=1, keepdims=True))
    np.testing.assert_allclose(
        decisions - decisions[:, :1], logs - logs[:, :1], rtol=1e-6, atol=1e-6
    )
    assert analysis.directions_.shape == (40, len(classes) - 1)


def test_what_takes_the_covariance_within_classes_is_told_apart():
    uar = balanced_accuracy_score(LABELS[TEST], fit(shrinkage=0.01).predict(ROWS[TEST]))
    nearest = NearestCentroid().fit(ROWS[TRAIN], LABELS[TRAIN]).predict(ROWS[TEST])
    assert uar > 0.85
    assert balanced_accuracy_score(LABELS[TEST], nearest) < 0.6


def test_values_become_the_normal_quantiles_of_their_ranks():
    rows = ROWS[TRAIN].astype(np.float32)
    exact = norm.ppf((rankdata(rows, axis=0) - 0.5) / 270)
    # As many quantiles as there are rows are the rows themselves.
    whole = NormalQuantiles(n_quantiles=270).fit(rows)
    np.testing.assert_allclose(whole.transform(rows), exact)
    # Fewer are as far off as half a step between them.
    found = NormalQuantiles().fit(rows).transform(rows)
    assert np.abs(norm.cdf(found) - norm.cdf(exact)).max() < 0.51 / 64
    # scikit-learn interpolates between rows, whose distance at 1 is this, and puts the ends at 5.2.
    other = QuantileTransformer(n_quantiles=270, output_distribution="normal", subsample=None)
    found, reference = whole.transform(ROWS[TEST]), other.fit(rows).transform(ROWS[TEST])
    inner = np.abs(found) < 1
    np.testing.assert_allclose(found[inner], reference[inner], atol=1 / 270 / norm.pdf(1))


def test_ties_outliers_and_scales_do_not_matter():
    quantiles = NormalQuantiles(n_quantiles=4)
    quantiles.references_ = np.array([[1.0], [2.0], [2.0], [5.0]])
    found = quantiles.transform(np.array([[-1e9], [1.0], [2.0], [3.0], [5.0], [1e9]]))
    expected = norm.ppf([1 / 8, 1 / 8, 1 / 2, 3 / 4, 7 / 8, 7 / 8])
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-12)
    scaled = ROWS * 1e4 - 3e4
    posteriors = fit(scaled).predict_proba(scaled[TEST])
    np.testing.assert_allclose(posteriors, fit().predict_proba(ROWS[TEST]), atol=0.02)


def test_more_features_than_rows_some_of_them_constant_are_fitted_in_silence():
    wide = rng.normal(size=(36, 90)) + (LABELS[:36] == "anger")[:, None]
    wide[:, 80:] = 1
    speakers = np.repeat(["s1", "s2", "s3"], 12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        classifier = DiscriminantClassifier().fit(wide, LABELS[:36], groups=speakers)
    posteriors = classifier.predict_proba(wide)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1)
    assert classifier.predict(wide).tolist().count("anger") >= 12
    assert classifier.n_parameters_ == 90 * 3 + 3 * 2
    # What never varied tells nothing, whatever it is now.
    other = wide.copy()
    other[:, 80:] = 5
    np.testing.assert_allclose(classifier.predict_proba(other), posteriors, atol=1e-9)
    assert classifier.embed(wide).shape == (36, 2)


@pytest.mark.parametrize("rows", [np.ones((6, 3)), np.repeat(np.eye(2), 3, axis=0)])
def test_rows_that_do_not_differ_within_classes_are_refused(rows):
    with pytest.raises(InputError, match="rows of each class are all the same"):
        ShrunkenDiscriminant().fit(rows, ["anger"] * 3 + ["fear"] * 3)


def test_its_functionals_are_those_of_the_svm_on_functionals():
    for parameters in ({}, {"deltas": False}, {"trim": False}):
        front_ends = [
            systems.make(name, **parameters).front_end
            for name in ("ours_discriminant", "ours_functionals_svm")
        ]
        assert front_ends[0] == front_ends[1]
