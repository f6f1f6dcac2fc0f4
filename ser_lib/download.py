"""Remote files: downloaded when asked for, verified, unpacked, there as a whole or not at all."""

import logging
import os
import re
import shutil
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from ser_lib import paths
from ser_lib.console import progress as progress_bar
from ser_lib.errors import InputError

_RETRIES = 3
_TIMEOUT = 60  # seconds without a byte
_DIGITS = {"md5": 32, "sha256": 64}


@dataclass(frozen=True)
class Remote:
    """
    A file that a publisher offers.

    Parameters
    ----------
    url : str
        Its address.
    checksum : str
        ``"md5:"`` or ``"sha256:"`` and the hexadecimal digits that the publisher gives. There is
        no remote without one: what cannot be verified is not offered.
    filename : str
        The name of the archive.
    size : int, optional
        Its length in bytes, where published.
    """

    url: str
    checksum: str
    filename: str
    size: int | None = None

    def __post_init__(self) -> None:
        algorithm, _, digits = self.checksum.partition(":")
        if not re.fullmatch(rf"[0-9a-f]{{{_DIGITS.get(algorithm, 0)}}}", digits) or not digits:
            raise InputError(
                f"{self.url}: checksum {self.checksum!r}; expected 'md5:' and 32 or 'sha256:' and "
                "64 hexadecimal digits"
            )


def fetch(
    remotes: Sequence[Remote],
    folder: str | os.PathLike,
    *,
    retries: int = _RETRIES,
    progress: bool = True,
) -> Path:
    """
    Download archives, verify them and unpack them into one new folder.

    Everything happens in a temporary folder beside it, which gets its name when all is done.

    Parameters
    ----------
    remotes : sequence of Remote
        The archives; deleted when they are unpacked.
    folder : path
        Where their contents appear.
    retries : int
        How often a failed transfer is tried again.
    progress : bool
        Whether bars are shown.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If a file cannot be had, is not the one that was published, or is no archive that can be
        unpacked safely, or if there is no room for it. Nothing is left behind.
    """
    folder = Path(folder)
    with paths.whole_folder(folder) as temporary:
        for remote in remotes:
            _require_room(remote, temporary)
            archive = download(remote, temporary, retries=retries, progress=progress)
            extract(archive, temporary, progress=progress)
            archive.unlink()
    return folder


def download(
    remote: Remote, folder: str | os.PathLike, *, retries: int = _RETRIES, progress: bool = True
) -> Path:
    """
    Download one file and verify its checksum.

    Returns
    -------
    Path
        The file in `folder`; it is not there before it is verified.

    Raises
    ------
    InputError
        If it cannot be had or its checksum is not the published one.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)
    bar = progress_bar(
        # pooch puts in the length that the server gives, but takes a bar without any for none.
        total=remote.size or 1,
        description=f"downloading {remote.filename}",
        unit="B",
        unit_scale=True,
        disable=not progress,
    )
    keeper = pooch.create(
        path=folder,
        base_url="",
        registry={remote.filename: remote.checksum},
        urls={remote.filename: remote.url},
        retry_if_failed=retries,
    )
    downloader = pooch.HTTPDownloader(progressbar=bar, timeout=_TIMEOUT)
    with bar:
        try:
            return Path(keeper.fetch(remote.filename, downloader=downloader))
        except requests.RequestException as error:
            raise InputError(
                f"{remote.url}: cannot be downloaded ({error}); nothing was kept"
            ) from error
        except ValueError as error:
            # The hash of the file that pooch has thrown away is only in its message.
            found = re.search(r"but got '?([0-9a-fA-F]+)", str(error))
            raise InputError(
                f"{remote.url}: the checksum of {remote.filename} is "
                f"{found[1] if found else 'another'}, expected {remote.checksum}; the transfer was "
                "damaged or the publisher changed the file; nothing was kept"
            ) from error


def extract(
    archive: str | os.PathLike, folder: str | os.PathLike, *, progress: bool = True
) -> None:
    """
    Unpack a zip or tar archive whose members stay inside the folder.

    All members are looked at before the first is written.

    Parameters
    ----------
    archive : path
        Zip, or tar with or without compression.
    folder : path
        Where its files go.
    progress : bool
        Whether a bar is shown when it takes longer than a second.

    Raises
    ------
    InputError
        If it is no such archive, is damaged, or has a member that is a link or a device or whose
        path leads out of `folder`.
    """
    archive, folder = Path(archive), Path(folder)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                members = [(i.filename, _zip_kind(i), i) for i in file.infolist()]
                _write(archive, members, file.open, folder, progress)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as file:
                members = [(m.name, _tar_kind(m), m) for m in file]
                _write(archive, members, file.extractfile, folder, progress)
        else:
            raise InputError(f"{archive.name}: expected a zip or tar archive, found something else")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, RuntimeError) as error:
        raise InputError(f"{archive.name}: cannot be unpacked ({error})") from error


def _write(
    archive: Path,
    members: list[tuple[str, str, object]],
    open_member: Callable[[object], IO[bytes]],
    folder: Path,
    progress: bool,
) -> None:
    for name, kind, _ in members:
        if not _stays_inside(name) or kind not in ("file", "folder"):
            what = "leads out of its folder" if kind in ("file", "folder") else f"is a {kind}"
            raise InputError(
                f"{archive.name}: member {name!r} {what}; expected files with relative paths below "
                "the folder; nothing was unpacked"
            )
    files = [(name, member) for name, kind, member in members if kind == "file"]
    for name, member in _shown(files, f"unpacking {archive.name}", progress):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_member(member) as source, target.open("wb") as out:
            shutil.copyfileobj(source, out)


def _shown(items: list, description: str, progress: bool) -> Iterator:
    return iter(progress_bar(items, description=description, unit="file", disable=not progress))


def _stays_inside(name: str) -> bool:
    """Tell whether a member's path stays below the folder, on every system (C:, backslashes)."""
    path = PurePosixPath(name.replace("\\", "/"))
    return not (path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name))


def _zip_kind(info: zipfile.ZipInfo) -> str:
    # The upper half holds Unix permissions; archives made elsewhere leave it zero.
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return "link"
    return "folder" if info.is_dir() else "file"


def _tar_kind(member: tarfile.TarInfo) -> str:
    if member.isdir():
        return "folder"
    if member.issym() or member.islnk():
        return "link"
    return "file" if member.isfile() else "device"


def _require_room(remote: Remote, folder: Path) -> None:
    # The archive and, for audio that hardly compresses, about as much again and a half unpacked.
    free, needed = shutil.disk_usage(folder).free, int(2.5 * (remote.size or 0))
    if free < needed:
        raise InputError(
            f"{folder.parent}: {free / 1e6:.0f} MB are free, {remote.filename} needs about "
            f"{needed / 1e6:.0f} MB while it is unpacked"
        )
