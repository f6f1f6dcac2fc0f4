"""One table of backbones: what each wants, and where its weights come from."""

import copy
import dataclasses
import hashlib
import json
import pickle

import h5py
import keras
import numpy as np
import pytest
from test_squeezenet import by_hand, made_up, write

from ser_lib import paths
from ser_lib.errors import InputError
from ser_lib.neural import imagenet
from ser_lib.neural.imagenet import BACKBONES, Weights, add_backbone, give_weights, weights_of


def model_of(name, shape, *, masked=False, **options):
    options = {"as_photographs": False} | options
    pictures = keras.Input(shape)
    real = keras.Input((), dtype="bool") if masked else None
    vectors = add_backbone(name, pictures, real, side=options.pop("side", shape[0]), **options)
    return keras.Model([pictures, real] if masked else pictures, vectors)


def sha256(path):
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def test_weights_are_known_by_content_wherever_the_file_lies(tmp_path):
    here = write(tmp_path / "here.h5", made_up(seed=0))
    there = tmp_path / "there.h5"
    there.write_bytes(here.read_bytes())
    other = write(tmp_path / "other.h5", made_up(seed=1))
    found = [weights_of("squeezenet", path) for path in (here, str(there), other)]
    assert found[0] == found[1] == sha256(here)
    assert found[2] != found[0]
    assert [weights.path for weights in found] == [here, there, other]
    # What is written of them holds no path; what is handed to another process does.
    assert json.loads(json.dumps(found[0])) == sha256(here)
    for twin in (copy.deepcopy(found[0]), pickle.loads(pickle.dumps(found[0]))):
        assert (twin, twin.path) == (found[0], here)
    # A file that was changed is another one.
    there.write_bytes(b"changed")
    assert weights_of("squeezenet", there) == sha256(there)


def test_published_weights_are_known_before_they_are_there():
    assert weights_of("squeezenet", None) is None
    for name, backbone in BACKBONES.items():
        found = weights_of(name, "imagenet")
        assert (found, found.path) == (backbone.checksum, None)
        assert weights_of(name, found) is found
    with pytest.raises(InputError, match=r"weights is 'imagenett'; expected None, 'imagenet', or"):
        weights_of("squeezenet", "imagenett")


@pytest.fixture
def published(tmp_path, monkeypatch):
    """A file that stands for the published one, at an address that does not exist."""
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    path = write(tmp_path / "made_up.h5", made_up())
    offered = dataclasses.replace(
        BACKBONES["squeezenet"],
        checksum=sha256(path),
        url="http://127.0.0.1:9/weights/squeezenet.h5",
    )
    monkeypatch.setitem(imagenet.BACKBONES, "squeezenet", offered)
    return path


def test_published_weights_are_looked_for_in_the_cache_then_downloaded(published):
    model = model_of("squeezenet", (31, 31, 3))
    folder = paths.cache() / "weights"
    with pytest.raises(InputError, match=r"cannot be downloaded .*squeezenet.h5 may be put into"):
        give_weights(model, "squeezenet", weights_of("squeezenet", "imagenet"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "squeezenet.h5").write_bytes(published.read_bytes())
    give_weights(model, "squeezenet", weights_of("squeezenet", "imagenet"))
    np.testing.assert_array_equal(model.get_layer("conv1").get_weights()[0], made_up()["conv1"][0])
    # A network that was loaded remembers what it began with, not where that lies.
    with pytest.raises(InputError, match="checksum sha256:0f00 are needed; expected their file"):
        give_weights(model, "squeezenet", "sha256:0f00")


def test_squeezenet_gives_average_and_maximum_of_what_it_sees_as_a_photograph(tmp_path):
    weights = made_up()
    path = write(tmp_path / "weights.h5", weights)
    model = model_of("squeezenet", (33, 35, 3), side=40, as_photographs=True, modules=5)
    give_weights(model, "squeezenet", weights_of("squeezenet", path))
    # A picture that is the same everywhere stays so when it is resized.
    picture = np.full((1, 33, 35, 3), (0.5, -1.0, 2.0), np.float32)
    seen = np.full((40, 40, 3), (0.5 * 57.375, -57.12, 2.0 * 58.395), np.float32)
    maps = by_hand(seen, weights)[5]
    expected = np.concatenate([maps.mean(axis=(0, 1)), maps.max(axis=(0, 1))])
    np.testing.assert_allclose(model(picture)[0], expected, rtol=1e-3, atol=1e-3)
    assert model_of("squeezenet", (31, 31, 3)).output_shape[1] == BACKBONES["squeezenet"].features


def test_alexnet_gives_its_second_dense_layer(monkeypatch):
    model = model_of("alexnet", (224, 224, 3))
    assert model.output_shape == (None, BACKBONES["alexnet"].features)
    # torchvision's has 61,100,840, of which 1,000 times 4,097 name classes.
    assert model.count_params() == 61_100_840 - 4_097_000
    given = [[w * 0 + n for w in layer.get_weights()] for n, layer in enumerate(_learning(model))]
    asked = []
    monkeypatch.setattr(
        "ser_lib.neural.torchvision.alexnet_weights",
        lambda path, dense: asked.append((path, dense)) or [tuple(pair) for pair in given],
    )
    give_weights(model, "alexnet", Weights("sha256:", "alexnet.pth"))
    assert [(str(path), dense) for path, dense in asked] == [("alexnet.pth", 2)]
    assert [layer.get_weights()[1][0] for layer in _learning(model)] == list(range(7))


def _learning(model):
    return [layer for layer in model.layers if layer.weights]


def disturb(model):
    """Weights as after training, so that no normalisation is nothing."""
    rng = np.random.default_rng(0)
    for layer in _learning(model):
        normalising = isinstance(layer, keras.layers.BatchNormalization)
        spread = (lambda w: rng.uniform(0.5, 1.5, w.shape)) if normalising else _scaled(rng)
        layer.set_weights([spread(w).astype("float32") for w in layer.get_weights()])


def _scaled(rng):
    return lambda w: rng.normal(0, (2 / max(1, np.prod(w.shape[:-1]))) ** 0.5, w.shape)


@pytest.fixture(scope="module")
def resnet():
    """ResNet50V2 as Keras has it, with made-up weights, and ours."""
    theirs = keras.applications.ResNet50V2(
        include_top=False, weights=None, pooling="avg", input_shape=(32, 32, 3)
    )
    disturb(theirs)
    return theirs, model_of("resnet50v2", (32, 32, 3), masked=True)


def write_legacy(model, path):
    """A file of the layout in which keras.applications publishes weights."""
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([layer.name for layer in model.layers], "S")
        for layer in model.layers:
            group, names = file.create_group(layer.name), []
            for number, array in enumerate(layer.get_weights()):
                group[f"{number}"] = array
                names.append(f"{number}")
            group.attrs["weight_names"] = np.array(names, "S")
    return path


def test_resnet_from_its_file_computes_what_keras_applications_computes(resnet, tmp_path):
    theirs, ours = resnet
    assert ours.count_params() == theirs.count_params() == 23_564_800
    path = write_legacy(theirs, tmp_path / "resnet.h5")
    give_weights(ours, "resnet50v2", weights_of("resnet50v2", path))
    pictures = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype("float32")
    found = ours([pictures, np.array([True, True])])
    assert found.shape == (2, BACKBONES["resnet50v2"].features)
    np.testing.assert_allclose(found, theirs(pictures), rtol=1e-3, atol=1e-4)
    with h5py.File(path, "a") as file:
        del file["post_bn"]["3"]
    with pytest.raises(InputError, match=r"resnet\.h5: .*expected ResNet50V2 without its top"):
        give_weights(ours, "resnet50v2", weights_of("resnet50v2", path))


def test_padding_stays_out_of_the_statistics_of_resnet(resnet):
    _, ours = resnet
    start = ours.get_weights()
    pictures = np.random.default_rng(0).normal(size=(3, 32, 32, 3)).astype("float32")
    padded = np.pad(pictures, ((0, 2), (0, 0), (0, 0), (0, 0)), constant_values=5)
    moved = []
    for given, real in ((pictures, [True] * 3), (padded, [True] * 3 + [False] * 2)):
        ours.set_weights(start)
        ours([given, np.array(real)], training=True)
        moved.append(np.concatenate([np.ravel(w) for w in ours.non_trainable_weights]))
    ours([padded, np.array([True] * 5)], training=True)
    counted = np.concatenate([np.ravel(w) for w in ours.non_trainable_weights])
    ours.set_weights(start)
    # Fifty normalisations by three pictures each make much of a rounding error.
    np.testing.assert_allclose(moved[1], moved[0], rtol=1e-3, atol=2e-3)
    assert np.abs(counted - moved[0]).max() > 0.05


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("squeeznet", {}, "unknown backbone 'squeeznet'; did you mean 'squeezenet'"),
        ("squeezenet", {"side": 30}, "squeezenet on pictures of 30 × 30; expected sides of 31 to"),
        ("alexnet", {"side": 64}, "alexnet on pictures of 64 × 64; expected sides of 223 to 254"),
        ("squeezenet", {"modules": 10}, "modules is 10 for squeezenet; expected 2 to 9"),
        ("resnet50v2", {"modules": 7}, "modules is 7 for resnet50v2; expected .* None for others"),
    ],
)
def test_what_a_backbone_cannot_see_is_refused(name, options, message):
    with pytest.raises(InputError, match=message):
        model_of(name, (64, 64, 3), **options)
