"""What is to be trained of a system on a corpus: checked, specified, and listed fold by fold."""

import dataclasses
import itertools
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib import identity, protocols
from ser_lib.corpora.duplicates import warn_of_divided_duplicates
from ser_lib.corpora.hashing import in_threads, seconds
from ser_lib.errors import InputError, unknown
from ser_lib.experiment import provenance, results
from ser_lib.experiment.fold import CLEAN, FoldData, FoldResult
from ser_lib.features.cache import extract_to_cache
from ser_lib.features.normalisation import FEW, check_normalisation
from ser_lib.systems.base import NeuralSystem, System

if TYPE_CHECKING:
    from ser_lib.corpora.corpus import Corpus
    from ser_lib.experiment.provenance import Specification
    from ser_lib.features.front_end import FrontEnd
    from ser_lib.protocols import Fold, Protocol

# Seconds from which a recording is named as one that makes training take more memory.
_LONG = 60
# What the random generators of NumPy's legacy interface, and so scikit-learn, take.
_LARGEST_SEED = 2**32 - 1


@dataclasses.dataclass(frozen=True, eq=False)
class Task:
    """One training: a fold under a seed."""

    seed: int
    fold: "Fold"
    rows: str
    """Digest of the utterances in each part of the fold."""
    file: Path
    """Where the result is stored."""

    @property
    def state(self) -> Path:
        """Where the training keeps its state until it is finished."""
        return self.file.with_suffix(".npz")


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """A system on folds of a corpus."""

    title: str
    """Shown while it runs."""
    system: System
    corpus: "Corpus"
    protocol: "Protocol"
    normalisation: str
    conditions: "Mapping[str, FrontEnd]"
    """Front ends of further test conditions, by their names."""
    specification: "Specification"
    """What determines the results."""
    tasks: tuple[Task, ...]
    """By seed, then in the order of the folds."""
    n_folds: int
    """Number of folds that the protocol has."""

    @property
    def content(self) -> dict[str, object]:
        """The specification, with the seeds, folds and rows that the results cover."""
        return self.specification.content | {
            "seeds": sorted({task.seed for task in self.tasks}),
            "folds": list(dict.fromkeys(task.fold.name for task in self.tasks)),
            "split": split_digest((t.seed, t.fold.name, t.rows) for t in self.tasks),
        }

    @property
    def digest(self) -> str:
        """Digest of what determines the results."""
        return identity.digest(self.content)

    def data(self, *, jobs: int | None = None, progress: bool = True) -> FoldData:
        """
        Extract, with one decoding per recording, all features that are needed, and scale them.

        The result has folders of the cache in the place of features, as workers get it. Errors as
        `ser_lib.features.cache.extract_to_cache`.
        """
        front_ends = [self.system.front_end, *self.system.training_copies]
        folders = extract_to_cache(
            self.corpus,
            [*front_ends, *self.conditions.values()],
            normalisation=self.normalisation,
            per_utterance=self.system.normalisation == "utterance",
            jobs=jobs,
            progress=progress,
        )
        self._say_what_long_recordings_cost()
        self._say_whose_statistics_are_of_few()
        return FoldData(
            table=self.corpus.table,
            classes=self.corpus.classes,
            features=folders[0],
            copies=tuple(folders[1 : len(front_ends)]),
            conditions=dict(zip(self.conditions, folders[len(front_ends) :], strict=True)),
        )

    def _say_whose_statistics_are_of_few(self) -> None:
        """Tell the user of speakers whose mean and standard deviation say little of them."""
        if self.normalisation != "speaker":
            return
        counts = self.corpus.table["speaker"].value_counts()
        few = counts[counts < FEW].sort_index()
        if len(few):
            named = ", ".join(f"{speaker} ({n})" for speaker, n in few.iloc[:5].items())
            say(
                f"{self.title}: normalisation 'speaker' scales by the statistics of each speaker, "
                f"and {len(few)} of {len(counts)} have fewer than {FEW} recordings: "
                f"{named}{', ...' if len(few) > 5 else ''}"
            )

    def _say_what_long_recordings_cost(self) -> None:
        """Tell the user where the memory of training will come from."""
        if not isinstance(self.system, NeuralSystem) or self.system.segmented:
            return
        paths = self.corpus.table["path"].dropna()
        lengths = in_threads(seconds, paths, "reading durations", progress=False)
        longest = max(lengths, default=0.0)
        if longest > _LONG:
            say(
                f"{self.title}: {sum(length > _LONG for length in lengths)} of {len(lengths)} "
                f"recordings are longer than {_LONG} s, the longest, "
                f"{paths.index[lengths.index(longest)]}, {longest:.0f} s. A network is trained on "
                "recordings as wholes, and the memory that it takes grows with the longest (up to "
                "6 GB for four minutes); cut them into utterances if there is not enough"
            )

    def stored(self) -> dict[Task, FoldResult]:
        """Read the folds that are finished; say which are damaged or made by older code."""
        finished = {}
        for task in self.tasks:
            try:
                finished[task] = results.load_fold(task.file)
            except FileNotFoundError:
                continue
            except InputError as error:
                say(f"{self.title}, fold {task.fold.name}: {error}; it is trained again")
        code = self.specification.code.digest
        older = sum(result.record["code"] != code for result in finished.values())
        if older:
            say(
                f"{self.title}: {older} of {len(self.tasks)} folds were made by older code; "
                "`fresh=True` (or `--fresh` of `ser run` and `ser tune`) trains them again"
            )
        return finished


def prepare(
    system: System,
    corpus: "Corpus",
    *,
    protocol: "str | Protocol | None" = None,
    seeds: int | Sequence[int] = (0,),
    folds: int | Sequence[str] | None = None,
    normalisation: str | None = None,
    conditions: Mapping[str, Sequence] | None = None,
    hold_out_development: bool = False,
    development: bool = False,
    title: str | None = None,
) -> Plan:
    """
    Check what is asked for, and list what is to be trained.

    Parameters
    ----------
    system, corpus, protocol, seeds, folds, normalisation, conditions, hold_out_development
        As for `ser_lib.experiment.evaluate`.
    development : bool
        Whether to score the development rows of each fold: they take the place of its test rows,
        which nothing sees. `folds` may then be a larger number than there are.
    title : str, optional
        Shown while it runs; by default the names of system and corpus.

    Raises
    ------
    InputError
        For anything that is not understood or does not fit, before anything is computed.
    """
    protocol = corpus.protocol if protocol is None else protocol
    protocol = protocols.make(protocol) if isinstance(protocol, str) else protocol
    normalisation = check_normalisation(
        system.normalisation if normalisation is None else normalisation,
        per_utterance=system.normalisation == "utterance",
    )
    degraded = _degraded(system, conditions or {})
    splits = {seed: protocol.folds(corpus.table, seed=seed) for seed in check_seeds(seeds)}
    names = [fold.name for fold in next(iter(splits.values()))]
    if development and isinstance(folds, int | np.integer):
        folds = min(folds, len(names))
    wanted = _check_folds(folds, names, protocol.name)
    specification = provenance.specify(system, corpus, protocol, normalisation, degraded)
    # The specification has the hashes of all samples computed, if need be.
    every = itertools.chain.from_iterable(splits.values())
    warn_of_divided_duplicates(corpus.name, corpus.table, every)
    # Where they choose something they are held out in any case.
    held_out = hold_out_development and not system.needs_development
    if held_out:
        specification.content["development"] = "held out"
    if development:
        specification.content["scored"] = "development rows"
    digest = identity.digest(specification.content)
    tasks = []
    for seed, split in splits.items():
        for fold in (fold for fold in split if fold.name in wanted):
            if held_out:
                fold = dataclasses.replace(fold, development_trains=False)
            if development:
                fold = _without_test_rows(system, fold, protocol.name)
            rows = rows_digest(fold, corpus.table.index)
            tasks.append(Task(seed, fold, rows, results.fold_file(digest, seed, fold.name, rows)))
    return Plan(
        title=title or f"{system.name} on {corpus.name}",
        system=system,
        corpus=corpus,
        protocol=protocol,
        normalisation=normalisation,
        conditions=degraded,
        specification=specification,
        tasks=tuple(tasks),
        n_folds=len(names),
    )


def rows_digest(fold: "Fold", utterances: pd.Index) -> str:
    """Digest the utterances in each part of a fold."""
    parts = (fold.train, fold.development, fold.test)
    return identity.digest([utterances[part].tolist() for part in parts])


def split_digest(tasks: Iterable[tuple[int, str, str]]) -> str:
    """Digest the rows of several folds: seed, name of the fold, and `rows_digest` of each."""
    return identity.digest([list(task) for task in tasks])


def check_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """Check that seeds are different integers from 0 to `_LARGEST_SEED`, and sort them."""
    seeds = [seeds] if isinstance(seeds, int | np.integer) else list(seeds)
    good = [
        isinstance(s, int | np.integer) and not isinstance(s, bool) and 0 <= s <= _LARGEST_SEED
        for s in seeds
    ]
    if not seeds or not all(good) or len(set(seeds)) < len(seeds):
        raise InputError(
            f"seeds is {seeds!r}; expected different integers of at least 0 and at most "
            f"{_LARGEST_SEED}, one or more"
        )
    return tuple(sorted(int(s) for s in seeds))


def _check_folds(folds: int | Sequence[str] | None, names: list[str], protocol: str) -> list[str]:
    """Choose folds by number or name, in the order of the protocol; all if `folds` is None."""
    if folds is None:
        return names
    if isinstance(folds, int | np.integer) and not isinstance(folds, bool):
        if not 1 <= folds <= len(names):
            raise InputError(
                f"folds is {folds}; expected 1 to {len(names)}, as many as {protocol} has"
            )
        return names[: int(folds)]
    wanted = [folds] if isinstance(folds, str) else [str(name) for name in folds]
    for name in wanted:
        if name not in names:
            raise unknown(f"fold of {protocol}", name, names)
    if not wanted:
        raise InputError(f"folds is {folds!r}; expected at least one of {', '.join(names)}")
    return [name for name in names if name in wanted]


def _degraded(system: System, conditions: Mapping[str, Sequence]) -> "dict[str, FrontEnd]":
    """Make the front end of each test condition."""
    if CLEAN in conditions:
        raise InputError(
            f"condition {CLEAN!r} is the recordings as they are; expected another name"
        )
    return {
        str(name): system.front_end.degraded(
            *(steps if isinstance(steps, tuple | list) else [steps])
        )
        for name, steps in conditions.items()
    }


def _without_test_rows(system: System, fold: "Fold", protocol: str) -> "Fold":
    """Put the development rows of a fold in the place of its test rows."""
    if not len(fold.development):
        raise InputError(
            f"fold {fold.name} of {protocol} has no development rows; expected a protocol that "
            "holds some out"
        )
    scored = fold.development
    # Where they choose nothing, they would join the training.
    return dataclasses.replace(
        fold, test=scored, development=scored if system.needs_development else scored[:0]
    )


def say(message: str) -> None:
    """Tell the user on standard error."""
    print(message, file=sys.stderr)
