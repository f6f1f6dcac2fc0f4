"""The table of backbones: their layers, and where their weights come from."""

import copy
import dataclasses
import hashlib
import json
import pickle

import h5py
import keras
import numpy as np
import pytest
from squeezenet_files import by_formula, random_weights, write
from trained_weights import disturb

from ser_lib import paths
from ser_lib.errors import InputError
from ser_lib.neural.imagenet import BACKBONES, add_backbone
from ser_lib.neural.imagenet_weights import Weights, load_weights, resolve_weights


def model_of(name, shape, *, masked=False, **options):
    options = {"imagenet_preprocessing": False, "side": shape[0]} | options
    images = keras.Input(shape)
    mask = keras.Input((), dtype="bool") if masked else None
    vectors = add_backbone(name, images, mask, **options)
    return keras.Model([images, mask] if masked else images, vectors)


def sha256(path):
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_weights_are_identified_by_content_wherever_the_file_is(tmp_path):
    here = write(tmp_path / "here.h5", random_weights(seed=0))
    there = tmp_path / "there.h5"
    there.write_bytes(here.read_bytes())
    other = write(tmp_path / "other.h5", random_weights(seed=1))
    weights = [resolve_weights("squeezenet", path) for path in (here, str(there), other)]
    assert weights[0] == weights[1] == sha256(here)
    assert weights[2] != weights[0]
    assert [item.path for item in weights] == [here, there, other]
    # As JSON they hold no path; sent to another process they do.
    assert json.loads(json.dumps(weights[0])) == sha256(here)
    for twin in (copy.deepcopy(weights[0]), pickle.loads(pickle.dumps(weights[0]))):
        assert (twin, twin.path) == (weights[0], here)
    # A file that was changed has another checksum.
    there.write_bytes(b"changed")
    assert resolve_weights("squeezenet", there) == sha256(there)


def test_published_weights_are_identified_before_they_are_downloaded():
    assert resolve_weights("squeezenet", None) is None
    for name, backbone in BACKBONES.items():
        weights = resolve_weights(name, "imagenet")
        assert (weights, weights.path) == (backbone.checksum, None)
        assert resolve_weights(name, weights) is weights
        # As a record holds it.
        assert resolve_weights(name, str(weights)) == weights
    with pytest.raises(InputError, match=r"weights is 'imagenett'; expected None, 'imagenet', or"):
        resolve_weights("squeezenet", "imagenett")


def test_published_weights_come_from_the_cache_or_are_downloaded(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    published = write(tmp_path / "weights.h5", random_weights())
    backbone = dataclasses.replace(BACKBONES["squeezenet"], checksum=sha256(published))
    monkeypatch.setitem(BACKBONES, "squeezenet", backbone)
    requests = []

    def fail(remote, folder):
        requests.append((remote.url, remote.checksum))
        raise InputError("no network")

    model = model_of("squeezenet", (31, 31, 3), fire_modules=2)
    folder = paths.cache() / "weights"
    name = backbone.url.rpartition("/")[2]
    with monkeypatch.context() as offline:
        offline.setattr("ser_lib.download.retrieve", fail)
        with pytest.raises(InputError, match=rf"no network; {name} may be put into .*weights"):
            load_weights(model, "squeezenet", resolve_weights("squeezenet", "imagenet"))
    assert requests == [(backbone.url, backbone.checksum)]
    (folder / name).write_bytes(published.read_bytes())
    load_weights(model, "squeezenet", resolve_weights("squeezenet", "imagenet"))
    kernel = model.get_layer("conv1").get_weights()[0]
    np.testing.assert_array_equal(kernel, random_weights()["conv1"][0])
    # A network that was loaded knows the checksum of its weights, not their path.
    with pytest.raises(InputError, match=r"checksum sha256:0f00, not that of .* the path of"):
        load_weights(model, "squeezenet", "sha256:0f00")


def test_squeezenet_gives_average_and_maximum_of_its_last_map_after_preprocessing(tmp_path):
    weights = random_weights()
    path = write(tmp_path / "weights.h5", weights)
    model = model_of(
        "squeezenet", (33, 35, 3), side=40, imagenet_preprocessing=True, fire_modules=5
    )
    load_weights(model, "squeezenet", resolve_weights("squeezenet", path))
    # A constant image is constant after resizing.
    image = np.full((1, 33, 35, 3), (0.5, -1.0, 2.0), np.float32)
    preprocessed = np.full((40, 40, 3), (0.5 * 57.375, -57.12, 2.0 * 58.395), np.float32)
    maps = by_formula(preprocessed, weights, 5)[5]
    expected = np.concatenate([maps.mean(axis=(0, 1)), maps.max(axis=(0, 1))])
    np.testing.assert_allclose(model(image)[0], expected, rtol=1e-3, atol=1e-3)
    images = keras.Input((31, 31, 3))
    vectors = add_backbone("squeezenet", images, side=31, imagenet_preprocessing=False)
    assert vectors.shape[1] == 768


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # Blue, green and red of 0 to 255, less their mean: 255 times 0.225, -0.224 and 2 * 0.229.
        ("squeezenet", (57.375, -57.12, 116.79)),
        # What torchvision makes of its images has mean 0 and standard deviation 1 already.
        ("alexnet", (1, -1, 2)),
        # Red, green and blue of 0.485 + 0.229, 0.456 - 0.224 and 0.406 + 2 * 0.225 out of [0, 1],
        # brought into [-1, 1].
        ("resnet50v2", (0.428, -0.536, 0.712)),
    ],
)
def test_channels_are_scaled_as_the_images_were_that_a_backbone_learnt_from(
    name, expected, monkeypatch
):
    unchanged = dataclasses.replace(BACKBONES[name], apply=lambda images, *_: images)
    monkeypatch.setitem(BACKBONES, name, unchanged)
    model = model_of(name, (224, 224, 3), imagenet_preprocessing=True)
    scaled = model(np.full((1, 224, 224, 3), (1, -1, 2), np.float32))
    np.testing.assert_allclose(scaled[0, 0, 0], expected, atol=1e-4)


@pytest.mark.slow
def test_alexnet_gives_its_second_dense_layer(monkeypatch):
    model = model_of("alexnet", (224, 224, 3))
    assert model.output_shape == (None, 4096)
    # torchvision's has 61,100,840, of which 1,000 times 4,097 belong to the classes.
    assert model.count_params() == 61_100_840 - 4_097_000
    weights = [
        [w * 0 + n for w in layer.get_weights()] for n, layer in enumerate(_with_weights(model))
    ]
    asked = []
    monkeypatch.setattr(
        "ser_lib.neural.torchvision.alexnet_weights",
        lambda path, dense: asked.append((path, dense)) or [tuple(pair) for pair in weights],
    )
    load_weights(model, "alexnet", Weights("sha256:", "alexnet.pth"))
    assert [(str(path), dense) for path, dense in asked] == [("alexnet.pth", 2)]
    assert [layer.get_weights()[1][0] for layer in _with_weights(model)] == list(range(7))


def _with_weights(model):
    return [layer for layer in model.layers if layer.weights]


@pytest.fixture(scope="module")
def resnet():
    """ResNet50V2 of Keras with random weights, and ours."""
    theirs = keras.applications.ResNet50V2(
        include_top=False, weights=None, pooling="avg", input_shape=(32, 32, 3)
    )
    disturb(theirs)
    return theirs, model_of("resnet50v2", (32, 32, 3), masked=True)


def write_legacy(model, path):
    """Write a file of the layout in which keras.applications publishes weights."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([layer.name for layer in model.layers], "S")
        for layer in model.layers:
            group, names = file.create_group(layer.name), []
            for number, array in enumerate(layer.get_weights()):
                group[f"{number}"] = array
                names.append(f"{number}")
            group.attrs["weight_names"] = np.array(names, "S")
    return path


@pytest.mark.slow
def test_resnet_from_its_file_computes_what_keras_applications_computes(resnet, tmp_path):
    theirs, ours = resnet
    assert ours.count_params() == theirs.count_params() == 23_564_800
    path = write_legacy(theirs, tmp_path / "resnet.h5")
    load_weights(ours, "resnet50v2", resolve_weights("resnet50v2", path))
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    found = ours([images, np.array([True, True])])
    assert found.shape == (2, 2048)
    np.testing.assert_allclose(found, theirs(images), rtol=1e-3, atol=1e-4)
    with h5py.File(path, "a") as file:
        del file["post_bn"]["3"]
    with pytest.raises(InputError, match=r"resnet\.h5: .*expected weights of keras\.applications"):
        load_weights(ours, "resnet50v2", resolve_weights("resnet50v2", path))


@pytest.mark.slow
def test_padding_is_left_out_of_the_statistics_of_resnet(resnet):
    _, ours = resnet
    start = ours.get_weights()
    images = np.random.default_rng(0).normal(size=(3, 32, 32, 3)).astype("float32")
    padded = np.pad(images, ((0, 2), (0, 0), (0, 0), (0, 0)), constant_values=5)
    moved = []
    for batch, mask in ((images, [True] * 3), (padded, [True] * 3 + [False] * 2)):
        ours.set_weights(start)
        ours([batch, np.array(mask)], training=True)
        moved.append(np.concatenate([np.ravel(w) for w in ours.non_trainable_weights]))
    ours([padded, np.array([True] * 5)], training=True)
    counted = np.concatenate([np.ravel(w) for w in ours.non_trainable_weights])
    ours.set_weights(start)
    # Fifty normalisations by three images each amplify rounding errors.
    np.testing.assert_allclose(moved[1], moved[0], rtol=1e-3, atol=2e-3)
    assert np.abs(counted - moved[0]).max() > 0.05


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("squeeznet", {}, "unknown backbone 'squeeznet'; did you mean 'squeezenet'"),
        ("squeezenet", {"side": 30}, "squeezenet on images of 30 × 30; expected sides of 31 to"),
        ("alexnet", {"side": 64}, "alexnet on images of 64 × 64; expected sides of 223 to 254"),
        ("squeezenet", {"fire_modules": 10}, "fire_modules is 10 for squeezenet; expected 2 to 9"),
        (
            "resnet50v2",
            {"fire_modules": 7},
            "fire_modules is 7 for resnet50v2; expected .* None for other",
        ),
    ],
)
def test_wrong_parameters_of_a_backbone_are_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        model_of(name, (64, 64, 3), **options)
