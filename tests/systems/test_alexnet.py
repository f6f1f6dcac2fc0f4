"""AlexNet on segments: layers, kinds of spectrogram, and weights from ImageNet."""

import dataclasses
import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone
from small_systems import QUICK, as_if_trained, batch_of, features, noise
from torch_files import save, state_of

from ser_lib import identity, paths
from ser_lib.errors import InputError
from ser_lib.neural import NeuralClassifier, imagenet
from ser_lib.neural.torchvision import alexnet_weights
from ser_lib.systems import AlexNet

EMOTIONS = ["anger", "neutral", "sadness"]
CONVOLUTIONS = ["conv1", "conv2", "conv3", "conv4", "conv5"]
SMALL = QUICK | {"segment": 64}


def dense_parameters(*units):
    """Count weights and biases of dense layers, one after the other."""
    return sum((before + 1) * after for before, after in itertools.pairwise(units))


@pytest.mark.parametrize(
    ("head", "channels", "classes", "parameters"),
    [
        pytest.param((4096, 4096), 3, 4, 57_020_228, marks=pytest.mark.slow),
        pytest.param((4096, 256), 1, 4, 41_256_900, marks=pytest.mark.slow),
        ((6,), 3, 4, 2_470_724 - 257 * 4 + dense_parameters(256 * 36, 6, 4)),
        ((), 3, 4, 2_470_724),
    ],
)
def test_the_parameters_are_those_of_torchvision(head, channels, classes, parameters):
    item = (300, 200) if channels == 1 else (300, 200, channels)
    model = AlexNet.as_published(head=head).build(item, classes)
    trainable = sum(np.prod(w.shape) for w in model.trainable_weights)
    assert model.count_params() == trainable == parameters


def test_the_published_counts_are_those_of_these_layers():
    convolutions = 2_470_724 - 257 * 4
    assert convolutions + dense_parameters(9216, 4096, 4096, 4) == 57_020_228
    assert convolutions + dense_parameters(9216, 4096, 4096, 7) == 57_032_519
    # For one channel, not three, the first convolution has 64 filters of 11 x 11 less twice.
    assert convolutions - 2 * 64 * 121 + dense_parameters(9216, 4096, 256, 4) == 41_256_900


def test_as_published_the_padding_is_the_loudest_and_by_default_the_quietest():
    published = AlexNet.as_published().front_end(noise(4.5), "u")
    assert published.shape == (2, 300, 200)
    assert not published[1, 151:].any()
    default = AlexNet().front_end(noise(4.5), "u")
    assert default.shape == (2, 150, 128)
    assert (default[1, 76:] == default.min()).all()


@pytest.mark.parametrize(
    ("kind", "item_shape"),
    [
        ("logspec", (64, 200)),
        ("logmelspec", (64, 128)),
        ("logmeldeltaspec", (64, 128, 3)),
        ("lognrevspec", (64, 200, 3)),
    ],
)
def test_every_kind_of_spectrogram_is_cut_into_segments_and_classified(kind, item_shape):
    system = AlexNet(kind=kind, **SMALL)
    X = features(system, 0.05, 2.0)
    assert X.item_shape == item_shape
    assert X.lengths.tolist() == [1, 2]
    posteriors = system.build(item_shape, 3)(batch_of(X.items())).numpy()
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, rtol=1e-5)


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file with the layout of torchvision's, of the convolutions alone."""
    rng, arrays = np.random.default_rng(0), {}
    for number, shape in {
        0: (64, 3, 11, 11), 3: (192, 64, 5, 5), 6: (384, 192, 3, 3), 8: (256, 384, 3, 3),
        10: (256, 256, 3, 3),
    }.items():  # fmt: skip
        weight = rng.standard_normal(shape, "float32") * np.float32(np.prod(shape[1:]) ** -0.5)
        arrays[f"features.{number}.weight"] = weight
        arrays[f"features.{number}.bias"] = rng.standard_normal(shape[0], "float32") / 10
    path = tmp_path_factory.mktemp("weights") / "alexnet.pth"
    save(path, state_of(arrays))
    return path


@pytest.mark.parametrize("variant", ["default", "as_published"])
@pytest.mark.parametrize("kind", ["logmelspec", "logmeldeltaspec"])
def test_it_starts_from_the_weights_of_a_file(kind, variant, file):
    system = AlexNet.of(variant=variant, weights=file, kind=kind, head=(6,))
    item = (64, 70, 3) if kind == "logmeldeltaspec" else (64, 70)
    model = system.build(item, 4)
    for name, (kernel, bias) in zip(CONVOLUTIONS, alexnet_weights(file), strict=True):
        weights = model.get_layer(name).get_weights()
        if name == "conv1" and variant == "as_published":
            # The original starts it from random weights.
            assert not np.allclose(weights[0].std(), kernel.std(), rtol=1e-3)
            continue
        if name == "conv1" and kind == "logmelspec":
            kernel = kernel.sum(axis=2, keepdims=True)
        np.testing.assert_array_equal(weights[0], kernel)
        np.testing.assert_array_equal(weights[1], bias)


@pytest.mark.slow
def test_dense_layers_start_from_the_file_as_far_as_they_are_alexnets(file):
    with pytest.raises(InputError, match=r"alexnet.pth: no classifier.1.weight"):
        AlexNet(head=(4096, 8), weights=file).build((64, 70), 4)
    # Narrower ones start from random weights.
    AlexNet(head=(8, 4096), weights=file).build((64, 70), 4)


@pytest.mark.slow
def test_the_head_alone_can_be_trained(file):
    system = AlexNet(weights=file, train="head", head=(6,), **SMALL)
    X = features(system, 0.2, 1.4, 0.25)
    classifier = system.classifier(0).fit(X, EMOTIONS)
    for name, (kernel, bias) in list(zip(CONVOLUTIONS, alexnet_weights(file), strict=True))[1:]:
        weights = classifier.network_.get_layer(name).get_weights()
        np.testing.assert_array_equal(weights[0], kernel)
        np.testing.assert_array_equal(weights[1], bias)
    assert len(classifier.network_.trainable_weights) == 4


def test_weights_are_identified_by_their_content_not_by_their_path(file, tmp_path):
    (tmp_path / "copy.pth").write_bytes(file.read_bytes())
    first, second = (AlexNet(weights=path) for path in (file, str(tmp_path / "copy.pth")))
    assert first == second
    first, second = (identity.describe(system.classifier(0)) for system in (first, second))
    assert first == second != identity.describe(AlexNet().classifier(0))
    assert str(file.parent) not in json.dumps(first)


@pytest.mark.slow
def test_a_saved_classifier_needs_the_file_for_a_new_training_only(file, tmp_path):
    system = AlexNet(weights=file, **SMALL)
    X = features(system, 0.2, 0.3)
    classifier = as_if_trained(system, X, EMOTIONS)
    classifier.save(tmp_path / "model")
    assert str(file.parent) not in (tmp_path / "model" / "classifier.json").read_text()
    loaded = NeuralClassifier.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))
    with pytest.raises(InputError, match="expected the path of the file with this checksum"):
        clone(loaded).fit(X, ["anger", "sadness"])


def test_weights_of_imagenet_are_downloaded_when_first_needed_and_then_come_from_the_cache(
    file, tmp_path, monkeypatch
):
    content = file.read_bytes()
    published = dataclasses.replace(
        imagenet.BACKBONES["alexnet"],
        url="https://example.invalid/models/published.pth",
        checksum=f"sha256:{hashlib.sha256(content).hexdigest()}",
    )
    monkeypatch.setitem(imagenet.BACKBONES, "alexnet", published)
    monkeypatch.setenv("SER_CACHE", str(tmp_path))
    requests = []

    def from_memory(url, output_file, manager):
        requests.append(url)
        Path(output_file).write_bytes(content)

    system = AlexNet(weights="imagenet")
    with monkeypatch.context() as online:
        online.setattr("pooch.HTTPDownloader", lambda **options: from_memory)
        assert not requests
        model = system.build((64, 70), 4)
    assert requests == [published.url]
    assert (paths.cache() / "weights" / "published.pth").is_file()
    # Now nothing is downloaded: the address leads nowhere.
    again = system.build((64, 70), 4)
    for name in ("conv1", "conv5"):
        first, second = (m.get_layer(name).get_weights() for m in (model, again))
        np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], alexnet_weights(file)[4][1])
