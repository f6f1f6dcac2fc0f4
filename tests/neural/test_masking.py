"""Layers with a mask: each against NumPy, together against input without padding."""

import keras
import numpy as np
import pytest
from keras import layers

from ser_lib.neural.backbones import ALEXNET_STRIDE, alexnet_convolutions
from ser_lib.neural.masking import (
    ApplyMask,
    CentreMask,
    DownsampleMask,
    MaskedBatchNormalization,
    MeanOverUnits,
    OnesMask,
)

LENGTHS = (1, 7, 4)


def mask_of(lengths, steps=None):
    return np.arange(steps or max(lengths)) < np.array(lengths)[:, np.newaxis]


def values_of(shape, seed=0):
    return np.random.default_rng(seed).normal(1, 2, shape).astype("float32")


@pytest.mark.parametrize("item", [(), (3,), (3, 4)])
def test_padding_and_nothing_else_becomes_zero(item):
    values, mask = values_of((3, 7, *item)), mask_of(LENGTHS)
    found = np.asarray(ApplyMask()(values, mask))
    np.testing.assert_array_equal(found[mask], values[mask])
    assert not found[~mask].any()


@pytest.mark.parametrize("stride", [2, 3, 4])
def test_a_recording_keeps_as_many_steps_however_far_it_is_padded(stride):
    lengths = np.arange(1, 30)
    for steps in (29, 32, 61):
        thin = np.asarray(DownsampleMask(stride)(mask_of(lengths, steps)))
        np.testing.assert_array_equal(thin.sum(axis=1), np.ceil(lengths / stride))
        # The recording comes first, padding last.
        assert (np.diff(thin.astype(int), axis=1) <= 0).all()
    mask = keras.Input((29,), dtype="bool")
    assert DownsampleMask(stride)(mask).shape == (None, -(-29 // stride))
    assert DownsampleMask(stride)(keras.Input((None,), dtype="bool")).shape == (None, None)
    assert CentreMask(stride)(mask).shape == (None, -(-29 // stride))


@pytest.mark.parametrize("item", [(5,), (4, 5)])
def test_statistics_of_a_batch_are_those_of_its_unpadded_frames(item):
    values, mask = values_of((3, 7, *item)), mask_of(LENGTHS)
    values[~mask] = 1e3
    layer = MaskedBatchNormalization(momentum=0.7, epsilon=1e-5)
    layer.build(values.shape)
    gamma, beta = values_of((2, 5), seed=1)
    layer.set_weights([gamma, beta, np.zeros(5), np.ones(5)])
    found = np.asarray(layer(values, mask=mask, training=True))
    unpadded = values[mask].reshape(-1, 5).astype(float)
    mean, variance = unpadded.mean(axis=0), unpadded.var(axis=0)
    expected = gamma * (values[mask] - mean) / np.sqrt(variance + 1e-5) + beta
    np.testing.assert_allclose(found[mask], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(layer.moving_mean, 0.3 * mean, rtol=1e-4)
    np.testing.assert_allclose(layer.moving_variance, 0.7 + 0.3 * variance, rtol=1e-4)


def test_without_a_mask_and_in_inference_it_is_plain_batch_normalisation():
    values = values_of((3, 7, 4, 5))
    ours, plain = MaskedBatchNormalization(), layers.BatchNormalization()
    for training in (True, False):
        np.testing.assert_allclose(
            ours(values, training=training), plain(values, training=training), atol=1e-6
        )
    assert [w.name for w in ours.weights] == [w.name for w in plain.weights]
    assert [w.name for w in ours.trainable_weights] == [w.name for w in plain.trainable_weights]
    # The moving statistics are the same for every step, so that the mask has no influence.
    np.testing.assert_array_equal(ours(values, mask=mask_of(LENGTHS)), ours(values))


def test_values_without_padding_get_a_mask_of_ones_and_units_are_averaged():
    values = values_of((3, 7, 4))
    found = np.asarray(OnesMask()(values))
    assert found.dtype == bool
    assert found.shape == (3, 7)
    assert found.all()
    np.testing.assert_allclose(MeanOverUnits()(values), values.mean(axis=-1), rtol=1e-5, atol=1e-6)
    symbol = keras.Input((None, 4))
    assert OnesMask()(symbol).shape == (None, None)
    assert MeanOverUnits()(symbol).shape == (None, None)


@pytest.mark.parametrize("stride", [4, 32])
def test_steps_remain_whose_centre_lies_within_the_recording(stride):
    lengths = np.arange(1, 100)
    for frames in (99, 128, 160):
        found = np.asarray(CentreMask(stride)(mask_of(lengths, frames)))
        assert found.shape == (99, -(-frames // stride))
        for length, steps in zip(lengths, found, strict=True):
            centres = stride * np.arange(1, len(steps) + 1) - 1
            np.testing.assert_array_equal(steps, (centres < length) | (np.arange(len(steps)) == 0))


def test_a_step_of_alexnet_reads_as_far_to_the_left_of_its_centre_as_to_the_right():
    values, mask = keras.Input((None, 63, 1)), keras.Input((None,), dtype="bool")
    model = keras.Model([values, mask], alexnet_convolutions(values, mask)[0])
    model.set_weights([np.full_like(w, 0.01) for w in model.get_weights()])
    step, frames = 4, 320
    centre = ALEXNET_STRIDE * (step + 1) - 1
    # Eleven frames by the first convolution, and so on: 195 in all.
    places = [centre - 98, centre - 97, centre, centre + 97, centre + 98]
    batch = np.zeros((len(places) + 1, frames, 63, 1), "float32")
    for row, place in enumerate(places):
        batch[row, place] = 1e3
    found = np.asarray(model([batch, np.ones(batch.shape[:2], bool)]))[:, step].max(axis=(1, 2))
    np.testing.assert_array_equal(found[:-1] > found[-1], [False, True, True, True, False])


def test_a_frozen_normalisation_keeps_its_statistics_as_that_of_keras_does():
    values = values_of((3, 7, 5))
    layer = MaskedBatchNormalization()
    layer.build(values.shape)
    layer.trainable = False
    np.testing.assert_array_equal(
        layer(values, mask=mask_of(LENGTHS), training=True), layer(values, training=False)
    )
    assert not np.asarray(layer.moving_mean).any()
