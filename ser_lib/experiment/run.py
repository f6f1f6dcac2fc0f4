"""Evaluate a system on a corpus, fold by fold, or train it on one fold."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ser_lib import identity, paths
from ser_lib.errors import InputError
from ser_lib.evaluation.predictions import Evaluation
from ser_lib.experiment import provenance, results, training
from ser_lib.experiment.fold import FoldResult
from ser_lib.experiment.plan import Plan, Task, prepare
from ser_lib.experiment.restore import remove_parts, restore_folds
from ser_lib.places import require_writable

if TYPE_CHECKING:
    from ser_lib.corpora.corpus import Corpus
    from ser_lib.protocols import Fold, Protocol
    from ser_lib.systems.base import System


def evaluate(
    system: "System",
    corpus: "Corpus",
    *,
    protocol: "str | Protocol | None" = None,
    seeds: int | Sequence[int] = (0,),
    folds: int | Sequence[str] | None = None,
    normalisation: str | None = None,
    conditions: Mapping[str, Sequence] | None = None,
    hold_out_development: bool = False,
    reports: str | os.PathLike | None = None,
    fresh: bool = False,
    jobs: int | None = None,
    progress: bool = True,
) -> Evaluation:
    """
    Train and test a system on the folds of a corpus, and report all its predictions.

    Each finished fold is stored in the cache, so that an interrupted run goes on where it stopped;
    predictions and their record are written to ``<reports>/<corpus>/predictions`` when all folds
    are finished. Folds that an evaluation there holds are used like those in the cache, and an
    evaluation that is but a part of this one (fewer seeds or folds) is removed. A fold that older
    code trained is used, with a message.

    Parameters
    ----------
    system : System
        What is evaluated.
    corpus : Corpus
        On what.
    protocol : str or Protocol, optional
        How rows are divided; by default what suits the corpus (``corpus.protocol``).
    seeds : sequence of int
        One training per fold and seed.
    folds : int or sequence of str, optional
        The first so many folds, or those of these names; all by default. Fewer than all make the
        evaluation partial: it is marked and never ranked.
    normalisation : {"train", "utterance", "speaker"}, optional
        Whose statistics scale the features; by default ``system.normalisation``.
    conditions : dict, optional
        Further test conditions: name -> steps of `ser_lib.signal` by which the test recordings are
        degraded. The classifier of each fold predicts them too.
    hold_out_development : bool
        Whether the development rows stay out of the training of a system that chooses nothing by
        them, and are predicted: weights of a fusion can be fitted to them. Of a system that does
        choose by them this is so in any case.
    reports : path, optional
        Folder of the reports; `ser_lib.paths.reports` by default.
    fresh : bool
        Train everything again, whatever is stored. The environment variable ``SER_FRESH`` (set by
        ``ser run --fresh``) does the same.
    jobs : int, optional
        Number of processes of this machine that train folds and seeds side by side; 1 for this one.
        By default the workers of a Dask cluster, if ``joblib.parallel_config(backend="dask")`` or
        ``SER_SCHEDULER`` names one. Otherwise training starts in this process, and moves to one
        process per core when what is left takes longer than starting them.
    progress : bool
        Whether to show a progress bar with the last fold's UAR and the time left.

    Returns
    -------
    Evaluation
        Predictions of the test rows under every condition and of the development rows, and the
        record.

    Raises
    ------
    InputError
        For a misspelt protocol, fold or normalisation, a protocol or normalisation that does not
        suit the corpus or system, training rows that cannot be learnt from, or a cluster whose
        workers do not see the cache.
    DivergenceError
        If training diverged.

    Notes
    -----
    Worker processes compute with one thread and a fixed order of sets. In a process started like
    them (``ser`` starts kernels so) the numbers are the same to the last bit wherever they are
    computed.
    """
    plan = prepare(
        system,
        corpus,
        protocol=protocol,
        seeds=seeds,
        folds=folds,
        normalisation=normalisation,
        conditions=conditions,
        hold_out_development=hold_out_development,
    )
    folder = paths.reports(reports) / corpus.name
    require_writable(folder / "predictions", "the reports")
    if not training.is_fresh(fresh):
        restore_folds(plan, folder)
    finished = {
        task: result
        for _, task, result in training.complete([plan], fresh=fresh, jobs=jobs, progress=progress)
    }
    return store(plan, {task: finished[task] for task in plan.tasks}, reports)


def store(
    plan: Plan,
    finished: Mapping[Task, FoldResult],
    reports: str | os.PathLike | None = None,
    **record: object,
) -> Evaluation:
    """
    Make an evaluation of finished folds and write it into the reports, in the place of its parts.

    Parameters
    ----------
    plan : Plan
        What was trained.
    finished : mapping of Task to FoldResult
        All tasks of the plan, in its order.
    reports : path, optional
        Folder of the reports; `ser_lib.paths.reports` by default.
    **record
        What the record says beside the plan.
    """
    predictions = pd.concat([r.predictions for r in finished.values()], ignore_index=True)
    record = _record(plan, finished) | record
    file = results.prediction_files(plan.corpus.name, plan.system.name, record["digest"], reports)
    record["command"] = _earlier_command(file, record["code"]) or os.environ.get("SER_COMMAND")
    evaluation = Evaluation(predictions=predictions, record=record)
    results.write(evaluation, file)
    remove_parts(plan, file.parent.parent)
    return evaluation


def train_fold(
    system: "System",
    corpus: "Corpus",
    *,
    protocol: "str | Protocol | None" = None,
    fold: int | str | Sequence[str] | None = None,
    seed: int = 0,
    normalisation: str | None = None,
    conditions: Mapping[str, Sequence] | None = None,
    progress: bool = True,
) -> tuple[object, "Fold"]:
    """
    Train a system on one fold as `evaluate` does, and return the classifier.

    The fold's result is stored as well, so that an `evaluate` with the same arguments does not
    train it again; one that the cache or the reports have stays as it is. On the same machine the
    same seed gives the same classifier.

    Parameters
    ----------
    system, corpus, protocol, normalisation, conditions, progress
        As for `evaluate`.
    fold : str, int or sequence of str, optional
        Name of the fold; the protocol's first by default. Where several are given, as `evaluate`
        takes them, the first of these.
    seed : int
        Seed of the classifier.

    Returns
    -------
    classifier : object
        Fitted. Features that it is to predict must be scaled as `normalisation` says; with
        ``"train"`` the classifier scales them itself.
    fold : Fold
        Its training, development and test rows.

    Raises
    ------
    InputError, DivergenceError
        As `evaluate`.
    """
    plan = prepare(
        system,
        corpus,
        protocol=protocol,
        seeds=[seed],
        folds=1 if fold is None else fold,
        normalisation=normalisation,
        conditions=conditions,
    )
    # Otherwise this training would replace that of the evaluation in the reports, which another
    # machine may have made with other last digits.
    restore_folds(plan, paths.reports() / corpus.name)
    task = plan.tasks[0]
    return training.train_here(plan, task, progress=progress), task.fold


def _record(plan: Plan, finished: Mapping[Task, FoldResult]) -> dict:
    """Describe what the predictions were made of, by what code, where, and in what time."""
    environments: list[dict] = []
    codes: list[dict] = []
    runs = []
    for task, result in finished.items():
        parts = dict(result.record)
        code = {key: parts.pop(key) for key in ("code", "roots", "files")}
        environment, history = parts.pop("environment"), parts.pop("history")
        for known, new in ((codes, code), (environments, environment)):
            if new not in known:
                known.append(new)
        figures = dict.fromkeys(name for epoch in history for name in epoch)
        runs.append(
            {
                "seed": task.seed,
                "fold": task.fold.name,
                "code": codes.index(code),
                "environment": environments.index(environment),
                **parts,
                "history": {name: [epoch.get(name) for epoch in history] for name in figures},
            }
        )
    system, protocol = plan.system, plan.protocol
    return {
        "digest": plan.digest,
        **provenance.record_of_system(system),
        "published": identity.describe(list(system.published)),
        **provenance.record_of_corpus(plan.corpus),
        "protocol": protocol.name,
        "protocol_title": protocol.title,
        "protocol_description": protocol.description,
        "speaker_disjoint": protocol.speaker_disjoint,
        "partial": len(plan.content["folds"]) < plan.n_folds,
        "n_folds": plan.n_folds,
        "backend": " + ".join(sorted({e["backend"] for e in environments})),
        "specification": plan.content,
        "environments": environments,
        "code": codes,
        "runs": runs,
    }


def _earlier_command(file: Path, code: list[dict]) -> str | None:
    """Return the command that the same code first made the evaluation by: it stays."""
    try:
        earlier = results.read_record(file)
    except InputError:
        return None
    return earlier.get("command") if earlier.get("code") == code else None
