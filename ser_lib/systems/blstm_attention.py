"""Short-term descriptors, a bidirectional LSTM over the frames, and local attention."""

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ser_lib.features import Descriptors, Frames, FrontEnd, LogMel, PyAudioAnalysis
from ser_lib.params import Check, change, choice, flag, integer, optional, param, real
from ser_lib.systems.base import AttentionGrid, NeuralSystem, Published
from ser_lib.systems.sources import (
    CHOSEN_ON_DEVELOPMENT,
    KERAS_2_GATES,
    KERAS_2_MASKS,
    TRIMMED,
)

if TYPE_CHECKING:
    import keras

CITATION = r"""@inproceedings{mirsamadi2017automatic,
  author    = {Mirsamadi, Seyedmahdad and Barsoum, Emad and Zhang, Cha},
  title     = {Automatic speech emotion recognition using recurrent neural networks with local
               attention},
  booktitle = {ICASSP},
  pages     = {2227--2231},
  year      = {2017},
  doi       = {10.1109/ICASSP.2017.7952552}
}
@misc{wang2018blstm,
  author = {Wang, Ray},
  title  = {Speech emotion recognition with bidirectional LSTM},
  year   = {2018},
  note   = {Repository RayanWang/Speech\_emotion\_recognition\_BLSTM}
}"""

PUBLISHED = (
    Published(
        metric="wa",
        value=0.686,
        corpus="emodb",
        classes=7,
        protocol="ten shuffled stratified 80/20 divisions by file, so that every test speaker is "
        "also a training speaker, and the tests overlap",
        source="README of RayanWang/Speech_emotion_recognition_BLSTM (± 0.0188 over divisions)",
        speaker_disjoint=False,
        remark="100 epochs in the code that came with the score; on what they were chosen is not "
        "said; that the ten are these divisions follows from its code alone",
    ),
    *Published.scores(
        uar=0.588,
        wa=0.635,
        corpus="iemocap",
        classes=4,
        protocol="across sessions",
        source="Mirsamadi et al. 2017, descriptors with local attention (weighted pooling)",
        speaker_disjoint=True,
        remark="other descriptors (32, with fundamental frequency); quoted from secondary "
        "knowledge of the paper",
    ),
)

DEVIATIONS = (
    "The attention vector is trained without constraint, as in the paper; as published, it is the "
    "code's softmax of 256 numbers, which lets no frame weigh more than 7.4 times another.",
    "Attention is over the recording; as published, the mask is lost on the way, so that most of "
    "the attention can fall on padding (a recording of 2.8 s fills 280 of 1,024 frames).",
    "Recordings of any length are read whole; as published, they are padded to 10.24 s, and of "
    "longer ones the last 10.24 s are read, as in the original.",
    "A batch holds recordings of similar length, so that little is padded; in the original all are "
    "of one length, and batches are drawn at random (both variants).",
    TRIMMED,
    "Descriptors are scaled by the training speakers; as published, by each utterance's own mean "
    "and standard deviation over time.",
    "The machine epsilon keeps quotients finite; as published, the 1e-8 of pyAudioAnalysis in "
    "2018, which brings the roll-off of quiet frames down.",
    "Two errors of pyAudioAnalysis are kept, since its descriptors are those of the source: mel "
    "filters an octave too low, and chroma that leave out bins (both variants).",
    "A descriptor that does not change within a recording becomes 0; the original divides by zero "
    "(both variants).",
    KERAS_2_GATES,
    KERAS_2_MASKS,
    "Both variants run all their epochs and train on the development rows as well, as the original "
    "does.",
    CHOSEN_ON_DEVELOPMENT.format(
        choices="frames averaged in sixes to steps of 60 ms, two layers of 256 units before the "
        "LSTM and dropout of 0.3, eight noisy copies at up to a fifth more or less speed, "
        "SpecAugment, 60 epochs in batches of 16 with a learning rate that falls from 0.002 along "
        "a cosine; as published, 10 ms, 512 units, 0.5, no copies, no masks, 100 epochs in batches "
        "of 128 at 0.001"
    ),
)

LONGEST = 1024
"""Frames to which the original pads, and at which it cuts."""


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(name, str) for name in value):
        raise ValueError
    return tuple(value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlstmAttention(NeuralSystem):
    """
    Bidirectional LSTM with local attention on short-term descriptors.

    Dense layers on every frame, a bidirectional LSTM over the frames, and pooling over time.

    Notes
    -----
    The original's division is the protocol ``shuffled_80_20``.
    """

    name: ClassVar[str] = "blstm_attention"
    title: ClassVar[str] = "BLSTM with local attention"
    citation: ClassVar[str] = CITATION
    published: ClassVar[tuple[Published, ...]] = PUBLISHED
    deviations: ClassVar[tuple[str, ...]] = DEVIATIONS
    search_space: ClassVar[dict[str, dict]] = {
        "default": {},
        "derivatives": {"deltas": True},
        "derivatives, batches of 32": {"deltas": True, "batch_size": 32, "learning_rate": 3e-3},
        "derivatives, speed unchanged": {"deltas": True, "speed_change": 0.0},
        "derivatives, no SpecAugment": {"deltas": True, "spec_augment": False},
        "derivatives, more dropout": {"deltas": True, "dropout": 0.5},
    }

    epochs: int = change(60, as_published=100)
    batch_size: int = change(16, as_published=128)
    learning_rate: float = change(2e-3, as_published=1e-3)
    spec_augment: bool = change(True, as_published=False)
    scale: bool = change(True, as_published=False)
    augmented_copies: int = change(8, as_published=0)
    speed_change: float = change(0.2, as_published=0.0)

    features: str = param(
        "descriptors",
        choice("descriptors", "logmel"),
        "The 34 short-term descriptors of pyAudioAnalysis at 25/10 ms, or 40 log-mel bands.",
    )
    descriptors_by: str = param(
        "ser_lib",
        choice("ser_lib", "pyaudioanalysis"),
        "Whose code computes the descriptors: ours, or the library's own, which is about forty "
        "times slower and equal to a millionth.",
    )
    descriptors: tuple[str, ...] | None = param(
        None,
        optional(Check("tuple of str", "names of descriptors", _names)),
        "Which of the descriptors; all with None.",
    )
    epsilon: float | None = param(
        None,
        optional(real(above=0)),
        "Constant that keeps divisions and logarithms of our descriptors finite; with None the "
        "machine epsilon, as in pyAudioAnalysis today.",
        as_published=1e-8,
    )
    deltas: bool = param(False, flag(), "Append first derivatives (of the descriptors only).")
    pooling: str = param(
        "attention",
        choice("attention", "mean", "last"),
        "How the frames become one vector: local attention (the paper's weighted pooling), the "
        "mean over time, or the last state of each direction.",
    )
    dense: int = param(
        256, integer(), "Units of each of the two layers before the LSTM.", as_published=512
    )
    units: int = param(128, integer(), "Units of the LSTM in each direction.")
    dropout: float = param(
        0.3,
        real(low=0, high=0.95),
        "Fraction dropped after each dense layer and before the LSTM.",
        as_published=0.5,
    )
    average: int = param(6, integer(), "Frames that are averaged into one.", as_published=1)
    max_frames: int | None = param(
        None,
        optional(integer()),
        "Frames at which a recording is cut; None reads it whole.",
        as_published=LONGEST,
    )
    standardise: bool = param(
        False,
        flag(),
        "Whether each utterance is standardised by its own statistics over time.",
        as_published=True,
    )
    softmax_vector: bool = param(
        False,
        flag(),
        "Score by a vector that is a softmax, and attend to padding up to 1,024 frames: mistakes "
        "of the original.",
        as_published=True,
    )

    @property
    def front_end(self) -> FrontEnd:
        """Descriptors (or log-mel bands) of frames of 25 ms, a frame every 10 ms."""
        return FrontEnd(
            preprocessing=self.trimming,
            analysis=self._analysis(),
            segmentation=Frames(
                standardise=self.standardise, average=self.average, max_frames=self.max_frames
            ),
        )

    def _analysis(self) -> object:
        if self.features == "logmel":
            return LogMel(n_fft=400, n_mels=40, compression="log1p")
        if self.descriptors_by == "pyaudioanalysis":
            return PyAudioAnalysis(subset=self.descriptors, deltas=self.deltas)
        return Descriptors(
            convention="pyaudioanalysis",
            subset=self.descriptors,
            deltas=self.deltas,
            epsilon=self.epsilon,
        )

    @property
    def normalisation(self) -> str:
        """By the training rows, or by each utterance."""
        return "utterance" if self.standardise else "train"

    @property
    def attention_grid(self) -> AttentionGrid | None:
        """A weight per averaged frame; None without attention."""
        if self.pooling != "attention":
            return None
        return AttentionGrid(seconds_per_step=0.010 * self.average)

    def build(self, item_shape: tuple[int], n_classes: int) -> "keras.Model":
        """Build the network of frames (features,)."""
        import keras
        from keras import layers

        from ser_lib.neural.attention import AttendedPadding, AttentionPooling, SoftmaxVectorScores
        from ser_lib.neural.masking import MeanOverUnits, OnesMask

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = values
        for _ in range(2):
            x = layers.Dropout(self.dropout)(layers.Dense(self.dense, activation="relu")(x))
        lstm = layers.LSTM(
            self.units, dropout=self.dropout, return_sequences=self.pooling != "last"
        )
        x = layers.Bidirectional(lstm, name="blstm")(x, mask=mask)
        attended = mask
        if self.softmax_vector and self.pooling == "attention":
            x = AttendedPadding(LONGEST)(x, mask)
            scores, attended = SoftmaxVectorScores()(x), OnesMask()(x)
        elif self.pooling == "attention":
            # Zero at first: training begins with the mean over time.
            scores = layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="vector")(x)
            scores = MeanOverUnits()(scores)
        if self.pooling == "mean":
            x = layers.GlobalAveragePooling1D()(x, mask=mask)
        elif self.pooling == "attention":
            x, _ = AttentionPooling(name="attention")(x, scores, attended)
        posteriors = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        return keras.Model({"values": values, "mask": mask}, posteriors, name=self.name)
