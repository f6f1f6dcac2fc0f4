"""How soon `ser predict` has a result, and how fast it goes through a folder; openSMILE as well."""

import concurrent.futures
import functools
import importlib.util
import multiprocessing

import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from benchmarks import material
from benchmarks.features import RATE, open_smile
from benchmarks.harness import interleaved, row
from benchmarks.startup import run_python
from ser_lib.corpora import Corpus
from ser_lib.recognition import load
from ser_lib.signal import decode

_OURS, _OTHER = "a folder by ser predict", "a folder by openSMILE, eGeMAPSv02, and an SVM"
# The machine that the process of openSMILE fitted.
_FITTED: dict[str, object] = {}


def measure_recognition(quick: bool) -> list[dict]:
    """Measure the model that comes with the package."""
    corpus = material.load(14 if quick else 200)
    files = list(corpus.table["path"])
    return _cold(files[0], 1 if quick else 9) + _folder(corpus, files, 1 if quick else 5)


def _cold(file: str, rounds: int) -> list[dict]:
    """Compare `ser predict` on one recording, in a new process, with importing TensorFlow."""
    alternatives = {
        "predict": functools.partial(run_python, "-m", "ser_lib.cli", "predict", file),
        "tensorflow": functools.partial(run_python, "-c", "import tensorflow"),
    }
    seconds = interleaved(alternatives, rounds, description="recognising")
    ratio = seconds["predict"] / seconds["tensorflow"]
    what, against = "ser predict, one recording", "import tensorflow"
    return [
        row(what, "nothing", seconds["predict"], "seconds"),
        row(what, against, ratio, "of its time", target=0.5, at_most=True),
    ]


def _folder(corpus: Corpus, files: list[str], rounds: int) -> list[dict]:
    """Measure how many seconds of speech are recognised per second on one core."""
    recogniser = load()
    alternatives = {_OURS: lambda: list(recogniser.results(files))}
    timed = functools.partial(interleaved, rounds=rounds, description="recognising a folder")
    # openSMILE in a process of its own, as in `benchmarks.features`.
    context = multiprocessing.get_context("spawn")
    with threadpool_limits(1), concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        try:
            if not importlib.util.find_spec("opensmile"):
                raise concurrent.futures.process.BrokenProcessPool
            labels = corpus.table["emotion"].tolist()
            pool.submit(_fit, files, labels).result()
            other = {_OTHER: lambda: pool.submit(_predict, files).result()}
            seconds = timed(alternatives | other)
        except concurrent.futures.process.BrokenProcessPool:
            print("openSMILE is not there, or its process died: left out")
            seconds = timed(alternatives)
    length = sum(len(decode(file).signal) for file in files) / RATE
    rows = []
    for name, times in seconds.items():
        target = 200 if name == _OURS else None
        unit = "times real time, one core"
        rows.append(row(name, "real time", length / times, unit, target=target))
    return rows


def _functionals(files: list[str]) -> np.ndarray:
    return np.concatenate([open_smile(decode(file).signal) for file in files])


def _fit(files: list[str], labels: list[str]) -> None:
    machine = make_pipeline(StandardScaler(), SVC())
    _FITTED["svm"] = machine.fit(_functionals(files), labels)


def _predict(files: list[str]) -> None:
    _FITTED["svm"].predict(_functionals(files))
