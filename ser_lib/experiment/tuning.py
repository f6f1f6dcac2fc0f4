"""Compare parameters of a system on development speakers; test rows are not even looked at."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib import identity, systems
from ser_lib.errors import DivergenceError, InputError, unknown
from ser_lib.evaluation.predictions import classes_of, summarise
from ser_lib.experiment import training
from ser_lib.experiment.fold import FoldResult
from ser_lib.experiment.plan import Plan, prepare, say
from ser_lib.experiment.trials import add, join_names, ordered, read, stamp, trials_file
from ser_lib.places import require_writable
from ser_lib.systems.base import System

if TYPE_CHECKING:
    from ser_lib.corpora.corpus import Corpus


def tune(
    system: type[System] | str,
    corpus: "Corpus",
    trials: Mapping[str, Mapping[str, object]] | Sequence[str] | None = None,
    *,
    folds: int | Sequence[str] | None = 3,
    seeds: int | Sequence[int] = (0, 1, 2),
    normalisation: str | None = None,
    reports: str | os.PathLike | None = None,
    fresh: bool = False,
    jobs: int | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """
    Compare parameters of a system on the development speakers of some folds of a corpus.

    The test rows of the folds are taken out before anything is trained. Each finished fold is
    stored in the cache, and after each trial ``<reports>/<corpus>/trials/<system>.csv`` is written
    anew, so that an interrupted run goes on where it stopped. Trials that are listed there already
    stay.

    Parameters
    ----------
    system : class or str
        `ser_lib.systems.CnnLstm`, or its name.
    corpus : Corpus
        On what; divided by the protocol that suits it (``corpus.protocol``).
    trials : mapping or sequence of str, optional
        Changed parameters by the name of the trial, or names of trials of the system's
        ``search_space``; by default all of that.
    folds : int or sequence of str, optional
        At most so many folds, the first ones, or those of these names; None for all.
    seeds : sequence of int
        One training per trial, fold and seed; a single seed decides nothing.
    normalisation : {"train", "utterance", "speaker"}, optional
        Whose statistics scale the features; by default that of the system.
    reports : path, optional
        Folder of the reports; `ser_lib.paths.reports` by default.
    fresh, jobs, progress
        As for `ser_lib.experiment.evaluate`.

    Returns
    -------
    pandas.DataFrame
        One row per trial, best development UAR first; columns `ser_lib.experiment.trials.COLUMNS`:
        trial, parameters (all of the system's, as JSON), dev_uar of the pooled development rows
        (averaged over seeds) with its 95 % interval over speakers where there are three or more,
        dev_loss (their cross-entropy), best_epoch (mean), n_parameters, fit_seconds, and on what by
        which code it was computed. A trial whose training diverged is named on standard error and
        left out.

    Raises
    ------
    InputError
        For parameters that the system does not have, two trials that are the same, a misspelt
        trial, fold or normalisation, folds without development rows, or a damaged table.
    DivergenceError
        If the training of every trial diverged.
    """
    if isinstance(system, str):
        system = systems.get(system)
    options = {"folds": folds, "seeds": seeds, "normalisation": normalisation, "development": True}
    plans = plan_trials(system, corpus, trials, **options)
    path = trials_file(corpus.name, system.name, reports)
    read(path)  # A damaged table is found before, not after, the training.
    require_writable(path.parent, "the table of trials")

    finished = {plan: {} for plan in plans}
    rows: list[dict] = []
    diverged: dict[Plan, str] = {}
    for plan, task, result in training.complete(
        list(plans), fresh=fresh, jobs=jobs, progress=progress, catch=(DivergenceError,)
    ):
        if isinstance(result, FoldResult):
            finished[plan][task] = result
            if len(finished[plan]) == len(plan.tasks):
                results = [finished[plan][task] for task in plan.tasks]
                rows.append(_row(plans[plan], plan, results))
                add(path, rows[-1])
        elif plan not in diverged:
            # A learning rate that is too large is no reason to give the others up.
            diverged[plan] = f"trial {plans[plan]!r}: {result}"
            say(f"{system.name}, {diverged[plan]}")
    if not rows:
        raise DivergenceError(f"no trial could be trained; {next(iter(diverged.values()))}")
    return ordered(rows)


def plan_trials(
    system: type[System],
    corpus: "Corpus",
    trials: Mapping[str, Mapping[str, object]] | Sequence[str] | None,
    **options: object,
) -> dict[Plan, str]:
    """
    Prepare the trials of a system; `trials` as for `tune`, `options` as for `plan.prepare`.

    The values are the names of the trials. InputError as of `tune`.
    """
    plans: dict[Plan, str] = {}
    names: dict[str, str] = {}
    for name, changes in _chosen(system, trials).items():
        title = f"{system.name} on {corpus.name}, {name}"
        try:
            plan = prepare(system.of(**changes), corpus, title=title, **options)
        except InputError as error:
            raise InputError(f"trial {name!r}: {error}") from None
        plans[plan] = name
        other = names.setdefault(plan.digest, name)
        if other != name:
            raise InputError(
                f"trials {other!r} and {name!r} have the same parameters; expected different ones"
            )
    return plans


def _chosen(
    kind: type[System], trials: Mapping[str, Mapping] | Sequence[str] | None
) -> Mapping[str, Mapping[str, object]]:
    """Return the changed parameters of each trial that is wanted."""
    if isinstance(trials, Mapping):
        chosen = trials
    else:
        space = kind.search_space
        names = list(space) if trials is None else list(trials)
        for name in names:
            if name not in space:
                raise unknown(f"trial of {kind.name}", name, space)
        chosen = {name: space[name] for name in names}
    if not chosen:
        empty = "" if kind.search_space else ", whose search space is empty"
        raise InputError(
            f"no trials of {kind.name}{empty}; expected at least one: changed parameters by its "
            "name"
        )
    return chosen


def _row(name: str, plan: Plan, finished: Sequence[FoldResult]) -> dict[str, object]:
    """Score a trial on the pooled development rows."""
    predictions = pd.concat([result.predictions for result in finished], ignore_index=True)
    # They stood in the place of the test rows.
    predictions = predictions[predictions["part"] == "test"]
    scores = summarise(predictions, classes_of(predictions))
    speakers = sorted(predictions["speaker"].dropna().unique())
    records = [result.record for result in finished]
    epochs = [r["chosen"]["epoch"] for r in records if "epoch" in r["chosen"]]
    sizes = [r["n_parameters"] for r in records if r["n_parameters"] is not None]
    system, corpus, content = plan.system, plan.corpus, plan.content
    parameters = {"variant": system.variant, **system.parameters}
    # Files that options name, as they were named.
    options = {n: str(v) if isinstance(v, os.PathLike) else v for n, v in corpus.options.items()}
    return {
        "trial": name,
        "parameters": json.dumps(identity.describe(parameters), ensure_ascii=False),
        "dev_uar": scores["uar"],
        "dev_uar_low": scores["uar_low"],
        "dev_uar_high": scores["uar_high"],
        "dev_loss": scores["cross_entropy"],
        "best_epoch": np.mean(epochs) if epochs else np.nan,
        "n_parameters": int(np.median(sizes)) if sizes else None,
        "fit_seconds": sum(r["fit_seconds"] for r in records),
        "folds": join_names(content["folds"]),
        "development": join_names(map(str, speakers)),
        "seeds": join_names(map(str, content["seeds"])),
        "normalisation": plan.normalisation,
        "protocol": plan.protocol.name,
        "corpus_options": json.dumps(identity.describe(options), ensure_ascii=False),
        "subset": corpus.subset,
        "classes": len(corpus.classes),
        "recordings": corpus.fingerprint[:8],
        "roots": " ".join(plan.specification.code.roots),
        "code": " ".join(sorted({stamp(r["files"]) for r in records})),
        "digest": plan.digest,
    }
