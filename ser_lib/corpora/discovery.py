"""How the recordings of a corpus are found: by official names, in any container and folder."""

import os
import re
import sys
import warnings
from collections.abc import Container, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pandas as pd

from ser_lib.errors import InputError, InputWarning

# The order is the preference where one recording lies in several containers: first the one that
# speech corpora are published in, then lossless ones, then lossy ones.
SUFFIXES = (
    *(".wav", ".flac", ".aiff", ".aif", ".aifc", ".au", ".caf", ".w64", ".rf64", ".sph", ".nist"),
    *(".opus", ".ogg", ".oga", ".mp3"),
)

INDICES = resources.files(__package__) / "index"


@dataclass(frozen=True)
class Recordings:
    """
    The audio files of one corpus as they lie on the disk.

    Parameters
    ----------
    folder : Path
        The folder that holds them, at whatever depth.
    files : dict of str to Path
        Absolute path of each recording that belongs to the corpus, by the name of its utterance.
    strangers : tuple of Path
        Audio files in the same folder that do not belong to the corpus.
    """

    folder: Path
    files: dict[str, Path]
    strangers: tuple[Path, ...] = ()


def walk(folder: str | os.PathLike) -> Iterator[Path]:
    """
    Go through the visible files under a folder, in an order that is the same on every machine.

    Hidden files and folders (``.name``, among them the ``._name`` files that macOS leaves behind)
    are passed over. Links to folders are followed, each folder is visited once.
    """
    visited = set()
    for parent, folders, names in os.walk(os.path.abspath(folder), followlinks=True):
        status = os.stat(parent)
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(parent, name)


def is_audio(path: Path) -> bool:
    """Tell by its suffix whether a file is a recording."""
    return path.suffix.lower() in SUFFIXES


def named(data: Path, name: str) -> list[Path]:
    """List the folders right under `data` that are called `name`, in upper or lower case."""
    return sorted(p for p in data.iterdir() if p.is_dir() and p.name.lower() == name)


def locate(
    data: str | os.PathLike, name: str, pattern: re.Pattern, *, example: str, obtain: str
) -> tuple[Path, list[Path]]:
    """
    Find the place that holds the recordings of a corpus.

    Parameters
    ----------
    data : path
        Where corpora lie. ``data/<name>`` is looked through first, then all of `data`.
    name : str
        The corpus.
    pattern : re.Pattern
        What the official names look like (file name without suffix, matched in full).
    example : str
        One official file name, for the error.
    obtain : str
        How to get the corpus, for the error.

    Returns
    -------
    folder : Path
        The first place with at least one such recording.
    files : list of Path
        All visible files under it, recordings or not.

    Raises
    ------
    InputError
        If there is no such folder or no such recording.
    """
    data = Path(data).expanduser().absolute()
    if not data.is_dir():
        raise InputError(
            f"{name}: the data folder {data} does not exist; set SER_DATA or give data=FOLDER. "
            f"{obtain}"
        )
    for folder in (*named(data, name), data):
        files = list(walk(folder))
        if any(is_audio(path) and pattern.fullmatch(path.stem) for path in files):
            return folder, files
    raise InputError(
        f"{name}: no recordings found, neither in {data / name} nor anywhere else below {data}; "
        f"expected files named like {example} (or .flac, .mp3, ...). {obtain}"
    )


def choose(
    name: str,
    place: Path,
    files: list[Path],
    pattern: re.Pattern,
    official: Container[str] | None = None,
) -> Recordings:
    """
    Sort files into the recordings of a corpus and strangers; one file per utterance.

    Where an utterance lies there several times, the container that comes first in `SUFFIXES` is
    taken, then the path with the fewest folders, then the first by name, and one `InputWarning`
    says so. The copies are not compared: two containers of one recording differ in bytes and, once
    resampled, in samples; `Corpus.validate` compares the one that was taken with what was
    published.

    Parameters
    ----------
    name : str
        The corpus.
    place, files : Path, list of Path
        What `locate` found. Where `place` is not the corpus's own (not called like it), the
        deepest folder that holds all the recordings is, and files beside it are no strangers.
    pattern : re.Pattern
        What the official names look like.
    official : container of str, optional
        The utterances that were published; names that only look like them are left out, which is
        said in one `InputWarning`. Without it, every name that looks like one is one.
    """
    audio = [path for path in files if is_audio(path)]
    copies: dict[str, list[Path]] = {}
    unpublished = []
    for path in audio:
        if not pattern.fullmatch(path.stem):
            continue
        if official is None or path.stem in official:
            copies.setdefault(path.stem, []).append(path)
        else:
            unpublished.append(path)
    chosen = {utterance: min(paths, key=_preference) for utterance, paths in copies.items()}
    own = place.name.lower() == name or not chosen
    folder = place if own else Path(os.path.commonpath([p.parent for p in chosen.values()]))
    several = [utterance for utterance, paths in copies.items() if len(paths) > 1]
    if several:
        taken = chosen[several[0]]
        other = next(path for path in copies[several[0]] if path != taken)
        warn(
            f"{name}: {len(several)} utterances lie there more than once; of {several[0]}, for "
            f"example, {taken} is taken and {other} is not"
        )
    if unpublished and chosen:
        warn(
            f"{name}: {len(unpublished)} recordings are named like its own but were not published "
            f"with it and are left out, the first is {unpublished[0]}"
        )
    belonging = {path for paths in copies.values() for path in paths}
    strangers = tuple(p for p in audio if p not in belonging and p.is_relative_to(folder))
    return Recordings(folder, chosen, strangers)


def find_recordings(
    data: str | os.PathLike,
    name: str,
    pattern: re.Pattern,
    official: Container[str] | None,
    *,
    example: str,
    obtain: str,
) -> Recordings:
    """
    Find the recordings of a corpus by their official names: `locate`, then `choose`.

    Raises
    ------
    InputError
        If there are none.
    """
    place, files = locate(data, name, pattern, example=example, obtain=obtain)
    recordings = choose(name, place, files, pattern, official)
    if not recordings.files:
        look = next(p for p in files if is_audio(p) and pattern.fullmatch(p.stem))
        raise InputError(
            f"{name}: recordings such as {look} are named like its own, but none of them was "
            f"published with it; expected files like {example}. {obtain}"
        )
    return recordings


def warn_if_incomplete(name: str, found: int, published: int) -> None:
    """Say once, by an `InputWarning`, that utterances of the published corpus are not there."""
    if found < published:
        warn(
            f"{name}: {found} of {published} utterances found, {published - found} are missing; "
            "validate() names them"
        )


def read_index(name: str) -> pd.DataFrame:
    """
    Read what is known of the files that the publisher of a corpus ships.

    Returns
    -------
    DataFrame
        Index ``utterance``; ``sha256`` of the publisher's file, its sampling ``rate`` in hertz,
        ``channels`` and ``samples`` per channel (missing where unknown).
    """
    with (INDICES / f"{name}.csv").open(encoding="utf-8") as file:
        numbers = dict.fromkeys(("rate", "channels", "samples"), "Int64")
        return pd.read_csv(
            file, index_col="utterance", dtype={"utterance": object, "sha256": object, **numbers}
        )


def names_only(utterances: list[str]) -> pd.DataFrame:
    """Make the index of a corpus of which no more than the names of its files is published."""
    numbers = {c: pd.array([None] * len(utterances), "Int64") for c in ("rate", "channels")}
    return pd.DataFrame(
        {"sha256": None, **numbers, "samples": numbers["rate"]},
        index=pd.Index(sorted(utterances), name="utterance", dtype=object),
    )


def _preference(path: Path) -> tuple[int, int, str]:
    return SUFFIXES.index(path.suffix.lower()), len(path.parts), str(path)


def warn(message: str) -> None:
    """Give an `InputWarning` that points to the line, outside of this package, that caused it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("ser_lib."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, InputWarning, stacklevel=level)
