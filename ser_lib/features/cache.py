"""
Compute the features of a whole corpus once, on all cores, and keep them in the cache.

Features lie under ``features/`` of the cache, one folder per corpus, front end and normalisation
(see `ser_lib.features.storage`). While they are computed, finished blocks of utterances lie in a
folder beside it, so that a run that was killed goes on where it stopped; the folder itself appears
whole or not at all. Its name is a digest of everything that determines the features: the
recordings, the parameters of the front end, and the code that computes them
(`ser_lib.code_digest`). Before features are used they are compared with their checksums; damaged
ones are made again.
"""

import contextlib
import platform
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ser_lib import code_digest, console, executor, identity, paths
from ser_lib.errors import InputError, warn
from ser_lib.features import storage
from ser_lib.features.normalisation import normalise
from ser_lib.features.ragged import RaggedArray
from ser_lib.signal.decoding import decode

if TYPE_CHECKING:
    from ser_lib.corpora import Corpus

# Utterances per block: what a worker takes at a time, and what a killed run loses at most.
_BLOCK = 16
# Module that every feature depends on.
_DECODING = decode.__module__
# Seconds that starting workers costs.
_START_UP = 4.0


class _Entry(NamedTuple):
    """A front end, and where in the cache its features of a corpus belong."""

    front_end: Callable
    folder: Path

    @property
    def partial(self) -> Path:
        """Folder of the finished blocks."""
        return _partial(self.folder)

    def block(self, number: int) -> Path:
        """File of one finished block."""
        return self.partial / f"{number:06d}.npz"


def extract(
    corpus: "Corpus",
    front_ends: Sequence[Callable],
    *,
    jobs: int | None = None,
    progress: bool = True,
) -> list[RaggedArray]:
    """
    Compute the features of every utterance of a corpus, or open them from the cache.

    Parameters
    ----------
    corpus : Corpus
        Row i of a result is row i of its ``table``.
    front_ends : sequence of FrontEnd
        All that are wanted of this corpus. A recording is decoded once (per sampling rate) for all
        front ends whose features are missing.
    jobs : int, optional
        Number of processes; by default as `ser_lib.executor.run` decides.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    list of RaggedArray
        One per front end, memory-mapped.

    Raises
    ------
    InputError
        Naming the recording that could not be decoded or analysed. Finished blocks are kept.

    Warns
    -----
    InputWarning
        Once, counting the recordings with several channels, another sampling rate, or silence.
    """
    folders = extract_to_cache(corpus, front_ends, jobs=jobs, progress=progress)
    return [open_features(folder) for folder in folders]


def extract_to_cache(
    corpus: "Corpus",
    front_ends: Sequence[Callable],
    *,
    normalisation: str = "train",
    per_utterance: bool = False,
    jobs: int | None = None,
    progress: bool = True,
) -> list[Path]:
    """
    Make sure that features are in the cache, where other processes can open them.

    Parameters
    ----------
    corpus, front_ends, jobs, progress
        As for `extract`.
    normalisation, per_utterance
        As for `ser_lib.features.normalisation.normalise`; normalised features are kept as well.

    Returns
    -------
    list of Path
        A folder per front end, for `open_features`.
    """
    executor.check_jobs(jobs)
    if len(corpus.table) == 0:
        raise InputError(f"corpus {corpus.name} has no utterances; expected at least one")
    fingerprint = corpus.fingerprint
    entries = [_Entry(each, entry_folder(corpus, each, fingerprint)) for each in front_ends]
    wanted = {e.folder: e for e in entries if e.partial.exists() or not _intact(e.folder)}
    with contextlib.ExitStack() as alone:
        # In one order, so that no two processes wait for each other.
        for folder in sorted(wanted):
            alone.enter_context(_alone(folder))
        missing = tuple(e for e in wanted.values() if not _kept(corpus, e.folder))
        if missing:
            _compute(corpus, missing, jobs, progress)
            notes = {}
            for entry in missing:
                try:
                    notes |= _assemble(corpus, entry, fingerprint)
                except FileNotFoundError:
                    # Where there are no locks, another process may have made the same features, and
                    # removed the blocks, just before.
                    if not entry.folder.is_dir():
                        raise
            _warn(corpus, notes)
    return [_normalised(corpus, entry, normalisation, per_utterance) for entry in entries]


def entry_folder(corpus: "Corpus", front_end: Callable, fingerprint: str | None = None) -> Path:
    """Return the folder of the cache to which a front end's features of a corpus belong."""
    kinds: set = set()
    parameters = identity.describe(front_end, kinds)
    modules, own = identity.origin(kinds)
    content = [
        fingerprint or corpus.fingerprint,
        list(corpus.table.index),
        parameters,
        code_digest.code([_DECODING, *modules], own).digest,
    ]
    return paths.cache() / "features" / identity.digest(content)


def open_features(folder: Path) -> RaggedArray:
    """Open features from the cache, memory-mapped; refuse a folder that is not visible here."""
    try:
        return storage.open_entry(folder)
    except FileNotFoundError:
        raise InputError(
            f"worker on {platform.node()} does not see {folder}; expected a cache (SER_CACHE) in a "
            "folder that all machines share"
        ) from None


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time make an entry; in the end nothing but the entry is left of it."""
    partial = _partial(folder)
    with paths.locked(partial / ".lock", "another process makes these features; waiting for it"):
        try:
            yield
        finally:
            if folder.is_dir():
                shutil.rmtree(partial, ignore_errors=True)


def _partial(folder: Path) -> Path:
    """Return the folder of what is finished of an entry."""
    return folder.with_name(f"{folder.name}.partial")


def _intact(folder: Path) -> bool:
    """Tell whether an entry is there, every byte as it was written."""
    with contextlib.suppress(InputError):
        storage.check_entry(folder)
        return True
    return False


def _kept(corpus: "Corpus", folder: Path) -> bool:
    """Tell whether an entry is there; say that a damaged one is made again, and remove it."""
    if not folder.is_dir():
        return False
    try:
        storage.check_entry(folder)
    except InputError as error:
        warn(f"features of {corpus.name} in the cache are made again: {error}")
        shutil.rmtree(folder, ignore_errors=True)
        return False
    return True


def _compute(
    corpus: "Corpus", entries: tuple[_Entry, ...], jobs: int | None, progress: bool
) -> None:
    """Make every block file that is missing."""
    utterances = [(str(u), str(path)) for u, path in corpus.table["path"].items()]
    calls = []
    for number, start in enumerate(range(0, len(utterances), _BLOCK)):
        lacking = tuple(e for e in entries if not _is_sound(e.block(number)))
        if lacking:
            calls.append((number, tuple(utterances[start : start + _BLOCK]), lacking))
    blocks = executor.run(_compute_block, calls, jobs=jobs, start_up=_START_UP, warm_up=1)
    bar = console.progress(
        total=sum(len(block) for _, block, _ in calls),
        description=f"features of {corpus.name}",
        unit="file",
        disable=not progress,
    )
    with bar, contextlib.closing(blocks):
        for index, _ in blocks:
            bar.update(len(calls[index][1]))


def _compute_block(
    number: int, utterances: tuple[tuple[str, str], ...], entries: tuple[_Entry, ...]
) -> None:
    """Decode a block of recordings, each once, and write the features of every front end."""
    items = defaultdict(list)
    notes = {}
    rates = {entry.front_end.sample_rate for entry in entries}
    for utterance, path in utterances:
        recordings = {rate: decode(path, sample_rate=rate) for rate in rates}
        for front_end, folder in entries:
            recording = recordings[front_end.sample_rate]
            items[folder].append(_analyse(front_end, recording.signal, utterance, path))
            notes[utterance] = recording.notes
    unusual = {utterance: n for utterance, n in notes.items() if n}
    for entry in entries:
        storage.write_block(entry.block(number), items[entry.folder], unusual)


def _analyse(front_end: Callable, signal: np.ndarray, utterance: str, path: str) -> np.ndarray:
    try:
        return front_end(signal, utterance)
    except Exception as error:
        # Whatever a step stumbles over, the user needs to know in which recording.
        reason = error if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: features cannot be computed: {reason}") from error


def _is_sound(path: Path) -> bool:
    """Tell whether a finished block is there and whole."""
    with contextlib.suppress(OSError, InputError):
        storage.read_block(path)
        return True
    return False


def _assemble(corpus: "Corpus", entry: _Entry, fingerprint: str) -> dict[str, list[str]]:
    """Join the blocks of one front end on disk, and return the notes on its utterances."""
    blocks = [entry.block(number) for number in range(-(-len(corpus.table) // _BLOCK))]
    lengths, notes, items = [], {}, set()
    for path in blocks:
        block = storage.read_block(path, values=False)
        lengths.append(block.lengths)
        notes |= block.notes
        items.add((block.values.shape[1:], block.values.dtype))
    if len(items) > 1:
        raise InputError(
            f"{corpus.name}: found items of shapes and types {sorted(map(str, items))}; expected "
            "a front end that gives the same for every recording"
        )

    meta = {"corpus": corpus.name, "fingerprint": fingerprint}
    meta["front_end"] = entry.front_end.identity()
    values = (storage.read_block(path).values for path in blocks)
    storage.write_entry(entry.folder, values, np.concatenate(lengths), *items.pop(), meta)
    return notes


def _normalised(corpus: "Corpus", entry: _Entry, normalisation: str, per_utterance: bool) -> Path:
    """Return the folder of normalised features, after making it if need be."""
    if normalisation == "train" or (normalisation == "utterance" and per_utterance):
        return entry.folder
    speakers = corpus.table["speaker"].tolist() if normalisation == "speaker" else None
    code = code_digest.code([normalise.__module__]).digest
    name = identity.digest([entry.folder.name, normalisation, speakers, code])
    folder = entry.folder.with_name(name)
    if _intact(folder) and not _partial(folder).exists():
        return folder
    with _alone(folder):
        if not _kept(corpus, folder):
            features = open_features(entry.folder)
            scaled = normalise(features, normalisation, corpus.table, per_utterance=per_utterance)
            form = (scaled.lengths, scaled.item_shape, scaled.dtype)
            meta = storage.read_meta(entry.folder) | {"normalisation": normalisation}
            storage.write_entry(folder, scaled.pieces(), *form, meta)
    return folder


def _warn(corpus: "Corpus", notes: dict[str, list[str]]) -> None:
    """Say once what was unusual about the recordings and was handled."""
    having = defaultdict(list)
    for utterance, texts in notes.items():
        for text in texts:
            having[text].append(utterance)
    if having:
        parts = [
            f"{text}: {len(utterances)}, the first {corpus.table['path'][utterances[0]]}"
            for text, utterances in having.items()
        ]
        handled = f"handled among the {len(corpus.table)} recordings of {corpus.name}"
        warn(f"{handled}: {'; '.join(parts)}")
