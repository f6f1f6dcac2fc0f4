"""SqueezeNet v1.1: its convolutions on Keras tensors, and a reader of the published weights."""

import os
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.errors import InputError

if TYPE_CHECKING:
    import keras

# Squeeze and expand filters of each fire module, and the fire modules that pooling precedes.
_FIRES = {
    2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128),
    6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256),
}  # fmt: skip
_POOLED_BEFORE = (2, 4, 6)

SMALLEST_SIDE = 31
"""Side of the smallest image, in pixels, of which a map is left after three poolings."""


def squeezenet_convolutions(maps: "keras.KerasTensor", *, last: int = 9) -> "keras.KerasTensor":
    """
    Apply the convolutions of SqueezeNet v1.1 (Iandola et al. 2016, arXiv 1602.07360).

    A fire module reduces its channels by 1 × 1 filters ("squeeze"), and increases them again by
    1 × 1 and by 3 × 3 filters side by side ("expand"). The last convolution, which has a filter for
    each class of ImageNet, is left out.

    Parameters
    ----------
    maps : tensor, shape (batch, height, width, channels)
        Images of at least 31 × 31 pixels.
    last : int
        The last fire module, 2 to 9.

    Returns
    -------
    tensor, shape (batch, about height / 16, about width / 16, channels)
        512 channels after module 9.
    """
    from keras import layers

    def convolution(maps, name, filters, side, **options):
        # Without normalisation it trains only where initialisation keeps the variance (He et al.
        # 2015).
        layer = layers.Conv2D(
            filters,
            side,
            activation="relu",
            kernel_initializer="he_uniform",
            name=name.replace("/", "_"),
            **options,
        )
        return layer(maps)

    maps = convolution(maps, "conv1", 64, 3, strides=2)
    for number, (squeeze, expand) in _FIRES.items():
        if number > last:
            break
        if number in _POOLED_BEFORE:
            maps = layers.MaxPooling2D(3, 2)(maps)
        fire = f"fire{number}"
        maps = convolution(maps, f"{fire}/squeeze1x1", squeeze, 1)
        narrow = convolution(maps, f"{fire}/expand1x1", expand, 1)
        wide = convolution(maps, f"{fire}/expand3x3", expand, 3, padding="same")
        maps = layers.Concatenate()([narrow, wide])
    return maps


def _shapes() -> dict[str, tuple[int, ...]]:
    """Shape of the filters of each layer, by its name in the published file."""
    shapes, channels = {"conv1": (3, 3, 3, 64)}, 64
    for number, (squeeze, expand) in _FIRES.items():
        shapes[f"fire{number}/squeeze1x1"] = (1, 1, channels, squeeze)
        shapes[f"fire{number}/expand1x1"] = (1, 1, squeeze, expand)
        shapes[f"fire{number}/expand3x3"] = (3, 3, squeeze, expand)
        channels = 2 * expand
    return shapes


def squeezenet_weights(path: str | os.PathLike) -> dict[str, list[np.ndarray]]:
    """
    Read the published weights, trained on ImageNet.

    Parameters
    ----------
    path : path
        ``squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5`` of the releases of
        rcmalli/keras-squeezenet: a group per layer, whose attribute ``weight_names`` names its
        filters and its biases.

    Returns
    -------
    dict of list of ndarray of float32
        Filters and biases by the name of the layer of `squeezenet_convolutions`.

    Raises
    ------
    InputError
        If the file cannot be read, or a layer is missing, not finite or of another shape; names it.
    """
    import h5py

    expected = (
        "expected weights of SqueezeNet v1.1 without its top, as rcmalli/keras-squeezenet has them"
    )
    result = {}
    try:
        with h5py.File(path, "r") as file:
            for layer, shape in _shapes().items():
                names = file[layer].attrs["weight_names"] if layer in file else ()
                arrays = [np.asarray(file[layer][name], np.float32) for name in names]
                if not arrays:
                    raise InputError(f"{path}: weights of layer {layer!r} are missing; {expected}")
                shapes = [array.shape for array in arrays]
                if shapes != [shape, shape[-1:]]:
                    raise InputError(
                        f"{path}: weights of layer {layer!r} are of shapes {shapes}; expected "
                        f"{[shape, shape[-1:]]}, those of SqueezeNet v1.1"
                    )
                if not all(np.isfinite(array).all() for array in arrays):
                    raise InputError(
                        f"{path}: weights of layer {layer!r} are not finite; {expected}"
                    )
                result[layer.replace("/", "_")] = arrays
    except (OSError, KeyError, AttributeError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        # h5py raises errors of these types for a damaged file.
        raise InputError(f"{path}: {error}; {expected}") from error
    return result
