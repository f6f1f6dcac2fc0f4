"""Of several files called like one recording, find the one that was published."""

import filecmp
from collections.abc import Container, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ser_lib import checksums
from ser_lib.corpora.hashing import sample_hash
from ser_lib.errors import InputError
from ser_lib.signal import decoding


def published_copies(
    copies: Mapping[str, Sequence[Path]], published: Mapping[str, Mapping[str, object]]
) -> dict[str, Path]:
    """
    Choose among files of one name.

    A file with the published checksum goes before all others; then one in another container or at
    another sampling rate with the published duration; then, with that duration, one in a folder of
    which other files have the published checksum. Of what is left the first is used, unless a
    further one in the same container has other samples: nothing tells which of them is meant. A
    recording that is there only beside files that were passed over, and is not the published one
    either, is left out.

    Parameters
    ----------
    copies : mapping of str to sequence of Path
        Of each recording its files, in order of preference.
    published : mapping of str to mapping
        Of each recording ``sha256``, ``rate``, ``channels`` and ``samples``, missing where unknown.

    Raises
    ------
    InputError
        Names two files between which nothing decides.
    """
    known = {u: row for u, row in published.items() if not pd.isna(row["samples"])}
    exact = {
        utterance: next((p for p in files if _checksum(p) == known[utterance]["sha256"]), None)
        for utterance, files in copies.items()
        if utterance in known and len(files) > 1
    }
    folders = {path.parent for path in exact.values() if path is not None}
    chosen = {
        utterance: files[0]
        if len(files) == 1
        else exact.get(utterance) or _choose(utterance, files, known.get(utterance), folders)
        for utterance, files in copies.items()
    }
    passed_over = {
        path.parent for u, files in copies.items() for path in files if path != chosen[u]
    }
    return {
        utterance: path
        for utterance, path in chosen.items()
        if len(copies[utterance]) > 1
        or path.parent not in passed_over - folders
        or utterance not in known
        or agreement(path, known[utterance]) in ("checksum", "duration")
    }


def agreement(path: Path, published: Mapping[str, object]) -> str:
    """
    Say in what a recording agrees with the published one, of which `published_copies` knows.

    Returns
    -------
    str
        In the publisher's container (WAV) at the publisher's sampling rate ``"checksum"``, or
        ``"samples"`` if only their number is the same; of a transcoded copy ``"duration"``, to
        within one sample period of the lower sampling rate, the largest rounding error of
        resampling. Otherwise, or if it cannot be read, empty.
    """
    try:
        with decoding.opened(path) as (file, _):
            samples, rate = file.frames, file.samplerate
    except InputError:
        return ""
    if path.suffix.lower() == ".wav" and rate == published["rate"]:
        if _checksum(path) == published["sha256"]:
            return "checksum"
        return "samples" if samples == published["samples"] else ""
    difference = abs(samples / rate - published["samples"] / published["rate"])
    return "duration" if difference < 1 / min(rate, published["rate"]) else ""


def _choose(
    utterance: str,
    files: Sequence[Path],
    published: Mapping[str, object] | None,
    folders: Container[Path],
) -> Path:
    """Choose among files of which none has the published checksum."""
    if published is not None:
        found = {path: agreement(path, published) for path in files}
        beside = [p for p in files if found[p] == "samples" and p.parent in folders]
        files = [p for p in files if found[p] == "duration"] or beside or files
    first = files[0]
    for other in files[1:]:
        # A lossy copy, or one at another rate, differs from its original in every sample.
        if other.suffix.lower() == first.suffix.lower() and not _same_samples(first, other):
            raise InputError(
                f"{utterance}: {first} and {other} are different recordings of one name, and "
                "neither is known to be the published one; expected one of them, or copies of it"
            )
    return first


def _checksum(path: Path) -> str:
    try:
        return checksums.sha256(path)
    except OSError:
        return ""


def _same_samples(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False) or sample_hash(one) == sample_hash(other)
    except (OSError, InputError):
        return False
