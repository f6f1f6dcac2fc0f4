"""Whether the recordings on the disk are those that the publisher shipped."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import soundfile

from ser_lib.corpora.hashing import decoded_blocks, in_threads

if TYPE_CHECKING:
    from ser_lib.corpora.corpus import Corpus

_SHOWN = 10


@dataclass(frozen=True)
class Validation:
    """
    What `Corpus.validate` found.

    Parameters
    ----------
    missing : tuple of str
        Utterances that were published and are not there.
    extra : tuple of str
        Audio files in the corpus's folder that do not belong to it, relative to that folder.
    altered : tuple of str
        Utterances whose file is not the publisher's, or whose duration is not.
    undecodable : tuple of str
        Utterances whose file cannot be decoded to its end.
    checked : int
        How many recordings were decoded.
    by_checksum, by_duration : int
        How many of them agree with the publisher's SHA-256, and how many, being copies in another
        container or at another rate, could only be compared by their duration.
    """

    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    undecodable: tuple[str, ...] = ()
    checked: int = 0
    by_checksum: int = 0
    by_duration: int = 0

    @property
    def ok(self) -> bool:
        """Whether nothing is missing, extra, altered or undecodable."""
        return not (self.missing or self.extra or self.altered or self.undecodable)

    def __str__(self) -> str:
        unknown = self.checked - self.by_checksum - self.by_duration
        unknown -= len(self.altered) + len(self.undecodable)
        counts = {
            "agree with the published checksum": self.by_checksum,
            "are transcoded and agree with the published duration": self.by_duration,
            "decode, with nothing published to compare them with": unknown,
        }
        lines = [f"{self.checked} recordings checked"]
        lines += [f"  {count} {what}" for what, count in counts.items() if count]
        for kind in ("missing", "extra", "altered", "undecodable"):
            names = getattr(self, kind)
            if names:
                more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
                lines.append(f"  {len(names)} {kind}: {', '.join(names[:_SHOWN])}{more}")
        return "\n".join(lines)


def validate(corpus: "Corpus", *, progress: bool = True) -> Validation:
    """
    Compare the recordings on the disk with what was published, all of them, whatever was selected.

    A recording in the publisher's container (WAV) at the publisher's sampling rate must have the
    published SHA-256. A transcoded copy must have the published duration to within one sample
    period of the lower of the two rates, the most that resampling may round off. Every recording
    must decode to its end.

    Parameters
    ----------
    corpus : Corpus
        Where nothing is published of its files (`Corpus.reference` is None or incomplete),
        alterations cannot be seen, and what is missing is what its table names.
    progress : bool
        Whether a bar is shown when it takes longer than a second.

    Returns
    -------
    Validation
    """
    reference, recordings = corpus.reference, corpus.recordings
    if recordings is None:
        files, strangers, folder = {u: Path(p) for u, p in corpus.table["path"].items()}, (), None
    else:
        files, strangers, folder = recordings.files, recordings.strangers, recordings.folder
    present = {utterance: path for utterance, path in files.items() if path.is_file()}
    expected = set(files) if reference is None else set(reference.index) | set(files)
    published = {} if reference is None else reference.to_dict("index")
    tasks = [(path, published.get(utterance)) for utterance, path in sorted(present.items())]
    found = in_threads(_judge, tasks, f"validating {corpus.name}", progress=progress)
    verdicts = dict(zip(sorted(present), found, strict=True))
    return Validation(
        missing=tuple(sorted(expected - set(present))),
        extra=tuple(path.relative_to(folder).as_posix() for path in strangers if path.is_file()),
        altered=_those(verdicts, "altered"),
        undecodable=_those(verdicts, "undecodable"),
        checked=len(present),
        by_checksum=len(_those(verdicts, "checksum")),
        by_duration=len(_those(verdicts, "duration")),
    )


def _those(verdicts: dict[str, str], verdict: str) -> tuple[str, ...]:
    return tuple(utterance for utterance, found in verdicts.items() if found == verdict)


def _judge(task: Sequence) -> str:
    path, published = task
    try:
        with soundfile.SoundFile(path) as file:
            rate, announced = file.samplerate, file.frames
            samples = sum(len(block) for block in decoded_blocks(file))
    except (OSError, soundfile.SoundFileError):
        return "undecodable"
    if samples == 0 or samples < announced:
        return "undecodable"
    if published is None or pd.isna(published["samples"]):
        return "unknown"
    if path.suffix.lower() == ".wav" and rate == published["rate"]:
        with path.open("rb") as file:
            same = hashlib.file_digest(file, "sha256").hexdigest() == published["sha256"]
        return "checksum" if same else "altered"
    difference = abs(samples / rate - published["samples"] / published["rate"])
    return "duration" if difference < 1 / min(rate, published["rate"]) else "altered"
