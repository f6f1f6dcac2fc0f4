"""
Trainings side by side: in this process, in others of this machine, or on a Dask cluster.

What trainings share is written into the cache once, and each worker opens it there: the system as
a pickle, features as the files that hold them already. A worker keeps each result in the cache
itself, as soon as there is one, so that whatever dies costs only what was being trained.
"""

import contextlib
import functools
import os
import platform
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cloudpickle
import joblib
import numpy as np
from tqdm import tqdm

from ser_lib import cluster, paths
from ser_lib import code_digest as source
from ser_lib.errors import InputError
from ser_lib.evaluation import metrics
from ser_lib.experiment import results as store
from ser_lib.experiment.fold import CLEAN, Data, Result, run_fold
from ser_lib.experiment.plan import Recipe, Task
from ser_lib.features.ragged import RaggedArray

if TYPE_CHECKING:
    from ser_lib.systems.base import System

REPRODUCIBLE = {
    "PYTHONHASHSEED": "0",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
"""
What a process is started with so that trainings repeat bit for bit.

The same seed gives the same weights to the last bit only if sums are taken in one order: the order
of sets decides that of a graph's operations, threads that of their parts. On the CPU a second
thread was seen to save a training no time.
"""
SHARED_DEVICE = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""What keeps a process from taking all memory of a GPU at once."""

# Seconds of work left from which starting workers pays: each imports TensorFlow first.
_WORTH_WORKERS = 30.0
# Processes that share a GPU: every one has its own libraries and buffers in the GPU's memory.
_ON_A_GPU = 8
# Seconds after which a worker that has nothing to do ends, and frees its memory.
_IDLE = 60

# Keras draws from random numbers of the whole process: a worker with several threads trains one
# network at a time.
_alone = threading.Lock()


class Work(NamedTuple):
    """
    Trainings that share a system and its data.

    Parameters
    ----------
    title : str
        What the progress bar calls them.
    system : System
        What is trained.
    recipe : Recipe
        What determines it, and its code.
    data : callable
        Gives rows and features when the first training needs them.
    todo : list of Task
        The folds and seeds.
    """

    title: str
    system: "System"
    recipe: Recipe
    data: Callable[[], Data]
    todo: list[Task]


def check_jobs(jobs: int | None) -> None:
    """
    Check a number of processes.

    Raises
    ------
    InputError
        If it is neither None nor a whole number from 1.
    """
    whole = isinstance(jobs, int | np.integer) and not isinstance(jobs, bool)
    if jobs is not None and not (whole and jobs >= 1):
        raise InputError(f"jobs is {jobs!r}; expected a whole number of at least 1, or None")


def processes(trainings: int, *, gpu: bool) -> int:
    """
    Say how many trainings this machine runs at once.

    Parameters
    ----------
    trainings : int
        How many are waiting.
    gpu : bool
        Whether they compute on a GPU.

    Returns
    -------
    int
        One per core, each with one thread; fewer where they share a GPU.
    """
    most = min(joblib.cpu_count(), trainings)
    return min(most, _ON_A_GPU) if gpu else most


def train(
    works: Sequence[Work], bar: tqdm, jobs: int | None = None
) -> Iterator[tuple[int, Task, Result | InputError]]:
    """
    Train what is not kept yet, and keep it.

    Parameters
    ----------
    works : sequence of Work
        What is to be done.
    bar : tqdm
        Shows what the last training scored.
    jobs : int, optional
        Number of processes of this machine; 1 for this one. By default what joblib's active Dask
        backend or ``SER_SCHEDULER`` says; without either, trainings begin in this process, and go
        over to others when what is left takes longer than starting them.

    Yields
    ------
    number, task, result
        As they are finished and kept: the position of the work, its task, and what came of it. An
        InputError says why it cannot be trained; in this process, the work's other tasks are left
        out then.
    """
    waiting = [(i, n) for i, work in enumerate(works) for n in range(len(work.todo))]
    client = cluster.active() if jobs is None and waiting else None
    workers = 1 if jobs is None else min(jobs, len(waiting))
    seconds: list[float] = []
    current = data = made = None
    # Before the first network touches the device: workers may need room on it later.
    _set_unless(SHARED_DEVICE)
    while waiting and client is None and workers == 1:
        i, n = waiting.pop(0)
        work, task = works[i], works[i].todo[n]
        bar.set_description(work.title, refresh=False)
        bar.set_postfix_str(_label(work, task))
        if i != current:
            current, data, made = i, work.data(), work.recipe.made()
        try:
            result = _trained(work.system, data, task, made)
        except InputError as error:
            waiting = [(j, m) for j, m in waiting if j != i]
            yield i, task, error
            continue
        yield i, task, result
        _show(bar, work, task, result)
        seconds.append(result.record["fit_seconds"] + result.record["predict_seconds"])
        if jobs is None and np.mean(seconds) * len(waiting) > _WORTH_WORKERS:
            gpu = made["environment"]["hardware"]["gpu"] is not None
            workers = max(1, processes(len(waiting), gpu=gpu))
    if not waiting:
        return
    data = None
    with contextlib.closing(_elsewhere(works, waiting, client, workers)) as found:
        for (i, n), result in found:
            work, task = works[i], works[i].todo[n]
            yield i, task, result
            if isinstance(result, Result):
                _show(bar, work, task, result)


def _label(work: Work, task: Task) -> str:
    several = len({other.seed for other in work.todo}) > 1
    return f"fold {task.fold.name}" + (f", seed {task.seed}" if several else "")


def _show(bar: tqdm, work: Work, task: Task, result: Result) -> None:
    rows = result.predictions
    rows = rows[(rows["part"] == "test") & (rows["condition"] == CLEAN)]
    uar = metrics.uar(rows["emotion"], rows["predicted"])
    bar.set_description(work.title, refresh=False)
    bar.set_postfix_str(f"{_label(work, task)}: UAR {uar:.3f}")
    bar.update()


def _trained(system: "System", data: Data, task: Task, made: Mapping) -> Result:
    """Train one fold under one seed and keep what it gave."""
    # What a classifier would spread over joblib's backend stays in this process.
    with joblib.parallel_config(backend="sequential"):
        result = run_fold(system, data, task.fold, task.seed)
    result = result._replace(record=result.record | made)
    store.save_fold(task.file, result)
    return result


def _elsewhere(
    works: Sequence[Work],
    waiting: Sequence[tuple[int, int]],
    client: object,
    workers: int,
) -> Iterator[tuple[tuple[int, int], Result | InputError]]:
    """Train on a cluster or in workers of this machine, after writing down what they need."""
    home = paths.cache() / "running"
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home) as folder:
        files = {}
        for i in sorted({i for i, _ in waiting}):
            files[i] = _lay_out(works[i], Path(folder) / str(i))
        calls = [
            ((i, n), str(files[i]), n, works[i].recipe.content.get("backend")) for i, n in waiting
        ]
        if client is None:
            found = _in_processes(calls, workers)
        else:
            found = cluster.results(client, _train_there, calls)
        with contextlib.closing(found):
            yield from found


def _in_processes(calls: Sequence[tuple], workers: int) -> Iterator:
    # Workers are started, and started again, at any time until the last result.
    with (
        _environment(REPRODUCIBLE | SHARED_DEVICE | {"TQDM_DISABLE": "1"}),
        warnings.catch_warnings(),
        joblib.parallel_config(
            "loky", inner_max_num_threads=1, initializer=_start, idle_worker_timeout=_IDLE
        ),
    ):
        # That joblib replaces a worker which has grown is no concern of the user's.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs")
        run = joblib.Parallel(
            workers, return_as="generator_unordered", batch_size=1, pre_dispatch="all"
        )
        with contextlib.closing(run(joblib.delayed(_train_there)(*call) for call in calls)) as done:
            yield from done


def _start() -> None:
    """Leave Ctrl-C to the process that started this one, which ends it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Give processes that are started meanwhile environment variables, where they are not set."""
    given = _set_unless(variables)
    try:
        yield
    finally:
        for name in given:
            os.environ.pop(name, None)


def _set_unless(variables: Mapping[str, str]) -> list[str]:
    """Set environment variables that are not set, and say which these were."""
    given = [name for name in variables if name not in os.environ]
    os.environ.update({name: variables[name] for name in given})
    return given


class _Stored(NamedTuple):
    """A ragged array by the file that holds its values."""

    file: Path
    offsets: np.ndarray
    rows: np.ndarray | None

    def open(self) -> RaggedArray:
        return RaggedArray(np.load(self.file, mmap_mode="r"), self.offsets, self.rows)


def _stored(array: RaggedArray, file: Path) -> _Stored:
    """Find the file that an array is mapped from, or write one."""
    mapped = _file_of(array.values)
    if mapped is None:
        with paths.whole(file, "wb") as stream:
            np.save(stream, array.values)
    return _Stored(mapped or file, array.offsets, array.rows)


def _file_of(values: np.ndarray) -> Path | None:
    """Name the file that holds just these values, if they are mapped from one."""
    if not isinstance(values, np.memmap) or values.mode != "r" or values.filename is None:
        return None
    try:
        whole = np.load(values.filename, mmap_mode="r")
    except (OSError, ValueError):
        return None
    # A part of a file, or one read backwards, bears its name as well.
    same = [(a.shape, a.strides, a.dtype) for a in (whole, values)]
    return Path(values.filename) if same[0] == same[1] else None


def _lay_out(work: Work, folder: Path) -> Path:
    """Write what workers need to know of a work, and name the file."""
    data = work.data()
    folder.mkdir()
    stored = data._replace(
        features=_stored(data.features, folder / "features.npy"),
        copies=tuple(_stored(c, folder / f"copy{i}.npy") for i, c in enumerate(data.copies)),
        conditions={
            name: _stored(array, folder / f"condition{i}.npy")
            for i, (name, array) in enumerate(data.conditions.items())
        },
    )
    file = folder / "work.pickle"
    with paths.whole(file, "wb") as stream:
        # Systems made in a notebook travel by value.
        cloudpickle.dump((work.system, work.recipe, stored, work.todo), stream)
    return file


@functools.lru_cache(maxsize=1)
def _opened(file: str) -> tuple["System", Data, list[Task], dict]:
    """Read, once per worker, what a work's trainings share; features are mapped into memory."""
    try:
        content = Path(file).read_bytes()
    except FileNotFoundError:
        raise InputError(
            f"worker on {platform.node()} does not see {file}; expected a cache (SER_CACHE) in a "
            "folder that all machines share"
        ) from None
    system, recipe, stored, todo = cloudpickle.loads(content)
    if not source.is_current(recipe.code.roots, recipe.code.files):
        raise InputError(
            f"worker on {platform.node()} has other code of ser_lib; expected the same "
            "installation on every machine"
        )
    made = recipe.made()
    wanted = recipe.content.get("backend")
    if wanted is not None and made["environment"]["backend"] != wanted:
        raise InputError(
            f"worker on {platform.node()} computes with {made['environment']['backend']}; expected "
            f"{wanted} (KERAS_BACKEND, set before the worker starts)"
        )
    data = stored._replace(
        features=stored.features.open(),
        copies=tuple(copy.open() for copy in stored.copies),
        conditions={name: array.open() for name, array in stored.conditions.items()},
    )
    return system, data, todo, made


def _train_there(
    key: tuple[int, int], file: str, number: int, backend: str | None
) -> tuple[tuple[int, int], Result | InputError]:
    """Train one task of a work in a worker."""
    with _alone:
        _set_unless(REPRODUCIBLE | SHARED_DEVICE)
        if backend is not None and "keras" not in sys.modules:
            os.environ["KERAS_BACKEND"] = backend
        try:
            system, data, todo, made = _opened(file)
            return key, _trained(system, data, todo[number], made)
        except InputError as error:
            return key, error
