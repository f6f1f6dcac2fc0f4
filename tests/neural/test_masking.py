"""Layers that carry a mask: each against a line of NumPy, together against unpadded input."""

import keras
import numpy as np
import pytest
from keras import layers

from ser_lib.neural.masking import (
    AllReal,
    MaskedBatchNormalization,
    MeanOverUnits,
    Rezero,
    StrideMask,
)

LENGTHS = (1, 7, 4)


def mask_of(lengths, steps=None):
    return np.arange(steps or max(lengths)) < np.array(lengths)[:, np.newaxis]


def values_of(shape, seed=0):
    return np.random.default_rng(seed).normal(1, 2, shape).astype("float32")


@pytest.mark.parametrize("item", [(), (3,), (3, 4)])
def test_rezero_clears_padding_and_nothing_else(item):
    values, mask = values_of((3, 7, *item)), mask_of(LENGTHS)
    found = np.asarray(Rezero()(values, mask))
    np.testing.assert_array_equal(found[mask], values[mask])
    assert not found[~mask].any()


@pytest.mark.parametrize("stride", [2, 3, 4])
def test_a_recording_keeps_as_many_steps_however_far_it_is_padded(stride):
    lengths = np.arange(1, 30)
    for steps in (29, 32, 61):
        thin = np.asarray(StrideMask(stride)(mask_of(lengths, steps)))
        np.testing.assert_array_equal(thin.sum(axis=1), np.ceil(lengths / stride))
        # What is real comes first.
        assert (np.diff(thin.astype(int), axis=1) <= 0).all()
    mask = keras.Input((29,), dtype="bool")
    assert StrideMask(stride)(mask).shape == (None, -(-29 // stride))
    assert StrideMask(stride)(keras.Input((None,), dtype="bool")).shape == (None, None)


@pytest.mark.parametrize("item", [(5,), (4, 5)])
def test_statistics_of_a_batch_are_those_of_its_real_frames(item):
    values, mask = values_of((3, 7, *item)), mask_of(LENGTHS)
    values[~mask] = 1e3
    layer = MaskedBatchNormalization(momentum=0.7, epsilon=1e-5)
    layer.build(values.shape)
    gamma, beta = values_of((2, 5), seed=1)
    layer.set_weights([gamma, beta, np.zeros(5), np.ones(5)])
    found = np.asarray(layer(values, mask=mask, training=True))
    real = values[mask].reshape(-1, 5).astype(float)
    mean, variance = real.mean(axis=0), real.var(axis=0)
    expected = gamma * (values[mask] - mean) / np.sqrt(variance + 1e-5) + beta
    np.testing.assert_allclose(found[mask], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(layer.moving_mean, 0.3 * mean, rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, 0.7 + 0.3 * variance, rtol=1e-4)


def test_without_a_mask_and_in_use_it_is_plain_batch_normalisation():
    values = values_of((3, 7, 4, 5))
    ours, plain = MaskedBatchNormalization(), layers.BatchNormalization()
    for training in (True, False):
        np.testing.assert_allclose(
            ours(values, training=training), plain(values, training=training), atol=1e-6
        )
    # The running statistics are the same for every step, so no mask matters.
    np.testing.assert_array_equal(ours(values, mask=mask_of(LENGTHS)), ours(values))


def test_a_mask_for_what_has_no_padding_and_the_mean_of_units():
    values = values_of((3, 7, 4))
    found = np.asarray(AllReal()(values))
    assert found.dtype == bool
    assert found.shape == (3, 7)
    assert found.all()
    np.testing.assert_allclose(MeanOverUnits()(values), values.mean(axis=-1), rtol=1e-5, atol=1e-6)
    symbol = keras.Input((None, 4))
    assert AllReal()(symbol).shape == (None, None)
    assert MeanOverUnits()(symbol).shape == (None, None)


def test_a_block_on_padded_recordings_equals_plain_layers_on_each_alone():
    lengths, steps = (1, 2, 9, 16), 32
    convolution = layers.Conv2D(3, 5, padding="same", bias_initializer="ones")
    values, real = keras.Input((None, 6, 2)), keras.Input((None,), dtype="bool")
    normalisation = MaskedBatchNormalization()
    x = Rezero()(layers.ReLU()(normalisation(convolution(values), mask=real)), real)
    block = keras.Model(
        [values, real], [layers.MaxPooling2D(2, padding="same")(x), StrideMask(2)(real)]
    )
    normalisation.set_weights([*values_of((3, 3)), np.full(3, 2.0)])
    plain = layers.BatchNormalization()
    plain.build((None, None, 6, 3))
    plain.set_weights(normalisation.get_weights())
    # Whatever lies in the padding must have been cleared before, and stays cleared after.
    batch, mask = values_of((4, steps, 6, 2)), mask_of(lengths, steps)
    together, kept = (np.asarray(x) for x in block([batch * mask[..., None, None], mask]))
    for row, found, real_steps, n in zip(batch, together, kept, lengths, strict=True):
        alone = layers.MaxPooling2D(2, padding="same")(
            layers.ReLU()(plain(convolution(row[np.newaxis, :n])))
        )[0]
        assert real_steps.sum() == len(alone) == -(-n // 2)
        np.testing.assert_allclose(found[real_steps], alone, atol=1e-5)
        assert not found[~real_steps].any()


@pytest.mark.parametrize(
    "layer",
    [
        Rezero(name="cleared"),
        StrideMask(3, name="thin"),
        MaskedBatchNormalization(momentum=0.5, name="norm1"),
        AllReal(name="real"),
        MeanOverUnits(name="mean"),
    ],
)
def test_layers_are_made_again_by_name_from_what_is_saved(layer):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is type(layer)
    assert again.name == layer.name
    assert again.get_config() == layer.get_config()
