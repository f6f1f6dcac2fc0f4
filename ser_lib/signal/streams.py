"""Check that a FLAC or Ogg file is one stream, of which the header counts every sample."""

import itertools
import mmap
import re
import zlib
from pathlib import Path

from ser_lib.errors import InputError

JOINED = "expected one recording (join them with an audio tool, or keep them apart)"

# ---- FLAC -----------------------------------------------------------------------------------

_STREAMINFO = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
_FLAC_FRAME = re.compile(rb"\xff[\xf8\xf9]", re.DOTALL)
# Bytes at the end of a file that hold at least two frames of most streams.
_TAIL = 2**16
_BLOCK_SIZES = {1: 192, **{n: 576 << (n - 2) for n in range(2, 6)}}
_BLOCK_SIZES |= {n: 256 << (n - 8) for n in range(8, 16)}


def check_flac(path: Path, frames: int) -> None:
    """
    Refuse a FLAC file that holds more than the `frames` samples its header counts.

    Either a second stream follows, or the last two frames, which are numbered, lie beyond.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        first = data.find(b"fLaC")
        place = first
        while (place := data.find(b"fLaC", place + 4)) >= 0:
            if _STREAMINFO.match(data, place):
                raise InputError(f"{path}: holds a second FLAC stream at byte {place}; {JOINED}")
        block = int.from_bytes(data[first + 8 : first + 10], "big")
        tail = data[max(first + 42, len(data) - _TAIL) :]
    # The numbers and lengths of what looks like frames; two that follow each other are some.
    found = [frame for match in _FLAC_FRAME.finditer(tail) if (frame := _flac_frame(tail, match))]
    for (fixed, number, length), (_, following, last) in itertools.pairwise(found):
        if following == number + (1 if fixed else length):
            end = (following * block if fixed else following) + last
            if end > frames:
                raise InputError(
                    f"{path}: its header announces {frames} samples, found at least {end}; "
                    "expected a header that counts all of the sound"
                )


def _flac_frame(data: bytes, match: re.Match) -> tuple[bool, int, int] | None:
    """Read a frame header: whether it counts frames or samples, its number, and its samples."""
    start = match.start()
    head = data[start : start + 16]
    if len(head) < 16 or head[3] & 1 or head[3] >> 4 > 10 or head[2] & 15 == 15:
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
    return head[1] == 0xF8, number, length


def _crc8(data: bytes) -> int:
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ (0x07 if value & 0x80 else 0)) & 0xFF
    return value


# ---- Ogg ------------------------------------------------------------------------------------

_FIRST, _LAST = 2, 4  # flags of a page
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def check_ogg(path: Path) -> None:
    """
    Refuse an Ogg file with a damaged or missing page, or of several streams one after another.

    libsndfile reads the first stream only, passes over damaged pages, and takes the last page that
    it finds for the end.
    """
    opened, ended = set(), set()
    begun = False
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        place = max(data.find(b"OggS"), 0)
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
            if _ogg_crc(page[:22] + bytes(4) + page[26:]) != int.from_bytes(
                header[22:26], "little"
            ):
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
                f"{len(data)}, and none before it is marked as the last; expected a complete "
                "recording"
            )
        if data[place : place + 4] == b"OggS" and data[place + 5] & _FIRST:
            raise InputError(f"{path}: holds a second Ogg stream at byte {place}; {JOINED}")


def _ogg_crc(data: bytes) -> int:
    """
    Compute the checksum of a page.

    It is that of zlib on mirrored bytes, mirrored, but starts and ends with 0 instead of ones.
    """
    mirrored = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED), "big")
