"""The BLSTM with local attention: its descriptors, its parameters, its ways to pool."""

import numpy as np
import pytest
from trained_weights import disturb

from ser_lib.systems import BlstmAttention
from ser_lib.systems.blstm_attention import LONGEST

NOISE = np.random.default_rng(0).normal(0, 0.1, 32000).astype("float32")


@pytest.mark.parametrize("samples", [400, 559, 560, 4711, 32000])
def test_frames_of_25_ms_every_10_ms(samples):
    frames = BlstmAttention.as_published().front_end(NOISE[:samples], "u")
    assert frames.shape == ((samples - 400) // 160 + 1, 34)
    # Every descriptor by itself, over the recording.
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-5)
    spread = frames.std(axis=0)
    np.testing.assert_allclose(spread[spread > 0], 1, atol=1e-3)


def test_as_published_only_the_last_ten_seconds_of_a_long_recording_are_kept():
    long = np.tile(NOISE, 8)
    published = BlstmAttention.as_published().front_end(long, "u")
    assert len(published) == LONGEST == 1024
    # Keras pads sequences, and cuts them, at the front unless told otherwise; the frames are
    # standardised before that.
    whole = BlstmAttention(average=1).front_end(long, "u").astype(float)
    whole = (whole - whole.mean(axis=0)) / whole.std(axis=0)
    assert len(whole) == (len(long) - 400) // 160 + 1
    np.testing.assert_allclose(published, whole[-1024:], atol=1e-2)


@pytest.mark.parametrize(
    ("options", "width"),
    [
        ({"deltas": False}, 34),
        ({"deltas": True}, 68),
        ({"descriptors": ("energy", "zcr"), "deltas": False}, 2),
        ({"descriptors": ["energy", "zcr", "mfcc_1"], "deltas": True}, 6),
        ({"features": "logmel"}, 40),
    ],
)
def test_features_can_be_chosen(options, width):
    frames = BlstmAttention(average=1, **options).front_end(NOISE, "u")
    assert frames.shape[1] == width
    assert np.isfinite(frames).all()


@pytest.mark.slow
def test_the_library_gives_the_same_descriptors():
    pytest.importorskip("pyAudioAnalysis", reason="pyAudioAnalysis is not installed")
    ours, theirs = (
        BlstmAttention(average=1, deltas=True, descriptors_by=by).front_end(NOISE[:8000], "u")
        for by in ("ser_lib", "pyaudioanalysis")
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pooling", ["attention", "mean", "last"])
def test_every_way_to_pool_is_what_its_name_says(pooling):
    import keras

    model = BlstmAttention(dense=5, units=4, pooling=pooling).build((3,), 2)
    disturb(model)
    rng, lengths = np.random.default_rng(0), (6, 2, 1)
    mask = np.arange(8) < np.array(lengths)[:, np.newaxis]
    values = rng.normal(size=(3, 8, 3)).astype("float32") * mask[..., None]
    posteriors = model({"values": values, "mask": mask}).numpy()
    # By hand, on each recording without its padding: the states of each direction, then NumPy.
    blstm = model.get_layer("blstm")
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    forward, backward = blstm.forward_layer, blstm.backward_layer
    forward.return_sequences = backward.return_sequences = True
    backward.go_backwards = False
    for row, n in enumerate(lengths):
        x = np.asarray(dense[1](dense[0](values[row : row + 1, :n])))
        ahead = np.asarray(forward(x))[0]
        back = np.asarray(backward(x[:, ::-1]))[0, ::-1]
        states = np.concatenate([ahead, back], axis=-1)
        if pooling == "mean":
            vector = states.mean(axis=0)
        elif pooling == "last":
            # The last state of each direction: the backward one ends at the first frame.
            vector = np.concatenate([ahead[-1], back[0]])
        else:
            scores = states @ model.get_layer("vector").get_weights()[0][:, 0]
            vector = np.exp(scores) @ states / np.exp(scores).sum()
        kernel, bias = model.get_layer("posteriors").get_weights()
        expected = np.exp(vector @ kernel + bias)
        np.testing.assert_allclose(posteriors[row], expected / expected.sum(), atol=1e-5)


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_every_way_to_pool_is_available_as_published_too(pooling):
    system = BlstmAttention.as_published(pooling=pooling, dense=4, units=3)
    assert "attention" not in {layer.name for layer in system.build((34,), 7).layers}
    assert system.attention_grid is None


def test_attention_begins_as_the_mean_over_time():
    model = BlstmAttention(dense=4, units=3).build((3,), 2)
    assert not np.any(model.get_layer("vector").get_weights()[0])
