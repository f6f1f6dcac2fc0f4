"""Convolutional blocks on a log-mel spectrogram, a bidirectional LSTM, and attention pooling."""

import dataclasses
from typing import TYPE_CHECKING

from ser_lib.features import Frames, FrontEnd, LogMel, Windows
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.classifier import of_seed
from ser_lib.params import as_count, as_real, check_flag
from ser_lib.signal import PreEmphasis, TrimToVoice, Wiener
from ser_lib.systems.base import Published, System, choose, noisy_copies

if TYPE_CHECKING:
    import keras

CITATION = r"""@inproceedings{li2018attention,
  author    = {Li, Pengcheng and Song, Yan and McLoughlin, Ian and Guo, Wu and Dai, Lirong},
  title     = {An attention pooling based representation learning method for speech emotion
               recognition},
  booktitle = {Interspeech},
  pages     = {3087--3091},
  year      = {2018},
  doi       = {10.21437/Interspeech.2018-1242}
}
@misc{ki4ai2020merc,
  author = {{ki4ai-skc}},
  title  = {merc2020: speech of the multimodal emotion recognition challenge},
  year   = {2020},
  note   = {Repository ki4ai-skc/merc2020}
}"""

PUBLISHED = (
    Published(
        metric="wa",
        value=0.3984,
        corpus="merc2020",
        classes=7,
        protocol="the challenge's validation part; the epoch was chosen on it, too",
        source="README of ki4ai-skc/merc2020",
        speaker_disjoint=None,
        remark="not a test score; a Korean corpus that cannot be had, its speakers unknown",
    ),
    Published(
        metric="uar",
        value=0.68,
        corpus="iemocap",
        classes=4,
        protocol="as the abstract gives it",
        source="Li et al. 2018",
        speaker_disjoint=None,
        remark="another network, which gave this one its idea: two attention maps, no LSTM",
    ),
    Published(
        metric="wa",
        value=0.718,
        corpus="iemocap",
        classes=4,
        protocol="as the abstract gives it",
        source="Li et al. 2018",
        speaker_disjoint=None,
        remark="as above",
    ),
)

DEVIATIONS = (
    "The attention scores every step by the same weights; the original's weights belong to one of "
    "50 positions in time each, and its README describes the former.",
    "Recordings of any length are read whole; the original cuts or pads to 4 s and attends to the "
    "padding.",
    "The mel bands lie where they should; the original lays them out for 22,050 Hz on a signal of "
    "16,000 Hz (the setting 'source' repeats it).",
    "Each band is scaled by the training speakers; the original scales nothing.",
    "Recordings come to 16 kHz in one step; the original goes by way of 22,050 Hz (this holds for "
    "the setting 'source' as well).",
    "Our recipe runs all its epochs and trains on the development speakers as well; under 'source' "
    "the epoch is chosen by their UAR, and its weights are kept, where the original stops by "
    "validation accuracy and scores the last weights.",
    "The recipe, found on development speakers: see RECIPES and CANDIDATES beside this list.",
)


@dataclasses.dataclass(frozen=True)
class CrnnAttention:
    """
    Three convolutional blocks, a bidirectional LSTM over the steps, attention, a bottleneck.

    Parameters
    ----------
    filters : tuple of int
        Of each block; each halves time and frequency.
    units : int
        Units of the LSTM in each direction.
    bottleneck : int
        Units of the layer before the posteriors.
    dropout : float
        Share dropped after the bottleneck.
    block_dropout : float
        Share of whole channels dropped after each block, and of the LSTM's inputs.
    momentum : float
        How slowly the running statistics of batch normalisation move.
    by_position : bool
        Items are windows of one length, of which each step's place has weights of its own: the
        original's attention.
    """

    filters: tuple[int, ...] = (8, 16, 32)
    units: int = 32
    bottleneck: int = 64
    dropout: float = 0.5
    block_dropout: float = 0.0
    momentum: float = 0.9
    by_position: bool = False

    def __post_init__(self):
        as_count(self, "units")
        as_count(self, "bottleneck")
        as_real(self, "dropout", low=0, high=0.95)
        as_real(self, "block_dropout", low=0, high=0.95)
        as_real(self, "momentum", low=0, high=1)
        check_flag(self, "by_position")

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> "keras.Model":
        """
        Build the network.

        Parameters
        ----------
        item_shape : tuple of int
            Bands of a frame; or frames and bands of a window, where attention goes by position.
        n_classes : int
            Number of classes.

        Returns
        -------
        keras.Model
            From ``values``, shape (batch, frames, bands), or (batch, 1, frames, bands), and
            ``mask``, shape of the first two axes, to posteriors, shape (batch, n_classes).
        """
        import keras
        from keras import layers

        from ser_lib.neural.attention import AttentionPooling
        from ser_lib.neural.layers import FoldWindows, SequenceFeatureBlock
        from ser_lib.neural.masking import AllReal, MeanOverUnits, StrideMask

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        frames = FoldWindows()(values) if self.by_position else values
        real = AllReal()(frames) if self.by_position else mask
        x = layers.Reshape((-1, item_shape[-1], 1))(frames)
        for filters in self.filters:
            x = SequenceFeatureBlock(filters, 2, side=5, momentum=self.momentum)(x, real)
            x = layers.SpatialDropout2D(self.block_dropout)(x)
            real = StrideMask(2)(real)
        x = layers.Reshape((-1, x.shape[2] * x.shape[3]))(x)
        lstm = layers.LSTM(self.units, dropout=self.block_dropout, return_sequences=True)
        x = layers.Bidirectional(lstm, name="blstm")(x, mask=real)
        if self.by_position:
            steps = item_shape[0]
            for _ in self.filters:
                steps = -(-steps // 2)
            scores = layers.Dense(steps)(layers.Reshape((steps,))(MeanOverUnits()(x)))
        else:
            scores = MeanOverUnits()(layers.Dense(1)(x))
        x, _ = AttentionPooling(name="attention")(x, scores, real)
        x = layers.Dense(self.bottleneck, activation="relu", name="bottleneck")(x)
        x = layers.Dropout(self.dropout)(x)
        posteriors = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        return keras.Model({"values": values, "mask": mask}, posteriors, name="crnn_attention")


RECIPES = {
    "ours": {
        "epochs": 40,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "patience": None,
        "filters": (8, 16, 32),
        "units": 64,
        "dropout": 0.5,
        "block_dropout": 0.0,
        "copies": 0,
        "speed": 0.0,
        "balance": None,
        "spec_augment": True,
        "mixup": 0.0,
    },
    "source": {
        "epochs": 256,
        "batch_size": 256,
        "learning_rate": 1e-3,
        "patience": 30,
        "filters": (8, 16, 32),
        "units": 32,
        "dropout": 0.5,
        "block_dropout": 0.0,
        "copies": 0,
        "speed": 0.0,
        "balance": None,
        "spec_augment": False,
        "mixup": 0.0,
    },
}

CANDIDATES = {
    "default": {},
    "noisy copies": {"copies": 2},
    "noisy copies, dropout between blocks": {"copies": 2, "block_dropout": 0.1},
    "noisy copies, twice the filters": {"copies": 2, "filters": (16, 32, 64)},
    "noisy copies, no SpecAugment": {"copies": 2, "spec_augment": False},
    "noisy copies at other speeds": {"copies": 4, "speed": 0.2},
    "noisy copies, mixup": {"copies": 2, "mixup": 0.3},
}

# What the settings differ in beyond numbers that a reader would vary.
_SEGMENTATION = {"ours": Frames(), "source": Windows(length=400, pad=0.0, most=1)}
_FILTER_RATE = {"ours": None, "source": 22050}
_NETWORK = {"ours": {}, "source": {"momentum": 0.99, "by_position": True}}
_TRAINING = {
    "ours": {"schedule": "cosine"},
    "source": {"schedule": "constant", "scale": False, "pool": "mean"},
}


def crnn_attention(
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    patience: int | None = None,
    filters: tuple[int, ...] | None = None,
    units: int | None = None,
    dropout: float | None = None,
    block_dropout: float | None = None,
    copies: int | None = None,
    speed: float | None = None,
    balance: str | None = None,
    spec_augment: bool | None = None,
    mixup: float | None = None,
    setting: str = "ours",
) -> System:
    """
    Make the convolutional BLSTM with attention pooling on a log-mel spectrogram.

    Parameters
    ----------
    epochs : int
        Times that the training rows are gone through, at most.
    batch_size : int
        Utterances per batch.
    learning_rate : float
        Step size at the start.
    patience : int
        Epochs without a better UAR on the development speakers after which training stops; the
        best epoch is kept. Without it (our recipe) all epochs are run, the last is kept, and the
        development speakers are trained on.
    filters : tuple of int
        Filters of each convolutional block.
    units : int
        Units of the LSTM in each direction: 32, as the original's README has it, or 64.
    dropout, block_dropout : float
        Share dropped after the bottleneck, and after each block and before the LSTM.
    copies : int
        Noisy copies of each training utterance, at 15 to 29 dB; each epoch draws one of them or
        the clean one.
    speed : float
        By which share copies are played slower or faster at most; 0 for not at all.
    balance : {"weights", "oversampling"}
        How the training makes up for rare classes; not at all by default.
    spec_augment : bool
        Whether stretches of time and frequency are hidden in training.
    mixup : float
        Parameter of the Beta distribution by which training utterances are mixed; 0 for none.
    setting : {"ours", "source"}
        What parameters that are not given are taken from, and the windows, filters and attention:
        our recipe, or the original's.

    Returns
    -------
    System

    Raises
    ------
    InputError
        For an argument that makes no sense, or an unknown setting.

    Notes
    -----
    The vector before the posteriors, for use as features elsewhere (fusion, say), comes from
    `ser_lib.neural.NeuralClassifier.embed`. The original's division came with its corpus: the
    protocol ``predefined``.
    """
    given = {name: value for name, value in locals().items() if name != "setting"}
    recipe = choose(setting, given, **RECIPES)
    front_end = FrontEnd(
        conditioning=(Wiener(), PreEmphasis(), TrimToVoice()),
        analysis=LogMel(
            n_fft=400, n_mels=40, compression="log1p", filter_rate=_FILTER_RATE[setting]
        ),
        segmentation=_SEGMENTATION[setting],
    )
    network = CrnnAttention(
        filters=tuple(recipe["filters"]),
        units=recipe["units"],
        dropout=recipe["dropout"],
        block_dropout=recipe["block_dropout"],
        **_NETWORK[setting],
    )
    augment = SpecAugment(within=setting == "source") if recipe["spec_augment"] else None
    return System(
        name="crnn_attention",
        title="Convolutional BLSTM with attention pooling",
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
