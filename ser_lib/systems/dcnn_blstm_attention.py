"""A network that learnt to see on ImageNet, over segments, and a BLSTM with attention over them."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from ser_lib.errors import InputError, unknown
from ser_lib.features import FrontEnd, LogMel, Windows, WithDeltas
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.classifier import of_seed
from ser_lib.neural.imagenet import add_backbone, check_backbone, give_weights, weights_of
from ser_lib.neural.segment_features import RolledLogMel, SegmentFeatures
from ser_lib.params import as_count, as_real, check_choice, check_flag
from ser_lib.signal import PreEmphasis
from ser_lib.systems.base import Published, System, choose, noisy_copies

if TYPE_CHECKING:
    import keras

CITATION = r"""@article{zhang2021pretrained,
  author  = {Zhang, Hua and Gou, Ruoyun and Shang, Jili and Shen, Fangyao and Wu, Yifan and
             Dai, Guojun},
  title   = {Pre-trained deep convolution neural network model with attention for speech emotion
             recognition},
  journal = {Frontiers in Physiology},
  volume  = {12},
  pages   = {177},
  year    = {2021},
  doi     = {10.3389/fphys.2021.643202}
}
@misc{ankushmalaker2022pretrained,
  author = {{AnkushMalaker}},
  title  = {pretrained-dcnn-attention-ser},
  year   = {2022},
  note   = {Repository AnkushMalaker/pretrained-dcnn-attention-ser}
}"""

_REMARK = (
    "AlexNet from ImageNet; how speakers were divided, what noise was added and how classes were "
    "balanced is not said there"
)

PUBLISHED = (
    Published(
        metric="uar",
        value=0.8786,
        corpus="emodb",
        classes=7,
        protocol="as the abstract gives it: none",
        source="Zhang et al. 2021, abstract",
        speaker_disjoint=None,
        remark=_REMARK,
    ),
    Published(
        metric="uar",
        value=0.685,
        corpus="iemocap",
        classes=4,
        protocol="as the abstract gives it: none",
        source="Zhang et al. 2021, abstract",
        speaker_disjoint=None,
        remark=_REMARK,
    ),
)

DEVIATIONS = (
    "Weights from ImageNet are taken only when they are asked for, by name (a download) or as a "
    "file; without them the backbone learns from nothing (this holds for the setting 'source' as "
    "well).",
    "The backbone is SqueezeNet v1.1, which fits small machines, as far as its seventh module, on "
    "segments enlarged to 128 at most; the paper's is AlexNet on segments enlarged to 227, the "
    "repository's ResNet50V2 on segments as they are: both are a parameter away.",
    "The paper adds data and balances classes before it trains, and its abstract does not say how; "
    "here noisy copies, SpecAugment, mixup, weights and oversampling are options, of training rows "
    "alone. The repository does none of it.",
    "Recordings of any length are read whole at 16 kHz, the last segment padded with silence; the "
    "repository takes the first 3 s at 22,050 Hz and fails on shorter recordings (the setting "
    "'source' takes as much, and pads).",
    "Derivatives are slopes over five frames; the repository's are negative differences of "
    "neighbours, of which the last one wraps around to the first frame (the setting 'source' "
    "repeats it).",
    "Segments come to the backbone with the mean and contrast of photographs, and its vectors to "
    "the LSTM on one scale; the repository feeds logarithms as they are, and scales nothing (the "
    "setting 'source' repeats it).",
    "One score per segment says how much it weighs; the repository has dot products of all "
    "segments with each other, and averages (the setting 'source' repeats it).",
    "Our recipe runs all its epochs and trains on the development speakers as well; the repository "
    "stops by the loss on a random tenth of the files, the only part held out (the setting "
    "'source' stops by the loss, on the protocol's development rows).",
    "The recipe, found on development speakers: see RECIPES and CANDIDATES beside this list.",
)

TRAINED = ("head", "all")
_ATTENTION = ("pooling", "self")


@dataclasses.dataclass(frozen=True)
class DcnnBlstmAttention:
    """
    A backbone over every segment, a bidirectional LSTM over segments, attention, dense layers.

    Parameters
    ----------
    backbone : {"squeezenet", "alexnet", "resnet50v2"}, optional
        What turns a segment into a vector; None where a front end has done so already.
    weights : "imagenet", path or Weights, optional
        What the backbone begins with; by default it begins with nothing.
    side : int
        To which segments are resized.
    modules : int, optional
        The fire module with which SqueezeNet ends.
    photographs : bool
        Whether to give segments the mean and contrast of photographs where there are weights.
    normalised : bool
        Whether to bring what the backbone gives to one scale, batch by batch.
    units : int
        Of the LSTM in each direction.
    attention : {"pooling", "self"}
        One score per segment; or the repository's dot products of segments, averaged.
    dense : tuple of int
        Units of the layers before the posteriors, the last of which is the bottleneck.
    dropout : float
        Share dropped after the first and after the last of these.
    lstm_dropout : float
        Share of what the backbone gives that is dropped before the LSTM.
    """

    backbone: str | None = None
    weights: str | None = None
    side: int = 64
    modules: int | None = None
    photographs: bool = True
    normalised: bool = True
    units: int = 128
    attention: str = "pooling"
    dense: tuple[int, ...] = (128,)
    dropout: float = 0.5
    lstm_dropout: float = 0.0

    def __post_init__(self):
        as_count(self, "side")
        as_count(self, "units")
        check_flag(self, "photographs")
        check_flag(self, "normalised")
        check_choice(self, "attention", _ATTENTION)
        as_real(self, "dropout", low=0, high=0.95)
        as_real(self, "lstm_dropout", low=0, high=0.95)
        if self.backbone is not None:
            check_backbone(self.backbone, self.side, self.modules)

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> "keras.Model":
        """
        Build the network.

        Parameters
        ----------
        item_shape : tuple of int
            (frames, bands, 3) of a segment; or (features,) where there is no backbone.
        n_classes : int
            Number of classes.

        Returns
        -------
        keras.Model
            From ``values``, shape (batch, segments, *item), and ``mask``, shape (batch, segments),
            to posteriors, shape (batch, n_classes).

        Raises
        ------
        InputError
            If the items are not of three channels, or the file of weights is a wrong one.
        """
        import keras
        from keras import layers

        from ser_lib.neural.layers import FoldWindows, UnfoldWindows
        from ser_lib.neural.masking import MaskedBatchNormalization, Rezero

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = values
        if self.backbone is not None:
            if len(item_shape) != 3 or item_shape[2] != 3:
                raise InputError(
                    f"segments of shape {tuple(item_shape)}; expected (frames, bands, 3)"
                )
            x = add_backbone(
                self.backbone,
                FoldWindows()(values),
                FoldWindows()(mask),
                side=self.side,
                modules=self.modules,
                as_photographs=self.photographs and self.weights is not None,
            )
            x = UnfoldWindows()(x, mask)
            if self.normalised:
                # A maximum of hundreds would leave the LSTM at its limits, where nothing is learnt.
                x = MaskedBatchNormalization(momentum=0.9, name="norm")(x, mask=mask)
                x = Rezero()(x, mask)
        lstm = layers.LSTM(self.units, dropout=self.lstm_dropout, return_sequences=True)
        x = layers.Bidirectional(lstm, name="blstm")(x, mask=mask)
        x = (_by_scores if self.attention == "pooling" else _by_dot_products)(x, mask)
        for number, units in enumerate(self.dense, start=1):
            last = number == len(self.dense)
            x = layers.Dense(units, activation="relu", name="bottleneck" if last else None)(x)
            if last or number == 1:
                x = layers.Dropout(self.dropout)(x)
        posteriors = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        model = keras.Model(
            {"values": values, "mask": mask}, posteriors, name="dcnn_blstm_attention"
        )
        if self.backbone is not None and self.weights is not None:
            give_weights(model, self.backbone, weights_of(self.backbone, self.weights))
        return model


def _by_scores(x: "keras.KerasTensor", mask: "keras.KerasTensor") -> "keras.KerasTensor":
    """Pool steps by a score that each has for itself."""
    from keras import layers

    from ser_lib.neural.attention import AttentionPooling
    from ser_lib.neural.masking import MeanOverUnits

    scores = MeanOverUnits()(layers.Dense(1)(x))
    return AttentionPooling(name="attention")(x, scores, mask)[0]


def _by_dot_products(x: "keras.KerasTensor", mask: "keras.KerasTensor") -> "keras.KerasTensor":
    """
    Let every step attend to all steps by dot products, and average what they see.

    The average over steps of weighted averages is one weighted average, whose weights are the
    averages of theirs. Computed like that, the weights can be shown.
    """
    from keras import layers, ops

    from ser_lib.neural.attention import AttentionPooling

    attend = layers.Attention(use_scale=True, name="dot_products")
    _, weights = attend([x, x], mask=[mask, mask], return_attention_scores=True)
    weights = layers.GlobalAveragePooling1D()(weights, mask=mask)
    # The softmax of logarithms gives the weights back; none of them is quite zero.
    return AttentionPooling(name="attention")(x, ops.log(weights + 1e-30), mask)[0]


RECIPES = {
    "ours": {
        "epochs": 25,
        "batch_size": 16,
        "learning_rate": None,
        "patience": None,
        "backbone": "squeezenet",
        "weights": None,
        "train": "all",
        "resize": None,
        "modules": None,
        "units": 128,
        "dropout": 0.5,
        "lstm_dropout": 0.2,
        "copies": 0,
        "speed": 0.0,
        "balance": None,
        "spec_augment": False,
        "mixup": 0.0,
    },
    "source": {
        "epochs": 30,
        "batch_size": 32,
        "learning_rate": 1e-4,
        "patience": 5,
        "backbone": "resnet50v2",
        "weights": None,
        "train": "all",
        "resize": None,
        "modules": None,
        "units": 128,
        "dropout": 0.25,
        "lstm_dropout": 0.0,
        "copies": 0,
        "speed": 0.0,
        "balance": None,
        "spec_augment": False,
        "mixup": 0.0,
    },
}

_IMAGENET = {"weights": "imagenet"}
_FROZEN = _IMAGENET | {"train": "head"}

CANDIDATES = {
    "default": {},
    "from nothing, mixup": {"mixup": 0.2},
    "from nothing, two noisy copies": {"copies": 2},
    "from ImageNet, fine-tuned": _IMAGENET,
    "from ImageNet, fine-tuned, mixup": _IMAGENET | {"mixup": 0.2},
    "from ImageNet, frozen": _FROZEN,
    "from ImageNet, frozen, mixup": _FROZEN | {"mixup": 0.2},
    "from ImageNet, frozen, two noisy copies": _FROZEN | {"copies": 2},
    "from ImageNet, frozen, to the last module": _FROZEN | {"modules": 9},
    "from ImageNet, frozen, segments as small as they are": _FROZEN | {"resize": 64},
}

# What depends on what learns, unless it is given. A frozen backbone sees its segments but once.
_LEARNING_RATE = {"head": 1e-3, "all": 1e-3, "fine-tuned": 3e-4}
_RESIZE = {"head": 128, "all": 64, "fine-tuned": 64}

# What the settings differ in beyond numbers that a reader would vary.
_FRONT_END = {
    "ours": {
        "analysis": WithDeltas(analysis=LogMel(n_fft=400, n_mels=64)),
        "segmentation": Windows(length=64, hop=32, pad=("floor", 0, 0)),
        "rate": 16000,
        "dtype": "float16",
    },
    "source": {
        "analysis": RolledLogMel(),
        # The first 3 s hold eight whole segments.
        "segmentation": Windows(length=64, hop=32, pad=("floor", 0, 0), most=8),
        "rate": 22050,
    },
}
_NETWORK = {
    "ours": {},
    "source": {
        "attention": "self",
        "dense": (256, 128, 128),
        "photographs": False,
        "normalised": False,
    },
}
_TRAINING = {
    "ours": {"schedule": "cosine"},
    "source": {"schedule": "constant", "scale": False, "monitor": "loss"},
}


def dcnn_blstm_attention(
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    patience: int | None = None,
    backbone: str | None = None,
    weights: str | Path | None = None,
    train: str | None = None,
    resize: int | None = None,
    modules: int | None = None,
    units: int | None = None,
    dropout: float | None = None,
    lstm_dropout: float | None = None,
    copies: int | None = None,
    speed: float | None = None,
    balance: str | None = None,
    spec_augment: bool | None = None,
    mixup: float | None = None,
    setting: str = "ours",
) -> System:
    """
    Make the pre-trained deep convolutional network with a BLSTM and attention over segments.

    Parameters
    ----------
    epochs : int
        Times that the training rows are gone through, at most.
    batch_size : int
        Utterances per batch.
    learning_rate : float
        Step size at the start; 0.0003 by default where a backbone is fine-tuned, 0.001 elsewhere.
    patience : int
        Epochs without improvement on the development speakers after which training stops; the
        best epoch is kept. Without it (our recipe) all epochs are run, the last is kept, and the
        development speakers are trained on.
    backbone : {"squeezenet", "alexnet", "resnet50v2"}
        What turns a segment of 64 frames and 64 bands into a vector.
    weights : "imagenet" or path
        What the backbone begins with: the published weights, downloaded once, or those of a file.
        Nothing by default.
    train : {"all", "head"}
        What learns. ``"all"``: the backbone as well, fine-tuned if there are weights, and from
        nothing if not. ``"head"``: all but the backbone, which is frozen, so that what it makes of
        segments is computed once and kept; only with weights.
    resize : int
        Side to which segments are enlarged. By default 227 for AlexNet, as in the paper; for the
        others 128 where they are frozen, and see each segment but once, and else 64, the
        segments' own.
    modules : int
        The fire module with which SqueezeNet ends, 2 to 9; 7 by default. The maps of later ones
        know the things of photographs.
    units : int
        Of the LSTM in each direction.
    dropout, lstm_dropout : float
        Share dropped around the dense layers, and of the LSTM's inputs.
    copies : int
        Noisy copies of each training utterance, at 15 to 29 dB; each epoch draws one of them or
        the clean one.
    speed : float
        By which share copies are played slower or faster at most; 0 for not at all.
    balance : {"weights", "oversampling"}
        How the training makes up for rare classes; not at all by default.
    spec_augment : bool
        Whether stretches of time and frequency are hidden in training; of a frozen backbone's
        features, stretches of segments and of features.
    mixup : float
        Parameter of the Beta distribution by which training utterances are mixed; 0 for none.
    setting : {"ours", "source"}
        What parameters that are not given are taken from, and analysis, attention and dense
        layers: our recipe, or the repository's.

    Returns
    -------
    System

    Raises
    ------
    InputError
        For an argument that makes no sense, an unknown setting, or a frozen backbone without
        weights.

    Notes
    -----
    With ``train="all"`` the system's ``front_end`` gives segments, shape (segments, 64, 64, 3), of
    any signal, and ``DcnnBlstmAttention(...).build((64, 64, 3), n_classes)`` is a plain Keras
    model. The repository's division is the protocol ``random_90_10``.
    """
    given = {name: value for name, value in locals().items() if name != "setting"}
    recipe = _completed(choose(setting, given, **RECIPES))
    backbone = {name: recipe[name] for name in ("backbone", "modules")}
    backbone |= {"side": recipe["resize"]}
    check_backbone(recipe["backbone"], recipe["resize"], recipe["modules"])
    weights = weights_of(recipe["backbone"], recipe["weights"])
    front_end = FrontEnd(conditioning=(PreEmphasis(),), **_FRONT_END[setting])
    if recipe["train"] == "head":
        frozen = SegmentFeatures(segments=front_end.segmentation, weights=weights, **backbone)
        front_end = dataclasses.replace(front_end, segmentation=frozen, dtype="float32")
        backbone, weights = {}, None
    network = DcnnBlstmAttention(
        weights=weights,
        units=recipe["units"],
        dropout=recipe["dropout"],
        lstm_dropout=recipe["lstm_dropout"],
        **backbone,
        **_NETWORK[setting],
    )
    augment = SpecAugment(within=recipe["train"] == "all") if recipe["spec_augment"] else None
    return System(
        name="dcnn_blstm_attention",
        title="Pre-trained DCNN with BLSTM and attention",
        front_end=front_end,
        classifier=of_seed(
            network,
            epochs=recipe["epochs"],
            batch_size=recipe["batch_size"],
            learning_rate=recipe["learning_rate"],
            patience=recipe["patience"],
            balance=recipe["balance"],
            spec_augment=augment,
            mixup=recipe["mixup"],
            **_TRAINING[setting],
        ),
        citation=CITATION,
        published=PUBLISHED,
        deviations=DEVIATIONS,
        setting=setting,
        parameters=recipe,
        training_copies=noisy_copies(front_end, recipe["copies"], speed=recipe["speed"]),
        needs_development=recipe["patience"] is not None,
    )


def _completed(recipe: dict) -> dict:
    """Fill in what depends on what learns, and on the backbone."""
    weights, train = recipe["weights"], recipe["train"]
    if train not in TRAINED:
        raise unknown("train", train, TRAINED)
    if train == "head" and weights is None:
        raise InputError(
            "train is 'head' and weights is None; expected weights, as a backbone that has learnt "
            "nothing and learns nothing has nothing to say"
        )
    if weights not in (None, "imagenet"):
        # A result is then recorded under the file's name and content, not under its folder.
        weights = Path(weights)
    how = "fine-tuned" if train == "all" and weights is not None else train
    side = 227 if recipe["backbone"] == "alexnet" else _RESIZE[how]
    return recipe | {
        "weights": weights,
        "resize": recipe["resize"] or side,
        "learning_rate": recipe["learning_rate"] or _LEARNING_RATE[how],
    }
