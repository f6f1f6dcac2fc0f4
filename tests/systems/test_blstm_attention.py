"""The BLSTM with local attention: its descriptors, its parameters, its ways to pool."""

import numpy as np
import pytest
from small_systems import disturb

from ser_lib.systems import BlstmAttention
from ser_lib.systems.blstm_attention import LONGEST

NOISE = np.random.default_rng(0).normal(0, 0.1, 32000).astype("float32")


def test_as_published_it_has_the_originals_parameters():
    # RayanWang's 34 descriptors and 7 emotions; 65,792 numbers do nothing but make the vector.
    published = BlstmAttention.as_published()
    assert published.normalisation == "utterance"
    model = published.build((34,), 7)
    assert model.count_params() == 1_004_551
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == 1_004_551
    assert published.build((36,), 7).count_params() == 1_005_575
    # The paper's form: one vector of 256 numbers.
    assert BlstmAttention(dense=512).build((34,), 7).count_params() == 939_015


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


def test_chosen_descriptors_are_those_of_all():
    names = ("mfcc_1", "energy")
    everything = BlstmAttention(average=1)
    few = BlstmAttention(average=1, descriptors=names).front_end(NOISE, "u")
    columns = [everything.front_end.analysis.names.index(name) for name in names]
    np.testing.assert_array_equal(few, everything.front_end(NOISE, "u")[:, columns])


@pytest.mark.slow
@pytest.mark.parametrize("deltas", [False, True])
def test_the_library_gives_the_same_descriptors(deltas):
    pytest.importorskip("pyAudioAnalysis", reason="pyAudioAnalysis is not installed")
    ours, theirs = (
        BlstmAttention(average=1, deltas=deltas, descriptors_by=by).front_end(NOISE[:8000], "u")
        for by in ("ser_lib", "pyaudioanalysis")
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_frames_can_be_averaged():
    each = BlstmAttention(average=1).front_end(NOISE, "u")
    pairs = BlstmAttention(average=2).front_end(NOISE, "u")
    assert len(pairs) == -(-len(each) // 2)
    np.testing.assert_allclose(pairs[0], each[:2].mean(axis=0), rtol=1e-4, atol=1e-6)


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
    assert [layer.units for layer in dense if layer.units != 1] == [5, 5, 2]
    directions = [
        keras.layers.LSTM.from_config(
            layer.get_config() | {"return_sequences": True, "go_backwards": False}
        )
        for layer in (blstm.forward_layer, blstm.backward_layer)
    ]
    for direction, layer in zip(
        directions, (blstm.forward_layer, blstm.backward_layer), strict=True
    ):
        direction.build((1, None, 5))
        direction.set_weights(layer.get_weights())
    for row, n in enumerate(lengths):
        x = np.asarray(dense[1](dense[0](values[row : row + 1, :n])))
        ahead = np.asarray(directions[0](x))[0]
        back = np.asarray(directions[1](x[:, ::-1]))[0, ::-1]
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


@pytest.mark.parametrize("pooling", ["attention", "mean", "last"])
def test_every_way_to_pool_is_available_in_both_variants(pooling):
    for variant in ("default", "as_published"):
        system = BlstmAttention.of(variant=variant, pooling=pooling, dense=4, units=3)
        names = {layer.name for layer in system.build((34,), 7).layers}
        assert ("attention" in names) == (pooling == "attention") == bool(system.attention_grid)


def test_attention_begins_as_the_mean_over_time():
    model = BlstmAttention(dense=4, units=3).build((3,), 2)
    assert not np.any(model.get_layer("vector").get_weights()[0])
