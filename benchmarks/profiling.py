"""
What the machine can do at best, where the time of an epoch goes, and choices of computation.

Choices: a train step on one batch of every network as we train it (float32, no XLA) is compared
with the same step compiled by XLA, in mixed precision, and with another number of threads. Networks
with convolutions of `ser_lib.neural.layers`, which compute in one type of number, have no row in
mixed precision.
"""

import concurrent.futures
import contextlib
import functools
import multiprocessing
import time
from collections.abc import Callable

import keras
import numpy as np
from keras import layers
from threadpoolctl import threadpool_limits

from benchmarks import material
from benchmarks.harness import interleaved, row
from benchmarks.training import Epochs
from ser_lib import systems
from ser_lib.console import progress
from ser_lib.features import extract
from ser_lib.neural.batching import assemble, items_as_rows
from ser_lib.neural.layers import LocalFeatureBlock, SequenceFeatureBlock
from ser_lib.neural.training import Scores, make_trainer
from ser_lib.systems.base import NeuralSystem

_SIDE = 2048
_BYTES = 2**28
# Layers that apply their kernels at every position of their input, and of their output.
_BLOCKS = (LocalFeatureBlock, SequenceFeatureBlock)
_AT_INPUT = (layers.Dense, layers.LSTM, layers.Bidirectional, *_BLOCKS)
_AT_OUTPUT = (layers.Conv2D,)


def measure_machine(quick: bool) -> list[dict]:
    """Measure matrix products on one core and on all, and copying within memory on one."""
    rounds = 2 if quick else 9
    source = np.ones((_BYTES // 16 if quick else _BYTES) // 4, np.float32)
    target = np.empty_like(source)
    copy = interleaved({"copy": lambda: np.copyto(target, source)}, rounds)["copy"]
    product = "matrix product, float32"
    return [
        row(product, "one core", matrix_product_peak(1, rounds=rounds), "GFLOPS"),
        row(product, "all cores", matrix_product_peak(rounds=rounds), "GFLOPS"),
        # A copy reads and writes.
        row("memory, copying", "one core", 2e-9 * source.nbytes / copy, "GB/s"),
    ]


def matrix_product_peak(threads: int | None = None, *, rounds: int) -> np.ndarray:
    """
    Multiply float32 matrices by NumPy's BLAS, with one thread per core by default.

    Returns GFLOP per second, shape (rounds,); a multiplication and an addition are two operations.
    """
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, _SIDE, _SIDE), dtype=np.float32)
    out = np.empty_like(a)
    with threadpool_limits(threads):
        seconds = interleaved({"product": lambda: np.matmul(a, b, out=out)}, rounds)["product"]
    return 2e-9 * _SIDE**3 / seconds


def operations(network: keras.Model, item_shape: tuple[int, ...], items: int) -> float:
    """
    Count the floating-point operations by which a network predicts one row of so many items.

    They follow from the kernels (weights with two axes or more): each is multiplied once with every
    position of the layer's input or output; a multiplication and an addition are two operations.
    Not counted are operations element by element and the weighted mean of attention. Training takes
    three times as many, as it computes gradients by inputs and by weights. Raises a TypeError for a
    layer with kernels of which it is not known where it applies them.
    """
    sizes, tensors = [], []
    for layer in network.layers:
        size = sum(np.prod(w.shape) for w in layer.weights if len(w.shape) > 1)
        if not size:
            continue
        if not isinstance(layer, (*_AT_INPUT, *_AT_OUTPUT)):
            known = ", ".join(kind.__name__ for kind in (*_AT_INPUT, *_AT_OUTPUT))
            raise TypeError(
                f"layer {layer.name} is a {type(layer).__name__} with kernels, whose operations "
                f"cannot be counted; expected one of {known}"
            )
        sizes.append(size)
        positions = layer.output if isinstance(layer, _AT_OUTPUT) else layer.input
        tensors.append(keras.tree.flatten(positions)[0])
    values = np.zeros((1, items, *item_shape), np.float32)
    inputs = {"values": values, "mask": np.ones((1, items), bool)}
    arrays = keras.tree.flatten(keras.Model(network.inputs, tensors)(inputs))
    products = (size * np.prod(a.shape[:-1]) for size, a in zip(sizes, arrays, strict=True))
    return 2.0 * sum(products)


def neural_systems() -> list[NeuralSystem]:
    """Make the systems that train a network, with their defaults."""
    every = map(systems.make, systems.names())
    return [system for system in every if isinstance(system, NeuralSystem)]


def measure_profile(quick: bool) -> list[dict]:
    """Profile an epoch of every network, with its augmented copies."""
    corpus = material.load(8 if quick else 160)
    peak = 1e9 * np.median(matrix_product_peak(rounds=2 if quick else 5))
    rows = []
    for system in neural_systems():
        sources = extract(corpus, [system.front_end, *system.training_copies])
        epoch = Epochs(system.classifier(0), sources, system.targets(corpus.table))
        network, item_shape = epoch.classifier.network_, sources[0].item_shape
        shapes = epoch.shapes()
        per_row = {items: operations(network, item_shape, items) for _, items in set(shapes)}
        flop = 3 * sum(count * per_row[items] for count, items in shapes)
        seconds, inside = np.zeros((2, 1 if quick else 3))
        for number in range(len(seconds)):
            epoch.step_seconds = 0.0
            seconds[number] = interleaved({"epoch": epoch}, 1, warm_up=0)["epoch"][0]
            inside[number] = epoch.step_seconds
        padding = 1 - epoch.sources[0].lengths.sum() / sum(count * items for count, items in shapes)
        what = f"epoch of {system.name}"
        note = f"{len(corpus.table)} recordings of {corpus.name}, {flop / 1e9:.0f} GFLOP"
        rows += [
            row(what, "peak, all cores", flop / seconds / peak, "of peak", note=note),
            row(what, "train steps", 1 - inside / seconds, "of time outside"),
            row(what, "all items", [padding], "of items are padding"),
        ]
        keras.backend.clear_session()
    return rows


def measure_choices(quick: bool) -> list[dict]:
    """Compare train steps as we compute them with the same steps computed otherwise."""
    size, rounds = (4, 1) if quick else (16, 7)
    alternatives = {
        "as we train": {},
        "with XLA": {"xla": True},
        "in bfloat16": {"policy": "mixed_bfloat16"},
        "one thread": {"threads": 1},
    }
    context = multiprocessing.get_context("spawn")
    rows = []
    with contextlib.ExitStack() as stack:
        # Each has a process of its own, as the number of threads is one of the whole process.
        pool = functools.partial(concurrent.futures.ProcessPoolExecutor, 1, context)
        pools = {name: stack.enter_context(pool()) for name in alternatives}
        for system in progress(neural_systems(), description="choices", unit="system"):
            seconds = {name: np.full(rounds, np.nan) for name in alternatives}
            for number in range(-2, rounds):
                for name, options in alternatives.items():
                    step_seconds = pools[name].submit(_step, system.name, size, **options).result()
                    if number >= 0:
                        seconds[name][number] = step_seconds
            seconds["all cores"] = seconds["as we train"]
            baselines = {"with XLA": "as we train", "in bfloat16": "as we train"}
            for other, ours in (baselines | {"all cores": "one thread"}).items():
                ratios = seconds[other] / seconds[ours]
                what, note = f"step of {system.name}", f"batch of {size}; ours: {ours}"
                if not np.isnan(ratios).any():
                    rows.append(row(what, other, ratios, "times our time", note=note))
    return rows


def _step(name: str, size: int, **options: object) -> float:
    """Take a train step in this process; return the seconds, or NaN if it is not possible."""
    step = make_step(name, size, **options)
    started = time.perf_counter()
    try:
        step()
    except TypeError as error:
        # Nothing but two types of number that meet is expected here.
        if "does not match type bfloat16" not in str(error):
            raise
        return float("nan")
    return time.perf_counter() - started


@functools.lru_cache(1)
def make_step(
    name: str, size: int, *, xla: bool = False, policy: str = "float32", threads: int = 0
) -> Callable[[], object]:
    """
    Make a train step of a system's network on one batch of so many recordings (or segments).

    `policy` is Keras's, for the types of weights and computation; `threads` is the number of
    threads of this process, set once before its first step, one per core with 0.
    """
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    keras.backend.clear_session()
    corpus, system = material.load(size), systems.make(name)
    classifier = system.classifier(0)
    sources = (system.front_end.extract(corpus, progress=False),)
    names, targets = np.unique(system.targets(corpus.table), return_inverse=True)
    if classifier.pool:
        sources, targets = items_as_rows(sources, targets)
    batch = assemble(sources, np.arange(size))
    keras.config.set_dtype_policy(policy)
    network = classifier.network.build(batch.values.shape[2:], len(names))
    keras.config.set_dtype_policy("float32")
    trainer = make_trainer(network, keras.optimizers.Adam(), Scores(len(names)))
    trainer.jit_compile = xla
    labels = np.eye(len(names), dtype=np.float32)[targets[:size]]
    return functools.partial(trainer.train_on_batch, batch._asdict(), labels)
