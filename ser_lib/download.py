"""Download files from their publishers, verify and unpack them, completely or not at all."""

import gzip
import logging
import lzma
import os
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ser_lib import paths
from ser_lib.console import progress as progress_bar
from ser_lib.errors import InputError

_RETRIES = 3
_TIMEOUT = 60  # seconds without a byte
_DIGITS = {"md5": 32, "sha256": 64}
# What the standard library raises for a damaged or encrypted archive.
_DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, lzma.LZMAError, zlib.error),
    *(EOFError, RuntimeError),
)


@dataclass(frozen=True)
class Remote:
    """
    A file that can be downloaded.

    Parameters
    ----------
    url : str
        Its address.
    checksum : str
        ``"md5:"`` or ``"sha256:"`` and the published hexadecimal digits.
    filename : str
        Its name on the disk.
    size : int, optional
        Its length in bytes, if published.

    Raises
    ------
    InputError
        If the checksum is missing or malformed: a file that cannot be verified is not downloaded.
    """

    url: str
    checksum: str
    filename: str
    size: int | None = None

    def __post_init__(self) -> None:
        algorithm, _, digits = self.checksum.partition(":")
        if not re.fullmatch(rf"[0-9a-f]{{{_DIGITS.get(algorithm, 0)}}}", digits) or not digits:
            raise InputError(
                f"{self.url}: checksum is {self.checksum!r}; expected 'md5:' and 32 or 'sha256:' "
                "and 64 hexadecimal digits"
            )


def fetch(
    remotes: Sequence[Remote],
    folder: str | os.PathLike,
    *,
    retries: int = _RETRIES,
    progress: bool = True,
) -> Path:
    """
    Download archives, verify them and unpack them into a new folder, which is returned.

    This happens in a temporary folder beside it, which is renamed at the end.

    Raises
    ------
    InputError
        As `retrieve` and `unpack`, or if there is not enough disk space. Nothing is left behind.
    """
    folder = Path(folder)
    with paths.whole_folder(folder) as temporary:
        for remote in remotes:
            _require_space(remote, temporary)
            archive = retrieve(remote, temporary, retries=retries, progress=progress)
            unpack(archive, temporary)
            archive.unlink()
    return folder


def retrieve(
    remote: Remote, folder: str | os.PathLike, *, retries: int = _RETRIES, progress: bool = True
) -> Path:
    """
    Download a file and verify its checksum; a file that is already there is not downloaded again.

    Parameters
    ----------
    remote : Remote
    folder : path
        Where the file appears when it has been verified.
    retries : int
        How often a failed transfer is repeated.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        If it cannot be downloaded or has another checksum.
    """
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)
    bar = progress_bar(
        # pooch replaces this by the length that the server gives, but ignores a bar without one.
        total=remote.size or 1,
        description=f"downloading {remote.filename}",
        unit="B",
        unit_scale=True,
        disable=not progress,
    )
    manager = pooch.create(
        path=folder,
        base_url="",
        registry={remote.filename: remote.checksum},
        urls={remote.filename: remote.url},
        retry_if_failed=retries,
    )
    downloader = pooch.HTTPDownloader(progressbar=bar, timeout=_TIMEOUT)
    with bar:
        try:
            return Path(manager.fetch(remote.filename, downloader=downloader))
        except requests.RequestException as error:
            raise InputError(
                f"{remote.url}: cannot be downloaded ({error}); nothing was kept"
            ) from error
        except ValueError as error:
            # pooch reports the checksum of the deleted file in its message only.
            other = re.search(r"but got '?([0-9a-fA-F]+)", str(error))
            raise InputError(
                f"{remote.url}: the checksum of {remote.filename} is "
                f"{other[1] if other else 'another'}; expected {remote.checksum}; the transfer was "
                "damaged or the publisher changed the file; nothing was kept"
            ) from error


def unpack(archive: str | os.PathLike, folder: str | os.PathLike) -> None:
    """
    Unpack a zip or tar archive after checking that all members stay inside the folder.

    Raises
    ------
    InputError
        If it is not such an archive, is damaged, or has a member that is a link or a device or
        whose path leads out of `folder`.
    """
    archive = Path(archive)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                # The upper 16 bits are Unix permissions; 0 in archives made on other systems.
                links = (stat.S_ISLNK(info.external_attr >> 16) for info in file.infolist())
                kinds = ("link" if link else "file" for link in links)
                _check(archive, zip(file.namelist(), kinds, strict=True))
                file.extractall(folder)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as file:
                _check(archive, ((member.name, _tar_kind(member)) for member in file))
                file.extractall(folder, filter="data")
        else:
            raise InputError(f"{archive.name}: found another file; expected a zip or tar archive")
    except _DAMAGED as error:
        raise InputError(
            f"{archive.name}: cannot be unpacked ({error}); expected a complete archive without a "
            "password"
        ) from error


def _check(archive: Path, members: Iterable[tuple[str, str]]) -> None:
    """Refuse an archive with a link, a device or a path that leads out of its folder."""
    for name, kind in members:
        path = PurePosixPath(name.replace("\\", "/"))
        outside = path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", name)
        if outside or kind != "file":
            raise InputError(
                f"{archive.name}: member {name!r} "
                f"{'leads out of its folder' if kind == 'file' else f'is a {kind}'}; expected "
                "files with relative paths below the folder; nothing was unpacked"
            )


def _tar_kind(member: tarfile.TarInfo) -> str:
    link = member.issym() or member.islnk()
    return "link" if link else "file" if member.isfile() or member.isdir() else "device"


def _require_space(remote: Remote, folder: Path) -> None:
    # The archive and, unpacked, about one and a half times its size: audio hardly compresses.
    free, needed = shutil.disk_usage(folder).free, int(2.5 * (remote.size or 0))
    if free < needed:
        raise InputError(
            f"{folder.parent}: {free / 1e6:.0f} MB are free; expected about {needed / 1e6:.0f} MB, "
            f"which {remote.filename} needs while it is unpacked"
        )
