"""SqueezeNet v1.1 against its formulas in NumPy, and the reader of its file."""

import h5py
import keras
import numpy as np
import pytest
from squeezenet_files import by_formula, random_weights, write

from ser_lib.errors import InputError
from ser_lib.neural.squeezenet import squeezenet_convolutions, squeezenet_weights


@pytest.mark.parametrize("last", [5, 9])
def test_with_weights_from_a_file_it_computes_what_the_formulas_say(last, tmp_path):
    weights = random_weights()
    loaded = squeezenet_weights(write(tmp_path / "weights.h5", weights))
    images = keras.Input((35, 33, 3))
    model = keras.Model(images, squeezenet_convolutions(images, last=last))
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(loaded.pop(layer.name))
    assert len(loaded) == 3 * (9 - last)
    image = np.random.default_rng(1).normal(size=(35, 33, 3)).astype("float32")
    expected = by_formula(image, weights, last)[last]
    assert expected.std() > 0.1
    np.testing.assert_allclose(model(image[np.newaxis])[0], expected, rtol=1e-3, atol=1e-4)


def test_it_is_as_large_as_published_and_shrinks_as_published():
    images = keras.Input((227, 227, 3))
    maps = squeezenet_convolutions(images)
    assert maps.shape == (None, 13, 13, 512)
    # 1,235,496 with the convolution for 1,000 classes.
    assert keras.Model(images, maps).count_params() == 1_235_496 - 513 * 1000
    assert squeezenet_convolutions(keras.Input((31, 31, 3))).shape == (None, 1, 1, 512)


@pytest.mark.parametrize(
    ("layer", "spoil", "message"),
    [
        ("fire6/expand1x1", lambda arrays: arrays.clear(), "are missing"),
        (
            "fire4/expand3x3",
            lambda arrays: arrays.__setitem__(0, arrays[0][..., :-1]),
            r"are of shapes .*\(3, 3, 32, 127\).*; expected",
        ),
        ("fire9/squeeze1x1", list.pop, r"are of shapes \[\(1, 1, 512, 64\)\]; expected"),
        ("fire2/expand1x1", lambda arrays: arrays[1].fill(np.nan), "are not finite"),
    ],
)
def test_an_error_names_the_wrong_layer_of_a_file(layer, spoil, message, tmp_path):
    weights = random_weights()
    spoil(weights[layer])
    path = write(tmp_path / "other.h5", weights)
    with pytest.raises(InputError, match=rf"other\.h5: weights of layer '{layer}' {message}"):
        squeezenet_weights(path)


@pytest.mark.parametrize("kind", ["none", "bytes", "other groups"])
def test_other_files_are_refused(kind, tmp_path):
    path = tmp_path / "weights.h5"
    if kind == "bytes":
        path.write_bytes(b"not a file of numbers")
    elif kind == "other groups":
        with h5py.File(path, "w") as file:
            file["conv1"] = np.zeros(3)
    with pytest.raises(InputError, match=r"weights\.h5.*expected weights of SqueezeNet v1\.1"):
        squeezenet_weights(path)
