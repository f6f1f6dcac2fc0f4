"""The fully convolutional network: kinds of spectrogram, segments, parameters, attention."""

import numpy as np
import pytest
from as_trained import as_if_trained

from ser_lib.features import RaggedArray
from ser_lib.systems.fcn_attention import KINDS, FcnAttention, fcn_attention

NOISE = np.random.default_rng(0).normal(0, 0.1, 160000).astype("float32")
BANDS = {"logspec": 200, "logmelspec": 128, "logmeldeltaspec": 128, "lognrevspec": 200}
CHANNELS = {"logspec": 1, "logmelspec": 1, "logmeldeltaspec": 3, "lognrevspec": 3}


@pytest.mark.parametrize(
    ("kind", "classes", "trainable"),
    [("logspec", 4, 2_589_383), ("lognrevspec", 4, 2_604_875), ("lognrevspec", 7, 2_605_646)],
)
def test_the_source_has_its_parameters(kind, classes, trainable):
    system = fcn_attention(kind=kind, setting="source")
    channels = CHANNELS[kind]
    item = (300, 200) if channels == 1 else (300, 200, channels)
    model = system.classifier(0).network.build(item, classes)
    # As PyTorch counts: what is learnt. Keras counts running means and variances, too.
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == trainable
    assert model.count_params() == trainable + 2 * (channels + 1152)
    # 40 cells: 8 steps of 5.
    assert tuple(model.get_layer("attention").output[1].shape)[1:] == (8, 5)


def test_the_source_trains_as_it_did():
    training = fcn_attention(setting="source").classifier(3).get_params()
    expected = {
        "epochs": 200, "batch_size": 32, "optimizer": "adam", "learning_rate": 1e-4,
        "weight_decay": 0.01, "schedule": "constant", "balance": None, "spec_augment": None,
        "scale": True, "pool": "max", "seed": 3,
    }  # fmt: skip
    assert {name: training[name] for name in expected} == expected
    network = fcn_attention(setting="source").classifier(0).network
    assert (network.sharpness, network.head, network.dropout) == (0.3, 256, 0.2)


@pytest.mark.parametrize("seconds", [0.05, 1.0, 2.99, 3.0, 10.0])
def test_the_source_cuts_recordings_into_segments_of_300_frames(seconds):
    signal = NOISE[: int(16000 * seconds)]
    segments = fcn_attention(setting="source").front_end(signal, "u")
    frames = 1 + len(signal) // 160
    assert segments.shape == (-(-frames // 300), 300, 200)
    # Decibels below the loudest of the recording; the padding is the loudest.
    assert segments.min() >= -80
    assert segments.max() <= 0
    assert not segments.reshape(-1, 200)[frames:].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seconds", [0.05, 1.0, 5.0])
def test_ours_reads_recordings_whole_whatever_the_kind(kind, seconds):
    signal = NOISE[: int(16000 * seconds)]
    system = fcn_attention(kind=kind, hop=0.01)
    frames = system.front_end(signal, "u")
    assert frames.shape == (1 + len(signal) // 160, BANDS[kind] * CHANNELS[kind])
    assert np.isfinite(frames).all()
    coarse = fcn_attention(kind=kind, hop=0.02).front_end(signal, "u")
    assert len(coarse) == 1 + len(signal) // 320


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("setting", ["ours", "source"])
def test_every_kind_builds_a_network_for_recordings_and_for_segments(kind, setting):
    for segment in (0, 150) if setting == "ours" else (300,):
        system = fcn_attention(kind=kind, segment=segment, setting=setting)
        X = system.front_end(NOISE[:16000], "u")
        if segment:
            channels = () if CHANNELS[kind] == 1 else (3,)
            assert X.shape[1:] == (segment, BANDS[kind], *channels)
        classifier = system.classifier(0)
        assert classifier.pool == ("max" if segment else None)
        model = classifier.network.build(X.shape[1:], 5)
        inputs = {"values": X[np.newaxis].astype("float32"), "mask": np.ones((1, len(X)), bool)}
        if segment:
            inputs = {"values": X[:, np.newaxis].astype("float32"), "mask": np.ones((len(X), 1))}
        posteriors = np.asarray(model(inputs))
        assert posteriors.shape == (len(X) if segment else 1, 5)
        np.testing.assert_allclose(posteriors.sum(axis=1), 1, rtol=1e-5)


def test_padding_of_ours_is_the_floor_of_the_recording_and_no_change():
    signal = NOISE[:16000]
    plain = fcn_attention(segment=300).front_end(signal, "u")[0]
    frames = 1 + len(signal) // 320
    assert (plain[frames:] == plain.min()).all()
    levels = fcn_attention(segment=300, kind="logmeldeltaspec").front_end(signal, "u")[0]
    assert (levels[frames:, :, 0] == levels[..., 0].min()).all()
    assert not levels[frames:, :, 1:].any()


def test_channels_are_the_clean_the_noisy_and_the_reverberant_recording():
    tone = np.zeros(32000, "float32")
    tone[8000:16000] = np.sin(np.arange(8000) / 2) / 2
    options = {"kind": "lognrevspec", "hop": 0.01}
    clean, noisy, room = np.moveaxis(
        fcn_attention(**options).front_end(tone, "u").reshape(-1, 200, 3), 2, 0
    ).astype(float)
    alone = fcn_attention(kind="logspec", hop=0.01).front_end(tone, "u")
    np.testing.assert_array_equal(clean, alone)
    # Noise fills the silence from beginning to end; the room only what follows the tone.
    assert noisy[10:40].mean() > clean[10:40].mean() + 5
    assert room[108:118].mean() > clean[108:118].mean() + 5
    np.testing.assert_allclose(room[10:40], clean[10:40], atol=1)
    # Levels and decay are parameters.
    louder = fcn_attention(**options, noise=0.02).front_end(tone, "u").reshape(-1, 200, 3)
    assert louder[10:40, :, 1].astype(float).mean() > noisy[10:40].mean() + 5
    longer = fcn_attention(**options, reverberation=1.5).front_end(tone, "u").reshape(-1, 200, 3)
    assert longer[140:180, :, 2].astype(float).mean() > room[140:180].mean() + 3


def test_frames_of_several_channels_are_read_as_segments_of_them_are():
    # The same numbers, laid out as frames of bands times channels, or as one segment of both.
    values = np.random.default_rng(0).normal(size=(1, 300, 70, 3)).astype("float32")
    recording, segment = (FcnAttention(channels=3, segments=s) for s in (False, True))
    ours, theirs = recording.build((210,), 4), segment.build((300, 70, 3), 4)
    theirs.set_weights(ours.get_weights())
    assert [w.shape for w in ours.weights] == [w.shape for w in theirs.weights]
    whole = ours({"values": values.reshape(1, 300, 210), "mask": np.ones((1, 300), bool)})
    # The maps of recordings end where the recording does, those of torchvision earlier: nearly the
    # same cells are averaged.
    part = theirs({"values": values[:, np.newaxis], "mask": np.ones((1, 1), bool)})
    np.testing.assert_allclose(whole, part, atol=0.05)


@pytest.mark.parametrize("sharpness", [0.0, 0.3, 3.0])
def test_lambda_sharpens_the_attention_over_cells(sharpness):
    import keras

    model = FcnAttention(sharpness=sharpness).build((128,), 4)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1, 128, 128)).astype("float32")
    attention = model.get_layer("attention")
    maps, scores, _ = attention.input
    maps, scores, weights = (
        np.asarray(x, float)
        for x in keras.Model(model.inputs, [maps, scores, attention.output[1]])(
            {"values": values, "mask": np.ones((1, 128), bool)}
        )
    )
    # Four steps of 32 frames, of three cells each, of 256 units.
    assert maps.shape == (1, 4, 3, 256)
    assert weights.shape == scores.shape == (1, 4, 3)
    expected = np.exp(scores - scores.max())
    np.testing.assert_allclose(weights, expected / expected.sum(), rtol=1e-4)
    if sharpness == 0:
        np.testing.assert_allclose(weights, 1 / 12, rtol=1e-5)
    # v = w2 · tanh(W1 a + b1) + b2, times lambda.
    inner, outer = (
        next(
            layer
            for layer in model.layers
            if isinstance(layer, keras.layers.Dense) and layer.kernel.shape == (256, units)
            if layer.name not in ("bottleneck", "posteriors")
        ).get_weights()
        for units in (256, 1)
    )
    v = np.tanh(maps @ inner[0] + inner[1]) @ outer[0][:, 0] + outer[1]
    np.testing.assert_allclose(scores, sharpness * v, rtol=1e-3, atol=1e-5)


def test_utterances_are_answered_by_the_maximum_over_their_segments():
    rng = np.random.default_rng(0)
    X = RaggedArray.from_list([rng.normal(size=(n, 64, 64)).astype("float32") for n in (1, 3)])
    classifier = as_if_trained(fcn_attention(segment=64).classifier(0), X)
    segments = classifier.segment_posteriors(X)
    assert [part.shape for part in segments] == [(1, 3), (3, 3)]
    best = segments[1].max(axis=0)
    np.testing.assert_allclose(classifier.predict_proba(X)[1], best / best.sum(), rtol=1e-5)
    assert [weights.shape for weights in classifier.attention(X)] == [(1, 1, 1), (3, 1, 1)]
