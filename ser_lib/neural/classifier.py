"""A scikit-learn classifier around any network: scaling, batches, early stopping, history."""

import dataclasses
import math
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from ser_lib.console import progress
from ser_lib.errors import DivergenceError, InputError
from ser_lib.evaluation.metrics import uar_of, wa_of
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural.augmentation import SpecAugment, mixup, oversample
from ser_lib.neural.batching import assemble, batches, fit_scaling, items_as_rows
from ser_lib.neural.checkpoint import Checkpoint, TrainingState
from ser_lib.neural.inference import InferenceMixin, compile_for_inference
from ser_lib.neural.saving import read_classifier, write_classifier
from ser_lib.neural.validation import check_parameters, check_rows

if TYPE_CHECKING:
    import keras


class NeuralClassifier(InferenceMixin, ClassifierMixin, BaseEstimator):
    """
    Train a network on rows of unequal length, and apply it.

    Parameters
    ----------
    network : frozen dataclass
        Its method ``build(item_shape, n_classes)`` makes the `keras.Model`; see `ser_lib.neural`.
    epochs, batch_size, balance, mixup, monitor, patience, scale, all_copies
        See the parameters of `ser_lib.systems.base.NeuralSystem`.
    optimizer, learning_rate, momentum, decay, schedule, weight_decay, clip_norm
        See the parameters of `ser_lib.systems.base.NeuralSystem`.
    spec_augment : SpecAugment, optional
        Masking of training rows.
    pool : {"mean", "max"}, optional
        Classify every item (a segment) by itself, and give each row the mean or the maximum of the
        log posteriors of its items; by default the network sees all items of a row.
    seed : int
        Seed of the weights, of dropout and of the order of rows. `fit` passes it to the global
        random numbers of Python, NumPy and the backend as well; what other threads draw from these
        changes nothing.

    Attributes
    ----------
    classes_ : ndarray of str, or of numbers
        Labels, sorted; the order of the posteriors.
    history_ : list of dict
        Per epoch: epoch, loss, accuracy, uar (of the training rows during training, with dropout
        and augmentation), dev_loss, dev_accuracy, dev_uar where there are development rows,
        seconds.
    best_epoch_ : int
        The epoch whose weights are kept; counted from 1.
    resumed_seconds_ : float
        Of these epochs, those before the last interruption: seconds of training that this call of
        `fit` did not take.
    n_parameters_ : int
        Number of weights of the network, those that are not trained included.
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
        all_copies=False,
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
        self.all_copies = all_copies
        self.seed = seed

    def fit(
        self,
        X: RaggedArray,
        y: Sequence[str],
        *,
        groups: Sequence[str] | None = None,
        validation: tuple[RaggedArray, Sequence[str]] | None = None,
        copies: Sequence[RaggedArray] = (),
        checkpoint: Checkpoint | None = None,
    ) -> "NeuralClassifier":
        """
        Train the network.

        Parameters
        ----------
        X : RaggedArray
            Features; may be memory-mapped, and is read batch by batch.
        y : array of str, or of numbers, shape (rows,)
            Labels.
        groups : array, optional
            Speakers; not used.
        validation : (RaggedArray, array of str), optional
            Development rows, which select the epoch. Without them, the weights of the last epoch
            are kept. Rows with labels that do not occur in training are left out.
        copies : sequence of RaggedArray
            Augmented versions of `X`, row by row. In every epoch each row is drawn from `X` or one
            of the copies; with `all_copies` every epoch has all of them.
        checkpoint : ser_lib.neural.checkpoint.Checkpoint, optional
            Where the state of the training is kept. If it holds that of this training, the training
            goes on from there, to the same weights.

        Raises
        ------
        InputError
            For wrong parameters, no rows, a single class, labels or copies that are missing or do
            not match the rows, or features that are not finite.
        DivergenceError
            If the loss or the posteriors of the development rows are not finite.
        """
        from ser_lib.neural.training import (
            Scores,
            make_optimizer,
            make_trainer,
            seeded,
            traces_released,
        )

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
        self._scaling = fit_scaling(X) if self.scale else None

        with seeded(self.seed):
            self._set_network(self.network.build(X.item_shape, len(self.classes_)))
        optimizer = make_optimizer(
            self.optimizer,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            decay=self.decay,
            schedule=self.schedule,
            weight_decay=self.weight_decay,
            clip_norm=self.clip_norm,
            steps=self.epochs * self._updates(sources, targets),
        )
        scores = Scores(len(self.classes_))
        trainer = make_trainer(self.network_, optimizer, scores)
        rng = np.random.default_rng(self.seed)
        variables = [*trainer.variables, *optimizer.variables]
        self.history_, self.best_epoch_, self.resumed_seconds_ = [], self.epochs, 0.0
        best_weights: list[np.ndarray] = []
        state = None if checkpoint is None else checkpoint.read()
        done = 0 if state is None else len(state.history)
        bar = progress(total=self.epochs, initial=done, description="training", unit="epoch")
        with traces_released(), bar:
            if state is not None:
                # TensorFlow makes one graph for the shape of the first batch and another for all
                # other shapes, and takes sums in another order in each: that batches have the
                # graphs that they would have had, the first epoch comes first here, too.
                self._train_epoch(trainer, sources, targets, np.random.default_rng(self.seed))
                if development is not None:
                    self._score(*development)
                best_weights = self._resume(state, variables, rng)
            written = time.monotonic()
            for epoch in range(done + 1, self.epochs + 1):
                started = time.perf_counter()
                scores.restart()
                self._train_epoch(trainer, sources, targets, rng)
                record = {"epoch": epoch} | scores.summary()
                self.history_.append(record)
                if not math.isfinite(record["loss"]):
                    raise DivergenceError(
                        f"training diverged: the loss of epoch {epoch} is {record['loss']}; "
                        f"a learning_rate below {self.learning_rate} or a clip_norm helps"
                    )
                if development is not None:
                    record |= self._score(*development)
                record["seconds"] = time.perf_counter() - started
                bar.update()
                if development is not None:
                    bar.set_postfix(dev_uar=f"{record['dev_uar']:.3f}")
                    if not best_weights or self._merit(epoch) > self._merit(self.best_epoch_):
                        best_weights, self.best_epoch_ = self.network_.get_weights(), epoch
                    elif self.patience is not None and epoch - self.best_epoch_ >= self.patience:
                        break
                if checkpoint is not None and checkpoint.is_due(written):
                    self._keep(checkpoint, variables, best_weights, rng)
                    written = time.monotonic()
        if best_weights:
            self.network_.set_weights(best_weights)
        return self

    def _resume(
        self,
        state: TrainingState,
        variables: "Sequence[keras.Variable]",
        rng: np.random.Generator,
    ) -> list[np.ndarray]:
        """Go back to where the training was interrupted; return the best weights."""
        for variable, value in zip(variables, state.variables, strict=True):
            variable.assign(value)
        rng.bit_generator.state = state.generator
        self.history_, self.best_epoch_ = state.history, state.best_epoch
        self.resumed_seconds_ = math.fsum(epoch["seconds"] for epoch in self.history_)
        return state.best_weights

    def _keep(
        self,
        checkpoint: Checkpoint,
        variables: "Sequence[keras.Variable]",
        best_weights: list[np.ndarray],
        rng: np.random.Generator,
    ) -> None:
        """Write all that the further epochs depend on."""
        checkpoint.write(
            TrainingState(
                variables=[variable.numpy() for variable in variables],
                best_weights=best_weights,
                best_epoch=self.best_epoch_,
                history=self.history_,
                generator=rng.bit_generator.state,
            )
        )

    def _merit(self, epoch: int) -> tuple[float, ...]:
        """By what epochs are compared: the larger, the better."""
        record = self.history_[epoch - 1]
        loss = (-record["dev_loss"],)
        return (record["dev_uar"], *loss) if self.monitor == "uar" else loss

    def _set_network(self, model: "keras.Model") -> None:
        """Take a model as the network of this classifier."""
        self.network_ = compile_for_inference(model)
        self.n_parameters_ = model.count_params()
        # Models of parts of the network, by their ends; made when first used.
        self._parts = {}

    def _train_epoch(
        self, trainer: "keras.Model", sources: tuple, targets: np.ndarray, rng: np.random.Generator
    ) -> None:
        """Train on all rows once, each drawn from one of the sources or from all of them."""
        one_hot = np.eye(len(self.classes_), dtype=np.float32)[targets]
        order = np.arange(len(targets))
        class_weights = np.ones(len(self.classes_))
        if self.balance == "oversampling":
            order = oversample(targets, rng)
        elif self.balance == "weights":
            class_weights = len(targets) / len(self.classes_) / np.bincount(targets)
        if self.all_copies:
            choice = np.repeat(np.arange(len(sources)), len(order))
            order = np.tile(order, len(sources))
        else:
            choice = rng.integers(len(sources), size=len(order))
        lengths = np.stack([source.lengths for source in sources])[choice, order]
        for places in batches(lengths, self.batch_size, rng=rng):
            rows = order[places]
            batch = assemble(sources, rows, choice=choice[places], scaling=self._scaling)
            if self.spec_augment is not None:
                batch = self.spec_augment(batch, rng)
            labels = one_hot[rows]
            if self.mixup:
                batch, labels = mixup(batch, labels, self.mixup, rng)
            trainer.train_on_batch(batch._asdict(), labels, labels @ class_weights)

    def _updates(self, sources: tuple, targets: np.ndarray) -> int:
        """Count the updates of an epoch."""
        order = np.arange(len(targets))
        if self.balance == "oversampling":
            order = oversample(targets, np.random.default_rng(self.seed))
        read = sources if self.all_copies else sources[:1]
        lengths = np.concatenate([source.lengths[order] for source in read])
        return len(batches(lengths, self.batch_size))

    def _development(
        self, validation: tuple[RaggedArray, Sequence[str]] | None
    ) -> tuple[RaggedArray, np.ndarray] | None:
        """Development rows of known classes, and their class numbers."""
        if validation is None:
            return None
        X, y = validation
        y = check_rows("validation", X, y, item_shape=self._item_shape)
        known = np.flatnonzero(np.isin(y, self.classes_))
        if not len(known):
            raise InputError(
                f"validation holds only {', '.join(map(str, np.unique(y)))}; expected classes that "
                f"occur in training: {', '.join(map(str, self.classes_))}"
            )
        return X.take(known), np.searchsorted(self.classes_, y[known])

    def _score(self, X: RaggedArray, targets: np.ndarray) -> dict[str, float]:
        """Scores of the network as it is on the development rows."""
        posteriors = self.predict_proba(X)
        counts = np.zeros((len(self.classes_), len(self.classes_)), int)
        np.add.at(counts, (targets, posteriors.argmax(axis=1)), 1)
        likelihood = np.maximum(posteriors[np.arange(len(targets)), targets], 1e-7)
        return {
            "dev_loss": float(-np.log(likelihood).mean()),
            "dev_accuracy": float(wa_of(counts)),
            "dev_uar": float(uar_of(counts)),
        }

    def save(self, folder: str | os.PathLike) -> None:
        """
        Write the trained classifier into a new folder of three files; nothing is pickled.

        Raises
        ------
        InputError
            If `folder` exists; it appears only when all files are written.
        """
        check_is_fitted(self, "network_")
        parameters = self.get_params(deep=False)
        network, augment = parameters.pop("network"), parameters.pop("spec_augment")
        parameters["spec_augment"] = augment and dataclasses.asdict(augment)
        state = {
            "parameters": parameters,
            "network": {
                "module": type(network).__module__,
                "class": type(network).__qualname__,
                "parameters": dataclasses.asdict(network),
            },
            "classes": self.classes_.tolist(),
            "item_shape": list(self._item_shape),
            "best_epoch": self.best_epoch_,
            "history": self.history_,
        }
        write_classifier(folder, self.network_, state, self._scaling)

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "NeuralClassifier":
        """
        Read a classifier that `save` wrote; no code from the folder is run.

        Raises
        ------
        InputError
            If a file is missing or damaged, or the network's class is unknown.
        """
        model, state, scaling = read_classifier(folder)
        augment = state["parameters"].get("spec_augment")
        state["parameters"]["spec_augment"] = augment and SpecAugment(**augment)
        classifier = cls(state["network"], **state["parameters"])
        classifier._set_network(model)
        classifier.classes_ = np.array(state["classes"])
        classifier.history_, classifier.best_epoch_ = state["history"], state["best_epoch"]
        classifier._item_shape, classifier._scaling = tuple(state["item_shape"]), scaling
        return classifier
