"""Download files from their publishers, verify and unpack them, completely or not at all."""

import logging
import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ser_lib import paths
from ser_lib.archives import unpack
from ser_lib.console import progress as progress_bar
from ser_lib.errors import InputError

_RETRIES = 3
_TIMEOUT = 60  # seconds without a byte
_DIGITS = {"md5": 32, "sha256": 64}


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
        If it cannot be downloaded, is longer than published, or has another checksum.
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
    transfer = pooch.HTTPDownloader(progressbar=bar, timeout=_TIMEOUT)

    def download(url: str, temporary: str, manager: object) -> None:
        # A new file has the permissions that the umask says, unlike the one that is there.
        os.unlink(temporary)
        with open(temporary, "xb") as file:
            transfer(url, _AtMost(file, remote), manager)

    with bar:
        try:
            return Path(manager.fetch(remote.filename, downloader=download))
        except _TooLongError:
            raise InputError(
                f"{remote.url}: is longer than the {remote.size} bytes that were published; the "
                "publisher changed the file, or another one is served; nothing was kept"
            ) from None
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


class _TooLongError(Exception):
    """A transfer is longer than published."""


class _AtMost:
    """A file that takes no more bytes than were published, if that is known."""

    def __init__(self, file: IO[bytes], remote: Remote):
        self._file, self._left = file, remote.size
        self.flush = file.flush

    def write(self, content: bytes) -> int:
        """Write to the file."""
        if self._left is not None:
            self._left -= len(content)
            if self._left < 0:
                raise _TooLongError
        return self._file.write(content)


def _require_space(remote: Remote, folder: Path) -> None:
    # The archive and, unpacked, about one and a half times its size: audio hardly compresses.
    free, needed = shutil.disk_usage(folder).free, int(2.5 * (remote.size or 0))
    if free < needed:
        raise InputError(
            f"{folder.parent}: {free / 1e6:.0f} MB are free; expected about {needed / 1e6:.0f} MB, "
            f"which {remote.filename} needs while it is unpacked"
        )
