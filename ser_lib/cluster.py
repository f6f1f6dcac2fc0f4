"""A Dask cluster: connected to, and checked before anything is computed there."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import joblib

from ser_lib import paths
from ser_lib.errors import InputError, warn

if TYPE_CHECKING:
    from distributed import Client

VARIABLE = "SER_SCHEDULER"
"""Environment variable that holds the address of the scheduler to join."""

SECONDS_TO_ANSWER = 10
"""Seconds within which a scheduler must answer."""

# Seconds within which a first worker must come: the jobs that start workers may wait in a queue.
_FIRST_WORKER = 24 * 3600


def connect(address: str) -> "Client":
    """
    Connect to the Dask scheduler at ``tcp://host:port``.

    Raises
    ------
    InputError
        If nothing answers there, a worker does not see the cache, or Dask is not installed.
    """
    try:
        from distributed import Client
    except ImportError:
        raise InputError(
            f"scheduler {address}: Dask is not installed; the extra `dask` brings it"
        ) from None
    try:
        client = Client(address, timeout=SECONDS_TO_ANSWER, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            f"scheduler {address}: no answer ({str(error).splitlines()[0]}); expected the address "
            "of a Dask scheduler, tcp://host:port"
        ) from None
    try:
        check(client)
    except BaseException:
        client.close()
        raise
    return client


def join(address: str) -> joblib.parallel_config:
    """
    Send what `ser_lib.executor` runs from this thread to a Dask cluster.

    Parameters
    ----------
    address : str
        ``tcp://host:port`` of the scheduler.

    Returns
    -------
    joblib.parallel_config
        In effect from the call on; as a context manager, until its end.

    Raises
    ------
    InputError
        As `connect`.
    """
    return joblib.parallel_config(
        backend="dask", client=connect(address), wait_for_workers_timeout=_FIRST_WORKER
    )


def active() -> "Client | None":
    """
    Return the cluster to which calls are sent, or None.

    It is the one behind joblib's active backend, as ``joblib.parallel_config(backend="dask")`` or
    `join` set it; otherwise that of the scheduler named by ``SER_SCHEDULER``, which is joined.

    Raises
    ------
    InputError
        As `connect`.
    """
    client = getattr(joblib.parallel.get_active_backend()[0], "client", None)
    if client is not None:
        check(client)
    elif os.environ.get(VARIABLE):
        join(os.environ[VARIABLE])
        client = joblib.parallel.get_active_backend()[0].client
    return client


def check(client: "Client") -> None:
    """
    Check that the present workers see the cache, and warn of some that repeat to rounding only.

    Raises
    ------
    InputError
        Naming the first worker that does not see it.
    """
    with tempfile.NamedTemporaryFile(dir=paths.cache_folder(), prefix="seen-") as file:
        answers = client.run(_look, file.name)
    blind = [worker for worker, (sees, _) in answers.items() if not sees]
    if blind:
        raise InputError(
            f"worker {blind[0]} does not see {paths.cache()}; expected a cache (SER_CACHE) in a "
            "folder that all machines share, at the same path on each"
        )
    other = sum(not repeats for _, repeats in answers.values())
    if other:
        warn(
            f"{other} of {len(answers)} workers were started without PYTHONHASHSEED=0, or by a "
            "nanny, which sets another: networks trained there are the same to rounding only"
        )


def _look(file: str) -> tuple[bool, bool]:
    """Tell, in a worker, whether a file is seen and whether sets have the same order each run."""
    return os.path.exists(file), not sys.flags.hash_randomization


def results(client: "Client", function: object, calls: Iterable[tuple]) -> Iterator:
    """
    Call a function many times on a cluster, and yield what the calls return, in any order.

    Parameters
    ----------
    client : Client
        Of the cluster. It gives the call of a worker that dies to another; if four workers died
        while they ran the same call, it raises ``distributed.KilledWorker``.
    function : callable
        Importable by the workers.
    calls : iterable of tuples
        Its positional arguments, which travel with each call.
    """
    # Not by `joblib.Parallel` (1.6), which would wait for ever for a call whose workers died.
    from distributed import as_completed

    futures = [client.submit(function, *call, pure=False) for call in calls]
    try:
        for future in as_completed(futures, loop=client.loop):
            yield future.result()
    finally:
        # When the cluster is gone, there is nothing to take back.
        with contextlib.suppress(Exception):
            client.cancel(futures)
