"""The pitch track of tones and of silence."""

import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.features import pitch_track


@pytest.mark.parametrize(("pitch", "sample_rate"), [(110, 16000), (330, 22050)])
def test_a_tone_has_its_frequency(pitch, sample_rate):
    time = np.arange(sample_rate // 2) / sample_rate
    tone = sum(np.sin(2 * np.pi * k * pitch * time) / k for k in range(1, 6))
    seconds, hertz = pitch_track(tone, sample_rate)
    assert len(seconds) == len(hertz)
    assert seconds[-1] == pytest.approx(0.5, abs=0.02)
    # Every 16 ms, in whole samples.
    np.testing.assert_allclose(np.diff(seconds), 0.016, atol=0.5 / sample_rate)
    voiced = hertz[np.isfinite(hertz)]
    assert len(voiced) > 0.8 * len(hertz)
    np.testing.assert_allclose(voiced, pitch, rtol=0.01)


def test_silence_is_unvoiced():
    _, hertz = pitch_track(np.zeros(8000), 16000)
    assert np.isnan(hertz).all()


@pytest.mark.parametrize(
    ("signal", "options", "message"),
    [
        (np.zeros((2, 800)), {}, r"signal has shape \(2, 800\); expected one channel"),
        (np.full(800, np.nan), {}, "finite samples"),
        (np.zeros(800), {"fmin": 300, "fmax": 200}, "pitch range is 300 to 200 Hz"),
        (np.zeros(800), {"fmax": 9000}, "half the sampling rate, 8000 Hz"),
    ],
)
def test_bad_input_is_named(signal, options, message):
    with pytest.raises(InputError, match=message):
        pitch_track(signal, 16000, **options)
