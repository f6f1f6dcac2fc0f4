"""AlexNet on segments: layers, kinds of spectrogram, and weights from ImageNet."""

import json

import numpy as np
import pytest
from sklearn.base import clone
from small_systems import QUICK, as_if_trained, features

from ser_lib import identity
from ser_lib.errors import InputError
from ser_lib.neural import NeuralClassifier
from ser_lib.neural.torchvision import alexnet_weights
from ser_lib.systems import AlexNet

EMOTIONS = ["anger", "neutral", "sadness"]
CONVOLUTIONS = ["conv1", "conv2", "conv3", "conv4", "conv5"]
SMALL = QUICK | {"segment": 64}


@pytest.mark.parametrize("variant", ["default", "as_published"])
@pytest.mark.parametrize("kind", ["logmelspec", "logmeldeltaspec"])
def test_it_starts_from_the_weights_of_a_file(kind, variant, alexnet_file):
    system = AlexNet.of(variant=variant, weights=alexnet_file, kind=kind, head=(6,))
    item = (64, 70, 3) if kind == "logmeldeltaspec" else (64, 70)
    model = system.build(item, 4)
    for name, (kernel, bias) in zip(CONVOLUTIONS, alexnet_weights(alexnet_file), strict=True):
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
def test_dense_layers_start_from_the_file_as_far_as_they_are_alexnets(alexnet_file):
    with pytest.raises(InputError, match=r"alexnet.pth: no classifier.1.weight"):
        AlexNet(head=(4096, 8), weights=alexnet_file).build((64, 70), 4)
    # Narrower ones start from random weights.
    AlexNet(head=(8, 4096), weights=alexnet_file).build((64, 70), 4)


@pytest.mark.slow
def test_the_head_alone_can_be_trained(alexnet_file):
    system = AlexNet(weights=alexnet_file, train="head", head=(6,), **SMALL)
    X = features(system, 0.2, 1.4, 0.25)
    classifier = system.classifier(0).fit(X, EMOTIONS)
    for name, (kernel, bias) in list(zip(CONVOLUTIONS, alexnet_weights(alexnet_file), strict=True))[
        1:
    ]:
        weights = classifier.network_.get_layer(name).get_weights()
        np.testing.assert_array_equal(weights[0], kernel)
        np.testing.assert_array_equal(weights[1], bias)
    assert len(classifier.network_.trainable_weights) == 4


def test_weights_are_identified_by_their_content_not_by_their_path(alexnet_file, tmp_path):
    (tmp_path / "copy.pth").write_bytes(alexnet_file.read_bytes())
    first, second = (AlexNet(weights=path) for path in (alexnet_file, str(tmp_path / "copy.pth")))
    assert first == second
    first, second = (identity.describe(system.classifier(0)) for system in (first, second))
    assert first == second != identity.describe(AlexNet().classifier(0))
    assert str(alexnet_file.parent) not in json.dumps(first)


@pytest.mark.slow
def test_a_saved_classifier_needs_the_file_for_a_new_training_only(alexnet_file, tmp_path):
    system = AlexNet(weights=alexnet_file, **SMALL)
    X = features(system, 0.2, 0.3)
    as_if_trained(system, X, EMOTIONS).save(tmp_path / "model")
    assert str(alexnet_file.parent) not in (tmp_path / "model" / "classifier.json").read_text()
    loaded = NeuralClassifier.load(tmp_path / "model")
    with pytest.raises(InputError, match="expected the path of the file with this checksum"):
        clone(loaded).fit(X, ["anger", "sadness"])
