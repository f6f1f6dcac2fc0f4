"""Archives from elsewhere: unpacked whole, inside their folder, and no more than is sensible."""

import bz2
import gzip
import lzma
import os
import re
import stat
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from ser_lib.errors import InputError

# An archive holds at most so many times its own bytes, or so many bytes, and so many members.
_RATIO, _SMALL, _MEMBERS = 25, 2**26, 500_000
_LONGEST = 255  # bytes of a name, on most file systems
_STEP = 2**20
_COMPRESSIONS = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\x00": lzma.open}


class _Member(NamedTuple):
    """What an archive says of one of its members."""

    name: str
    kind: str
    """``"file"``, ``"folder"``, ``"link"`` or ``"device"``."""
    size: int


def check_archive(path: str | os.PathLike) -> None:
    """
    Refuse a zip archive whose members hold more bytes than the archive itself.

    Raises
    ------
    InputError
        If they do, or it cannot be read.
    """
    try:
        size = os.path.getsize(path)
        with zipfile.ZipFile(path) as archive:
            held = sum(member.file_size for member in archive.infolist())
    except Exception as error:
        # Damaged archives raise errors of many types.
        raise InputError(f"{path}: {error}; expected a zip archive") from error
    if held > size:
        raise InputError(
            f"{path}: its members hold {held} bytes, it has {size}; expected numbers that are "
            "stored as they are, without compression"
        )


def unpack(archive: str | os.PathLike, folder: str | os.PathLike) -> None:
    """
    Unpack a zip or tar archive after a look at all of its members.

    Files get the permissions that the umask gives to new ones.

    Raises
    ------
    InputError
        If it is not such an archive, is damaged anywhere, holds far more than its size, or has a
        member that is a link or a device, whose path leads out of `folder`, is too long, or is that
        of a file and of a folder.
    """
    archive = Path(archive)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                _check(archive, map(_zip_member, file.infolist()))
                file.extractall(folder)
        else:
            with _decompressed(archive) as content, _tar(archive, content) as file:
                _check(archive, _tar_members(file))
                _check_end(content, file.offset)
                file.extractall(folder, filter=_as_new)
    except InputError:
        raise
    except Exception as error:
        # Damaged, encrypted and odd archives raise errors of many types.
        raise InputError(
            f"{archive.name}: cannot be unpacked ({error or type(error).__name__}); expected a "
            "complete archive without a password"
        ) from error


def _zip_member(info: zipfile.ZipInfo) -> _Member:
    # The upper 16 bits are Unix permissions; 0 in archives made on other systems.
    kind = "link" if stat.S_ISLNK(info.external_attr >> 16) else "file"
    return _Member(info.filename, "folder" if info.is_dir() else kind, info.file_size)


def _tar_members(file: tarfile.TarFile) -> Iterator[_Member]:
    for member in file:
        link = member.issym() or member.islnk()
        kind = "link" if link else "file" if member.isfile() else "device"
        yield _Member(member.name, "folder" if member.isdir() else kind, member.size)


class _Limited:
    """A stream of which no more is read at once than a sound tar archive asks for."""

    def __init__(self, stream: IO[bytes]):
        self._stream = stream
        self.seek, self.tell, self.close = stream.seek, stream.tell, stream.close

    def read(self, size: int = -1) -> bytes:
        """Read some bytes; refuse a header that would fill the memory."""
        if not 0 <= size <= _STEP:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._stream.read(size)

    def __enter__(self) -> "_Limited":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _decompressed(archive: Path) -> _Limited:
    with archive.open("rb") as file:
        begin = file.read(6)
    for magic, opener in _COMPRESSIONS.items():
        if begin.startswith(magic):
            return _Limited(opener(archive))
    return _Limited(archive.open("rb"))


def _tar(archive: Path, content: _Limited) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=content, mode="r:")
    except tarfile.ReadError as error:
        raise InputError(
            f"{archive.name}: found another file, or a damaged one ({error}); expected a zip or "
            "tar archive"
        ) from error


def _check_end(content: _Limited, offset: int) -> None:
    """Refuse a tar archive in which more follows than the zeros at its end, or not even those."""
    # The standard library takes a damaged header for the end. Compressed files have their
    # checksums behind the zeros.
    content.seek(offset)
    zeros = 0
    while piece := content.read(_STEP):
        if piece.strip(b"\0"):
            raise tarfile.ReadError("damaged behind its last readable member")
        zeros += len(piece)
        if zeros > _SMALL:
            raise tarfile.ReadError("endless zeros behind its last member")
    if zeros < tarfile.BLOCKSIZE:
        raise tarfile.ReadError("it ends before its end")


def _as_new(member: tarfile.TarInfo, folder: str) -> tarfile.TarInfo:
    """Leave out permissions and times, besides what `tarfile.data_filter` takes out."""
    return tarfile.data_filter(member, folder).replace(mode=None)


def _check(archive: Path, members: Iterable[_Member]) -> None:
    """Refuse an archive whose members are not files and folders below one, of sensible size."""
    allowed = max(_SMALL, _RATIO * archive.stat().st_size)
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    held = count = 0
    for name, kind, size in members:
        held, count = held + size, count + 1
        path = PurePosixPath(name.replace("\\", "/"))
        outside = path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name)
        found = ""
        if outside:
            found = "leads out of its folder"
        elif kind in ("link", "device"):
            found = f"is a {kind}"
        elif any(len(part.encode(errors="replace")) > _LONGEST for part in path.parts):
            found = f"has a name of more than {_LONGEST} bytes"
        elif held > allowed or count > _MEMBERS:
            found = f"is too much: {count} members with {held} bytes in {archive.stat().st_size}"
        (files if kind == "file" else folders).add(path)
        folders.update(path.parents)
        if not found and not files.isdisjoint({path, *path.parents} & folders):
            found = "is a file and a folder"
        if found:
            shown = name if len(name) <= 80 else f"{name[:77]}..."
            raise InputError(
                f"{archive.name}: member {shown!r} {found}; expected files with relative paths "
                "below the folder; nothing was unpacked"
            )
