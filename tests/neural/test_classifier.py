import dataclasses
import json
import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss

from ser_lib.errors import InputError
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural import NeuralClassifier
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.classifier import of_seed


@dataclasses.dataclass(frozen=True)
class Tiny:
    """The mean over the frames that are real, between two dense layers: trained in milliseconds."""

    units: int = 8
    dropout: float = 0.1

    def build(self, item_shape, n_classes):
        import keras

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = keras.layers.Dense(self.units, activation="relu")(values)
        x = keras.layers.GlobalAveragePooling1D()(x, mask=mask)
        x = keras.layers.Dropout(self.dropout)(x)
        x = keras.layers.Dense(n_classes, activation="softmax")(x)
        return keras.Model({"values": values, "mask": mask}, x)


@dataclasses.dataclass(frozen=True)
class Attending:
    """Frames averaged by attention, a bottleneck of five, and the answer."""

    def build(self, item_shape, n_classes):
        import keras

        from ser_lib.neural.attention import AttentionPooling

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        scores = keras.layers.Dense(1, name="scores")(values)
        scores = keras.layers.Flatten()(scores)
        x, _ = AttentionPooling(name="attention")(values, scores, mask)
        x = keras.layers.Dense(5, activation="relu", name="bottleneck")(x)
        x = keras.layers.Dense(n_classes, activation="softmax")(x)
        return keras.Model({"values": values, "mask": mask}, x, name="attending")


@dataclasses.dataclass(frozen=True)
class OfWindows:
    """Attention over the frames of windows, which are answered for one by one."""

    def build(self, item_shape, n_classes):
        import keras

        from ser_lib.neural.attention import AttentionPooling
        from ser_lib.neural.layers import FoldWindows
        from ser_lib.neural.masking import OnesMask

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = FoldWindows()(values)
        scores = keras.layers.Flatten()(keras.layers.Dense(1)(x))
        x, _ = AttentionPooling(name="attention")(x, scores, OnesMask()(x))
        x = keras.layers.Dense(5, activation="relu", name="bottleneck")(x)
        x = keras.layers.Dense(n_classes, activation="softmax")(x)
        return keras.Model({"values": values, "mask": mask}, x, name="of_windows")


def corpus(rows=48, seed=0, classes=("anger", "neutral", "sadness"), shift=3.0):
    """Rows of 2 to 9 frames of two features; the level of the first tells the class."""
    rng = np.random.default_rng(seed)
    y = np.array(classes)[np.arange(rows) % len(classes)]
    level = shift * (np.arange(rows) % len(classes))
    X = [rng.normal([v, 50], [1, 20], size=(rng.integers(2, 10), 2)) for v in level]
    return RaggedArray.from_list([x.astype("float32") for x in X]), y


def tiny(**parameters):
    options = {"epochs": 4, "batch_size": 16, "learning_rate": 0.02} | parameters
    return NeuralClassifier(Tiny(), **options)


@pytest.fixture(scope="module")
def trained():
    X, y = corpus()
    return tiny(epochs=12).fit(X, y, validation=corpus(rows=30, seed=1))


def test_it_learns_and_answers_in_the_order_of_the_rows(trained):
    X, y = corpus(rows=60, seed=2)
    posteriors = trained.predict_proba(X)
    assert trained.classes_.tolist() == ["anger", "neutral", "sadness"]
    assert posteriors.shape == (60, 3)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1)
    assert trained.score(X, y) > 0.8
    assert (trained.predict(X) == trained.classes_[posteriors.argmax(axis=1)]).all()
    assert trained.predict_proba(X.take([])).shape == (0, 3)


def test_parameters_can_be_read_set_and_cloned():
    classifier = tiny(patience=3)
    assert classifier.get_params()["network"] == Tiny()
    assert clone(classifier).get_params() == classifier.get_params()
    assert classifier.set_params(epochs=7).epochs == 7
    with pytest.raises(NotFittedError):
        classifier.predict_proba(corpus()[0])


def test_a_posterior_does_not_depend_on_batch_or_padding(trained):
    rng = np.random.default_rng(3)
    rows = [rng.normal(size=(n, 2)).astype("float32") for n in (40, 1, 17, 2, 3)]
    together = trained.predict_proba(RaggedArray.from_list(rows))
    alone = [trained.predict_proba(RaggedArray.from_list([row]))[0] for row in rows]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_same_seed_gives_the_same_network_and_another_seed_another():
    X, y = corpus()
    noisy = RaggedArray(X.values + 1, X.offsets)
    first, again, other = (
        tiny(seed=s).fit(X, y, copies=(noisy,)).predict_proba(X) for s in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def test_the_scale_is_that_of_the_training_rows(trained):
    X, y = corpus()
    stretched = RaggedArray(X.values * np.float32(100) - 7, X.offsets)
    # Same seed and same features after scaling: nearly the same network.
    again = tiny(epochs=2).fit(stretched, y).predict_proba(stretched)
    np.testing.assert_allclose(again, tiny(epochs=2).fit(X, y).predict_proba(X), atol=1e-3)
    unscaled = tiny(epochs=2, scale=False).fit(X, y).predict_proba(X)
    assert np.abs(unscaled - again).max() > 0.01


def test_history_tells_each_epoch_and_the_best_epoch_is_kept(trained):
    X, y = corpus(rows=30, seed=1)
    assert [epoch["epoch"] for epoch in trained.history_] == list(range(1, 13))
    best = trained.history_[trained.best_epoch_ - 1]
    assert best["dev_uar"] == max(epoch["dev_uar"] for epoch in trained.history_)
    posteriors, answers = trained.predict_proba(X), trained.predict(X)
    assert best["dev_uar"] == pytest.approx(balanced_accuracy_score(y, answers))
    assert best["dev_accuracy"] == pytest.approx(accuracy_score(y, answers))
    assert best["dev_loss"] == pytest.approx(log_loss(y, posteriors), abs=1e-5)
    assert all(epoch["seconds"] > 0 for epoch in trained.history_)
    assert json.loads(json.dumps(trained.history_)) == trained.history_


def test_training_scores_are_those_of_the_network_while_it_learns():
    # With a step size of next to nothing and no dropout, what is learnt from is what is there.
    X, y = corpus(rows=40)
    network = Tiny(dropout=0.0)
    classifier = NeuralClassifier(network, epochs=2, batch_size=16, learning_rate=1e-9).fit(X, y)
    posteriors = classifier.predict_proba(X)
    for epoch in classifier.history_:
        assert epoch["loss"] == pytest.approx(log_loss(y, posteriors), abs=1e-4)
        assert epoch["accuracy"] == pytest.approx(accuracy_score(y, classifier.predict(X)))
        assert epoch["uar"] == pytest.approx(balanced_accuracy_score(y, classifier.predict(X)))


def test_training_stops_when_patience_is_at_its_end():
    X, y = corpus()
    # Development labels are turned round: what is learnt makes the development loss worse.
    wrong = y.copy()
    wrong[y == "anger"], wrong[y == "sadness"] = "sadness", "anger"
    classifier = tiny(epochs=40, patience=3, monitor="loss")
    classifier.fit(X, y, validation=(X, wrong))
    assert len(classifier.history_) == classifier.best_epoch_ + 3 < 40


def test_without_development_rows_the_last_epoch_is_kept():
    X, y = corpus()
    classifier = tiny().fit(X, y)
    assert classifier.best_epoch_ == 4
    assert "dev_uar" not in classifier.history_[0]


def test_development_rows_of_a_class_never_heard_are_not_counted():
    X, y = corpus()
    other, labels = corpus(rows=30, seed=1, classes=("anger", "neutral", "fear"))
    classifier = tiny(epochs=1).fit(X, y, validation=(other, labels))
    known = labels != "fear"
    expected = accuracy_score(labels[known], classifier.predict(other)[known])
    assert classifier.history_[0]["dev_accuracy"] == pytest.approx(expected)


def test_every_epoch_takes_each_row_from_one_of_its_copies(monkeypatch):
    # Row i of the copy is its row number plus a hundred: what was drawn can be read from it.
    rows = [np.full((2, 2), i, "float32") for i in range(20)]
    X = RaggedArray.from_list(rows)
    copy = RaggedArray.from_list([row + 100 for row in rows])
    seen = []

    import ser_lib.neural.classifier as module

    def watched(*arguments, **options):
        batch = assemble(*arguments, **options)
        seen.append(batch.values[:, 0, 0])
        return batch

    assemble = module.assemble
    monkeypatch.setattr(module, "assemble", watched)
    y = np.array(["anger", "sadness"] * 10)
    tiny(epochs=3, batch_size=20, scale=False).fit(X, y, copies=(copy,))
    for epoch in seen:
        assert sorted(epoch % 100) == list(range(20))
        assert 0 < (epoch >= 100).sum() < 20
    assert not np.array_equal(np.sort(seen[0]), np.sort(seen[1]))


def test_a_network_is_traced_a_few_times_however_many_lengths_there_are():
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 400, 60)
    X = RaggedArray.from_list([rng.normal(size=(n, 2)).astype("float32") for n in lengths])
    y = np.array(["anger", "sadness"] * 30)
    calls = []

    @dataclasses.dataclass(frozen=True)
    class Counting(Tiny):
        def build(self, item_shape, n_classes):
            model = super().build(item_shape, n_classes)
            dense = model.layers[1]
            assert dense.name.startswith("dense")
            call = dense.call
            dense.call = lambda x, **options: calls.append(x.shape) or call(x, **options)
            return model

    NeuralClassifier(Counting(), epochs=3, batch_size=2).fit(X, y, validation=(X, y))
    # Once for the first length and once for all others, in training and in prediction, and a few
    # times more while Keras finds out shapes; never once for each of the 30 batches.
    assert 2 <= len(calls) <= 10


def test_balance_makes_up_for_rare_rows():
    X, y = corpus(rows=60, shift=0.3)
    rare = np.flatnonzero((y != "anger") | (np.arange(60) < 9))
    plain, *balanced = (
        tiny(epochs=8, balance=how).fit(X.take(rare), y[rare]).predict_proba(X)[:, 0].mean()
        for how in (None, "weights", "oversampling")
    )
    assert min(balanced) > plain + 0.05


def test_weights_of_the_loss_are_inverse_frequencies(monkeypatch):
    import keras

    X, y = corpus(rows=30)
    rows = np.flatnonzero((y != "anger") | (np.arange(30) < 6))
    given = []
    learn = keras.Model.train_on_batch

    def watched(model, x, wanted, weights):
        given.extend(zip(wanted.argmax(axis=1), weights, strict=True))
        return learn(model, x, wanted, weights)

    monkeypatch.setattr(keras.Model, "train_on_batch", watched)
    tiny(epochs=1, balance="weights").fit(X.take(rows), y[rows])
    # As scikit-learn has it: rows / (classes * rows of the class). Here 2, 10 and 10 of 22 rows.
    assert {(int(k), round(float(w), 5)) for k, w in given} == {
        (0, round(22 / 3 / 2, 5)),
        (1, round(22 / 3 / 10, 5)),
        (2, round(22 / 3 / 10, 5)),
    }


class Watched(SpecAugment):
    """Remembers what it is given."""

    seen = []  # noqa: RUF012

    def __call__(self, batch, rng):
        self.seen.append((batch.values.copy(), batch.mask.copy()))
        return super().__call__(batch, rng)


@pytest.mark.parametrize("mixup", [0.0, 0.3])
def test_augmentation_touches_training_rows_only(mixup):
    X, y = corpus(rows=24)
    other, labels = corpus(rows=18, seed=1)
    before = X.values.copy(), other.values.copy()
    Watched.seen.clear()
    classifier = tiny(
        epochs=2,
        batch_size=24,
        scale=False,
        spec_augment=Watched(time=0.5, frequency=0.5),
        mixup=mixup,
        balance="oversampling",
    )
    classifier.fit(X, y, validation=(other, labels))
    # Once an epoch for the one batch of training rows, never for others; and each gets a copy.
    assert [len(values) for values, _ in Watched.seen] == [24, 24]
    for values, mask in Watched.seen:
        found = np.sort(values[mask], axis=0)
        np.testing.assert_array_equal(found, np.sort(X.values, axis=0))
    np.testing.assert_array_equal(X.values, before[0])
    np.testing.assert_array_equal(other.values, before[1])
    # What is written about the development rows is what the network says of them as they are.
    posteriors = classifier.predict_proba(other)
    right = posteriors[np.arange(18), np.searchsorted(classifier.classes_, labels)]
    best = classifier.history_[classifier.best_epoch_ - 1]
    assert best["dev_loss"] == pytest.approx(-np.log(np.maximum(right, 1e-7)).mean())
    # Nor is anything altered when it is asked.
    assert len(Watched.seen) == 2
    classifier.set_params(spec_augment=None, mixup=0.0, balance=None)
    np.testing.assert_array_equal(classifier.predict_proba(other), posteriors)


def test_mixed_rows_are_learnt_from_with_mixed_labels():
    # Learning is possible, and the network is less sure of itself than without.
    X, y = corpus(shift=5.0)
    plain, mixed = (tiny(epochs=15, mixup=m).fit(X, y) for m in (0.0, 2.0))
    assert mixed.score(X, y) > 0.8
    sure = [c.predict_proba(X).max(axis=1).mean() for c in (plain, mixed)]
    assert sure[1] < sure[0] - 0.05


def optimiser(**options):
    from ser_lib.neural.training import make_optimizer

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
def test_weight_decay_takes_its_share_of_each_weight_times_the_step_size(name):
    import keras

    variable = keras.Variable(np.array([2.0, -4.0], "float32"))
    optimizer = optimiser(name=name, weight_decay=0.1)
    for _ in range(3):
        optimizer.apply([keras.ops.zeros(2)], [variable])
    np.testing.assert_allclose(variable, np.array([2, -4]) * (1 - 0.5 * 0.1) ** 3, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, np.full(11, 0.5)),
        ({"schedule": "cosine"}, 0.25 * (1 + np.cos(np.pi * np.arange(11) / 10))),
        ({"decay": 0.2}, 0.5 / (1 + 0.2 * np.arange(11))),
    ],
)
def test_step_sizes_follow_the_schedule(options, expected):
    import keras

    variable = keras.Variable(np.zeros(1, "float32"))
    optimizer, moved = optimiser(**options), []
    for _ in range(11):
        before = variable.numpy()[0]
        optimizer.apply([keras.ops.ones(1)], [variable])
        moved.append(before - variable.numpy()[0])
    np.testing.assert_allclose(moved, expected, atol=1e-5)


@pytest.mark.parametrize("balance", [None, "oversampling"])
def test_a_cosine_ends_with_the_last_epoch(balance, monkeypatch):
    import ser_lib.neural.training as module

    X, y = corpus(rows=60)
    rows = np.flatnonzero((y == "anger") | (np.arange(60) < 36))
    made, make = [], module.make_optimizer

    def watched(*arguments, **options):
        made.append((make(*arguments, **options), options["steps"]))
        return made[0][0]

    monkeypatch.setattr(module, "make_optimizer", watched)
    classifier = tiny(epochs=3, batch_size=7, balance=balance, schedule="cosine")
    classifier.fit(X.take(rows), y[rows])
    ((optimizer, steps),) = made
    # The long rows that are drawn again may need a batch more or less.
    assert int(optimizer.iterations.numpy()) == pytest.approx(steps, abs=3)


@pytest.mark.parametrize("pool", ["mean", "max"])
def test_pooled_answers_follow_from_those_of_the_segments(pool):
    rng = np.random.default_rng(0)
    lengths = (3, 1, 6, 2, 1, 4)
    X = RaggedArray.from_list([rng.normal(size=(n, 7, 3)).astype("float32") for n in lengths])
    y = np.array(["anger", "neutral", "sadness"] * 2)
    classifier = NeuralClassifier(OfWindows(), epochs=2, batch_size=4, pool=pool).fit(X, y)
    segments = classifier.segment_posteriors(X)
    assert [part.shape for part in segments] == [(n, 3) for n in lengths]
    for answer, part in zip(classifier.predict_proba(X), segments, strict=True):
        np.testing.assert_allclose(part.sum(axis=1), 1, rtol=1e-5)
        # Element-wise maximum or mean of the log posteriors, brought back to a sum of one.
        logarithm = getattr(np.log(part), pool)(axis=0)
        np.testing.assert_allclose(answer, softmax(logarithm), rtol=1e-6)
    # The answer to a segment does not depend on the others.
    alone = classifier.segment_posteriors(X.take([2]))[0]
    np.testing.assert_allclose(alone, segments[2], atol=1e-6)
    # A row of one segment is answered for by it.
    np.testing.assert_allclose(classifier.predict_proba(X)[1], segments[1][0], rtol=1e-6)

    weights = classifier.attention(X)
    assert [part.shape for part in weights] == [(n, 7) for n in lengths]
    np.testing.assert_allclose(np.concatenate(weights).sum(axis=1), 1, rtol=1e-5)
    vectors = classifier.embed(X)
    assert vectors.shape == (6, 5)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(
        vectors[2], classifier.embed(X.items())[4:10].mean(axis=0), rtol=1e-5, atol=1e-6
    )


def test_segments_are_learnt_from_one_by_one(monkeypatch):
    import keras

    rng = np.random.default_rng(0)
    lengths = (3, 1, 6, 2)
    X = RaggedArray.from_list(
        [np.full((n, 7, 3), row) + rng.normal(0, 0.01, (n, 7, 3)) for row, n in enumerate(lengths)]
    )
    learn, taught = keras.Model.train_on_batch, []

    def watched(model, x, wanted, weights):
        assert x["values"].shape[1:] == (1, 7, 3)
        taught.extend(zip(x["values"].mean(axis=(1, 2, 3)).round(), wanted.argmax(1), strict=True))
        return learn(model, x, wanted, weights)

    monkeypatch.setattr(keras.Model, "train_on_batch", watched)
    classifier = NeuralClassifier(OfWindows(), epochs=1, batch_size=5, pool="max", scale=False)
    y = ["anger", "sadness", "sadness", "anger"]
    classifier.fit(X, y, copies=(X,), validation=(X, y))
    assert sorted(taught) == [(0, 0)] * 3 + [(1, 1)] + [(2, 1)] * 6 + [(3, 0)] * 2
    shorter = RaggedArray.from_list([*(X[row] for row in range(3)), X[3][:1]])
    with pytest.raises(InputError, match=r"copies\[0\] has 1 items in row 3, X has 2; expected as"):
        classifier.fit(X, y, copies=(shorter,))


@pytest.fixture(scope="module")
def attending():
    X, y = corpus(rows=12)
    return NeuralClassifier(Attending(), epochs=1, batch_size=5, learning_rate=0.1).fit(X, y)


def test_attention_is_given_for_the_frames_of_each_row(attending):
    X, _ = corpus(rows=9, seed=3)
    kernel, bias = attending.network_.get_layer("scores").get_weights()
    weights = attending.attention(X)
    scaling = attending._scaling
    for row, found in zip(X, weights, strict=True):
        scores = ((row - scaling.mean) * scaling.factor) @ kernel + bias
        assert found.shape == (len(row),)
        assert found.sum() == pytest.approx(1, abs=1e-5)
        np.testing.assert_allclose(found, softmax(scores[:, 0]), rtol=1e-4)
    np.testing.assert_allclose(attending.attention(X.take([4]))[0], weights[4], atol=1e-6)


def test_one_reader_after_another_is_nothing_to_warn_of(attending, caplog):
    warned = logging.getLogger("tensorflow")
    warned.addHandler(caplog.handler)
    try:
        for frames in range(20, 420, 40):
            attending._readers.clear()
            attending.attention(RaggedArray.from_list([np.ones((frames, 2), "float32")]))
        assert not caplog.records
        warned.warning("anything else")
        assert {record.getMessage() for record in caplog.records} == {"anything else"}
    finally:
        warned.removeHandler(caplog.handler)


def test_rows_are_embedded_by_a_layer_of_the_network(attending):
    X, _ = corpus(rows=9, seed=3)
    vectors = attending.embed(X)
    assert vectors.shape == (9, 5)
    # What comes after is the answer.
    kernel, bias = attending.network_.layers[-1].get_weights()
    posteriors = softmax(vectors @ kernel + bias, axis=1)
    np.testing.assert_allclose(posteriors, attending.predict_proba(X), atol=1e-5)
    with pytest.raises(InputError, match="'bottlenek'; did you mean 'bottleneck'"):
        attending.embed(X, layer="bottlenek")


def test_what_a_network_does_not_have_is_refused(trained, attending):
    X, _ = corpus(rows=3)
    with pytest.raises(InputError, match=r"unknown layer of functional.* 'attention'"):
        trained.attention(X)
    with pytest.raises(InputError, match="pool is None; expected 'mean' or 'max', under which"):
        attending.segment_posteriors(X)
    with pytest.raises(InputError, match=r"X has items of shape \(3,\); expected \(2,\)"):
        attending.attention(RaggedArray.from_list([np.ones((4, 3))]))


@pytest.mark.parametrize("ask", ["predict", "predict_proba", "attention", "embed", "save"])
def test_what_is_not_trained_cannot_be_asked(ask, tmp_path):
    argument = tmp_path / "model" if ask == "save" else corpus(rows=3)[0]
    with pytest.raises(NotFittedError):
        getattr(tiny(), ask)(argument)
    if ask != "save":
        with pytest.raises(NotFittedError):
            getattr(tiny(pool="max"), ask)(argument)


def test_no_rows_get_no_answers(trained):
    none = corpus(rows=3)[0].take([])
    assert trained.predict_proba(none).shape == (0, 3)
    assert trained.predict(none).shape == (0,)


def test_the_seed_is_left_open_and_everything_else_is_said():
    make = of_seed(Tiny(units=3), epochs=7, mixup=0.2)
    first, other = make(1), make(2)
    assert isinstance(first, NeuralClassifier)
    assert (first.network, first.epochs, first.mixup, first.seed) == (Tiny(units=3), 7, 0.2, 1)
    assert first.get_params() | {"seed": 2} == other.get_params()
    # Other processes get it whole.
    again = pickle.loads(pickle.dumps(make))(1)
    assert again.get_params() == first.get_params()


@pytest.mark.parametrize(
    "recipe",
    [
        {"optimizer": "sgd", "momentum": 0.8, "decay": 1e-6, "learning_rate": 0.1},
        {"schedule": "cosine", "clip_norm": 1.0},
    ],
)
def test_other_recipes_learn_too(recipe):
    X, y = corpus()
    assert tiny(epochs=15, **recipe).fit(X, y).score(X, y) > 0.6


def test_what_is_saved_predicts_the_same_when_loaded(trained, tmp_path):
    X, _ = corpus(rows=9, seed=4)
    trained.save(tmp_path / "model")
    loaded = NeuralClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), trained.predict_proba(X))
    assert loaded.get_params() == trained.get_params()
    assert loaded.history_ == trained.history_
    assert (loaded.n_parameters_, loaded.best_epoch_) == (
        trained.n_parameters_,
        trained.best_epoch_,
    )
    names = {"network.keras", "scaling.npz", "classifier.json"}
    assert {p.name for p in (tmp_path / "model").iterdir()} == names
    with pytest.raises(InputError, match="exists already; expected the name of a new folder"):
        trained.save(tmp_path / "model")


def test_a_classifier_with_augmentation_and_pooling_is_saved_whole(tmp_path):
    rng = np.random.default_rng(0)
    X = RaggedArray.from_list([rng.normal(size=(n, 7, 3)).astype("float32") for n in (2, 1, 3)])
    augment = SpecAugment(time=0.3, frequency=0.4, masks=1, within=True)
    classifier = NeuralClassifier(
        OfWindows(),
        epochs=1,
        spec_augment=augment,
        mixup=0.3,
        pool="max",
        balance="oversampling",
        weight_decay=0.01,
    )
    classifier.fit(X, ["anger", "fear", "fear"]).save(tmp_path / "model")
    loaded = NeuralClassifier.load(tmp_path / "model")
    assert loaded.spec_augment == augment
    assert loaded.get_params() == classifier.get_params()
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    np.testing.assert_array_equal(loaded.embed(X), classifier.embed(X))
    for found, expected in zip(loaded.attention(X), classifier.attention(X), strict=True):
        np.testing.assert_array_equal(found, expected)
    # It can be saved again, and trained again.
    loaded.save(tmp_path / "again")
    loaded.fit(X, ["anger", "fear", "fear"])


def test_a_save_that_fails_leaves_nothing(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(np, "savez", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        trained.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_saved_classifier_is_refused(trained, tmp_path):
    with pytest.raises(InputError, match=r"nowhere: .*; expected a classifier as"):
        NeuralClassifier.load(tmp_path / "nowhere")
    trained.save(tmp_path / "model")
    (tmp_path / "model" / "network.keras").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"model: .*; expected a classifier as"):
        NeuralClassifier.load(tmp_path / "model")
    state = json.loads((tmp_path / "model" / "classifier.json").read_text())
    state["network"] |= {"module": "antigravity", "class": "Surprise"}
    (tmp_path / "model" / "classifier.json").write_text(json.dumps(state))
    with pytest.raises(InputError, match="network 'Surprise' of 'antigravity' is not known here"):
        NeuralClassifier.load(tmp_path / "model")
    assert "antigravity" not in sys.modules


def broken(X):
    values = X.values.copy()
    values[X.offsets[4]] = np.nan
    return RaggedArray(values, X.offsets)


@pytest.mark.parametrize(
    ("parameters", "change", "message"),
    [
        ({"epochs": 0}, {}, "epochs is 0; expected a whole number of at least 1"),
        ({"batch_size": 2.5}, {}, "batch_size is 2.5; expected a whole number of at least 1"),
        ({"patience": -1}, {}, "patience is -1; expected a whole number of at least 1"),
        ({"seed": -1}, {}, "seed is -1; expected a whole number of at least 0"),
        ({"learning_rate": 0}, {}, "learning_rate is 0; expected a number above 0"),
        ({"momentum": 1}, {}, "momentum is 1; expected a number from 0 to below 1"),
        ({"decay": float("nan")}, {}, "decay is nan; expected a number of at least 0"),
        ({"optimizer": "adma"}, {}, "unknown optimizer 'adma'; did you mean 'adam'?"),
        ({"weight_decay": -1}, {}, "weight_decay is -1; expected a number of at least 0"),
        ({"mixup": float("inf")}, {}, "mixup is inf; expected a number of at least 0"),
        ({"mixup": "0.3"}, {}, "mixup is '0.3'; expected a number of at least 0"),
        ({"balance": "weight"}, {}, "unknown balance 'weight'; did you mean 'weights'?"),
        ({"pool": "maximum"}, {}, "unknown pool 'maximum'"),
        ({"spec_augment": True}, {}, "spec_augment is True; expected a SpecAugment or None"),
        ({"spec_augment": {"time": 1}}, {}, "spec_augment is {'time': 1}; expected a SpecAugment"),
        ({"clip_norm": 0}, {}, "clip_norm is 0; expected a number above 0"),
        ({"monitor": "ua"}, {}, "unknown monitor 'ua'; did you mean 'uar'?"),
        ({}, {"X": lambda X, y: X.take([]), "y": lambda X, y: []}, "X holds no utterances"),
        ({}, {"y": lambda X, y: y[:-1]}, r"X has 48 rows, but labels of shape \(47,\)"),
        ({}, {"y": lambda X, y: ["anger"] * 48}, "y holds only 'anger'; expected at least two"),
        ({}, {"X": lambda X, y: X.values}, "X is a ndarray; expected a RaggedArray"),
        ({}, {"X": lambda X, y: broken(X)}, "features of row 4 are not finite"),
        ({"scale": False}, {"X": lambda X, y: broken(X)}, "features of row 4 are not finite"),
        ({}, {"copies": lambda X, y: (X, X.take([0]))}, r"copies\[1\] has 1 rows, but labels"),
        (
            {},
            {"validation": lambda X, y: (RaggedArray.from_list([np.ones((3, 5))]), ["anger"])},
            r"validation has items of shape \(5,\); expected \(2,\)",
        ),
        (
            {},
            {"validation": lambda X, y: (X, ["fear"] * 48)},
            "validation holds only fear; expected labels that are trained: anger, neutral, sadness",
        ),
        ({"optimizer": "sgd", "learning_rate": 1e38}, {}, "learning_rate is 1e.38; training div"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_by_name(parameters, change, message):
    X, y = corpus()
    given = {"X": X, "y": y} | {name: make(X, y) for name, make in change.items()}
    with pytest.raises(InputError, match=message):
        tiny(**parameters).fit(given.pop("X"), given.pop("y"), **given)


def test_a_row_without_items_is_refused():
    X, y = corpus()
    X.offsets[3] = X.offsets[2]
    with pytest.raises(InputError, match="X: row 2 holds no items; expected at least one per row"):
        tiny().fit(X, y)


def test_other_items_than_those_of_training_are_refused(trained):
    with pytest.raises(InputError, match=r"X has items of shape \(3,\); expected \(2,\)"):
        trained.predict_proba(RaggedArray.from_list([np.ones((4, 3))]))


def test_a_system_can_be_described_without_keras():
    code = "import ser_lib.neural, sys; ser_lib.neural.NeuralClassifier(None).get_params(); " \
           "sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"  # fmt: skip
    root = Path(__file__).resolve().parents[2]
    environment = os.environ | {"PYTHONPATH": str(root)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
