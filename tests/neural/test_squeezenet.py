"""SqueezeNet v1.1 against a forward computation in NumPy, and its file against wrong ones."""

import h5py
import keras
import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.neural.squeezenet import squeezenet_convolutions, squeezenet_weights

# As the paper's authors list them for v1.1: squeeze and expand filters.
FIRES = {
    2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128),
    6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256),
}  # fmt: skip


def made_up(seed=0):
    """Weights of every layer by its name in the file, of a size that neither fades nor explodes."""
    rng = np.random.default_rng(seed)
    shapes, channels = {"conv1": (3, 3, 3, 64)}, 64
    for n, (squeeze, expand) in FIRES.items():
        shapes[f"fire{n}/squeeze1x1"] = (1, 1, channels, squeeze)
        shapes[f"fire{n}/expand1x1"] = (1, 1, squeeze, expand)
        shapes[f"fire{n}/expand3x3"] = (3, 3, squeeze, expand)
        channels = 2 * expand
    return {
        name: [
            rng.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape).astype("float32"),
            rng.normal(0, 0.1, shape[-1]).astype("float32"),
        ]
        for name, shape in shapes.items()
    }


def write(path, weights):
    """A file of the published layout: odd names of weights, and groups for layers without any."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array(["input_1", *weights, "drop9"], dtype="S")
        for number, (layer, arrays) in enumerate(weights.items(), start=1):
            group = file.create_group(layer)
            names = [f"uniform{number}", f"{layer}_b"]
            group.attrs["weight_names"] = np.array(names[: len(arrays)], dtype="S")
            for name, array in zip(names, arrays, strict=False):
                group.create_dataset(name, data=array)
    return path


def convolved(maps, kernel, bias, stride=1):
    side = len(kernel)
    patches = np.lib.stride_tricks.sliding_window_view(maps, (side, side), axis=(0, 1))
    patches = patches[::stride, ::stride]
    return np.maximum(np.einsum("hwcij,ijcf->hwf", patches, kernel) + bias, 0)


def pooled(maps):
    return np.lib.stride_tricks.sliding_window_view(maps, (3, 3), axis=(0, 1))[::2, ::2].max(
        axis=(-2, -1)
    )


def by_hand(picture, weights):
    """One picture through all modules; the map that each module gives."""
    maps, result = convolved(picture, *weights["conv1"], stride=2), {}
    for n in FIRES:
        maps = pooled(maps) if n in (2, 4, 6) else maps
        maps = convolved(maps, *weights[f"fire{n}/squeeze1x1"])
        around = np.pad(maps, ((1, 1), (1, 1), (0, 0)))
        branches = [
            convolved(maps, *weights[f"fire{n}/expand1x1"]),
            convolved(around, *weights[f"fire{n}/expand3x3"]),
        ]
        maps = result[n] = np.concatenate(branches, axis=-1)
    return result


@pytest.mark.parametrize("last", [5, 9])
def test_with_weights_from_a_file_it_computes_what_the_formulas_say(last, tmp_path):
    weights = made_up()
    loaded = squeezenet_weights(write(tmp_path / "weights.h5", weights))
    pictures = keras.Input((47, 41, 3))
    model = keras.Model(pictures, squeezenet_convolutions(pictures, last=last))
    for layer in model.layers:
        if layer.weights:
            layer.set_weights(loaded.pop(layer.name))
    assert len(loaded) == 3 * (9 - last)
    picture = np.random.default_rng(1).normal(size=(47, 41, 3)).astype("float32")
    expected = by_hand(picture, weights)[last]
    assert expected.std() > 0.1
    np.testing.assert_allclose(model(picture[np.newaxis])[0], expected, rtol=1e-3, atol=1e-4)


def test_it_is_as_large_as_published_and_shrinks_as_published():
    pictures = keras.Input((227, 227, 3))
    maps = squeezenet_convolutions(pictures)
    assert maps.shape == (None, 13, 13, 512)
    # 1,235,496 with the convolution that names 1,000 classes.
    assert keras.Model(pictures, maps).count_params() == 1_235_496 - 513 * 1000
    assert squeezenet_convolutions(keras.Input((31, 31, 3))).shape == (None, 1, 1, 512)


def misshapen(weights):
    weights["fire4/expand3x3"][0] = weights["fire4/expand3x3"][0][..., :-1]


def without_biases(weights):
    weights["fire9/squeeze1x1"].pop()


def not_finite(weights):
    weights["fire2/expand1x1"][1][3] = np.nan


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda weights: weights.pop("fire6/expand1x1"), "layer 'fire6/expand1x1' are missing"),
        (misshapen, r"layer 'fire4/expand3x3' are of shapes .*\(3, 3, 32, 127\).*; expected"),
        (without_biases, r"'fire9/squeeze1x1' are of shapes \[\(1, 1, 512, 64\)\]; expected"),
        (not_finite, "layer 'fire2/expand1x1' are not finite"),
    ],
)
def test_a_wrong_file_is_refused_with_the_layer_that_is_wrong(spoil, message, tmp_path):
    weights = made_up()
    spoil(weights)
    path = write(tmp_path / "other.h5", weights)
    with pytest.raises(InputError, match=message) as caught:
        squeezenet_weights(path)
    assert "other.h5" in str(caught.value)


def test_what_is_no_such_file_is_refused(tmp_path):
    path = tmp_path / "weights.h5"
    with pytest.raises(InputError, match=r"weights\.h5.*expected SqueezeNet v1\.1"):
        squeezenet_weights(path)
    path.write_bytes(b"not a file of numbers")
    with pytest.raises(InputError, match=r"weights\.h5.*expected SqueezeNet v1\.1"):
        squeezenet_weights(path)
    with h5py.File(path, "w") as file:
        file["conv1"] = np.zeros(3)
    with pytest.raises(InputError, match=r"weights\.h5.*expected SqueezeNet v1\.1"):
        squeezenet_weights(path)
