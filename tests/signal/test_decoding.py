"""Any recording becomes one channel at the rate asked for, or an error says what is wrong."""

import os
import socket
import tracemalloc

import numpy as np
import pytest
import soundfile
import soxr

from ser_lib.errors import InputError
from ser_lib.signal import decode

RATE = 16000


@pytest.fixture
def tone():
    return (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "subtype", "error"),
    [("a.wav", "PCM_16", 2**-15), ("a.wav", "PCM_U8", 2**-7), ("a.flac", "PCM_16", 2**-15),
     ("a.wav", "FLOAT", 0), ("a.aiff", "PCM_24", 2**-23), ("a.ogg", "VORBIS", 0.02)],
)  # fmt: skip
def test_containers_and_sample_types(tmp_path, tone, name, subtype, error):
    soundfile.write(tmp_path / name, tone, RATE, subtype=subtype)
    signal, rate, notes = decode(tmp_path / name)
    assert (signal.dtype, rate, notes) == (np.float32, RATE, ())
    np.testing.assert_allclose(signal, tone, rtol=0, atol=error)


def test_stereo_is_averaged_and_said(tmp_path, tone):
    soundfile.write(tmp_path / "a.wav", np.stack([tone, -tone / 2], axis=1), RATE, subtype="FLOAT")
    signal, _, notes = decode(tmp_path / "a.wav")
    np.testing.assert_allclose(signal, tone / 4, atol=1e-7)
    assert notes == ("2 channels, averaged to one",)


@pytest.mark.parametrize("rate", [8000, 44100, 48000, 96000])
def test_other_rates_are_resampled_as_soxr_does_in_one_piece(tmp_path, rate):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 30 * rate).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", noise, rate, subtype="FLOAT")
    signal, _, notes = decode(tmp_path / "a.wav")
    np.testing.assert_allclose(signal, soxr.resample(noise, rate, RATE, quality="HQ"), atol=1e-6)
    assert notes == (f"{rate} Hz, resampled to 16000 Hz",)


def test_silence_is_said(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(RATE), RATE)
    assert decode(tmp_path / "a.wav").notes == ("silent",)


def test_a_long_recording_takes_little_more_memory_than_its_result(tmp_path):
    minutes = 10
    samples = np.full((minutes * 60 * 48000, 2), 99, np.int16)
    soundfile.write(tmp_path / "a.wav", samples, 48000, subtype="PCM_U8")
    tracemalloc.start()
    signal = decode(tmp_path / "a.wav").signal
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(signal) == minutes * 60 * RATE
    assert peak < signal.nbytes + 2**25


def _write(path, signal, subtype=None):
    soundfile.write(path, signal, RATE, subtype=subtype)


BAD = {
    "missing": (lambda path: None, "does not exist"),
    "folder": (lambda path: path.mkdir(), "is a folder"),
    "empty": (lambda path: path.touch(), "is empty"),
    "text": (lambda path: path.write_text("no sound " * 99), "cannot be decoded"),
    "too short": (lambda path: _write(path, np.ones(399) / 2), "has 399 samples"),
    "no samples": (lambda path: _write(path, np.ones(0)), "has 0 samples"),
    "NaN": (lambda path: _write(path, np.full(RATE, np.nan), "FLOAT"), "16000 of the"),
    "infinite": (lambda path: _write(path, np.r_[np.zeros(RATE), np.inf], "FLOAT"), "1 of the f"),
}


@pytest.mark.parametrize(("make", "found"), BAD.values(), ids=BAD)
def test_a_bad_recording_is_named(tmp_path, make, found):
    make(tmp_path / "a.wav")
    with pytest.raises(InputError, match=found) as raised:
        decode(tmp_path / "a.wav")
    assert str(tmp_path / "a.wav") in str(raised.value)
    assert "expected" in str(raised.value)


@pytest.mark.parametrize("name", ["a.wav", "a.aiff", "a.flac", "a.ogg", "a.mp3"])
def test_a_truncated_recording_is_refused_in_every_container(tmp_path, tone, name):
    soundfile.write(tmp_path / name, np.tile(tone, 4), RATE)
    os.truncate(tmp_path / name, (tmp_path / name).stat().st_size // 2)
    with pytest.raises(InputError, match=name):
        decode(tmp_path / name)


def test_a_wav_written_to_a_pipe_does_not_know_its_length_and_is_not_truncated(tmp_path, tone):
    soundfile.write(tmp_path / "a.wav", tone, RATE)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[4:8] = content[40:44] = b"\xff" * 4
    (tmp_path / "a.wav").write_bytes(content)
    assert len(decode(tmp_path / "a.wav").signal) == RATE


def test_a_flac_stream_without_a_length_is_refused(tmp_path, tone):
    soundfile.write(tmp_path / "a.flac", tone, RATE)
    content = bytearray((tmp_path / "a.flac").read_bytes())
    # The last 36 bits of STREAMINFO's sample description count the samples; 0 means unknown.
    content[21] &= 0xF0
    content[22:26] = b"\0" * 4
    (tmp_path / "a.flac").write_bytes(content)
    with pytest.raises(InputError, match="its header does not give its length"):
        decode(tmp_path / "a.flac")


@pytest.mark.parametrize("name", ["a.wav", "a.aiff"])
@pytest.mark.parametrize("peak", [32767, -20000, 127])
def test_integers_stored_as_floats_are_refused(tmp_path, tone, name, peak):
    soundfile.write(tmp_path / name, tone * 2 * peak, RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=rf"{name}: has samples of .*, where full scale is 1"):
        decode(tmp_path / name)


def test_a_slight_overshoot_is_neither_refused_nor_changed(tmp_path, tone):
    soundfile.write(tmp_path / "a.wav", tone * 2.26, RATE, subtype="FLOAT")
    signal, _, notes = decode(tmp_path / "a.wav")
    assert notes == ()
    assert np.abs(signal).max() == pytest.approx(1.13)


def test_what_is_no_regular_file_is_refused_and_nobody_waits_for_it(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.wav")
    os.symlink("nowhere.wav", tmp_path / "link.wav")
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # the name of a socket has to be short
        server.bind("socket.wav")
        for name, found in {
            tmp_path / "pipe.wav": "is no regular file",
            tmp_path / "socket.wav": "is no regular file",
            tmp_path / "link.wav": "is a link to nothing",
            "/dev/zero": "is no regular file",
        }.items():
            with pytest.raises(InputError, match=f"{name}: {found}"):
                decode(name)


def test_a_recording_that_may_not_be_read_is_named(tmp_path, tone, monkeypatch):
    soundfile.write(tmp_path / "a.wav", tone, RATE)

    def forbidden(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", forbidden)
    with pytest.raises(InputError, match=r"a\.wav: cannot be read \(Permission denied\)"):
        decode(tmp_path / "a.wav")


@pytest.mark.parametrize("error", [ValueError("could not broadcast"), MemoryError("no memory")])
def test_whatever_a_decoder_raises_is_an_error_with_the_path(tmp_path, tone, monkeypatch, error):
    def broken(*_, **__):
        raise error

    soundfile.write(tmp_path / "a.wav", tone, RATE)
    monkeypatch.setattr(soundfile.SoundFile, "read", broken)
    with pytest.raises(InputError, match=rf"a\.wav: cannot be decoded \({type(error).__name__}"):
        decode(tmp_path / "a.wav")


def test_a_decoder_that_gives_more_than_was_announced_is_noticed(tmp_path, tone, monkeypatch):
    soundfile.write(tmp_path / "a.wav", tone, RATE)
    monkeypatch.setattr(soundfile.SoundFile, "frames", property(lambda file: RATE - 1))
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *_, **__: tone)
    with pytest.raises(InputError, match="announces 15999 samples, found at least 16000"):
        decode(tmp_path / "a.wav")


def test_a_rate_at_which_nothing_is_recorded_is_refused(tmp_path, tone):
    soundfile.write(tmp_path / "a.wav", tone, 16)
    with pytest.raises(InputError, match="has a sampling rate of 16 Hz"):
        decode(tmp_path / "a.wav")


@pytest.mark.skipif(os.name != "posix", reason="names of files are text")
def test_a_name_in_no_encoding_is_no_obstacle(tmp_path, tone):
    soundfile.write(tmp_path / "a.wav", tone, RATE)
    path = tmp_path / os.fsdecode(b"latin-1-\xfc.wav")
    (tmp_path / "a.wav").rename(path)
    np.testing.assert_allclose(decode(path).signal, tone, rtol=0, atol=2**-15)


@pytest.mark.parametrize("rate", [8000.0, 0, -1, "16000", None])
def test_a_rate_that_is_none_is_not_blamed_on_the_file(tmp_path, tone, rate):
    soundfile.write(tmp_path / "a.wav", tone, RATE)
    with pytest.raises(InputError, match=r"^sample_rate is .*; expected an integer of at least"):
        decode(tmp_path / "a.wav", sample_rate=rate)
