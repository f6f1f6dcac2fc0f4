"""Errors name the parameter or the rows, what was found and what is expected."""

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from tiny_networks import classifier, rows

from ser_lib.errors import InputError
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural import NeuralClassifier


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"epochs": 0}, "epochs is 0; expected an integer of at least 1"),
        ({"batch_size": 2.0}, "batch_size is 2.0; expected an integer of at least 1, not a float"),
        ({"seed": None}, "seed is None; expected an integer of at least 0"),
        ({"patience": -1}, "patience is -1; expected an integer of at least 1, or None"),
        ({"learning_rate": 0}, "learning_rate is 0; expected a number above 0"),
        ({"momentum": 1}, "momentum is 1; expected a number of at least 0 and of at most 0.999"),
        ({"decay": float("nan")}, "decay is nan; expected a number of at least 0"),
        ({"mixup": "0.3"}, "mixup is '0.3'; expected a number of at least 0"),
        ({"optimizer": "adma"}, "optimizer is 'adma'; expected one of 'adam', 'sgd'"),
        ({"pool": "maximum"}, "pool is 'maximum'; expected one of 'mean', 'max', or None"),
        ({"spec_augment": {"time": 1}}, "spec_augment is {'time': 1}; expected a SpecAugment"),
    ],
)
def test_wrong_parameters_are_refused_by_name(parameters, message):
    with pytest.raises(InputError, match=message):
        classifier(**parameters).fit(*rows())


def with_nan(X):
    values = X.values.copy()
    values[X.offsets[4]] = np.nan
    return RaggedArray(values, X.offsets)


def with_empty_row(X):
    offsets = X.offsets.copy()
    offsets[3] = offsets[2]
    return RaggedArray(X.values, offsets)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: {"X": X.take([]), "y": []}, "X holds no utterances"),
        (lambda X, y: {"y": y[:-1]}, r"X has 48 rows, and the labels have shape \(47,\); expected"),
        (lambda X, y: {"y": ["anger"] * 48}, "y holds only 'anger'; expected at least two"),
        (lambda X, y: {"X": X.values}, "X is a ndarray; expected a RaggedArray"),
        (lambda X, y: {"X": with_nan(X)}, "features of row 4 are not finite"),
        (lambda X, y: {"X": with_empty_row(X)}, "X: row 2 holds no items; expected at least one"),
        (lambda X, y: {"copies": (X, X.take([0]))}, r"copies\[1\] has 1 rows, and the labels"),
        (
            lambda X, y: {"validation": (RaggedArray.from_list([np.ones((3, 5))]), ["anger"])},
            r"validation has items of shape \(5,\); expected \(2,\)",
        ),
        (
            lambda X, y: {"validation": (X, ["fear"] * 48)},
            "validation holds only fear; expected classes that occur in training: anger, neutral",
        ),
    ],
)
def test_wrong_rows_are_refused_by_name(change, message):
    X, y = rows()
    with pytest.raises(InputError, match=message):
        classifier().fit(**({"X": X, "y": y} | change(X, y)))


def test_features_that_are_not_finite_are_refused_without_scaling_too():
    X, y = rows()
    with pytest.raises(InputError, match="features of row 4 are not finite"):
        classifier(scale=False).fit(with_nan(X), y)


@pytest.mark.parametrize("label", [None, float("nan"), pd.NA])
def test_a_missing_label_is_no_class(label):
    X, y = rows()
    labels = np.array([*y[:7], label, *y[8:]], dtype=object)
    with pytest.raises(InputError, match=r"X: the label of row 7 is .*; expected a text or number"):
        classifier().fit(X, labels)


@pytest.mark.parametrize("classes", [(3, 7), (False, True)])
def test_labels_may_be_numbers(classes, tmp_path):
    X, y = rows()
    labels = np.where(y == "anger", *classes)
    fitted = classifier(epochs=1).fit(X, labels, validation=(X, labels))
    assert fitted.classes_.tolist() == sorted(classes)
    assert set(fitted.predict(X)) <= set(classes)
    assert 0 <= fitted.score(X, labels) <= 1
    fitted.save(tmp_path / "model")
    loaded = NeuralClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))


def test_scikit_learn_divides_the_rows():
    X, y = rows()
    groups = np.arange(len(y)) % 3
    scores = cross_val_score(classifier(epochs=1), X, y, cv=GroupKFold(3), groups=groups)
    assert scores.shape == (3,)
    search = GridSearchCV(classifier(epochs=1), {"learning_rate": [0.01, 0.1]}, cv=2).fit(X, y)
    assert search.predict(X.take([4, 1])).shape == (2,)
