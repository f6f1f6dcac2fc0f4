"""AlexNet on segments of a spectrogram, trained from random weights or from ImageNet's."""

import dataclasses
import operator
from typing import TYPE_CHECKING, ClassVar

from ser_lib.errors import InputError
from ser_lib.neural.torchvision import adaptive_average
from ser_lib.params import change, choice, integer, param, real, several
from ser_lib.systems.base import Published
from ser_lib.systems.sources import (
    ALL_EPOCHS,
    CHOSEN_ON_DEVELOPMENT,
    REVERBERATION,
    SPEECH_EMO_RECOGNITION,
    TORCH_LAYERS,
    TRIMMED,
)
from ser_lib.systems.spectrograms import CONVOLUTIONS, SpectrogramSystem

if TYPE_CHECKING:
    import keras

CITATION = (
    r"""@misc{krizhevsky2014one,
  author = {Krizhevsky, Alex},
  title  = {One weird trick for parallelizing convolutional neural networks},
  year   = {2014},
  note   = {arXiv:1404.5997; the layout of AlexNet that torchvision follows}
}
"""
    + SPEECH_EMO_RECOGNITION
)

_FROM_IMAGENET = (
    "improvised dialogues; the five were listed by hand, after ten had been computed; from "
    "ImageNet, {how}"
)
PUBLISHED = tuple(
    score
    for uar, wa, how in (
        (0.644, 0.740, "with stability training that the code does not hold"),
        (0.626, 0.732, "global average pooling instead of dense layers"),
    )
    for score in Published.scores(
        uar=uar,
        wa=wa,
        corpus="iemocap",
        classes=4,
        protocol="five speakers, one of each session, out of ten folds of which each tests one "
        "speaker, whose partner develops",
        source="later README of samsudinng/speech_emo_recognition",
        speaker_disjoint=True,
        remark=_FROM_IMAGENET.format(how=how),
    )
)

DEVIATIONS = (
    "Global average pooling takes the place of the dense layers, which hold 96 % of AlexNet's "
    "weights; as published, there are layers of 4,096 and 256 units.",
    "The spectrogram has 128 mel bands and a frame every 20 ms, in segments of 3 s; as published, "
    "200 bins up to 4 kHz and a frame every 10 ms.",
    "The mean of the segments' log posteriors stands for the recording, as in later code of the "
    "original; as published, their maximum.",
    TRIMMED,
    "The padding of the last segment is the floor of the recording; as published, it is 0 dB, "
    "which is the loudest value of its scale.",
    "Weights from ImageNet are an option (`weights`), since they are a download; their first "
    "filters are kept, for one channel as their sum over colours; as published, that layer starts "
    "from random weights.",
    "A spectrogram goes in as it is, scaled by the training speakers; later code of the original "
    "makes an image of 256 x 384 points and three colours of it (both variants).",
    TORCH_LAYERS,
    REVERBERATION,
    "Training rows are shuffled; the original shuffles only when asked (both variants).",
    ALL_EPOCHS.format(original="takes the accuracy"),
    CHOSEN_ON_DEVELOPMENT.format(
        choices="mixup, 25 epochs in batches of 16 with a learning rate that falls from 0.0006 "
        "along a cosine; as published, no mixup, 200 epochs in batches of 32 at 0.0001"
    ),
)

_ALEXNET_HEAD = (4096, 4096)
# Frames and bands below which the five convolutions leave nothing.
_SHORTEST = 63
_SMALLER = {"learning_rate": 3e-4}


@dataclasses.dataclass(frozen=True, kw_only=True)
class AlexNet(SpectrogramSystem):
    """
    AlexNet on segments of a spectrogram.

    Five convolutions, 6 x 6 cells, and dense layers or an average over the cells.

    Notes
    -----
    The original's division is the protocol ``leave_one_speaker_out`` (of IEMOCAP's ten speakers).
    A file of weights is read when a network is built, and one that does not fit is refused then.
    """

    name: ClassVar[str] = "alexnet"
    title: ClassVar[str] = "AlexNet"
    citation: ClassVar[str] = CITATION
    published: ClassVar[tuple[Published, ...]] = PUBLISHED
    deviations: ClassVar[tuple[str, ...]] = DEVIATIONS
    search_space: ClassVar[dict[str, dict]] = {
        "default": {},
        "larger learning rate": {"learning_rate": 1e-3},
        "smaller learning rate": _SMALLER,
        "smaller learning rate, no mixup": _SMALLER | {"mixup": 0.0},
        "smaller learning rate, two noisy copies": _SMALLER | {"augmented_copies": 2},
        "smaller learning rate, SpecAugment": _SMALLER | {"spec_augment": True},
        "no mixup": {"mixup": 0.0},
        "one dense layer of 256": {"head": (256,)},
        "maximum over segments": {"pool": "max"},
        "derivatives as colours": {"kind": "logmeldeltaspec"},
    }

    epochs: int = change(25, as_published=200)
    batch_size: int = change(16, as_published=32, doc="Training segments per update.")
    learning_rate: float = change(6e-4, as_published=1e-4)
    weight_decay: float = change(0.01)
    patience: int | None = change(None, as_published=200)
    mixup: float = change(0.2, as_published=0.0)
    pool: str = change("mean", as_published="max")
    keep_first_filters: bool = change(True, as_published=False)
    segment: int = change(
        150,
        as_published=300,
        check=integer(low=_SHORTEST),
        doc="Frames per segment, each of which is classified by itself.",
    )

    head: tuple[int, ...] = param(
        (),
        several(integer()),
        "Units of the dense layers before the posteriors: (4096, 4096) is AlexNet; with none, the "
        "cells are averaged, which leaves a twentieth of the weights.",
        as_published=(4096, 256),
    )
    dropout: float = param(
        0.5, real(low=0, high=0.95), "Fraction dropped before each of these layers."
    )
    block_dropout: float = param(
        0.0, real(low=0, high=0.95), "Fraction of channels dropped after each pooling."
    )
    train: str = param(
        "all",
        choice("all", "head"),
        "What is trained: everything, or only what follows the convolutions.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights is None and self.train == "head":
            raise InputError(
                "train is 'head' and weights is None; expected weights, as convolutions with "
                "random weights must be trained"
            )

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> "keras.Model":
        """
        Build the network of segments (frames, bands[, channels]), at least 63 of both.

        Raises
        ------
        InputError
            If weights are asked for that are not available or do not fit.
        """
        import keras
        from keras import layers

        from ser_lib.neural.backbones import alexnet_convolutions
        from ser_lib.neural.layers import FoldWindows

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        channels = item_shape[2] if len(item_shape) > 2 else 1
        maps = layers.Reshape((*item_shape[:2], channels))(FoldWindows()(values))
        maps, _ = alexnet_convolutions(maps, dropout=self.block_dropout)
        maps = adaptive_average(maps, 6)
        dense = [f"dense{number}" for number in range(1, len(self.head))] + ["bottleneck"]
        if self.head:
            x = layers.Flatten()(maps)
            for units, name in zip(self.head, dense, strict=True):
                x = layers.Dropout(self.dropout)(x)
                x = layers.Dense(units, activation="relu", name=name)(x)
        else:
            # Averaging the posteriors' logits over the cells, as the original does after a 1 x 1
            # convolution, is the same as averaging the cells before.
            x = layers.GlobalAveragePooling2D(name="bottleneck")(maps)
        posteriors = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        network = keras.Model({"values": values, "mask": mask}, posteriors, name=self.name)
        same = [*map(operator.eq, self.head, _ALEXNET_HEAD), False].index(False)
        self.load_weights(network, dense[:same])
        for name in CONVOLUTIONS:
            network.get_layer(name).trainable = self.train == "all"
        return network
