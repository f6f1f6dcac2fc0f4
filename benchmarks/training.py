"""
How long an epoch takes, beside the same network written the plain way.

The plain way is a Keras model, compiled as Keras chooses and trained by ``fit`` on one array, every
recording padded to the source's length (`benchmarks.plain`). Ours is the network of the system,
trained as `NeuralClassifier` trains it. Recordings (those longer than the source's length cut),
batch size, optimiser and number of weights are the same. The batches have the size of our recipe:
at the 64 recordings of its source the plain CNN-LSTM needs some ten gigabytes.
"""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np

from benchmarks import material, plain
from benchmarks.epochs import Epochs
from benchmarks.harness import TIMES_AS_FAST, Row, interleaved, row
from ser_lib import systems
from ser_lib.corpora import Corpus
from ser_lib.features import RaggedArray
from ser_lib.systems.base import System

QUESTION = "training"


@dataclasses.dataclass(frozen=True)
class Case:
    """
    A network in both ways.

    Parameters
    ----------
    system : System
        Ours.
    longest : int
        Items to which the source pads, and at which it cuts.
    inputs : callable
        From features and their longest length to the input of the plain network.
    build : callable
        From item shape and number of classes to the plain network.
    target : float
        How many times as fast ours should be.
    note : str
        What ours is.
    recordings : int
        How many an epoch has; fewer where the plain way takes a second for each.
    """

    system: System
    longest: int
    inputs: Callable[[RaggedArray, int], object]
    build: Callable[[tuple[int, ...], int], keras.Model]
    target: float
    note: str
    recordings: int = 192


def cases() -> tuple[Case, ...]:
    """Return the networks that are compared."""
    crnn = systems.make(
        "crnn_attention", filters=(8, 16, 32), units=32, block_dropout=0.0, spec_augment=False
    )
    return (
        Case(
            systems.make("cnn_lstm", setting="source", batch_size=16),
            5,
            lambda features, longest: plain.padded(features, longest)[..., None],
            lambda item, classes: plain.cnn_lstm(5, *item, classes),
            3.0,
            "setting 'source', 5 windows of each recording",
            recordings=64,
        ),
        Case(
            systems.make("blstm_attention", setting="source", batch_size=32),
            1024,
            plain.masked_input,
            lambda item, classes: plain.blstm_attention(1024, *item, classes),
            2.5,
            "setting 'source', padded to 1,024 frames",
        ),
        Case(
            crnn,
            400,
            lambda features, longest: plain.padded(features, longest)[..., None],
            lambda item, classes: plain.crnn_attention(400, *item, classes),
            1.5,
            "sizes of the source, attention of its README (that of its code is tied to 400 "
            "frames), padded to 400 frames",
        ),
    )


def cut(features: RaggedArray, longest: int) -> RaggedArray:
    """Keep the first items of every row, in memory."""
    return RaggedArray.from_list([items[:longest] for items in features])


def run(quick: bool) -> list[Row]:
    """Time epochs of the networks."""
    rows = []
    for case in cases():
        corpus = material.corpus(8 if quick else case.recordings)
        rows += _compared(case, corpus, rounds=1 if quick else 3)
        keras.backend.clear_session()
    return rows


def _compared(case: Case, corpus: Corpus, *, rounds: int) -> list[Row]:
    """Train a network in both ways, in turn."""
    system = case.system
    features = cut(system.front_end.extract(corpus), case.longest)
    ours = Epochs(system.classifier(0), (features,), system.targets(corpus.table))
    size, classes = ours.classifier.batch_size, len(ours.classifier.classes_)
    inputs = case.inputs(features, case.longest)
    labels = np.eye(classes, dtype=np.float32)[ours.targets]

    def plain_model() -> keras.Model:
        model = case.build(features.item_shape, classes)
        optimizer = ours.trainer.optimizer
        # An optimiser of the same kind and step size.
        optimizer = type(optimizer).from_config(optimizer.get_config())
        model.compile(optimizer, "categorical_crossentropy", metrics=["accuracy"])
        return model

    at_once, by_hand = plain_model(), plain_model()

    def fit() -> None:
        at_once.fit(inputs, labels, batch_size=size, verbose=0)

    def batch_by_batch() -> None:
        order = np.random.default_rng(0).permutation(len(labels))
        for start in range(0, len(labels), size):
            places = order[start : start + size]
            part = keras.tree.map_structure(lambda array: array[places], inputs)  # noqa: B023
            by_hand.train_on_batch(part, labels[places])

    # Keras's fit can return later than it computed; batch by batch shows what that makes.
    others = {"plain Keras, fit": fit, "plain Keras, batch by batch": batch_by_batch}
    # Our batches differ in shape, and TensorFlow traces the first few shapes it meets.
    seconds = interleaved({"ours": ours} | others, rounds, description=system.name)
    note = f"{len(labels)} recordings of {corpus.name}, batches of {size}; {case.note}"
    targets = (case.target, None)
    return [
        row(
            *(QUESTION, f"epoch of {system.name}", other),
            *(seconds[other] / seconds["ours"], TIMES_AS_FAST),
            target=target,
            note=note,
        )
        for other, target in zip(others, targets, strict=True)
    ]
