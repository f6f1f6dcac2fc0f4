"""
How much memory a computation takes, and a training in less memory than its features would fill.

Counted is anonymous memory, that of a process and of those it started: pages of a mapped file are
the system's to drop whenever it needs them.
"""

import concurrent.futures
import dataclasses
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from joblib.externals.loky import get_reusable_executor

from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier

_LOOK = 0.05
_FEATURES = 64
_ITEMS = 256


def anonymous(pid: int) -> int:
    """Bytes of anonymous memory of a process; all of its resident memory where unknown."""
    try:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        return next(1024 * int(line.split()[1]) for line in text.splitlines() if "RssAnon" in line)
    except (OSError, StopIteration):
        try:
            return psutil.Process(pid).memory_info().rss
        except psutil.NoSuchProcess:
            return 0


def watched(function: Callable, *arguments: object) -> tuple[object, int]:
    """
    Call a function in a fresh process and watch that process and its children.

    Returns
    -------
    result : object
        What the function returned.
    peak : int
        Largest sum of their anonymous memory, in bytes.
    """
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        answer = pool.submit(_done_with_workers, function, *arguments)
        peak = 0
        while not answer.done():
            family = psutil.Process().children(recursive=True)
            peak = max(peak, sum(anonymous(process.pid) for process in family))
            time.sleep(_LOOK)
        return answer.result(), peak


def _done_with_workers(function: Callable, *arguments: object) -> object:
    """Call a function, and end its workers: idle, they keep a process from ending for minutes."""
    result = function(*arguments)
    get_reusable_executor().shutdown()
    return result


def large_features(folder: Path, size: int) -> None:
    """Write features of `size` bytes as the cache has them (zeros, which take no room on disk)."""
    rows = size // (4 * _FEATURES * _ITEMS)
    shape = (rows * _ITEMS, _FEATURES)
    np.lib.format.open_memmap(folder / "values.npy", "w+", np.float32, shape).flush()
    np.save(folder / "offsets.npy", np.arange(rows + 1) * _ITEMS)


def train_within(folder: Path, room: int) -> subprocess.CompletedProcess:
    """
    Train on features in a process that may allocate no more than `room` bytes for it.

    The system refuses what goes beyond (Linux); the process first shows that it does.
    """
    command = [sys.executable, "-m", "benchmarks.memory", str(folder), str(room)]
    root = Path(__file__).resolve().parents[1]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@dataclasses.dataclass(frozen=True)
class MeanNetwork:
    """The smallest network there is: the mean of all items, and a layer."""

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> object:
        """Build it as `NeuralClassifier` wants it."""
        import keras

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = keras.layers.GlobalAveragePooling1D()(values, mask=mask)
        posteriors = keras.layers.Dense(n_classes, activation="softmax")(x)
        return keras.Model({"values": values, "mask": mask}, posteriors)


def _train(folder: Path, room: int) -> None:
    import resource

    features = RaggedArray.load(folder)
    labels = np.array(["a", "b"])[np.arange(len(features)) % 2]
    classifier = NeuralClassifier(MeanNetwork(), epochs=1, batch_size=32)
    # A training before, so that TensorFlow has its threads and its memory.
    classifier.fit(features.take(range(64)), labels[:64])
    status = Path("/proc/self/status").read_text(encoding="ascii")
    used = next(1024 * int(x.split()[1]) for x in status.splitlines() if x.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + room, used + room))
    try:
        np.array(features.values)
    except MemoryError:
        classifier.fit(features, labels)
        print(f"trained on {len(features)} rows")
    else:
        sys.exit("the features fit into the memory that was left: this shows nothing")


if __name__ == "__main__":
    _train(Path(sys.argv[1]), int(sys.argv[2]))
