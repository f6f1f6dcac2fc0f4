"""Count the frames of an MP3, and give one without that number a header that has it."""

import re
import struct
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ser_lib.errors import InputError
from ser_lib.signal.streams import JOINED

# Kilobits per second by index, for MPEG-1 and the later versions, by layer.
_BIT_RATES = {
    (1, 1): range(0, 449, 32),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_BIT_RATES[2, 3] = _BIT_RATES[2, 2]
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_SYNC = re.compile(rb"\xff[\xe2-\xff]")
_ZEROS = re.compile(rb"\0+")


class Frame(NamedTuple):
    """Length in bytes, samples, and what all frames of a stream share, of one frame."""

    length: int
    samples: int
    kind: tuple[int, int]


def _table() -> dict[tuple[int, int], Frame]:
    """Tabulate the frames by the second and third byte of their header."""
    frames = {}
    for second in range(0xE0, 0x100):
        version, layer = second >> 3 & 3, 4 - (second >> 1 & 3)
        if version == 1 or layer == 4:
            continue
        for third in range(256):
            index, rate, padding = third >> 4, third >> 2 & 3, third >> 1 & 1
            if index in (0, 15) or rate == 3:
                continue
            bits = 1000 * _BIT_RATES[1 if version == 3 else 2, layer][index]
            samples = {1: 384, 2: 1152, 3: 1152 if version == 3 else 576}[layer]
            slot = 4 if layer == 1 else 1
            length = (samples // 8 // slot * bits // _RATES[version][rate] + padding) * slot
            frames[second, third] = Frame(length, samples, (second & 0x1E, rate))
    return frames


_FRAMES = _table()


class Stream(NamedTuple):
    """
    What the frames of an MPEG file tell.

    Attributes
    ----------
    start : int
        Byte of the first frame that holds sound.
    frame : Frame
        The first frame.
    mono : bool
        Whether it has one channel.
    count : int
        Complete frames that hold sound.
    announced : int or None
        Frames that the header counts, if there is one.
    broken : int or None
        First byte that belongs to no complete frame, tag or padding, if there is one.
    """

    start: int
    frame: Frame
    mono: bool
    count: int
    announced: int | None
    broken: int | None


def whole_stream(path: Path, file: BinaryIO, frames: int) -> bytes | None:
    """
    Return an MP3 with a header that counts all of its frames, if its own does not.

    Without that header libsndfile estimates the length from the first frames, and reads no further.

    Parameters
    ----------
    path : Path
        For the error.
    file : binary file
        One that libsndfile takes for MPEG audio.
    frames : int
        Samples per channel that libsndfile announces.

    Returns
    -------
    bytes or None
        None if `frames` is what the file holds, or if that is found when it is read: libsndfile
        gives fewer samples than it announces.
    """
    file.seek(0)
    data = file.read()
    stream = read_stream(path, data)
    if stream is None:
        return None
    # Some encoders do not count the frame that flushes them.
    if stream.announced is not None and stream.count <= stream.announced + 1:
        return None
    if stream.broken is not None:
        raise InputError(
            f"{path}: is truncated or damaged: the bytes from {stream.broken} on are no complete "
            "MPEG frame, and no header counts the frames; expected a complete recording"
        )
    if stream.announced is None and frames == stream.count * stream.frame.samples:
        return None
    header = _header(data[stream.start : stream.start + 4], stream)
    if header is None:
        raise InputError(
            f"{path}: its header does not give its length; expected a length (copying it with any "
            "audio tool adds one)"
        )
    return header + data[stream.start :]


def read_stream(path: Path, data: bytes) -> Stream | None:
    """
    Go through an MPEG file from frame to frame; None if nowhere two frames follow each other.

    Raises
    ------
    InputError
        If the sampling rate, or mono and stereo, change on the way.
    """
    begin = _after_tags(data, 0)
    place = _start(data, begin)
    if place is None:
        return None
    broken = None if place == begin else begin
    first = _FRAMES[data[place + 1], data[place + 2]]
    mono = data[place + 3] >> 6 == 3
    announced = _announced(data, place)
    if announced is not None:
        place += first.length
    start, count, size = place, 0, len(data)
    while place + 4 <= size:
        frame = _FRAMES.get((data[place + 1], data[place + 2])) if data[place] == 0xFF else None
        if frame and frame.kind == first.kind and place + frame.length <= size:
            if (data[place + 3] >> 6 == 3) != mono:
                raise InputError(f"{path}: changes between mono and stereo on its way; {JOINED}")
            place += frame.length
            count += 1
            continue
        following = _after_tags(data, place)
        if following == place:
            if size - place < 8:
                break
            broken = place if broken is None else broken
            following = _start(data, place)
            if following is None:
                break
            if _FRAMES[data[following + 1], data[following + 2]].kind != first.kind:
                raise InputError(f"{path}: changes its sampling rate on its way; {JOINED}")
        place = following
    return Stream(start, first, mono, count, announced, broken)


def _start(data: bytes, place: int) -> int | None:
    """Find the first place from `place` on at which two frames of one kind follow each other."""
    for match in _SYNC.finditer(data, place):
        frame = _FRAMES.get(tuple(data[match.start() + 1 : match.start() + 3]))
        if frame:
            end = match.start() + frame.length
            following = _FRAMES.get(tuple(data[end + 1 : end + 3]))
            if data[end : end + 1] == b"\xff" and following and following.kind == frame.kind:
                return match.start()
    return None


def _after_tags(data: bytes, place: int) -> int:
    """Skip ID3, APE and Lyrics3 tags and zeros."""
    while place < len(data):
        if data.startswith(b"ID3", place):
            # Four times seven bits; a tag may repeat its header at its end.
            size = sum(
                (data[place + 6 + i : place + 7 + i] or b"\0")[0] << 21 - 7 * i for i in range(4)
            )
            flags = (data[place + 5 : place + 6] or b"\0")[0]
            place += 10 + size + (10 if flags & 0x10 else 0)
        elif data.startswith(b"TAG", place):
            place += 128
        elif data.startswith(b"APETAGEX", place):
            is_header = data[place + 23 : place + 24] >= b"\xa0"
            size = int.from_bytes(data[place + 12 : place + 16], "little")
            place += 32 + (size if is_header else 0)
        elif data.startswith(b"LYRICSBEGIN", place):
            end = data.find(b"LYRICS200", place)
            place = end + 9 if end >= 0 else len(data)
        elif data.startswith(b"\0", place):
            place = _ZEROS.match(data, place).end()
        else:
            break
    return place


def _side_information(second: int, mono: bool) -> int:
    """Return the bytes between the header of a frame and its sound, by its second byte."""
    checksum = 0 if second & 1 else 2
    return checksum + ((17 if mono else 32) if second >> 3 & 3 == 3 else (9 if mono else 17))


def _announced(data: bytes, place: int) -> int | None:
    """Read the number of frames from a first frame that is such a header."""
    start = place + 4
    at = start + _side_information(data[place + 1], data[place + 3] >> 6 == 3)
    tag, flags, count = struct.unpack(">4sII", data[at : at + 12].ljust(12, b"\0"))
    # Such a frame is silent, or libsndfile does not take it for one.
    is_header = tag in (b"Xing", b"Info") and flags & 1 and not data[start:at].strip(b"\0")
    return count if is_header else None


def _header(head: bytes, stream: Stream) -> bytes | None:
    """Make a frame that says how many follow, for layer III; the others have no such frame."""
    if head[1] >> 1 & 3 != 1:
        return None
    for third in range(head[2] & 0x0C, 256, 16):
        frame = _FRAMES.get((head[1], third))
        if frame and frame.length >= 64:
            side = bytes(_side_information(head[1], stream.mono))
            tag = struct.pack(">4sII", b"Xing", 1, stream.count)
            return (bytes((head[0], head[1], third, head[3])) + side + tag).ljust(
                frame.length, b"\0"
            )
    return None
