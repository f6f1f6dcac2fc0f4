"""Of several files called like one recording, find the one that was published."""

import filecmp
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
import soundfile

from ser_lib.corpora.hashing import sample_hash
from ser_lib.errors import InputError


def published_copy(
    utterance: str, files: Sequence[Path], published: Mapping[str, object] | None
) -> Path:
    """
    Choose among the files of one name.

    A file with the published checksum goes before all others, then one in another container or at
    another sampling rate with the published duration. Of what is left the first is used, unless a
    further one in the same container has other samples: nothing tells which of them is meant.

    Parameters
    ----------
    utterance : str
        Name of the recording, for the error.
    files : sequence of Path
        In order of preference.
    published : mapping, optional
        Its ``sha256``, ``rate``, ``channels`` and ``samples``, missing where unknown.

    Raises
    ------
    InputError
        Names two files between which nothing decides.
    """
    if published is not None and not pd.isna(published["samples"]):
        exact = [path for path in files if _checksum(path) == published["sha256"]]
        if exact:
            return exact[0]
        files = [path for path in files if _has_duration(path, published)] or files
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
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _has_duration(path: Path, published: Mapping[str, object]) -> bool:
    """Tell whether a copy is as long as published, and not the publisher's file, altered."""
    try:
        info = soundfile.info(str(path))
    except (OSError, soundfile.SoundFileError):
        return False
    if path.suffix.lower() == ".wav" and info.samplerate == published["rate"]:
        return False
    difference = abs(info.duration - published["samples"] / published["rate"])
    return difference < 1 / min(info.samplerate, published["rate"])


def _same_samples(one: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(one, other, shallow=False) or sample_hash(one) == sample_hash(other)
    except (OSError, InputError):
        return False
