"""Apply a trained network to rows: posteriors, attention weights, outputs of its layers."""

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from ser_lib.errors import DivergenceError, InputError, unknown
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural.batching import assemble, batches
from ser_lib.neural.validation import check_rows

if TYPE_CHECKING:
    import keras


WINDOWS = "windows"
"""
Name of the layer after which a network that reads windows has a vector for each.

Windows of a batch with more than `_LARGEST` are brought to it piece by piece: the memory that a
long recording takes is that of its vectors.
"""
_LARGEST, _PIECE = 256, 64


class InferenceMixin:
    """
    The methods of `ser_lib.neural.NeuralClassifier` that apply its trained network.

    They need its attributes ``network_, classes_, history_, pool, batch_size``, the shape of items
    and their scaling; which layers they read is described in `ser_lib.neural`.
    """

    def predict_proba(self, X: RaggedArray) -> np.ndarray:
        """
        Compute the posteriors of each row, which do not depend on the other rows.

        Parameters
        ----------
        X : RaggedArray
            Features with items of the shape seen in training.

        Returns
        -------
        ndarray of float64, shape (rows, classes)
            In the order of ``classes_``; rows sum to one.

        Raises
        ------
        InputError
            If the items have another shape, or features are not finite.
        DivergenceError
            If the posteriors are not finite, since training diverged.
        """
        posteriors = self._posteriors(self._classified(X))
        if self.pool:
            logarithms = _pool(np.log(np.maximum(posteriors, 1e-30)), X.lengths, self.pool)
            posteriors = np.exp(logarithms - logarithms.max(axis=1, keepdims=True))
        return posteriors / posteriors.sum(axis=1, keepdims=True)

    def predict(self, X: RaggedArray) -> np.ndarray:
        """Return the most probable label of each row, shape (rows,); raises as `predict_proba`."""
        classes = self.predict_proba(X).argmax(axis=1)
        return self.classes_[classes]

    def segment_posteriors(self, X: RaggedArray) -> list[np.ndarray]:
        """
        Compute posteriors, shape (items, classes) per row, where items are classified one by one.

        Raises
        ------
        InputError
            If the parameter ``pool`` is None, and as `predict_proba`.
        """
        if not self.pool:
            raise InputError(
                "pool is None; expected 'mean' or 'max', with which items have posteriors"
            )
        return np.split(self._posteriors(self._classified(X)), np.cumsum(X.lengths))[: len(X)]

    def attention(self, X: RaggedArray) -> list[np.ndarray]:
        """
        Compute the weights of the network's attention.

        Returns
        -------
        list of ndarray
            Per row the weights of its steps, shape (steps,), or of time and frequency, shape
            (steps, cells), which sum to one; where items are classified one by one, those of every
            item, shape (items, steps, ...).

        Raises
        ------
        InputError
            If the network has no layer ``attention``, and as `predict_proba`.
        """
        weights = self._outputs(self._classified(X), "attention", 1)
        if self.pool:
            stops = np.cumsum(X.lengths)
            return [np.stack(weights[i:j]) for i, j in zip(stops - X.lengths, stops, strict=True)]
        # The steps of padding come last, and are NaN.
        return [w[: np.isfinite(w.reshape(len(w), -1)).all(axis=1).sum()] for w in weights]

    def embed(self, X: RaggedArray, *, layer: str = "bottleneck") -> np.ndarray:
        """
        Compute the output of a layer for each row, as features for another classifier.

        The layer gives a vector per row; where items are classified one by one, the result is the
        mean over the items of each row. It has the shape (rows, units), in float32.

        Raises
        ------
        InputError
            If the network has no such layer, there are no rows, and as `predict_proba`.
        """
        rows = self._classified(X)
        if not len(rows):
            raise InputError("X holds no utterances; expected at least one")
        vectors = np.stack(self._outputs(rows, layer))
        return _pool(vectors, X.lengths, "mean") if self.pool else vectors

    def _classified(self, X: RaggedArray) -> RaggedArray:
        """Check rows, and return what the network classifies: them or, one by one, their items."""
        # An exported network is no estimator, and has no training before it.
        if isinstance(self, BaseEstimator):
            check_is_fitted(self, "network_")
        check_rows("X", X, item_shape=self._item_shape)
        return X.items() if self.pool else X

    def _posteriors(self, X: RaggedArray) -> np.ndarray:
        """Posteriors of the rows as the network sees them; float64, shape (rows, classes)."""
        posteriors = np.empty((len(X), len(self.classes_)))
        for rows, batch in self._batches(X):
            posteriors[rows] = self._apply(batch)
        if not np.isfinite(posteriors).all():
            raise DivergenceError(
                f"training diverged: posteriors are not finite after epoch {len(self.history_)}; "
                f"a learning_rate below {self.learning_rate} or a clip_norm helps"
            )
        return posteriors

    def _outputs(self, X: RaggedArray, layer: str, number: int = 0) -> list[np.ndarray]:
        """One output of a layer for each row, padded as the row's batch is."""
        known = [part.name for part in self.network_.layers]
        if layer not in known:
            raise unknown(f"layer of {self.network_.name}", layer, known)
        outputs = [None] * len(X)
        for rows, batch in self._batches(X):
            for row, values in zip(rows, self._apply(batch, layer, number), strict=True):
                outputs[row] = values
        return outputs

    def _apply(
        self, batch: dict[str, np.ndarray], layer: str | None = None, number: int = 0
    ) -> np.ndarray:
        """Compute the posteriors of a batch, or one output of a layer; many windows in pieces."""
        n_rows, n_items = batch["mask"].shape
        windows = any(part.name == WINDOWS for part in self.network_.layers)
        if n_rows * n_items <= _LARGEST or not windows:
            return np.asarray(self._part(None, layer, number).predict_on_batch(batch))
        size = max(1, _PIECE // n_rows)
        vectors = []
        for start in range(0, n_items, size):
            piece = {name: array[:, start : start + size] for name, array in batch.items()}
            # All pieces have one size: a network is traced anew for every other.
            short = max(0, start + size - n_items)
            for name, array in piece.items():
                piece[name] = np.pad(array, [(0, 0), (0, short), *[(0, 0)] * (array.ndim - 2)])
            vectors.append(np.asarray(self._part(None, WINDOWS, 0).predict_on_batch(piece)))
        vectors = np.concatenate(vectors, axis=1)[:, :n_items]
        rest = self._part(WINDOWS, layer, number)
        return np.asarray(rest.predict_on_batch([vectors, batch["mask"]]))

    def _part(self, first: str | None, last: str | None, number: int) -> "keras.Model":
        """
        Return the network between the outputs of two layers; with None, its own ends.

        A part that does not begin at the inputs is made of a copy of the network, because Keras
        cannot save a network of which parts were used like that.
        """
        import keras

        if first is None and last is None:
            return self.network_
        if (first, last, number) not in self._parts:
            copied = first is not None
            network = keras.models.clone_model(self.network_) if copied else self.network_
            inputs = network.inputs
            if first is not None:
                (mask,) = (each for each in inputs if each.name == "mask")
                inputs = [network.get_layer(first).output, mask]
            output = network.outputs[0] if last is None else network.get_layer(last).output
            output = output[number] if isinstance(output, list | tuple) else output
            part = compile_for_inference(keras.Model(inputs, output))
            self._parts[first, last, number] = network, part
        network, part = self._parts[first, last, number]
        if network is not self.network_:
            # A copy does not follow the training by itself.
            network.set_weights(self.network_.get_weights())
        return part

    def _batches(self, X: RaggedArray) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Row numbers and network input, batch by batch."""
        for rows in batches(X.lengths, self.batch_size) if len(X) else ():
            yield rows, assemble([X], rows, scaling=self._scaling)._asdict()


def compile_for_inference(network: "keras.Model") -> "keras.Model":
    """Choose how a network is compiled where it is not trained; changed in place, and returned."""
    import keras

    network.jit_compile = keras.backend.backend() == "jax"
    # Recordings differ in length, and each new shape is traced: a warning about it is no help.
    logging.getLogger("tensorflow").addFilter(_is_not_about_retracing)
    return network


def _is_not_about_retracing(record: logging.LogRecord) -> bool:
    return "tf.function retracing" not in record.getMessage()


def _pool(items: np.ndarray, lengths: np.ndarray, pool: str) -> np.ndarray:
    """Pool items, row after row, into rows of these lengths by their mean or maximum."""
    if not len(lengths):
        return items
    starts = np.cumsum(lengths) - lengths
    if pool == "max":
        return np.maximum.reduceat(items, starts)
    return np.add.reduceat(items, starts) / lengths[:, np.newaxis].astype(items.dtype)
