"""
Networks trained on ImageNet as backbones: their layers, and the input that they expect.

A backbone turns an image into one vector. Here the images are segments of a spectrogram with three
channels, each of mean 0 and standard deviation 1. A backbone with ImageNet weights gets them scaled
as its training images were, each channel with the mean and standard deviation of one colour.
"""

import dataclasses
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.errors import InputError, unknown
from ser_lib.neural.backbones import alexnet_convolutions
from ser_lib.neural.squeezenet import SMALLEST_SIDE, squeezenet_convolutions, squeezenet_weights
from ser_lib.neural.untrusted import check_hdf5

if TYPE_CHECKING:
    import keras

# Mean and standard deviation of ImageNet's images: red, green and blue within [0, 1].
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# The fire module after which SqueezeNet ends by default: later ones are specific to the objects of
# ImageNet, and features of the earlier ones separate emotions better.
_FIRE_MODULES = 7


@dataclasses.dataclass(frozen=True)
class Backbone:
    """
    A network without its last layer, and the weights published for it.

    Parameters
    ----------
    sides : tuple of int
        Smallest and largest side of an image, in pixels.
    offset, factor : tuple of float
        ImageNet preprocessing of channels of mean 0 and standard deviation 1: each is multiplied by
        the factor, then the offset is added.
    url, checksum : str
        Of the file of published weights.
    apply : callable
        ``apply(images, mask, fire_modules)`` adds the layers to a Keras tensor, shape (n, side,
        side, 3), and returns one of shape (n, features). `mask`, shape (n,), is false for images
        that are padding, or None.
    read : callable
        ``read(path)`` returns the weights of each layer by its name.
    """

    sides: tuple[int, int]
    offset: tuple[float, ...]
    factor: tuple[float, ...]
    url: str
    checksum: str
    apply: Callable[..., "keras.KerasTensor"]
    read: Callable[[os.PathLike], dict[str, list[np.ndarray]]]


def _squeezenet(
    images: "keras.KerasTensor", mask: object, fire_modules: int | None
) -> "keras.KerasTensor":
    """SqueezeNet, with average and maximum of each channel of its last map."""
    from keras import layers

    maps = squeezenet_convolutions(images, last=fire_modules or _FIRE_MODULES)
    return layers.Concatenate()(
        [layers.GlobalAveragePooling2D()(maps), layers.GlobalMaxPooling2D()(maps)]
    )


def _alexnet(images: "keras.KerasTensor", mask: object, fire_modules: None) -> "keras.KerasTensor":
    """AlexNet up to the second of its dense layers, with torchvision's dropout before each."""
    from keras import layers

    x = layers.Flatten()(alexnet_convolutions(images)[0])
    for name in ("fc6", "fc7"):
        x = layers.Dense(4096, activation="relu", name=name)(layers.Dropout(0.5)(x))
    return x


def _alexnet_weights(path: os.PathLike) -> dict[str, list[np.ndarray]]:
    from ser_lib.neural.torchvision import alexnet_weights

    names = (*(f"conv{number}" for number in range(1, 6)), "fc6", "fc7")
    return dict(zip(names, map(list, alexnet_weights(path, dense=2)), strict=True))


def _resnet50v2(
    images: "keras.KerasTensor", mask: "keras.KerasTensor | None", fire_modules: None
) -> "keras.KerasTensor":
    """ResNet50V2 of `keras.applications`, with batch statistics of the images of the mask."""
    import keras

    from ser_lib.neural.masking import ApplyMask, MaskedBatchNormalization

    original = keras.applications.ResNet50V2(
        include_top=False, weights=None, input_shape=images.shape[1:]
    )
    if mask is not None:
        mask = keras.layers.Reshape((1,))(mask)
    # Tensors of this network by those of the original.
    tensors = {id(original.inputs[0]): images}
    for layer in original.layers[1:]:
        several = isinstance(layer.input, list)
        inputs = [tensors[id(t)] for t in layer.input] if several else tensors[id(layer.input)]
        if isinstance(layer, keras.layers.BatchNormalization) and mask is not None:
            normalisation = MaskedBatchNormalization(
                momentum=layer.momentum, epsilon=layer.epsilon, name=layer.name
            )
            outputs = ApplyMask()(normalisation(inputs, mask=mask), mask)
        else:
            outputs = type(layer).from_config(layer.get_config())(inputs)
        tensors[id(layer.output)] = outputs
    return keras.layers.GlobalAveragePooling2D()(tensors[id(original.outputs[0])])


def _resnet50v2_weights(path: os.PathLike) -> dict[str, list[np.ndarray]]:
    import keras

    model = keras.applications.ResNet50V2(include_top=False, weights=None)
    try:
        check_hdf5(path, path)
        model.load_weights(path)
    except Exception as error:
        # Keras raises errors of many types for a wrong file.
        raise InputError(
            f"{path}: {error}; expected weights of keras.applications.ResNet50V2 without its top"
        ) from error
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


BACKBONES = {
    # Trained on blue, green and red of 0 to 255, the mean of each subtracted.
    "squeezenet": Backbone(
        sides=(SMALLEST_SIDE, 1024),
        offset=(0.0, 0.0, 0.0),
        factor=tuple(round(255 * std, 3) for std in reversed(_STD)),
        url="https://github.com/rcmalli/keras-squeezenet/releases/download/v1.0/"
        "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
        checksum="sha256:17154246284f555591549ac2c83e127abfbf4307dc4b0060fdaa2931d0fa38da",
        apply=_squeezenet,
        read=squeezenet_weights,
    ),
    # Trained on channels of mean 0 and standard deviation 1. Its dense layers need 6 × 6 cells.
    "alexnet": Backbone(
        sides=(223, 254),
        offset=(0.0, 0.0, 0.0),
        factor=(1.0, 1.0, 1.0),
        url="https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
        checksum="sha256:7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
        apply=_alexnet,
        read=_alexnet_weights,
    ),
    # Trained on red, green and blue within [-1, 1].
    "resnet50v2": Backbone(
        sides=(32, 1024),
        offset=tuple(round(2 * mean - 1, 3) for mean in _MEAN),
        factor=tuple(round(2 * std, 3) for std in _STD),
        url="https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
        "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        checksum="md5:fac2f116257151a9d068a22e544a4917",
        apply=_resnet50v2,
        read=_resnet50v2_weights,
    ),
}


def check_backbone(name: str, side: int, fire_modules: int | None = None) -> None:
    """
    Check the parameters of a backbone; see `add_backbone`.

    Raises
    ------
    InputError
        For an unknown backbone, naming the nearest known one, or a side or number of fire modules
        that the backbone does not allow.
    """
    if name not in BACKBONES:
        raise unknown("backbone", name, BACKBONES)
    low, high = BACKBONES[name].sides
    if not low <= side <= high:
        raise InputError(f"{name} on images of {side} × {side}; expected sides of {low} to {high}")
    if fire_modules is not None and (name != "squeezenet" or fire_modules not in range(2, 10)):
        raise InputError(
            f"fire_modules is {fire_modules!r} for {name}; expected 2 to 9 for squeezenet, None "
            "for other backbones"
        )


def add_backbone(
    name: str,
    images: "keras.KerasTensor",
    mask: "keras.KerasTensor | None" = None,
    *,
    side: int,
    fire_modules: int | None = None,
    imagenet_preprocessing: bool,
) -> "keras.KerasTensor":
    """
    Add a backbone's layers to a Keras tensor.

    Parameters
    ----------
    name : str
        One of `BACKBONES`.
    images : tensor, shape (n, height, width, 3)
        Channels of mean 0 and standard deviation 1.
    mask : tensor of bool, shape (n,), optional
        Images that count in batch statistics; all by default.
    side : int
        Height and width, in pixels, to which images are resized (bilinear interpolation).
    fire_modules : int, optional
        The fire module after which SqueezeNet ends, 2 to 9; 7 by default.
    imagenet_preprocessing : bool
        Whether to scale the channels as the backbone's training images were; meant for ImageNet
        weights.

    Returns
    -------
    tensor, shape (n, features)
    """
    from keras import layers, ops

    check_backbone(name, side, fire_modules)
    backbone = BACKBONES[name]
    if images.shape[1:3] != (side, side):
        # Not the layer Resizing: where a model is simply called, it makes all layers after it
        # behave as in training.
        images = ops.image.resize(images, (side, side), interpolation="bilinear")
    if imagenet_preprocessing:
        images = layers.Rescaling(list(backbone.factor), list(backbone.offset))(images)
    return backbone.apply(images, mask, fire_modules)
