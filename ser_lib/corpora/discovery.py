"""Find the recordings of a corpus by their official names, in any container and folder."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pandas as pd

from ser_lib.corpora.copies import published_copies
from ser_lib.errors import InputError, warn

# In order of preference, if a recording exists in several containers: first WAV, in which speech
# corpora are published, then other lossless containers, then lossy ones.
SUFFIXES = (
    *(".wav", ".wave", ".bwf", ".flac", ".aiff", ".aif", ".aifc", ".au", ".snd", ".caf", ".w64"),
    *(".rf64", ".sph", ".nist", ".opus", ".ogg", ".oga", ".mp3"),
)
UNREAD = (
    *(".3gp", ".3gpp", ".3ga", ".aac", ".ac3", ".amr", ".ape", ".asf", ".avi", ".awb", ".dsf"),
    *(".dts", ".flv", ".gsm", ".m4a", ".m4b", ".m4v", ".mka", ".mkv", ".mov", ".mp2", ".mp4"),
    *(".mpc", ".mpeg", ".mpg", ".pcm", ".ra", ".raw", ".rm", ".sd2", ".shn", ".spx", ".tta"),
    *(".vob", ".voc", ".vox", ".weba", ".webm", ".wma", ".wmv", ".wv"),
)
"""Suffixes of recordings that are left out, and said to be."""
# How files begin that are recordings though their names have no suffix.
_BEGINNINGS = re.compile(
    rb"RIFF....WAVE|RF64....WAVE|riff|FORM....AIF|fLaC|OggS|ID3|caff|NIST_1A|\.snd", re.DOTALL
)
# Folders of the system, which often may not be read.
_SYSTEM = {"lost+found", "$RECYCLE.BIN", "System Volume Information", "__MACOSX"}

INDICES = resources.files(__package__) / "index"


class AbsentError(InputError):
    """Nothing was found of a corpus."""


@dataclass(frozen=True)
class Recordings:
    """
    The audio files of a corpus on the disk.

    Parameters
    ----------
    folder : Path or None
        The folder that contains them, at any depth; None if unknown.
    files : dict of str to Path
        Absolute path of each recording of the corpus, by utterance.
    unexpected_files : tuple of Path
        Audio files in the same folder that do not belong to the corpus.
    """

    folder: Path | None
    files: dict[str, Path]
    unexpected_files: tuple[Path, ...] = ()


def walk(folder: str | os.PathLike) -> Iterator[Path]:
    """
    Iterate over the visible files below a folder, in the same order on every machine.

    Hidden files and folders (``.name``, including the ``._name`` files of macOS) are skipped. Links
    to folders are followed, and each folder is visited once. `InputError` names a folder that may
    not be read.
    """
    # Not by inode numbers, which some filesystems do not have.
    visited = set()
    for parent, folders, names in os.walk(
        os.path.abspath(folder), followlinks=True, onerror=_unreadable
    ):
        place = os.path.realpath(parent)
        if place in visited:
            folders.clear()
            continue
        visited.add(place)
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n not in _SYSTEM)
        for name in sorted(names):
            if not name.startswith("."):
                yield Path(parent, name)


def _unreadable(error: OSError) -> None:
    raise InputError(
        f"{error.filename}: the folder cannot be read ({error.strerror}); expected one that can, "
        "or none below the folder of the corpora"
    ) from error


def is_audio(path: Path) -> bool:
    """Return whether a file is a recording: by its suffix, or without one by how it begins."""
    suffix = path.suffix.lower()
    if suffix:
        return suffix in SUFFIXES
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return _BEGINNINGS.match(file.read(12)) is not None
    except OSError:
        return False


def composed(name: str) -> str:
    """Return a name with composed letters: macOS stores "ü" as "u" and a mark, others as one."""
    return unicodedata.normalize("NFC", name)


def unread(files: Iterable[Path]) -> str:
    """Count, by suffix, the recordings among files that are `UNREAD`; empty if there are none."""
    counts = Counter(suffix for path in files if (suffix := path.suffix.lower()) in UNREAD)
    return ", ".join(f"{count} *{suffix}" for suffix, count in sorted(counts.items()))


def warn_of_unread(name: str, files: Iterable[Path]) -> None:
    """Give an `InputWarning` if recordings of a corpus are `UNREAD`."""
    found = unread(files)
    if found:
        warn(
            f"{name}: recordings are left out because their containers are not read: {found}; "
            "convert them to WAV or FLAC"
        )


def warn_of_mixture(where: str, files: Iterable[Path]) -> None:
    """Give an `InputWarning` if recordings of a corpus have several suffixes, or some have none."""
    suffixes = (path.suffix.lower() for path in files)
    counts = Counter(f"*{s}" if s in SUFFIXES else "without a suffix" for s in suffixes)
    if len(counts) > 1:
        found = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
        warn(
            f"{where}: recordings are files of several kinds: {found}; all are read, but where a "
            "kind goes with a speaker or an emotion, a system may learn the kind instead"
        )


def nothing_read(files: Iterable[Path]) -> str:
    """Tell what was found where no recording is read, and what is."""
    found = unread(files)
    instead = f"found {found}, which are not read; " if found else ""
    return f"{instead}recordings are {', '.join(f'*{suffix}' for suffix in SUFFIXES)}"


def named(data: Path, name: str) -> list[Path]:
    """List the folders directly below `data` with a name, in upper or lower case."""
    return sorted(p for p in data.iterdir() if p.is_dir() and p.name.lower() == name)


def locate(
    data: str | os.PathLike, name: str, pattern: re.Pattern, *, example: str, how_to_get: str
) -> tuple[Path, list[Path]]:
    """
    Find the folder with the recordings of a corpus.

    Parameters
    ----------
    data : path
        Folder of the corpora. ``data/<name>`` is searched first, then all of `data`.
    name : str
        Name of the corpus.
    pattern : re.Pattern
        Pattern of the official names (file name without suffix, full match).
    example, how_to_get : str
        An official file name, and how to get the corpus, for the error.

    Returns
    -------
    folder : Path
        The first folder with at least one such recording.
    files : list of Path
        All visible files below it, recordings or not.
    """
    data = Path(data).expanduser().absolute()
    if not data.is_dir():
        raise AbsentError(
            f"{name}: the data folder {data} does not exist; set SER_DATA or give data=FOLDER. "
            f"{how_to_get}"
        )
    for folder in (*named(data, name), data):
        files = list(walk(folder))
        if any(pattern.fullmatch(composed(path.stem)) and is_audio(path) for path in files):
            return folder, files
    matching = [path for path in files if pattern.fullmatch(composed(path.stem))]
    raise AbsentError(
        f"{name}: no recordings found, neither in {data / name} nor anywhere else below {data}; "
        f"expected files named like {example} (or .flac, .mp3, ...); {nothing_read(matching)}. "
        f"{how_to_get}"
    )


def choose(
    name: str,
    folder: Path,
    files: list[Path],
    pattern: re.Pattern,
    official: Container[str] | pd.DataFrame | None = None,
) -> Recordings:
    """
    Divide files into the recordings of a corpus, one per utterance, and unexpected files.

    If an utterance has several files, the published one is used (see
    `ser_lib.corpora.copies.published_copies`), otherwise the container that comes first in
    `SUFFIXES`, then the path with the fewest folders, then the first by name; and one
    `InputWarning` is given. `InputError` if different recordings have one name.

    Parameters
    ----------
    name, pattern
        As for `locate`.
    folder, files : Path, list of Path
        Results of `locate`. If `folder` does not have the name of the corpus, the deepest folder
        that contains all recordings is the corpus's, and files outside it are not unexpected.
    official : container of str or DataFrame, optional
        The published utterances, or a table of them as `read_index` returns it. Files whose names
        match the pattern but were not published are left out, with one `InputWarning`. By default
        every matching name is an utterance.
    """
    published = official.to_dict("index") if isinstance(official, pd.DataFrame) else {}
    if isinstance(official, pd.DataFrame):
        official = published
    audio = [path for path in files if is_audio(path)]
    copies: dict[str, list[Path]] = {}
    unpublished = []
    for path in audio:
        utterance = composed(path.stem)
        if not pattern.fullmatch(utterance):
            continue
        if official is None or utterance in official:
            copies.setdefault(utterance, []).append(path)
        else:
            unpublished.append(path)
    copies = {utterance: sorted(paths, key=_preference) for utterance, paths in copies.items()}
    chosen = published_copies(copies, published)
    if folder.name.lower() != name and chosen:
        folder = Path(os.path.commonpath([path.parent for path in chosen.values()]))
    several = [utterance for utterance, paths in copies.items() if len(paths) > 1]
    if several:
        used = chosen[several[0]]
        other = next(path for path in copies[several[0]] if path != used)
        warn(
            f"{name}: {len(several)} utterances have more than one file; of {several[0]}, for "
            f"example, {used} is used and {other} is not"
        )
    if unpublished and chosen:
        warn(
            f"{name}: {len(unpublished)} recordings have names like those of the corpus but were "
            f"not published with it; they are left out, the first is {unpublished[0]}"
        )
    belonging = {path for utterance in chosen for path in copies[utterance]}
    unexpected = tuple(p for p in audio if p not in belonging and p.is_relative_to(folder))
    return Recordings(folder, chosen, unexpected)


def find_recordings(
    data: str | os.PathLike,
    name: str,
    pattern: re.Pattern,
    official: Container[str] | pd.DataFrame | None,
    *,
    example: str,
    how_to_get: str,
) -> Recordings:
    """
    Find the recordings of a corpus by their official names: `locate`, then `choose`.

    `InputError` is raised if none of the recordings with such names was published.
    """
    folder, files = locate(data, name, pattern, example=example, how_to_get=how_to_get)
    recordings = choose(name, folder, files, pattern, official)
    if not recordings.files:
        other = next(p for p in files if pattern.fullmatch(composed(p.stem)) and is_audio(p))
        raise InputError(
            f"{name}: recordings such as {other} have names like those of the corpus, but none of "
            f"them was published with it; expected files like {example}. {how_to_get}"
        )
    names = official.index if isinstance(official, pd.DataFrame) else official
    lost = [
        path
        for path in files
        if pattern.fullmatch(utterance := composed(path.stem))
        and utterance not in recordings.files
        and (names is None or utterance in names)
    ]
    warn_of_unread(name, lost)
    return recordings


def warn_if_incomplete(name: str, present: int, published: int) -> None:
    """Give an `InputWarning` if utterances of the published corpus are missing."""
    if present < published:
        warn(
            f"{name}: {present} of {published} utterances found, {published - present} are "
            "missing; validate() names them"
        )


def read_index(name: str) -> pd.DataFrame:
    """
    Read ``index/<name>.csv``, the index of the files that the publisher of a corpus released.

    Returns
    -------
    DataFrame
        Index ``utterance``; ``sha256`` of the publisher's file, its sampling ``rate`` in Hz,
        ``channels`` and ``samples`` per channel (missing where unknown).
    """
    with (INDICES / f"{name}.csv").open(encoding="utf-8") as file:
        numbers = dict.fromkeys(("rate", "channels", "samples"), "Int64")
        return pd.read_csv(
            file, index_col="utterance", dtype={"utterance": object, "sha256": object, **numbers}
        )


def names_only(utterances: list[str]) -> pd.DataFrame:
    """Build the index of a corpus of which only the names of the files are known."""
    unknown = pd.array([None] * len(utterances), "Int64")
    return pd.DataFrame(
        {"sha256": None, "rate": unknown, "channels": unknown, "samples": unknown},
        index=pd.Index(sorted(utterances), name="utterance", dtype=object),
    )


def _preference(path: Path) -> tuple[int, int, str]:
    # What has no suffix comes last.
    return (*SUFFIXES, "").index(path.suffix.lower()), len(path.parts), str(path)
