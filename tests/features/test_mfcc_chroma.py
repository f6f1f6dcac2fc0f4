"""Cepstral coefficients and chroma: against librosa, and by hand where librosa has no answer."""

import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.features import FrontEnd
from ser_lib.features.mfcc_chroma import MfccChroma

RATE = 16000
SECONDS = np.arange(2 * RATE) / RATE
# Two tones over noise that fades in from silence.
SIGNAL = (
    (0.2 * np.sin(2 * np.pi * 220 * SECONDS) + 0.1 * np.sin(2 * np.pi * 1320 * SECONDS))
    + 0.05 * np.random.default_rng(0).standard_normal(len(SECONDS))
) * np.linspace(0, 1, len(SECONDS)) ** 4
SIGNAL = SIGNAL.astype("float32")


@pytest.mark.parametrize("rate", [16000, 48000])
def test_values_are_those_of_librosa(rate):
    import librosa

    analysis = MfccChroma(n_fft=2048, hop_length=1024, n_mfcc=20, n_chroma=12)
    found = analysis(SIGNAL, rate)
    frames = {"y": SIGNAL, "sr": rate, "n_fft": 2048, "hop_length": 1024}
    mfcc = librosa.feature.mfcc(n_mfcc=20, **frames).T
    chroma = librosa.feature.chroma_stft(tuning=0.0, **frames).T
    assert found.dtype == np.float32
    np.testing.assert_allclose(found[:, :20], mfcc, rtol=1e-4, atol=1e-2)
    np.testing.assert_allclose(found[:, 20:], chroma, rtol=1e-3, atol=1e-4)


def test_features_have_names_in_their_order():
    analysis = MfccChroma(n_mfcc=3, n_chroma=2)
    assert analysis.names == ("mfcc_0", "mfcc_1", "mfcc_2", "chroma_1", "chroma_2")
    assert analysis(SIGNAL, RATE).shape[1] == 5
    without = MfccChroma(n_mfcc=3, n_chroma=0)
    np.testing.assert_array_equal(without(SIGNAL, RATE), analysis(SIGNAL, RATE)[:, :3])


def test_the_zeroth_coefficient_follows_the_level_and_the_others_do_not():
    loud, soft = (MfccChroma()(gain * SIGNAL, RATE)[20:] for gain in (1.0, 0.1))
    # 20 dB less in each of 128 bands, times their number's root in an orthonormal transform.
    np.testing.assert_allclose(loud[:, 0] - soft[:, 0], 20 * np.sqrt(128), rtol=1e-3)
    np.testing.assert_allclose(loud[:, 1:], soft[:, 1:], atol=0.05)


def test_a_tone_is_its_pitch_class_in_every_octave():
    for octave in (110, 220, 880):
        tone = np.sin(2 * np.pi * octave * SECONDS).astype("float32")
        # C is first, so that A is the tenth.
        chroma = MfccChroma()(tone, RATE)[2:-2, -12:]
        assert (chroma.argmax(axis=1) == 9).all()
        np.testing.assert_array_equal(chroma.max(axis=1), 1)


@pytest.mark.parametrize("samples", [1, 100, 1360])
def test_silence_and_the_shortest_signals_are_finite(samples):
    for signal in (np.zeros(samples, "float32"), SIGNAL[-samples:]):
        values = MfccChroma()(signal, RATE)
        assert values.shape == (1 + samples // 680, 46)
        assert np.isfinite(values).all()
    assert not MfccChroma()(np.zeros(samples, "float32"), RATE)[:, -12:].any()


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_a_warped_analysis_sees_a_stretched_spectrum_as_the_plain_one_sees_its_original(factor):
    # Noise in two bands, and the same with all frequencies multiplied.
    def noise(low, high):
        spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(4 * RATE))
        hertz = np.fft.rfftfreq(4 * RATE, 1 / RATE)
        inside = [(hertz > lo) & (hertz < hi) for lo, hi in ((low, 2 * low), (high, 1.2 * high))]
        return np.fft.irfft(np.where(inside[0] | inside[1], spectrum, 0)).astype("float32")

    original, stretched = noise(500, 3000), noise(factor * 500, factor * 3000)
    plain, warped = (MfccChroma(n_chroma=0, fmax=7000, warp=w) for w in (1.0, factor))

    def mean(analysis, signal):
        return analysis(signal, RATE)[5:-5, 1:20].mean(axis=0)

    reference = mean(plain, original)
    matched = np.abs(mean(warped, stretched) - reference).mean()
    assert matched < 0.3 * np.abs(mean(plain, stretched) - reference).mean()


def test_warped_bands_must_lie_within_the_spectrum():
    with pytest.raises(InputError, match=r"fmax is 8000 Hz and warp 1\.1; expected"):
        MfccChroma(warp=1.1)(SIGNAL, RATE)


def test_it_is_a_part_of_a_front_end():
    front_end = FrontEnd(analysis=MfccChroma(n_mfcc=4))
    assert front_end(SIGNAL, "u").shape == (1 + len(SIGNAL) // 680, 16)
    assert front_end.feature_names[3:5] == ("mfcc_3", "chroma_1")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"n_fft": 1361}, "n_fft is 1361; expected an even number"),
        ({"n_mels": 20, "n_mfcc": 21}, "n_mfcc is 21; expected at most n_mels, 20"),
        ({"n_chroma": -1}, "n_chroma is -1; expected an integer of at least 0"),
        ({"warp": 0.3}, "warp is 0.3; expected a number of at least 0.5"),
    ],
)
def test_what_cannot_be_is_refused(parameters, message):
    with pytest.raises(InputError, match=message):
        MfccChroma(**parameters)
