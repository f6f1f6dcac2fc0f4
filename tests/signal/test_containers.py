"""A file holds as much sound as its header counts, or an error says that it does not."""

import os
import struct

import numpy as np
import pytest
import soundfile

from ser_lib.errors import InputError
from ser_lib.signal import decode

RATE = 16000
SOUND = np.random.default_rng(0).integers(-9000, 9000, RATE).astype("<i2").tobytes()
LIST = (
    b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"a program".ljust(14)
)


def wav(size=None, sound=SOUND, after=b"", riff=None):
    """Make a WAV whose header counts `size` bytes of sound, by default those that it has."""
    size = len(sound) if size is None else size
    riff = min(size + 36, 2**32 - 1) if riff is None else riff
    form = struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16)
    head = b"RIFF" + struct.pack("<I", riff) + b"WAVEfmt " + struct.pack("<I", 16) + form
    return head + b"data" + struct.pack("<I", size) + sound + after


def length(path, content):
    """Return the number of samples that are read, or the error."""
    path.write_bytes(content)
    try:
        return len(decode(path).signal)
    except InputError as error:
        found = str(error)
    assert str(path) in found
    return found


@pytest.mark.parametrize(
    "size",
    [2**32 - 1, 0x7FFFF000, 2**31, 2**31 - 44, 2**32 - 101, 2**32 - 37, 2**31 - 1, 2**32 - 4096],
)
def test_a_streamed_wav_is_read_to_its_end_and_that_is_said(tmp_path, size):
    (tmp_path / "a.wav").write_bytes(wav(size))
    signal, _, notes = decode(tmp_path / "a.wav")
    assert len(signal) == RATE
    assert notes == ("its header does not give its length, read to its end",)


@pytest.mark.parametrize("riff", [0, 36, 4088])
def test_a_header_that_was_never_filled_in_is_named(tmp_path, riff):
    assert "its header does not give its length" in length(tmp_path / "a.wav", wav(0, riff=riff))


@pytest.mark.parametrize("size", [2, 1000, len(SOUND) // 2, len(SOUND) - 8])
def test_a_header_that_counts_less_than_the_file_holds_is_named(tmp_path, size):
    found = length(tmp_path / "a.wav", wav(size))
    assert f"announces {size} bytes of sound, and {len(SOUND) - size} bytes follow" in found


def test_a_length_that_wrapped_at_4_gb_is_named(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(wav())
    os.truncate(path, 2**32 + len(SOUND))  # sparse: takes no room
    with pytest.raises(InputError, match="4294967252 bytes follow that are no chunk"):
        decode(path)


@pytest.mark.parametrize(
    "after",
    [b"", b"\0", b"\r\n", LIST, LIST * 2, b"\0" + LIST, b"bext" + struct.pack("<I", 8) + bytes(8),
     b"id3 " + struct.pack("<I", 10) + b"ID3\3\0\0\0\0\0\0", b"ID3\3\0\0\0\0\0\0",
     b"TAG" + b"title".ljust(125, b"\0"), bytes(512), bytes(40000), LIST + b"odd"],
    ids=lambda after: f"{len(after)} {after[:4]!r}",
)  # fmt: skip
def test_what_follows_the_sound_and_is_none_is_accepted(tmp_path, after):
    assert length(tmp_path / "a.wav", wav(after=after)) == RATE


def test_another_recording_behind_the_sound_is_not_passed_over(tmp_path):
    assert isinstance(length(tmp_path / "a.wav", wav() + wav()), str)
    assert isinstance(length(tmp_path / "a.wav", wav(after=wav()[36:])), str)


def test_an_incomplete_last_sample_does_not_matter(tmp_path):
    assert length(tmp_path / "a.wav", wav(len(SOUND) - 1, SOUND[:-1])) == RATE - 1


FIELDS = {
    "aiff": ("AIFF", lambda b: b.index(b"SSND") + 4, ">I"),
    "au": ("AU", lambda b: 8, ">I"),
    "caf": ("CAF", lambda b: b.index(b"data") + 4, ">q"),
    "rf64": ("RF64", lambda b: b.index(b"ds64") + 16, "<Q"),
    "w64": ("W64", lambda b: b.index(b"data") + 16, "<Q"),
}


@pytest.mark.parametrize("suffix", FIELDS)
@pytest.mark.parametrize("change", ["half", "twice", "cut"])
def test_other_containers_are_checked_as_well(tmp_path, suffix, change):
    container, find, layout = FIELDS[suffix]
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, np.frombuffer(SOUND, "<i2"), RATE, format=container)
    content = bytearray(path.read_bytes())
    assert length(path, content) == RATE
    if change == "cut":
        del content[len(content) // 2 :]
    else:
        place = find(bytes(content))
        (size,) = struct.unpack_from(layout, content, place)
        struct.pack_into(layout, content, place, size // 2 if change == "half" else 2 * size)
    found = length(path, content)
    assert isinstance(found, str), f"{found} samples"
    assert change != "half" or "bytes of sound, and" in found


def test_a_nist_file_holds_what_its_header_counts(tmp_path):
    path = tmp_path / "a.nist"
    soundfile.write(path, np.frombuffer(SOUND, "<i2"), RATE, format="NIST")
    content = path.read_bytes()
    assert length(path, content) == RATE
    assert "is truncated" in length(path, content[:-100])
    assert "bytes follow that are no" in length(path, content + b"odd ends")


def test_an_au_file_of_unknown_length_is_read_to_its_end(tmp_path):
    soundfile.write(tmp_path / "a.au", np.frombuffer(SOUND, "<i2"), RATE)
    content = bytearray((tmp_path / "a.au").read_bytes())
    content[8:12] = b"\xff" * 4
    assert length(tmp_path / "a.au", content) == RATE


def test_the_sound_of_an_aiff_may_stand_before_its_description(tmp_path):
    soundfile.write(tmp_path / "a.aiff", np.frombuffer(SOUND, "<i2"), RATE)
    content = (tmp_path / "a.aiff").read_bytes()
    common, sound = content.index(b"COMM"), content.index(b"SSND")
    swapped = content[:common] + content[sound:] + content[common:sound]
    assert length(tmp_path / "a.aiff", swapped) == RATE
