"""Recordings in pieces: every sample where it belongs, whatever the blocks they are read in."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from ser_lib.errors import InputError
from ser_lib.recognition.reading import (
    LONGEST,
    blocks_of,
    check_window,
    holds_speech,
    pieces_of,
    spans,
)
from ser_lib.signal import decode

RATE = 16000


def test_windows_are_those_of_the_signal_however_it_is_read():
    rng = np.random.default_rng(0)
    for rate in (1000, 1323):
        for _ in range(100):
            n, window = int(rng.integers(400, 20000)), int(rng.integers(25, 1500)) / 1000
            hop = int(rng.integers(25, round(window * 1000) + 1)) / 1000
            signal = rng.normal(size=n).astype("float32")
            blocks = np.split(signal, np.sort(rng.integers(0, n, 4)))
            pieces = list(pieces_of(blocks, rate, window, hop))
            expected = spans(n, rate, window, hop)
            assert [(round(p.start * rate), round(p.end * rate)) for p in pieces] == expected
            for (start, end), piece in zip(expected, pieces, strict=True):
                assert np.array_equal(piece.signal, signal[start:end])
            skip = int(rng.integers(0, len(expected)))
            later = list(pieces_of(blocks, rate, window, hop, skip=skip))
            assert [p[:2] for p in later] == [p[:2] for p in pieces[skip:]]
            assert all(
                np.array_equal(a[2], b[2]) for a, b in zip(later, pieces[skip:], strict=True)
            )


def test_spans_reach_from_the_first_to_the_last_sample():
    assert spans(20, 10, 3, 1) == [(0, 20)]
    assert spans(60, 10, 3, 3) == [(0, 30), (30, 60)]
    assert spans(61, 10, 3, 3) == [(0, 30), (30, 60), (31, 61)]
    assert spans(65, 10, 3, 2) == [(0, 30), (20, 50), (35, 65)]
    assert spans(65, 10, 3, 2, first=1) == [(20, 50), (35, 65)]


def test_windows_are_as_far_apart_as_the_hop_in_samples():
    starts = [start for start, _ in spans(30 * RATE, RATE, 3, 1 / 3)]
    assert set(np.diff(starts[:-1])) == {round(RATE / 3)}


def test_a_long_recording_is_read_in_blocks_equal_to_the_whole(tmp_path):
    signal = np.random.default_rng(0).normal(0, 0.1, (66 * 22050, 2)).astype("float32")
    path = tmp_path / "long.wav"
    soundfile.write(path, signal, 22050, subtype="FLOAT")
    blocks = list(blocks_of(path, RATE))
    assert len(blocks) > 1
    assert np.array_equal(np.concatenate(blocks), decode(path, sample_rate=RATE).signal)


def test_a_recording_of_up_to_a_minute_is_one_block(tmp_path):
    path = tmp_path / "minute.wav"
    soundfile.write(path, np.zeros(int(LONGEST) * 8000) + 0.1, 8000)
    (block,) = blocks_of(path, RATE)
    assert len(block) == LONGEST * RATE


def test_a_waveform_of_integers_in_stereo_is_that_of_its_file(tmp_path):
    signal = (np.random.default_rng(0).normal(0, 3000, (24000, 2))).astype("int16")
    path = tmp_path / "stereo.wav"
    soundfile.write(path, signal, 24000)
    (of_file,) = blocks_of(path, RATE)
    (of_waveform,) = blocks_of((signal, 24000), RATE)
    assert of_waveform == pytest.approx(of_file, abs=1e-4)


@pytest.mark.parametrize("offset", [0.004, 0.006, -0.006, 0.1, -0.1])
def test_a_constant_offset_is_taken_off_where_it_is_large(offset, tmp_path):
    signal = np.random.default_rng(0).normal(0, 0.1, RATE).astype("float32")
    signal -= signal.mean()
    path = tmp_path / "offset.wav"
    soundfile.write(path, signal + np.float32(offset), RATE, subtype="FLOAT")
    for recording in (path, (signal + np.float32(offset), RATE)):
        (block,) = blocks_of(recording, RATE)
        assert block.dtype == np.float32
        left = offset if abs(offset) < 0.005 else 0
        np.testing.assert_allclose(block, signal + left, atol=1e-6)


@pytest.mark.parametrize(
    ("waveform", "message"),
    [
        ((np.zeros(10), RATE), "10 samples at 16000 Hz; expected at least 25 ms"),
        ((np.full(8000, np.nan), RATE), "8000 of the first 8000 samples are not finite"),
        ((np.full(8000, 1e300), RATE), "8000 of the first 8000 samples are not finite"),
        ((np.full(8000, 32767.0), RATE), "has samples of 32767, where full scale is 1; expected"),
        ((np.full((8000, 2), -17.0, "float16"), RATE), "has samples of 17, where full scale is 1"),
        ((np.zeros((2, 3, 4)), RATE), r"shape \(2, 3, 4\)"),
        ((np.zeros((8000, 0)), RATE), r"shape \(8000, 0\)"),
        (((np.zeros(8000), RATE), (np.zeros(9000), RATE)), "its sampling rate is "),
        ((np.zeros(8000, complex), RATE), "type complex128"),
        ((np.full(8000, 99, "int64"), RATE), "type int64 whose full scale is not known"),
        ((np.full(8000, 32767, "int32"), RATE), "type int32 whose full scale is not known"),
        ((np.zeros(8000), 0), "sampling rate is 0"),
        ((np.zeros(8000), 16000.5), "sampling rate is 16000.5"),
    ],
)
def test_a_waveform_that_is_none_is_refused(waveform, message):
    with pytest.raises(InputError, match=message):
        next(blocks_of(waveform, RATE))


@pytest.mark.parametrize("scale", [3, 32768])
def test_a_waveform_is_refused_where_its_file_would_be(scale, tmp_path):
    signal = np.random.default_rng(0).uniform(-1, 1, 8000).astype("float32") * scale
    path = tmp_path / "loud.wav"
    soundfile.write(path, signal, RATE, subtype="FLOAT")
    said = []
    for recording in (path, (signal, RATE), (signal.astype(float), RATE)):
        try:
            said.append(next(blocks_of(recording, RATE)).tolist())
        except InputError as error:
            said.append(str(error).replace(str(path), "waveform"))
    assert isinstance(said[0], str) == (scale > 16)
    assert said[1:] == said[:1] * 2


@pytest.mark.parametrize("content", [b"", b"RIFF", b"no audio at all" * 99])
def test_a_file_that_is_no_recording_is_named(content, tmp_path):
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"bad\.wav"):
        next(blocks_of(path, RATE))


def test_whatever_a_decoder_raises_is_an_error_with_the_path(tmp_path, monkeypatch):
    def broken(path, sample_rate):
        raise ValueError("could not broadcast")

    monkeypatch.setattr("ser_lib.signal.decoding.decode", broken)
    soundfile.write(tmp_path / "odd.wav", np.zeros(8000) + 0.1, RATE)
    with pytest.raises(InputError, match=r"odd\.wav: cannot be decoded .*could not broadcast"):
        next(blocks_of(tmp_path / "odd.wav", RATE))


def test_a_long_file_cut_off_is_named_and_not_half_recognised(tmp_path):
    path = tmp_path / "cut.wav"
    soundfile.write(path, np.zeros(70 * 8000) + 0.1, 8000)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(InputError, match=r"cut\.wav: is truncated"):
        list(blocks_of(path, RATE))


@pytest.mark.parametrize(
    ("window", "hop", "message"),
    [
        (0, 1, "window is 0 s"),
        (61, 1, "window is 61 s"),
        (3, 0, "hop is 0 s"),
        (3, 4, "hop is 4 s; expected 0.025 s to the window of 3 s"),
        (float("nan"), 1, "window is nan"),
        (3, -1, "hop is -1 s"),
        (True, 1, "window is True; expected a number of seconds"),
        (np.True_, 1, "window is .*True.*; expected a number of seconds"),
        (3, None, "hop is None; expected a number of seconds"),
        ("3", 1, "window is '3'; expected a number of seconds"),
        (3 + 0j, 1, r"window is \(3\+0j\); expected a number of seconds"),
    ],
)
def test_windows_that_are_not_allowed(window, hop, message):
    with pytest.raises(InputError, match=message):
        check_window(window, hop)


@pytest.mark.parametrize("kind", [int, float, np.int64, np.float16, np.float32, Fraction])
def test_a_window_is_any_real_number(kind):
    windows = check_window(kind(3), kind(1))
    assert windows == (3.0, 1.0)
    assert set(map(type, windows)) == {float}
    with pytest.raises(InputError, match="window is 61 s"):
        check_window(kind(61), kind(1))


def test_speech_is_found_in_every_recording_of_the_corpus(corpus):
    assert all(holds_speech(decode(path).signal, RATE) for path in corpus.table["path"])


def test_quiet_speech_at_another_rate_is_speech(corpus):
    signal = decode(corpus.table["path"].iloc[0], sample_rate=44100).signal
    assert holds_speech(signal * np.float32(1e-3), 44100)


@pytest.fixture
def detect(monkeypatch):
    """Return a function that makes the detector hear a voice in the first pieces of 30 ms."""

    def hears(count):
        answers = iter([True] * count + [False] * 100)
        detector = SimpleNamespace(is_speech=lambda samples, rate: next(answers))
        monkeypatch.setattr("webrtcvad.Vad", lambda mode: detector)

    return hears


@pytest.mark.parametrize(
    ("voiced", "decibels", "found"),
    [(4, 20, False), (5, 20, True), (100, 2.9, False), (100, 3.1, True)],
)
def test_speech_is_voiced_for_150_ms_and_varies_by_3_db(detect, voiced, decibels, found):
    detect(voiced)
    signal = np.tile(np.float32([0.5, -0.5]), RATE)
    signal[: len(signal) // 2] *= np.float32(10 ** (-decibels / 20))
    assert holds_speech(signal, RATE) == found


@pytest.mark.parametrize(
    "signal",
    [
        np.zeros(32000),
        np.random.default_rng(0).normal(0, 0.05, 32000),
        np.sin(2 * np.pi * 440 * np.arange(32000) / RATE),
        np.full(32000, 0.5),
        np.eye(1, 32000, 100)[0],
        np.random.default_rng(0).normal(0, 0.05, 1000),
    ],
    ids=["silence", "noise", "tone", "constant", "click", "short"],
)
def test_what_is_no_speech(signal):
    assert not holds_speech(signal.astype("float32"), RATE)
