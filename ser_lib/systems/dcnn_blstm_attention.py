"""A network trained on ImageNet, over segments, and a BLSTM with attention over its vectors."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ser_lib.errors import InputError
from ser_lib.features import FrontEnd, LogMel, Windows, WithDeltas
from ser_lib.neural.imagenet import BACKBONES, add_backbone, check_backbone
from ser_lib.neural.imagenet_weights import load_weights, resolve_weights
from ser_lib.neural.segment_features import RolledLogMel, SegmentFeatures
from ser_lib.params import Check, change, choice, flag, integer, optional, param, real, several
from ser_lib.signal import PreEmphasis
from ser_lib.systems.base import AttentionGrid, NeuralSystem, Published
from ser_lib.systems.sources import CHOSEN_ON_DEVELOPMENT, TRIMMED

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

PUBLISHED = tuple(
    Published(
        metric="uar",
        value=value,
        corpus=corpus,
        classes=classes,
        protocol="the abstract states no protocol",
        source="Zhang et al. 2021, abstract",
        speaker_disjoint=None,
        remark="AlexNet from ImageNet; how speakers were divided, what noise was added and how "
        "classes were balanced is not said there",
    )
    for value, corpus, classes in ((0.8786, "emodb", 7), (0.685, "iemocap", 4))
)

DEVIATIONS = (
    "Weights from ImageNet are loaded only when they are asked for (`weights`), by name (a "
    "download) or as a file; without them the backbone starts from random weights, where paper and "
    "repository always load them (both variants).",
    TRIMMED,
    "The backbone is SqueezeNet v1.1, which fits small machines, as far as fire7, the sixth of its "
    "eight fire modules, on segments enlarged to 128 at most; the paper's is AlexNet on segments "
    "enlarged to 227, the repository's, as published, ResNet50V2 on segments as they are.",
    "The paper adds data and balances classes before it trains, and its abstract does not say how; "
    "here noisy copies, SpecAugment, mixup, weights and oversampling are options, of training rows "
    "alone. The repository does none of it.",
    "Recordings of any length are read whole at 16 kHz, the last segment padded with silence; the "
    "repository takes the first 3 s at 22,050 Hz and fails on shorter recordings (as published, as "
    "much is read, and padded).",
    "A batch holds recordings of similar length, and batches are drawn anew in each epoch; the "
    "repository keeps those of the first (both variants).",
    "Derivatives are slopes over five frames; as published, they are negative differences of "
    "neighbours, of which the last one wraps around to the first frame.",
    "Segments come to the backbone with the mean and contrast of ImageNet's images, and its "
    "vectors to the LSTM on one scale; as published, logarithms go in as they are, and nothing is "
    "scaled.",
    "SqueezeNet's vector is the average and the maximum over its last map; the repository's "
    "network gives the average.",
    "One score per segment says how much it weighs; as published, dot products of all segments "
    "with each other are averaged.",
    "The default variant runs all its epochs and trains on the development speakers as well; as "
    "published, training stops by the loss on the protocol's development rows (in the repository, "
    "on a random tenth of the files, the only part held out, so that 90 % of them train and not "
    "80 %).",
    CHOSEN_ON_DEVELOPMENT.format(
        choices="one layer of 128 units with dropout of 0.2 before it and 0.5 after the attention, "
        "25 epochs in batches of 16 with a learning rate that falls along a cosine; as published, "
        "layers of 256, 128 and 128 units with dropout of 0.25, at most 30 epochs in batches of 32 "
        "at 0.0001"
    ),
)

_IMAGENET = {"weights": "imagenet"}
_FROZEN = _IMAGENET | {"train": "head"}

# What depends on what is trained, where it is None. A frozen backbone sees its segments but once.
_LEARNING_RATE = {"head": 1e-3, "all": 1e-3, "fine-tuned": 3e-4}
# Frames from one segment to the next, half of a segment.
_SEGMENT_HOP = 32
_RESIZE = {"head": 128, "all": 64, "fine-tuned": 64}


@dataclasses.dataclass(frozen=True, kw_only=True)
class DcnnBlstmAttention(NeuralSystem):
    """
    Pre-trained deep convolutional network with a BLSTM and attention over segments.

    A backbone over every segment, a bidirectional LSTM over segments, attention, dense layers.

    Notes
    -----
    With ``train="all"`` the front end gives segments, shape (segments, 64, 64, 3), of any signal;
    ``ser_lib.neural.plain_model(DcnnBlstmAttention().build((64, 64, 3), 8))`` is a Keras model for
    plain arrays of segments. The repository's division is the protocol
    ``random_90_10``.
    """

    name: ClassVar[str] = "dcnn_blstm_attention"
    title: ClassVar[str] = "Pre-trained DCNN with BLSTM and attention"
    citation: ClassVar[str] = CITATION
    published: ClassVar[tuple[Published, ...]] = PUBLISHED
    deviations: ClassVar[tuple[str, ...]] = DEVIATIONS
    search_space: ClassVar[dict[str, dict]] = {
        "default": {},
        "random weights, mixup": {"mixup": 0.2},
        "random weights, two noisy copies": {"augmented_copies": 2},
        "from ImageNet, fine-tuned": _IMAGENET,
        "from ImageNet, fine-tuned, mixup": _IMAGENET | {"mixup": 0.2},
        "from ImageNet, frozen": _FROZEN,
        "from ImageNet, frozen, mixup": _FROZEN | {"mixup": 0.2},
        "from ImageNet, frozen, two noisy copies": _FROZEN | {"augmented_copies": 2},
        "from ImageNet, frozen, to the last module": _FROZEN | {"fire_modules": 9},
        "from ImageNet, frozen, segments as small as they are": _FROZEN | {"resize": 64},
    }

    epochs: int = change(25, as_published=30)
    batch_size: int = change(16, as_published=32)
    learning_rate: float | None = change(
        None,
        as_published=1e-4,
        check=optional(real(above=0)),
        doc="Learning rate at the start; with None 0.0003 where a backbone is fine-tuned, 0.001 "
        "elsewhere.",
    )
    patience: int | None = change(None, as_published=5)
    monitor: str = change("uar", as_published="loss")
    scale: bool = change(True, as_published=False)

    backbone: str = param(
        "squeezenet",
        choice(*BACKBONES),
        "What turns a segment of 64 frames and 64 bands into a vector.",
        as_published="resnet50v2",
    )
    weights: str | Path | None = param(
        None,
        optional(Check("str or path", '"imagenet" or a file', lambda weights: weights)),
        '"imagenet" starts the backbone from its published weights, downloaded once; a path from '
        "those of a file; None from random weights.",
    )
    train: str = param(
        "all",
        choice("all", "head"),
        'What is trained: all, the backbone included; or, with "head", all but the backbone, which '
        "must have weights and whose vectors are computed once and kept.",
    )
    resize: int | None = param(
        None,
        optional(integer()),
        "Side to which segments are enlarged; with None 227 for AlexNet, as in the paper, and for "
        "the others 128 where they are frozen and else 64, the segments' own.",
    )
    fire_modules: int | None = param(
        None,
        optional(integer()),
        "Fire module with which SqueezeNet ends, 2 to 9; 7 with None. Later ones are specific to "
        "the objects of ImageNet.",
    )
    units: int = param(128, integer(), "Units of the LSTM in each direction.")
    attention: str = param(
        "pooling",
        choice("pooling", "self"),
        "One score per segment, or dot products of segments, averaged.",
        as_published="self",
    )
    dense: tuple[int, ...] = param(
        (128,),
        several(integer(), low=1),
        "Units of the layers before the posteriors, the last of which is the bottleneck.",
        as_published=(256, 128, 128),
    )
    dropout: float = param(
        0.5,
        real(low=0, high=0.95),
        "Fraction dropped after the first and after the last of these layers.",
        as_published=0.25,
    )
    lstm_dropout: float = param(
        0.2, real(low=0, high=0.95), "Fraction of the LSTM's inputs dropped.", as_published=0.0
    )
    imagenet_preprocessing: bool = param(
        True,
        flag(),
        "Whether segments get the mean and contrast of ImageNet's images where there are weights.",
        as_published=False,
    )
    normalised: bool = param(
        True,
        flag(),
        "Whether the backbone's vectors are normalised batch by batch.",
        as_published=False,
    )
    rolled_differences: bool = param(
        False,
        flag(),
        "Whether derivatives are the repository's differences, which wrap around.",
        as_published=True,
    )
    sample_rate: int = param(16000, integer(low=16000), "Samples per second.", as_published=22050)
    max_segments: int | None = param(
        None,
        optional(integer()),
        "Segments of a recording that are read; all with None. The first 3 s hold eight.",
        as_published=8,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.train == "head" and self.weights is None:
            raise InputError(
                "train is 'head' and weights is None; expected weights, as a backbone with random "
                "weights must be trained"
            )
        check_backbone(self.backbone, self.side, self.fire_modules)
        # A result is recorded under the checksum of the weights, not under their folder.
        object.__setattr__(self, "weights", resolve_weights(self.backbone, self.weights))

    @property
    def _trained_part(self) -> str:
        fine_tuned = self.train == "all" and self.weights is not None
        return "fine-tuned" if fine_tuned else self.train

    @property
    def side(self) -> int:
        """Side to which segments are enlarged."""
        default = 227 if self.backbone == "alexnet" else _RESIZE[self._trained_part]
        return default if self.resize is None else self.resize

    @property
    def initial_learning_rate(self) -> float:
        """The learning rate at the start."""
        default = _LEARNING_RATE[self._trained_part]
        return default if self.learning_rate is None else self.learning_rate

    @property
    def masks_within_items(self) -> bool:
        """Whether SpecAugment masks stretches of time and frequency, not of segments."""
        return self.train == "all"

    @property
    def front_end(self) -> FrontEnd:
        """Segments of a log-mel spectrogram with derivatives, or a frozen backbone's vectors."""
        analysis = WithDeltas(analysis=LogMel(n_fft=400, n_mels=64))
        dtype = "float16"
        if self.rolled_differences:
            analysis, dtype = RolledLogMel(), "float32"
        segmentation = Windows(
            length=64, hop=_SEGMENT_HOP, pad=("floor", 0, 0), max_windows=self.max_segments
        )
        if self.train == "head":
            dtype = "float32"
            segmentation = SegmentFeatures(
                segments=segmentation,
                backbone=self.backbone,
                weights=self.weights,
                side=self.side,
                fire_modules=self.fire_modules,
            )
        return FrontEnd(
            preprocessing=(*self.trimming, PreEmphasis()),
            analysis=analysis,
            segmentation=segmentation,
            sample_rate=self.sample_rate,
            dtype=dtype,
        )

    @property
    def attention_grid(self) -> AttentionGrid:
        """A weight per segment, drawn over the middle half of the segment."""
        hop = int(0.010 * self.sample_rate) if self.rolled_differences else LogMel.hop_length
        seconds = _SEGMENT_HOP * hop / self.sample_rate
        return AttentionGrid(seconds_per_step=seconds, start=seconds / 2)

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> "keras.Model":
        """
        Build the network of segments (frames, bands, 3), or of a frozen backbone's vectors.

        Raises
        ------
        InputError
            If segments do not have three channels, or the file of weights does not fit.
        """
        import keras
        from keras import layers

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        with_backbone = self.train == "all"
        x = self._vectors(values, mask) if with_backbone else values
        lstm = layers.LSTM(self.units, dropout=self.lstm_dropout, return_sequences=True)
        x = layers.Bidirectional(lstm, name="blstm")(x, mask=mask)
        x = (_by_scores if self.attention == "pooling" else _by_dot_products)(x, mask)
        for number, units in enumerate(self.dense, start=1):
            last = number == len(self.dense)
            x = layers.Dense(units, activation="relu", name="bottleneck" if last else None)(x)
            if last or number == 1:
                x = layers.Dropout(self.dropout)(x)
        posteriors = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        model = keras.Model({"values": values, "mask": mask}, posteriors, name=self.name)
        if with_backbone and self.weights is not None:
            load_weights(model, self.backbone, self.weights)
        return model

    def _vectors(self, values: object, mask: object) -> "keras.KerasTensor":
        """Turn segments into vectors by the backbone."""
        from ser_lib.neural.inference import WINDOWS
        from ser_lib.neural.layers import FoldWindows, UnfoldWindows
        from ser_lib.neural.masking import ApplyMask, MaskedBatchNormalization

        item_shape = values.shape[2:]
        if len(item_shape) != 3 or item_shape[2] != 3:
            raise InputError(f"segments of shape {tuple(item_shape)}; expected (frames, bands, 3)")
        x = add_backbone(
            self.backbone,
            FoldWindows()(values),
            FoldWindows()(mask),
            side=self.side,
            fire_modules=self.fire_modules,
            imagenet_preprocessing=self.imagenet_preprocessing and self.weights is not None,
        )
        x = UnfoldWindows(name=WINDOWS)(x, mask)
        if self.normalised:
            # A maximum of hundreds would saturate the LSTM.
            x = MaskedBatchNormalization(momentum=self.norm_momentum, name="norm")(x, mask=mask)
            x = ApplyMask()(x, mask)
        return x


def _by_scores(x: "keras.KerasTensor", mask: "keras.KerasTensor") -> "keras.KerasTensor":
    """Pool steps by a score that each has for itself."""
    from keras import layers

    from ser_lib.neural.attention import AttentionPooling
    from ser_lib.neural.masking import MeanOverUnits

    scores = MeanOverUnits()(layers.Dense(1)(x))
    return AttentionPooling(name="attention")(x, scores, mask)[0]


def _by_dot_products(x: "keras.KerasTensor", mask: "keras.KerasTensor") -> "keras.KerasTensor":
    """Let every step attend to all steps by dot products, and average what they see."""
    from keras import layers, ops

    from ser_lib.neural.attention import AttentionPooling

    # The average over steps of weighted averages is one weighted average, whose weights are the
    # averages of theirs. Computed like that, the weights can be shown.
    attend = layers.Attention(use_scale=True, name="dot_products")
    _, weights = attend([x, x], mask=[mask, mask], return_attention_scores=True)
    weights = layers.GlobalAveragePooling1D()(weights, mask=mask)
    # The softmax of logarithms gives the weights back; none of them is quite zero.
    return AttentionPooling(name="attention")(x, ops.log(weights + 1e-30), mask)[0]
