"""Memory that must stay where it is: many trainings, many recordings, and long ones."""

import concurrent.futures
import dataclasses
import multiprocessing
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
import psutil
import soundfile

from benchmarks.stress import commands
from benchmarks.stress.outcome import Outcome

_GROWTH = 1.10
_MOST = 2e9
# Trainings and recordings after which everything has been loaded once.
_BEGUN_TRAININGS, _BEGUN_RECORDINGS = 5, 0.25


def trainings(count: int, folder: Path) -> Outcome:
    """Train a network so often in one process: from the fifth on, it takes no more memory."""
    outcome = Outcome("trainings in one process, memory", count)
    used = _apart(_train_often, count)
    begun = used[min(_BEGUN_TRAININGS, len(used)) - 1]
    if used[-1] > _GROWTH * begun:
        outcome.note("leftover", f"{begun / 1e6:.0f} MB, then {used[-1] / 1e6:.0f} MB")
    return outcome


def recordings(count: int, folder: Path) -> Outcome:
    """Extract features of so many recordings in one process, which takes no more memory."""
    outcome = Outcome("recordings in one process, memory", count)
    corpus = commands.make_corpus(folder / "corpus")
    used = _apart(_extract_many, corpus, commands.Home(folder / "home").environment, count)
    begun = used[int(_BEGUN_RECORDINGS * len(used))]
    if used[-1] > _GROWTH * begun:
        outcome.note("leftover", f"{begun / 1e6:.0f} MB, then {used[-1] / 1e6:.0f} MB")
    return outcome


def minutes(count: int, folder: Path) -> Outcome:
    """Recognise one recording of so many minutes with a model of every system, below 2 GB."""
    outcome = Outcome("minutes of one recording, memory", count)
    path = folder / "long.wav"
    rng = np.random.default_rng(0)
    instants = np.arange(60 * commands.RATE) / commands.RATE
    buzz = np.sign(np.sin(2 * np.pi * 150 * instants)) * (np.sin(2 * np.pi * 3 * instants) > 0)
    with soundfile.SoundFile(path, "w", commands.RATE, 1) as file:
        for minute in range(count):
            # Someone speaks in the first and in the last minute: between them nothing is waited
            # for but the reading.
            loud = minute in (0, count - 1)
            file.write(0.2 * buzz * loud + rng.normal(0, 1e-3, len(buzz)))
    from ser_lib import systems

    for name in systems.names():
        if name in ("majority", "opensmile_svm"):
            continue
        try:
            peak, rows = _apart(_recognise, name, path)
        except Exception as error:
            outcome.note_exception(error, name)
            continue
        if peak > _MOST:
            outcome.note("leftover", f"{name}: {peak / 1e6:.0f} MB")
        if rows != 1:
            outcome.note("wrong", f"{name}: {rows} results")
    return outcome


def _apart(function: Callable, *arguments: object) -> object:
    """Call a function in a process of its own, which shows no bars of its own."""
    context = multiprocessing.get_context("spawn")
    with (
        mock.patch.dict(os.environ, TQDM_DISABLE="1"),
        concurrent.futures.ProcessPoolExecutor(1, context) as pool,
    ):
        return pool.submit(function, *arguments).result()


def _used() -> int:
    """Measure the memory of this process, without mapped files."""
    memory = psutil.Process().memory_info()
    return memory.rss - getattr(memory, "shared", 0)


@dataclasses.dataclass(frozen=True)
class TinyNetwork:
    """A recurrent layer and its mean over time."""

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> object:
        """Build the network as `ser_lib.neural.NeuralClassifier` expects it."""
        import keras

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = keras.layers.GRU(4, return_sequences=True)(values, mask=mask)
        x = keras.layers.GlobalAveragePooling1D()(x, mask=mask)
        posteriors = keras.layers.Dense(n_classes, activation="softmax")(x)
        return keras.Model({"values": values, "mask": mask}, posteriors)


def _train_often(count: int) -> list[int]:
    import gc

    from ser_lib.features import RaggedArray
    from ser_lib.neural import NeuralClassifier

    rng = np.random.default_rng(0)
    X = RaggedArray.from_list([rng.normal(size=(n % 3 + 5, 4)).astype("f4") for n in range(16)])
    y = np.array(["a", "b"])[np.arange(16) % 2]
    used = []
    for seed in range(count):
        NeuralClassifier(TinyNetwork(), epochs=1, batch_size=8, seed=seed).fit(X, y).predict(X)
        gc.collect()  # As `ser_lib.experiment.training` does after each fold.
        used.append(_used())
    return used


def _extract_many(corpus: Path, environment: dict[str, str], count: int) -> list[int]:
    from benchmarks import material
    from ser_lib import load_corpus
    from ser_lib.errors import InputWarning
    from ser_lib.features import FrontEnd, Functionals, LogMel, cache

    # That the same recordings occur many times is meant.
    warnings.simplefilter("ignore", InputWarning)
    os.environ.update(environment)
    many = material.tiled(load_corpus("folder", data=corpus), count)
    front_end = FrontEnd(analysis=LogMel(n_mels=8), segmentation=Functionals())
    used = []
    compute = cache._compute_block

    def measured(*arguments):
        compute(*arguments)
        used.append(_used())

    cache._compute_block = measured
    front_end.extract(many, jobs=1, progress=False)
    return used


def _recognise(name: str, path: Path) -> tuple[int, int]:
    """Recognise a recording with an untrained model; return its largest memory, and the results."""
    import resource

    from ser_lib import systems
    from ser_lib.features import RaggedArray
    from ser_lib.recognition.recogniser import Recogniser

    system = systems.make(name)
    classes = ("anger", "neutral", "sadness")
    rng = np.random.default_rng(0)
    instants = np.arange(3 * commands.RATE) / commands.RATE
    tones = [np.sin(2 * np.pi * pitch * instants) / 4 for pitch in (900, 500, 200) * 4]
    rows = RaggedArray.from_list(
        [system.front_end((tone + rng.normal(0, 0.02, len(tone))).astype("f4")) for tone in tones]
    )
    classifier = system.classifier(0)
    if hasattr(classifier, "epochs"):
        classifier.set_params(epochs=1, patience=None, monitor="loss")
    y = np.array(classes * 4)
    options = {"validation": (rows, y)} if system.needs_development else {}
    classifier.fit(rows, y, groups=np.repeat(["a", "b"], 6), **options)

    recogniser = object.__new__(Recogniser)
    recogniser.description = {
        "normalisation": system.normalisation,
        "normalised_by_front_end": system.normalisation == "utterance",
        "temperature": 1.0,
    }
    recogniser.front_end, recogniser.classes = system.front_end, classes
    recogniser.classifier, recogniser._column = classifier, [0, 1, 2]
    table = recogniser.predict([path])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, len(table)
