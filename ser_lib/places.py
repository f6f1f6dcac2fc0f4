"""Where commands may write: names that stay in their folder, folders that can be written."""

import contextlib
import os
import re
import secrets
from pathlib import Path

from ser_lib.errors import InputError


def plain_name(kind: str, name: object) -> str:
    """
    Return a name that becomes part of a path, or refuse one that would lead out of its folder.

    Parameters
    ----------
    kind : str
        What is named, for the error: ``"corpus"``.
    name : object
        Anything but text of one to 150 characters without slashes, control characters and a dot
        at its beginning is refused.

    Raises
    ------
    InputError
    """
    if not isinstance(name, str) or not re.fullmatch(
        r"[^\x00-\x1f\x7f/\\.][^\x00-\x1f\x7f/\\]{,149}", name
    ):
        raise InputError(
            f"{kind} {name!r}: expected the name of one folder or file, without slashes and "
            "without a dot at its beginning"
        )
    return name


def require_writable(folder: str | os.PathLike, kind: str) -> None:
    """
    Refuse a folder in which nothing can be written; leave no trace in one that can.

    Parameters
    ----------
    folder : path
        The folder; where it is not there, the nearest folder above it in which it would be made.
    kind : str
        What is to be written there, and what names the place, for the error.

    Raises
    ------
    InputError
        If the folder, or one above it, is a file, or nothing can be made in it.
    """
    nearest = require_folder(folder, kind)
    probe = nearest / f".ser_lib.{secrets.token_hex(4)}"
    try:
        try:
            probe.mkdir()
        finally:
            # Also when a signal comes in between.
            with contextlib.suppress(FileNotFoundError):
                probe.rmdir()
    except OSError as error:
        raise InputError(
            f"{nearest}: nothing can be written here ({error.strerror}); expected another place "
            f"for {kind}"
        ) from None


def require_folder(folder: str | os.PathLike, kind: str) -> Path:
    """Return a folder, or the nearest above it that is there; InputError if that is a file."""
    folder = Path(os.path.expanduser(folder)).absolute()
    nearest = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not nearest.is_dir():
        raise InputError(f"{nearest}: is no folder; expected one for {kind}")
    return nearest
