"""The fully convolutional network: kinds of spectrogram, segments, parameters, attention."""

import numpy as np
import pytest
from small_systems import batch_of, features, inside_attention, network_of

from ser_lib.neural.torchvision import alexnet_weights
from ser_lib.systems import FcnAttention

NOISE = np.random.default_rng(0).normal(0, 0.1, 160000).astype("float32")
SHAPES = {
    "logspec": (200, 1),
    "logmelspec": (128, 1),
    "logmeldeltaspec": (128, 3),
    "lognrevspec": (200, 3),
}


@pytest.mark.parametrize("seconds", [0.05, 2.99, 3.0, 10.0])
def test_as_published_recordings_are_cut_into_segments_of_300_frames(seconds):
    signal = NOISE[: int(16000 * seconds)]
    segments = FcnAttention.as_published().front_end(signal, "u")
    frames = 1 + len(signal) // 160
    assert segments.shape == (-(-frames // 300), 300, 200)
    # Decibels below the loudest of the recording; the padding is the loudest.
    assert segments.min() >= -80
    assert segments.max() <= 0
    assert not segments.reshape(-1, 200)[frames:].any()


@pytest.mark.parametrize(
    ("kind", "segment"),
    [*((kind, 0) for kind in SHAPES), ("logmelspec", 80), ("lognrevspec", 80)],
)
def test_every_kind_builds_a_network_for_recordings_and_for_segments(kind, segment):
    bands, channels = SHAPES[kind]
    system = FcnAttention(kind=kind, segment=segment, trim=False)
    X = features(system, 1.0)
    if segment:
        assert X.item_shape == (segment, bands, *((channels,) if channels > 1 else ()))
        X = X.items()
    else:
        assert X[0].shape == (51, bands * channels)
    assert system.classifier(0).pool == ("max" if segment else None)
    posteriors = np.asarray(system.build(X.item_shape, 5)(batch_of(X)))
    assert posteriors.shape == (len(X), 5)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1, rtol=1e-5)


def test_it_starts_from_the_weights_of_a_file(alexnet_file):
    model = FcnAttention(weights=alexnet_file).build((70,), 4)
    for number, (kernel, bias) in enumerate(alexnet_weights(alexnet_file), start=1):
        weights = model.get_layer(f"conv{number}").get_weights()
        # One channel is the sum of three colours.
        kernel = kernel.sum(axis=2, keepdims=True) if number == 1 else kernel
        np.testing.assert_array_equal(weights[0], kernel)
        np.testing.assert_array_equal(weights[1], bias)


def test_padding_is_the_floor_of_the_recording_and_no_change():
    signal = NOISE[:16000]
    plain = FcnAttention(segment=300, trim=False).front_end(signal, "u")[0]
    frames = 1 + len(signal) // 320
    assert (plain[frames:] == plain.min()).all()
    levels = FcnAttention(segment=300, kind="logmeldeltaspec", trim=False).front_end(signal, "u")[0]
    assert (levels[frames:, :, 0] == levels[..., 0].min()).all()
    assert not levels[frames:, :, 1:].any()


def test_channels_are_the_clean_the_noisy_and_the_reverberant_recording():
    tone = np.zeros(32000, "float32")
    tone[8000:16000] = np.sin(np.arange(8000) / 2) / 2

    def channels(**parameters):
        system = FcnAttention(kind="lognrevspec", hop=0.01, trim=False, **parameters)
        return np.moveaxis(system.front_end(tone, "u").reshape(-1, 200, 3), 2, 0).astype(float)

    clean, noisy, room = channels()
    alone = FcnAttention(kind="logspec", hop=0.01, trim=False).front_end(tone, "u")
    np.testing.assert_array_equal(clean, alone)
    # Noise fills the silence from beginning to end; the room only what follows the tone.
    assert noisy[10:40].mean() > clean[10:40].mean() + 5
    assert room[108:118].mean() > clean[108:118].mean() + 5
    np.testing.assert_allclose(room[10:40], clean[10:40], atol=1)
    # Levels and decay are parameters.
    assert channels(noise=0.02)[1][10:40].mean() > noisy[10:40].mean() + 5
    assert channels(reverberation=1.5)[2][140:180].mean() > room[140:180].mean() + 3


def test_frames_of_several_channels_are_read_as_segments_of_them_are():
    # The same numbers, laid out as frames of bands times channels, or as one segment of both.
    values = np.random.default_rng(0).normal(size=(1, 300, 70, 3)).astype("float32")
    whole, segment = (FcnAttention(kind="lognrevspec", segment=length) for length in (0, 300))
    frames, segments = whole.build((210,), 4), segment.build((300, 70, 3), 4)
    segments.set_weights(frames.get_weights())
    by_frames = frames({"values": values.reshape(1, 300, 210), "mask": np.ones((1, 300), bool)})
    # The maps of recordings end where the recording does, those of torchvision earlier: nearly the
    # same cells are averaged.
    by_segment = segments({"values": values[:, np.newaxis], "mask": np.ones((1, 1), bool)})
    np.testing.assert_allclose(by_frames, by_segment, atol=0.05)


@pytest.mark.parametrize("sharpness", [0.0, 0.3])
def test_lambda_sharpens_the_attention_over_cells(sharpness):
    model = network_of(FcnAttention(sharpness=sharpness), (128,), 4)
    values = np.random.default_rng(0).normal(size=(1, 128, 128)).astype("float32")
    batch = {"values": values, "mask": np.ones((1, 128), bool)}
    maps, scores, _, weights = inside_attention(model, batch)
    # Four steps of 32 frames, of three cells each, of 256 units.
    assert maps.shape == (1, 4, 3, 256)
    if sharpness == 0:
        np.testing.assert_allclose(weights, 1 / 12, rtol=1e-5)
    # v = w2 · tanh(W1 a + b1) + b2, times lambda.
    dense = [layer for layer in model.layers if type(layer).__name__ == "Dense"]
    inner, outer = (layer.get_weights() for layer in dense[:2])
    v = np.tanh(maps @ inner[0] + inner[1]) @ outer[0][:, 0] + outer[1]
    np.testing.assert_allclose(scores, sharpness * v, rtol=1e-3, atol=1e-4)
