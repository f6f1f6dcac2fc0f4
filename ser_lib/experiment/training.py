"""
Training of what a plan lists: stored folds are used, the others are trained and stored.

This process extracts features into the cache. Whichever process trains a fold opens the features
there and stores the result itself, so that an interruption costs only what was being trained.
"""

import contextlib
import functools
import gc
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ser_lib import code_digest, console, executor, identity
from ser_lib.errors import InputError
from ser_lib.evaluation import metrics
from ser_lib.experiment import provenance, results
from ser_lib.experiment.fold import CLEAN, FoldData, FoldResult, run_fold
from ser_lib.experiment.plan import Plan, Task
from ser_lib.features.cache import open_features
from ser_lib.neural.checkpoint import Checkpoint

if TYPE_CHECKING:
    from ser_lib.experiment.provenance import Specification
    from ser_lib.protocols import Fold
    from ser_lib.systems.base import System

# Seconds that starting workers costs: each imports TensorFlow first.
_START_UP = 30.0


def is_fresh(fresh: bool) -> bool:
    """Tell whether everything is to be trained again: as asked for, or by ``SER_FRESH``."""
    return fresh or bool(os.environ.get("SER_FRESH"))


def complete(
    plans: Sequence[Plan],
    *,
    fresh: bool = False,
    jobs: int | None = None,
    progress: bool = True,
    catch: tuple[type[Exception], ...] = (),
) -> Iterator[tuple[Plan, Task, FoldResult | Exception]]:
    """
    Yield the results of all tasks of some plans: first those that are stored, then the others.

    Parameters
    ----------
    plans : sequence of Plan
        From `ser_lib.experiment.plan.prepare`.
    fresh, jobs, progress
        As for `ser_lib.experiment.evaluate`.
    catch : tuple of exception types
        Yielded in the place of a result; others are raised.

    Yields
    ------
    plan, task, result
        As they are finished and stored.
    """
    executor.check_jobs(jobs)
    fresh = is_fresh(fresh)
    stored = {plan: {} if fresh else plan.stored() for plan in plans}
    pending = [(plan, task) for plan in plans for task in plan.tasks if task not in stored[plan]]
    if fresh:
        for _, task in pending:
            task.state.unlink(missing_ok=True)
    data = {
        plan: plan.data(jobs=jobs, progress=progress)
        for plan in dict.fromkeys(plan for plan, _ in pending)
    }
    for plan, finished in stored.items():
        for task, result in finished.items():
            yield plan, task, result
    if not pending:
        return
    trainings = executor.run(
        _train_and_store,
        [(plan.system, plan.specification, data[plan], task) for plan, task in pending],
        jobs=jobs,
        start_up=_START_UP,
        limit=_limit(plan for plan, _ in pending),
        catch=catch,
    )
    total = sum(len(plan.tasks) for plan in plans)
    with (
        console.progress(total=total, disable=not progress) as bar,
        contextlib.closing(trainings),
    ):
        # What is stored took no time: the time left is estimated from what is trained now.
        bar.initial = bar.n = total - len(pending)
        bar.set_description(pending[0][0].title, refresh=False)
        bar.set_postfix_str(_label(*pending[0]))
        for index, result in trainings:
            plan, task = pending[index]
            bar.set_description(plan.title, refresh=False)
            if isinstance(result, FoldResult):
                bar.set_postfix_str(f"{_label(plan, task)}: UAR {_test_uar(result):.3f}")
            bar.update()
            yield plan, task, result


def train_here(plan: Plan, task: Task, *, progress: bool = True) -> object:
    """
    Train one task in this process, store its result, and return the classifier.

    A result that the same code stored before stays as it is, times included.
    """
    arguments = (plan.system, plan.specification, plan.data(progress=progress), task)
    ((_, (classifier, result)),) = executor.run(_train, [arguments], jobs=1)
    try:
        stored = results.load_fold(task.file).record["code"]
    except (FileNotFoundError, InputError):
        stored = None
    if stored != plan.specification.code.digest:
        results.save_fold(task.file, result)
    return classifier


def _train_and_store(
    system: "System", specification: "Specification", data: FoldData, task: Task
) -> FoldResult:
    """Train a fold in whatever process this is, and store its result."""
    result = _train(system, specification, data, task)[1]
    results.save_fold(task.file, result)
    # Networks refer to themselves in circles, which Python seldom looks for in large processes.
    gc.collect()
    return result


def _train(
    system: "System", specification: "Specification", data: FoldData, task: Task
) -> tuple[object, FoldResult]:
    """Train a fold on features that this process opens from the cache."""
    backend = specification.content.get("backend")
    if backend is not None and "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = backend
    _check_process(specification.code.roots, tuple(specification.code.files.items()), backend)
    data = data._replace(
        features=open_features(data.features),
        copies=tuple(open_features(folder) for folder in data.copies),
        conditions={name: open_features(folder) for name, folder in data.conditions.items()},
    )
    with features_expected(system, task.fold, specification.content["normalisation"]):
        checkpoint = checkpoint_of(specification, task)
        classifier, result = run_fold(system, data, task.fold, task.seed, checkpoint)
        checkpoint.remove()
    record = result.record | specification.provenance()
    return classifier, result._replace(record=record)


def checkpoint_of(specification: "Specification", task: Task) -> Checkpoint:
    """Return where a training keeps its state, from which the same code and machine go on."""
    determining = [specification.content, specification.provenance(), task.seed, task.rows]
    return Checkpoint(task.state, identity.digest(determining))


@contextlib.contextmanager
def features_expected(system: "System", fold: "Fold", normalisation: str) -> Iterator[None]:
    """Make an `InputError` of what scikit-learn raises when selection leaves no feature."""
    try:
        yield
    except ValueError as error:
        if not any(words in str(error) for words in ("No feature in X", "0 feature(s)")):
            raise
        speakers = ""
        if normalisation == "speaker":
            speakers = ", of several emotions for each speaker, whose own statistics scale them"
        raise InputError(
            f"{system.name}, fold {fold.name!r}: no feature tells the emotions of the "
            f"{len(fold.train)} training recordings apart; expected more recordings{speakers}"
        ) from error


@functools.lru_cache(maxsize=64)
def _check_process(
    roots: tuple[str, ...], files: tuple[tuple[str, str], ...], backend: str | None
) -> None:
    """Refuse to compute in a process that has other code or another backend."""
    if not code_digest.is_current(roots, dict(files)):
        raise InputError(
            f"worker on {platform.node()} has other code of ser_lib; expected the same "
            "installation on every machine"
        )
    if backend is not None and provenance.backend() != backend:
        raise InputError(
            f"worker on {platform.node()} computes with {provenance.backend()}; expected {backend} "
            "(KERAS_BACKEND, set before the worker starts)"
        )


def _limit(plans: Iterator[Plan]) -> int | None:
    """Return how many processes may share the GPU, if there is one and networks use it."""
    neural = any(plan.specification.neural for plan in plans)
    gpu = neural and provenance.environment(neural=True)["hardware"]["gpu"] is not None
    return executor.ON_A_GPU if gpu else None


def _label(plan: Plan, task: Task) -> str:
    several = len({other.seed for other in plan.tasks}) > 1
    return f"fold {task.fold.name}" + (f", seed {task.seed}" if several else "")


def _test_uar(result: FoldResult) -> float:
    rows = result.predictions
    rows = rows[(rows["part"] == "test") & (rows["condition"] == CLEAN)]
    return metrics.uar(rows["emotion"], rows["predicted"])
