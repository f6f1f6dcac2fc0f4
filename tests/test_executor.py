"""Calls give the same results in this process and in others, and errors come back as themselves."""

import os
import signal
import sys
import time

import joblib
import pytest
from joblib.externals.loky.process_executor import TerminatedWorkerError

from ser_lib import executor
from ser_lib.errors import DivergenceError, InputError

HERE = os.getpid()


def square(x):
    return x * x


def process(seconds=0.0):
    time.sleep(seconds)
    return os.getpid()


def surroundings():
    return {
        "random sets": sys.flags.hash_randomization,
        "interrupt": signal.getsignal(signal.SIGINT) == signal.SIG_IGN,
        **{name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "TQDM_DISABLE")},
        **{name: os.environ.get(name) for name in executor.REPRODUCIBLE},
    }


def fail(error):
    raise error


def search():
    """Call joblib, as the search of a grid does."""
    return joblib.Parallel(n_jobs=2)(joblib.delayed(os.getpid)() for _ in range(2))


def end(number):
    if number == 1:
        os._exit(1)


@pytest.mark.parametrize("jobs", [1, 2])
def test_each_result_comes_with_the_position_of_its_call(jobs):
    results = executor.run(square, [(x,) for x in range(5)], jobs=jobs)
    assert sorted(results) == [(x, x * x) for x in range(5)]


def test_a_single_call_and_short_work_stay_in_this_process():
    assert list(executor.run(process, [()], jobs=4)) == [(0, HERE)]
    assert list(executor.run(process, [], jobs=4)) == []
    assert {pid for _, pid in executor.run(process, [()] * 3)} == {HERE}


def test_long_work_starts_in_this_process_and_moves(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    first, *others = [pid for _, pid in executor.run(process, [(0.01,)] * 4, start_up=0.0)]
    assert first == HERE
    assert HERE not in others


def test_calls_that_warm_up_do_not_count(monkeypatch):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 2)
    calls = [(0.3,), (0.0,), (0.0,)]
    assert {pid for _, pid in executor.run(process, calls, start_up=0.2, warm_up=1)} == {HERE}


@pytest.mark.parametrize(
    ("calls", "limit", "n"),
    [(100, None, 64), (10, None, 10), (100, executor.ON_A_GPU, 8), (2, executor.ON_A_GPU, 2)],
)
def test_there_are_no_more_processes_than_cores_calls_or_the_limit(monkeypatch, calls, limit, n):
    monkeypatch.setattr(joblib, "cpu_count", lambda: 64)
    assert executor.processes(calls, limit) == n


def test_workers_are_started_so_that_trainings_repeat(monkeypatch):
    for variable in executor.REPRODUCIBLE:
        monkeypatch.delenv(variable, raising=False)
    expected = {"random sets": 0, "interrupt": True, "OMP_NUM_THREADS": "1", "TQDM_DISABLE": "1"}
    for _, found in executor.run(surroundings, [()] * 2, jobs=2):
        assert found == expected | executor.REPRODUCIBLE
    assert not executor.REPRODUCIBLE.keys() & os.environ.keys()
    assert signal.getsignal(signal.SIGINT) != signal.SIG_IGN


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_is_raised_as_itself_or_given_as_a_result(jobs):
    calls = [(DivergenceError("too fast"),), (InputError("no such file"),)]
    with pytest.raises((DivergenceError, InputError), match=r"too fast|no such file"):
        list(executor.run(fail, calls, jobs=jobs))
    catch = (DivergenceError, InputError)
    results = dict(executor.run(fail, calls, jobs=jobs, catch=catch))
    assert [type(results[i]) for i in (0, 1)] == [DivergenceError, InputError]
    assert str(results[0]) == "too fast"
    with pytest.raises(InputError, match="no such file"):
        list(executor.run(fail, calls, jobs=jobs, catch=(DivergenceError,)))


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_call_would_spread_over_processes_stays_in_its_own(jobs):
    with joblib.parallel_config(backend="loky", n_jobs=2):
        for _, pids in executor.run(search, [()] * 2, jobs=jobs):
            assert len(set(pids)) == 1


def test_a_worker_that_dies_ends_the_run():
    with pytest.raises(TerminatedWorkerError):
        list(executor.run(end, [(0,), (1,)], jobs=2))


@pytest.mark.parametrize("jobs", [0, -1, 1.5, True, "2"])
def test_jobs_must_be_a_number_of_processes(jobs):
    with pytest.raises(InputError, match=r"jobs is .*; expected an integer of at least 1"):
        next(executor.run(square, [(1,)], jobs=jobs))
