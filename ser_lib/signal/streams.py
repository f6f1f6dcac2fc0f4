"""Check that the header of a FLAC file counts every sample; read all streams of an Ogg file."""

import contextlib
import io
import mmap
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from ser_lib.errors import InputError

JOINED = "expected one recording (join them with an audio tool, or keep them apart)"

_SMALL = 2**24

# ---- FLAC -----------------------------------------------------------------------------------

_STREAMINFO = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
# Bytes at the end of a file that hold at least two frames of most streams.
_TAIL = 2**16
_BLOCK_SIZES = {1: 192, **{n: 576 << (n - 2) for n in range(2, 6)}}
_CRC8 = list(range(256))
for _ in range(8):
    _CRC8 = [(value << 1 ^ (0x07 if value & 0x80 else 0)) & 0xFF for value in _CRC8]
_BLOCK_SIZES |= {n: 256 << (n - 8) for n in range(8, 16)}


def check_flac(path: Path, file: BinaryIO, frames: int) -> None:
    """
    Refuse a FLAC file that holds more than the `frames` samples its header counts.

    Either a second stream follows, or the last frames, which are numbered, lie beyond.
    """
    with _bytes_of(file) as data:
        first, place = data.find(b"fLaC"), len(data)
        # From the end, which is a few times faster.
        while (place := data.rfind(b"fLaC", first + 4, place)) >= 0:
            if _STREAMINFO.match(data, place):
                raise InputError(f"{path}: holds a second FLAC stream at byte {place}; {JOINED}")
        largest = int.from_bytes(data[first + 15 : first + 18], "big")
        block = int.from_bytes(data[first + 8 : first + 10], "big")
        tail = data[max(first + 42, len(data) - (2 * largest or _TAIL)) :]
    end = _flac_end(tail, block)
    if end is not None and end > frames:
        raise InputError(
            f"{path}: its header announces {frames} samples, found {end}; expected a header that "
            "counts all of the sound"
        )


def _flac_end(tail: bytes, block: int) -> int | None:
    """
    Return the sample at which the last frame in `tail` ends, None if none is found.

    What looks like a frame may be none; the only frame of a stream is, and so are two whose numbers
    follow each other.
    """
    # Of a stream either all frames count frames, or all count samples.
    for sync, unit in ((b"\xff\xf8", block), (b"\xff\xf9", 1)):
        later = None
        place = len(tail)
        while (place := tail.rfind(sync, 0, place)) >= 0:
            frame = _flac_frame(tail[place : place + 16])
            if frame is None:
                continue
            first, length = frame[0] * unit, frame[1]
            if later is not None and later[0] == first + length:
                return later[1]
            if first == 0 and later is None:
                return length
            later = later or (first, first + length)
    return None


def _flac_frame(head: bytes) -> tuple[int, int] | None:
    """Read a frame header: its number, of frames or samples, and the samples that it holds."""
    if len(head) < 16 or head[3] & 1 or head[3] >> 4 > 10:
        return None
    ones = 8 - (head[4] ^ 0xFF).bit_length()  # of a number coded like a letter in UTF-8
    if ones == 1 or ones == 8 or any(byte >> 6 != 2 for byte in head[5 : 4 + ones]):
        return None
    number = head[4] & (0xFF >> (ones + 1))
    for byte in head[5 : 4 + ones]:
        number = number << 6 | byte & 63
    end = 4 + max(ones, 1)
    code, rate = head[2] >> 4, head[2] & 15
    length = _BLOCK_SIZES.get(code)
    if code in (6, 7):
        length = int.from_bytes(head[end : end + code - 5], "big") + 1
        end += code - 5
    end += {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if length is None or _crc8(head[:end]) != head[end]:
        return None
    return number, length


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value = _CRC8[value ^ byte]
    return value


def _bytes_of(file: BinaryIO) -> contextlib.AbstractContextManager[bytes | mmap.mmap]:
    """Read a small file, in which searching is fast; map a large one, which needs no memory."""
    if os.fstat(file.fileno()).st_size < _SMALL:
        file.seek(0)
        return contextlib.nullcontext(file.read())
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


# ---- Ogg ------------------------------------------------------------------------------------

_FIRST, _LAST = 2, 4  # flags of a page
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def open_ogg(
    path: Path, file: BinaryIO, whole: soundfile.SoundFile
) -> "soundfile.SoundFile | ChainedFile":
    """
    Check all pages of an Ogg file, and open its streams where several follow one another.

    libsndfile reads the first stream only, passes over damaged pages, and takes the last page that
    it finds for the end.

    Parameters
    ----------
    path : Path
        For the error.
    file : binary file
        One that libsndfile takes for Ogg.
    whole : soundfile.SoundFile
        The same file, opened: returned where it is one stream.

    Raises
    ------
    InputError
        For a damaged or missing page, or streams of different sampling rates or channels.
    """
    with _bytes_of(file) as data:
        links = list(_ogg_links(path, data))
        if len(links) == 1:
            return whole
        return ChainedFile(path, [io.BytesIO(data[start:end]) for start, end in links])


def _ogg_links(path: Path, data: bytes | mmap.mmap) -> Iterator[tuple[int, int]]:
    """Find where each of the streams that follow one another starts and ends; check its pages."""
    end = max(data.find(b"OggS"), 0)
    while True:
        start, end = end, _ogg_end(path, data, end)
        yield start, end
        # What follows and starts no stream is padding, or the tag of another program.
        if data[end : end + 4] != b"OggS" or not data[end + 5] & _FIRST:
            return


def _ogg_end(path: Path, data: bytes | mmap.mmap, place: int) -> int:
    """Return where the stream ends, or the streams side by side, whose first page is at `place`."""
    opened, ended = set(), set()
    begun = False
    while opened - ended or not begun:
        header = data[place : place + 27]
        if len(header) < 27 or header[:4] != b"OggS":
            break
        flags, serial = header[5], header[14:18]
        end = place + 27 + header[26]
        end += sum(data[place + 27 : end])
        if end > len(data):
            break
        page = data[place:end]
        if _ogg_crc(page[:22] + bytes(4) + page[26:]) != int.from_bytes(header[22:26], "little"):
            raise InputError(
                f"{path}: the page of {end - place} bytes at byte {place} is damaged; expected "
                "the checksum in its header"
            )
        if flags & _FIRST:
            opened.add(serial)
        else:
            begun = True
        if flags & _LAST:
            ended.add(serial)
        place = end
    if opened - ended or not begun:
        raise InputError(
            f"{path}: is truncated or damaged: found no complete page at byte {place} of "
            f"{len(data)}, and none before it is marked as the last; expected a complete recording"
        )
    return place


class ChainedFile:
    """
    Streams that follow one another in one file, to be read as one recording.

    Attributes
    ----------
    frames, samplerate, channels : int
        As a `soundfile.SoundFile` has them; `frames` of all streams together.
    """

    def __init__(self, path: Path, streams: Sequence[BinaryIO]):
        self._files = [soundfile.SoundFile(stream) for stream in streams]
        kinds = list(dict.fromkeys((file.samplerate, file.channels) for file in self._files))
        if len(kinds) > 1:
            found = " and ".join(f"{rate} Hz with {count} channel(s)" for rate, count in kinds)
            raise InputError(f"{path}: holds streams of {found}; {JOINED}")
        self.samplerate, self.channels = kinds[0]
        self.frames = sum(file.frames for file in self._files)

    def read(self, frames: int, dtype: str) -> np.ndarray:
        """Read up to so many samples per channel, never across two streams; none at the end."""
        for file in self._files:
            block = file.read(frames, dtype=dtype)
            if len(block):
                break
        return block


def _ogg_crc(data: bytes) -> int:
    """
    Compute the checksum of a page.

    It is that of zlib on mirrored bytes, mirrored, but starts and ends with 0 instead of ones.
    """
    mirrored = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED), "big")
