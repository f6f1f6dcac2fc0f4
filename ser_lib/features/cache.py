"""
Compute features of a whole corpus once, on all cores, and keep them.

What is kept lies under ``features/`` of the cache, one folder per corpus and front end: ``values``
and ``offsets`` of a `RaggedArray`, and ``meta.json``. While it is being made, finished blocks of
utterances lie in a folder beside it, so that a run that was killed goes on where it stopped; the
result appears whole or not at all. Its name is a digest of everything that determines it: the
corpus, the front end's parameters and the source code that computed it.
"""

import contextlib
import dataclasses
import functools
import hashlib
import inspect
import json
import shutil
import time
import warnings
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ser_lib import console, identity, paths
from ser_lib.errors import InputError, InputWarning
from ser_lib.features.front_end import FrontEnd
from ser_lib.features.ragged import RaggedArray
from ser_lib.signal.decode import decode

if TYPE_CHECKING:
    from ser_lib.corpora import Corpus

# Utterances per block: what a worker takes at a time, and what a killed run loses at most.
_BLOCK = 16
# Seconds of work left from which starting worker processes pays.
_WORTH_WORKERS = 4.0


class _Entry(NamedTuple):
    """A front end, and where in the cache its features of this corpus belong."""

    front_end: FrontEnd
    folder: Path

    @property
    def partial(self) -> Path:
        """Folder of the finished blocks."""
        return self.folder.with_name(f"{self.folder.name}.partial")

    def block(self, number: int) -> Path:
        """File of one finished block."""
        return self.partial / f"{number:06d}.npz"


class _Task(NamedTuple):
    """One block of utterances, and the front ends whose features of it are missing."""

    number: int
    utterances: tuple[tuple[str, str], ...]
    entries: tuple[_Entry, ...]


def extract(
    corpus: "Corpus",
    front_ends: Sequence[FrontEnd],
    *,
    jobs: int | None = None,
    progress: bool = True,
) -> list[RaggedArray]:
    """
    Compute the features of every utterance of a corpus, or find them in the cache.

    Parameters
    ----------
    corpus : Corpus
        Its ``table`` has one row per utterance, with the recording's ``path``.
    front_ends : sequence of FrontEnd
        All that is wanted of this corpus. A recording is decoded once (per sampling rate) for all
        front ends whose features are missing.
    jobs : int, optional
        Number of processes. By default the work begins in this one, and goes over to all cores
        when what is left takes longer than starting them.
    progress : bool
        Whether to show a bar.

    Returns
    -------
    list of RaggedArray
        One per front end, memory-mapped; row i belongs to row i of the table.

    Raises
    ------
    InputError
        Naming the recording that could not be decoded or analysed. What was finished is kept.

    Warns
    -----
    InputWarning
        Once, counting the recordings with several channels, another rate, or silence.
    """
    if jobs is not None and (not isinstance(jobs, int) or jobs < 1):
        raise InputError(f"jobs is {jobs!r}; expected a whole number of at least 1, or None")
    if len(corpus.table) == 0:
        raise InputError(f"corpus {corpus.name} has no utterances; expected one at least")
    key = [corpus.fingerprint, list(corpus.table.index), _sources()]
    entries = [_entry(key, front_end) for front_end in front_ends]
    found = {entry.folder: _load(entry, len(corpus.table)) for entry in entries}
    missing = tuple({e.folder: e for e in entries if found[e.folder] is None}.values())
    if missing:
        _compute(corpus, missing, jobs, progress)
        notes = {}
        for entry in missing:
            try:
                notes |= _assemble(corpus, entry)
            except FileNotFoundError:
                # Another process made the same features, and removed the blocks, just before.
                if not entry.folder.is_dir():
                    raise
            found[entry.folder] = _load(entry, len(corpus.table))
        _warn(corpus, notes)
    return [found[entry.folder] for entry in entries]


def _entry(key: list, front_end: FrontEnd) -> _Entry:
    # The source of this package is hashed as a whole; steps of the user's own bring theirs along.
    kinds = [type(part) for part in _parts(front_end)]
    foreign = [_source(kind) for kind in kinds if not kind.__module__.startswith("ser_lib.")]
    digest = identity.digest([key, front_end.identity(), foreign])
    return _Entry(front_end, paths.cache() / "features" / digest)


def _parts(value: object) -> Iterator[object]:
    """Go through all dataclasses within a front end, those within its parts included."""
    if isinstance(value, tuple | list):
        for part in value:
            yield from _parts(part)
    elif dataclasses.is_dataclass(value):
        yield value
        for field in dataclasses.fields(value):
            yield from _parts(getattr(value, field.name))


def _source(kind: type) -> str:
    try:
        return inspect.getsource(kind)
    except (OSError, TypeError):
        return f"{kind.__module__}.{kind.__qualname__}"


@functools.cache
def _sources() -> str:
    """Hash the source files that turn a recording into features."""
    package = Path(__file__).parent.parent
    digest = hashlib.sha256()
    for folder in ("signal", "features"):
        for file in sorted((package / folder).glob("*.py")):
            digest.update(f"{folder}/{file.name}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def _load(entry: _Entry, rows: int) -> RaggedArray | None:
    """Open a cached result; one that is damaged is removed, so that it is made again."""
    if not entry.folder.is_dir():
        return None
    try:
        meta = json.loads((entry.folder / "meta.json").read_text(encoding="utf-8"))
        result = RaggedArray.load(entry.folder)
        found = [len(result), list(result.values.shape), str(result.dtype)]
        if found == [rows, meta["shape"], meta["dtype"]]:
            return result
    except (OSError, ValueError, KeyError, EOFError):
        pass
    shutil.rmtree(entry.folder)
    return None


def _compute(
    corpus: "Corpus", entries: tuple[_Entry, ...], jobs: int | None, progress: bool
) -> None:
    """Make every block file that is missing."""
    utterances = [(str(u), str(path)) for u, path in corpus.table["path"].items()]
    tasks = []
    for number, start in enumerate(range(0, len(utterances), _BLOCK)):
        lacking = tuple(e for e in entries if not _sound(e.block(number)))
        if lacking:
            tasks.append(_Task(number, tuple(utterances[start : start + _BLOCK]), lacking))
    total = sum(len(task.utterances) for task in tasks)
    bar = console.progress(
        total=total, description=f"features of {corpus.name}", unit="file", disable=not progress
    )
    with bar:
        for done in _run(tasks, jobs):
            bar.update(done)


def _run(tasks: list[_Task], jobs: int | None) -> Iterable[int]:
    """Work through the tasks, in this process or in others, giving the utterances done."""
    import joblib

    cores = joblib.cpu_count() if jobs is None else jobs
    started = time.monotonic()
    for i, task in enumerate(tasks):
        # The first task's time is not counted: it loads what every later one finds loaded.
        left = (time.monotonic() - started) / (i - 1) * (len(tasks) - i) if i > 1 else 0.0
        if cores > 1 and len(tasks) - i > 1 and (jobs is not None or left > _WORTH_WORKERS):
            calls = (joblib.delayed(_work)(task) for task in tasks[i:])
            parallel = joblib.Parallel(cores, return_as="generator_unordered")
            with contextlib.closing(parallel(calls)) as results:
                yield from results
            return
        yield _work(task)
        if i == 0:
            started = time.monotonic()


def _work(task: _Task) -> int:
    """Decode a block of recordings, each once, and write what every front end makes of them."""
    from threadpoolctl import threadpool_limits

    items = defaultdict(list)
    notes = {}
    rates = {entry.front_end.rate for entry in task.entries}
    # One thread per process: the matrices are small, and results must not hang on thread counts.
    with threadpool_limits(1):
        for utterance, path in task.utterances:
            recordings = {rate: decode(path, rate=rate) for rate in rates}
            for entry in task.entries:
                recording = recordings[entry.front_end.rate]
                items[entry.folder].append(
                    _analyse(entry.front_end, recording.signal, utterance, path)
                )
                notes[utterance] = recording.notes
    for entry in task.entries:
        block = RaggedArray.from_list(items[entry.folder])
        _write_block(entry.block(task.number), block, {u: n for u, n in notes.items() if n})
    return len(task.utterances)


def _analyse(front_end: FrontEnd, signal: np.ndarray, utterance: str, path: str) -> np.ndarray:
    try:
        return front_end(signal, utterance)
    except Exception as error:
        # Whatever a step stumbles over, the user needs to know in which recording.
        reason = error if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        raise InputError(f"{path}: found features that cannot be computed: {reason}") from error


def _write_block(path: Path, block: RaggedArray, notes: dict[str, tuple[str, ...]]) -> None:
    # `items` tells shape and type of the values without reading them.
    arrays = {"lengths": block.lengths, "items": block.values[:0], "values": block.values}
    with paths.whole(path, "wb") as file:
        np.savez(file, notes=json.dumps(notes), **arrays)


def _sound(path: Path) -> bool:
    """Tell whether a finished block is there and whole."""
    try:
        with zipfile.ZipFile(path) as file:
            return file.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def _assemble(corpus: "Corpus", entry: _Entry) -> dict[str, list[str]]:
    """Join the blocks of one front end on disk, and return the notes on its utterances."""
    blocks = [entry.block(number) for number in range(-(-len(corpus.table) // _BLOCK))]
    lengths, notes, items = [], {}, set()
    for path in blocks:
        with np.load(path) as block:
            lengths.append(block["lengths"])
            notes |= json.loads(str(block["notes"]))
            items.add((block["items"].shape[1:], block["items"].dtype))
    if len(items) > 1:
        raise InputError(
            f"{corpus.name}: found items of shapes and types {sorted(map(str, items))}; expected "
            "a front end that gives the same for every recording"
        )
    (item_shape, dtype), offsets = items.pop(), np.concatenate([[0], *lengths]).cumsum()
    shape = (int(offsets[-1]), *item_shape)
    with paths.whole_folder(entry.folder) as folder:
        values = np.lib.format.open_memmap(folder / "values.npy", "w+", dtype, shape)
        start = 0
        for path in blocks:
            with np.load(path) as block:
                part = block["values"]
            values[start : start + len(part)] = part
            start += len(part)
        values.flush()
        del values
        np.save(folder / "offsets.npy", offsets)
        meta = {
            "corpus": corpus.name,
            "fingerprint": corpus.fingerprint,
            "front_end": entry.front_end.identity(),
            "sources": _sources(),
            "shape": shape,
            "dtype": str(dtype),
        }
        with paths.whole(folder / "meta.json") as file:
            json.dump(meta, file, indent=1)
    shutil.rmtree(entry.partial, ignore_errors=True)
    return notes


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
        warnings.warn(f"{handled}: {'; '.join(parts)}", InputWarning, stacklevel=3)
