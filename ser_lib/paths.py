"""Where data, caches, reports and notebooks lie, and how a file is written: whole or not at all."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import platformdirs

_CHECKOUT = Path(__file__).resolve().parent.parent


def _in_checkout() -> bool:
    return (_CHECKOUT / "pyproject.toml").is_file() and (_CHECKOUT / "notebooks").is_dir()


def _from_environment(variable: str, default: Path) -> Path:
    return Path(os.environ.get(variable) or default).expanduser().resolve()


def data() -> Path:
    """Folder that holds the corpora: ``SER_DATA``, else a folder of the user's."""
    return _from_environment("SER_DATA", platformdirs.user_data_path("ser_lib"))


def cache() -> Path:
    """Folder of everything that can be made again: ``SER_CACHE``, else the user's cache folder."""
    return _from_environment("SER_CACHE", platformdirs.user_cache_path("ser_lib"))


def reports() -> Path:
    """Folder of what the study made: ``SER_REPORTS``, else ``reports`` in the checkout or here."""
    home = _CHECKOUT if _in_checkout() else Path.cwd()
    return _from_environment("SER_REPORTS", home / "reports")


def notebooks() -> Path:
    """Folder of the study's notebooks: ``SER_NOTEBOOKS``, else those that came with the package."""
    home = _CHECKOUT if _in_checkout() else Path(__file__).parent
    return _from_environment("SER_NOTEBOOKS", home / "notebooks")


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
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, mode, **text) as file:
            yield file
        # mkstemp makes files for their owner only; what we write is as readable as any other file.
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
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
    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield folder
        folder.chmod(0o755)
        try:
            os.rename(folder, path)
        except OSError:
            if not path.is_dir():
                raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
