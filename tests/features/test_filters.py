"""Filter banks, against librosa, pyAudioAnalysis, SciPy and properties worked out by hand."""

import librosa
import numpy as np
import pytest
import scipy.fft

from ser_lib.errors import InputError
from ser_lib.features import filters


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize(
    "layout",
    [(16000, 512, 128, 0, 4000), (16000, 400, 40, 0, None), (48000, 2048, 64, 300, 8000)],
)
def test_mel_filters_are_those_of_librosa(layout):
    rate, n_fft, n_mels, fmin, fmax = layout
    expected = librosa.filters.mel(sr=rate, n_fft=n_fft, n_mels=n_mels, fmin=fmin, fmax=fmax)
    np.testing.assert_allclose(filters.mel_filters(*layout), expected, atol=1e-8)


def test_mel_scale_there_and_back():
    hertz = np.array([0, 440, 999, 1000, 4000, 8000])
    np.testing.assert_allclose(filters.hz_to_mel(hertz), librosa.hz_to_mel(hertz), rtol=1e-12)
    np.testing.assert_allclose(filters.mel_to_hz(filters.hz_to_mel(hertz)), hertz, rtol=1e-12)


@pytest.mark.parametrize(("fmin", "fmax"), [(0, 9000), (500, 400), (-1, 4000)])
def test_edges_out_of_range_are_refused(fmin, fmax):
    with pytest.raises(InputError, match="expected 0 <= fmin < fmax <= half the rate, 8000 Hz"):
        filters.mel_filters(16000, 512, 40, fmin, fmax)


def test_binned_mel_filters_are_triangles_that_share_their_corners():
    bank = filters.binned_mel_filters(16000, 512, 40)
    assert bank.shape == (40, 257)
    np.testing.assert_array_equal(bank.max(axis=1), 1)
    peaks = bank.argmax(axis=1)
    # 2595 log10(1 + 8000 / 700) = 2840 mel in 41 steps: the 10th peak at 692.7 mel, 594.4 Hz.
    assert peaks[9] == int(513 * 594.4 / 16000)
    for k in range(1, 39):
        assert bank[k, peaks[k - 1]] == bank[k, peaks[k + 1]] == 0
    # Between the outermost peaks rising and falling flanks add up to one.
    np.testing.assert_allclose(bank.sum(axis=0)[peaks[0] : peaks[-1] + 1], 1)


def test_talkbox_filters_are_those_of_pyaudioanalysis():
    from pyAudioAnalysis import ShortTermFeatures

    for rate, bins in ((16000, 200), (16000, 400), (44100, 551)):
        expected, _ = ShortTermFeatures.mfcc_filter_banks(rate, bins)
        np.testing.assert_allclose(filters.talkbox_filters(rate, bins), expected, rtol=1e-9)


@pytest.mark.parametrize(("rate", "bins"), [(16000, 200), (16000, 400), (8000, 200), (16000, 4000)])
def test_chroma_are_those_of_pyaudioanalysis(rate, bins):
    from pyAudioAnalysis import ShortTermFeatures

    magnitude = np.random.default_rng(0).uniform(size=bins)
    _, expected = ShortTermFeatures.chroma_features(magnitude, rate, bins)
    power = magnitude**2
    found = power @ filters.chroma_matrix(rate, bins) / power.sum()
    np.testing.assert_allclose(found, expected[:, 0], rtol=1e-12)


def test_chroma_need_a_bin_per_semitone():
    with pytest.raises(InputError, match="chroma of 50 bins at 16000 Hz; expected more than 98"):
        filters.chroma_matrix(16000, 50)


@pytest.mark.parametrize("coefficients", [range(13), range(1, 13)])
def test_dct_is_orthonormal_of_the_second_kind(coefficients):
    x = np.random.default_rng(0).standard_normal((3, 40))
    expected = scipy.fft.dct(x, type=2, norm="ortho")[:, coefficients]
    np.testing.assert_allclose(x @ filters.dct_matrix(40, coefficients), expected, atol=1e-12)
