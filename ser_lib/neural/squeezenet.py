"""SqueezeNet v1.1: its convolutions on Keras tensors, and a reader of the published weights."""

import functools
import os
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.errors import InputError
from ser_lib.neural.untrusted import check_hdf5

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
        Images of at least 31 × 31 pixels; the output has about a sixteenth of either side.
    last : int
        The last fire module, 2 to 9, the last of which gives 512 channels.
    """
    from keras import layers

    # Without normalisation it trains only where initialisation keeps the variance (He et al. 2015).
    convolution = functools.partial(
        layers.Conv2D, activation="relu", kernel_initializer="he_uniform"
    )
    maps = convolution(64, 3, strides=2, name="conv1")(maps)
    for number, (squeeze, expand) in _FIRES.items():
        if number > last:
            break
        if number in _POOLED_BEFORE:
            maps = layers.MaxPooling2D(3, 2)(maps)
        maps = convolution(squeeze, 1, name=f"fire{number}_squeeze1x1")(maps)
        narrow = convolution(expand, 1, name=f"fire{number}_expand1x1")(maps)
        wide = convolution(expand, 3, padding="same", name=f"fire{number}_expand3x3")(maps)
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
    Read the published weights: filters and biases by the name of a layer.

    The file is ``squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5`` of the releases of
    rcmalli/keras-squeezenet, with a group per layer, whose attribute ``weight_names`` names its
    filters and its biases.

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
        check_hdf5(path, path)
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
    except InputError:
        raise
    except (OSError, KeyError, AttributeError, TypeError, ValueError) as error:
        # h5py raises errors of these types for a damaged file.
        raise InputError(f"{path}: {error}; {expected}") from error
    return result
