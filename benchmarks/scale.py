"""
Whether cost grows linearly: time per utterance and peak memory, from 500 utterances to 50,000.

The synthetic corpus is tiled: every row is computed, though many point to the same recording. One
system throughout (the convolutional BLSTM, sizes of its source), as its features are small on disk:
some four gigabytes for 50,000 utterances while they are joined, all removed at the end.
"""

import concurrent.futures
import dataclasses
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from joblib.externals.loky import get_reusable_executor

import ser_lib
from benchmarks import material
from benchmarks.harness import MEGABYTES, PER_SECOND, row
from ser_lib import systems
from ser_lib.console import progress
from ser_lib.features import RaggedArray

EXTRACTION, TRAINING = "extraction", "one epoch"
_SIZES = {EXTRACTION: (500, 5_000, 50_000), TRAINING: (500, 5_000)}
_QUICK = {EXTRACTION: (50, 100), TRAINING: (50,)}
_FEATURES, _ITEMS = 64, 256
# Seconds between two looks at the memory.
_INTERVAL = 0.05


def measure_scale(quick: bool) -> list[dict]:
    """Extract, train an epoch, and train on features that are larger than the memory."""
    rows = []
    cases = [(work, n) for work, sizes in (_QUICK if quick else _SIZES).items() for n in sizes]
    with material.temporary_folders():
        # Rendered and hashed before, as happens once for every corpus.
        assert ser_lib.load_corpus("synthetic").fingerprint
        for work, utterances in progress(cases, description="scale", unit="run", delay=0):
            seconds, peak = peak_memory(_seconds, work, utterances)
            size = f"{utterances:,} utterances"
            rows.append(row(work, size, [utterances / seconds], PER_SECOND))
            rows.append(row(f"{work}: peak memory", size, [peak / 1e6], MEGABYTES))
    rows += growth(rows)
    size, room = (2**28, 2**27) if quick else (2**31, 2**28)
    with tempfile.TemporaryDirectory(prefix="ser_lib-bench-") as folder:
        write_features(Path(folder), size)
        try:
            peak_memory(train_within, Path(folder), room)
            ratio = size / room
        except Exception as error:
            # Where memory is refused, Python and TensorFlow raise different errors.
            print(f"training in little memory failed: {error!r}")
            ratio = 0.0
    what = f"features trained on in {room / 1e6:.0f} MB"
    note = "further memory was refused by the system"
    rows.append(row(what, "the memory", [ratio], "times as large", target=2, note=note))
    return rows


def growth(rows: list[dict]) -> list[dict]:
    """Compare the largest corpus with the second largest."""
    result = []
    for what in dict.fromkeys(r["what"] for r in rows):
        # Not with the smallest of three, which is finished before it pays to start processes.
        *_, small, large = [None, *(r for r in rows if r["what"] == what)]
        if small is None:
            continue
        ratio, name = large["value"] / small["value"], what
        if large["unit"] == PER_SECOND:
            ratio, name = 1 / ratio, f"{what}: time per utterance"
        against = f"{small['against']}; at {large['against']}"
        result.append(row(name, against, [ratio], "times as much", target=1.5, at_most=True))
    return result


def _seconds(work: str, utterances: int) -> float:
    """Extract features, or train an epoch on them, in this process; return the seconds."""
    corpus = material.tiled(ser_lib.load_corpus("synthetic"), utterances)
    system = systems.make("crnn_attention", units=32, spec_augment=False)
    started = time.perf_counter()
    features = system.front_end.extract(corpus, progress=False)
    if work == TRAINING:
        # Not above: a process that extracts features imports no TensorFlow.
        from benchmarks.training import Epochs

        epoch = Epochs(system.classifier(0), [features], system.targets(corpus.table))
        # A second epoch, in which the trainer of `Epochs` meets every shape.
        epoch()
        started = time.perf_counter()
        epoch()
    return time.perf_counter() - started


def peak_memory(function: Callable, *arguments: object) -> tuple[object, int]:
    """
    Call a function in a new process, and watch the memory of that process and its children.

    Returns its result, and the largest sum of their memory in bytes. Neither pages of mapped files
    count (on Linux), as the system drops them whenever it needs room, nor processes that were there
    before, such as the idle workers of an earlier computation.
    """
    context = multiprocessing.get_context("spawn")
    before = set(psutil.Process().children(recursive=True))
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        future = pool.submit(_call, function, *arguments)
        peak = 0
        while not future.done():
            started = set(psutil.Process().children(recursive=True)) - before
            peak = max(peak, sum(map(_memory, started)))
            time.sleep(_INTERVAL)
        return future.result(), peak


def _call(function: Callable, *arguments: object) -> object:
    """Call a function and end its workers, which would keep this process from ending."""
    result = function(*arguments)
    get_reusable_executor().shutdown()
    return result


def _memory(process: psutil.Process) -> int:
    try:
        memory = process.memory_info()
    except psutil.NoSuchProcess:
        return 0
    return memory.rss - getattr(memory, "shared", 0)


def write_features(folder: Path, size: int) -> None:
    """Write features of `size` bytes as the cache does (zeros, which take no room on disk)."""
    rows = size // (4 * _FEATURES * _ITEMS)
    shape = (rows * _ITEMS, _FEATURES)
    np.lib.format.open_memmap(folder / "values.npy", "w+", np.float32, shape).flush()
    np.save(folder / "offsets.npy", np.arange(rows + 1) * _ITEMS)


def train_within(folder: Path, room: int) -> int:
    """
    Train on features in a process that is refused (on Linux) more than `room` further bytes.

    Returns the number of rows. A training that needs more raises a MemoryError; a ValueError is
    raised if all features fit into `room`, as the training would show nothing.
    """
    import resource

    from ser_lib.neural import NeuralClassifier

    features = RaggedArray.load(folder)
    labels = np.array(["a", "b"])[np.arange(len(features)) % 2]
    classifier = NeuralClassifier(MeanNetwork(), epochs=1, batch_size=32)
    # TensorFlow allocates its threads and buffers in a first training.
    classifier.fit(features.take(range(64)), labels[:64])
    limit = psutil.Process().memory_info().data + room
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        np.array(features.values)
    except MemoryError:
        classifier.fit(features, labels)
        return len(features)
    raise ValueError(f"features of {features.values.nbytes} bytes fit into {room} bytes of memory")


@dataclasses.dataclass(frozen=True)
class MeanNetwork:
    """The mean of all items, and a dense layer."""

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> object:
        """Build the network as `NeuralClassifier` expects it."""
        import keras

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = keras.layers.GlobalAveragePooling1D()(values, mask=mask)
        posteriors = keras.layers.Dense(n_classes, activation="softmax")(x)
        return keras.Model({"values": values, "mask": mask}, posteriors)
