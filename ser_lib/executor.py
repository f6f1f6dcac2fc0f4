"""
Independent calls, run in this process, in other processes of this machine, or on a Dask cluster.

Everything that can be computed side by side goes through `run`: feature extraction, training,
tuning, and the rendering of the synthetic corpus.
"""

import atexit
import contextlib
import functools
import multiprocessing.resource_tracker
import numbers
import os
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import joblib
from joblib.externals.loky.backend import resource_tracker

from ser_lib import cluster, paths
from ser_lib.errors import InputError

REPRODUCIBLE = {
    "PYTHONHASHSEED": "0",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}
"""
Environment variables of a process in which trainings repeat bit for bit.

The same seed gives the same weights to the last bit only if sums are taken in one order: the order
of sets decides that of a graph's operations, threads that of their parts (two instead of one were
seen to change a posterior by 0.02 after two epochs of `acrnn_3d`). On the CPU a second thread was
seen to save a training no time.
"""
SHARED_DEVICE = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
"""Environment variables that keep a process from taking all memory of a GPU at once."""
ON_A_GPU = 8
"""Largest number of processes that share a GPU: each has its own libraries and buffers there."""

# Seconds after which a worker that has nothing to do ends, and frees its memory; and those between
# two looks at whether the process that started it is still there.
_IDLE, _LOOK = 60, 1.0

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")

# Keras draws from random numbers of the whole process: a worker with several threads runs one call
# at a time.
_alone = threading.Lock()


def prepare_process() -> None:
    """
    Let networks repeat bit for bit in this process, and leave room for others on a GPU.

    Sets what is not set of `REPRODUCIBLE` and `SHARED_DEVICE`. TensorFlow reads them when it first
    computes (listing devices is enough): where it has done so already, they come too late.
    """
    _set_missing(REPRODUCIBLE | SHARED_DEVICE)


def check_jobs(jobs: int | None) -> None:
    """Raise an InputError unless `jobs` is None or an integer of at least 1."""
    integer = isinstance(jobs, numbers.Integral) and not isinstance(jobs, bool)
    if jobs is not None and not (integer and jobs >= 1):
        raise InputError(f"jobs is {jobs!r}; expected an integer of at least 1, or None")


def run(
    function: Callable,
    calls: Iterable[Sequence],
    *,
    jobs: int | None = None,
    start_up: float = 30.0,
    warm_up: int = 0,
    limit: int | None = None,
    catch: tuple[type[Exception], ...] = (),
) -> Iterator[tuple[int, object]]:
    """
    Call a function many times, where that is fastest, and yield each result when it is there.

    Parameters
    ----------
    function : callable
        Defined at the top of a module, so that workers can import it.
    calls : iterable of sequences
        The positional arguments of each call. They travel to workers: pass paths of files rather
        than large arrays.
    jobs : int, optional
        Number of processes of this machine; 1 for this one. By default the workers of a Dask
        cluster, if ``joblib.parallel_config(backend="dask")`` or ``SER_SCHEDULER`` names one.
        Without either, the work starts in this process and moves to one process per core when what
        is left takes longer than starting them.
    start_up : float
        Seconds that starting worker processes costs, imports included.
    warm_up : int
        Number of first calls whose time does not count, because they load what later calls use.
    limit : int, optional
        Largest number of processes that the work moves to, for example `ON_A_GPU`.
    catch : tuple of exception types
        Exceptions of a call that are yielded in place of its result; others end the run.

    Yields
    ------
    index : int
        Position of the call in `calls`. Results come as they are finished, in any order.
    result : object
        What the call returned, or a caught exception.

    Raises
    ------
    InputError
        As `check_jobs` and `ser_lib.cluster.active`.

    Notes
    -----
    Calls compute with one thread in whatever process they run (a network if `prepare_process` came
    first), and joblib inside a call stays in that process. Worker processes also have a fixed order
    of sets, leave signals to this process, end with it, however it ends, and run one call at a
    time. Close the generator (``contextlib.closing``) if it is not read to its end,
    so that workers are told.

    Examples
    --------
    >>> sorted(run(pow, [(2, 3), (3, 2)], jobs=1))
    [(0, 8), (1, 9)]
    """
    check_jobs(jobs)
    calls = [tuple(call) for call in calls]
    client = cluster.active() if jobs is None and calls else None
    workers = 1 if jobs is None else min(jobs, len(calls))
    index, seconds = 0, []
    while index < len(calls) and client is None and workers == 1:
        started = time.monotonic()
        result = _call(function, calls[index], catch)
        seconds.append(time.monotonic() - started)
        yield index, result
        index += 1
        counted, left = seconds[warm_up:], len(calls) - index
        if jobs is None and counted and sum(counted) / len(counted) * left > start_up:
            workers = max(1, processes(left, limit))
    remaining = [(function, i, calls[i], catch) for i in range(index, len(calls))]
    if remaining:
        results = (
            _in_processes(remaining, workers)
            if client is None
            else cluster.results(client, _call_in_worker, remaining)
        )
        with contextlib.closing(results):
            yield from results


def processes(calls: int, limit: int | None = None) -> int:
    """Return how many processes of this machine run so many calls: one per core at most."""
    most = min(joblib.cpu_count(), calls)
    return most if limit is None else min(most, limit)


def _call(function: Callable, arguments: tuple, catch: tuple[type[Exception], ...]) -> object:
    from threadpoolctl import threadpool_limits

    # What a classifier would spread over joblib's active backend stays in this process.
    # Threads of matrix products would take their sums in an order that depends on their number.
    with threadpool_limits(1), joblib.parallel_config(backend="sequential"):
        try:
            return function(*arguments)
        except catch as error:
            return error


def _call_in_worker(
    function: Callable, index: int, arguments: tuple, catch: tuple[type[Exception], ...]
) -> tuple[int, object]:
    with _alone:
        return index, _call(function, arguments, catch)


def _in_processes(calls: Sequence[tuple], workers: int) -> Iterator[tuple[int, object]]:
    # Workers are started, and started again, at any time until the last result.
    variables = REPRODUCIBLE | SHARED_DEVICE | {"TQDM_DISABLE": "1"}
    with (
        _environment(variables, TMPDIR=str(_temporary_folder())),
        warnings.catch_warnings(),
        joblib.parallel_config(
            "loky",
            inner_max_num_threads=1,
            initializer=_start_worker,
            initargs=(os.getpid(),),
            idle_worker_timeout=_IDLE,
        ),
    ):
        # That joblib replaces a worker which has grown is no concern of the user's.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs")
        parallel = joblib.Parallel(
            workers, return_as="generator_unordered", batch_size=1, pre_dispatch="all"
        )
        with _signals_held_back():
            results = parallel(joblib.delayed(_call_in_worker)(*call) for call in calls)
        with contextlib.closing(results):
            yield from results


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """
    Hold back signals by which a terminal or a scheduler ends all processes of a command.

    Processes that are started meanwhile never get them: this one ends them, and says so once.
    """
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        # These two let some of them pass again when they start.
        multiprocessing.resource_tracker.ensure_running()
        resource_tracker.ensure_running()
        signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@functools.cache
def _temporary_folder() -> Path:
    """Make a folder for the temporary files of workers, which are killed if this process ends."""
    stack = contextlib.ExitStack()
    folder = stack.enter_context(paths.temporary_folder())
    atexit.register(stack.close)
    return folder


def _start_worker(parent: int) -> None:
    """Leave Ctrl-C to the process that started this one, and end when that is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    # A process whose parent has gone is given another one.
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)


@contextlib.contextmanager
def _environment(missing: Mapping[str, str], **other: str) -> Iterator[None]:
    """Give processes that are started meanwhile variables: those that are missing, and others."""
    before = {name: os.environ.get(name) for name in (*missing, *other)}
    _set_missing(missing)
    os.environ.update(other)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _set_missing(variables: Mapping[str, str]) -> None:
    """Set environment variables that are not set."""
    for name, value in variables.items():
        os.environ.setdefault(name, value)
