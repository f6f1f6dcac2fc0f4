"""The CNN-LSTM computes what its published form computes, whatever it is batched with."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from ser_lib.errors import InputError
from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier
from ser_lib.systems.cnn_lstm import CnnLstm, cnn_lstm

SMALL = CnnLstm(filters=(8, 6), pools=(2, 4), lstm_units=8)
ITEM = (16, 12)
ROOT = Path(__file__).resolve().parents[2]


def recordings(lengths, item=ITEM, seed=0):
    rng = np.random.default_rng(seed)
    return RaggedArray.from_list([rng.normal(size=(n, *item)).astype("float32") for n in lengths])


def time_distributed(network, item, classes):
    """
    The network as published: every layer up to the LSTM wrapped, pooling after the ELU.

    Its answers are to be the same. How it learns is not: in the Keras of the source (2.2) a wrapped
    normalisation saw all windows at once, as ours does, and in Keras 3 it sees one at a time.
    """
    import keras
    from keras import layers

    inputs = keras.Input((None, *item, 1))
    x = inputs
    for filters, pool in zip(network.filters, network.pools, strict=True):
        for layer in (
            layers.Conv2D(filters, 3, padding="same"),
            layers.BatchNormalization(momentum=network.momentum),
            layers.ELU(),
            layers.MaxPooling2D(pool, padding="same"),
            layers.Dropout(network.dropout),
        ):
            x = layers.TimeDistributed(layer)(x)
    x = layers.TimeDistributed(layers.Flatten())(x)
    for layer in range(network.lstm_layers):
        more = layer + 1 < network.lstm_layers
        x = layers.LSTM(network.lstm_units, dropout=network.lstm_dropout, return_sequences=more)(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


def random_weights(model, seed=0):
    """Weights as after some training: variances positive, some normalising factors negative."""
    rng = np.random.default_rng(seed)
    values = [
        rng.uniform(0.5, 2, w.shape) if "variance" in w.name else rng.normal(0, 0.5, w.shape)
        for w in model.weights
    ]
    model.set_weights([v.astype("float32") for v in values])


@pytest.mark.parametrize("layers", [1, 2])
def test_the_folded_form_equals_the_time_distributed_form(layers):
    network = CnnLstm(filters=(8, 6), pools=(2, 4), lstm_units=8, lstm_layers=layers)
    ours, theirs = network.build(ITEM, 5), time_distributed(network, ITEM, 5)
    random_weights(ours)
    # The weights come in the same order: convolution, normalisation, ..., LSTM, dense.
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
    theirs.set_weights(ours.get_weights())
    x = np.random.default_rng(1).normal(size=(4, 3, *ITEM)).astype("float32")
    posteriors = ours({"values": x, "mask": np.ones((4, 3), bool)})
    np.testing.assert_allclose(posteriors, theirs(x[..., np.newaxis]), atol=1e-5)


def test_the_source_has_its_parameters_and_its_windows():
    system = cnn_lstm(setting="source")
    signal = np.random.default_rng(0).normal(size=64000).astype("float32")
    for front_end in (system.front_end, *system.training_copies):
        assert front_end(signal, "u").shape == (5, 128, 128)
    assert len(system.training_copies) == 2
    model = system.classifier(0).network.build((128, 128), 7)
    assert model.count_params() == 656_583
    assert sum(w.value.shape.num_elements() for w in model.non_trainable_weights) == 768
    assert sum(layer.__class__.__name__ == "LSTM" for layer in model.layers) == 1
    training = system.classifier(3).get_params()
    expected = {
        "epochs": 100, "batch_size": 64, "optimizer": "sgd", "learning_rate": 0.01,
        "momentum": 0.8, "decay": 1e-6, "patience": 30, "seed": 3, "scale": False,
    }  # fmt: skip
    assert {name: training[name] for name in expected} == expected


def test_recordings_of_any_length_are_read_whole():
    front_end = cnn_lstm().front_end
    rng = np.random.default_rng(0)
    for seconds in (0.025, 0.5, 1.3, 4.0, 30.0):
        signal = rng.normal(size=int(16000 * seconds)).astype("float32")
        windows = front_end(signal, "u")
        frames = 1 + len(signal) // front_end.analysis.hop_length
        hop, length = front_end.segmentation.hop, front_end.segmentation.length
        assert len(windows) == 1 + max(0, -(-(frames - length) // hop))
        assert np.isfinite(windows).all()


def test_the_classifier_is_described_by_the_arguments():
    system = cnn_lstm(epochs=3, lstm_layers=2, copies=1, setting="source")
    classifier = system.classifier(7)
    assert clone(classifier).get_params() == classifier.get_params()
    assert (classifier.epochs, classifier.seed, classifier.network.lstm_layers) == (3, 7, 2)
    assert len(system.training_copies) == 1
    assert system.parameters["batch_size"] == 64
    assert len(cnn_lstm(copies=0).training_copies) == 0
    with pytest.raises(InputError, match="lstm_layers is 0; expected a whole number of at least 1"):
        cnn_lstm(lstm_layers=0)
    with pytest.raises(InputError, match="dropout is 1; expected a number of at least 0 and of at"):
        cnn_lstm(dropout=1)
    with pytest.raises(InputError, match="copies is -1; expected a whole number of at least 0"):
        cnn_lstm(copies=-1)


def test_noisy_copies_differ_from_each_other_and_from_the_clean_one():
    system = cnn_lstm()
    signal = np.sin(np.arange(16000) / 10).astype("float32")
    versions = [f(signal, "u") for f in (system.front_end, *system.training_copies)]
    for i, version in enumerate(versions):
        for other in versions[:i]:
            assert version.shape == other.shape
            assert np.abs(version.astype(float) - other).max() > 1


@pytest.fixture(scope="module")
def trained():
    """A small network, trained on recordings of one to twelve windows."""
    lengths = np.random.default_rng(0).integers(1, 13, 24)
    labels = np.array(["anger", "neutral", "sadness"] * 8)
    return NeuralClassifier(SMALL, epochs=2, batch_size=8).fit(recordings(lengths), labels)


def test_a_posterior_does_not_depend_on_batch_or_padding(trained):
    together = recordings([1, 240, 2, 3, 1])
    alone = [trained.predict_proba(together.take([i]))[0] for i in range(5)]
    trained.batch_size = 5
    np.testing.assert_allclose(trained.predict_proba(together), alone, atol=1e-5)
    # The shortest beside the longest, in one batch, padded further than need be.
    values, mask = np.zeros((5, 250, *ITEM), "float32"), np.zeros((5, 250), bool)
    for i, row in enumerate(together):
        values[i, : len(row)], mask[i, : len(row)] = row, True
    values[~mask] = 9
    for i, row in enumerate(together):
        scaled = (row - trained._scaling.mean) * trained._scaling.factor
        values[i, : len(row)] = scaled
    posteriors = trained.network_.predict_on_batch({"values": values, "mask": mask})
    np.testing.assert_allclose(posteriors, alone, atol=1e-5)


def test_training_does_not_depend_on_padding():
    import keras

    network = CnnLstm(filters=(8, 6), pools=(2, 4), lstm_units=8, dropout=0.0, lstm_dropout=0.0)
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(4, 3, *ITEM)).astype("float32"), np.array([0, 1, 2, 0])
    results = []
    for padding in (0, 5):
        model = network.build(ITEM, 3)
        random_weights(model)
        mask = np.ones((4, 3), bool)
        batch = {
            "values": np.pad(x, ((0, 0), (0, padding), (0, 0), (0, 0)), constant_values=7),
            "mask": np.pad(mask, ((0, 0), (0, padding))),
        }
        model.compile(
            keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", jit_compile=False
        )
        model.train_on_batch(batch, y)
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


ON_JAX = """
import json, sys
import keras
import numpy as np
from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier

folder, rows, answer = sys.argv[1:]
classifier = NeuralClassifier.load(folder)
X = RaggedArray.load(rows)
posteriors = classifier.predict_proba(X)
labels = classifier.classes_[np.arange(len(X)) % 3]
again = classifier.set_params(epochs=1).fit(X, labels, validation=(X, labels))
json.dump(
    {
        "backend": keras.backend.backend(),
        "posteriors": posteriors.tolist(),
        "losses": [epoch["loss"] for epoch in again.history_],
    },
    open(answer, "w"),
)
"""


def test_a_saved_network_predicts_the_same_under_jax_and_trains_there(trained, tmp_path):
    pytest.importorskip("jax", reason="JAX is not installed (the extra 'jax')")
    X = recordings([1, 1, 4, 4, 4, 1], seed=5)
    trained.save(tmp_path / "model")
    assert NeuralClassifier.load(tmp_path / "model").network == SMALL
    X.save(tmp_path / "rows")
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(ROOT)}
    arguments = [str(tmp_path / name) for name in ("model", "rows", "answer.json")]
    subprocess.run([sys.executable, "-c", ON_JAX, *arguments], check=True, env=environment)
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert answer["backend"] == "jax"
    np.testing.assert_allclose(answer["posteriors"], trained.predict_proba(X), atol=1e-4)
    assert np.isfinite(answer["losses"]).all()
