"""What a trained network says of rows: posteriors, attention, and what its layers make of them."""

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from sklearn.utils.validation import check_is_fitted

from ser_lib.errors import InputError, unknown
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural.batching import assemble, batches
from ser_lib.neural.validation import check_rows

if TYPE_CHECKING:
    import keras


class NetworkReader:
    """
    The part of `ser_lib.neural.NeuralClassifier` that asks its network.

    It relies on ``network_, classes_, pool, batch_size``, the shape of items and their scaling.
    """

    def segment_posteriors(self, X: RaggedArray) -> list[np.ndarray]:
        """
        Give the posteriors of each item of each row, where items are learnt from by themselves.

        Parameters
        ----------
        X : RaggedArray
            Features with items of the shape seen in training.

        Returns
        -------
        list of ndarray, shape (items, classes)
            One array per row.

        Raises
        ------
        InputError
            If the classifier does not pool items, and as `predict_proba`.
        """
        if not self.pool:
            raise InputError(
                "pool is None; expected 'mean' or 'max', under which items have posteriors"
            )
        return np.split(self._posteriors(X.items()), np.cumsum(X.lengths))[: len(X)]

    def attention(self, X: RaggedArray) -> list[np.ndarray]:
        """
        Give the weights by which the network's attention averages.

        Parameters
        ----------
        X : RaggedArray
            Features with items of the shape seen in training.

        Returns
        -------
        list of ndarray
            Per row the weights of its steps, shape (steps,), or of time and frequency, shape
            (steps, cells), which sum to one; where items are learnt from by themselves, those of
            every item, shape (items, steps, ...).

        Raises
        ------
        InputError
            If the network has no attention, and as `predict_proba`.
        """
        weights = self._outputs(X.items() if self.pool else X, "attention", 1)
        if self.pool:
            stops = np.cumsum(X.lengths)
            return [np.stack(weights[i:j]) for i, j in zip(stops - X.lengths, stops, strict=True)]
        # The steps of padding come last, and are NaN.
        return [w[: np.isfinite(w.reshape(len(w), -1)).all(axis=1).sum()] for w in weights]

    def embed(self, X: RaggedArray, *, layer: str = "bottleneck") -> np.ndarray:
        """
        Give what a layer of the network makes of each row, to use as features elsewhere.

        Parameters
        ----------
        X : RaggedArray
            Features with items of the shape seen in training.
        layer : str
            Name of a layer that gives one vector per row.

        Returns
        -------
        ndarray of float32, shape (rows, units)
            Where items are learnt from by themselves, the mean over the items of each row.

        Raises
        ------
        InputError
            If the network has no such layer, there are no rows, and as `predict_proba`.
        """
        if not len(X):
            raise InputError("X holds no utterances; expected at least one")
        if not self.pool:
            return np.stack(self._outputs(X, layer))
        items = np.stack(self._outputs(X.items(), layer))
        starts = np.cumsum(X.lengths) - X.lengths
        return np.add.reduceat(items, starts) / X.lengths[:, np.newaxis].astype(np.float32)

    def _posteriors(self, X: RaggedArray) -> np.ndarray:
        """Ask the network about rows as they are; float64, shape (rows, classes)."""
        check_is_fitted(self, "network_")
        result = np.empty((len(X), len(self.classes_)))
        for rows, batch in self._batches(X):
            result[rows] = self.network_.predict_on_batch(batch)
        return result

    def _outputs(self, X: RaggedArray, layer: str, number: int = 0) -> list[np.ndarray]:
        """Collect an output of a layer, row by row, padded as the rows' batches are."""
        import keras

        check_is_fitted(self, "network_")
        known = [part.name for part in self.network_.layers]
        if layer not in known:
            raise unknown(f"layer of {self.network_.name}", layer, known)
        if (layer, number) not in self._readers:
            output = self.network_.get_layer(layer).output
            output = output[number] if isinstance(output, list | tuple) else output
            self._readers[layer, number] = ready(keras.Model(self.network_.inputs, output))
        model = self._readers[layer, number]
        result = [None] * len(X)
        for rows, batch in self._batches(X):
            for row, values in zip(rows, np.asarray(model.predict_on_batch(batch)), strict=True):
                result[row] = values
        return result

    def _batches(self, X: RaggedArray) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
        """Go through rows to be asked about: which they are, and the network's input."""
        check_rows("X", X, item_shape=self._item_shape)
        for rows in batches(X.lengths, self.batch_size) if len(X) else ():
            yield rows, assemble([X], rows, scaling=self._scaling)._asdict()


def ready(network: "keras.Model") -> "keras.Model":
    """Choose how the network is compiled where it is asked without being trained."""
    import keras

    network.jit_compile = keras.backend.backend() == "jax"
    # Recordings differ in length, so that each new shape is traced: nothing to warn a reader of.
    logging.getLogger("tensorflow").addFilter(_is_not_about_retracing)
    return network


def _is_not_about_retracing(record: logging.LogRecord) -> bool:
    return "tf.function retracing" not in record.getMessage()


def pooled(posteriors: np.ndarray, lengths: np.ndarray, how: str) -> np.ndarray:
    """
    Pool posteriors of items into posteriors of rows.

    Parameters
    ----------
    posteriors : ndarray, shape (items, classes)
        Row after row.
    lengths : ndarray of int, shape (rows,)
        Items of each row.
    how : {"mean", "max"}
        Of the logarithms.

    Returns
    -------
    ndarray, shape (rows, classes)
        Not brought to a sum of one yet.
    """
    logarithms = np.log(np.maximum(posteriors, 1e-30))
    if len(lengths) == 0:
        return logarithms
    starts = np.cumsum(lengths) - lengths
    if how == "max":
        logarithms = np.maximum.reduceat(logarithms, starts)
    else:
        logarithms = np.add.reduceat(logarithms, starts) / lengths[:, np.newaxis]
    return np.exp(logarithms - logarithms.max(axis=1, keepdims=True))


def items_as_rows(
    sources: Sequence[RaggedArray], targets: np.ndarray
) -> tuple[tuple[RaggedArray, ...], np.ndarray]:
    """
    Make every item a row of its own, with the target of the row it came from.

    Parameters
    ----------
    sources : sequence of RaggedArray
        Versions of the same rows.
    targets : ndarray, shape (rows,)
        One per row.

    Returns
    -------
    tuple of RaggedArray, ndarray
        The same of items.

    Raises
    ------
    InputError
        If a version has more or fewer items in a row than the first.
    """
    lengths = sources[0].lengths
    for number, copy in enumerate(sources[1:]):
        other = np.flatnonzero(copy.lengths != lengths)
        if len(other):
            raise InputError(
                f"copies[{number}] has {copy.lengths[other[0]]} items in row {other[0]}, X has "
                f"{lengths[other[0]]}; expected as many where items are learnt from by themselves"
            )
    return tuple(source.items() for source in sources), np.repeat(targets, lengths)
