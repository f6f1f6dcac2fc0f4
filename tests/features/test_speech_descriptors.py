"""Low-level descriptors of speech, against librosa, openSMILE's formulas, and known signals."""

import librosa
import numpy as np
import pytest
import scipy.fft
import scipy.stats

from ser_lib.errors import InputError
from ser_lib.features.speech_descriptors import ALWAYS, VOICED, SpeechDescriptors

RATE = 16000
RAW = SpeechDescriptors(deltas=False, smooth=False)


def table(signal, analysis=RAW, rate=RATE):
    return dict(zip(analysis.names, analysis(signal, rate).T, strict=True))


@pytest.fixture(scope="module")
def noisy(speech):
    """Speech with a little noise, so that nowhere a floor matters."""
    return speech() + 0.01 * np.random.default_rng(0).standard_normal(24000)


@pytest.fixture(scope="module")
def spectrum(noisy):
    """Power spectra by librosa: frequencies first."""
    padded = librosa.util.frame(noisy.astype(float), frame_length=400, hop_length=160)
    return np.abs(scipy.fft.rfft(padded * np.hamming(400)[:, None], 512, axis=0)) ** 2


def test_spectral_descriptors_are_those_of_librosa(noisy, spectrum):
    found = table(noisy)
    options = {"S": spectrum, "sr": RATE, "n_fft": 512}
    centroid = librosa.feature.spectral_centroid(**options)[0]
    np.testing.assert_allclose(1000 * found["spectral_centroid"], centroid, rtol=1e-5)
    spread = librosa.feature.spectral_bandwidth(**options)[0]
    np.testing.assert_allclose(1000 * found["spectral_spread"], spread, rtol=1e-4)
    flatness = librosa.feature.spectral_flatness(S=spectrum, power=1, amin=1e-12)[0]
    np.testing.assert_allclose(found["spectral_flatness"], 10 * np.log10(flatness), atol=1e-3)
    for part in (25, 50, 75, 90):
        rolloff = librosa.feature.spectral_rolloff(roll_percent=part / 100, **options)[0]
        np.testing.assert_allclose(1000 * found[f"rolloff_{part}"], rolloff)
    mel = librosa.feature.melspectrogram(
        S=spectrum, sr=RATE, n_fft=512, n_mels=26, htk=True, norm=None
    )
    for band in range(26):
        np.testing.assert_allclose(found[f"mel_{band + 1}"], np.log(mel[band]), atol=1e-5)
    mfcc = librosa.feature.mfcc(S=np.log(mel), n_mfcc=15)
    for index in range(1, 15):
        np.testing.assert_allclose(found[f"mfcc_{index}"], mfcc[index], atol=1e-5)


def test_level_and_crossings_of_a_sine():
    found = table(0.1 * np.sin(2 * np.pi * 1000 * (np.arange(RATE) + 0.5) / RATE))
    np.testing.assert_allclose(found["energy"], 10 * np.log10(0.005), atol=0.01)
    np.testing.assert_allclose(found["zcr"], 1 / 8, atol=0.003)


def test_shapes_of_the_spectrum_are_its_moments(noisy, spectrum):
    found = table(noisy)
    f = np.arange(257)[:, None] * RATE / 512
    share = spectrum / spectrum.sum(axis=0)
    centred = f - np.sum(share * f, axis=0)
    second, third, fourth = (np.sum(share * centred**k, axis=0) for k in (2, 3, 4))
    np.testing.assert_allclose(found["spectral_skewness"], third / second**1.5, rtol=1e-4)
    np.testing.assert_allclose(found["spectral_kurtosis"], fourth / second**2, rtol=1e-4)
    flux = np.linalg.norm(np.diff(np.sqrt(share), axis=1), axis=0)
    np.testing.assert_allclose(found["spectral_flux"], [0, *flux], atol=1e-5)


def test_a_signal_ten_times_as_strong_is_four_times_as_loud(noisy):
    # Its power is a hundred times as large: 100**0.3.
    ratio = table(10 * noisy)["loudness"] / table(noisy)["loudness"]
    np.testing.assert_allclose(ratio, 3.98107, rtol=1e-4)


def test_slopes_and_ratios_are_those_of_the_spectrum(noisy, spectrum):
    found = table(noisy)
    f = np.arange(257) * RATE / 512
    decibels = 10 * np.log10(spectrum)
    for a, b in ((0, 500), (500, 1500)):
        inside = (f >= a) & (f < b)
        slope = np.polyfit(f[inside] / 1000, decibels[inside], 1)[0]
        np.testing.assert_allclose(found[f"slope_{a}_{b}"], slope, rtol=1e-4, atol=1e-4)
    low, high = (spectrum[(f >= a) & (f < b)].sum(axis=0) for a, b in ((50, 1000), (1000, 5000)))
    np.testing.assert_allclose(found["alpha_ratio"], 10 * np.log10(low / high), atol=1e-4)
    below, above = (decibels[(f >= a) & (f < b)].max(axis=0) for a, b in ((0, 2000), (2000, 5000)))
    np.testing.assert_allclose(found["hammarberg"], below - above, atol=1e-4)
    share = spectrum / spectrum.sum(axis=0)
    for a, b in ((250, 650), (1000, 4000)):
        level = 10 * np.log10(share[(f >= a) & (f < b)].sum(axis=0))
        np.testing.assert_allclose(found[f"band_{a}_{b}"], level, atol=1e-4)
    entropy = scipy.stats.entropy(share, base=2)
    np.testing.assert_allclose(found["spectral_entropy"], entropy, rtol=1e-4)


def test_descriptors_of_voiced_frames_are_missing_in_all_others(noisy):
    found = table(noisy, SpeechDescriptors())
    voiced = np.isfinite(found["pitch"])
    assert 0.2 < voiced.mean() < 0.95
    raw = table(noisy)
    for name in VOICED:
        if name.startswith("voiced "):
            of_all = raw[name.removeprefix("voiced ")][voiced]
            np.testing.assert_array_equal(raw[name][voiced], of_all, err_msg=name)
    for name, values in found.items():
        expected = voiced if name.removeprefix("delta ") in VOICED else np.ones(len(voiced), bool)
        np.testing.assert_array_equal(np.isfinite(values), expected, err_msg=name)


def test_smoothing_and_differences_do_not_cross_the_borders_of_voicing(noisy):
    raw, smooth = table(noisy), table(noisy, SpeechDescriptors())
    pitch = raw["pitch"]
    for i in np.flatnonzero(np.isfinite(pitch)):
        around = pitch[max(0, i - 1) : i + 2]
        assert smooth["pitch"][i] == pytest.approx(np.nanmean(around))
        started = i == 0 or np.isnan(pitch[i - 1])
        step = 0 if started else smooth["pitch"][i] - smooth["pitch"][i - 1]
        assert smooth["delta pitch"][i] == pytest.approx(step)


@pytest.mark.parametrize("signal", [np.zeros(1), np.zeros(5000), np.ones(500)])
def test_silence_and_short_signals_are_finite_but_for_the_voice(signal):
    found = table(signal)
    assert all(np.isfinite(found[name]).all() for name in ALWAYS)
    assert len(found["energy"]) == max(1, 1 + (len(signal) - 400) // 160)


def test_other_rates_are_analysed_and_low_ones_refused(speech):
    values = table(speech(0.5, 44100), rate=44100)
    assert np.isfinite(values["mel_26"]).all()
    with pytest.raises(InputError, match="sampling rate is 8000 Hz; expected 10000 or more"):
        RAW(np.zeros(8000), 8000)
    with pytest.raises(InputError, match="deltas is 2; expected True or False"):
        SpeechDescriptors(deltas=2)
