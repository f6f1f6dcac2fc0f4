"""Zip archives from elsewhere: unpacked whole, inside their folder, and no more than sensible."""

import os
import re
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from ser_lib.errors import InputError

# An archive holds at most so many times its own bytes, or so many bytes, and so many members.
_RATIO, _SMALL, _MEMBERS = 25, 2**26, 500_000
_LONGEST = 255  # bytes of a name, on most file systems


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
    Unpack a zip archive after a look at all of its members.

    Files get the permissions that the umask gives to new ones.

    Raises
    ------
    InputError
        If it is not such an archive, is damaged anywhere, holds far more than its size, or has a
        member that is a link, whose path leads out of `folder`, is too long, or is that of a file
        and of a folder.
    """
    archive = Path(archive)
    try:
        with zipfile.ZipFile(archive) as file:
            _check(archive, file.infolist())
            file.extractall(folder)
    except InputError:
        raise
    except Exception as error:
        # Damaged, encrypted and odd archives raise errors of many types.
        raise InputError(
            f"{archive.name}: cannot be unpacked ({error or type(error).__name__}); expected a "
            "complete zip archive without a password"
        ) from error


def _check(archive: Path, members: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse an archive whose members are not files and folders below one, of sensible size."""
    size = archive.stat().st_size
    files: set[PurePosixPath] = set()
    folders: set[PurePosixPath] = set()
    held = 0
    for member in members:
        name, held = member.filename, held + member.file_size
        path = PurePosixPath(name.replace("\\", "/"))
        outside = path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name)
        found = ""
        if outside:
            found = "leads out of its folder"
        # The upper 16 bits are Unix permissions; 0 in archives made on other systems.
        elif stat.S_ISLNK(member.external_attr >> 16):
            found = "is a link"
        elif any(len(part.encode(errors="replace")) > _LONGEST for part in path.parts):
            found = f"has a name of more than {_LONGEST} bytes"
        elif held > max(_SMALL, _RATIO * size) or len(members) > _MEMBERS:
            found = f"is too much: {len(members)} members with {held} bytes or more in {size}"
        (folders if member.is_dir() else files).add(path)
        folders.update(path.parents)
        if not found and not files.isdisjoint({path, *path.parents} & folders):
            found = "is a file and a folder"
        if found:
            shown = name if len(name) <= 80 else f"{name[:77]}..."
            raise InputError(
                f"{archive.name}: member {shown!r} {found}; expected files with relative paths "
                "below the folder; nothing was unpacked"
            )
