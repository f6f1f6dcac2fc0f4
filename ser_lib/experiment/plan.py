"""What is to be trained: folds under seeds, told apart by what determines them, kept when done."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ser_lib import code_digest as source
from ser_lib import identity
from ser_lib.errors import InputError, unknown
from ser_lib.experiment import provenance
from ser_lib.experiment import results as store
from ser_lib.experiment.fold import Data, Result, normalise
from ser_lib.features import cache as extraction
from ser_lib.features.ragged import RaggedArray

if TYPE_CHECKING:
    from ser_lib.corpora.corpus import Corpus
    from ser_lib.protocols import Fold, Protocol
    from ser_lib.systems.base import System

# Where the numbers are made, whatever the system.
_ROOTS = ("ser_lib.experiment.fold", "ser_lib.features.cache")


class Task(NamedTuple):
    """One fold under one seed, and where its result is kept."""

    seed: int
    fold: "Fold"
    rows: str
    file: Path


class Recipe(NamedTuple):
    """
    What determines a training, and the code that does it.

    Parameters
    ----------
    content : dict
        Plain values; their digest tells one training from another.
    code : Code
        The source code behind it.
    neural : bool
        Whether a network is trained.
    """

    content: dict
    code: source.Code
    neural: bool

    def made(self) -> dict:
        """Say by what code and in what environment something is made now."""
        code = self.code
        made = {"code": code.digest, "files": code.files, "roots": list(code.roots)}
        return made | {"environment": provenance.environment(neural=self.neural)}


def recipe(
    system: "System",
    corpus: "Corpus",
    protocol: "Protocol",
    normalisation: str,
    conditions: Mapping[str, object] | None = None,
) -> Recipe:
    """
    Say what a training is determined by, all but its seed and its rows.

    Parameters
    ----------
    system : System
        What is trained.
    corpus : Corpus
        On what.
    protocol : Protocol
        How rows are divided.
    normalisation : {"train", "utterance", "speaker"}
        Whose statistics scale the features.
    conditions : mapping, optional
        Front ends of further test conditions, by their names.

    Returns
    -------
    Recipe
    """
    conditions = conditions or {}
    objects: set = {type(system), getattr(system.classifier, "func", system.classifier)}
    content = {
        "corpus": {
            "name": corpus.name,
            "version": corpus.version,
            "subset": corpus.subset,
            "fingerprint": corpus.fingerprint,
            "classes": list(corpus.classes),
        },
        "front_end": identity.describe(system.front_end, objects),
        "training_copies": identity.describe(system.training_copies, objects),
        "conditions": {n: identity.describe(f, objects) for n, f in conditions.items()},
        "classifier": identity.describe(system.classifier(0), objects),
        "targets": identity.digest([str(label) for label in system.targets(corpus.table)]),
        "needs_development": system.needs_development,
        "normalisation": normalisation,
        # The same word stands for another computation where the front end does it.
        "normalised_by_front_end": system.normalisation == "utterance",
        "protocol": identity.describe(protocol.identity()),
    }
    modules, own = identity.origin(objects)
    neural = any(module.startswith("ser_lib.neural") for module in modules)
    if neural:
        content["backend"] = provenance.backend()
    return Recipe(content, source.code([*_ROOTS, *modules], own), neural)


def check_seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    """
    Bring seeds into the one order in which they are kept.

    Raises
    ------
    InputError
        If there is none, one occurs twice, or one is no whole number from 0.
    """
    seeds = [seeds] if isinstance(seeds, int | np.integer) else list(seeds)
    good = [isinstance(s, int | np.integer) and not isinstance(s, bool) and s >= 0 for s in seeds]
    if not seeds or not all(good) or len(set(seeds)) < len(seeds):
        raise InputError(f"seeds {seeds!r}; expected different whole numbers from 0, at least one")
    return tuple(sorted(int(s) for s in seeds))


def check_folds(folds: int | Sequence[str] | None, names: list[str], protocol: str) -> list[str]:
    """
    Choose folds by number or name, in the order of the protocol.

    Raises
    ------
    InputError
        For an unknown name, no name, or a number that the protocol does not have.
    """
    if folds is None:
        return names
    if isinstance(folds, int | np.integer) and not isinstance(folds, bool):
        if not 1 <= folds <= len(names):
            raise InputError(f"folds {folds}; {protocol} has {len(names)}: expected 1 to that many")
        return names[: int(folds)]
    chosen = [folds] if isinstance(folds, str) else [str(name) for name in folds]
    for name in chosen:
        if name not in names:
            raise unknown(f"fold of {protocol}", name, names)
    if not chosen:
        raise InputError(f"folds {folds!r}; expected at least one of {', '.join(names)}")
    return [name for name in names if name in chosen]


def tasks(
    content: Mapping, splits: Mapping[int, Sequence["Fold"]], table: pd.DataFrame
) -> list[Task]:
    """
    List what is to be done, by seed, then in the order of the folds.

    Parameters
    ----------
    content : mapping
        Of a `Recipe`.
    splits : mapping of int to sequence of Fold
        The folds under each seed.
    table : pandas.DataFrame
        Corpus table.

    Returns
    -------
    list of Task
    """
    digest = identity.digest(content)
    found = []
    for seed, folds in splits.items():
        for fold in folds:
            parts = (fold.train, fold.development, fold.test)
            rows = identity.digest([table.index[part].tolist() for part in parts])
            found.append(Task(seed, fold, rows, store.fold_file(digest, seed, fold.name, rows)))
    return found


def extent(done: Sequence[Task]) -> dict:
    """Say which seeds, folds and rows tasks cover, as it enters the digest of their results."""
    return {
        "seeds": sorted({task.seed for task in done}),
        "folds": list(dict.fromkeys(task.fold.name for task in done)),
        "split": identity.digest([[task.seed, task.fold.name, task.rows] for task in done]),
    }


def kept(wanted: Sequence[Task], code: str, name: str) -> dict[Task, Result]:
    """Read the folds that are finished; say which are damaged or made by older code."""
    results = {}
    for task in wanted:
        try:
            results[task] = store.load_fold(task.file)
        except FileNotFoundError:
            continue
        except InputError as error:
            say(f"{name}, fold {task.fold.name}: {error}; it is made again")
    older = sum(result.record["code"] != code for result in results.values())
    if older:
        say(
            f"{name}: {older} of {len(wanted)} folds were made by older code; `fresh=True` "
            "(or `--fresh` of `ser run` and `ser tune`) makes them again"
        )
    return results


def say(message: str) -> None:
    """Tell the user on standard error."""
    print(message, file=sys.stderr)


def data(
    system: "System",
    corpus: "Corpus",
    normalisation: str,
    *,
    features: RaggedArray | None = None,
    conditions: Mapping[str, object] | None = None,
    progress: bool = True,
) -> Data:
    """
    Extract, with one decode per recording, all features that are needed, and scale them.

    Parameters
    ----------
    system : System
        Its front end and training copies are extracted.
    corpus : Corpus
        From what.
    normalisation : {"train", "utterance", "speaker"}
        Whose statistics scale the features.
    features : RaggedArray, optional
        Clean features, if at hand.
    conditions : mapping, optional
        Front ends of further test conditions, by their names.
    progress : bool
        Whether to show how far it is.

    Returns
    -------
    Data
    """
    conditions = conditions or {}
    wanted = [*system.training_copies, *conditions.values()]
    if features is None:
        wanted.insert(0, system.front_end)
    found = extraction.extract(corpus, wanted, progress=progress) if wanted else []
    if features is not None:
        found.insert(0, features)
    found = [normalise(array, normalisation, system, corpus.table) for array in found]
    copies = 1 + len(system.training_copies)
    return Data(
        table=corpus.table,
        classes=corpus.classes,
        features=found[0],
        copies=tuple(found[1:copies]),
        conditions=dict(zip(conditions, found[copies:], strict=True)),
    )
