"""Check that a file of chunks holds as much sound as its header counts, no less and no more."""

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ser_lib.errors import InputError

OPEN_END = "its header does not give its length, read to its end"
"""Note on a recording that was written to a pipe or by a program that was killed."""

# Programs that cannot go back to the header write a number that no recording of theirs reaches,
# and some subtract the header from it: everything just below or above 2^31 and just below 2^32.
_PLACEHOLDERS = (range(2**31 - 2**16, 2**31 + 2**12), range(2**32 - 2**16, 2**32))
# A file may be filled with zeros to the end of a block of its disk or tape.
_PADDING = 2**16
# Tags that stand at the end of a file without being a chunk: ID3 and APE.
_TAGS = (b"TAG", b"ID3", b"APETAGEX", b"LYRICSBEGIN")
# Chunks that are a recording, or the sound of one, and so no mere addition to another.
_SOUND = (
    *(b"RIFF", b"RIFX", b"RF64", b"riff", b"FORM", b"caff", b".snd", b"NIST", b"fLaC", b"OggS"),
    *(b"data", b"SSND", b"ds64", b"fmt "),
)


class Sound(NamedTuple):
    """
    Where in a file the samples begin, and how many bytes the header counts (None: unknown).

    If `to_the_end`, libsndfile takes whatever follows for sound as well.
    """

    start: int
    announced: int | None
    to_the_end: bool = False


def check_length(path: Path, file: BinaryIO) -> tuple[str, ...]:
    """
    Refuse a file that holds less or more sound than its header counts.

    libsndfile silently reads the smaller of both, so that half an upload, or what a header counts
    that was never brought up to date, would be accepted as an utterance. Chunks, tags and padding
    after the sound are no sound.

    Parameters
    ----------
    path : Path
        For the error.
    file : binary file
        At its beginning; what is not WAV, RF64, W64, AIFF, AU, CAF or NIST SPHERE passes.

    Returns
    -------
    tuple of str
        Notes on the recording, for the user.

    Raises
    ------
    InputError
        Names the file and both numbers of bytes.
    """
    find = _READERS.get(file.read(4))
    sound = find(file) if find else None
    if sound is None:
        return ()
    start, announced, to_the_end = sound
    size = os.fstat(file.fileno()).st_size
    found = size - start
    if announced is None:
        return (OPEN_END,)
    if announced > found:
        raise InputError(
            f"{path}: is truncated: its header announces {announced} bytes of sound, "
            f"found {found}; expected a complete recording"
        )
    file.seek(start + announced)
    rest = file.read(_PADDING + 1)
    if to_the_end:
        added = len(rest) < 8 and not rest.strip(b"\0")
    else:
        added = _is_addition(rest, found - announced)
    if announced == 0 and not added:
        raise InputError(
            f"{path}: its header does not give its length: it announces 0 bytes of sound, and "
            f"{found} bytes follow; expected a length (copying it with a tool that ignores the "
            "length in the header adds one)"
        )
    if not added:
        raise InputError(
            f"{path}: its header announces {announced} bytes of sound, and {found - announced} "
            "bytes follow that are no chunk, tag or padding; expected a header that counts all of "
            "the sound (copying it with a tool that ignores the length in the header mends it)"
        )
    return ()


def _is_addition(rest: bytes, length: int) -> bool:
    """Tell whether what follows the sound, `length` bytes that begin with `rest`, is no sound."""
    if length < 8 or (length <= _PADDING and not rest.strip(b"\0")):
        return True
    # A chunk stands at an even position, but not every program knows.
    return any(_is_chunk(rest[skip:], length - skip) for skip in (0, 1))


def _is_chunk(rest: bytes, length: int) -> bool:
    if rest.startswith(_TAGS):
        return True
    name = rest[:4]
    if name in _SOUND or not all(32 <= letter < 127 for letter in name):
        return False
    # The byte order of AIFF is the other one; a number of four letters exceeds any file.
    return min(int.from_bytes(rest[4:8], order) for order in ("little", "big")) <= length


def _is_placeholder(number: int) -> bool:
    return any(number in numbers for numbers in _PLACEHOLDERS)


def _unless_placeholder(file: BinaryIO, number: int) -> Sound:
    """Return the sound from here on; a placeholder means all of it, if the file is smaller."""
    start = file.tell()
    found = os.fstat(file.fileno()).st_size - start
    return Sound(start, None if _is_placeholder(number) and number > found else number)


def _chunks(file: BinaryIO, layout: str, name: bytes, kinds: tuple[bytes, ...]) -> Sound | None:
    """Go from chunk to chunk of a RIFF or IFF file to the one that holds the sound."""
    if file.read(8)[4:] not in kinds:
        return None
    while len(header := file.read(8)) == 8:
        found, size = struct.unpack(layout, header)
        if found == name:
            return _unless_placeholder(file, size)
        # Chunks are padded to an even length.
        file.seek(size + size % 2, os.SEEK_CUR)
    return None


def _riff(file: BinaryIO) -> Sound | None:
    return _chunks(file, "<4sI", b"data", (b"WAVE",))


def _rifx(file: BinaryIO) -> Sound | None:
    return _chunks(file, ">4sI", b"data", (b"WAVE",))


def _aiff(file: BinaryIO) -> Sound | None:
    return _chunks(file, ">4sI", b"SSND", (b"AIFF", b"AIFC"))


def _rf64(file: BinaryIO) -> Sound | None:
    """Take the length from the chunk ds64, which must be the first, if it is not in its place."""
    if file.read(8)[4:] != b"WAVE" or len(header := file.read(32)) < 32 or header[:4] != b"ds64":
        return None
    length = int.from_bytes(header[16:24], "little")
    file.seek(20 + int.from_bytes(header[4:8], "little"))
    while len(chunk := file.read(8)) == 8:
        found, size = struct.unpack("<4sI", chunk)
        if found == b"data":
            length = length if size == 0xFFFFFFFF else size
            return Sound(file.tell(), length if length < 2**62 else None)
        file.seek(size + size % 2, os.SEEK_CUR)
    return None


def _w64(file: BinaryIO) -> Sound | None:
    """Sizes include the 24 bytes of a chunk's own header; chunks begin at multiples of 8."""
    file.seek(40)
    while len(header := file.read(24)) == 24:
        size = int.from_bytes(header[16:], "little")
        if header[:4] == b"data":
            return Sound(file.tell(), max(size - 24, 0) if size < 2**62 else None, True)
        if size < 24 or size > 2**40:
            return None
        file.seek((size + 7) // 8 * 8 - 24, os.SEEK_CUR)
    return None


def _au(file: BinaryIO) -> Sound | None:
    start, size = struct.unpack(">II", file.read(8).ljust(8, b"\0"))
    file.seek(start)
    return _unless_placeholder(file, size)


def _caf(file: BinaryIO) -> Sound | None:
    file.seek(8)
    while len(header := file.read(12)) == 12:
        found, size = struct.unpack(">4sq", header)
        if found == b"data":
            return Sound(file.tell(), None if size < 0 else size)
        if not 0 <= size < 2**40:
            return None
        file.seek(size, os.SEEK_CUR)
    return None


def _nist(file: BinaryIO) -> Sound | None:
    file.seek(0)
    lines = file.read(1024).split(b"end_head")[0].decode("latin-1").splitlines()
    fields = {words[0]: words[2] for line in lines if len(words := line.split(maxsplit=2)) == 3}
    keys = ("sample_count", "sample_n_bytes", "channel_count")
    if "shorten" in fields.get("sample_coding", ""):
        return None
    try:
        count, width, channels = (int(fields[key]) for key in keys)
        start = int(lines[1])
    except (KeyError, ValueError, IndexError):
        return None
    return Sound(start, count * width * channels, True)


_READERS: dict[bytes, Callable[[BinaryIO], Sound | None]] = {
    b"RIFF": _riff,
    b"RIFX": _rifx,
    b"RF64": _rf64,
    b"riff": _w64,
    b"FORM": _aiff,
    b".snd": _au,
    b"caff": _caf,
    b"NIST": _nist,
}
