"""Recipes of a system, compared on development speakers: test rows are not even looked at."""

import contextlib
import dataclasses
import functools
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ser_lib import console, identity, protocols
from ser_lib.errors import InputError
from ser_lib.evaluation.predictions import classes_of, summarise
from ser_lib.experiment import parallel
from ser_lib.experiment import plan as tasks
from ser_lib.experiment import trials as recipes
from ser_lib.experiment.fold import Result, check_normalisation
from ser_lib.systems import base

if TYPE_CHECKING:
    from ser_lib.corpora.corpus import Corpus
    from ser_lib.protocols import Fold, Protocol
    from ser_lib.systems.base import System

# From fewer speakers an interval says next to nothing.
_SPEAKERS = 3


class _Trial(NamedTuple):
    """A recipe, and what is to be done for it."""

    name: str
    system: "System"
    normalisation: str
    recipe: tasks.Recipe
    todo: list[tasks.Task]

    @property
    def digest(self) -> str:
        """Digest of what determines its scores."""
        return identity.digest(self.recipe.content | tasks.extent(self.todo))


def tune(
    system_function: Callable[..., "System"],
    corpus: "Corpus",
    candidates: Mapping[str, Mapping[str, object]],
    *,
    folds: int | Sequence[str] | None = 3,
    seeds: Sequence[int] = (0,),
    normalisation: str | None = None,
    reports: str | os.PathLike | None = None,
    fresh: bool = False,
    jobs: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """
    Compare recipes of a system on the development speakers of some folds of a corpus.

    The test rows of the folds are taken out before anything is trained. Each finished fold is
    kept in the cache, and after each recipe ``<reports>/<corpus>/recipes/<system>.csv`` is written
    anew, so that an interrupted run goes on where it stopped. Recipes that are listed there
    already stay.

    Parameters
    ----------
    system_function : callable
        Makes the system: ``ser_lib.systems.cnn_lstm``.
    corpus : Corpus
        On what; divided by the protocol that suits it (``corpus.protocol``).
    candidates : mapping
        Arguments of the function by the name of the recipe.
    folds : int or sequence of str, optional
        At most so many folds, the first ones, or those of these names; None for all.
    seeds : sequence of int
        One training per recipe, fold and seed.
    normalisation : {"train", "utterance", "speaker"}, optional
        Whose statistics scale the features; by default that of the system.
    reports : path, optional
        Folder of the reports; `ser_lib.paths.reports` by default.
    fresh : bool
        Train everything again, whatever is kept; the environment variable ``SER_FRESH`` says the
        same.
    jobs : int, optional
        How many processes train recipes, folds and seeds side by side; see
        `ser_lib.experiment.run.evaluate`.
    progress : bool
        Whether to show which recipe and fold is running or done and the time left.

    Returns
    -------
    pandas.DataFrame
        One row per recipe, best development UAR first; columns `ser_lib.experiment.trials.COLUMNS`:
        recipe, arguments (all of the system's, as JSON), dev_uar of the pooled development rows
        (averaged over seeds) with its 95 % interval over speakers where there are three or more,
        dev_loss (mean negative logarithm of the true class's posterior), best_epoch (mean),
        parameters, fit_seconds, and on what by which code it was made. A recipe whose training
        diverged is said so on standard error and left out.

    Raises
    ------
    InputError
        For arguments that the system does not have, two recipes that are the same, a misspelt fold
        or normalisation, folds without development rows, or a damaged table; if every training
        diverged.
    """
    parallel.check_jobs(jobs)
    if not candidates:
        raise InputError("no recipes; expected at least one, arguments by its name")
    protocol = protocols.make(corpus.protocol)
    splits = _splits(protocol, corpus, folds, tasks.check_seeds(seeds))
    trials = [
        _trial(name, given, system_function, corpus, protocol, splits, normalisation)
        for name, given in candidates.items()
    ]
    _check_different(trials)
    name = trials[0].system.name
    path = recipes.file(corpus.name, name, None if reports is None else Path(reports))
    recipes.read(path)  # A damaged table is found before, not after, the training.

    fresh = fresh or bool(os.environ.get("SER_FRESH"))
    results = {trial.name: {} if fresh else _kept(trial) for trial in trials}
    rows: list[dict] = []
    failed: dict[str, str] = {}

    def finish(trial: _Trial) -> None:
        done = results[trial.name]
        if len(done) == len(trial.todo):
            rows.append(_row(trial, protocol, corpus, [done[task] for task in trial.todo]))
            recipes.add(path, rows[-1])

    for trial in trials:
        finish(trial)
    works = [_work(trial, corpus, results[trial.name], progress) for trial in trials]
    with (
        console.progress(total=sum(len(t.todo) for t in trials), disable=not progress) as bar,
        contextlib.closing(parallel.train(works, bar, jobs)) as found,
    ):
        bar.initial = bar.n = sum(map(len, results.values()))
        for number, task, result in found:
            trial = trials[number]
            if not isinstance(result, InputError):
                results[trial.name][task] = result
                finish(trial)
            elif trial.name not in failed:
                # A learning rate that is too large is no reason to give the others up.
                failed[trial.name] = f"recipe {trial.name!r}: {result}"
                tasks.say(f"{name}, {failed[trial.name]}")
    if not rows:
        raise InputError(f"no recipe could be trained; {next(iter(failed.values()))}")
    return recipes.ordered(rows)


def _splits(
    protocol: "Protocol",
    corpus: "Corpus",
    folds: int | Sequence[str] | None,
    seeds: Sequence[int],
) -> dict[int, list["Fold"]]:
    """Divide the corpus, and put the development rows in the place of the test rows."""
    splits = {seed: protocol.folds(corpus.table, seed=seed) for seed in seeds}
    names = [fold.name for fold in splits[seeds[0]]]
    if isinstance(folds, int | np.integer) and not isinstance(folds, bool):
        folds = min(folds, len(names))
    wanted = tasks.check_folds(folds, names, protocol.name)
    chosen = {s: [fold for fold in found if fold.name in wanted] for s, found in splits.items()}
    for fold in (fold for found in chosen.values() for fold in found):
        if not len(fold.development):
            raise InputError(
                f"fold {fold.name} of {protocol.name} has no development rows; expected a "
                "protocol that holds some out"
            )
    return {
        seed: [dataclasses.replace(fold, test=fold.development) for fold in found]
        for seed, found in chosen.items()
    }


def _trial(
    name: str,
    given: Mapping[str, object],
    function: Callable[..., "System"],
    corpus: "Corpus",
    protocol: "Protocol",
    splits: Mapping[int, Sequence["Fold"]],
    normalisation: str | None,
) -> _Trial:
    """Make the system of a recipe, and list what is to be trained."""
    try:
        system = function(**base.arguments(function, given))
        normalisation = check_normalisation(normalisation or system.normalisation, system)
    except InputError as error:
        raise InputError(f"recipe {name!r}: {error}") from None
    if not system.needs_development:
        # Its development rows would join the training; here they are what is scored.
        splits = {
            seed: [dataclasses.replace(f, development=f.development[:0]) for f in folds]
            for seed, folds in splits.items()
        }
    recipe = tasks.recipe(system, corpus, protocol, normalisation)
    recipe.content["scored"] = "development rows"
    todo = tasks.tasks(recipe.content, splits, corpus.table)
    return _Trial(str(name), system, normalisation, recipe, todo)


def _check_different(trials: Sequence[_Trial]) -> None:
    """Refuse two names for the same recipe: only one of them could be listed."""
    names: dict[str, str] = {}
    for trial in trials:
        other = names.setdefault(trial.digest, trial.name)
        if other != trial.name:
            raise InputError(
                f"recipes {other!r} and {trial.name!r} are the same; expected different ones"
            )


def _kept(trial: _Trial) -> dict[tasks.Task, Result]:
    title = f"{trial.system.name}, {trial.name}"
    return tasks.kept(trial.todo, trial.recipe.code.digest, title)


def _work(
    trial: _Trial, corpus: "Corpus", kept: Mapping[tasks.Task, Result], progress: bool
) -> parallel.Work:
    """Say what of a recipe is still to be trained."""
    system = trial.system
    data = functools.partial(tasks.data, system, corpus, trial.normalisation, progress=progress)
    title = f"{system.name} on {corpus.name}, {trial.name}"
    missing = [task for task in trial.todo if task not in kept]
    return parallel.Work(title, system, trial.recipe, data, missing)


def _row(
    trial: _Trial, protocol: "Protocol", corpus: "Corpus", results: Sequence[Result]
) -> dict[str, object]:
    """Score a recipe on the pooled development rows."""
    answers = pd.concat([result.predictions for result in results], ignore_index=True)
    # What stood in the place of the test rows; see `_splits`.
    answers = answers[answers["part"] == "test"]
    classes = classes_of(answers)
    scores = summarise(answers, classes)
    speakers = sorted(answers["speaker"].dropna().unique())
    known = len(speakers) >= _SPEAKERS
    p = answers[[f"p_{name}" for name in classes]].to_numpy()
    records = [result.record for result in results]
    epochs = [r["chosen"]["epoch"] for r in records if "epoch" in r["chosen"]]
    counts = [r["n_parameters"] for r in records if r["n_parameters"] is not None]
    extent = tasks.extent(trial.todo)
    system = trial.system
    arguments = {"setting": system.setting, **system.parameters}
    return {
        "recipe": trial.name,
        "arguments": json.dumps(identity.describe(arguments), ensure_ascii=False),
        "dev_uar": scores["uar"],
        "dev_uar_low": scores["uar_low"] if known else np.nan,
        "dev_uar_high": scores["uar_high"] if known else np.nan,
        "dev_loss": recipes.loss(p, pd.Index(classes).get_indexer(answers["emotion"])),
        "best_epoch": np.mean(epochs) if epochs else np.nan,
        "parameters": int(np.median(counts)) if counts else None,
        "fit_seconds": sum(r["fit_seconds"] for r in records),
        "folds": ", ".join(extent["folds"]),
        "development": ", ".join(map(str, speakers)),
        "seeds": ", ".join(map(str, extent["seeds"])),
        "normalisation": trial.normalisation,
        "protocol": protocol.name,
        "subset": corpus.subset,
        "classes": len(corpus.classes),
        "recordings": corpus.fingerprint[:8],
        "roots": " ".join(trial.recipe.code.roots),
        "code": " ".join(sorted({recipes.stamp(r["files"]) for r in records})),
        "digest": trial.digest,
    }
