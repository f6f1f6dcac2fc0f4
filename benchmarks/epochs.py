"""Our training path, an epoch at a time, so that it can take turns with others."""

import time

import numpy as np

from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier
from ser_lib.neural.batching import batches, items_as_rows, padded_length
from ser_lib.neural.training import Scores, make_optimizer, make_trainer


class Epochs:
    """
    Train a classifier's network by the code that `NeuralClassifier.fit` runs in an epoch.

    Parameters
    ----------
    classifier : NeuralClassifier
        Not fitted.
    sources : tuple of RaggedArray
        The training rows, and altered copies of them.
    y : ndarray of str, shape (rows,)
        Labels.

    Attributes
    ----------
    stepping : float
        Seconds that the train steps took since this was last set.
    """

    def __init__(
        self,
        classifier: NeuralClassifier,
        sources: tuple[RaggedArray, ...],
        y: np.ndarray,
    ):
        self.classifier = classifier.set_params(epochs=1)
        # Scaling, classes and the network are made there.
        self.classifier.fit(sources[0], y, copies=sources[1:])
        self.sources, self.targets = sources, np.searchsorted(self.classifier.classes_, y)
        if self.classifier.pool:
            self.sources, self.targets = items_as_rows(sources, self.targets)
        names = ("learning_rate", "momentum", "decay", "schedule", "weight_decay", "clip_norm")
        parameters = {name: getattr(self.classifier, name) for name in names}
        optimizer = make_optimizer(self.classifier.optimizer, steps=1000, **parameters)
        self.scores = Scores(len(self.classifier.classes_))
        self.trainer = make_trainer(self.classifier.network_, optimizer, self.scores)
        self.rng = np.random.default_rng(0)
        self.stepping = 0.0

    def __call__(self) -> None:
        """Go once through the rows."""
        self.scores.restart()
        self.classifier._learn(self, self.sources, self.targets, self.rng)

    def train_on_batch(self, *batch: object) -> None:
        """Stand in for the trainer, and count the time that it takes."""
        started = time.perf_counter()
        self.trainer.train_on_batch(*batch)
        self.stepping += time.perf_counter() - started

    def shapes(self) -> list[tuple[int, int]]:
        """Rows and padded length of each batch of an epoch."""
        lengths = self.sources[0].lengths
        rng = np.random.default_rng(0)
        dealt = batches(lengths, self.classifier.batch_size, rng=rng)
        return [(len(rows), padded_length(int(lengths[rows].max()))) for rows in dealt]
