"""Optimisers, learning rate schedules and training scores, against their formulas."""

import keras
import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss
from tiny_networks import classifier, rows

from ser_lib.neural import training
from ser_lib.neural.training import Scores, make_optimizer


def optimiser(**options):
    parameters = {
        "name": "sgd",
        "learning_rate": 0.5,
        "momentum": 0.0,
        "decay": 0.0,
        "schedule": "constant",
        "weight_decay": 0.0,
        "clip_norm": None,
        "steps": 10,
    }
    return make_optimizer(**(parameters | options))


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_weight_decay_subtracts_a_fraction_of_each_weight_times_the_learning_rate(name):
    variable = keras.Variable(np.array([2.0, -4.0], "float32"))
    optimizer = optimiser(name=name, weight_decay=0.1)
    for _ in range(3):
        optimizer.apply([keras.ops.zeros(2)], [variable])
    np.testing.assert_allclose(variable, np.array([2, -4]) * (1 - 0.5 * 0.1) ** 3, rtol=1e-5)


def test_the_norm_of_the_gradient_of_all_weights_together_is_limited():
    variables = [keras.Variable(np.zeros(1, "float32")) for _ in range(2)]
    optimiser(clip_norm=1.0).apply([keras.ops.full((1,), g) for g in (3.0, 4.0)], variables)
    np.testing.assert_allclose(variables, [[-0.5 * 0.6], [-0.5 * 0.8]], rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, np.full(11, 0.5)),
        ({"schedule": "cosine"}, 0.25 * (1 + np.cos(np.pi * np.arange(11) / 10))),
        ({"decay": 0.2}, 0.5 / (1 + 0.2 * np.arange(11))),
    ],
)
def test_learning_rates_follow_the_schedule(options, expected):
    variable = keras.Variable(np.zeros(1, "float32"))
    optimizer, rates = optimiser(**options), []
    for _ in range(11):
        before = variable.numpy()[0]
        optimizer.apply([keras.ops.ones(1)], [variable])
        rates.append(before - variable.numpy()[0])
    np.testing.assert_allclose(rates, expected, atol=1e-5)


@pytest.mark.parametrize("all_copies", [False, True])
def test_a_cosine_ends_with_the_last_epoch(all_copies, monkeypatch):
    X, y = rows(60)
    some = np.flatnonzero((y == "anger") | (np.arange(60) < 36))
    made = []

    def watched(*arguments, **options):
        made.append((make_optimizer(*arguments, **options), options["steps"]))
        return made[0][0]

    monkeypatch.setattr(training, "make_optimizer", watched)
    X = X.take(some)
    options = {"balance": "oversampling", "schedule": "cosine", "all_copies": all_copies}
    classifier(epochs=3, batch_size=7, **options).fit(X, y[some], copies=(X, X))
    ((optimizer, steps),) = made
    # The lengths of the repeated rows may need a batch more or less.
    assert int(optimizer.iterations.numpy()) == pytest.approx(steps, abs=3)


def test_scores_accumulate_over_batches_until_restarted():
    rng = np.random.default_rng(0)
    y, posteriors = rng.integers(0, 3, 20), rng.dirichlet(np.ones(4), 20).astype("float32")
    one_hot = np.eye(4, dtype="float32")[y]
    scores = Scores(4)
    for _ in range(2):
        scores.restart()
        for batch in (slice(0, 7), slice(7, 20)):
            scores.reset_state()
            scores.update_state(one_hot[batch], posteriors[batch])
        predicted = posteriors.argmax(axis=1)
        summary = scores.summary()
        assert summary["accuracy"] == accuracy_score(y, predicted)
        assert float(scores.result()) == pytest.approx(summary["accuracy"])
        # The mean over the classes that occur.
        recalls = [np.mean(predicted[y == k] == k) for k in range(3)]
        assert summary["uar"] == pytest.approx(np.mean(recalls))
        assert summary["loss"] == pytest.approx(log_loss(y, posteriors, labels=range(4)), rel=1e-5)
