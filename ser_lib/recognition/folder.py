"""
A model as a folder: written whole or not at all, and checked before anything in it is used.

``model.json`` describes the model and lists the other files with their sizes and SHA-256; it
carries a checksum of itself. ``README.md`` is the model card, for people: it may be edited. Nothing
in the folder is code, and nothing is read that is not listed, lies elsewhere, or is a link.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from ser_lib import checksums, paths
from ser_lib.errors import InputError
from ser_lib.evaluation.calibration import apply_temperature
from ser_lib.recognition.classifiers import FILES

FORMAT = 1
"""Version of the form of ``model.json``; a newer one is refused."""
DESCRIPTION = "model.json"
CARD = "README.md"

_MADE_BY = "expected a model that `ser train` wrote"
# A description is some kilobytes; with the hashes of a million recordings, 16 megabytes.
_LARGEST = 64 * 2**20
_NUMBER, _TEXT = int | float, str
# What a description must hold, and its type.
_KEYS = {
    "name": _TEXT,
    "system": _TEXT,
    "title": _TEXT,
    "classes": list,
    "front_end": dict,
    "normalisation": _TEXT,
    "normalised_by_front_end": bool,
    "classifier": dict,
    "temperature": _NUMBER,
    "corpus": dict,
    "seed": int,
}


def seal(description: Mapping[str, object], folder: Path) -> dict[str, object]:
    """Complete a description by the files of a folder, its format and its own checksum."""
    files = {}
    for name in FILES:
        path = folder / name
        if path.is_file():
            files[name] = {"bytes": path.stat().st_size, "sha256": checksums.sha256(path)}
    return checksums.sealed({"format": FORMAT, **description, "files": files})


def write_description(folder: Path, description: Mapping[str, object], card: str) -> None:
    """Write description and card of a model whose other files are in a folder already."""
    from ser_lib.experiment.results import readable

    with paths.whole(folder / CARD) as file:
        file.write(card)
    with paths.whole(folder / DESCRIPTION) as file:
        file.write(readable(seal(description, folder)) + "\n")


def read_description(folder: Path) -> dict[str, object]:
    """
    Read the description of a model, after checking it and every file of the folder.

    Raises
    ------
    InputError
        If the folder or a file is missing, damaged, altered or a link, or a newer version of this
        package wrote it.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; {_MADE_BY}")
    description = _parsed(_regular(folder, DESCRIPTION))
    version = description.get("format")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise InputError(f"{folder / DESCRIPTION}: its format is {version!r}; {_MADE_BY}")
    if version > FORMAT:
        raise InputError(
            f"{folder / DESCRIPTION}: its format is {version}, from a newer version of ser_lib; "
            f"expected at most {FORMAT} (a newer ser_lib reads it)"
        )
    if not checksums.is_sealed(description):
        raise InputError(f"{folder / DESCRIPTION}: damaged or altered; {_MADE_BY}")
    del description[checksums.KEY]
    _check_content(folder / DESCRIPTION, description)
    for name, entry in description["files"].items():
        _check_file(folder, name, entry)
    return description


def _parsed(path: Path) -> dict[str, object]:
    if path.stat().st_size > _LARGEST:
        raise InputError(f"{path}: {path.stat().st_size} bytes; {_MADE_BY}")
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); {_MADE_BY}") from None
    if not isinstance(description, dict):
        raise InputError(f"{path}: holds a {type(description).__name__}; {_MADE_BY}")
    return description


def _check_content(path: Path, content: Mapping[str, object]) -> None:
    """Refuse a description that lacks something, or in which something has another type."""
    for key, kind in {**_KEYS, "files": dict}.items():
        value = content.get(key)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            found = f"{key} is {value!r}" if key in content else f"no {key}"
            raise InputError(f"{path}: {found}; {_MADE_BY}")
    classes = content["classes"]
    texts = all(isinstance(name, str) for name in classes)
    if not texts or len(set(classes)) < max(2, len(classes)):
        raise InputError(
            f"{path}: classes is {classes!r}; expected different emotions, two or more"
        )
    try:
        apply_temperature([0.5, 0.5], content["temperature"])
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _check_file(folder: Path, name: str, entry: object) -> None:
    if name not in FILES:
        raise InputError(
            f"{folder / DESCRIPTION}: lists {name!r}; expected no files but {', '.join(FILES)}"
        )
    path = _regular(folder, name)
    size, expected = path.stat().st_size, entry if isinstance(entry, dict) else {}
    if size != expected.get("bytes") or checksums.sha256(path) != expected.get("sha256"):
        raise InputError(
            f"{path}: damaged or altered ({size} bytes); expected the file as it was when the "
            f"model was trained ({expected.get('bytes')} bytes)"
        )


def _regular(folder: Path, name: str) -> Path:
    """Return the path of a file of a model; refuse one that is missing or reached by a link."""
    path = folder
    for part in name.split("/"):
        path = path / part
        if path.is_symlink():
            raise InputError(f"{path}: is a link; expected a file of the model itself")
    if not path.is_file():
        raise InputError(f"{path}: no such file; {_MADE_BY}")
    return path
