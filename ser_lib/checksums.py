"""
Checksums of what this package stored, so that a changed byte is noticed when it is read again.

Descriptions in JSON carry their SHA-256. Large files are checked by CRC-32, which is as fast as
reading them: block by block on all cores, and once per process while a file stays the same.
"""

import hashlib
import json
import os
import time
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ser_lib import identity
from ser_lib.errors import InputError

KEY = "sha256"
"""Under which a description carries its checksum."""

_BLOCK = 2**24  # bytes
SETTLED = 2_000_000_000
"""
Nanoseconds after which a file keeps its checksum as long as it keeps its time stamp.

One that changes within the resolution of the stamp (two seconds on FAT) may keep it.
"""
_known: dict[tuple, list[int]] = {}


def sealed(content: Mapping[str, object]) -> dict[str, object]:
    """Put the checksum of a description before its content."""
    return {KEY: identity.digest(content), **content}


def is_sealed(description: object) -> bool:
    """Tell whether a description is one, and its checksum is that of its content."""
    if not isinstance(description, dict):
        return False
    content = {name: value for name, value in description.items() if name != KEY}
    return description.get(KEY) == identity.digest(content)


def read_sealed(path: Path) -> dict[str, object]:
    """
    Read a description in JSON that `sealed` completed; return its content.

    Raises
    ------
    InputError
        If the file cannot be read, or its content is not what its checksum says.
    """
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
        intact = is_sealed(description)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from None
    if not intact:
        raise InputError(f"{path}: damaged or altered: its checksum is not that of its content")
    return {name: value for name, value in description.items() if name != KEY}


def sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, 64 hexadecimal digits; OSError if it cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def crc32(path: Path) -> list[int]:
    """
    Compute the CRC-32 of each 16 MiB of a file.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        status = os.stat(path)
        key = (str(path), status.st_dev, status.st_ino, status.st_size)
        key += (status.st_mtime_ns, status.st_ctime_ns)
        if key in _known:
            return _known[key]
        starts = range(0, status.st_size, _BLOCK)
        if len(starts) > 1:
            with ThreadPoolExecutor(os.cpu_count()) as threads:
                sums = list(threads.map(lambda start: _of_block(path, start), starts))
        else:
            sums = [_of_block(path, start) for start in starts]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
    if max(status.st_mtime_ns, status.st_ctime_ns) < time.time_ns() - SETTLED:
        _known[key] = sums
    return sums


def _of_block(path: Path, start: int) -> int:
    with path.open("rb") as file:
        file.seek(start)
        return zlib.crc32(file.read(_BLOCK))


def check(folder: Path, expected: Mapping[str, list[int]]) -> None:
    """Raise an InputError unless the files of a folder have the checksums of `crc32`."""
    for name, sums in expected.items():
        if crc32(folder / name) != sums:
            raise InputError(f"{folder / name}: damaged or altered: its checksum is another")
