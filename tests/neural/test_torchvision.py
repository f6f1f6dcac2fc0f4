"""torchvision's AlexNet: files of its weights, and its layers in NumPy."""

import os
import pickle
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view
from torch_files import Storage, Tensor, pickled, save, state_of

from ser_lib.errors import InputError
from ser_lib.neural import torchvision
from ser_lib.neural.torchvision import adaptive_average, alexnet_weights, read_state

RNG = np.random.default_rng(0)
ARRAYS = {
    "features.0.weight": RNG.normal(size=(4, 3, 2, 5)),
    "features.0.bias": RNG.normal(size=4),
    "scale": np.array(1.5),
    "nothing": np.empty((0, 3)),
}


@pytest.mark.parametrize("zipped", [True, False], ids=["archive", "legacy"])
def test_tensors_are_read_as_they_were_saved(zipped, tmp_path):
    save(tmp_path / "model.pth", state_of(ARRAYS), zipped=zipped)
    found = read_state(tmp_path / "model.pth")
    assert list(found) == list(ARRAYS)
    for name, expected in ARRAYS.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], expected.astype("float32"))


@pytest.mark.parametrize("zipped", [True, False], ids=["archive", "legacy"])
def test_tensors_may_be_views_of_the_same_numbers(zipped, tmp_path):
    numbers = np.arange(12.0)
    storage = Storage("7", numbers)
    state = {
        "whole": Tensor(storage, 0, (3, 4), (4, 1)),
        "turned": Tensor(storage, 0, (4, 3), (1, 4)),
        "row": Tensor(storage, 4, (4,), (1,)),
        "repeated": Tensor(storage, 5, (2, 2), (0, 1)),
        "epoch": 12,
    }
    save(tmp_path / "views.pth", state, zipped=zipped)
    found = read_state(tmp_path / "views.pth")
    matrix = numbers.reshape(3, 4)
    expected = {"whole": matrix, "turned": matrix.T, "row": matrix[1], "repeated": [[5, 6]] * 2}
    # Values other than tensors are left out.
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


class Call:
    """Pickled as the call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("zipped", [True, False], ids=["archive", "legacy"])
@pytest.mark.parametrize(
    ("function", "named"), [(os.mkdir, "mkdir"), (eval, "eval"), (getattr, "getattr")]
)
def test_no_code_of_a_file_is_run(function, named, zipped, tmp_path):
    arguments = {"mkdir": (str(tmp_path / "made"),), "eval": ("1 + 1",)}.get(named, ("a", "upper"))
    state = OrderedDict(state_of(ARRAYS), extra=Call(function, *arguments))
    save(tmp_path / "evil.pth", state, zipped=zipped)
    with pytest.raises(
        InputError, match=rf"evil.pth: it names \w+\.{named}, which is not a tensor"
    ):
        read_state(tmp_path / "evil.pth")
    assert not (tmp_path / "made").exists()


def text(value):
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


FLOATS = b"ctorch\nFloatStorage\n"
SETTING = {
    "a dictionary": b"ccollections\nOrderedDict\n)R}" + text("items") + b"K\x01sb.",
    "the type of dictionaries": b"ccollections\nOrderedDict\n}" + text("items") + b"K\x01sb.",
    "a type of numbers": FLOATS + b"(K\x03" + text(">") + b"NNNJ\xff\xff\xff\xffK\x00K\x00tb.",
    "a function": b"ctorch._utils\n_rebuild_parameter\n}" + text("__name__") + b"K\x01sb.",
}


@pytest.mark.parametrize("stream", SETTING.values(), ids=SETTING)
def test_no_attribute_is_set_but_the_versions_of_layers(stream, tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.pth", "w") as archive:
        archive.writestr("evil/data.pkl", b"\x80\x02" + stream)
    with pytest.raises(InputError, match=r"evil.pth: .*as torch.save"):
        read_state(tmp_path / "evil.pth")
    assert np.dtype("<f4").str == "<f4"


@pytest.mark.parametrize(
    "stream", [b"}r\xff\xff\xff\x7f.", b"(ios\nsystem\n.", b"\x82\x01.", b"\x8b\xff\xff\xff\x7f."]
)
def test_instructions_that_no_state_dictionary_needs_are_refused(stream, tmp_path):
    with zipfile.ZipFile(tmp_path / "evil.pth", "w") as archive:
        archive.writestr("evil/data.pkl", b"\x80\x02" + stream)
    with pytest.raises(InputError, match=r"evil.pth: .*as torch.save"):
        read_state(tmp_path / "evil.pth")


@pytest.mark.parametrize("zipped", [True, False], ids=["archive", "legacy"])
@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [(0, (4, 4), (4, 1)), (9, (4,), (1,)), (3, (2,), (-1,)), (-1, (2,), (1,)), (0, (9, 2), (4, 1))],
)
def test_no_tensor_reaches_beyond_its_numbers(offset, shape, strides, zipped, tmp_path):
    state = {"far": Tensor(Storage("0", np.zeros(12)), offset, shape, strides)}
    save(tmp_path / "far.pth", state, zipped=zipped)
    with pytest.raises(InputError, match="tensor far reaches beyond its 12 numbers"):
        read_state(tmp_path / "far.pth")


def test_damaged_and_other_files_are_refused_by_name(tmp_path):
    def refused(name, content, message):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name}: .*{message}.*as torch.save"):
            read_state(tmp_path / name)

    for zipped in (True, False):
        save(tmp_path / "good.pth", state_of(ARRAYS), zipped=zipped)
        good = (tmp_path / "good.pth").read_bytes()
        refused("short.pth", good[:-30] if zipped else good[:-600], "")
        refused("half.pth", good[: len(good) // 2], "")
        save(tmp_path / "turned.pth", state_of(ARRAYS), zipped=zipped, byteorder=b"big")
        refused("big.pth", (tmp_path / "turned.pth").read_bytes(), "not little-endian")
    altered = bytearray(good)
    altered[good.rfind(np.float32(ARRAYS["features.0.bias"][0]).tobytes()) - 8] += 1
    refused("counts.pth", bytes(altered), "holds 5 numbers instead of 4")
    refused("empty.pth", b"", "")
    refused("text.pth", b"features.0.weight", "")
    refused("list.pth", 2 * pickle.dumps([1, 2]), "does not begin with the magic number")
    refused("other.pth", pickled(3) + pickled(4), "does not begin with the magic number")
    with pytest.raises(InputError, match=r"none.pth: .*No such file"):
        read_state(tmp_path / "none.pth")


def test_missing_and_wrong_tensors_of_a_file_are_named(tmp_path):
    shapes = {
        "features.0": (64, 1, 11, 11), "features.3": (192, 64, 5, 5), "features.6": (384, 2, 3, 3),
        "features.10": (256, 256, 3, 3),
    }  # fmt: skip
    arrays = {}
    for name, shape in shapes.items():
        # Only shapes matter here: every number is the same one.
        arrays |= {f"{name}.weight": Tensor(Storage(name, [0]), 0, shape, (0,) * 4)}
        arrays |= {f"{name}.bias": Tensor(Storage(name + "b", [0]), 0, shape[:1], (0,))}
    save(tmp_path / "odd.pth", arrays)
    with pytest.raises(InputError) as error:
        alexnet_weights(tmp_path / "odd.pth")
    assert str(error.value) == (
        f"{tmp_path / 'odd.pth'}: features.0.weight of shape (64, 1, 11, 11) instead of "
        "(64, 3, 11, 11), features.6.weight of shape (384, 2, 3, 3) instead of (384, 192, 3, 3), "
        "no features.8.weight, no features.8.bias; expected torchvision's AlexNet"
    )
    with pytest.raises(InputError, match=r"no classifier.1.weight, .* no classifier.4.bias"):
        alexnet_weights(tmp_path / "odd.pth", dense=2)


@pytest.mark.parametrize("shape", [(1, 1), (8, 5), (11, 7), (6, 13), (3, 9)])
def test_adaptive_pooling_averages_the_cells_of_torch(shape):
    maps = RNG.normal(size=(2, *shape, 3)).astype("float32")
    found = np.asarray(adaptive_average(maps, 6))
    bounds = [
        [(int(np.floor(i * n / 6)), int(np.ceil((i + 1) * n / 6))) for i in range(6)] for n in shape
    ]
    for i, (top, bottom) in enumerate(bounds[0]):
        for j, (left, right) in enumerate(bounds[1]):
            expected = maps[:, top:bottom, left:right].mean(axis=(1, 2))
            np.testing.assert_allclose(found[:, i, j], expected, rtol=1e-5, atol=1e-6)


def convolved(image, weight, bias, stride, padding):
    """Convolve as torch does: image (channels, height, width), weight (filters, channels, ...)."""
    image = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    patches = sliding_window_view(image, weight.shape[2:], axis=(1, 2))[:, ::stride, ::stride]
    maps = np.tensordot(weight, patches, axes=((1, 2, 3), (0, 3, 4)))
    return np.maximum(maps + bias[:, None, None], 0)


def pooled(maps):
    return sliding_window_view(maps, (3, 3), axis=(1, 2))[:, ::2, ::2].max(axis=(3, 4))


def test_with_its_weights_the_layers_compute_what_those_of_torch_do(tmp_path, monkeypatch):
    import keras
    from keras import layers

    from ser_lib.neural.backbones import alexnet_convolutions

    # A narrower dense layer; what matters is the order of its inputs.
    monkeypatch.setitem(torchvision._ALEXNET, "classifier.1", (5, 9216))
    state = {}
    for name, shape in list(torchvision._ALEXNET.items())[:6]:
        scale = np.prod(shape[1:]) ** -0.5
        state[f"{name}.weight"] = RNG.normal(0, 1.5 * scale, shape)
        state[f"{name}.bias"] = RNG.normal(0, 0.1, shape[0])
    save(tmp_path / "alexnet.pth", state_of(state))
    # Lower than it is wide: 95 bands, 127 frames.
    image = RNG.normal(size=(3, 95, 127)).astype("float32")

    maps = image
    for name, stride, padding in (
        ("features.0", 4, 2), ("features.3", 1, 2), ("features.6", 1, 1), ("features.8", 1, 1),
        ("features.10", 1, 1),
    ):  # fmt: skip
        maps = convolved(maps, state[f"{name}.weight"], state[f"{name}.bias"], stride, padding)
        if name in ("features.0", "features.3", "features.10"):
            maps = pooled(maps)
    assert maps.shape == (256, 2, 3)
    # Of two rows by three columns, each is repeated until there are six of either.
    cells = maps.repeat(3, axis=1).repeat(2, axis=2)
    expected = state["classifier.1.weight"] @ cells.reshape(-1) + state["classifier.1.bias"]

    values = keras.Input((127, 95, 3))
    ours, _ = alexnet_convolutions(values)
    x = layers.Flatten()(adaptive_average(ours, 6))
    model = keras.Model(values, layers.Dense(5, name="fc6")(x))
    layers_with_weights = [layer for layer in model.layers if layer.weights]
    weights = alexnet_weights(tmp_path / "alexnet.pth", dense=1)
    for layer, arrays in zip(layers_with_weights, weights, strict=True):
        layer.set_weights(arrays)
    found = model(image.transpose(2, 1, 0)[np.newaxis])[0]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)
    assert np.ptp(expected) > 0.1
