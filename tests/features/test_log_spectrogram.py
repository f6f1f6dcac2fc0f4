"""Log spectrograms on a linear frequency axis, against librosa."""

import librosa
import numpy as np
import pytest

from ser_lib.features import FrontEnd, LogSpectrogram, Windows

RATE = 16000


def by_librosa(signal, bins, pad_mode="reflect", top_db=80.0, **layout):
    layout = {"n_fft": 800, "win_length": 640, "hop_length": 160, "window": "hamming"} | layout
    amplitude = np.abs(librosa.stft(signal, pad_mode=pad_mode, **layout))
    return librosa.amplitude_to_db(amplitude, ref=np.max, top_db=top_db)[:bins].T


def test_equals_librosa(speech):
    for seconds in (0.05, 1.5, 3):
        signal = speech(seconds)
        found = LogSpectrogram()(signal, RATE)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, by_librosa(signal, 200), atol=1e-3)


@pytest.mark.parametrize(
    "layout",
    [
        {"n_fft": 512, "win_length": None, "hop_length": 128, "window": "hann", "bins": 257},
        {"win_length": 401, "bins": 100, "pad_mode": "constant", "top_db": 60},
    ],
)
def test_equals_librosa_in_other_layouts(speech, layout):
    expected = by_librosa(speech(), **layout)
    np.testing.assert_allclose(LogSpectrogram(**layout)(speech(), RATE), expected, atol=1e-3)


def test_the_maximum_is_that_of_all_bins():
    time = np.arange(RATE) / RATE
    signal = 0.01 * np.sin(2 * np.pi * 1000 * time) + np.sin(2 * np.pi * 6000 * time)
    decibels = LogSpectrogram()(signal, RATE)
    assert decibels[50].argmax() == 50
    assert decibels[50, 50] == pytest.approx(-40, abs=0.1)


def test_range_and_silence(speech):
    decibels = LogSpectrogram(bins=401, top_db=50)(speech(), RATE)
    assert (decibels.max(), decibels.min()) == (0, -50)
    assert not LogSpectrogram()(np.zeros(RATE, np.float32), RATE).any()
    assert LogSpectrogram()(np.ones(1, np.float32), RATE).shape == (1, 200)


def test_segments_of_300_frames(speech):
    front_end = FrontEnd(analysis=LogSpectrogram(), segmentation=Windows(length=300))
    signal = speech(4)
    items = front_end(signal)
    assert items.shape == (2, 300, 200)
    assert (items[1, 101:] == items.min()).all()
    np.testing.assert_array_equal(items.reshape(600, 200)[:401], LogSpectrogram()(signal, RATE))
    assert front_end.feature_names[:2] == ("bin_0", "bin_1")
    assert len(front_end.feature_names) == 200
