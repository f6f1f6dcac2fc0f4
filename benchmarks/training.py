"""
How long an epoch takes, compared with the same network in plain Keras.

Plain Keras is a model compiled by Keras's defaults and trained by ``fit`` on one array, every
recording padded to the source's length (`benchmarks.plain`). Ours is the network of the system,
trained as `NeuralClassifier` trains it. Recordings (cut at the source's length), batch size,
optimiser and number of weights are the same. Batches have the size of our defaults: at the 64
recordings of its source the plain CNN-LSTM needs some ten gigabytes.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import keras
import numpy as np

from benchmarks import material, plain
from benchmarks.harness import TIMES_AS_FAST, interleaved, row
from ser_lib import systems
from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier
from ser_lib.neural.batching import batches, items_as_rows, padded_length
from ser_lib.neural.training import Scores, make_optimizer, make_trainer
from ser_lib.systems.base import NeuralSystem


class Epochs:
    """
    Train a classifier's network epoch by epoch, by the code that `NeuralClassifier.fit` runs.

    `classifier` is not fitted yet; `sources` are the training rows and augmented copies of them,
    `y` their labels. ``step_seconds`` counts the time of train steps from when it was last set.
    """

    def __init__(self, classifier: NeuralClassifier, sources: list[RaggedArray], y: np.ndarray):
        # Makes scaling, classes and the network.
        self.classifier = classifier.set_params(epochs=1).fit(sources[0], y, copies=sources[1:])
        self.sources, self.targets = sources, np.searchsorted(classifier.classes_, y)
        if classifier.pool:
            self.sources, self.targets = items_as_rows(sources, self.targets)
        names = ("learning_rate", "momentum", "decay", "schedule", "weight_decay", "clip_norm")
        parameters = {name: getattr(classifier, name) for name in names}
        optimizer = make_optimizer(classifier.optimizer, steps=1000, **parameters)
        self.scores = Scores(len(classifier.classes_))
        self.trainer = make_trainer(classifier.network_, optimizer, self.scores)
        self.rng = np.random.default_rng(0)
        self.step_seconds = 0.0

    def __call__(self) -> None:
        """Train on all rows once."""
        self.scores.restart()
        self.classifier._train_epoch(self, self.sources, self.targets, self.rng)

    def train_on_batch(self, *batch: object) -> None:
        """Stand in for the trainer, and add up the time that it takes."""
        started = time.perf_counter()
        self.trainer.train_on_batch(*batch)
        self.step_seconds += time.perf_counter() - started

    def shapes(self) -> list[tuple[int, int]]:
        """Rows and padded length of each batch of an epoch."""
        lengths = self.sources[0].lengths
        epoch = batches(lengths, self.classifier.batch_size, rng=np.random.default_rng(0))
        return [(len(rows), padded_length(int(lengths[rows].max()))) for rows in epoch]


class Case(NamedTuple):
    """
    A network, ours (`system`) and in plain Keras.

    The source cuts or pads at `length` items. `inputs(features, length)` is the input of the plain
    network, `build(length, item_shape, classes)` the network; `target` is how many times as fast
    ours should be.
    """

    system: NeuralSystem
    length: int
    inputs: Callable[[RaggedArray, int], object]
    build: Callable[[int, tuple[int, ...], int], keras.Model]
    target: float
    note: str
    recordings: int = 192


def cases() -> tuple[Case, ...]:
    """Return the networks that are compared."""
    cnn = systems.make("cnn_lstm", variant="as_published", batch_size=16)
    blstm = systems.make("blstm_attention", variant="as_published", batch_size=32)
    crnn = systems.make("crnn_attention", units=32, spec_augment=False)
    cnn_note = "as published, 5 windows of each recording"
    blstm_note = "as published, padded to 1,024 frames"
    crnn_note = "sizes of the source, attention of its README, padded to 400 frames"
    return (
        # Fewer recordings, as plain Keras takes a second for each.
        Case(cnn, 5, plain.image, plain.cnn_lstm, 3.0, cnn_note, recordings=64),
        Case(blstm, 1024, plain.masked_input, plain.blstm_attention, 2.5, blstm_note),
        Case(crnn, 400, plain.image, plain.crnn_attention, 1.5, crnn_note),
    )


def measure_epochs(quick: bool) -> list[dict]:
    """Train each network in turn by our code and by plain Keras."""
    rows = []
    for case in cases():
        rows += _compared(case, 8 if quick else case.recordings, rounds=1 if quick else 3)
        keras.backend.clear_session()
    return rows


def _compared(case: Case, recordings: int, *, rounds: int) -> list[dict]:
    corpus, system = material.load(recordings), case.system
    features = [items[: case.length] for items in system.front_end.extract(corpus)]
    features = RaggedArray.from_list(features)
    ours = Epochs(system.classifier(0), [features], system.targets(corpus.table))
    size, classes = ours.classifier.batch_size, len(ours.classifier.classes_)
    inputs = case.inputs(features, case.length)
    labels = np.eye(classes, dtype=np.float32)[ours.targets]

    def plain_model() -> keras.Model:
        model = case.build(case.length, features.item_shape, classes)
        optimizer = ours.trainer.optimizer
        # Another optimiser with the same parameters.
        optimizer = type(optimizer).from_config(optimizer.get_config())
        model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
        return model

    with_fit, by_batch = plain_model(), plain_model()

    def fit() -> None:
        with_fit.fit(inputs, labels, batch_size=size, verbose=0)

    def batch_by_batch() -> None:
        order = np.random.default_rng(0).permutation(len(labels))
        for start in range(0, len(labels), size):
            places = order[start : start + size]
            part = keras.tree.map_structure(lambda array: array[places], inputs)  # noqa: B023
            by_batch.train_on_batch(part, labels[places])

    # What fit does besides the batches costs time as well; the second shows how much.
    others = {"plain Keras, fit": fit, "plain Keras, batch by batch": batch_by_batch}
    # Our batches differ in shape, and TensorFlow traces the first few shapes that it meets.
    seconds = interleaved({"ours": ours} | others, rounds, description=system.name)
    note = f"{len(labels)} recordings of {corpus.name}, batches of {size}; {case.note}"
    what = f"epoch of {system.name}"
    return [
        row(what, name, seconds[name] / seconds["ours"], TIMES_AS_FAST, target=target, note=note)
        for name, target in zip(others, (case.target, None), strict=True)
    ]
