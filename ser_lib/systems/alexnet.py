"""AlexNet on segments of a spectrogram, from nothing or fine-tuned from ImageNet."""

import dataclasses
import operator
from pathlib import Path
from typing import TYPE_CHECKING

from ser_lib.errors import InputError, unknown
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.classifier import of_seed
from ser_lib.neural.imagenet import Weights, file_of, weights_of
from ser_lib.neural.torchvision import adaptive_average, alexnet_weights
from ser_lib.params import as_real, check_choice, check_flag
from ser_lib.systems.base import Published, System, choose, noisy_copies
from ser_lib.systems.fcn_attention import fcn_attention

if TYPE_CHECKING:
    import keras

CITATION = r"""@misc{krizhevsky2014one,
  author = {Krizhevsky, Alex},
  title  = {One weird trick for parallelizing convolutional neural networks},
  year   = {2014},
  note   = {arXiv:1404.5997; the layout of AlexNet that torchvision follows}
}
@misc{ng2020ser,
  author = {{samsudinng}},
  title  = {Speech emotion recognition framework with {PyTorch}},
  year   = {2020},
  note   = {Repository samsudinng/speech\_emo\_recognition}
}"""

PUBLISHED = tuple(
    Published(
        metric=metric,
        value=value,
        corpus="iemocap",
        classes=4,
        protocol="five speakers, one of each session, out of ten folds of which each tests one "
        "speaker, whose partner develops",
        source="later README of samsudinng/speech_emo_recognition",
        speaker_disjoint=True,
        remark="improvised dialogues; the five were listed by hand, after ten had been computed; "
        f"from ImageNet, {how}",
    )
    for metric, value, how in (
        ("uar", 0.644, "with stability training that the code does not hold"),
        ("wa", 0.740, "with stability training that the code does not hold"),
        ("uar", 0.626, "global average pooling instead of dense layers"),
        ("wa", 0.732, "global average pooling instead of dense layers"),
    )
)

DEVIATIONS = (
    "Global average pooling takes the place of the dense layers, which hold 94 % of AlexNet's "
    "weights; the setting 'source' has the original's layers of 4,096 and 256 units.",
    "The padding of the last segment is the floor of the recording; the original pads with 0 dB, "
    "which is the loudest value of its scale (the setting 'source' repeats it).",
    "Weights from ImageNet are an option, since they are a download; their first filters, which "
    "the original throws away, are kept, for one channel as their sum over colours (the setting "
    "'source' begins that layer anew as the original does).",
    "A spectrogram goes in as it is, scaled by the training speakers; later code of the original "
    "makes a picture of 256 x 384 points and three colours of it.",
    "Training rows are shuffled; the original shuffles only when asked (this holds for the setting "
    "'source' as well).",
    "Our recipe runs all its epochs and trains on the development speakers as well; under 'source' "
    "the epoch is chosen by their UAR, where the original takes the accuracy.",
    "The recipe: see RECIPES and CANDIDATES beside this list.",
)

_CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")
_FULL = (4096, 4096)
# Places along an axis, below which the five convolutions leave nothing.
_SHORTEST = 63


@dataclasses.dataclass(frozen=True)
class AlexNet:
    """
    Five convolutions, 6 × 6 cells, and dense layers or their absence.

    Parameters
    ----------
    head : tuple of int
        Units of the dense layers before the posteriors; with none, the cells are averaged.
    dropout : float
        Share dropped before each of these layers.
    block_dropout : float
        Share of whole channels dropped after each pooling.
    weights : Weights, optional
        What is learnt before.
    first : bool
        Whether the first convolution, too, begins with these weights.
    train : {"all", "head"}
        Whether the convolutions learn.
    """

    head: tuple[int, ...] = _FULL
    dropout: float = 0.5
    block_dropout: float = 0.0
    weights: Weights | None = None
    first: bool = True
    train: str = "all"

    def __post_init__(self):
        for units in self.head:
            if isinstance(units, bool) or not isinstance(units, int) or units < 1:
                raise InputError(
                    f"head is {self.head!r}; expected numbers of units, such as (4096, 4096), or "
                    "none for global average pooling"
                )
        as_real(self, "dropout", low=0, high=0.95)
        as_real(self, "block_dropout", low=0, high=0.95)
        check_flag(self, "first")
        check_choice(self, "train", ("all", "head"))
        if self.weights is None and self.train == "head":
            raise InputError(
                "train is 'head' without weights; expected weights, as convolutions that have "
                "learnt nothing must learn"
            )

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> "keras.Model":
        """
        Build the network, and read what it has learnt before.

        Parameters
        ----------
        item_shape : tuple of int
            (frames, bands) or (frames, bands, channels) of a segment; at least 63 of both.
        n_classes : int
            Number of classes.

        Returns
        -------
        keras.Model
            From ``values``, shape (batch, 1, *segment), and ``mask``, shape (batch, 1), to
            posteriors, shape (batch, n_classes).

        Raises
        ------
        InputError
            If weights are asked for that cannot be had or do not fit.
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
            # Averaging the posteriors' logits over the cells, as the original does after a 1 × 1
            # convolution, is the same as averaging the cells before.
            x = layers.GlobalAveragePooling2D(name="bottleneck")(maps)
        posteriors = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        network = keras.Model({"values": values, "mask": mask}, posteriors, name="alexnet")
        if self.weights is not None:
            self._learnt_before(network, dense)
        for name in _CONVOLUTIONS:
            network.get_layer(name).trainable = self.train == "all"
        return network

    def _learnt_before(self, network: "keras.Model", dense: list[str]) -> None:
        """Give the convolutions, and what of the head is AlexNet's, the weights of the file."""
        same = [*map(operator.eq, self.head, _FULL), False].index(False)
        found = alexnet_weights(file_of("alexnet", self.weights), dense=same)
        names = [*_CONVOLUTIONS, *dense[:same]]
        for name, (kernel, bias) in zip(names, found, strict=True):
            layer = network.get_layer(name)
            if name == "conv1" and not self.first:
                continue
            if name == "conv1" and layer.kernel.shape[2] == 1:
                # What the filters would say of the same picture in each of three colours.
                kernel = kernel.sum(axis=2, keepdims=True)
            layer.set_weights([kernel, bias])


RECIPES = {
    "ours": {
        "epochs": 25,
        "batch_size": 16,
        "learning_rate": 6e-4,
        "weight_decay": 0.01,
        "patience": None,
        "kind": "logmelspec",
        "hop": 0.020,
        "segment": 150,
        "head": (),
        "dropout": 0.5,
        "block_dropout": 0.0,
        "weights": None,
        "train": "all",
        "pool": "mean",
        "noise": 0.002,
        "reverberation": 0.5,
        "copies": 0,
        "balance": None,
        "spec_augment": False,
        "mixup": 0.2,
    },
    "source": {
        "epochs": 200,
        "batch_size": 32,
        "learning_rate": 1e-4,
        "weight_decay": 0.01,
        "patience": 200,
        "kind": "logspec",
        "hop": 0.010,
        "segment": 300,
        "head": (4096, 256),
        "dropout": 0.5,
        "block_dropout": 0.0,
        "weights": None,
        "train": "all",
        "pool": "max",
        "noise": 0.002,
        "reverberation": 0.5,
        "copies": 0,
        "balance": None,
        "spec_augment": False,
        "mixup": 0.0,
    },
}

CANDIDATES = {
    "default": {},
    "larger steps": {"learning_rate": 1e-3},
    "smaller steps": {"learning_rate": 3e-4},
    "smaller steps, no mixup": {"learning_rate": 3e-4, "mixup": 0.0},
    "smaller steps, two noisy copies": {"learning_rate": 3e-4, "copies": 2},
    "smaller steps, SpecAugment": {"learning_rate": 3e-4, "spec_augment": True},
    "no mixup": {"mixup": 0.0},
    "one dense layer of 256": {"head": (256,)},
    "maximum over segments": {"pool": "max"},
    "derivatives as colours": {"kind": "logmeldeltaspec"},
}

# Parameters that are passed on under their names.
_SPECTROGRAM = ("kind", "hop", "segment", "noise", "reverberation")
_TRAINING = (
    *("epochs", "batch_size", "learning_rate", "weight_decay", "patience", "balance", "mixup"),
    "pool",
)


def alexnet(
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    patience: int | None = None,
    kind: str | None = None,
    hop: float | None = None,
    segment: int | None = None,
    head: tuple[int, ...] | None = None,
    dropout: float | None = None,
    block_dropout: float | None = None,
    weights: str | Path | None = None,
    train: str | None = None,
    pool: str | None = None,
    noise: float | None = None,
    reverberation: float | None = None,
    copies: int | None = None,
    balance: str | None = None,
    spec_augment: bool | None = None,
    mixup: float | None = None,
    setting: str = "ours",
) -> System:
    """
    Make AlexNet on segments of a spectrogram.

    Parameters
    ----------
    epochs : int
        Times that the training rows are gone through, at most.
    batch_size : int
        Segments per batch.
    learning_rate, weight_decay : float
        Step size at the start, and share of each weight, times the step size, that an update takes.
    patience : int
        Epochs without a better UAR on the development speakers after which training stops; the
        best epoch is kept. Without it (our recipe) all epochs are run, the last is kept, and the
        development speakers are trained on.
    kind : {"logspec", "logmelspec", "logmeldeltaspec", "lognrevspec"}
        200 bins up to 4 kHz; 128 mel bands; those with their first and second derivatives; 200
        bins of the recording, of it with white noise and of it with reverberation.
    hop : float
        Seconds from one frame of 40 ms to the next.
    segment : int
        Frames per segment, each answered for by itself; at least 63.
    head : tuple of int
        Units of the dense layers before the posteriors: (4096, 4096) is AlexNet, (4096, 256) the
        original's default, and () averages the map instead, with a twentieth of the weights.
    dropout, block_dropout : float
        Share dropped before each dense layer, and after each pooling (whole channels).
    weights : str or path
        ``"imagenet"`` begins with what torchvision's AlexNet learnt from pictures, a download of
        244 MB the first time; a path with such a file (``.pth``), offline. From nothing by
        default.
    train : {"all", "head"}
        What then learns: everything, or only what follows the convolutions.
    pool : {"mean", "max"}
        Which of the log posteriors of its segments answers for a recording.
    noise, reverberation : float
        Standard deviation of the noise, relative to full scale, and the time in seconds in which
        the reverberation decays by 60 dB, of ``kind="lognrevspec"``.
    copies : int
        Noisy copies of each training utterance, at 15 to 29 dB; each epoch draws one of them or
        the clean one.
    balance : {"weights", "oversampling"}
        How the training makes up for rare classes; not at all by default.
    spec_augment : bool
        Whether stretches of time and frequency are hidden in training.
    mixup : float
        Parameter of the Beta distribution by which training segments are mixed; 0 for none.
    setting : {"ours", "source"}
        What parameters that are not given are taken from, what padding is, and whether the first
        filters of `weights` are kept: our recipe, or the original's.

    Returns
    -------
    System

    Raises
    ------
    InputError
        For an argument that makes no sense, an unknown setting, or a file that is not there.

    Notes
    -----
    The original's division is the protocol ``leave_one_speaker_out`` (of IEMOCAP's ten speakers).
    A file of weights is read when a network is built, and one that does not fit is refused then.
    """
    given = {name: value for name, value in locals().items() if name != "setting"}
    recipe = choose(setting, given, **RECIPES)
    network = AlexNet(
        head=tuple(recipe["head"]),
        dropout=recipe["dropout"],
        block_dropout=recipe["block_dropout"],
        weights=weights_of("alexnet", recipe["weights"]),
        first=setting == "ours",
        train=recipe["train"],
    )
    recipe["weights"] = network.weights
    if recipe["pool"] not in ("mean", "max"):
        raise unknown("pool", recipe["pool"], ("mean", "max"))
    length = recipe["segment"]
    if not isinstance(length, int) or length < _SHORTEST:
        raise InputError(f"segment is {length!r}; expected a whole number of at least {_SHORTEST}")
    spectrogram = {name: recipe[name] for name in _SPECTROGRAM}
    front_end = fcn_attention(**spectrogram, setting=setting).front_end
    return System(
        name="alexnet",
        title="AlexNet",
        front_end=front_end,
        classifier=of_seed(
            network,
            **{name: recipe[name] for name in _TRAINING},
            schedule="cosine" if setting == "ours" else "constant",
            spec_augment=SpecAugment(within=True) if recipe["spec_augment"] else None,
        ),
        citation=CITATION,
        published=PUBLISHED,
        deviations=DEVIATIONS,
        setting=setting,
        parameters=recipe,
        training_copies=noisy_copies(front_end, recipe["copies"]),
        needs_development=recipe["patience"] is not None,
    )
