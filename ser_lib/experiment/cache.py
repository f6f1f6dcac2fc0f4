"""What lies in the cache: features by corpus and front end, finished folds, and everything else."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

from ser_lib import paths
from ser_lib.errors import unknown

_FEATURES = "features"


class Stored(NamedTuple):
    """
    Some entries of the cache that belong together.

    Parameters
    ----------
    part : str
        Folder or file below the cache: ``"features"``, ``"evaluations"``, ``"weights"``, ...
    corpus : str
        Of the features; empty elsewhere, and where features are unfinished or damaged.
    content : str
        The steps of the front end, noisy or otherwise altered copies apart from clean recordings.
    entries : tuple of Path
        Folders or files.
    files : int
        In them.
    size : int
        Of these, in bytes.
    """

    part: str
    corpus: str
    content: str
    entries: tuple[Path, ...]
    files: int
    size: int


def stored() -> list[Stored]:
    """List what lies in the cache, by part, corpus and content."""
    home, groups = paths.cache(), {}
    for part in sorted(home.iterdir()) if home.is_dir() else []:
        if part.name == _FEATURES:
            for entry in sorted(part.iterdir()):
                groups.setdefault((_FEATURES, *_described(entry)), []).append(entry)
        else:
            groups[part.name, "", ""] = [part]
    return [
        Stored(*key, tuple(entries), *_size(entries)) for key, entries in sorted(groups.items())
    ]


def chosen(everything: list[Stored], wanted: list[str]) -> list[Stored]:
    """
    Select by part or corpus.

    Parameters
    ----------
    everything : list of Stored
        From `stored`.
    wanted : list of str
        Names of parts or corpora; none for everything.

    Returns
    -------
    list of Stored

    Raises
    ------
    InputError
        For a name that is neither, with the nearest one there is.
    """
    known = {name for one in everything for name in (one.part, one.corpus) if name}
    for name in wanted:
        if name not in known:
            raise unknown("part of the cache or corpus in it", name, sorted(known))
    return [one for one in everything if not wanted or {one.part, one.corpus} & set(wanted)]


def remove(one: Stored) -> None:
    """Remove entries from the cache; all of it can be made again."""
    for entry in one.entries:
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink(missing_ok=True)


def _described(entry: Path) -> tuple[str, str]:
    """Corpus and front end of features, as far as they say so."""
    try:
        meta = json.loads((entry / "meta.json").read_text(encoding="utf-8"))
        front_end = meta["front_end"]
        steps = [*front_end["conditioning"], front_end["analysis"], front_end["segmentation"]]
        return meta["corpus"], ", ".join(_named(step) for step in steps)
    except (OSError, ValueError, KeyError, TypeError):
        return "", "unfinished"


def _named(step: dict) -> str:
    """Name a step, and the one that it is built around."""
    inner = step.get("analysis")
    return step["class"] + (f"({_named(inner)})" if isinstance(inner, dict) else "")


def _size(entries: list[Path]) -> tuple[int, int]:
    files = [p for e in entries for p in ([e] if e.is_file() else e.rglob("*")) if p.is_file()]
    return len(files), sum(file.stat().st_size for file in files)
