"""Where data, caches, reports and notebooks lie, and how a file is written: whole or not at all."""

import contextlib
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeVar

import platformdirs

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None

CACHE_MARKER = ".ser_lib-cache"
"""File by which a cache folder is known to have been made by this package."""

_CHECKOUT = Path(__file__).resolve().parent.parent
# A temporary file is called by what it will be, up to so many characters, then the machine, which
# alone can tell whether it is in use, and random digits.
_LONGEST, _RANDOM = 200, 5
_MACHINE = hashlib.sha256(platform.node().encode()).hexdigest()[:3]
_SETTLED = 1.0  # seconds

Made = TypeVar("Made")


def _in_checkout() -> bool:
    return (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "notebooks").is_dir()


def _from_environment(variable: str, default: Path) -> Path:
    return Path(os.environ.get(variable) or default).expanduser().resolve()


def data() -> Path:
    """Folder that holds the corpora: ``SER_DATA``, else a folder of the user's."""
    return _from_environment("SER_DATA", platformdirs.user_data_path("ser_lib"))


def cache() -> Path:
    """Folder of what can be computed again: ``SER_CACHE``, else the user's cache folder."""
    return _from_environment("SER_CACHE", platformdirs.user_cache_path("ser_lib"))


def cache_folder() -> Path:
    """Make the cache folder, marked as one of this package, unless it is there; return it."""
    folder = cache()
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CACHE_MARKER).touch()
    return folder


def reports() -> Path:
    """Folder of what the study made: ``SER_REPORTS``, else ``reports`` in the checkout or here."""
    home = _CHECKOUT if _in_checkout() else Path.cwd()
    return _from_environment("SER_REPORTS", home / "reports")


def notebooks() -> Path:
    """Folder of the study's notebooks: ``SER_NOTEBOOKS``, else those that came with the package."""
    installed = Path(__file__).parent / "notebook_files"
    return _from_environment(
        "SER_NOTEBOOKS", _CHECKOUT / "notebooks" if _in_checkout() else installed
    )


@contextlib.contextmanager
def whole(path: str | os.PathLike, mode: str = "w") -> Iterator[IO]:
    """
    Open a file that appears at `path` only when it was written to its end.

    Parameters
    ----------
    path : path
        The file to write; its folder is made if need be.
    mode : {"w", "wb"}
        Text (UTF-8, line feeds) or bytes.

    Yields
    ------
    file object
        A temporary file in the same folder, renamed to `path` on success and removed on failure.
        Its permissions are those that the umask gives to any new file.
    """
    path = Path(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    with _temporary(path, lambda new: open(new, mode.replace("w", "x"), **text)) as (new, file):
        with file:
            yield file
        os.replace(new, path)


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike) -> Iterator[Path]:
    """
    Fill a folder that appears at `path` only when it is complete.

    Yields
    ------
    Path
        A temporary folder beside `path`, renamed to `path` on success and removed on failure.
        If `path` appeared in the meantime (two processes made the same thing), that one stays.
    """
    path = Path(path)
    with _temporary(path, Path.mkdir) as (new, _):
        yield new
        try:
            os.rename(new, path)
        except OSError:
            if not path.is_dir():
                raise


def remove(path: Path) -> None:
    """Remove a file, or a folder with all that it holds, at once; nothing if it is gone."""
    # Under another name first: nobody is to find half of a folder.
    with contextlib.suppress(FileNotFoundError):
        _delete(path.rename(path.with_name(_temporary_name(path))))


def remove_abandoned(path: Path) -> None:
    """Remove what was left of writing a file or folder by processes that were killed."""
    name = re.compile(re.escape(_temporary_name(path)[:-_RANDOM]) + rf"[0-9a-f]{{{_RANDOM}}}")
    with contextlib.suppress(OSError):
        for entry in [entry for entry in os.scandir(path.parent) if name.fullmatch(entry.name)]:
            # One that was made just now may not be locked yet.
            if time.time() - entry.stat(follow_symlinks=False).st_ctime > _SETTLED:
                with _lock(Path(entry.path)) as ours:
                    if ours:
                        _delete(Path(entry.path))


@contextlib.contextmanager
def _temporary(path: Path, make: Callable[[Path], Made]) -> Iterator[tuple[Path, Made]]:
    """Make a temporary file or folder beside a path; remove what is left of it in the end."""
    if path.is_relative_to(cache()):
        cache_folder()
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_abandoned(path)
    new = path.with_name(_temporary_name(path))
    try:
        made = make(new)
        with _lock(new):
            yield new, made
    finally:
        _delete(new)


def _temporary_name(path: Path) -> str:
    # Not by `tempfile`, whose files are for their owner only whatever the umask says.
    return f".{path.name[:_LONGEST]}.{_MACHINE}{secrets.token_hex(_RANDOM)[:_RANDOM]}"


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """
    Lock a file or folder for as long as this process lives; tell whether nobody else had.

    Where the system or the file system knows no locks, nobody can tell.
    """
    descriptor = None
    try:
        descriptor = os.open(path, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = True
    except (OSError, AttributeError):
        ours = False
    try:
        yield ours
    finally:
        if descriptor is not None:
            os.close(descriptor)
