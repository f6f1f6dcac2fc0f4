"""
What `ser_lib.neural` and the runner decide about computing on a CPU, measured.

A train step on one batch of every network as we train it (float32, no XLA), beside the same step
compiled by XLA, in mixed precision, and with another number of threads. Networks with convolutions
of `ser_lib.neural.layers`, which compute in one type of number, have no row in mixed precision.
"""

import concurrent.futures
import functools
import multiprocessing
import os
import time
from collections.abc import Callable

import keras
import numpy as np

from benchmarks import material
from benchmarks.harness import Row, interleaved, row
from benchmarks.profile import neural
from ser_lib import systems
from ser_lib.neural.batching import assemble, items_as_rows
from ser_lib.neural.training import Scores, make_trainer
from ser_lib.systems.base import System

QUESTION = "choices"
_THREADS = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def stepper(
    system: System, utterances: int, *, xla: bool = False, policy: str = "float32"
) -> Callable[[], object]:
    """
    Make a train step of a network on one batch.

    Parameters
    ----------
    system : System
        Whose.
    utterances : int
        Recordings in the batch; segments, where they learn one by one.
    xla : bool
        Whether XLA compiles the step.
    policy : str
        Of Keras, for the types of weights and computation.
    """
    corpus, classifier = material.corpus(utterances), system.classifier(0)
    sources = (system.front_end.extract(corpus, progress=False),)
    names, targets = np.unique(system.targets(corpus.table), return_inverse=True)
    if classifier.pool:
        sources, targets = items_as_rows(sources, targets)
    batch = assemble(sources, np.arange(utterances))
    keras.config.set_dtype_policy(policy)
    try:
        network = classifier.network.build(batch.values.shape[2:], len(names))
    finally:
        keras.config.set_dtype_policy("float32")
    trainer = make_trainer(network, keras.optimizers.Adam(), Scores(len(names)))
    trainer.jit_compile = xla
    labels = np.eye(len(names), dtype=np.float32)[targets[:utterances]]
    return functools.partial(trainer.train_on_batch, batch._asdict(), labels)


def run(quick: bool) -> list[Row]:
    """Compare the choices for every network."""
    size, rounds = (4, 1) if quick else (16, 7)
    rows = []
    for system in neural():
        ways = {
            "as we train": stepper(system, size),
            "with XLA": stepper(system, size, xla=True),
        }
        mixed = stepper(system, size, policy="mixed_bfloat16")
        try:
            mixed()
            ways["in bfloat16"] = mixed
        except TypeError as error:
            # Nothing but two types of number that meet is expected here.
            if "does not match type bfloat16" not in str(error):
                raise
        seconds = interleaved(ways, rounds, warm=2, description=f"choices for {system.name}")
        seconds |= _threads(system.name, size, rounds)
        for other, ours in (
            ("with XLA", "as we train"),
            ("in bfloat16", "as we train"),
            ("all cores", "one thread"),
        ):
            if other not in seconds:
                continue
            ratios = seconds[other] / seconds[ours]
            rows.append(
                row(
                    *(QUESTION, f"step of {system.name}", other, ratios, "times our time"),
                    note=f"batch of {size}; ours: {ours}",
                )
            )
        keras.backend.clear_session()
    return rows


def _threads(name: str, size: int, rounds: int) -> dict[str, np.ndarray]:
    """Time steps in processes of one thread and of as many as there are cores."""
    context = multiprocessing.get_context("spawn")
    before = {variable: os.environ.pop(variable, None) for variable in _THREADS}
    pools = {}
    try:
        for way in ("all cores", "one thread"):
            if way == "one thread":
                os.environ |= dict.fromkeys(_THREADS, "1")
            pools[way] = concurrent.futures.ProcessPoolExecutor(1, context)
            # Starts the process, under the environment of this moment, and makes the step.
            pools[way].submit(_step, name, size).result()
        result = {way: np.zeros(rounds) for way in pools}
        for number in range(rounds):
            for way, pool in pools.items():
                result[way][number] = pool.submit(_step, name, size).result()
        return result
    finally:
        for pool in pools.values():
            pool.shutdown()
        for variable, value in before.items():
            os.environ.pop(variable, None)
            if value is not None:
                os.environ[variable] = value


@functools.cache
def _kept(name: str, size: int) -> Callable[[], object]:
    step = stepper(systems.make(name), size)
    step()
    return step


def _step(name: str, size: int) -> float:
    """Take a step in this process; seconds."""
    step = _kept(name, size)
    started = time.perf_counter()
    step()
    return time.perf_counter() - started
