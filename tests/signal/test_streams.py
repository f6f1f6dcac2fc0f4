"""FLAC, Ogg and MP3 are read to their end, or an error says what is not counted or missing."""

import numpy as np
import pytest
import soundfile

from ser_lib.corpora.hashing import seconds
from ser_lib.errors import InputError
from ser_lib.signal import decode
from ser_lib.signal.mpeg import read_stream

RATE = 16000
QUIET = 0.001 * np.sin(2 * np.pi * 200 * np.arange(2 * RATE) / RATE)
LOUD = np.random.default_rng(0).uniform(-0.5, 0.5, 2 * RATE)
FRAME = 576  # samples of an MPEG-2 frame of layer III


def encoded(path, signal, rate=RATE, **options):
    soundfile.write(path, signal, rate, **options)
    return path.read_bytes()


def length(path, content):
    path.write_bytes(content)
    return len(decode(path).signal)


def refused(path, content, match):
    with pytest.raises(InputError, match=match) as raised:
        length(path, content)
    assert str(path) in str(raised.value)


# ---- FLAC and Ogg ---------------------------------------------------------------------------


def test_a_second_flac_stream_is_not_passed_over(tmp_path):
    content = encoded(tmp_path / "a.flac", LOUD)
    refused(tmp_path / "a.flac", content * 2, "holds a second FLAC stream at byte")


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("after", [b"", b"\0" * 999])
def test_chained_oggs_are_read_to_the_end_of_the_last(tmp_path, subtype, after):
    path = tmp_path / "a.ogg"
    parts = [
        encoded(path, signal, 48000, format="OGG", subtype=subtype)
        for signal in (QUIET, LOUD, QUIET)
    ]
    alone = []
    for part in parts:
        path.write_bytes(part)
        alone.append(soundfile.read(path, dtype="float32")[0])
    path.write_bytes(b"".join(parts) + after)
    np.testing.assert_array_equal(decode(path, sample_rate=48000).signal, np.concatenate(alone))
    assert seconds(path) == 2


@pytest.mark.parametrize(("rate", "channels"), [(24000, 1), (RATE, 2)])
def test_chained_oggs_of_different_kinds_are_refused(tmp_path, rate, channels):
    one = encoded(tmp_path / "a.ogg", LOUD)
    other = encoded(tmp_path / "b.ogg", np.stack([LOUD] * channels, 1), rate)
    refused(tmp_path / "a.ogg", one + other, f"16000 Hz with 1 .* and {rate} Hz with {channels} ")


def test_no_stream_of_a_chained_ogg_may_be_damaged(tmp_path):
    content = encoded(tmp_path / "a.ogg", LOUD)
    damaged = bytearray(content * 2)
    damaged[len(content) + 100] ^= 1
    refused(tmp_path / "a.ogg", damaged, "is damaged")
    refused(tmp_path / "a.ogg", content + content[:-100], "is truncated or damaged")


@pytest.mark.parametrize("count", [3000, 32000])
@pytest.mark.parametrize("missing", [1, 1000])
def test_a_flac_whose_header_counts_too_little_is_named(tmp_path, count, missing):
    content = bytearray(encoded(tmp_path / "a.flac", LOUD[:count]))
    # The last 36 bits of these eight bytes of STREAMINFO are the number of samples.
    fields = int.from_bytes(content[18:26], "big")
    content[18:26] = (fields - missing).to_bytes(8, "big")
    message = f"announces {count - missing} samples, found {count};"
    refused(tmp_path / "a.flac", content, message)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
@pytest.mark.parametrize("after", [b"", b"TAG" + bytes(125)])
def test_a_complete_flac_is_read(tmp_path, level, subtype, after):
    content = encoded(tmp_path / "a.flac", LOUD, subtype=subtype, compression_level=level)
    assert length(tmp_path / "a.flac", content + after) == len(LOUD)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_no_page_of_an_ogg_may_be_missing_or_damaged(tmp_path, subtype):
    path = tmp_path / "a.ogg"
    content = encoded(path, np.tile(LOUD, 8), format="OGG", subtype=subtype)
    assert length(path, content + b"\0" * 999) == 8 * len(LOUD)
    pages = [i for i in range(len(content)) if content.startswith(b"OggS", i)]
    assert len(pages) > 4
    refused(path, content[: pages[-1]], "is truncated or damaged|cannot be decoded")
    refused(path, content[: pages[-2]], "is truncated or damaged|cannot be decoded")
    damaged = bytearray(content)
    damaged[pages[3] + 100] ^= 1
    refused(path, damaged, f"at byte {pages[3]} is damaged")


# ---- MP3 ------------------------------------------------------------------------------------


def headless(content):
    """Take away the frame that counts the others."""
    assert b"Xing" in content[:60] or b"Info" in content[:60]
    return content[content.index(content[:2], 2) :]


@pytest.mark.parametrize("order", [(QUIET, LOUD), (LOUD, QUIET)], ids=["quiet first", "loud first"])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
@pytest.mark.parametrize("before", [b"", b"ID3\3\0\0\0\0\x40\0" + bytes(8192)], ids=["", "tag"])
def test_an_mp3_without_a_length_is_read_to_its_end(tmp_path, order, mode, before):
    path = tmp_path / "a.mp3"
    content = encoded(path, np.concatenate(order), bitrate_mode=mode, compression_level=0.5)
    assert length(path, content) == 4 * RATE
    found = length(path, before + headless(content))
    # Without the header nobody knows how much the encoder put before and after the sound.
    assert 4 * RATE <= found <= 4 * RATE + 4 * FRAME
    # Half of it is loud, wherever it stands.
    energy = np.square(decode(path).signal).reshape(-1, 1)
    loud = np.count_nonzero(np.abs(energy) > 1e-4) / found
    assert 0.4 < loud < 0.55


def test_what_follows_the_last_frame_and_is_a_tag_is_no_frame(tmp_path):
    content = headless(encoded(tmp_path / "a.mp3", LOUD, bitrate_mode="VARIABLE"))
    plain = length(tmp_path / "a.mp3", content)
    ape = b"APETAGEX" + bytes(4) + (32).to_bytes(4, "little") + bytes(4) + b"\0\0\0\x80" + bytes(8)
    for after in (b"TAG" + b"x" * 125, bytes(3000), b"\r\n", ape):
        assert length(tmp_path / "a.mp3", content + after) == plain


@pytest.mark.parametrize("flags", [0x00, 0x20, 0x40, 0x80, 0xE0])
def test_a_tag_before_the_sound_ends_where_it_says_whatever_its_flags(tmp_path, flags):
    content = encoded(tmp_path / "a.mp3", LOUD, bitrate_mode="VARIABLE")
    tag = b"ID3\4\0" + bytes([flags, 0, 0, 0x20, 0]) + bytes(4096)
    stream, plain = (read_stream(tmp_path / "a.mp3", each) for each in (tag + content, content))
    assert stream.start == len(tag) + plain.start
    assert length(tmp_path / "a.mp3", tag + content) == len(LOUD)
    # Its header stands at its end as well.
    footer = tag[:5] + bytes([flags | 0x10]) + tag[6:] + b"3DI\4\0" + tag[5:10]
    assert read_stream(tmp_path / "a.mp3", footer + content).start == len(footer) + plain.start


def test_joined_mp3s_are_read_to_the_end_of_the_last(tmp_path):
    content = encoded(tmp_path / "a.mp3", LOUD, bitrate_mode="VARIABLE")
    found = length(tmp_path / "a.mp3", content * 3)
    assert 6 * RATE <= found <= 6 * RATE + 10 * FRAME


@pytest.mark.parametrize(("rate", "channels"), [(24000, 1), (RATE, 2)])
def test_joined_mp3s_of_different_kinds_are_refused(tmp_path, rate, channels):
    one = encoded(tmp_path / "a.mp3", LOUD)
    other = encoded(tmp_path / "b.mp3", np.stack([LOUD] * channels, 1), rate)
    refused(tmp_path / "a.mp3", one + other, "changes")


def test_a_damaged_mp3_without_a_length_is_named(tmp_path):
    content = headless(encoded(tmp_path / "a.mp3", LOUD, bitrate_mode="VARIABLE"))
    refused(tmp_path / "a.mp3", content[: len(content) // 2], "no complete MPEG frame")
    frames = read_stream(tmp_path / "a.mp3", content)
    damaged = bytearray(content)
    damaged[content.index(content[:2], 2)] = 0
    assert read_stream(tmp_path / "a.mp3", bytes(damaged)).count < frames.count
    refused(tmp_path / "a.mp3", damaged, "no complete MPEG frame")


@pytest.mark.parametrize("rate", [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_frames_of_every_rate_are_counted_as_the_header_counts_them(tmp_path, rate, channels):
    signal = np.stack([LOUD[:rate]] * channels, 1)
    stream = read_stream(tmp_path / "a.mp3", encoded(tmp_path / "a.mp3", signal, rate))
    assert stream.count == stream.announced
    assert stream.broken is None
    assert stream.count * stream.frame.samples >= len(signal)
