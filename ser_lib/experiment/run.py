"""A system on a corpus, fold by fold: what is finished is kept, and is never mixed up."""

import contextlib
import functools
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import joblib
import numpy as np
import pandas as pd

from ser_lib import console, identity, protocols
from ser_lib.errors import InputError
from ser_lib.evaluation.predictions import Evaluation
from ser_lib.experiment import parallel
from ser_lib.experiment import plan as tasks
from ser_lib.experiment import results as store
from ser_lib.experiment.fold import CLEAN, check_normalisation, fit_fold
from ser_lib.features import cache as extraction
from ser_lib.features.ragged import RaggedArray

if TYPE_CHECKING:
    from ser_lib.corpora.corpus import Corpus
    from ser_lib.protocols import Fold, Protocol
    from ser_lib.systems.base import System


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
    jobs: int | None = None,
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
    jobs : int, optional
        How many processes of this machine train folds and seeds side by side; 1 for this one. By
        default the workers of a Dask cluster do, if ``joblib.parallel_config(backend="dask")`` or
        ``SER_SCHEDULER`` names one. Otherwise trainings begin in this process, and go over to one
        process per core when what is left takes longer than starting them.
    progress : bool
        Whether to show which fold is running or done, the last one's UAR and the time left.

    Returns
    -------
    Evaluation
        Answers to test rows under every condition and to development rows, and the record.

    Raises
    ------
    InputError
        For a misspelt protocol, fold or normalisation, a protocol or normalisation that the
        corpus or system cannot give, features of another corpus, a fold that teaches nothing, a
        cluster whose workers do not see the cache.

    Notes
    -----
    Worker processes compute with one thread and a fixed order of sets. In a process started like
    them (``ser`` starts kernels so) the numbers are the same to the last bit wherever they are
    made.
    """
    parallel.check_jobs(jobs)
    protocol = corpus.protocol if protocol is None else protocol
    protocol = protocols.make(protocol) if isinstance(protocol, str) else protocol
    default = system.normalisation if normalisation is None else normalisation
    normalisation = check_normalisation(default, system)
    degraded = _degraded(system, conditions)
    seeds = tasks.check_seeds(seeds)
    splits = {seed: protocol.folds(corpus.table, seed=seed) for seed in seeds}
    names = [fold.name for fold in splits[seeds[0]]]
    wanted = tasks.check_folds(folds, names, protocol.name)
    splits = {s: [fold for fold in found if fold.name in wanted] for s, found in splits.items()}

    content, code, _ = recipe = tasks.recipe(system, corpus, protocol, normalisation, degraded)
    if features is not None:
        content |= _told_apart(features, system, corpus, progress)
    todo = tasks.tasks(content, splits, corpus.table)

    fresh = fresh or bool(os.environ.get("SER_FRESH"))
    results = {} if fresh else tasks.kept(todo, code.digest, system.name)
    if len(results) < len(todo):
        data = functools.partial(
            tasks.data,
            *(system, corpus, normalisation),
            features=features,
            conditions=degraded,
            progress=progress,
        )
        missing = [task for task in todo if task not in results]
        title = f"{system.name} on {corpus.name}"
        work = parallel.Work(title, system, recipe, functools.cache(data), missing)
        with (
            console.progress(total=len(todo), description=title, disable=not progress) as bar,
            contextlib.closing(parallel.train([work], bar, jobs)) as done,
        ):
            # What was kept took no time: the time left is reckoned from what is trained now.
            bar.initial = bar.n = len(results)
            for _, task, result in done:
                if isinstance(result, InputError):
                    raise result
                results[task] = result

    content |= tasks.extent(todo)
    results = {task: results[task] for task in todo}
    predictions = pd.concat([r.predictions for r in results.values()], ignore_index=True)
    record = _record(system, corpus, protocol, content, len(names), results)
    file = store.prediction_files(
        corpus.name, system.name, record["digest"], None if reports is None else Path(reports)
    )
    record["command"] = os.environ.get("SER_COMMAND") or _earlier_command(file)
    evaluation = Evaluation(predictions=predictions, record=record)
    store.write(evaluation, file)
    return evaluation


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


def _record(
    system: "System",
    corpus: "Corpus",
    protocol: "Protocol",
    recipe: dict,
    n_folds: int,
    done: Mapping[tasks.Task, store.Result],
) -> dict:
    """Say what the answers were made of, by what code, where, and in what time."""
    environments: list[dict] = []
    codes: list[dict] = []
    runs = []
    for task, result in done.items():
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
        "digest": identity.digest(recipe),
        "system": system.name,
        "title": system.title,
        "setting": system.setting,
        "arguments": identity.describe(dict(system.parameters)),
        "citation": system.citation,
        "published": identity.describe(list(system.published)),
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


def trained(
    system: "System",
    corpus: "Corpus",
    *,
    features: RaggedArray | None = None,
    protocol: "str | Protocol | None" = None,
    fold: str | None = None,
    seed: int = 0,
    normalisation: str | None = None,
    progress: bool = True,
) -> tuple[object, "Fold"]:
    """
    Train a system on one fold as `evaluate` does, and give the classifier itself.

    For looking into a network whose answers an evaluation holds: on the same machine the same
    seed gives the same network.

    Parameters
    ----------
    system, corpus, features, protocol, normalisation, progress
        As for `evaluate`.
    fold : str, optional
        Name of the fold; the protocol's first by default.
    seed : int
        Seed of the classifier.

    Returns
    -------
    classifier, Fold
        Fitted; and which rows trained, chose and are left to test it. Features to ask it about
        have to be scaled as `normalisation` says, which ``"train"`` leaves to the classifier.

    Raises
    ------
    InputError
        As `evaluate`.
    """
    protocol = corpus.protocol if protocol is None else protocol
    protocol = protocols.make(protocol) if isinstance(protocol, str) else protocol
    default = system.normalisation if normalisation is None else normalisation
    folds = {found.name: found for found in protocol.folds(corpus.table, seed=seed)}
    (name,) = tasks.check_folds(1 if fold is None else [fold], list(folds), protocol.name)
    data = tasks.data(
        *(system, corpus, check_normalisation(default, system)),
        features=features,
        progress=progress,
    )
    # Under a Dask backend the search of a grid would leave this process, thread by thread.
    with joblib.parallel_config(backend="sequential"):
        return fit_fold(system, data, folds[name], seed), folds[name]
