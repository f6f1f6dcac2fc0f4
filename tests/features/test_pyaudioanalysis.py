"""The library's own descriptors are those computed here for all frames at once."""

import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.features import Descriptors, FrontEnd, PyAudioAnalysis

RATE = 16000
OPTIONS = {
    "34": {},
    "68": {"deltas": True},
    "subset": {"subset": ("chroma_std", "zcr", "mfcc_1"), "deltas": True},
    "long frames": {"frame": 0.050, "hop": 0.025},
}


def pair(**options):
    return PyAudioAnalysis(**options), Descriptors(convention="pyaudioanalysis", **options)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("rate", [16000, 44100])
def test_both_ways_give_the_same(speech, options, rate):
    library, ours = pair(**options)
    signal = speech(0.5, rate)
    assert library.names == ours.names
    found = library(signal, rate)
    assert found.shape == (ours(signal, rate).shape[0], len(library.names))
    np.testing.assert_allclose(found, ours(signal, rate), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("samples", [1, 399, 400, 559, 560])
@pytest.mark.parametrize("level", [0, 0.25, None])
def test_short_recordings_and_silence_too(speech, samples, level):
    library, ours = pair(deltas=True)
    signal = speech()[:samples] if level is None else np.full(samples, level, np.float32)
    found = library(signal, RATE)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, ours(signal, RATE), rtol=1e-6, atol=1e-9)


def test_both_ways_give_the_same_on_a_real_recording(real_data):
    from ser_lib.signal import decode

    files = sorted((real_data / "emodb").rglob("*.flac"))
    if not files:
        pytest.skip("no EmoDB under SER_DATA")
    signal = decode(files[0]).signal
    library, ours = pair(deltas=True)
    np.testing.assert_allclose(library(signal, RATE), ours(signal, RATE), rtol=1e-6, atol=1e-9)


def test_in_a_front_end(speech):
    items = FrontEnd(analysis=PyAudioAnalysis(subset="zcr"))(speech(0.3))
    assert items.shape == (28, 1)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"subset": ("loudness",)}, "unknown subset of PyAudioAnalysis 'loudness'"),
        ({"deltas": 1}, "deltas is 1; expected True or False"),
        ({"frame": 0}, "PyAudioAnalysis: frame is 0"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(InputError, match=message):
        PyAudioAnalysis(**parameters)


def test_a_frame_of_too_few_samples_is_refused():
    with pytest.raises(InputError, match="frame and hop are 16 and 160 samples at 16000 Hz"):
        PyAudioAnalysis(frame=0.001)(np.zeros(RATE), RATE)
