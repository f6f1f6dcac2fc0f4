import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score, balanced_accuracy_score, log_loss

from ser_lib.errors import InputError
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural import NeuralClassifier


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


def test_balanced_classes_weigh_rare_rows_more():
    X, y = corpus(rows=60, shift=0.3)
    rare = np.flatnonzero((y != "anger") | (np.arange(60) < 9))
    plain, balanced = (
        tiny(epochs=8, class_weight=w).fit(X.take(rare), y[rare]).predict_proba(X)[:, 0].mean()
        for w in (None, "balanced")
    )
    assert balanced > plain + 0.05


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
