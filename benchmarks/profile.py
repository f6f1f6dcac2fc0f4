"""Where the time of an epoch goes: arithmetic beside the machine's peak, padding, and the rest."""

import functools

import keras
import numpy as np

from benchmarks import machine, material, work
from benchmarks.epochs import Epochs
from benchmarks.harness import Row, interleaved, row
from ser_lib import systems
from ser_lib.features import extract
from ser_lib.neural import NeuralClassifier
from ser_lib.systems.base import System

QUESTION = "profile"


def neural() -> list[System]:
    """Make the systems that train a network, as they are by default."""
    made = map(systems.make, systems.names())
    return [system for system in made if isinstance(system.classifier(0), NeuralClassifier)]


def run(quick: bool) -> list[Row]:
    """Profile an epoch of every network, with its noisy copies and augmentation."""
    corpus = material.corpus(8 if quick else 160)
    peak = 1e9 * np.median(machine.matrix_product_peak(rounds=2 if quick else 5))
    rows = []
    for system in neural():
        sources = extract(corpus, [system.front_end, *system.training_copies])
        epoch = Epochs(system.classifier(0), tuple(sources), system.targets(corpus.table))
        network, item = epoch.classifier.network_, sources[0].item_shape
        of_row = functools.cache(functools.partial(work.operations, network, item))
        shapes = epoch.shapes()
        done = work.TRAINING * sum(count * of_row(items) for count, items in shapes)
        seconds, stepping = [], []
        for _ in range(1 if quick else 3):
            epoch.stepping = 0.0
            seconds.append(interleaved({"epoch": epoch}, 1, warm=0)["epoch"][0])
            stepping.append(epoch.stepping)
        seconds, stepping = np.array(seconds), np.array(stepping)
        items = sum(count * items for count, items in shapes)
        padding = 1 - epoch.sources[0].lengths.sum() / items
        note = (
            f"{len(corpus.table)} recordings of {corpus.name}, "
            f"{done / 1e9:.0f} thousand million operations"
        )
        what = f"epoch of {system.name}"
        rows += [
            row(QUESTION, what, "peak, all cores", done / seconds / peak, "of peak", note=note),
            row(QUESTION, what, "train steps", 1 - stepping / seconds, "of time outside"),
            row(QUESTION, what, "all items", [padding], "of items are padding"),
        ]
        keras.backend.clear_session()
    return rows
