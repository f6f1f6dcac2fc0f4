"""Filter banks, against pyAudioAnalysis and properties computed by hand."""

import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.features import filters


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
