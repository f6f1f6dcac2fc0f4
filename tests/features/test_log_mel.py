"""Log-mel spectrograms, against librosa."""

import librosa
import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.features import LogMel

RATE = 16000
LAYOUTS = {
    "cnn_lstm": {
        "n_fft": 512,
        "win_length": 256,
        "hop_length": 128,
        "window": "hamming",
        "fmax": 4000,
    },
    "40 bands": {"n_fft": 400, "hop_length": 160, "n_mels": 40},
    "odd window": {"n_fft": 512, "win_length": 401, "hop_length": 160, "n_mels": 64, "fmin": 50},
}


def power(signal, layout, pad_mode):
    return librosa.feature.melspectrogram(y=signal, sr=RATE, pad_mode=pad_mode, **layout)


@pytest.mark.filterwarnings("ignore:Empty filters")
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
@pytest.mark.parametrize("seconds", [0.05, 1.5, 6])
def test_equals_librosa(speech, layout, pad_mode, seconds):
    signal = speech(seconds)
    mel = power(signal, layout, pad_mode)
    decibels = LogMel(pad_mode=pad_mode, **layout)(signal, RATE)
    np.testing.assert_allclose(decibels, librosa.power_to_db(mel, ref=np.max).T, atol=1e-4)
    log1p = LogMel(pad_mode=pad_mode, compression="log1p", **layout)(signal, RATE)
    np.testing.assert_allclose(log1p, np.log1p(1e6 * mel).T, atol=1e-4)
    assert decibels.dtype == log1p.dtype == np.float32


@pytest.mark.filterwarnings("ignore:Empty filters")
def test_bands_laid_out_for_another_rate(speech):
    # As librosa does it for a spectrogram whose rate it is not told.
    layout = {"n_fft": 400, "hop_length": 160, "n_mels": 40}
    spectrum = np.abs(librosa.stft(speech(), n_fft=400, hop_length=160, pad_mode="reflect")) ** 2
    mel = librosa.feature.melspectrogram(S=spectrum, n_mels=40)
    source = LogMel(**layout, compression="log1p", filter_rate=22050)
    np.testing.assert_allclose(source(speech(), RATE), np.log1p(1e6 * mel).T, atol=1e-4)
    own = LogMel(**layout, filter_rate=RATE)(speech(), RATE)
    np.testing.assert_array_equal(own, LogMel(**layout)(speech(), RATE))


def test_a_frame_lies_every_hop_from_the_first_sample_on():
    click = np.zeros(1600, np.float32)
    click[800] = 1
    frames = LogMel(hop_length=100)(click, RATE)
    assert len(frames) == 17
    assert frames.mean(axis=1).argmax() == 8


def test_range_and_silence(speech):
    decibels = LogMel(top_db=50)(speech(), RATE)
    assert (decibels.max(), decibels.min()) == (0, -50)
    silence = np.zeros(RATE, np.float32)
    assert not LogMel(compression="log1p")(silence, RATE).any()
    assert np.isfinite(LogMel()(silence, RATE)).all()
    assert LogMel()(np.ones(1, np.float32), RATE).shape == (1, 128)


def test_centre_frequencies_are_those_of_the_filters():
    centres = LogMel(n_mels=40, fmin=50).frequencies(RATE)
    np.testing.assert_allclose(centres, librosa.mel_frequencies(42, fmin=50, fmax=8000)[1:-1])
    nominal = LogMel(n_mels=40, filter_rate=22050).frequencies(RATE)
    assert centres.shape == nominal.shape == (40,)
    assert nominal[-1] > 10000


@pytest.mark.filterwarnings("error")
def test_empty_bands_of_a_short_transform_stay_at_the_floor_without_a_warning(speech):
    frames = LogMel(n_fft=256, n_mels=128)(speech(), RATE)
    empty = np.ptp(frames, axis=0) == 0
    assert empty.any()
    assert (frames[:, empty] == frames.min()).all()


def test_a_band_above_half_the_rate_is_refused():
    with pytest.raises(InputError, match=r"fmax = 8000 Hz; expected .* sampling rate, 4000 Hz"):
        LogMel(fmax=8000)(np.zeros(8000, np.float32), 8000)


def test_bands_between_two_bins_are_refused():
    with pytest.raises(InputError, match="contain no bin of a transform of 64 samples"):
        LogMel(n_fft=64, fmin=300, fmax=400)(np.zeros(8000, np.float32), RATE)
