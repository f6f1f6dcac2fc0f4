"""A trained network in ONNX: exported once, applied without Keras."""

import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.errors import DivergenceError, InputError, unknown
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural.batching import Scaling
from ser_lib.neural.inference import InferenceMixin

if TYPE_CHECKING:
    from ser_lib.neural.classifier import NeuralClassifier

POSTERIORS, ATTENTION, BOTTLENECK = "posteriors", "attention", "bottleneck"
# How far the posteriors of the exported network may be from those of Keras.
_TOLERANCE = 1e-4


def export(classifier: "NeuralClassifier", path: Path) -> str | None:
    """
    Write the network of a classifier to an ONNX file, and compare its posteriors with Keras's.

    The file has the outputs ``posteriors`` and, where the network has such layers, ``attention``
    (the weights) and ``bottleneck``.

    Returns
    -------
    str or None
        Why there is no file, in words, or None if it was written: a network that cannot be
        exported is still one that Keras can apply.
    """
    try:
        with warnings.catch_warnings():
            # Of converters about NumPy, and of Keras about inputs of a single step.
            warnings.simplefilter("ignore")
            _export(classifier, path)
            worst = _difference(classifier, path)
    except Exception as error:
        path.unlink(missing_ok=True)
        return f"it cannot be exported to ONNX ({type(error).__name__}: {error})"
    if not worst <= _TOLERANCE:
        path.unlink()
        return f"its ONNX form gives other posteriors (by up to {worst:.2g})"
    return None


def _export(classifier: "NeuralClassifier", path: Path) -> None:
    import keras

    network = classifier.network_
    layers = {layer.name for layer in network.layers}
    outputs = {POSTERIORS: network.outputs[0]}
    if ATTENTION in layers:
        outputs[ATTENTION] = network.get_layer(ATTENTION).output[1]
    if BOTTLENECK in layers:
        outputs[BOTTLENECK] = network.get_layer(BOTTLENECK).output
    whole = keras.Model(network.inputs, outputs)
    # Keras exports only what has been called.
    whole(_examples(classifier, (3,))[0])
    converter = logging.getLogger("tf2onnx")
    level = converter.level
    converter.setLevel(logging.CRITICAL)
    try:
        whole.export(path, format="onnx", verbose=False)
    finally:
        converter.setLevel(level)


def _examples(
    classifier: "NeuralClassifier", lengths: tuple[int, ...]
) -> list[dict[str, np.ndarray]]:
    """Make batches of random input: three rows, of a length, half of it and a single item."""
    rng, batches = np.random.default_rng(0), []
    for length in lengths:
        values = rng.normal(size=(3, length, *classifier._item_shape)).astype(np.float32)
        mask = np.arange(length) < np.array([[length], [max(1, length // 2)], [1]])
        values[~mask] = 0
        batches.append({"values": values, "mask": mask})
    return batches


def _difference(classifier: "NeuralClassifier", path: Path) -> float:
    """Compare posteriors of ONNX and Keras on rows of several lengths; the largest difference."""
    session = open_session(path)
    # Up to 60 s of frames of 10 ms, or a few segments, which are large.
    long = 6000 if len(classifier._item_shape) == 1 else 12
    return max(
        np.abs(
            session.run([POSTERIORS], batch)[0] - classifier.network_.predict_on_batch(batch)
        ).max()
        for batch in _examples(classifier, (1, 9, long))
    )


def open_session(path: Path) -> object:
    """
    Open an ONNX file for the processor, with one thread.

    Raises
    ------
    InputError
        If it is not a whole network in itself: ONNX Runtime cannot read it, or it refers to other
        files.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # The networks are small: further threads would mostly wait.
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        # From memory, so that it cannot take its weights from other files.
        return onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise InputError(f"{path}: {error}; expected a network in ONNX") from error


class OnnxClassifier(InferenceMixin):
    """
    Apply an exported network to rows, as the `NeuralClassifier` that it comes from does.

    Parameters
    ----------
    path : path
        The ONNX file.
    classes : sequence of str
        Labels, in the order of the posteriors.
    item_shape : tuple of int
        Shape of the items of a row.
    pool : {"mean", "max"} or None
        How items that are classified by themselves are pooled.
    batch_size : int
        Rows per batch at most.
    scaling : Scaling, optional
        Of the rows.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        classes: list[str],
        item_shape: tuple[int, ...],
        pool: str | None,
        batch_size: int,
        scaling: Scaling | None,
    ):
        self.path = Path(path)
        self.classes_ = np.array(classes)
        self.pool = pool
        self.batch_size = batch_size
        self._item_shape = tuple(item_shape)
        self._scaling = scaling
        self._session = open_session(self.path)
        self.outputs = tuple(output.name for output in self._session.get_outputs())

    def __getstate__(self) -> dict[str, object]:
        # A session cannot be copied; the file is opened anew, wherever the copy is made.
        return {**vars(self), "path": self.path.absolute(), "_session": None}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state, _session=open_session(state["path"]))

    def _posteriors(self, X: RaggedArray) -> np.ndarray:
        posteriors = np.empty((len(X), len(self.classes_)))
        for rows, batch in self._results(X, POSTERIORS):
            posteriors[rows] = batch
        if not np.isfinite(posteriors).all():
            raise DivergenceError(f"{self.path}: posteriors are not finite; its training diverged")
        return posteriors

    def _outputs(self, X: RaggedArray, layer: str, number: int = 0) -> list[np.ndarray]:
        """Return an output for each row, padded as the row's batch is; `number` is not needed."""
        if layer not in self.outputs:
            raise unknown(f"output of {self.path.name}", layer, self.outputs)
        outputs = [None] * len(X)
        for rows, batch in self._results(X, layer):
            for row, values in zip(rows, batch, strict=True):
                outputs[row] = values
        return outputs

    def _results(self, X: RaggedArray, name: str) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Row numbers and an output of the network, batch by batch."""
        for rows, batch in self._batches(X):
            try:
                yield rows, self._session.run([name], batch)[0]
            except Exception as error:
                raise InputError(f"{self.path}: cannot be applied: {error}") from error
