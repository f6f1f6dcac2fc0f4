"""The convolutional BLSTM: features, parameters and attention as published, and the bottleneck."""

import numpy as np
import pytest
from small_systems import inside_attention, network_of

from ser_lib.systems import CrnnAttention

NOISE = np.random.default_rng(0).normal(0, 0.1, 160000).astype("float32")


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


def test_as_published_the_filters_are_laid_out_for_another_sampling_rate():
    # A tone of 4 kHz comes out where the original's bank, made for 22,050 Hz, has 5.5 kHz.
    import librosa

    tone = np.sin(2 * np.pi * 4000 * np.arange(16000) / 16000).astype("float32") / 4
    for system, rate in ((CrnnAttention(), 16000), (CrnnAttention.as_published(), 22050)):
        bands = system.front_end(tone, "u").reshape(-1, 40)[5:95]
        centres = librosa.mel_frequencies(42, fmin=0, fmax=rate / 2)[1:-1] * 16000 / rate
        assert abs(bands.mean(axis=0).argmax() - np.abs(centres - 4000).argmin()) <= 1


def test_as_published_attention_is_by_position():
    # m_t is the mean of the units, and the scores are W m + b, with weights for each position.
    system = CrnnAttention.as_published(filters=(2, 2, 2), units=3, max_frames=64)
    model = network_of(system, (64, 8), 4)
    values = np.random.default_rng(0).normal(size=(2, 1, 64, 8)).astype("float32")
    batch = {"values": values, "mask": np.ones((2, 1), bool)}
    states, scores, *_ = inside_attention(model, batch)
    assert states.shape == (2, 8, 6)
    (kernel,) = (w for w in model.weights if tuple(w.shape) == (8, 8))
    bias = next(w for w in model.weights if w.path == kernel.path.replace("kernel", "bias"))
    expected = states.mean(axis=-1) @ np.asarray(kernel) + np.asarray(bias)
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)
