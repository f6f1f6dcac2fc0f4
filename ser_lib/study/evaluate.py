"""A system on a corpus, fold by fold: what is finished is kept, and is never mixed up."""

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ser_lib import console, paths
from ser_lib.errors import InputError, unknown
from ser_lib.evaluation import metrics, protocols
from ser_lib.evaluation.evaluation import Evaluation
from ser_lib.features import extraction
from ser_lib.features.ragged import RaggedArray
from ser_lib.study import provenance, source, store
from ser_lib.study.fold import CLEAN, Data, check_normalisation, normalise, run_fold

if TYPE_CHECKING:
    from ser_lib.corpora.corpus import Corpus
    from ser_lib.evaluation.protocols import Fold, Protocol
    from ser_lib.systems.base import System

# Where the numbers are made, whatever the system.
_ROOTS = ("ser_lib.study.fold", "ser_lib.features.extraction")


class _Task(NamedTuple):
    """One fold under one seed, and where its result is kept."""

    seed: int
    fold: "Fold"
    rows: str
    file: Path


def evaluate(
    system: "System",
    corpus: "Corpus",
    *,
    features: RaggedArray | None = None,
    protocol: "str | Protocol | None" = None,
    seeds: Sequence[int] = (0,),
    folds: int | Sequence[str] | None = None,
    normalisation: str | None = None,
    conditions: Mapping[str, Sequence] | None = None,
    reports: str | os.PathLike | None = None,
    fresh: bool = False,
    progress: bool = True,
) -> Evaluation:
    """
    Train and test a system on the folds of a corpus, and report every answer it gave.

    Each finished fold is kept in the cache, so that an interrupted run goes on where it stopped,
    and written answers and their record appear in ``<reports>/<corpus>/predictions`` when all
    folds are done. A fold that older code made is used, and said to be so.

    Parameters
    ----------
    system : System
        What is evaluated.
    corpus : Corpus
        On what.
    features : RaggedArray, optional
        ``system.front_end.extract(corpus)``, if at hand. Altered features are told from the
        front end's own by their content.
    protocol : str or Protocol, optional
        How rows are divided; by default what suits the corpus (``corpus.protocol``).
    seeds : sequence of int
        One training per fold and seed.
    folds : int or sequence of str, optional
        The first so many folds, or those of these names; all by default. Less than all makes the
        evaluation partial: it is marked and never ranked.
    normalisation : {"train", "utterance", "speaker"}, optional
        Whose statistics scale the features; by default ``system.normalisation``.
    conditions : dict, optional
        Further test conditions: name -> steps of `ser_lib.signal` by which the test recordings are
        degraded. The network of each fold is asked about them too.
    reports : path, optional
        Folder of the reports; `ser_lib.paths.reports` by default.
    fresh : bool
        Train everything again, whatever is kept. The environment variable ``SER_FRESH`` (set by
        ``ser run --fresh``) says the same.
    progress : bool
        Whether to show which fold is running, the last one's UAR and the time left.

    Returns
    -------
    Evaluation
        Answers to test rows under every condition and to development rows, and the record.

    Raises
    ------
    InputError
        For a misspelt protocol, fold or normalisation, a protocol or normalisation that the
        corpus or system cannot give, features of another corpus, a fold that teaches nothing.
    """
    protocol = corpus.protocol if protocol is None else protocol
    protocol = protocols.make(protocol) if isinstance(protocol, str) else protocol
    default = system.normalisation if normalisation is None else normalisation
    normalisation = check_normalisation(default, system)
    degraded = _degraded(system, conditions)
    seeds = _seeds(seeds)
    splits = {seed: protocol.folds(corpus.table, seed=seed) for seed in seeds}
    names = [fold.name for fold in splits[seeds[0]]]
    wanted = _wanted(folds, names, protocol.name)

    objects: set = {type(system), getattr(system.classifier, "func", system.classifier)}
    recipe = {
        "corpus": {
            "name": corpus.name,
            "version": corpus.version,
            "subset": corpus.subset,
            "fingerprint": corpus.fingerprint,
            "classes": list(corpus.classes),
        },
        "front_end": provenance.identity(system.front_end, objects),
        "training_copies": provenance.identity(system.training_copies, objects),
        "conditions": {n: provenance.identity(f, objects) for n, f in degraded.items()},
        "classifier": provenance.identity(system.classifier(0), objects),
        "targets": paths.digest([str(label) for label in system.targets(corpus.table)]),
        "needs_development": system.needs_development,
        "normalisation": normalisation,
        # The same word stands for another computation where the front end does it.
        "normalised_by_front_end": system.normalisation == "utterance",
        "protocol": provenance.identity(protocol.identity()),
    }
    if features is not None:
        recipe |= _told_apart(features, system, corpus, progress)
    modules, own = provenance.origin(objects)
    neural = any(module.startswith("ser_lib.neural") for module in modules)
    if neural:
        recipe["backend"] = provenance.backend()
    code = source.code([*_ROOTS, *modules], own)
    tasks = _tasks(paths.digest(recipe), splits, wanted, corpus.table)

    fresh = fresh or bool(os.environ.get("SER_FRESH"))
    results = {} if fresh else _kept(tasks, code.digest, system.name)
    if len(results) < len(tasks):
        data = _data(system, corpus, features, degraded, normalisation, progress)
        made = {"code": code.digest, "files": code.files, "roots": list(code.roots)}
        made["environment"] = provenance.environment(neural=neural)
        missing = [task for task in tasks if task not in results]
        title = f"{system.name} on {corpus.name}"
        with console.progress(total=len(tasks), description=title, disable=not progress) as bar:
            # What was kept took no time: the time left is reckoned from what is trained now.
            bar.initial = bar.n = len(tasks) - len(missing)
            for task in missing:
                bar.set_postfix_str(_label(task, splits))
                result = run_fold(system, data, task.fold, task.seed)
                result = result._replace(record=result.record | made)
                store.save_fold(task.file, result)
                results[task] = result
                bar.set_postfix_str(f"{_label(task, splits)}: UAR {_uar(result):.3f}")
                bar.update()

    recipe |= {
        "seeds": list(seeds),
        "folds": wanted,
        "split": paths.digest([[task.seed, task.fold.name, task.rows] for task in tasks]),
    }
    predictions = pd.concat([results[task].predictions for task in tasks], ignore_index=True)
    record = _record(system, corpus, protocol, recipe, len(names), [(t, results[t]) for t in tasks])
    file = store.prediction_files(
        corpus.name, system.name, record["digest"], None if reports is None else Path(reports)
    )
    record["command"] = os.environ.get("SER_COMMAND") or _earlier_command(file)
    evaluation = Evaluation(predictions=predictions, record=record)
    store.write(evaluation, file)
    return evaluation


def _seeds(seeds: Sequence[int]) -> tuple[int, ...]:
    """Bring seeds into the one order in which they are kept."""
    seeds = [seeds] if isinstance(seeds, int | np.integer) else list(seeds)
    good = [isinstance(s, int | np.integer) and not isinstance(s, bool) and s >= 0 for s in seeds]
    if not seeds or not all(good) or len(set(seeds)) < len(seeds):
        raise InputError(f"seeds {seeds!r}; expected different whole numbers from 0, at least one")
    return tuple(sorted(int(s) for s in seeds))


def _wanted(folds: int | Sequence[str] | None, names: list[str], protocol: str) -> list[str]:
    """Choose folds by number or name, in the order of the protocol."""
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


def _degraded(system: "System", conditions: Mapping[str, Sequence] | None) -> dict[str, object]:
    """Make the front end of each test condition."""
    conditions = conditions or {}
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


def _told_apart(
    features: RaggedArray, system: "System", corpus: "Corpus", progress: bool
) -> dict[str, str]:
    """Give features that are not the front end's own an entry in the recipe, by their content."""
    if len(features) != len(corpus.table):
        raise InputError(
            f"features of {len(features)} utterances; {corpus.name} ({corpus.subset}) has "
            f"{len(corpus.table)}: expected one row per utterance"
        )
    own = extraction.extract(corpus, [system.front_end], progress=progress)[0]
    if features.item_shape == own.item_shape and np.array_equal(features.lengths, own.lengths):
        pairs = zip(features.pieces(), own.pieces(), strict=False)
        same_file = features.rows is None and getattr(features.values, "filename", "") == getattr(
            own.values, "filename", None
        )
        if same_file or all(np.array_equal(a, b) for a, b in pairs):
            return {}
    content = hashlib.sha256(np.ascontiguousarray(features.lengths).tobytes())
    for piece in features.pieces():
        content.update(np.ascontiguousarray(piece).tobytes())
    return {"features": content.hexdigest()}


def _tasks(
    recipe: str, splits: Mapping[int, Sequence["Fold"]], wanted: list[str], table: pd.DataFrame
) -> list[_Task]:
    """List what is to be done, by seed, then in the order of the protocol's folds."""
    tasks = []
    for seed, folds in splits.items():
        for fold in folds:
            if fold.name in wanted:
                parts = (fold.train, fold.development, fold.test)
                rows = paths.digest([table.index[part].tolist() for part in parts])
                file = store.fold_file(recipe, seed, fold.name, rows)
                tasks.append(_Task(seed, fold, rows, file))
    return tasks


def _kept(tasks: list[_Task], code: str, name: str) -> dict[_Task, store.Result]:
    """Read the folds that are finished; say which are damaged or made by older code."""
    results = {}
    for task in tasks:
        try:
            results[task] = store.load_fold(task.file)
        except FileNotFoundError:
            continue
        except InputError as error:
            _say(f"{name}, fold {task.fold.name}: {error}; it is made again")
    older = sum(result.record["code"] != code for result in results.values())
    if older:
        _say(
            f"{name}: {older} of {len(tasks)} folds were made by older code; `fresh=True` "
            "(or `ser run --fresh`) makes them again"
        )
    return results


def _say(message: str) -> None:
    print(message, file=sys.stderr)


def _data(
    system: "System",
    corpus: "Corpus",
    features: RaggedArray | None,
    degraded: Mapping[str, object],
    normalisation: str,
    progress: bool,
) -> Data:
    """Extract, with one decode per recording, all features that are needed, and scale them."""
    wanted = [*system.training_copies, *degraded.values()]
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
        conditions=dict(zip(degraded, found[copies:], strict=True)),
    )


def _label(task: _Task, splits: Mapping[int, object]) -> str:
    seed = f", seed {task.seed}" if len(splits) > 1 else ""
    return f"fold {task.fold.name}{seed}"


def _uar(result: store.Result) -> float:
    rows = result.predictions.query("part == 'test' and condition == @CLEAN")
    return metrics.uar(rows["emotion"], rows["predicted"])


def _record(
    system: "System",
    corpus: "Corpus",
    protocol: "Protocol",
    recipe: dict,
    n_folds: int,
    done: list[tuple[_Task, store.Result]],
) -> dict:
    """Say what the answers were made of, by what code, where, and in what time."""
    environments: list[dict] = []
    codes: list[dict] = []
    runs = []
    for task, result in done:
        parts = dict(result.record)
        made = {key: parts.pop(key) for key in ("code", "roots", "files")}
        environment = parts.pop("environment")
        for known, new in ((codes, made), (environments, environment)):
            if new not in known:
                known.append(new)
        runs.append(
            {
                "seed": task.seed,
                "fold": task.fold.name,
                "code": codes.index(made),
                "environment": environments.index(environment),
                **parts,
                "history": _columns(parts["history"]),
            }
        )
    return {
        "digest": paths.digest(recipe),
        "system": system.name,
        "title": system.title,
        "setting": system.setting,
        "arguments": provenance.identity(dict(system.parameters)),
        "citation": system.citation,
        "published": provenance.identity(list(system.published)),
        "deviations": list(system.deviations),
        "corpus": corpus.name,
        "corpus_title": corpus.title,
        "corpus_licence": corpus.licence,
        "corpus_citation": corpus.citation,
        "utterances": len(corpus.table),
        "speakers": len(corpus.speakers),
        "protocol": protocol.name,
        "protocol_title": protocol.title,
        "protocol_description": protocol.description,
        "speaker_disjoint": protocol.speaker_disjoint,
        "partial": len(recipe["folds"]) < n_folds,
        "n_folds": n_folds,
        "backend": " + ".join(sorted({e["backend"] for e in environments})),
        "recipe": recipe,
        "environments": environments,
        "code": codes,
        "runs": runs,
    }


def _earlier_command(file: Path) -> str | None:
    """Keep the command that an evaluation was first reported by, when it is read again by hand."""
    try:
        return store.read_record(file).get("command")
    except InputError:
        return None


def _columns(history: list[dict]) -> dict[str, list]:
    """Turn epochs into curves: one list per figure."""
    names = dict.fromkeys(name for epoch in history for name in epoch)
    return {name: [epoch.get(name) for epoch in history] for name in names}
