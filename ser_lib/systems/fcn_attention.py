"""The convolutions of AlexNet on a spectrogram, and attention over its time-frequency cells."""

import dataclasses
from typing import TYPE_CHECKING

from ser_lib.errors import InputError, unknown
from ser_lib.features import (
    Frames,
    FrontEnd,
    LogMel,
    LogSpectrogram,
    Variants,
    Windows,
    WithDeltas,
)
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.classifier import of_seed
from ser_lib.params import as_count, as_real, check_flag
from ser_lib.signal import AddedNoise, PreEmphasis, Reverberation
from ser_lib.systems.base import Published, System, choose, noisy_copies, speed_of

if TYPE_CHECKING:
    import keras

CITATION = r"""@inproceedings{zhang2018attention,
  author    = {Zhang, Yuanyuan and Du, Jun and Wang, Zirui and Zhang, Jianshu and Tu, Yanhui},
  title     = {Attention based fully convolutional network for speech emotion recognition},
  booktitle = {APSIPA ASC},
  pages     = {1771--1775},
  year      = {2018},
  note      = {arXiv:1806.01506}
}
@misc{ng2020ser,
  author = {{samsudinng}},
  title  = {Speech emotion recognition framework with {PyTorch}},
  year   = {2020},
  note   = {Repository samsudinng/speech\_emo\_recognition}
}"""

PUBLISHED = (
    Published(
        metric="uar",
        value=0.639,
        corpus="iemocap",
        classes=4,
        protocol="ten folds of speakers: eight train, one develops, one is tested (secondary "
        "knowledge)",
        source="Zhang et al., arXiv 1806.01506, abstract",
        speaker_disjoint=True,
        remark="improvised dialogues; convolutions trained on ImageNet before",
    ),
    Published(
        metric="wa",
        value=0.704,
        corpus="iemocap",
        classes=4,
        protocol="ten folds of speakers: eight train, one develops, one is tested (secondary "
        "knowledge)",
        source="Zhang et al., arXiv 1806.01506, abstract",
        speaker_disjoint=True,
        remark="improvised dialogues; convolutions trained on ImageNet before",
    ),
)

DEVIATIONS = (
    "Recordings of any length are read whole, as in the paper; the original code cuts them into "
    "segments of 3 s and answers by the maximum over segments.",
    "Cells whose centre lies beyond the end of a recording are not attended to; the paper does not "
    "say.",
    "Nothing is padded but inside a batch, where masks keep it out; the original pads with 0 dB, "
    "which is the loudest value of its scale (the setting 'source' repeats it).",
    "Features are scaled by the training speakers' frames, padding left out; the original's "
    "statistics hold the padding (the setting 'source' repeats it).",
    "Training rows are shuffled; the original shuffles only when asked (this holds for the setting "
    "'source' as well).",
    "Our recipe runs all its epochs and trains on the development speakers as well; under 'source' "
    "the epoch is chosen by their UAR, where the original takes the accuracy.",
    "The recipe, found on development speakers: see RECIPES and CANDIDATES beside this list.",
)

KINDS = ("logspec", "logmelspec", "logmeldeltaspec", "lognrevspec")


@dataclasses.dataclass(frozen=True)
class FcnAttention:
    """
    Five normalised convolutions, attention over the cells of their map, and a small head.

    Parameters
    ----------
    channels : int
        Channels of the spectrogram; frames hold bands times channels features.
    segments : bool
        Items are segments of one length, not the frames of a recording.
    sharpness : float
        Lambda: what the scores of the cells are multiplied by before their softmax.
    head : int
        Units of the layer before the posteriors.
    dropout : float
        Share dropped after that layer.
    block_dropout : float
        Share of whole channels dropped after each pooling.
    """

    channels: int = 1
    segments: bool = False
    sharpness: float = 0.3
    head: int = 256
    dropout: float = 0.2
    block_dropout: float = 0.0

    def __post_init__(self):
        as_count(self, "channels")
        as_count(self, "head")
        check_flag(self, "segments")
        as_real(self, "sharpness", low=0)
        as_real(self, "dropout", low=0, high=0.95)
        as_real(self, "block_dropout", low=0, high=0.95)

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> "keras.Model":
        """
        Build the network.

        Parameters
        ----------
        item_shape : tuple of int
            (bands × channels,) of a frame; or (frames, bands) or (frames, bands, channels) of a
            segment.
        n_classes : int
            Number of classes.

        Returns
        -------
        keras.Model
            From ``values``, shape (batch, frames, bands × channels), or (batch, 1, *segment), and
            ``mask``, shape of the first two axes, to posteriors, shape (batch, n_classes).
        """
        import keras
        from keras import layers

        from ser_lib.neural.attention import AttentionPooling
        from ser_lib.neural.backbones import ALEXNET_STRIDE, alexnet_convolutions
        from ser_lib.neural.cells import CentredCells
        from ser_lib.neural.layers import FoldWindows
        from ser_lib.neural.masking import AllReal, MaskedBatchNormalization, MeanOverUnits, Rezero

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        if self.segments:
            maps, real = FoldWindows()(values), None
            maps = layers.Reshape((*item_shape[:2], self.channels))(maps)
        else:
            maps, real = values, mask
            maps = layers.Reshape((-1, item_shape[0] // self.channels, self.channels))(maps)
        maps = MaskedBatchNormalization(momentum=0.9, epsilon=1e-5)(maps, mask=real)
        if real is not None:
            maps = Rezero()(maps, real)
        maps, _ = alexnet_convolutions(maps, real, normalised=True, dropout=self.block_dropout)
        scores = layers.Dense(1)(layers.Dense(maps.shape[-1], activation="tanh")(maps))
        scores = layers.Rescaling(self.sharpness)(MeanOverUnits()(scores))
        real = AllReal()(maps) if self.segments else CentredCells(ALEXNET_STRIDE)(mask)
        x, _ = AttentionPooling(name="attention")(maps, scores, real)
        x = layers.Dense(self.head, activation="relu", name="bottleneck")(x)
        x = layers.Dropout(self.dropout)(x)
        posteriors = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        return keras.Model({"values": values, "mask": mask}, posteriors, name="fcn_attention")


RECIPES = {
    "ours": {
        "epochs": 35,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "weight_decay": 0.01,
        "patience": None,
        "kind": "logmelspec",
        "hop": 0.020,
        "segment": 0,
        "sharpness": 0.3,
        "dropout": 0.5,
        "block_dropout": 0.0,
        "noise": 0.002,
        "reverberation": 0.5,
        "copies": 0,
        "speed": 0.0,
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
        "sharpness": 0.3,
        "dropout": 0.2,
        "block_dropout": 0.0,
        "noise": 0.002,
        "reverberation": 0.5,
        "copies": 0,
        "speed": 0.0,
        "balance": None,
        "spec_augment": False,
        "mixup": 0.0,
    },
}

CANDIDATES = {
    "default": {},
    "no mixup, 25 epochs": {"mixup": 0.0, "epochs": 25},
    "the same with two noisy copies": {"mixup": 0.0, "epochs": 25, "copies": 2},
    "the same with SpecAugment": {"mixup": 0.0, "epochs": 25, "spec_augment": True},
    "the same with dropout between convolutions": {
        "mixup": 0.0,
        "epochs": 25,
        "block_dropout": 0.1,
    },
    "the same in smaller steps": {"mixup": 0.0, "epochs": 25, "learning_rate": 3e-4},
}

# Decibels of the padding: the floor of an utterance, or, as in the original, its maximum. Where
# nothing changes derivatives are 0.
_PAD = {"ours": "floor", "source": 0.0}
_DELTA_PAD = ("floor", 0, 0)


def fcn_attention(
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    weight_decay: float | None = None,
    patience: int | None = None,
    kind: str | None = None,
    hop: float | None = None,
    segment: int | None = None,
    sharpness: float | None = None,
    dropout: float | None = None,
    block_dropout: float | None = None,
    noise: float | None = None,
    reverberation: float | None = None,
    copies: int | None = None,
    speed: float | None = None,
    balance: str | None = None,
    spec_augment: bool | None = None,
    mixup: float | None = None,
    setting: str = "ours",
) -> System:
    """
    Make the attention-based fully convolutional network on a spectrogram.

    Parameters
    ----------
    epochs : int
        Times that the training rows are gone through, at most.
    batch_size : int
        Utterances (or segments) per batch.
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
        Frames per segment, each answered for by itself; 0 reads a recording whole.
    sharpness : float
        Lambda: what the attention's scores are multiplied by.
    dropout, block_dropout : float
        Share dropped before the posteriors, and after each pooling (whole channels).
    noise, reverberation : float
        Standard deviation of the noise, relative to full scale, and the time in seconds in which
        the reverberation decays by 60 dB, of ``kind="lognrevspec"``.
    copies : int
        Noisy copies of each training utterance, at 15 to 29 dB; each epoch draws one of them or
        the clean one.
    speed : float
        By which share copies are played slower or faster at most; 0 for not at all, as it is where
        recordings are cut into segments.
    balance : {"weights", "oversampling"}
        How the training makes up for rare classes; not at all by default.
    spec_augment : bool
        Whether stretches of time and frequency are hidden in training.
    mixup : float
        Parameter of the Beta distribution by which training utterances are mixed; 0 for none.
    setting : {"ours", "source"}
        What parameters that are not given are taken from, and what padding is: our recipe, or the
        original's.

    Returns
    -------
    System

    Raises
    ------
    InputError
        For an argument that makes no sense, or an unknown setting.

    Notes
    -----
    The original's division is the protocol ``leave_one_speaker_out`` (of IEMOCAP's ten speakers).
    """
    given = {name: value for name, value in locals().items() if name != "setting"}
    recipe = choose(setting, given, **RECIPES)
    recipe["speed"] = speed_of(recipe, given)
    channels = 3 if recipe["kind"] in ("logmeldeltaspec", "lognrevspec") else 1
    length = recipe["segment"]
    pad = _PAD[setting]
    if setting == "ours" and recipe["kind"] == "logmeldeltaspec":
        pad = _DELTA_PAD
    front_end = FrontEnd(
        conditioning=(PreEmphasis(),),
        analysis=_analysis(recipe),
        segmentation=Windows(length=length, pad=pad) if length else Frames(),
        dtype="float16",
    )
    network = FcnAttention(
        channels=channels,
        segments=bool(length),
        sharpness=recipe["sharpness"],
        dropout=recipe["dropout"],
        block_dropout=recipe["block_dropout"],
    )
    augment = SpecAugment(within=bool(length)) if recipe["spec_augment"] else None
    return System(
        name="fcn_attention",
        title="Fully convolutional network with attention",
        front_end=front_end,
        classifier=of_seed(
            network,
            epochs=recipe["epochs"],
            batch_size=recipe["batch_size"],
            learning_rate=recipe["learning_rate"],
            weight_decay=recipe["weight_decay"],
            schedule="cosine" if setting == "ours" else "constant",
            patience=recipe["patience"],
            balance=recipe["balance"],
            spec_augment=augment,
            mixup=recipe["mixup"],
            pool="max" if length else None,
        ),
        citation=CITATION,
        published=PUBLISHED,
        deviations=DEVIATIONS,
        setting=setting,
        parameters=recipe,
        training_copies=noisy_copies(front_end, recipe["copies"], speed=recipe["speed"]),
        needs_development=recipe["patience"] is not None,
    )


def _analysis(recipe: dict) -> object:
    """Make the spectrogram of the kind asked for, of frames of 40 ms."""
    kind, hop = recipe["kind"], recipe["hop"]
    if not (isinstance(hop, float | int) and 0.001 <= hop <= 0.040):
        raise InputError(f"hop is {hop!r}; expected 0.001 to 0.040 s, the length of a frame")
    hop = round(hop * 16000)
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    if kind.startswith("logmel"):
        mel = LogMel(n_fft=800, win_length=640, hop_length=hop, window="hamming", n_mels=128)
        return WithDeltas(analysis=mel) if kind == "logmeldeltaspec" else mel
    if kind == "logspec":
        return LogSpectrogram(hop_length=hop)
    noise = AddedNoise(sd=recipe["noise"])
    room = Reverberation(rt60=recipe["reverberation"])
    return Variants(analysis=LogSpectrogram(hop_length=hop), variants=((), (noise,), (room,)))
