"""The DCNN with BLSTM and attention: frozen, fine-tuned, from random weights, as published."""

import json

import numpy as np
import pytest
from small_systems import batch_of, features, inside_attention, make, network_of, noise
from squeezenet_files import random_weights

from ser_lib.errors import InputError
from ser_lib.neural import plain_model
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.segment_features import SegmentFeatures
from ser_lib.systems import DcnnBlstmAttention

FROZEN, FINE_TUNED = "dcnn_blstm_attention, frozen", "dcnn_blstm_attention, fine-tuned"


def test_as_published_three_seconds_are_eight_segments():
    front_end = DcnnBlstmAttention.as_published().front_end
    for seconds, segments in ((0.05, 1), (3, 8), (9, 8)):
        assert front_end(noise(seconds, sample_rate=22050), "u").shape == (segments, 64, 64, 3)


def test_the_pieces_can_be_used_alone():
    front_end = DcnnBlstmAttention().front_end
    for seconds, segments in ((0.05, 1), (0.63, 1), (0.64, 2), (3, 9), (30, 93)):
        items = front_end(noise(seconds))
        assert items.shape == (segments, 64, 64, 3)
        assert np.isfinite(items).all()
    system = make("dcnn_blstm_attention")
    model = plain_model(system.build((64, 64, 3), 7), items=2)
    assert model(front_end(noise(0.7))[np.newaxis].astype("float32")).shape == (1, 7)


def test_as_published_attention_is_that_of_keras_averaged():
    system = make("dcnn_blstm_attention, as published")
    X = features(system, 2.4)
    model = network_of(system, X.item_shape)
    (scale,) = model.get_layer("dot_products").get_weights()
    (steps,), _, pooled, weights = inside_attention(model, batch_of(X))
    scores = scale * steps @ steps.T
    attended = np.exp(scores - scores.max(axis=1, keepdims=True))
    attended /= attended.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(pooled[0], (attended @ steps).mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(weights[0], attended.mean(axis=0), atol=1e-5)


def test_a_frozen_backbone_is_a_step_of_the_front_end(squeezenet_weights):
    system = make(FROZEN, squeezenet_weights, augmented_copies=1, trim=False)
    for front_end in (system.front_end, *system.training_copies):
        assert isinstance(front_end.segmentation, SegmentFeatures)
        assert front_end(noise(1), "u").shape == (3, 256)
    assert str(squeezenet_weights) not in json.dumps(system.front_end.identity())
    # By the published file's name it is known without the file.
    named = make(FROZEN, "imagenet")
    assert "sha256:17154246" in json.dumps(named.front_end.identity())
    # The network that is trained has no convolutions.
    layers = [layer.name for layer in system.build((256,), 3).layers]
    assert not any(name.startswith(("conv", "fire")) for name in layers)
    assert make(FROZEN, squeezenet_weights, spec_augment=True).classifier(0).spec_augment == (
        SpecAugment(within=False)
    )


def test_fine_tuning_starts_from_the_file_and_otherwise_weights_are_random(squeezenet_weights):
    expected = random_weights()["conv1"][0]
    tuned = make(FINE_TUNED, squeezenet_weights).build((64, 64, 3), 3)
    np.testing.assert_array_equal(tuned.get_layer("conv1").get_weights()[0], expected)
    assert any(layer.name.startswith("rescaling") for layer in tuned.layers)
    plain = make("dcnn_blstm_attention").build((64, 64, 3), 3)
    assert np.abs(plain.get_layer("conv1").get_weights()[0] - expected).max() > 0.1
    assert not any(layer.name.startswith("rescaling") for layer in plain.layers)


@pytest.mark.parametrize(
    ("parameters", "side", "learning_rate"),
    [
        ({}, 64, 1e-3),
        ({"weights": "imagenet"}, 64, 3e-4),
        ({"weights": "imagenet", "train": "head"}, 128, 1e-3),
        ({"weights": "imagenet", "resize": 40, "learning_rate": 0.002}, 40, 0.002),
        ({"backbone": "alexnet"}, 227, 1e-3),
    ],
)
def test_size_and_learning_rate_depend_on_what_is_trained_unless_they_are_given(
    parameters, side, learning_rate
):
    system = DcnnBlstmAttention(**parameters)
    assert (system.side, system.initial_learning_rate) == (side, learning_rate)
    assert system.classifier(0).learning_rate == learning_rate


def test_segments_without_channels_and_files_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"shape \(64, 64\); expected \(frames, bands, 3\)"):
        DcnnBlstmAttention().build((64, 64), 3)
    (tmp_path / "weights.h5").write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"weights\.h5"):
        DcnnBlstmAttention(weights=tmp_path / "weights.h5").build((64, 64, 3), 3)
