"""
Networks that learnt to see on ImageNet, as backbones: what they are, what they want, their weights.

A backbone turns a picture into one vector. Here pictures are segments of three channels, brought to
mean 0 and standard deviation 1; a backbone with weights from ImageNet gets them as if they were
photographs, each channel with the mean and the contrast that one colour had there.
"""

import dataclasses
import functools
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_lib import paths
from ser_lib.errors import InputError, unknown
from ser_lib.neural.backbones import alexnet_convolutions
from ser_lib.neural.squeezenet import SMALLEST, squeezenet_convolutions, squeezenet_weights

if TYPE_CHECKING:
    import keras

# Of ImageNet's photographs, red, green and blue within [0, 1].
_MEAN, _CONTRAST = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

# Where SqueezeNet ends by default: its last modules know the things of ImageNet's photographs, and
# tell emotions less well than those before.
MODULES = 7


class Weights(str):
    """
    Weights, known by what is in their file: the text is its checksum.

    So what a computation depends on is the same wherever the file lies.

    Parameters
    ----------
    checksum : str
        ``"sha256:"`` or ``"md5:"`` and hexadecimal digits.
    path : path, optional
        Where the file lies on this machine; by default it is the published one, in the cache or
        downloaded.
    """

    path: Path | None

    def __new__(cls, checksum: str, path: str | os.PathLike | None = None) -> "Weights":
        """Make the text, and remember where the file lies."""
        self = super().__new__(cls, checksum)
        self.path = None if path is None else Path(path)
        return self


@dataclasses.dataclass(frozen=True)
class Backbone:
    """
    A network without its last layer, and the weights published for it.

    Parameters
    ----------
    features : int
        Length of the vector that it makes of a picture, as far as the network goes by default.
    sides : tuple of int
        Smallest and largest side of a picture.
    offset, factor : tuple of float
        How a channel of mean 0 and standard deviation 1 becomes what the first, second and third
        channel were in training.
    url, checksum : str
        Of the published weights.
    apply : callable
        ``apply(pictures, real, modules)`` adds its layers to a Keras tensor, shape (n, side, side,
        3), and gives one of shape (n, features); `real`, shape (n,), or None, says which pictures
        count, and `modules`, or None, how far to go.
    read : callable
        ``read(path)`` gives the weights of each layer by its name.
    """

    features: int
    sides: tuple[int, int]
    offset: tuple[float, ...]
    factor: tuple[float, ...]
    url: str
    checksum: str
    apply: Callable[
        ["keras.KerasTensor", "keras.KerasTensor | None", int | None], "keras.KerasTensor"
    ]
    read: Callable[[os.PathLike], dict[str, list[np.ndarray]]]


def _squeezenet(
    pictures: "keras.KerasTensor", real: object, modules: int | None
) -> "keras.KerasTensor":
    """Average and maximum of each channel: how much of something there is, and whether."""
    from keras import layers

    maps = squeezenet_convolutions(pictures, last=modules or MODULES)
    return layers.Concatenate()(
        [layers.GlobalAveragePooling2D()(maps), layers.GlobalMaxPooling2D()(maps)]
    )


def _alexnet(pictures: "keras.KerasTensor", real: object, modules: None) -> "keras.KerasTensor":
    """AlexNet up to the second of its dense layers, with torchvision's dropout before each."""
    from keras import layers

    x = layers.Flatten()(alexnet_convolutions(pictures)[0])
    for name in ("fc6", "fc7"):
        x = layers.Dense(4096, activation="relu", name=name)(layers.Dropout(0.5)(x))
    return x


def _alexnet_weights(path: os.PathLike) -> dict[str, list[np.ndarray]]:
    from ser_lib.neural.torchvision import alexnet_weights

    names = (*(f"conv{number}" for number in range(1, 6)), "fc6", "fc7")
    return dict(zip(names, map(list, alexnet_weights(path, dense=2)), strict=True))


def _resnet50v2(
    pictures: "keras.KerasTensor", real: "keras.KerasTensor | None", modules: None
) -> "keras.KerasTensor":
    """ResNet50V2 of `keras.applications`, its batch statistics taken over real pictures alone."""
    import keras

    from ser_lib.neural.masking import MaskedBatchNormalization, Rezero

    pattern = keras.applications.ResNet50V2(
        include_top=False, weights=None, input_shape=pictures.shape[1:]
    )
    if real is not None:
        real = keras.layers.Reshape((1,))(real)
    made = {id(pattern.inputs[0]): pictures}
    for layer in pattern.layers[1:]:
        several = isinstance(layer.input, list)
        given = [made[id(t)] for t in layer.input] if several else made[id(layer.input)]
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization) and real is not None:
            maps = MaskedBatchNormalization.from_config(config)(given, mask=real)
            made[id(layer.output)] = Rezero()(maps, real)
        else:
            made[id(layer.output)] = type(layer).from_config(config)(given)
    return keras.layers.GlobalAveragePooling2D()(made[id(pattern.outputs[0])])


def _resnet50v2_weights(path: os.PathLike) -> dict[str, list[np.ndarray]]:
    import keras

    model = keras.applications.ResNet50V2(include_top=False, weights=None)
    try:
        model.load_weights(path)
    except Exception as error:
        # What Keras raises for a wrong file has half a dozen types.
        raise InputError(
            f"{path}: {error}; expected ResNet50V2 without its top, as keras.applications has it"
        ) from error
    return {layer.name: layer.get_weights() for layer in model.layers if layer.weights}


BACKBONES = {
    # Trained on blue, green and red of 0 to 255 less their means.
    "squeezenet": Backbone(
        features=768,
        sides=(SMALLEST, 1024),
        offset=(0.0, 0.0, 0.0),
        factor=tuple(round(255 * contrast, 3) for contrast in reversed(_CONTRAST)),
        url="https://github.com/rcmalli/keras-squeezenet/releases/download/v1.0/"
        "squeezenet_weights_tf_dim_ordering_tf_kernels_notop.h5",
        checksum="sha256:17154246284f555591549ac2c83e127abfbf4307dc4b0060fdaa2931d0fa38da",
        apply=_squeezenet,
        read=squeezenet_weights,
    ),
    # Trained on channels of mean 0 and standard deviation 1. Its dense layers want 6 × 6 cells.
    "alexnet": Backbone(
        features=4096,
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
        features=2048,
        sides=(32, 1024),
        offset=tuple(round(2 * mean - 1, 3) for mean in _MEAN),
        factor=tuple(round(2 * contrast, 3) for contrast in _CONTRAST),
        url="https://storage.googleapis.com/tensorflow/keras-applications/resnet/"
        "resnet50v2_weights_tf_dim_ordering_tf_kernels_notop.h5",
        checksum="md5:fac2f116257151a9d068a22e544a4917",
        apply=_resnet50v2,
        read=_resnet50v2_weights,
    ),
}


def check_backbone(name: str, side: int, modules: int | None = None) -> None:
    """
    Refuse a backbone that there is not, pictures that it cannot see, or an end that it has not.

    Raises
    ------
    InputError
        With the nearest name, or the sides or modules that the backbone has.
    """
    if name not in BACKBONES:
        raise unknown("backbone", name, BACKBONES)
    low, high = BACKBONES[name].sides
    if not low <= side <= high:
        raise InputError(
            f"{name} on pictures of {side} × {side}; expected sides of {low} to {high}"
        )
    if modules is not None and (name != "squeezenet" or modules not in range(2, 10)):
        raise InputError(
            f"modules is {modules!r} for {name}; expected 2 to 9 for squeezenet, None for others"
        )


def weights_of(name: str, weights: str | os.PathLike | None) -> Weights | None:
    """
    Tell which weights a backbone is to begin with.

    Parameters
    ----------
    name : str
        One of `BACKBONES`.
    weights : None, "imagenet" or path
        None at all; the published ones, downloaded into the cache when they are first needed
        unless their file is there; or those of a file.

    Returns
    -------
    Weights or None

    Raises
    ------
    InputError
        If there is no such file.
    """
    if weights is None or isinstance(weights, Weights):
        return weights
    if weights == "imagenet":
        return Weights(BACKBONES[name].checksum)
    path = Path(weights).expanduser().resolve()
    if not path.is_file():
        raise InputError(
            f"weights is {os.fspath(weights)!r}; expected None, 'imagenet', or a file that exists"
        )
    stat = path.stat()
    return Weights(_checksum(path, stat.st_size, stat.st_mtime_ns), path)


@functools.lru_cache
def _checksum(path: Path, size: int, changed: int) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def file_of(name: str, weights: Weights) -> Path:
    """
    Find the file of a backbone's weights; the published one in the cache, or download it.

    Raises
    ------
    InputError
        If it cannot be had.
    """
    from ser_lib.download import Remote, download

    path = getattr(weights, "path", None)
    if path is not None:
        return path
    backbone = BACKBONES[name]
    if weights != backbone.checksum:
        raise InputError(
            f"weights of {name} with the checksum {weights} are needed; expected their file as "
            "the argument 'weights'"
        )
    folder = paths.cache() / "weights"
    folder.mkdir(parents=True, exist_ok=True)
    remote = Remote(backbone.url, backbone.checksum, backbone.url.rpartition("/")[2])
    try:
        return download(remote, folder)
    except InputError as error:
        raise InputError(f"{error}; {remote.filename} may be put into {folder} by hand") from error


def add_backbone(
    name: str,
    pictures: "keras.KerasTensor",
    real: "keras.KerasTensor | None" = None,
    *,
    side: int,
    modules: int | None = None,
    as_photographs: bool,
) -> "keras.KerasTensor":
    """
    Add a backbone's layers to a Keras tensor.

    Parameters
    ----------
    name : str
        One of `BACKBONES`.
    pictures : tensor, shape (n, height, width, 3)
        Channels of mean 0 and standard deviation 1.
    real : tensor of bool, shape (n,), optional
        Which pictures count where a batch is normalised; all by default.
    side : int
        To which height and width pictures are brought, bilinearly.
    modules : int, optional
        The fire module with which SqueezeNet ends, 2 to 9; 7 by default.
    as_photographs : bool
        Whether to bring the channels to what the backbone saw on ImageNet; only weights from
        there ask for it.

    Returns
    -------
    tensor, shape (n, features)
    """
    from keras import layers, ops

    check_backbone(name, side, modules)
    backbone = BACKBONES[name]
    if pictures.shape[1:3] != (side, side):
        # Not the layer Resizing: where a model is simply called, it tells all that come after it
        # that they are being trained.
        pictures = ops.image.resize(pictures, (side, side), interpolation="bilinear")
    if as_photographs:
        pictures = layers.Rescaling(list(backbone.factor), list(backbone.offset))(pictures)
    return backbone.apply(pictures, real, modules)


def give_weights(model: "keras.Model", name: str, weights: str) -> None:
    """
    Set the weights of a backbone's layers, found by their names in a model.

    Raises
    ------
    InputError
        If the file is a wrong one, or cannot be downloaded.
    """
    found = BACKBONES[name].read(file_of(name, weights))
    for layer in model.layers:
        if layer.name in found:
            layer.set_weights(found[layer.name])
