"""
What lies in the cache: features by corpus and front end, finished folds, and everything else.

Only what this package wrote is listed and removed. It is known by its place and name; anything else
in the folder is named and left alone.
"""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ser_lib import paths
from ser_lib.errors import InputError, unknown

_FEATURES = "features"
_WEIGHTS = "weights"
# Names of what this package writes into each part of the cache, temporary files included. A part is
# a folder with such entries, or a file (empty pattern).
_PARTS = {
    _FEATURES: r"\.?[0-9a-f]{64}(\.partial)?(\.\w{8})?",
    "evaluations": r"[0-9a-f]{32}",
    "synthetic": r"\.?[0-9a-f]{16}(\.\w{8})?",
    _WEIGHTS: "(published weights)",
    "recordings.json": "",
}
# Names of the files in an entry of a part that is a folder; one with others in it is not ours.
_WITHIN = {
    _FEATURES: r"values\.npy|offsets\.npy|meta\.json|\d{6}\.npz|\.lock",
    "evaluations": r"seed-?\d+-.*\.(json|npz)",
    "synthetic": r".*\.wav|checksums\.json|\.lock",
}
_UNFINISHED = r"|\..+\.\w{8}"
# Files beside the parts: the marker, and what an interruption may leave.
_FILES = re.compile(rf"{re.escape(paths.CACHE_MARKER)}|\.recordings\.json\.\w+|\.?seen-\w+")
# Parts whose entries nobody else names so.
_TELLING = {_FEATURES, "evaluations", "synthetic", "recordings.json"}


class CacheEntry(NamedTuple):
    """Some files or folders of the cache that belong together."""

    part: str
    """Folder or file below the cache: ``"features"``, ``"evaluations"``, ``"weights"``, ..."""
    corpus: str
    content: str
    """Corpus and steps of the front end of features, "unfinished" where damaged; else empty."""
    paths: tuple[Path, ...]
    files: int
    """Number of files in them."""
    size: int
    """Of these files, in bytes."""


def entries() -> list[CacheEntry]:
    """List what this package wrote into the cache, by part, corpus and content."""
    groups: dict[tuple[str, str, str], list[Path]] = {}
    for part, path in _own():
        described = _described(path) if part == _FEATURES else ("", "")
        groups.setdefault((part, *described), []).append(path)
    return [CacheEntry(*key, tuple(group), *_size(group)) for key, group in sorted(groups.items())]


def foreign() -> list[Path]:
    """List what lies in the cache folder and was not written by this package."""
    home = paths.cache()
    own = {path for _, path in _own()}
    others = []
    for path in sorted(home.iterdir()) if home.is_dir() else []:
        if _PARTS.get(path.name) and path.is_dir() and not path.is_symlink():
            others += sorted(set(path.iterdir()) - own)
        elif path not in own and not (_FILES.fullmatch(path.name) and path.is_file()):
            others.append(path)
    return others


def select(everything: Sequence[CacheEntry], names: Sequence[str]) -> list[CacheEntry]:
    """Select entries by names of parts or corpora, all by default; InputError for another name."""
    known = {name for entry in everything for name in (entry.part, entry.corpus) if name}
    for name in names:
        if name not in known:
            raise unknown("part of the cache or corpus in it", name, sorted(known))
    return [e for e in everything if not names or {e.part, e.corpus} & set(names)]


def _check_removable() -> None:
    """Refuse to clear a cache folder that holds what this package did not write there."""
    home = paths.cache()
    for what, folder in (
        ("the home folder", Path.home().resolve()),
        ("the corpora (SER_DATA)", paths.data()),
        ("the reports (SER_REPORTS)", paths.reports()),
        ("the notebooks (SER_NOTEBOOKS)", paths.notebooks()),
        ("this package", Path(__file__).resolve().parents[2]),
    ):
        if folder.is_relative_to(home):
            raise InputError(
                f"cache folder {home}: it is or contains {what}; expected a folder of its own "
                "(SER_CACHE); nothing was removed"
            )
    if not home.is_dir() or (home / paths.CACHE_MARKER).is_file():
        return
    parts = {part for part, _ in _own()}
    others = foreign() or [home / part for part in sorted(parts) if not parts & _TELLING]
    if others:
        named = ", ".join(str(path.relative_to(home)) for path in others[:5])
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        raise InputError(
            f"cache folder {home}: it was not made by ser_lib (no {paths.CACHE_MARKER}), and holds "
            f"{named}{more}; expected only what ser_lib writes there; nothing was removed"
        )


def remove(chosen: Sequence[CacheEntry]) -> None:
    """
    Remove entries from the cache; all of them can be computed again.

    Raises
    ------
    InputError
        Before anything is removed: if the cache folder is or contains the home folder, the corpora,
        the reports or the notebooks, or if it holds foreign files and was not made by this package.
    """
    _check_removable()
    own = {path for _, path in _own()}
    for path in (path for entry in chosen for path in entry.paths):
        # Listed a while ago: looked at once more.
        if path in own:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for part in {entry.part for entry in chosen}:
        folder = paths.cache() / part
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _own() -> Iterator[tuple[str, Path]]:
    """Go through what this package wrote: the part, and a file or folder in it."""
    from ser_lib.neural.imagenet import BACKBONES

    weights = {backbone.url.rpartition("/")[2] for backbone in BACKBONES.values()}
    patterns = _PARTS | {_WEIGHTS: "|".join([*map(re.escape, sorted(weights)), r"tmp\w{8}"])}
    for part, pattern in patterns.items():
        path = paths.cache() / part
        if path.is_symlink():
            continue
        if not pattern and path.is_file():
            yield part, path
        elif pattern and path.is_dir():
            for entry in sorted(path.iterdir()):
                if re.fullmatch(pattern, entry.name) and _is_ours(part, entry):
                    yield part, entry


def _is_ours(part: str, entry: Path) -> bool:
    """Tell whether an entry of a part is no link, and holds nothing but what belongs there."""
    if entry.is_symlink() or not entry.is_dir():
        return not entry.is_symlink()
    within = re.compile(_WITHIN.get(part, "(nothing)") + _UNFINISHED)
    return all(
        within.fullmatch(path.name) and path.is_file() and not path.is_symlink()
        for path in entry.iterdir()
    )


def _described(entry: Path) -> tuple[str, str]:
    """Return corpus and front end of features, as far as they are recorded."""
    try:
        meta = json.loads((entry / "meta.json").read_text(encoding="utf-8"))
        front_end = meta["front_end"]
        steps = (*front_end["preprocessing"], front_end["analysis"], front_end["segmentation"])
        steps = [_named(step) for step in steps]
        if "normalisation" in meta:
            steps.append(f"normalised by {meta['normalisation']}")
        return meta["corpus"], ", ".join(steps)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", "unfinished"


def _named(step: dict) -> str:
    """Name a step, and the one that it is built around."""
    inner = step.get("analysis")
    return step["class"] + (f"({_named(inner)})" if isinstance(inner, dict) else "")


def _size(group: Sequence[Path]) -> tuple[int, int]:
    files = [p for e in group for p in ([e] if e.is_file() else e.rglob("*")) if p.is_file()]
    return len(files), sum(file.stat().st_size for file in files)
