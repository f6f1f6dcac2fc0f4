"""The BLSTM with local attention: its descriptors, its parameters, its ways to pool."""

import numpy as np
import pytest

from ser_lib.features import RaggedArray
from ser_lib.systems.blstm_attention import LONGEST, BlstmAttention, blstm_attention

NOISE = np.random.default_rng(0).normal(0, 0.1, 32000).astype("float32")


def test_the_source_has_its_parameters():
    # RayanWang's 34 descriptors and 7 emotions; 65,792 numbers do nothing but make the vector.
    network = blstm_attention(setting="source").classifier(0).network
    model = network.build((34,), 7)
    assert model.count_params() == 1_004_551
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == 1_004_551
    assert network.build((36,), 7).count_params() == 1_005_575
    # The paper's form: one vector of 256 numbers.
    assert BlstmAttention().build((34,), 7).count_params() == 939_015


def test_the_source_trains_as_it_did():
    system = blstm_attention(setting="source")
    training = system.classifier(3).get_params()
    expected = {
        "epochs": 100, "batch_size": 128, "optimizer": "adam", "learning_rate": 1e-3,
        "schedule": "constant", "balance": None, "spec_augment": None, "mixup": 0.0,
        "scale": False, "seed": 3,
    }  # fmt: skip
    assert {name: training[name] for name in expected} == expected
    assert system.normalisation == "utterance"


@pytest.mark.parametrize("samples", [400, 559, 560, 4711, 32000])
def test_frames_of_25_ms_every_10_ms(samples):
    frames = blstm_attention(setting="source").front_end(NOISE[:samples], "u")
    assert frames.shape == ((samples - 400) // 160 + 1, 34)
    # Every descriptor by itself, over the recording.
    np.testing.assert_allclose(frames.mean(axis=0), 0, atol=1e-5)
    spread = frames.std(axis=0)
    np.testing.assert_allclose(spread[spread > 0], 1, atol=1e-3)


def test_in_the_source_only_the_last_ten_seconds_of_a_long_recording_are_kept():
    long = np.tile(NOISE, 8)
    source = blstm_attention(setting="source").front_end(long, "u")
    assert len(source) == LONGEST == 1024
    # Keras pads sequences, and cuts them, at the front unless told otherwise; the frames are
    # standardised before that.
    whole = blstm_attention(every=1, deltas=False).front_end(long, "u").astype(float)
    whole = (whole - whole.mean(axis=0)) / whole.std(axis=0)
    assert len(whole) == (len(long) - 400) // 160 + 1
    np.testing.assert_allclose(source, whole[-1024:], atol=1e-2)


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
    frames = blstm_attention(every=1, **options).front_end(NOISE, "u")
    assert frames.shape[1] == width
    assert np.isfinite(frames).all()


def test_chosen_descriptors_are_those_of_all():
    names = ("mfcc_1", "energy")
    everything = blstm_attention(every=1, deltas=False)
    few = blstm_attention(every=1, deltas=False, descriptors=names).front_end(NOISE, "u")
    columns = [everything.front_end.analysis.names.index(name) for name in names]
    np.testing.assert_array_equal(few, everything.front_end(NOISE, "u")[:, columns])


@pytest.mark.parametrize("deltas", [False, True])
def test_the_library_gives_the_same_descriptors(deltas):
    pytest.importorskip("pyAudioAnalysis", reason="pyAudioAnalysis is not installed")
    ours, theirs = (
        blstm_attention(every=1, deltas=deltas, descriptors_by=by).front_end(NOISE[:8000], "u")
        for by in ("ser_lib", "pyaudioanalysis")
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_frames_can_be_averaged():
    each = blstm_attention(every=1).front_end(NOISE, "u")
    pairs = blstm_attention(every=2).front_end(NOISE, "u")
    assert len(pairs) == -(-len(each) // 2)
    np.testing.assert_allclose(pairs[0], each[:2].mean(axis=0), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pooling", ["attention", "mean", "last"])
def test_every_way_to_pool_is_what_its_name_says(pooling):
    import keras

    network = BlstmAttention(dense=(5, 5), units=4, pooling=pooling)
    model = network.build((3,), 2)
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape).astype("float32") for w in model.weights])
    lengths = (6, 2, 1)
    mask = np.arange(8) < np.array(lengths)[:, np.newaxis]
    values = rng.normal(size=(3, 8, 3)).astype("float32") * mask[..., None]
    found = model({"values": values, "mask": mask}).numpy()
    # By hand, on each recording without its padding: all states, then the pooling in NumPy.
    lstm = model.get_layer("blstm")
    dense = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense if layer.units != 1] == [5, 5, 2]
    for row, n in enumerate(lengths):
        x = dense[1](dense[0](values[row : row + 1, :n]))
        ahead, back = lstm.forward_layer, lstm.backward_layer
        ahead, back = (
            keras.layers.LSTM.from_config(one.get_config() | {"return_sequences": True, "name": n})
            for one, n in ((ahead, "ahead"), (back, "back"))
        )
        for one, other in ((ahead, lstm.forward_layer), (back, lstm.backward_layer)):
            one.build(x.shape)
            one.set_weights(other.get_weights())
        ahead, back = np.asarray(ahead(x))[0], np.asarray(back(x))[0, ::-1]
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
        answer = np.exp(vector @ kernel + bias)
        np.testing.assert_allclose(found[row], answer / answer.sum(), atol=1e-5)


@pytest.mark.parametrize("pooling", ["attention", "mean", "last"])
def test_every_way_to_pool_is_available_in_both_settings(pooling):
    for setting in ("ours", "source"):
        system = blstm_attention(pooling=pooling, dense=4, units=3, setting=setting)
        X = RaggedArray.from_list([system.front_end(NOISE[:n], "u") for n in (1600, 3200)])
        model = system.classifier(0).network.build(X.item_shape, 7)
        names = {layer.name for layer in model.layers}
        assert ("attention" in names) == (pooling == "attention")


def test_attention_begins_as_the_mean_over_time():
    model = BlstmAttention(dense=(4,), units=3).build((3,), 2)
    assert not np.any(model.get_layer("vector").get_weights()[0])
