"""A scikit-learn classifier around any network: scales, batches, stops early, keeps a history."""

import dataclasses
import functools
import math
import os
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ser_lib.console import progress
from ser_lib.errors import InputError
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural.augmentation import SpecAugment, mix, oversampled
from ser_lib.neural.batching import assemble, batches, scaling_of
from ser_lib.neural.inference import NetworkReader, items_as_rows, pooled, ready
from ser_lib.neural.saving import describe, read, write
from ser_lib.neural.validation import check_parameters, check_rows

if TYPE_CHECKING:
    import keras


class NeuralClassifier(NetworkReader, ClassifierMixin, BaseEstimator):
    """
    Train a network on rows of unequal length, and ask it.

    Parameters
    ----------
    network : frozen dataclass
        ``network.build(item_shape, n_classes)`` gives a `keras.Model` with the inputs ``values``,
        shape (batch, n, *item), and ``mask``, shape (batch, n), and posteriors as output.
    epochs : int
        Times that the training rows are gone through, at most.
    batch_size : int
        Rows per batch.
    optimizer : {"adam", "sgd"}
        Adam (Kingma & Ba 2015) or stochastic gradient descent.
    learning_rate : float
        Step size at the start.
    momentum : float
        Of stochastic gradient descent.
    decay : float
        After t updates the step size is ``learning_rate / (1 + decay * t)``; for the constant
        schedule.
    schedule : {"constant", "cosine"}
        ``"cosine"`` brings the step size to zero over all epochs (Loshchilov & Hutter 2017).
    weight_decay : float
        Share of each weight, times the step size, that every update takes away (Loshchilov &
        Hutter 2019).
    clip_norm : float, optional
        Largest norm of the gradient of all weights together.
    balance : {"weights", "oversampling"}, optional
        Weigh the loss of each training row by the inverse frequency of its class, or bring rows of
        the rarer classes again until all are as frequent.
    spec_augment : SpecAugment, optional
        What is hidden of the training rows.
    mixup : float
        Mix training rows in shares drawn from Beta(mixup, mixup); 0 for not at all.
    pool : {"mean", "max"}, optional
        Learn from every item (a segment) by itself, and answer for a row by the mean or the
        maximum of the log posteriors of its items; by default the network sees all items of a row.
    monitor : {"uar", "loss"}
        What is watched on the development rows: their unweighted average recall (the smaller loss
        decides between equals), or their loss alone.
    patience : int, optional
        Epochs without improvement on the development rows after which training stops.
    scale : bool
        Bring each feature to mean 0 and standard deviation 1 by the moments of the training rows.
    seed : int
        Seed of the weights, of dropout and of the order of rows. `fit` gives it to the global
        random numbers of Python, NumPy and the backend as well.

    Attributes
    ----------
    classes_ : ndarray of str
        Labels, sorted; the order of the posteriors.
    history_ : list of dict
        Per epoch: epoch, loss, accuracy, uar (of the training rows as they were learnt from, with
        dropout), dev_loss, dev_accuracy, dev_uar where there are development rows, seconds.
    best_epoch_ : int
        The epoch whose weights were kept; counted from 1.
    n_parameters_ : int
        Number of parameters of the network, those that are not trained included.
    network_ : keras.Model
        The trained network.
    """

    def __init__(
        self,
        network,
        *,
        epochs=50,
        batch_size=32,
        optimizer="adam",
        learning_rate=1e-3,
        momentum=0.0,
        decay=0.0,
        schedule="constant",
        weight_decay=0.0,
        clip_norm=None,
        balance=None,
        spec_augment=None,
        mixup=0.0,
        pool=None,
        monitor="uar",
        patience=None,
        scale=True,
        seed=0,
    ):
        self.network = network
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.momentum = momentum
        self.decay = decay
        self.schedule = schedule
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.balance = balance
        self.spec_augment = spec_augment
        self.mixup = mixup
        self.pool = pool
        self.monitor = monitor
        self.patience = patience
        self.scale = scale
        self.seed = seed

    def fit(
        self,
        X: RaggedArray,
        y: Sequence[str],
        *,
        groups: Sequence[str] | None = None,
        validation: tuple[RaggedArray, Sequence[str]] | None = None,
        copies: Sequence[RaggedArray] = (),
    ) -> "NeuralClassifier":
        """
        Train.

        Parameters
        ----------
        X : RaggedArray
            Features; may be memory-mapped, and is read batch by batch.
        y : array of str, shape (rows,)
            Labels.
        groups : array, optional
            Speakers; nothing here depends on them.
        validation : (RaggedArray, array of str), optional
            Development rows, which choose the epoch. Without them, the last epoch's weights are
            kept. Labels that the training rows lack cannot be learnt and are not counted.
        copies : sequence of RaggedArray
            Altered versions of `X`, row by row. In every epoch each row is taken from `X` or one
            of the copies, whichever is drawn.

        Returns
        -------
        NeuralClassifier
            Itself.

        Raises
        ------
        InputError
            For parameters that make no sense, no rows, a single class, labels or copies that do
            not fit the rows, features that are not finite, or a loss that is not finite.
        """
        import keras

        from ser_lib.neural.training import Scores, make_optimizer, make_trainer

        check_parameters(self.get_params(deep=False))
        y = check_rows("X", X, y)
        for number, copy in enumerate(copies):
            check_rows(f"copies[{number}]", copy, y, item_shape=X.item_shape)
        self.classes_, targets = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(
                f"y holds only {str(self.classes_[0])!r}; expected at least two classes"
            )
        self._item_shape = X.item_shape
        development = self._development(validation)
        sources = (X, *copies)
        if self.pool:
            sources, targets = items_as_rows(sources, targets)
        self._scaling = scaling_of(X) if self.scale else None

        keras.utils.set_random_seed(self.seed)
        self.network_ = ready(self.network.build(X.item_shape, len(self.classes_)))
        self._readers = {}
        self.n_parameters_ = self.network_.count_params()
        optimizer = make_optimizer(
            self.optimizer,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            decay=self.decay,
            schedule=self.schedule,
            weight_decay=self.weight_decay,
            clip_norm=self.clip_norm,
            steps=self.epochs * self._updates(sources[0], targets),
        )
        scores = Scores(len(self.classes_))
        trainer = make_trainer(self.network_, optimizer, scores)
        rng = np.random.default_rng(self.seed)
        self.history_, self.best_epoch_ = [], self.epochs
        best, kept = (-math.inf,), None
        with progress(total=self.epochs, description="training", unit="epoch") as bar:
            for epoch in range(1, self.epochs + 1):
                started = time.perf_counter()
                scores.restart()
                self._learn(trainer, sources, targets, rng)
                record = {"epoch": epoch} | scores.summary()
                if not math.isfinite(record["loss"]):
                    raise InputError(
                        f"learning_rate is {self.learning_rate}; training diverged, the loss of "
                        f"epoch {epoch} is {record['loss']}; expected a smaller one, or a clip_norm"
                    )
                if development is not None:
                    record |= self._score(*development)
                self.history_.append(record | {"seconds": time.perf_counter() - started})
                bar.update()
                if development is None:
                    continue
                bar.set_postfix(dev_uar=f"{record['dev_uar']:.3f}")
                now = (-record["dev_loss"],)
                if self.monitor == "uar":
                    now = (record["dev_uar"], *now)
                if now > best:
                    best, kept, self.best_epoch_ = now, self.network_.get_weights(), epoch
                elif self.patience is not None and epoch - self.best_epoch_ >= self.patience:
                    break
        if kept is not None:
            self.network_.set_weights(kept)
        return self

    def predict_proba(self, X: RaggedArray) -> np.ndarray:
        """
        Give the posteriors of each row.

        Parameters
        ----------
        X : RaggedArray
            Features with items of the shape seen in training.

        Returns
        -------
        ndarray of float64, shape (rows, classes)
            In the order of ``classes_``; rows sum to one. They do not depend on the other rows.

        Raises
        ------
        InputError
            If the items have another shape, or features are not finite.
        """
        posteriors = self._posteriors(X.items() if self.pool else X)
        if self.pool:
            posteriors = pooled(posteriors, X.lengths, self.pool)
        return posteriors / posteriors.sum(axis=1, keepdims=True)

    def predict(self, X: RaggedArray) -> np.ndarray:
        """Give the most probable label of each row, shape (rows,); raises as `predict_proba`."""
        answers = self.predict_proba(X).argmax(axis=1)
        return self.classes_[answers]

    def _learn(
        self,
        trainer: "keras.Model",
        sources: Sequence[RaggedArray],
        targets: np.ndarray,
        rng: np.random.Generator,
    ) -> None:
        """Go once through all rows, each taken from one of the sources."""
        labels = np.eye(len(self.classes_), dtype=np.float32)[targets]
        order = np.arange(len(targets))
        weights = np.ones(len(self.classes_))
        if self.balance == "oversampling":
            order = oversampled(targets, rng)
        elif self.balance == "weights":
            weights = len(targets) / len(self.classes_) / np.bincount(targets)
        choice = rng.integers(len(sources), size=len(order))
        lengths = np.stack([source.lengths for source in sources])[choice, order]
        for places in batches(lengths, self.batch_size, rng=rng):
            rows = order[places]
            batch = assemble(sources, rows, choice=choice[places], scaling=self._scaling)
            if self.spec_augment is not None:
                batch = self.spec_augment(batch, rng)
            wanted = labels[rows]
            if self.mixup:
                batch, wanted = mix(batch, wanted, self.mixup, rng)
            trainer.train_on_batch(batch._asdict(), wanted, wanted @ weights)

    def _updates(self, X: RaggedArray, targets: np.ndarray) -> int:
        """Count the updates of an epoch."""
        lengths = X.lengths
        if self.balance == "oversampling":
            lengths = lengths[oversampled(targets, np.random.default_rng(self.seed))]
        return len(batches(lengths, self.batch_size))

    def _development(
        self, validation: tuple[RaggedArray, Sequence[str]] | None
    ) -> tuple[RaggedArray, np.ndarray] | None:
        """Development rows of known classes, and the classes' numbers."""
        if validation is None:
            return None
        X, y = validation
        y = check_rows("validation", X, y, item_shape=self._item_shape)
        known = np.flatnonzero(np.isin(y, self.classes_))
        if not len(known):
            raise InputError(
                f"validation holds only {', '.join(np.unique(y))}; expected labels that are "
                f"trained: {', '.join(self.classes_)}"
            )
        return X.take(known), np.searchsorted(self.classes_, y[known])

    def _score(self, X: RaggedArray, targets: np.ndarray) -> dict[str, float]:
        """Score the network as it is on the development rows."""
        posteriors = self.predict_proba(X)
        right = posteriors.argmax(axis=1) == targets
        likelihood = np.maximum(posteriors[np.arange(len(targets)), targets], 1e-7)
        return {
            "dev_loss": float(-np.log(likelihood).mean()),
            "dev_accuracy": float(right.mean()),
            "dev_uar": float(np.mean([right[targets == k].mean() for k in np.unique(targets)])),
        }

    def save(self, folder: str | os.PathLike) -> None:
        """
        Write the trained classifier: ``network.keras``, ``scaling.npz`` and ``classifier.json``.

        Parameters
        ----------
        folder : path
            Must not exist yet; appears only when all of it is written. Nothing is pickled.

        Raises
        ------
        InputError
            If `folder` exists.
        """
        check_is_fitted(self, "network_")
        parameters = self.get_params(deep=False)
        network, augment = parameters.pop("network"), parameters.pop("spec_augment")
        parameters["spec_augment"] = augment and dataclasses.asdict(augment)
        state = {
            "parameters": parameters,
            "network": describe(network),
            "classes": self.classes_.tolist(),
            "item_shape": list(self._item_shape),
            "best_epoch": self.best_epoch_,
            "history": self.history_,
        }
        write(folder, self.network_, state, self._scaling)

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "NeuralClassifier":
        """
        Open what `save` wrote; no code is taken from the folder.

        Parameters
        ----------
        folder : path
            The folder.

        Returns
        -------
        NeuralClassifier
            Predicts what the saved one did.

        Raises
        ------
        InputError
            If a file is missing or damaged, or the network's class is not known here.
        """
        model, state, scaling = read(folder)
        augment = state["parameters"].get("spec_augment")
        state["parameters"]["spec_augment"] = augment and SpecAugment(**augment)
        result = cls(state["network"], **state["parameters"])
        result.network_, result._readers = ready(model), {}
        result.classes_ = np.array(state["classes"])
        result.history_, result.best_epoch_ = state["history"], state["best_epoch"]
        result.n_parameters_ = result.network_.count_params()
        result._item_shape, result._scaling = tuple(state["item_shape"]), scaling
        return result


def of_seed(network: object, **parameters: object) -> Callable[[int], NeuralClassifier]:
    """
    Leave the seed of a `NeuralClassifier` open.

    Parameters
    ----------
    network : frozen dataclass
        The network.
    **parameters
        All other parameters.

    Returns
    -------
    callable
        From a seed to a classifier that is not fitted yet.
    """
    return functools.partial(_seeded, network, parameters)


def _seeded(network: object, parameters: dict, seed: int) -> NeuralClassifier:
    return NeuralClassifier(network, **parameters, seed=seed)
