"""
Nested choice: the parameters of a system are chosen anew inside each fold, then tested there.

Parameters that were chosen on development speakers of a cross-validation have seen its test
speakers, who are development speakers of other folds, and the score is too high by what that is
worth [1]_. Here each fold chooses for itself, on speakers of its own training side.

References
----------
.. [1] G. C. Cawley, N. L. C. Talbot, "On over-fitting in model selection and subsequent selection
   bias in performance evaluation", Journal of Machine Learning Research 11 (2010), pp. 2079-2107.
"""

import dataclasses
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from ser_lib import identity, paths, systems
from ser_lib.errors import DivergenceError, InputError
from ser_lib.evaluation.predictions import Evaluation, classes_of, summarise
from ser_lib.experiment import training
from ser_lib.experiment.fold import FoldResult
from ser_lib.experiment.plan import Plan, prepare, say
from ser_lib.experiment.restore import restore_folds
from ser_lib.experiment.run import store
from ser_lib.experiment.tuning import plan_trials
from ser_lib.places import require_writable
from ser_lib.protocols import Fold, Protocol
from ser_lib.protocols.columns import listed_groups, required_column, session_groups
from ser_lib.protocols.development import balanced_folds

if TYPE_CHECKING:
    from ser_lib.corpora.corpus import Corpus
    from ser_lib.systems.base import System


@dataclass(frozen=True)
class InnerFolds(Protocol):
    """
    Inside each fold of a protocol, `k` folds of its training speakers, each for development once.

    Rows that may not train in the outer fold do not occur; its test rows stay test rows. Training
    speakers who share a session are in one inner fold; there are fewer than `k` inner folds if
    there are fewer such groups.
    """

    name: ClassVar[str] = "inner_folds"
    title: ClassVar[str] = "inner folds"
    description: ClassVar[str] = "Folds of the training speakers of each fold."
    speaker_disjoint: ClassVar[bool] = True

    outer: Protocol
    k: int

    def _folds(self, table: pd.DataFrame, seed: int) -> Iterable[Fold]:
        for fold in self.outer.folds(table, seed=seed):
            rows = fold.trainable
            own = table.iloc[rows]
            speakers = required_column(own, "speaker", self.name)
            groups = session_groups(own, speakers)
            k = min(self.k, len(set(groups)))
            if k < 2:
                raise InputError(
                    "a nested choice needs two or more training speakers who share no session; "
                    f"fold {fold.name} of {self.outer.name} has one group: "
                    f"{listed_groups(groups, speakers)}"
                )
            numbers = balanced_folds(own, speakers, groups, k)
            for number in range(k):
                inside = numbers == number
                name = inner_name(fold.name, number)
                yield Fold(name, rows[~inside], rows[inside], fold.test)


def inner_name(fold: str, number: int) -> str:
    """Name an inner fold, counted from 0."""
    return f"{fold}, inner {number + 1}"


def evaluate_nested(
    system: "type[System] | str",
    corpus: "Corpus",
    trials: Mapping[str, Mapping[str, object]] | Sequence[str] | None = None,
    *,
    inner_folds: int = 3,
    protocol: "str | Protocol | None" = None,
    seeds: int | Sequence[int] = (0, 1, 2),
    folds: int | Sequence[str] | None = None,
    normalisation: str | None = None,
    reports: str | os.PathLike | None = None,
    fresh: bool = False,
    jobs: int | None = None,
    progress: bool = True,
) -> Evaluation:
    """
    Choose parameters inside each fold, train with them on its training rows, and test once.

    In each fold the training speakers are divided into `inner_folds`, each of which scores every
    trial once. The trial with the best UAR of the pooled inner folds, the mean over seeds (of
    equals, the smaller cross-entropy), is trained on all training rows of the fold, and its test
    rows are predicted. It costs ``trials * inner_folds + 1`` trainings for each fold and seed.

    Each finished training is stored in the cache, so that an interrupted run goes on where it
    stopped, and the evaluation is stored as `ser_lib.evaluate` stores one; reports show it as
    "nested choice".

    Parameters
    ----------
    system : class or str
        `ser_lib.systems.CnnLstm`, or its name.
    corpus : Corpus
        On what.
    trials : mapping or sequence of str, optional
        As for `ser_lib.experiment.tune`: changed parameters by the name of the trial, or names of
        trials of the system's ``search_space``; by default all of that.
    inner_folds : int >= 2
        Number of inner folds, or as many as there are training speakers who share no session if
        these are fewer.
    protocol, folds, normalisation, reports, fresh, jobs, progress
        As for `ser_lib.evaluate`; the protocol must keep speakers apart.
    seeds : sequence of int
        One training each. A fold makes one choice for all seeds.

    Returns
    -------
    Evaluation
        Its record has, as ``choices``, for each fold the trial that was chosen and the development
        UAR of all.

    Raises
    ------
    InputError
        As `ser_lib.evaluate` and `ser_lib.experiment.tune`; or if there are fewer than two trials,
        the protocol does not keep speakers apart, or `inner_folds` is less than 2.
    DivergenceError
        If the training of every trial diverged in a fold, or that of the chosen one with all its
        training rows.
    """
    if isinstance(system, str):
        system = systems.get(system)
    if isinstance(inner_folds, bool) or not isinstance(inner_folds, int) or inner_folds < 2:
        raise InputError(f"inner_folds is {inner_folds!r}; expected an integer of at least 2")
    whole = {"protocol": protocol, "seeds": seeds, "folds": folds, "normalisation": normalisation}
    base = prepare(system.of(), corpus, title=f"{system.name} on {corpus.name}", **whole)
    if not base.protocol.speaker_disjoint:
        raise InputError(
            f"{base.protocol.name} lets speakers into training and test; a nested choice needs a "
            "protocol that keeps them apart"
        )
    outer = list(base.content["folds"])
    inner = InnerFolds(base.protocol, inner_folds)
    names = {
        fold.name for seed in base.content["seeds"] for fold in inner.folds(corpus.table, seed=seed)
    }
    inside = {f: [n for k in range(inner_folds) if (n := inner_name(f, k)) in names] for f in outer}
    options = {"seeds": seeds, "normalisation": normalisation}
    plans = plan_trials(
        system,
        corpus,
        trials,
        protocol=inner,
        folds=[name for own in inside.values() for name in own],
        development=True,
        **options,
    )
    if len(plans) < 2:
        raise InputError(f"a choice needs two trials or more; found {next(iter(plans.values()))!r}")
    folder = paths.reports(reports) / corpus.name
    require_writable(folder / "predictions", "the reports")
    running = {"fresh": fresh, "jobs": jobs, "progress": progress}
    choices = _choose(plans, inside, **running)

    final = []
    for plan, trial in plans.items():
        own = [fold for fold in outer if choices[fold]["trial"] == trial]
        if own:
            title = f"{system.name} on {corpus.name}, chosen: {trial}"
            options = whole | {"folds": own}
            final.append((trial, prepare(plan.system, corpus, title=title, **options)))
    if not training.is_fresh(fresh):
        for _, plan in final:
            restore_folds(plan, folder)
    trial_of = {plan: trial for trial, plan in final}
    found = {
        (task.seed, task.fold.name): _with_trial(result, trial_of[plan])
        for plan, task, result in training.complete(list(trial_of), **running)
    }
    chosen = {
        "trials": {n: identity.digest(plan.specification.content) for plan, n in plans.items()},
        "inner_folds": inner_folds,
    }
    content = base.specification.content | {"nested": chosen}
    nested = dataclasses.replace(base, specification=base.specification._replace(content=content))
    finished = {task: found[task.seed, task.fold.name] for task in nested.tasks}
    more = {
        "choices": choices,
        "trials": {name: identity.describe(dict(p.system.parameters)) for p, name in plans.items()},
    }
    return store(nested, finished, reports, **more)


def _choose(
    plans: Mapping[Plan, str], inside: Mapping[str, Sequence[str]], **running: object
) -> dict[str, dict]:
    """Score all trials on the inner folds, and choose one for each outer fold."""
    predictions: dict[tuple[str, str], list[pd.DataFrame]] = {}
    diverged: dict[tuple[str, str], str] = {}
    fold_of = {name: fold for fold, names in inside.items() for name in names}
    for plan, task, result in training.complete(list(plans), catch=(DivergenceError,), **running):
        key = (fold_of[task.fold.name], plans[plan])
        if isinstance(result, FoldResult):
            # The development rows stood in the place of the test rows.
            rows = result.predictions
            predictions.setdefault(key, []).append(rows[rows["part"] == "test"])
        elif key not in diverged:
            diverged[key] = f"fold {key[0]}, trial {key[1]!r}: {result}"
            say(diverged[key])
    choices = {}
    for fold in inside:
        scores = {}
        for trial in plans.values():
            if (fold, trial) not in diverged:
                rows = pd.concat(predictions[fold, trial], ignore_index=True)
                scores[trial] = summarise(rows, classes_of(rows))
        if not scores:
            raise DivergenceError(f"no trial could be trained; {diverged[fold, trial]}")
        best = min(scores, key=lambda t: (-round(scores[t]["uar"], 9), scores[t]["cross_entropy"]))
        uar = {trial: round(own["uar"], 4) for trial, own in scores.items()}
        choices[fold] = {"trial": best, "development_uar": uar}
    return choices


def _with_trial(result: FoldResult, trial: str) -> FoldResult:
    """Note in the record of a fold which trial it was trained with."""
    return result._replace(record=result.record | {"trial": trial})
