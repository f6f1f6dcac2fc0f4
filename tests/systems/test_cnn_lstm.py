"""The CNN-LSTM computes what its published form computes, on windows of any recording."""

import numpy as np
import pytest
from small_systems import network_of
from trained_weights import disturb

from ser_lib.systems import CnnLstm

ITEM = (16, 12)
SMALL = {"filters": (8, 6), "pools": (2, 4), "lstm_units": 8}


def time_distributed(system, item, classes):
    """
    The network as published: every layer up to the LSTM wrapped, pooling after the ELU.

    Its posteriors are to be the same. How it is trained is not: in the Keras of the source (2.2) a
    wrapped normalisation got all windows at once, as ours does, and in Keras 3 one at a time.
    """
    import keras
    from keras import layers

    inputs = keras.Input((None, *item, 1))
    x = inputs
    for filters, pool in zip(system.filters, system.pools, strict=True):
        for layer in (
            layers.Conv2D(filters, 3, padding="same"),
            layers.BatchNormalization(momentum=system.norm_momentum),
            layers.ELU(),
            layers.MaxPooling2D(pool, padding="same"),
            layers.Dropout(system.dropout),
        ):
            x = layers.TimeDistributed(layer)(x)
    x = layers.TimeDistributed(layers.Flatten())(x)
    for layer in range(system.lstm_layers):
        more = layer + 1 < system.lstm_layers
        x = layers.LSTM(system.lstm_units, dropout=system.lstm_dropout, return_sequences=more)(x)
    return keras.Model(inputs, layers.Dense(classes, activation="softmax")(x))


@pytest.mark.parametrize("layers", [1, 2])
def test_the_folded_form_equals_the_time_distributed_form(layers):
    system = CnnLstm(**SMALL, lstm_layers=layers)
    folded, wrapped = network_of(system, ITEM, 5), time_distributed(system, ITEM, 5)
    # The factors of normalisation may be negative, where a maximum becomes a minimum.
    rng = np.random.default_rng(0)
    disturb(folded)
    folded.set_weights(
        [
            values * rng.choice([-1, 1], values.shape) if "gamma" in weight.name else values
            for weight, values in zip(folded.weights, folded.get_weights(), strict=True)
        ]
    )
    # The weights come in the same order: convolution, normalisation, ..., LSTM, dense.
    assert [w.shape for w in folded.weights] == [w.shape for w in wrapped.weights]
    wrapped.set_weights(folded.get_weights())
    x = rng.normal(size=(4, 3, *ITEM)).astype("float32")
    posteriors = folded({"values": x, "mask": np.ones((4, 3), bool)})
    np.testing.assert_allclose(posteriors, wrapped(x[..., np.newaxis]), atol=1e-5)


def test_as_published_recordings_are_five_windows_and_there_are_two_noisy_copies():
    system = CnnLstm.as_published()
    signal = np.random.default_rng(0).normal(size=64000).astype("float32")
    for front_end in (system.front_end, *system.training_copies):
        assert front_end(signal, "u").shape == (5, 128, 128)
    assert len(system.training_copies) == 2


def test_recordings_of_any_length_are_read_whole():
    front_end = CnnLstm().front_end
    rng = np.random.default_rng(0)
    for seconds in (0.025, 0.5, 1.3, 4.0, 30.0):
        signal = rng.normal(size=int(16000 * seconds)).astype("float32")
        frames = 1 + len(signal) // 160
        assert len(front_end(signal, "u")) == 1 + max(0, -(-(frames - 128) // 64))
