"""Training of a classifier: what it learns from, when it stops, what it reports."""

import dataclasses
import json
import random
import threading

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss
from tiny_networks import MeanNetwork, SegmentNetwork, classifier, rows

from ser_lib.errors import DivergenceError, InputError
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural import NeuralClassifier
from ser_lib.neural.augmentation import SpecAugment


@pytest.fixture(scope="module")
def trained():
    return classifier(epochs=12).fit(*rows(), validation=rows(30, seed=1))


@pytest.fixture
def training_batches(monkeypatch):
    """Values, mask, labels and weights of every batch that a network is trained on."""
    import keras

    train, batches = keras.Model.train_on_batch, []

    def watched(model, x, y, sample_weight):
        batches.append((x["values"].copy(), x["mask"].copy(), y.copy(), sample_weight.copy()))
        return train(model, x, y, sample_weight)

    monkeypatch.setattr(keras.Model, "train_on_batch", watched)
    return batches


def test_it_learns_and_predicts_in_the_order_of_the_rows(trained):
    X, y = rows(60, seed=2)
    posteriors = trained.predict_proba(X)
    assert trained.classes_.tolist() == ["anger", "neutral", "sadness"]
    assert posteriors.shape == (60, 3)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1)
    assert trained.score(X, y) > 0.8
    assert (trained.predict(X) == trained.classes_[posteriors.argmax(axis=1)]).all()


def test_parameters_can_be_read_set_and_cloned():
    unfitted = classifier(patience=3)
    assert unfitted.get_params()["network"] == MeanNetwork()
    assert clone(unfitted).get_params() == unfitted.get_params()
    assert unfitted.set_params(epochs=7).epochs == 7


@pytest.fixture(scope="module")
def with_copy():
    """Rows, a copy of them, and a classifier that was trained on both."""
    X, y = rows(24)
    copy = RaggedArray(X.values + 1, X.offsets)
    return X, y, copy, classifier(epochs=2, seed=5).fit(X, y, copies=(copy,))


def test_the_same_seed_gives_the_same_network_and_another_seed_another(with_copy):
    X, y, copy, first = with_copy
    again, other = (classifier(epochs=2, seed=s).fit(X, y, copies=(copy,)) for s in (5, 6))
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert np.abs(first.predict_proba(X) - other.predict_proba(X)).max() > 1e-3


def test_another_thread_that_draws_random_numbers_changes_no_network(with_copy):
    X, y, copy, first = with_copy
    done = threading.Event()

    def draw():
        while not done.wait(1e-4):
            random.randint(0, 9)
            random.random()

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        again = classifier(epochs=2, seed=5).fit(X, y, copies=(copy,))
    finally:
        done.set()
        thread.join()
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))


def test_without_development_rows_the_last_epoch_is_kept(with_copy):
    *_, fitted = with_copy
    assert fitted.best_epoch_ == 2
    assert "dev_uar" not in fitted.history_[0]


def test_features_are_scaled_by_the_training_rows(with_copy):
    X, y, copy, fitted = with_copy
    stretched, stretched_copy = (
        RaggedArray(x.values * np.float32(100) - 7, x.offsets) for x in (X, copy)
    )
    # Same seed and same features after scaling: nearly the same network.
    scaled, unscaled = (
        classifier(epochs=2, seed=5, scale=scale).fit(stretched, y, copies=(stretched_copy,))
        for scale in (True, False)
    )
    expected = fitted.predict_proba(X)
    np.testing.assert_allclose(scaled.predict_proba(stretched), expected, atol=2e-3)
    assert np.abs(unscaled.predict_proba(stretched) - expected).max() > 0.01


def test_development_rows_have_no_say_in_the_scaling():
    X, y = rows(24)
    far = RaggedArray(X.values * np.float32(1000) + 5, X.offsets)
    # After a single epoch there is nothing to choose: they change nothing.
    alone, with_them = (
        classifier(epochs=1).fit(X, y, validation=validation) for validation in (None, (far, y))
    )
    np.testing.assert_allclose(with_them.predict_proba(X), alone.predict_proba(X), atol=1e-6)


def test_history_describes_each_epoch_and_the_best_epoch_is_kept(trained):
    X, y = rows(30, seed=1)
    assert [epoch["epoch"] for epoch in trained.history_] == list(range(1, 13))
    best = trained.history_[trained.best_epoch_ - 1]
    assert best["dev_uar"] == max(epoch["dev_uar"] for epoch in trained.history_)
    posteriors, predicted = trained.predict_proba(X), trained.predict(X)
    assert best["dev_uar"] == pytest.approx(balanced_accuracy_score(y, predicted))
    assert best["dev_accuracy"] == pytest.approx(accuracy_score(y, predicted))
    assert best["dev_loss"] == pytest.approx(log_loss(y, posteriors), abs=1e-5)
    assert all(epoch["seconds"] > 0 for epoch in trained.history_)
    assert json.loads(json.dumps(trained.history_)) == trained.history_


def test_of_epochs_with_the_same_uar_the_one_with_the_smallest_loss_is_kept():
    X, y = rows(24, classes=("anger", "sadness"))
    # One row four times: whichever of its two labels is predicted, the UAR is a half.
    same = X.take(np.zeros(4, int))
    fitted = classifier().fit(X, y, validation=(same, ["anger", "anger", "anger", "sadness"]))
    assert {epoch["dev_uar"] for epoch in fitted.history_} == {0.5}
    losses = [epoch["dev_loss"] for epoch in fitted.history_]
    assert fitted.best_epoch_ == 1 + np.argmin(losses) > 1


def test_training_stops_after_patience_epochs_without_improvement():
    X, y = rows()
    # With permuted development labels, training increases the development loss. Rows of a class
    # that is not trained do not count.
    wrong = y.copy()
    wrong[y == "anger"], wrong[y == "sadness"] = "sadness", "anger"
    wrong[:4] = "fear"
    fitted = classifier(epochs=40, patience=3, monitor="loss").fit(X, y, validation=(X, wrong))
    assert len(fitted.history_) == fitted.best_epoch_ + 3 < 40
    best = fitted.history_[fitted.best_epoch_ - 1]
    known, posteriors = wrong[4:], fitted.predict_proba(X)[4:]
    assert best["dev_accuracy"] == pytest.approx(accuracy_score(known, fitted.predict(X)[4:]))
    assert best["dev_loss"] == min(epoch["dev_loss"] for epoch in fitted.history_)
    assert best["dev_loss"] == pytest.approx(log_loss(known, posteriors), abs=1e-5)


def test_every_epoch_draws_each_row_from_one_of_its_copies(training_batches):
    # Row i of the copy is its row number plus a hundred, so that what was drawn can be told.
    X = RaggedArray.from_list([np.full((2, 2), i, "float32") for i in range(20)])
    copy = RaggedArray(X.values + 100, X.offsets)
    y = np.array(["anger", "sadness"] * 10)
    classifier(epochs=3, batch_size=20, scale=False).fit(X, y, copies=(copy,))
    epochs = [values[:, 0, 0] for values, *_ in training_batches]
    for epoch in epochs:
        assert sorted(epoch % 100) == list(range(20))
        assert 0 < (epoch >= 100).sum() < 20
    assert not np.array_equal(np.sort(epochs[0]), np.sort(epochs[1]))


@pytest.mark.parametrize("balance", [None, "oversampling"])
def test_with_all_copies_every_epoch_has_each_row_and_each_copy(balance, training_batches):
    X = RaggedArray.from_list([np.full((1 + i % 2, 2), i, "float32") for i in range(20)])
    copies = tuple(RaggedArray(X.values + plus, X.offsets) for plus in (100, 200))
    y = np.array(["anger", "sadness"] * 10)
    options = {"epochs": 2, "batch_size": 8, "schedule": "cosine", "balance": balance}
    classifier(all_copies=True, scale=False, **options).fit(X, y, copies=copies)
    drawn = np.concatenate([values[:, 0, 0] for values, *_ in training_batches])
    expected = [i + plus for i in range(20) for plus in (0, 100, 200)]
    assert sorted(drawn) == sorted(2 * expected)


def test_a_network_is_traced_a_few_times_for_any_number_of_lengths():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 400, 60)
    X = RaggedArray.from_list([rng.normal(size=(n, 2)).astype("float32") for n in lengths])
    y = np.array(["anger", "sadness"] * 30)
    calls = []

    @dataclasses.dataclass(frozen=True)
    class Counting(MeanNetwork):
        def build(self, item_shape, n_classes):
            model = super().build(item_shape, n_classes)
            dense = model.layers[1]
            assert dense.name.startswith("dense")
            call = dense.call
            dense.call = lambda x, **options: calls.append(x.shape) or call(x, **options)
            return model

    NeuralClassifier(Counting(), epochs=2, batch_size=2).fit(X, y, validation=(X, y))
    # Once for the first length and once for all others, in training and in prediction, and a few
    # times more while Keras infers shapes; never once for each of the 30 batches.
    assert 2 <= len(calls) <= 10


def test_weights_of_the_loss_are_inverse_frequencies(training_batches):
    X, y = rows(30)
    some = np.flatnonzero((y != "anger") | (np.arange(30) < 6))
    classifier(epochs=1, balance="weights").fit(X.take(some), y[some])
    weights = {
        (int(label.argmax()), round(float(weight), 5))
        for _, _, labels, sample_weight in training_batches
        for label, weight in zip(labels, sample_weight, strict=True)
    }
    # As scikit-learn has it: rows / (classes * rows of the class). Here 2, 10 and 10 of 22 rows.
    assert weights == {(k, round(22 / 3 / n, 5)) for k, n in enumerate((2, 10, 10))}


class Recording(SpecAugment):
    """Keeps the batches that it is given."""

    batches = []  # noqa: RUF012

    def __call__(self, batch, rng):
        self.batches.append((batch.values.copy(), batch.mask.copy()))
        return super().__call__(batch, rng)


def test_augmentation_changes_training_rows_only(training_batches):
    X, y = rows(24)
    other, labels = rows(18, seed=1)
    before = X.values.copy(), other.values.copy()
    Recording.batches.clear()
    fitted = classifier(
        epochs=2,
        batch_size=24,
        scale=False,
        spec_augment=Recording(time=0.5, frequency=0.5),
        mixup=0.3,
        balance="oversampling",
    ).fit(X, y, validation=(other, labels))
    # One batch of training rows per epoch, copied.
    assert [len(values) for values, _ in Recording.batches] == [24, 24]
    for values, mask in Recording.batches:
        np.testing.assert_array_equal(np.sort(values[mask], axis=0), np.sort(X.values, axis=0))
    # What is trained on is masked and mixed.
    for values, mask, mixed, _ in training_batches:
        assert (values[mask] == 0).any()
        assert 0.5 <= mixed.max(axis=1).min() < 1
    np.testing.assert_array_equal(X.values, before[0])
    np.testing.assert_array_equal(other.values, before[1])
    # The development rows are scored without augmentation.
    posteriors = fitted.predict_proba(other)
    right = posteriors[np.arange(18), np.searchsorted(fitted.classes_, labels)]
    best = fitted.history_[fitted.best_epoch_ - 1]
    assert best["dev_loss"] == pytest.approx(-np.log(np.maximum(right, 1e-7)).mean())
    # Nor is there any in prediction.
    assert len(Recording.batches) == 2
    fitted.set_params(spec_augment=None, mixup=0.0, balance=None)
    np.testing.assert_array_equal(fitted.predict_proba(other), posteriors)


def test_segments_are_trained_one_by_one(training_batches):
    rng = np.random.default_rng(0)
    lengths = (3, 1, 6, 2)
    X = RaggedArray.from_list(
        [np.full((n, 7, 3), row) + rng.normal(0, 0.01, (n, 7, 3)) for row, n in enumerate(lengths)]
    )
    fitted = classifier(SegmentNetwork(), epochs=1, batch_size=5, pool="max", scale=False)
    y = ["anger", "sadness", "sadness", "anger"]
    fitted.fit(X, y, copies=(X,), validation=(X, y))
    trained_on = []
    for values, _, labels, _ in training_batches:
        assert values.shape[1:] == (1, 7, 3)
        levels = values.mean(axis=(1, 2, 3)).round()
        trained_on.extend(zip(levels, labels.argmax(axis=1), strict=True))
    assert sorted(trained_on) == [(0, 0)] * 3 + [(1, 1)] + [(2, 1)] * 6 + [(3, 0)] * 2
    shorter = RaggedArray.from_list([*(X[row] for row in range(3)), X[3][:1]])
    with pytest.raises(InputError, match=r"copies\[0\] has 1 items in row 3, X has 2; expected eq"):
        fitted.fit(X, y, copies=(shorter,))


@pytest.mark.parametrize("epochs", [1, 9])
def test_divergence_is_no_input_error_and_says_what_diverged_and_what_helps(epochs):
    X, y = rows(24)
    diverging = classifier(optimizer="sgd", learning_rate=1e38, epochs=epochs)
    expected = r"training diverged: (the loss|posteriors).* epoch \d.*learning_rate below 1e\+38"
    with pytest.raises(DivergenceError, match=expected) as error:
        diverging.fit(X, y, validation=(X, y)).predict_proba(X)
    assert not isinstance(error.value, InputError)
