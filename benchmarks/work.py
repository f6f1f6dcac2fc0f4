"""The arithmetic of a network, counted from the shapes of its layers."""

import functools

import keras
import numpy as np
from keras import layers

from ser_lib.neural.attention import AttentionPooling, SoftmaxVectorScores
from ser_lib.neural.layers import LocalFeatureBlock, SequenceFeatureBlock

TRAINING = 3
"""Training multiplies three times as much: the answer, and a gradient by inputs and by weights."""


def operations(network: keras.Model, item_shape: tuple[int, ...], items: int) -> float:
    """
    Count what matrix products and convolutions of one row multiply and add.

    Parameters
    ----------
    network : keras.Model
        As the systems build it, with the inputs ``values`` and ``mask``.
    item_shape : tuple of int
        Of an item.
    items : int
        In the row, padding included.

    Returns
    -------
    float
        Operations of one answer; a multiplication and an addition are two. What is done element by
        element is not counted: a peak of matrix products says nothing about it.
    """
    # What stands between layers, a mean or a stack, is an operation and no layer.
    outputs = [t for part in network.operations for t in keras.tree.flatten(part.output)]
    tensors = {id(t): t for t in outputs}
    reader = keras.Model(network.inputs, list(tensors.values()))
    row = {
        "values": np.zeros((1, items, *item_shape), np.float32),
        "mask": np.ones((1, items), bool),
    }
    shapes = dict(zip(tensors, [tuple(a.shape) for a in reader(row)], strict=True))
    total = 0.0
    for layer in network.layers:
        if not isinstance(layer, layers.InputLayer):
            given, made = (
                shapes[id(keras.tree.flatten(tensors)[0])]
                for tensors in (layer.input, layer.output)
            )
            total += 2 * _products(layer, given, made)
    return total


@functools.singledispatch
def _products(layer: keras.layers.Layer, given: tuple[int, ...], made: tuple[int, ...]) -> float:
    """Multiplications of a layer, from the shapes of what it is given and what it makes."""
    return 0.0


@_products.register
def _(layer: layers.Dense, given, made):
    return np.prod(made) * given[-1]


@_products.register
def _(layer: layers.Conv2D, given, made):
    return np.prod(made) * np.prod(layer.kernel_size) * given[-1]


@_products.register
def _(layer: LocalFeatureBlock, given, made):
    patch = layer.side**2 * given[-1]
    # Where the moments come from patches, these are multiplied with themselves.
    return np.prod(given[:-1]) * patch * (layer.filters + (patch if patch < layer.filters else 0))


@_products.register
def _(layer: SequenceFeatureBlock, given, made):
    return np.prod(given) * layer.side**2 * layer.filters


@_products.register
def _(layer: layers.LSTM, given, made):
    return np.prod(given[:-1]) * 4 * layer.units * (given[-1] + layer.units)


@_products.register
def _(layer: layers.Bidirectional, given, made):
    return 2 * _products(layer.forward_layer, given, made)


@_products.register
def _(layer: AttentionPooling, given, made):
    return np.prod(given)


@_products.register
def _(layer: SoftmaxVectorScores, given, made):
    return np.prod(given)
