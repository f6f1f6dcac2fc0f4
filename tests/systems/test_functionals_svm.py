"""The support vector machine on all functionals, and the baselines."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ser_lib import systems
from ser_lib.systems.functionals_svm import FunctionalsSVM, signed_power

rng = np.random.default_rng(0)
SPEAKERS = np.repeat(["s1", "s2", "s3", "s4"], 30)
LABELS = np.tile(["anger", "neutral", "sadness"], 40)
CENTRES = {"anger": 0.0, "neutral": 0.7, "sadness": 1.4}
ROWS = rng.normal(size=(120, 30)) * np.geomspace(0.01, 100, 30)
ROWS[:, :8] += np.array([CENTRES[y] for y in LABELS])[:, None] * np.geomspace(0.01, 100, 30)[:8]
TRAIN, TEST = SPEAKERS != "s4", SPEAKERS == "s4"


@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize(("kernel", "C"), [("linear", 0.01), ("rbf", 1)])
def test_it_decides_as_a_plain_pipeline_of_scikit_learn(kernel, C, balanced):
    # Half of one class is left out, so that weights of the classes matter.
    train = TRAIN & ((LABELS != "anger") | (np.arange(120) % 2 == 0))
    machine = FunctionalsSVM(kernel=kernel, C=(C,), balanced=balanced)
    machine.fit(ROWS[train], LABELS[train], groups=SPEAKERS[train])
    weights = "balanced" if balanced else None
    svc = SVC(kernel=kernel, C=C, class_weight=weights, break_ties=True)
    plain = make_pipeline(StandardScaler(), svc).fit(ROWS[train], LABELS[train])
    # As a whole, and as the grid would score it.
    for decided in (machine.predict(ROWS), machine.pipeline_.predict(ROWS)):
        assert (decided == plain.predict(ROWS)).all()
    decisions = machine.pipeline_.decision_function(ROWS)
    np.testing.assert_allclose(decisions, plain.decision_function(ROWS), atol=1e-3)
    assert balanced_accuracy_score(LABELS[TEST], machine.predict(ROWS[TEST])) > 0.5
    np.testing.assert_allclose(machine.predict_proba(ROWS[TEST]).sum(axis=1), 1)
    assert machine.n_parameters_ >= len(machine.pipeline_["svc"].support_) * 30


def test_power_and_length_are_applied_after_scaling():
    machine = FunctionalsSVM(power=0.5, unit_length=True, C=(0.3, 3))
    machine.fit(ROWS[TRAIN], LABELS[TRAIN], groups=SPEAKERS[TRAIN])
    scaled = StandardScaler().fit(ROWS[TRAIN]).transform(ROWS[TEST])
    expected = np.sign(scaled) * np.sqrt(np.abs(scaled))
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(machine.pipeline_[:-1].transform(ROWS[TEST]), expected)
    assert machine.search_["svc__C"] in (0.3, 3)
    np.testing.assert_allclose(signed_power(np.array([-4.0, 9.0]), exponent=0.5), [-2, 3])


def test_copies_of_ours_are_altered_and_as_many_as_asked_for(noise_signal):
    system = systems.make("ours_functionals_svm", augmented_copies=2, pitch_change=1)
    clean, *copies = (f(noise_signal, "u") for f in (system.front_end, *system.training_copies))
    assert len(copies) == 2
    assert not np.allclose(clean, copies[0])
    assert not np.allclose(copies[0], copies[1])
    assert systems.make("ours_functionals_svm").training_copies == ()


def test_the_names_of_ours_fit_its_vector(noise_signal):
    front_end = systems.make("ours_functionals_svm").front_end
    assert front_end(noise_signal, "u").shape == (1, len(front_end.feature_names))


def test_opensmile_has_the_usual_penalty_of_its_kernel():
    for kernel, C in (("linear", 1e-3), ("rbf", 3.0)):
        assert systems.make("opensmile_svm", kernel=kernel).classifier().C == (C,)
    assert systems.make("opensmile_svm", C=(1, 2)).classifier().C == (1, 2)


def test_the_majority_class_has_the_priors_of_the_training_rows():
    labels = np.array(["anger", "neutral", "neutral", "sadness"])
    classifier = systems.make("majority").classifier().fit(np.zeros((4, 1)), labels)
    np.testing.assert_allclose(classifier.predict_proba(np.zeros((2, 1))), [[0.25, 0.5, 0.25]] * 2)
    assert classifier.classes_.tolist() == ["anger", "neutral", "sadness"]


@pytest.fixture
def noise_signal():
    return (0.1 * np.random.default_rng(0).normal(size=16000)).astype("float32")
