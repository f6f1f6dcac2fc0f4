"""Compare the recordings on the disk with those that the publisher released."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from ser_lib.corpora.copies import agreement
from ser_lib.corpora.discovery import Recordings
from ser_lib.corpora.hashing import in_threads
from ser_lib.errors import InputError, listed
from ser_lib.signal import decode

_SHOWN = 10  # reasons that are printed
# What `decode` notes of recordings.
_SILENT = "silent"
_AVERAGED = "channels, averaged to one"


@dataclass(frozen=True)
class Validation:
    """
    Result of `Corpus.validate`.

    Parameters
    ----------
    missing : tuple of str
        Published utterances without a recording.
    unexpected_files : tuple of str
        Audio files in the folder of a published corpus that do not belong to it, relative to that
        folder.
    unused_files : tuple of str
        Those of a corpus of one's own, whose table does not list them; no fault.
    altered : tuple of str
        Utterances whose file or duration differs from the published one.
    undecodable : tuple of str
        Utterances whose file `ser_lib.signal.decode` refuses.
    silent : tuple of str
        Utterances of one channel whose samples are all the same; no fault.
    silenced : tuple of str
        Utterances of several channels whose samples, averaged over these, are; no fault.
    converted : mapping of str to tuple of str
        What decoding converts or finds unusual, such as "2 channels, averaged to one", and of which
        utterances; no fault.
    reasons : tuple of str
        Why a file is undecodable, of each of these; names the file.
    checked : int
        Number of recordings that were decoded.
    by_checksum, by_duration : int
        How many of them agree with the published SHA-256, and how many, being copies in another
        container or at another sampling rate, could be compared by their duration only.
    """

    missing: tuple[str, ...] = ()
    unexpected_files: tuple[str, ...] = ()
    unused_files: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()
    undecodable: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    silenced: tuple[str, ...] = ()
    converted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    checked: int = 0
    by_checksum: int = 0
    by_duration: int = 0

    @property
    def ok(self) -> bool:
        """Whether no recording is missing, unexpected, altered or undecodable."""
        return not (self.missing or self.unexpected_files or self.altered or self.undecodable)

    def __str__(self) -> str:
        unknown = self.checked - self.by_checksum - self.by_duration
        unknown -= len(self.altered) + len(self.undecodable)
        counts = {
            "agree with the published checksum": self.by_checksum,
            "are transcoded and agree with the published duration": self.by_duration,
            "can be decoded; no checksum was published": unknown,
        }
        lines = [f"{self.checked} recordings checked"]
        lines += [f"  {count} {what}" for what, count in counts.items() if count]
        # As training says it.
        lines += [f"  {what}: {len(u)}, the first {u[0]}" for what, u in self.converted.items()]
        kinds = {
            "missing": self.missing,
            "unexpected files": self.unexpected_files,
            "not in the table, and not used": self.unused_files,
            "altered": self.altered,
            "undecodable": self.undecodable,
            "silent": self.silent,
            "silent after averaging the channels": self.silenced,
        }
        for kind, names in kinds.items():
            if names:
                lines.append(f"  {len(names)} {kind}: {listed(names)}")
        lines += [f"    {reason}" for reason in self.reasons[:_SHOWN]]
        if len(self.reasons) > _SHOWN:
            lines.append(f"    and {len(self.reasons) - _SHOWN} more")
        return "\n".join(lines)


def validate(
    name: str,
    recordings: Recordings,
    reference: pd.DataFrame | None = None,
    *,
    progress: bool = True,
) -> Validation:
    """
    Compare recordings with what was published.

    A recording must agree with the published one in checksum or duration, as
    `ser_lib.corpora.copies.agreement` compares them, and be one that `ser_lib.signal.decode`
    accepts.

    Parameters
    ----------
    name : str
        The corpus, for the progress bar.
    recordings : Recordings
        What was found on the disk.
    reference : DataFrame, optional
        What was published, as in `Corpus`. Without it alterations cannot be detected, and only
        recordings that were found earlier can be missing.
    progress : bool
        Whether to show a progress bar.
    """
    files = recordings.files
    present = {utterance: files[utterance] for utterance in sorted(files)}
    present = {utterance: path for utterance, path in present.items() if path.is_file()}
    expected = set(files) if reference is None else set(reference.index) | set(files)
    published = {} if reference is None else reference.to_dict("index")
    tasks = [(path, published.get(utterance)) for utterance, path in present.items()]
    verdicts = in_threads(_verdict, tasks, f"validating {name}", progress=progress)

    def having(verdict: str) -> tuple[str, ...]:
        return tuple(u for u, (own, *_) in zip(present, verdicts, strict=True) if own == verdict)

    noted = defaultdict(list)
    for utterance, (*_, notes) in zip(present, verdicts, strict=True):
        for note in notes:
            noted[note].append(utterance)
    converted = {note: tuple(own) for note, own in noted.items() if note != _SILENT}
    averaged = {u for note, own in converted.items() if note.endswith(_AVERAGED) for u in own}
    others = [path for path in recordings.unexpected_files if path.is_file()]
    others = tuple(path.relative_to(recordings.folder).as_posix() for path in others)
    return Validation(
        missing=tuple(sorted(expected - set(present))),
        unexpected_files=() if reference is None else others,
        unused_files=others if reference is None else (),
        altered=having("altered"),
        undecodable=having("undecodable"),
        silent=tuple(u for u in noted[_SILENT] if u not in averaged),
        silenced=tuple(u for u in noted[_SILENT] if u in averaged),
        converted=converted,
        reasons=tuple(reason for verdict, reason, _ in verdicts if verdict == "undecodable"),
        checked=len(present),
        by_checksum=len(having("checksum")),
        by_duration=len(having("duration")),
    )


def _verdict(task: Sequence) -> tuple[str, str, tuple[str, ...]]:
    """Compare one file with what was published; say why it is undecodable, or what was noted."""
    path, published = task
    try:
        notes = decode(path).notes
    except InputError as error:
        return "undecodable", str(error), ()
    if published is None or pd.isna(published["samples"]):
        return "unknown", "", notes
    found = agreement(path, published)
    return found if found in ("checksum", "duration") else "altered", "", notes
