"""Convolutional blocks on the windows of a log-mel spectrogram, then an LSTM over the windows."""

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ser_lib.features import FrontEnd, LogMel, Windows
from ser_lib.params import change, integer, optional, param, real, several
from ser_lib.signal import FixedLength, Offset, Standardise
from ser_lib.systems.base import NeuralSystem, Published
from ser_lib.systems.sources import (
    ALL_EPOCHS,
    CALM_AS_NEUTRAL,
    CHOSEN_ON_DEVELOPMENT,
    KERAS_2_GATES,
    KERAS_2_MASKS,
    MULTIMODAL,
    RANDOM_SPLIT,
    SIMILAR_LENGTH,
    TRIMMED,
    ravdess_accuracy,
)

if TYPE_CHECKING:
    import keras

CITATION = (
    r"""@article{zhao2019speech,
  author  = {Zhao, Jianfeng and Mao, Xia and Chen, Lijiang},
  title   = {Speech emotion recognition using deep {1D} \& {2D} {CNN} {LSTM} networks},
  journal = {Biomedical Signal Processing and Control},
  volume  = {47},
  pages   = {312--323},
  year    = {2019},
  doi     = {10.1016/j.bspc.2018.08.035}
}
"""
    + MULTIMODAL
)

_ON_TEST = "the epoch was chosen on the test set"

PUBLISHED = (
    ravdess_accuracy(
        value=0.766,
        protocol=f"{RANDOM_SPLIT}; {_ON_TEST}",
        source="README of maelfabien/Multimodal-Emotion-Recognition, 01-Audio",
        remark=f"{CALM_AS_NEUTRAL}; the run is not kept",
    ),
    ravdess_accuracy(
        value=0.7398,
        protocol=f"{RANDOM_SPLIT}; {_ON_TEST}",
        source="notebook 02 - Train [CNN-LSTM] of the repository, best epoch (90)",
        remark=CALM_AS_NEUTRAL,
    ),
    ravdess_accuracy(
        value=0.72,
        protocol="random 80/15/5 split by file, so that every test speaker is also a training "
        "speaker",
        source="report of the repository, 5 % test",
        remark=CALM_AS_NEUTRAL,
    ),
)

DEVIATIONS = (
    "Recordings of any length are read whole, in as many windows as they need; as published, the "
    "first half second is skipped and the rest cut or padded to 3.07 s, as for the original's "
    "training (its recogniser fails on a shorter remainder).",
    SIMILAR_LENGTH,
    TRIMMED,
    "Each epoch draws the clean recording or one of its two noisy copies; as published, it trains "
    "on all three.",
    "Each noisy copy has a signal-to-noise ratio of its own; in the original the two copies of a "
    "recording share theirs (both variants).",
    ALL_EPOCHS.format(original="chooses it by the accuracy on the test set")
    + " So 70 % of the recordings train, where the original trains on 80 %.",
    KERAS_2_GATES,
    KERAS_2_MASKS,
    "The spectrogram has frames of 25 ms every 20 ms and 64 mel bands up to 8 kHz, scaled band by "
    "band by the training speakers, in windows of 1.28 s; as published, frames of 16 ms every 8 "
    "ms, 128 bands up to 4 kHz, unscaled, in windows of 1.02 s. Frames every 10 ms take twice the "
    "time.",
    "Adam with a learning rate that falls along a cosine, batches of 16 and 25 epochs; as "
    "published, SGD with momentum 0.8, batches of 64 and 100 epochs.",
    "No dropout between the blocks, 0.5 before the LSTM; as published, 0.2 in both places. "
    "Dropout before a max-pooled, batch-normalised convolution raises the maxima in training only, "
    "so that the moving statistics are those of other values than recordings that are tested have.",
    "The moving statistics of batch normalisation move by a tenth per batch; as published, by a "
    "hundredth, with which they are some hundred batches behind the weights.",
    "Windows are folded into the batch and pooled before normalisation and ELU, which gives the "
    "same numbers in less time; padded windows do not count in the batch statistics (both "
    "variants).",
    CHOSEN_ON_DEVELOPMENT.format(choices="frames every 20 ms, and that all epochs are run"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CnnLstm(NeuralSystem):
    """
    CNN-LSTM on windows of a log-mel spectrogram.

    Four local feature learning blocks on every window, then LSTM layers over the windows.

    Notes
    -----
    The original's seven classes of RAVDESS are ``load_corpus("ravdess", subset="calm_as_neutral")``
    and its split is the protocol ``random_80_20``.
    """

    name: ClassVar[str] = "cnn_lstm"
    title: ClassVar[str] = "CNN-LSTM on log-mel windows"
    part: ClassVar[str] = "window"
    citation: ClassVar[str] = CITATION
    published: ClassVar[tuple[Published, ...]] = PUBLISHED
    deviations: ClassVar[tuple[str, ...]] = DEVIATIONS

    epochs: int = change(25, as_published=100)
    batch_size: int = change(16, as_published=64)
    optimizer: str = change("adam", as_published="sgd")
    learning_rate: float = change(1e-3, as_published=0.01)
    momentum: float = change(0.0, as_published=0.8)
    decay: float = change(0.0, as_published=1e-6)
    patience: int | None = change(None, as_published=30)
    scale: bool = change(True, as_published=False)
    norm_momentum: float = change(0.9, as_published=0.99)
    augmented_copies: int = change(2)
    all_copies: bool = change(False, as_published=True)

    filters: tuple[int, ...] = param(
        (64, 64, 128, 128), several(integer(), low=1), "Filters of each block."
    )
    pools: tuple[int, ...] = param(
        (2, 4, 4, 4), several(integer(), low=1), "Side of the square that each block pools."
    )
    dropout: float = param(
        0.0,
        # A network that drops nearly everything learns nothing.
        real(low=0, high=0.95),
        "Fraction of features dropped after each block.",
        as_published=0.2,
    )
    lstm_units: int = param(256, integer(), "Units of each LSTM layer.")
    lstm_layers: int = param(
        1, integer(), "LSTM layers: one, as in the source's code, or two, as in its text."
    )
    lstm_dropout: float = param(
        0.5,
        real(low=0, high=0.95),
        "Fraction of the inputs of each LSTM layer that is dropped.",
        as_published=0.2,
    )
    bands: int = param(64, integer(), "Mel bands.", as_published=128)
    max_frequency: float | None = param(
        None,
        optional(real(above=0)),
        "Upper end of the mel bands in hertz; half the sampling rate with None.",
        as_published=4000.0,
    )
    frame_length: int = param(
        400, integer(low=16), "Samples per frame, at 16 kHz.", as_published=256
    )
    hop_length: int = param(320, integer(), "Samples from one frame to the next.", as_published=128)
    window: int = param(64, integer(), "Frames per window.", as_published=128)
    window_hop: int = param(32, integer(), "Frames from one window to the next.", as_published=64)
    offset: float = param(
        0.0, real(low=0), "Seconds skipped at the start of a recording.", as_published=0.5
    )
    duration: float | None = param(
        None,
        optional(real(above=0)),
        "Seconds to which a recording is cut or padded; None reads it whole.",
        as_published=49100 / 16000,
    )

    @property
    def front_end(self) -> FrontEnd:
        """Windows of a log-mel spectrogram in decibels."""
        preprocessing = [*self.trimming, Standardise()]
        if self.offset:
            preprocessing.insert(0, Offset(self.offset))
        if self.duration is not None:
            preprocessing.append(FixedLength(self.duration))
        return FrontEnd(
            preprocessing=tuple(preprocessing),
            analysis=LogMel(
                n_fft=512,
                win_length=self.frame_length,
                hop_length=self.hop_length,
                window="hamming",
                n_mels=self.bands,
                fmax=self.max_frequency,
            ),
            segmentation=Windows(length=self.window, hop=self.window_hop),
            dtype="float16",
        )

    @property
    def normalisation(self) -> str:
        """By the training rows; by each utterance where the signal's standardisation is all."""
        return "train" if self.scale else "utterance"

    def build(self, item_shape: tuple[int, int], n_classes: int) -> "keras.Model":
        """Build the network of windows (frames, bands)."""
        import keras

        from ser_lib.neural.inference import WINDOWS
        from ser_lib.neural.layers import FoldWindows, LocalFeatureBlock, UnfoldWindows

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = keras.layers.Reshape((*item_shape, 1))(FoldWindows()(values))
        folded_mask = FoldWindows()(mask)
        for filters, pool in zip(self.filters, self.pools, strict=True):
            x = LocalFeatureBlock(filters, pool, momentum=self.norm_momentum)(x, folded_mask)
            x = keras.layers.Dropout(self.dropout)(x)
        x = UnfoldWindows(name=WINDOWS)(keras.layers.Flatten()(x), mask)
        for layer in range(1, self.lstm_layers + 1):
            last = layer == self.lstm_layers
            x = keras.layers.LSTM(
                self.lstm_units, dropout=self.lstm_dropout, return_sequences=not last
            )(x, mask=mask)
        posteriors = keras.layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        return keras.Model({"values": values, "mask": mask}, posteriors, name=self.name)
