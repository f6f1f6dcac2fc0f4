"""Evaluations of one specification in the reports: take folds from them, remove parts of others."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from ser_lib import identity
from ser_lib.errors import InputError
from ser_lib.experiment import results
from ser_lib.experiment.fold import FoldResult
from ser_lib.experiment.plan import Plan, rows_digest, split_digest


def restore_folds(plan: Plan, folder: Path) -> int:
    """
    Store in the cache what evaluations of the same specification say of the folds of a plan.

    A clone of a repository that holds its reports has an empty cache: what stands in the reports
    need not be trained again, and an evaluation with one more seed trains only that.

    Parameters
    ----------
    plan : Plan
        What is wanted. Folds that the cache has stay as they are.
    folder : Path
        ``<reports>/<corpus>``.

    Returns
    -------
    int
        Number of folds restored. Evaluations of another specification, of other rows, or that are
        damaged are passed over.
    """
    missing = {(t.seed, t.fold.name): t for t in plan.tasks if not t.file.is_file()}
    restored = 0
    for path, record in _alike(plan, folder) if missing else ():
        with contextlib.suppress(InputError):
            for key, fold in _folds(path, record).items():
                if key in missing:
                    results.save_fold(missing.pop(key).file, fold)
                    restored += 1
    return restored


def remove_parts(plan: Plan, folder: Path) -> None:
    """
    Remove evaluations in the reports of which the evaluation of a plan holds every fold.

    Members of a stored fusion stay: it is made of them again.
    """
    whole = {(task.seed, task.fold.name) for task in plan.tasks}
    parts = [
        (path, record["digest"])
        for path, record in _alike(plan, folder)
        if {(run["seed"], run["fold"]) for run in record["runs"]} < whole
    ]
    members = _members(folder) if parts else set()
    for path, digest in parts:
        if digest not in members:
            # A record without predictions would be an error; predictions alone are not looked at.
            path.unlink()
            path.with_suffix(".csv").unlink(missing_ok=True)


def _members(folder: Path) -> set[str]:
    """List the digests of the evaluations that fusions are made of."""
    found = set()
    for path in results.records(folder):
        with contextlib.suppress(InputError):
            found.update(results.read_record(path).get("members", {}).values())
    return found


def _alike(plan: Plan, folder: Path) -> Iterator[tuple[Path, dict]]:
    """Find records of the specification and the rows of a plan, whatever seeds and folds."""
    specification = identity.digest(plan.specification.content)
    for path in results.records(folder):
        if not path.name.startswith(f"{plan.system.name}-"):
            continue
        with contextlib.suppress(InputError):
            record = results.read_record(path)
            content = record["specification"]
            if results.training_digest(content) != specification:
                continue
            seeds, names, split = (content.get(name) for name in results.EXTENT)
            rows = [
                (seed, fold.name, rows_digest(fold, plan.corpus.table.index))
                for seed in seeds
                for fold in plan.protocol.folds(plan.corpus.table, seed=seed)
                if fold.name in names
            ]
            if split_digest(rows) == split:
                yield path, record


def _folds(path: Path, record: dict) -> dict[tuple[int, str], FoldResult]:
    """Take an evaluation apart into folds by seed and name."""
    predictions = results.read(path).predictions
    parts = dict(tuple(predictions.groupby(["seed", "fold"], sort=False)))
    if lacking := {(run["seed"], run["fold"]) for run in record["runs"]} - set(parts):
        raise InputError(f"{path}: no predictions of seed and fold {min(lacking)}, which it names")
    return {
        (run["seed"], run["fold"]): FoldResult(
            parts[run["seed"], run["fold"]].reset_index(drop=True), _record(record, run)
        )
        for run in record["runs"]
    }


def _record(record: dict, run: dict) -> dict:
    """Undo what `ser_lib.experiment.run` did to the record of a fold."""
    own = {name: value for name, value in run.items() if name not in ("seed", "fold")}
    if not {"history", "code", "environment"} <= set(own):
        raise InputError("a run of the record lacks its history, code or environment")
    figures = own.pop("history")
    epochs = max(map(len, figures.values()), default=0)
    history = [
        {name: values[epoch] for name, values in figures.items() if values[epoch] is not None}
        for epoch in range(epochs)
    ]
    code, environment = record["code"][own.pop("code")], record["environments"][own["environment"]]
    return own | {"history": history, "environment": environment} | code
