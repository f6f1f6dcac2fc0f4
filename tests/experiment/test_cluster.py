"""On a Dask cluster of two worker processes results are those of this process."""

import asyncio
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import joblib
import pandas as pd
import pytest
from witness import WitnessSystem, make_witness, pids

from ser_lib import cluster, evaluate, executor, paths
from ser_lib.errors import InputError, InputWarning
from ser_lib.experiment import tune

HERE = os.getpid()
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def loop():
    """An event loop, waited for as long as its start takes: Dask would give it ten seconds."""
    from tornado.ioloop import IOLoop

    started = queue.Queue()

    async def serve():
        stop = asyncio.Event()
        started.put((IOLoop.current(), stop))
        await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    loop, stop = started.get(timeout=120)
    yield loop
    loop.add_callback(stop.set)
    thread.join(timeout=120)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def scheduler(loop):
    """Address of a scheduler with two worker processes, started as the README says."""
    import dask
    from distributed import LocalCluster

    variables = executor.REPRODUCIBLE | {"PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-m", "distributed.cli.dask_worker"]
    options = ["--no-nanny", "--nthreads", "1", "--no-dashboard"]
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "120s"}),
        LocalCluster(n_workers=0, protocol="tcp", dashboard_address=None, loop=loop) as made,
    ):
        processes = [
            subprocess.Popen(
                [*command, made.scheduler_address, *options],
                env=os.environ | variables,
                stderr=subprocess.DEVNULL,
            )
            for _ in range(2)
        ]
        yield made.scheduler_address
        for process in processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def client(scheduler, loop):
    from distributed import Client

    with Client(scheduler, set_as_default=False, loop=loop) as client:
        client.wait_for_workers(2, timeout=300)
        yield client


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Wait for a scheduler longer than a user would: processes beside the tests take their time."""
    monkeypatch.setattr(cluster, "SECONDS_TO_ANSWER", 120)


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def workers(client):
    return set(client.run(os.getpid).values())


def test_extraction_and_folds_go_where_joblib_says(corpus, log, client, monkeypatch):
    system = make_witness(log)
    here = evaluate(system, corpus, jobs=1)
    log.unlink()
    monkeypatch.setenv("SER_CACHE", str(paths.cache().with_name("empty")))
    monkeypatch.setenv("SER_REPORTS", str(paths.reports().with_name("other")))
    # Nothing is decoded in this process.
    monkeypatch.setattr("ser_lib.features.cache.decode", None)
    with joblib.parallel_config(backend="dask", client=client):
        there = evaluate(system, corpus)
    pd.testing.assert_frame_equal(here.predictions, there.predictions, check_exact=True)
    assert here.record["specification"] == there.record["specification"]
    assert len(pids(log)) == 4
    assert set(pids(log)) <= workers(client)
    histories = [run["history"] for run in there.record["runs"]]
    assert all(history["mapped"] == [True] for history in histories)
    assert all(history["random_sets"] == [0] for history in histories)


def test_a_number_of_processes_keeps_the_work_on_this_machine(corpus, log, client):
    with joblib.parallel_config(backend="dask", client=client):
        evaluate(make_witness(log), corpus, jobs=1)
    assert set(pids(log)) == {HERE}


def test_the_scheduler_is_joined_by_its_address(corpus, log, client, monkeypatch):
    address = client.scheduler.address
    with cluster.join(address):
        tune(WitnessSystem, corpus, {"default": {"log": str(log)}})
    assert set(pids(log)) <= workers(client)
    log.unlink()
    monkeypatch.setenv(cluster.VARIABLE, address)
    with joblib.parallel_config(n_jobs=None):  # What is joined is left behind with this block.
        evaluate(make_witness(log), corpus)
    assert set(pids(log)) <= workers(client)


def test_an_error_comes_back_as_itself(corpus, log, client):
    with (
        joblib.parallel_config(backend="dask", client=client),
        pytest.raises(InputError, match="nothing can be learnt without s"),
    ):
        evaluate(make_witness(log, "fails"), corpus)


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS_TO_ANSWER", 1)
    for address in ("tcp://127.0.0.1:1", "nowhere at all"):
        with pytest.raises(InputError, match=f"scheduler {address}: no answer"):
            cluster.join(address)


def test_workers_that_do_not_see_the_cache_or_were_started_otherwise_are_named():
    class Client:
        def __init__(self, *found):
            self.found = found

        def run(self, function, file):
            assert function(file)[0]
            return {f"tcp://worker{i}": answer for i, answer in enumerate(self.found)}

    cluster.check(Client((True, True), (True, True)))
    with pytest.raises(InputError, match=r"tcp://worker1 does not see .*cache"):
        cluster.check(Client((True, True), (False, True)))
    with pytest.warns(InputWarning, match="1 of 2 workers were started without PYTHONHASHSEED=0"):
        cluster.check(Client((True, True), (True, False)))


def test_a_worker_that_is_killed_costs_only_what_it_was_training(corpus, log, client):
    def kill():
        while not pids(log):
            time.sleep(0.05)
        # The first one sleeps.
        os.kill(pids(log)[0], signal.SIGTERM if os.name == "nt" else signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with joblib.parallel_config(backend="dask", client=client):
        there = evaluate(make_witness(log, "sleeps"), corpus)
    killer.join()
    assert len(pids(log)) == 4 + 1
    here = evaluate(make_witness(log), corpus, jobs=1, fresh=True)
    pd.testing.assert_frame_equal(here.predictions, there.predictions, check_exact=True)
