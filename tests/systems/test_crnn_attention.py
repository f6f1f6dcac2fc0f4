"""The convolutional BLSTM: features, parameters and attention as published, and the bottleneck."""

import numpy as np
import pytest
from small_systems import batch_of, disturb, features, network_of, noise

from ser_lib.signal import PreEmphasis, TrimToVoice, Wiener
from ser_lib.systems import CrnnAttention

NOISE = np.random.default_rng(0).normal(0, 0.1, 160000).astype("float32")


@pytest.mark.parametrize(
    ("units", "parameters", "trainable"), [(32, 73_053, 72_941), (64, 142_941, 142_829)]
)
def test_as_published_it_has_the_originals_parameters(units, parameters, trainable):
    model = CrnnAttention.as_published(units=units).build((400, 40), 7)
    assert model.count_params() == parameters
    assert sum(np.prod(w.shape) for w in model.trainable_weights) == trainable
    # A matrix over the 50 positions that 400 frames come to, and its bias.
    assert (50, 50) in [tuple(w.shape) for w in model.trainable_weights]
    # The default attention has 2 * units + 1 numbers instead of 51 * 50.
    default = CrnnAttention(units=units).build((40,), 7)
    assert default.count_params() == parameters - 51 * 50 + 2 * units + 1


@pytest.mark.parametrize("seconds", [0.05, 1.0, 3.99, 10.0])
def test_as_published_a_recording_is_one_window_of_400_frames_of_40_bands(seconds):
    signal = NOISE[: int(16000 * seconds)]
    window = CrnnAttention.as_published().front_end(signal, "u")
    assert window.shape == (1, 400, 40)
    assert (window >= 0).all()
    frames = min(400, 1 + len(signal) // 160)
    # Padding is exactly zero, which is what silence gives.
    assert not window[0, frames:].any()
    assert window[0, :frames].any(axis=1).all()
    assert CrnnAttention().front_end(signal, "u").shape == (1 + len(signal) // 160, 40)


def test_silence_gives_nothing_and_louder_gives_more():
    front_end = CrnnAttention.as_published().front_end
    np.testing.assert_allclose(front_end(np.zeros(16000, "float32"), "u"), 0, atol=1e-6)
    assert front_end(NOISE[:16000], "u").sum() > front_end(NOISE[:16000] / 10, "u").sum() > 0


def test_noise_is_filtered_before_the_pre_emphasis_and_the_voice_is_found_last():
    for system in (CrnnAttention(), CrnnAttention.as_published()):
        steps = system.front_end.preprocessing
        assert [type(step) for step in steps] == [Wiener, PreEmphasis, TrimToVoice]


def test_as_published_the_filters_are_laid_out_for_another_sampling_rate():
    # A tone of 4 kHz comes out where the original's bank, made for 22,050 Hz, has 5.5 kHz.
    import librosa

    tone = np.sin(2 * np.pi * 4000 * np.arange(16000) / 16000).astype("float32") / 4
    for system, rate in ((CrnnAttention(), 16000), (CrnnAttention.as_published(), 22050)):
        bands = system.front_end(tone, "u").reshape(-1, 40)[5:95]
        centres = librosa.mel_frequencies(42, fmin=0, fmax=rate / 2)[1:-1] * 16000 / rate
        assert abs(bands.mean(axis=0).argmax() - np.abs(centres - 4000).argmin()) <= 1


def test_as_published_attention_is_by_position():
    # m_t is the mean of the units, the weights are softmax(W m + b) over the positions.
    import keras

    system = CrnnAttention.as_published(filters=(2, 2, 2), units=3, max_frames=64)
    model = network_of(system, (64, 8), 4)
    attention = model.get_layer("attention")
    values = np.random.default_rng(0).normal(size=(2, 1, 64, 8)).astype("float32")
    states, pooled, weights = (
        np.asarray(x)
        for x in keras.Model(model.inputs, [model.get_layer("blstm").output, *attention.output])(
            {"values": values, "mask": np.ones((2, 1), bool)}
        )
    )
    assert states.shape == (2, 8, 6)
    (kernel,) = (w for w in model.weights if tuple(w.shape) == (8, 8))
    bias = next(w for w in model.weights if w.path == kernel.path.replace("kernel", "bias"))
    scores = states.mean(axis=-1) @ np.asarray(kernel) + np.asarray(bias)
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weights, expected, rtol=1e-4)
    np.testing.assert_allclose(pooled, np.einsum("bt,btu->bu", expected, states), atol=1e-5)


def test_the_bottleneck_gives_the_vector_before_the_posteriors():
    import keras

    model = CrnnAttention(filters=(2, 2, 2), units=3).build((40,), 3)
    disturb(model)
    both = keras.Model(model.inputs, [model.get_layer("bottleneck").output, model.output])
    batch = batch_of(features(CrnnAttention(), 0.2, 0.35))
    vectors, posteriors = (np.asarray(output) for output in both(batch))
    assert vectors.shape == (2, 64)
    # After its ReLU, as the original exports it.
    assert (vectors >= 0).all()
    kernel, bias = model.get_layer("posteriors").get_weights()
    expected = np.exp(vectors @ kernel + bias)
    np.testing.assert_allclose(posteriors, expected / expected.sum(axis=1)[:, None], atol=1e-5)


def test_every_block_has_the_filters_asked_for():
    model = CrnnAttention(filters=[4, 8], units=5).build((40,), 3)
    kernels = [tuple(w.shape) for w in model.trainable_weights if len(w.shape) == 4]
    assert kernels == [(5, 5, 1, 4), (5, 5, 4, 8)]
    # The features do not depend on the network.
    assert CrnnAttention(filters=(4, 8)).front_end == CrnnAttention().front_end
    assert CrnnAttention().front_end(noise(0.5), "u").shape[1] == 40
