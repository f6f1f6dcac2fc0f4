"""Every support vector machine of the package is stored without code, and read as it was."""

import json
import warnings

import numpy as np
import pytest
from sklearn.svm import SVC

from ser_lib.errors import InputError
from ser_lib.recognition.classifiers import read_fitted, write_fitted
from ser_lib.systems.functionals_svm import FunctionalsSVM
from ser_lib.systems.statistics_svm import StatisticsSVM

RNG = np.random.default_rng(0)
Y = np.array(["anger", "fear", "neutral"] * 20)
X = RNG.normal(size=(60, 6)) + 2 * (Y == "anger")[:, None]
SPEAKERS = np.repeat(["s", "t", "u", "v"], 15)
MACHINES = {
    "statistics": StatisticsSVM(alpha=1.0, C=(1,), gamma=(0.1,), folds=2),
    "linear": FunctionalsSVM(folds=2),
    "power and length": FunctionalsSVM(power=0.5, unit_length=True, folds=2),
    "rbf": FunctionalsSVM(kernel="rbf", C=(3,), folds=2),
}


@pytest.mark.parametrize("name", MACHINES)
def test_what_is_read_predicts_what_was_written(tmp_path, name):
    fitted = MACHINES[name].fit(X, Y, groups=SPEAKERS)
    state, note = write_fitted(fitted, tmp_path)
    assert note is None
    read = read_fitted(tmp_path, state)
    assert type(read) is type(fitted)
    assert read.get_params() == json.loads(json.dumps(fitted.get_params()))
    np.testing.assert_array_equal(read.predict_proba(X), fitted.predict_proba(X))


def test_a_version_of_scikit_learn_that_decides_otherwise_is_refused(tmp_path, monkeypatch):
    fitted = MACHINES["linear"].fit(X, Y, groups=SPEAKERS)
    state, _ = write_fitted(fitted, tmp_path)
    # Another version of the same name.
    monkeypatch.setattr("sklearn.base.__version__", "0.1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_fitted(tmp_path, state)
    monkeypatch.setattr(SVC, "decision_function", lambda machine, rows: np.zeros((len(rows), 3)))
    with pytest.raises(InputError, match="makes other decisions of it than the version that wrote"):
        read_fitted(tmp_path, state)
