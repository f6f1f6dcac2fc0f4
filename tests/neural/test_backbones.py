"""AlexNet's convolutions: sizes as in torchvision (numbers: `test_torchvision`), and masks."""

import keras
import numpy as np
import pytest
from keras import ops
from trained_weights import disturb

from ser_lib.neural.backbones import alexnet_convolutions

# As torchvision prints its `alexnet().features`: filters, side, stride, padding, pooled or not.
TORCHVISION = (
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)


def model_of(shape, *, masked=False, **options):
    maps = keras.Input(shape)
    mask = keras.Input(shape[:1], dtype="bool") if masked else None
    outputs = alexnet_convolutions(maps, mask, **options)
    model = keras.Model([maps, mask] if masked else maps, outputs if masked else outputs[0])
    disturb(model)
    return model


def by_formula(model, maps):
    """Layer by layer; zeros follow so that ceil(n / stride) steps result."""
    for number, (_, side, stride, pad, pooled) in enumerate(TORCHVISION, start=1):
        maps = np.pad(maps, ((0, 0), (pad, side - 1 - pad), (pad, pad), (0, 0)))
        kernel, bias = model.get_layer(f"conv{number}").get_weights()
        maps = np.maximum(ops.conv(maps, kernel, stride, padding="valid") + bias, 0)
        if pooled:
            maps = np.pad(maps, ((0, 0), (0, 2), (0, 0), (0, 0)))
            maps = np.asarray(ops.max_pool(maps, 3, 2, padding="valid"))
    return maps


@pytest.mark.parametrize(("channels", "parameters"), [(3, 2_469_696), (1, 2_454_208)])
def test_it_has_the_published_number_of_parameters(channels, parameters):
    inputs = keras.Input((300, 200, channels))
    assert keras.Model(inputs, alexnet_convolutions(inputs)[0]).count_params() == parameters


@pytest.mark.parametrize(
    ("frequency", "time", "cells"),
    [(200, 300, (5, 8)), (256, 384, (7, 11)), (224, 224, (6, 6)), (63, 63, (1, 1))],
)
def test_without_a_mask_maps_shrink_as_in_torchvision(frequency, time, cells):
    maps, mask = alexnet_convolutions(keras.Input((time, frequency, 1)))
    assert mask is None
    # Time comes first here.
    assert maps.shape == (None, *cells[::-1], 256)


def test_with_a_mask_each_recording_gives_what_it_gives_alone():
    lengths = (1, 31, 33, 64, 65)
    model = model_of((None, 63, 1), masked=True)
    rows = [np.random.default_rng(n).normal(size=(n, 63, 1)).astype("float32") for n in lengths]
    values, mask = np.zeros((5, 97, 63, 1), "float32"), np.zeros((5, 97), bool)
    for number, row in enumerate(rows):
        values[number, : len(row)], mask[number, : len(row)] = row, True
    found, present = (np.asarray(x) for x in model([values, mask]))
    assert present.sum(axis=1).tolist() == [-(-n // 32) for n in lengths]
    for row, maps, steps in zip(rows, found, present, strict=True):
        expected = by_formula(model, row[np.newaxis])[0]
        assert len(expected) == steps.sum()
        np.testing.assert_allclose(maps[: len(expected)], expected, rtol=1e-4, atol=1e-4)


def test_normalised_each_recording_still_gives_what_it_gives_alone():
    model = model_of((None, 63, 1), masked=True, normalised=True)
    row = np.random.default_rng(1).normal(size=(1, 40, 63, 1)).astype("float32")
    alone, _ = model([row, np.ones((1, 40), bool)])
    padded = np.pad(row, ((0, 0), (0, 88), (0, 0), (0, 0)))
    found, present = model([padded, np.arange(128)[np.newaxis] < 40])
    assert np.asarray(present).tolist() == [[True, True, False, False]]
    np.testing.assert_allclose(found[:, :2], alone, rtol=1e-4, atol=1e-5)
    norms = [model.get_layer(f"norm{number}") for number in range(1, 6)]
    assert {(norm.epsilon, norm.momentum) for norm in norms} == {(1e-5, 0.9)}
    # Four numbers per channel, two of which are trained.
    assert model.count_params() == 2_454_208 + 4 * (64 + 192 + 384 + 256 + 256)


def test_dropout_drops_whole_channels():
    model = model_of((70, 66, 1), dropout=0.5)
    maps = np.random.default_rng(1).normal(size=(4, 70, 66, 1)).astype("float32")
    trained = np.asarray(model(maps, training=True))
    dropped = (trained == 0).all(axis=(1, 2))
    assert 0.3 < dropped.mean() < 0.8
    np.testing.assert_array_equal(model(maps), model(maps))
