import keras
import numpy as np
import pytest

from ser_lib.neural.backbones import ALEXNET_STRIDE, alexnet_convolutions
from ser_lib.neural.cells import CentredCells


@pytest.mark.parametrize("stride", [4, 32])
def test_steps_whose_centre_lies_within_the_recording_are_real(stride):
    lengths = np.arange(1, 100)
    for frames in (99, 128, 160):
        real = np.arange(frames) < lengths[:, np.newaxis]
        found = np.asarray(CentredCells(stride)(real))
        assert found.shape == (99, -(-frames // stride))
        for length, steps in zip(lengths, found, strict=True):
            centres = stride * np.arange(1, len(steps) + 1) - 1
            np.testing.assert_array_equal(steps, (centres < length) | (np.arange(len(steps)) == 0))


def test_a_cell_of_alexnet_sees_as_far_to_the_left_of_its_centre_as_to_the_right():
    values, real = keras.Input((None, 63, 1)), keras.Input((None,), dtype="bool")
    model = keras.Model([values, real], alexnet_convolutions(values, real)[0])
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


def test_the_layer_fits_frames_of_any_number_and_is_made_again_from_what_is_saved():
    layer = CentredCells(32, name="centred")
    assert layer(keras.Input((None,), dtype="bool")).shape == (None, None)
    assert layer(keras.Input((70,), dtype="bool")).shape == (None, 3)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
