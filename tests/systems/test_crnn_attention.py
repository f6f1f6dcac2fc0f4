"""The convolutional BLSTM: the source's features, parameters and attention, and the bottleneck."""

import numpy as np
import pytest
from as_trained import as_if_trained

from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier
from ser_lib.signal import PreEmphasis, TrimToVoice, Wiener
from ser_lib.systems.crnn_attention import CrnnAttention, crnn_attention

NOISE = np.random.default_rng(0).normal(0, 0.1, 160000).astype("float32")


@pytest.mark.parametrize(
    ("units", "parameters", "trainable"), [(32, 73_053, 72_941), (64, 142_941, 142_829)]
)
def test_the_source_has_its_parameters(units, parameters, trainable):
    network = crnn_attention(setting="source", units=units).classifier(0).network
    model = network.build((400, 40), 7)
    assert model.count_params() == parameters
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == trainable
    # A matrix over the 50 positions that 400 frames come to, and its bias.
    assert (50, 50) in [tuple(w.shape) for w in model.trainable_weights]
    # What our attention does without: 51 * 50 numbers for 2 * units + 1.
    ours = CrnnAttention(units=units).build((40,), 7)
    assert ours.count_params() == parameters - 51 * 50 + 2 * units + 1


def test_the_source_trains_as_it_did():
    training = crnn_attention(setting="source").classifier(3).get_params()
    expected = {
        "epochs": 256, "batch_size": 256, "optimizer": "adam", "learning_rate": 1e-3,
        "patience": 30, "schedule": "constant", "balance": None, "spec_augment": None,
        "scale": False, "seed": 3,
    }  # fmt: skip
    assert {name: training[name] for name in expected} == expected
    assert crnn_attention(setting="source").classifier(0).network.momentum == 0.99


@pytest.mark.parametrize("seconds", [0.05, 1.0, 3.99, 10.0])
def test_the_sources_features_are_one_window_of_400_frames_of_40_bands(seconds):
    signal = NOISE[: int(16000 * seconds)]
    window = crnn_attention(setting="source").front_end(signal, "u")
    assert window.shape == (1, 400, 40)
    assert (window >= 0).all()
    frames = min(400, 1 + len(signal) // 160)
    # What pads is exactly zero, which is what silence gives.
    assert not window[0, frames:].any()
    assert window[0, :frames].any(axis=1).all()
    ours = crnn_attention().front_end(signal, "u")
    assert ours.shape == (1 + len(signal) // 160, 40)


def test_silence_gives_nothing_and_louder_gives_more():
    front_end = crnn_attention(setting="source").front_end
    np.testing.assert_allclose(front_end(np.zeros(16000, "float32"), "u"), 0, atol=1e-6)
    assert front_end(NOISE[:16000], "u").sum() > front_end(NOISE[:16000] / 10, "u").sum() > 0


def test_noise_is_filtered_before_the_pre_emphasis_and_the_voice_is_found_last():
    for setting in ("ours", "source"):
        steps = crnn_attention(setting=setting).front_end.preprocessing
        assert [type(step) for step in steps] == [Wiener, PreEmphasis, TrimToVoice]


def test_the_sources_filters_are_laid_out_for_another_rate():
    # A tone of 4 kHz comes out where the original's bank, made for 22,050 Hz, has 5.5 kHz.
    time = np.arange(16000) / 16000
    tone = np.sin(2 * np.pi * 4000 * time).astype("float32") / 4
    bands = {
        setting: crnn_attention(setting=setting).front_end(tone, "u").reshape(-1, 40)[5:95]
        for setting in ("ours", "source")
    }
    import librosa

    for setting, rate in (("ours", 16000), ("source", 22050)):
        centres = librosa.mel_frequencies(42, fmin=0, fmax=rate / 2)[1:-1] * 16000 / rate
        loudest = bands[setting].mean(axis=0).argmax()
        assert abs(loudest - np.abs(centres - 4000).argmin()) <= 1


def test_attention_by_position_is_that_of_the_original():
    # m_t is the mean of the units, the weights are softmax(W m + b) over the 50 positions.
    model = CrnnAttention(filters=(2, 2, 2), units=3, by_position=True).build((64, 8), 4)
    rng = np.random.default_rng(0)
    model.set_weights(
        [
            rng.uniform(0.5, 2, w.shape) if "variance" in w.name else rng.normal(0, 0.5, w.shape)
            for w in model.weights
        ]
    )
    import keras

    attention = model.get_layer("attention")
    inputs = {
        "values": rng.normal(size=(2, 1, 64, 8)).astype("float32"),
        "mask": np.ones((2, 1), bool),
    }
    states, pooled, weights = (
        np.asarray(x)
        for x in keras.Model(model.inputs, [model.get_layer("blstm").output, *attention.output])(
            inputs
        )
    )
    assert states.shape == (2, 8, 6)
    (kernel,) = (w for w in model.weights if tuple(w.shape) == (8, 8))
    bias = next(w for w in model.weights if w.path == kernel.path.replace("kernel", "bias"))
    scores = states.mean(axis=-1) @ np.asarray(kernel) + np.asarray(bias)
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weights, expected, rtol=1e-4)
    np.testing.assert_allclose(pooled, np.einsum("bt,btu->bu", expected, states), atol=1e-5)


def test_the_bottleneck_of_64_can_be_taken_elsewhere():
    rng = np.random.default_rng(0)
    X = RaggedArray.from_list([rng.normal(size=(n, 40)).astype("float32") for n in (12, 30, 9)])
    classifier = as_if_trained(NeuralClassifier(CrnnAttention(filters=(2, 2, 2), units=3)), X)
    vectors = classifier.embed(X)
    assert vectors.shape == (3, 64)
    # After its ReLU, as the original exports it; what follows is the answer.
    assert (vectors >= 0).all()
    kernel, bias = classifier.network_.get_layer("posteriors").get_weights()
    answers = np.exp(vectors @ kernel + bias)
    answers /= answers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(answers, classifier.predict_proba(X), atol=1e-5)
    # A weight for each step of eight frames, and for the last of fewer.
    assert [len(weights) for weights in classifier.attention(X)] == [2, 4, 2]


def test_filters_are_a_parameter():
    system = crnn_attention(filters=[4, 8], units=5)
    model = system.classifier(0).network.build((40,), 3)
    kernels = [w.shape for w in model.trainable_weights if len(w.shape) == 4]
    assert [tuple(shape) for shape in kernels] == [(5, 5, 1, 4), (5, 5, 4, 8)]
