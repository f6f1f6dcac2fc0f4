"""Networks that are trained within a second, and rows that they can learn."""

import dataclasses
import functools

import numpy as np

from ser_lib.features.ragged import RaggedArray
from ser_lib.neural import NeuralClassifier


def _inputs(item_shape):
    import keras

    values = keras.Input((None, *item_shape), name="values")
    mask = keras.Input((None,), dtype="bool", name="mask")
    return values, mask


def _model(values, mask, x, n_classes, name=None):
    import keras

    x = keras.layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
    return keras.Model({"values": values, "mask": mask}, x, name=name)


@dataclasses.dataclass(frozen=True)
class MeanNetwork:
    """The mean of the frames between two dense layers."""

    units: int = 8
    dropout: float = 0.1

    def build(self, item_shape, n_classes):
        from keras import layers

        values, mask = _inputs(item_shape)
        x = layers.Dense(self.units, activation="relu")(values)
        x = layers.GlobalAveragePooling1D()(x, mask=mask)
        return _model(values, mask, layers.Dropout(self.dropout)(x), n_classes, "mean")


@dataclasses.dataclass(frozen=True)
class AttentionNetwork:
    """Attention over the frames of a row, or of segments, and a bottleneck of five units."""

    segments: bool = False

    def build(self, item_shape, n_classes):
        from keras import layers

        from ser_lib.neural.attention import AttentionPooling
        from ser_lib.neural.layers import FoldWindows
        from ser_lib.neural.masking import OnesMask

        values, mask = _inputs(item_shape)
        x = FoldWindows()(values) if self.segments else values
        scores = layers.Flatten()(layers.Dense(1, name="scores")(x))
        steps = OnesMask()(x) if self.segments else mask
        x, _ = AttentionPooling(name="attention")(x, scores, steps)
        x = layers.Dense(5, activation="relu", name="bottleneck")(x)
        return _model(values, mask, x, n_classes, "attending")


SegmentNetwork = functools.partial(AttentionNetwork, segments=True)


def rows(n=48, seed=0, classes=("anger", "neutral", "sadness"), shift=3.0):
    """Rows of 2 to 9 frames of two features; the level of the first depends on the class."""
    rng = np.random.default_rng(seed)
    y = np.array(classes)[np.arange(n) % len(classes)]
    level = shift * (np.arange(n) % len(classes))
    X = [rng.normal([v, 50], [1, 20], size=(rng.integers(2, 10), 2)) for v in level]
    return RaggedArray.from_list([x.astype("float32") for x in X]), y


def segment_rows(lengths=(3, 1, 6, 2, 1, 4), seed=0):
    """Rows of so many segments, each of 7 frames of 3 features; the classes in turn."""
    rng = np.random.default_rng(seed)
    X = RaggedArray.from_list([rng.normal(size=(n, 7, 3)).astype("float32") for n in lengths])
    return X, np.array(["anger", "neutral", "sadness"])[np.arange(len(lengths)) % 3]


def classifier(network=None, **parameters):
    options = {"epochs": 4, "batch_size": 16, "learning_rate": 0.02} | parameters
    return NeuralClassifier(network or MeanNetwork(), **options)
