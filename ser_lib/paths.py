"""Where data, caches, reports and notebooks lie, and how a file is written: whole or not at all."""

import contextlib
import errno
import functools
import os
import re
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import platformdirs

from ser_lib.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

CACHE_MARKER = ".ser_lib-cache"
"""File by which a cache folder is known to have been made by this package."""

# Temporary names, of which the first part is the name in the end; the file by which a temporary
# folder is locked; and seconds after which one without it was left by a process that is gone.
_HIDDEN = re.compile(r"\.(.+)\.[0-9a-f]{8}")
_LOCK, _MOMENT = ".lock", 3600
# Bytes below which a disk is full; and why a system does not write, and what is expected instead.
_ROOM = 2**18
_WRITABLE = "a folder in which this user can write"
_REFUSALS = {
    errno.ENOSPC: "more free space on this disk",
    errno.EDQUOT: "more free space for this user",
    errno.EFBIG: "a place where files may be as large as that",
    errno.EROFS: _WRITABLE,
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.ENOTDIR: _WRITABLE,
    errno.EEXIST: _WRITABLE,
    errno.EISDIR: "the name of a file",
}

_CHECKOUT = Path(__file__).resolve().parent.parent


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


def reports(given: str | os.PathLike | None = None) -> Path:
    """
    Folder of what the study made: the one that is given, from the root and without ``~``.

    By default ``SER_REPORTS``, else ``reports`` in the checkout or here.
    """
    if given is not None:
        return Path(given).expanduser().resolve()
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
        A temporary file in the same folder, renamed to `path` on success and removed on failure; if
        the process is killed, the next one that writes the same file removes it. Its permissions
        are those that the umask gives to any new file.

    Raises
    ------
    InputError
        If the disk is full, or the folder cannot be written in.
    """
    path = Path(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    with _refusals(path), _claimed(_beside(path)) as temporary, _refusals(path):
        with open(temporary, mode, **text) as file:
            yield file
        os.replace(temporary, path)


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike) -> Iterator[Path]:
    """
    Fill a folder that appears at `path` only when it is complete.

    Yields
    ------
    Path
        A temporary folder beside `path`, renamed to `path` on success and removed on failure; if
        the process is killed, the next one that fills the same folder removes it. If `path`
        appeared in the meantime (two processes made the same thing), that one stays.

    Raises
    ------
    InputError
        As `whole`.
    """
    path = Path(path)
    with _refusals(path), _folder(_beside(path)) as folder, _refusals(path):
        yield folder
        (folder / _LOCK).unlink(missing_ok=True)
        try:
            os.rename(folder, path)
        except OSError:
            if not path.is_dir():
                raise


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """
    Make a folder in the system's folder for temporary files, and remove it in the end.

    If the process is killed, the next one that makes such a folder removes it.
    """
    path = Path(tempfile.gettempdir(), "ser_lib")
    with _refusals(path), _folder(_beside(path), mode=0o700) as folder:
        yield folder


def require_space(folder: str | os.PathLike, size: int) -> None:
    """Refuse (InputError) to write `size` bytes below a folder, which exists, without room."""
    free = shutil.disk_usage(folder).free
    if free < size:
        raise InputError(
            f"{folder}: {free / 1e6:.1f} MB are free on this disk; expected {size / 1e6:.1f} MB, "
            "which what is to be written there takes"
        )


@contextlib.contextmanager
def locked(path: str | os.PathLike, waiting: str) -> Iterator[None]:
    """
    Let one process at a time do something: others wait here, and say so.

    Parameters
    ----------
    path : path
        A file that exists as long as somebody does it. Nobody waits where the file system or the
        operating system has no locks, and where the latter has none there is no file either.
    waiting : str
        What is said on standard error by a process that waits.
    """
    path = Path(path)
    if fcntl is None:
        # Where there are no locks, an open file could not be removed either.
        with _refusals(path):
            _make_parent(path)
        yield
        return
    while True:
        with _refusals(path):
            _make_parent(path)
            try:
                descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
            except FileNotFoundError:
                # The one who had the lock has just removed the folder.
                continue
        try:
            if not lock(descriptor):
                print(waiting, file=sys.stderr)
                lock(descriptor, wait=True)
            if not is_at(descriptor, path):
                continue
            try:
                yield
            finally:
                if is_at(descriptor, path):
                    path.unlink(missing_ok=True)
            return
        finally:
            os.close(descriptor)


def lock(descriptor: int, *, wait: bool = False) -> bool:
    """
    Lock an open file for this process until it is closed; False if another one has it.

    True as well where the file system or the operating system has no locks.
    """
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            return False
        except OSError:
            # A file system without locks.
            pass
    return True


def _beside(path: Path) -> Path:
    """Make the folder of a path, and return an unused hidden name in it."""
    with _refusals(path):
        _make_parent(path)
    for abandoned in _unfinished(path.parent).pop(path.name, ()):
        _remove_abandoned(abandoned)
    # Not by `tempfile`, whose files are for their owner only whatever the umask says.
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")


def _make_parent(path: Path) -> None:
    if path.is_relative_to(cache()):
        cache_folder()
    path.parent.mkdir(parents=True, exist_ok=True)


@functools.lru_cache(maxsize=256)
def _unfinished(folder: Path) -> dict[str, list[Path]]:
    """List what was half written in a folder when this process first wrote there, by its name."""
    found: dict[str, list[Path]] = {}
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if hidden := _HIDDEN.fullmatch(name):
                found.setdefault(hidden[1], []).append(folder / name)
    return found


def _remove_abandoned(path: Path) -> None:
    """Remove a temporary file or folder, unless the process that made it still has it."""
    if fcntl is None:
        return
    # What is gone or belongs to somebody else stays as it is, and so does what cannot be locked.
    with contextlib.suppress(OSError):
        lock = path / _LOCK if path.is_dir() else path
        if not lock.exists():
            # Its process is just making it or has just finished it, or was killed then.
            if time.time() - path.stat().st_mtime > _MOMENT:
                shutil.rmtree(path)
            return
        descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _claimed(path: Path) -> Iterator[Path]:
    """Make an empty file that is locked, so that others leave it alone, and removed in the end."""
    descriptor = None
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
        if fcntl is None:
            # Where there are no locks, an open file could not be renamed either.
            os.close(descriptor)
            descriptor = None
        else:
            lock(descriptor, wait=True)
        yield path
    finally:
        path.unlink(missing_ok=True)
        if descriptor is not None:
            os.close(descriptor)


@contextlib.contextmanager
def _folder(path: Path, mode: int = 0o777) -> Iterator[Path]:
    """Make a folder that others leave alone because of a locked file in it; remove it."""
    try:
        path.mkdir(mode)
        with _claimed(path / _LOCK):
            # Another process may have found the file before it was locked, and removed all.
            path.mkdir(mode, exist_ok=True)
            try:
                yield path
            finally:
                _empty(path)
    finally:
        # Again, should a signal have come meanwhile.
        shutil.rmtree(path, ignore_errors=True)


def _empty(folder: Path) -> None:
    """
    Remove what is in a folder, which may be gone, but its lock.

    By the lock the next process knows what this one leaves if it is killed meanwhile.
    """
    with contextlib.suppress(FileNotFoundError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != _LOCK:
                path.unlink()


def is_at(descriptor: int, path: Path) -> bool:
    """Tell whether an open file still lies at a path."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _refusals(path: Path) -> Iterator[None]:
    """
    Turn what the system says when it cannot write `path` into an error that names it.

    Inside that of what makes temporary files: a disk is full as long as they are there.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        number = getattr(error, "errno", None)
        # Libraries that write by themselves do not say why they could not.
        if number is None and _is_full(path.parent):
            number = errno.ENOSPC
        if number not in _REFUSALS:
            raise
        place = getattr(error, "filename", None) or path
        raise InputError(
            f"{place}: cannot be written ({os.strerror(number)}); expected {_REFUSALS[number]}"
        ) from error


def _is_full(folder: Path) -> bool:
    with contextlib.suppress(OSError):
        return shutil.disk_usage(folder).free < _ROOM
    return False
