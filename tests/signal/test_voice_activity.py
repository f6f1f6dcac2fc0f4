"""Noise taken away as SciPy does it, and silence cut off by the rules of pyvad."""

import sys
import types

import numpy as np
import pytest
import scipy.signal

from ser_lib.errors import InputError
from ser_lib.signal import PreEmphasis, TrimToVoice, Wiener, decode

RATE = 16000
HOP = 480


def voice(seconds, rate=RATE):
    """A buzz with the formants of an open vowel."""
    time = np.arange(round(seconds * rate)) / rate
    buzz = scipy.signal.sawtooth(2 * np.pi * np.cumsum(120 + 20 * np.sin(7 * time)) / rate)
    for formant in (700, 1200, 2500):
        buzz = scipy.signal.lfilter(*scipy.signal.iirpeak(formant, 5, fs=rate), buzz) + 0.05 * buzz
    return (0.3 * buzz / np.abs(buzz).max()).astype(np.float32)


def hiss(seconds, level=1e-3, rate=RATE):
    rng = np.random.default_rng(round(1000 * seconds))
    return (level * rng.standard_normal(round(seconds * rate))).astype(np.float32)


UTTERANCES = {
    "pauses around": np.concatenate([hiss(0.5), voice(0.6), hiss(0.4), voice(0.5), hiss(0.7)]),
    "voice first": np.concatenate([voice(0.5), hiss(0.8)]),
    "voice last": np.concatenate([hiss(0.5), voice(0.5)]),
    "voice only": voice(0.7),
    "hiss only": hiss(1),
    "whole hops": np.concatenate([hiss(0.6), voice(0.6), hiss(0.6)]),
    "one sample": np.ones(1, np.float32),
}


def pyvad(signal, mode, threshold, detector=None):
    """The rules of pyvad 0.0.8, one after the other: where to cut, or None."""
    import webrtcvad

    data = signal / (np.abs(signal).max() / 0.9)
    integers = (data * 2**15).astype(np.int16)
    hops = len(integers) // HOP + 1
    padded = np.zeros(hops * HOP, np.int16)
    padded[: len(integers)] = integers
    detector = detector or webrtcvad.Vad(mode)
    voiced = np.zeros(len(padded), int)
    for i in range(hops):
        if detector.is_speech(padded[i * HOP : (i + 1) * HOP].tobytes(), RATE):
            voiced[i * HOP : (i + 1) * HOP] = 1
    edges = np.diff(voiced[: len(data)])
    starts = [i for i, edge in enumerate(edges) if edge == 1]
    ends = [i for i, edge in enumerate(edges) if edge == -1]
    if not starts and not ends:
        return None
    if not starts or (ends and ends[0] < starts[0]):
        starts = [0, *starts]
    if len(starts) > len(ends):
        ends = [*ends, len(data) - 1]
    kept = [
        (s, e)
        for s, e in zip(starts, ends, strict=True)
        if np.mean(data[s:e] ** 2) ** 0.5 > threshold
    ]
    return (kept[0][0], kept[-1][1]) if kept else None


def assert_trimmed(step, signal, cut):
    """Only a scrap of less than 25 ms, which pyvad would give, is left whole here."""
    whole = cut is None or cut[1] - cut[0] < 0.025 * RATE
    expected = signal if whole else signal[slice(*cut)]
    np.testing.assert_array_equal(step(signal, RATE, None), expected)


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
@pytest.mark.parametrize("signal", UTTERANCES.values(), ids=UTTERANCES)
def test_it_trims_as_pyvad_does(signal, mode):
    assert_trimmed(TrimToVoice(mode=mode), signal, pyvad(signal, mode, 0.01))


def test_it_trims_real_recordings_as_pyvad_does(real_data):
    files = sorted((real_data / "emodb").rglob("*.flac"))[::60]
    if not files:
        pytest.skip("no EmoDB under SER_DATA")
    shorter = 0
    for file in files:
        signal = PreEmphasis()(Wiener()(decode(file).signal, RATE, None), RATE, None)
        assert_trimmed(TrimToVoice(), signal, pyvad(signal, 2, 0.01))
        shorter += len(TrimToVoice()(signal, RATE, None)) < 0.99 * len(signal)
    assert shorter > len(files) / 2


class Scripted:
    """A detector that answers by a script, hop after hop, and hears nothing after its end."""

    def __init__(self, script):
        self.script = iter(script)

    def is_speech(self, samples, rate):
        return next(self.script, "0") == "1"


@pytest.mark.parametrize("length", [10 * HOP, 10 * HOP + 1, 11 * HOP - 1])
@pytest.mark.parametrize(
    "script",
    ["0011100000", "1100011000", "0000110011", "1000000001", "0101010101", "1010101010",
     "11000000001", "0000000000", "1100000000", "0000000011", "00100", "0001000000"],
)  # fmt: skip
@pytest.mark.parametrize("threshold", [0.01, 0.3])
def test_the_rules_hold_whatever_the_detector_says(monkeypatch, script, length, threshold):
    # Louder from hop to hop, so that a higher threshold refuses the segments that come first.
    signal = np.linspace(0.01, 1, length) * np.random.default_rng(0).uniform(-1, 1, length)
    signal = signal.astype(np.float32)
    fake = types.SimpleNamespace(Vad=lambda mode: Scripted(script))
    monkeypatch.setitem(sys.modules, "webrtcvad", fake)
    cut = pyvad(signal, 2, threshold, Scripted(script))
    assert_trimmed(TrimToVoice(threshold=threshold), signal, cut)


def test_the_level_neither_changes_nor_decides():
    signal = UTTERANCES["pauses around"]
    trimmed = TrimToVoice()(signal, RATE, None)
    assert 1.3 * RATE < len(trimmed) < 2.2 * RATE
    np.testing.assert_array_equal(TrimToVoice()(signal / 64, RATE, None), trimmed / 64)


def test_a_click_of_voice_is_no_recording(monkeypatch):
    fake = types.SimpleNamespace(Vad=lambda mode: Scripted("0001"))
    monkeypatch.setitem(sys.modules, "webrtcvad", fake)
    signal = hiss(0.1)[: 3 * HOP + 100]
    assert len(TrimToVoice()(signal, RATE, None)) == len(signal)


@pytest.mark.parametrize("rate", [8000, 32000, 48000])
def test_other_rates_that_the_detector_knows(rate):
    parts = [hiss(0.5, rate=rate), voice(0.6, rate), hiss(0.7, rate=rate)]
    trimmed = TrimToVoice()(np.concatenate(parts), rate, None)
    assert 0.55 < len(trimmed) / rate < 1.1


def test_a_rate_that_the_detector_does_not_know_is_refused():
    with pytest.raises(InputError, match="the sampling rate is 22050 Hz; expected 8000, 16000"):
        TrimToVoice()(voice(0.1), 22050, None)


def test_the_wiener_filter_is_that_of_scipy():
    signal = UTTERANCES["pauses around"]
    filtered = Wiener()(signal, RATE, None)
    expected = scipy.signal.wiener(signal.astype(np.float64))
    np.testing.assert_allclose(filtered, expected, atol=1e-7)
    assert filtered.dtype == np.float32
    # The hiss is taken for noise, the voice is not.
    assert np.std(filtered[:7000]) < 0.7 * np.std(signal[:7000])
    assert np.corrcoef(filtered[9000:17000], signal[9000:17000])[0, 1] > 0.95


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("samples", [1, 2, 3, 16000])
@pytest.mark.parametrize("level", [0, 1e-30, 0.5])
def test_what_does_not_vary_stays_finite(samples, level):
    signal = np.full(samples, level, np.float32)
    filtered = Wiener()(signal, RATE, None)
    assert filtered.shape == signal.shape
    assert np.isfinite(filtered).all()
    assert np.isfinite(TrimToVoice()(filtered, RATE, None)).all()
    if level == 0:
        assert np.array_equal(TrimToVoice()(signal, RATE, None), signal)


def test_digital_silence_becomes_what_the_source_makes_of_it():
    filtered = Wiener()(np.zeros(100, np.float32), RATE, None)
    np.testing.assert_allclose(filtered[1:-1], 1e-10, rtol=1e-6)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"mode": 4}, "mode is 4; expected an integer from 0 to 3"),
        ({"mode": -1}, "mode is -1"),
        ({"threshold": -0.1}, "threshold is -0.1; expected a number of at least 0"),
    ],
)
def test_bad_parameters_are_named(parameters, message):
    with pytest.raises(InputError, match=message):
        TrimToVoice(**parameters)
