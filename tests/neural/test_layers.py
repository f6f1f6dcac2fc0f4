"""Blocks against plain layers one by one, with the same weights."""

import keras
import numpy as np
import pytest
from keras import layers

from ser_lib.neural.layers import (
    FoldWindows,
    LocalFeatureBlock,
    SequenceFeatureBlock,
    UnfoldWindows,
)
from ser_lib.neural.masking import ApplyMask, MaskedBatchNormalization


def plain_layers(channels, filters, pool):
    """The same block layer by layer, in the order in which it was published."""
    return keras.Sequential(
        [
            keras.Input((8, 12, channels)),
            layers.Conv2D(filters, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ELU(),
            layers.MaxPooling2D(pool, padding="same"),
        ]
    )


def pair(channels, filters, pool, seed=0):
    """Both forms with the same weights, some normalising factors negative."""
    rng = np.random.default_rng(seed)
    inputs = keras.Input((8, 12, channels)), keras.Input(())
    block = keras.Model(inputs, LocalFeatureBlock(filters, pool)(*inputs))
    plain = plain_layers(channels, filters, pool)
    values = [rng.normal(size=w.shape).astype("float32") for w in block.weights]
    values[-1] = np.square(values[-1]) + 0.1
    assert (values[2] < 0).any()
    block.set_weights(values)
    plain.layers[0].set_weights(values[:2])
    plain.layers[1].set_weights(values[2:])
    return block, plain, rng


@pytest.mark.parametrize(("channels", "filters", "pool"), [(1, 16, 2), (5, 16, 4), (1, 4, 3)])
def test_block_equals_convolution_normalisation_elu_and_pooling_one_by_one(channels, filters, pool):
    # With one channel and 16 filters the statistics come from the patches of the input.
    block, plain, rng = pair(channels, filters, pool)
    x = rng.normal(1, 2, size=(6, 8, 12, channels)).astype("float32")
    ones = np.ones(6, "float32")
    expected = plain(x)
    assert block.output_shape == plain.output_shape
    np.testing.assert_allclose(block([x, ones]), expected, rtol=1e-5, atol=1e-5)
    trained, by_layers = block([x, ones], training=True), plain(x, training=True)
    np.testing.assert_allclose(trained, by_layers, rtol=1e-4, atol=2e-5)
    for ours, theirs in zip(block.weights[-2:], plain.weights[-2:], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    check_training(block, [x, ones], plain, x)


@pytest.mark.parametrize("channels", [1, 5])
def test_training_statistics_leave_padded_windows_out(channels):
    block, _, rng = pair(channels, 16, 2)
    x = rng.normal(size=(4, 8, 12, channels)).astype("float32")
    before = block.get_weights()
    alone = block([x, np.ones(4, "float32")], training=True)
    statistics = block.get_weights()[-2:]
    block.set_weights(before)
    padding = np.full((3, 8, 12, channels), 7, "float32")
    weights = np.array([1] * 4 + [0] * 3, "float32")
    padded = block([np.concatenate([x, padding]), weights], training=True)
    np.testing.assert_allclose(padded[:4], alone, atol=1e-5)
    for ours, theirs in zip(block.get_weights()[-2:], statistics, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def sequences(channels, filters, pool, lengths=(1, 6, 9)):
    """A block for recordings and its layers one by one, the same weights, and a padded batch."""
    inputs = keras.Input((None, 6, channels)), keras.Input((None,), dtype="bool")
    block = keras.Model(inputs, SequenceFeatureBlock(filters, pool, side=5)(*inputs))
    x = layers.Conv2D(filters, 5, padding="same")(inputs[0])
    x = MaskedBatchNormalization()(x, mask=inputs[1])
    x = ApplyMask()(layers.ReLU()(x), inputs[1])
    plain = keras.Model(inputs, layers.MaxPooling2D(pool, padding="same")(x))
    rng = np.random.default_rng(0)
    values = [rng.normal(size=w.shape).astype("float32") for w in block.weights]
    values[-1] = np.square(values[-1]) + 0.1
    assert (values[2] < 0).any()
    for model in (block, plain):
        model.set_weights(values)
    mask = np.arange(12) < np.array(lengths)[:, np.newaxis]
    frames = rng.normal(1, 2, (len(lengths), 12, 6, channels)).astype("float32")
    return block, plain, [frames * mask[..., np.newaxis, np.newaxis], mask]


@pytest.mark.parametrize(("channels", "filters", "pool"), [(1, 8, 2), (3, 5, 3)])
def test_a_block_for_recordings_equals_its_layers_one_by_one(channels, filters, pool):
    block, plain, batch = sequences(channels, filters, pool)
    assert block.output_shape == plain.output_shape
    for training in (False, True):
        found = np.asarray(block(batch, training=training))
        expected = np.asarray(plain(batch, training=training))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=2e-5)
        # The shortest recording has one step, whose frames past the first are padding.
        assert found[0, 0].any()
        assert not found[0, 1:].any()
    for ours, theirs in zip(block.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
    check_training(block, batch, plain, batch)


def check_training(block, ours, plain, theirs):
    """Train both forms for a step, and compare all weights."""
    for model, inputs in ((block, ours), (plain, theirs)):
        model.compile(keras.optimizers.SGD(0.1), "mse", jit_compile=False)
        shape = np.shape(model(inputs))
        model.train_on_batch(inputs, np.random.default_rng(1).normal(size=shape))
    for weights, expected in zip(block.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(weights, expected, rtol=1e-4, atol=2e-5)


def test_folding_and_unfolding_are_inverse():
    x = np.arange(2 * 3 * 4, dtype="float32").reshape(2, 3, 4)
    values = keras.Input((None, 4))
    folded = FoldWindows()(values)
    model = keras.Model(values, [folded, UnfoldWindows()(folded, values)])
    assert model.output_shape == [(None, 4), (None, None, 4)]
    flat, again = model(x)
    np.testing.assert_array_equal(flat, x.reshape(6, 4))
    np.testing.assert_array_equal(again, x)
