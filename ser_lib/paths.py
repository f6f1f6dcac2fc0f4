"""Where data, caches, reports and notebooks lie, and how a file is written: whole or not at all."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import platformdirs

CACHE_MARKER = ".ser_lib-cache"
"""File by which a cache folder is known to have been made by this package."""

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
    temporary = _beside(path)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        with open(temporary, mode.replace("w", "x"), **text) as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


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
    folder = _beside(path)
    folder.mkdir()
    try:
        yield folder
        try:
            os.rename(folder, path)
        except OSError:
            if not path.is_dir():
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _beside(path: Path) -> Path:
    """Make the folder of a path, and return an unused hidden name in it."""
    if path.is_relative_to(cache()):
        cache_folder()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not by `tempfile`, whose files are for their owner only whatever the umask says.
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}")
