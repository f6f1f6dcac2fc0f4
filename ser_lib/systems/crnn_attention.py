"""Convolutional blocks on a log-mel spectrogram, a bidirectional LSTM, and attention pooling."""

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ser_lib.features import Frames, FrontEnd, LogMel, Windows
from ser_lib.params import change, integer, optional, param, real, several
from ser_lib.signal import PreEmphasis, Wiener
from ser_lib.systems.base import AttentionGrid, NeuralSystem, Published
from ser_lib.systems.sources import (
    ALL_EPOCHS,
    CHOSEN_ON_DEVELOPMENT,
    KERAS_2_GATES,
    SIMILAR_LENGTH,
)

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
        remark="not a test score; a Korean corpus that is not available, its speakers unknown; "
        "the weights were committed while Adam's first decay was 0.5, which the README gives as "
        "0.9, as here",
    ),
    *Published.scores(
        uar=0.68,
        wa=0.718,
        corpus="iemocap",
        classes=4,
        protocol="the abstract states no protocol",
        source="Li et al. 2018",
        speaker_disjoint=None,
        remark="another network, on whose pooling this one is based: two attention maps, no LSTM",
    ),
)

DEVIATIONS = (
    "Attention scores every step by the same weights over the LSTM's units; as published, the "
    "units are averaged first, as the original's README says, and each of 50 positions in time has "
    "weights of its own, as in its code.",
    "Recordings of any length are read whole; as published, they are cut or padded to 4 s and the "
    "padding is attended to.",
    "The mel bands lie where they should; as published, they are laid out for 22,050 Hz on a "
    "signal of 16,000 Hz.",
    "Each band is scaled by the training speakers; as published, nothing is scaled.",
    "Recordings are resampled to 16 kHz in one step; the original goes by way of 22,050 Hz (both "
    "variants).",
    ALL_EPOCHS.format(
        original="stops once validation accuracy has gained less than "
        "0.0005 for 30 epochs, and scores the last weights"
    ),
    KERAS_2_GATES,
    SIMILAR_LENGTH,
    CHOSEN_ON_DEVELOPMENT.format(
        choices="64 units in each direction, SpecAugment, moving statistics of batch normalisation "
        "that move by a tenth per batch, 40 epochs in batches of 16 with a learning rate that "
        "falls along a cosine; as published, 32 units, no masks, a hundredth, at most 256 epochs "
        "in batches of 256 at a constant rate"
    ),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CrnnAttention(NeuralSystem):
    """
    Convolutional BLSTM with attention pooling on a log-mel spectrogram.

    Three convolutional blocks, a bidirectional LSTM over the steps, attention, a bottleneck.

    Notes
    -----
    The vector before the posteriors, for use as features elsewhere (fusion, say), comes from
    `ser_lib.neural.NeuralClassifier.embed`. The original's division came with its corpus: the
    protocol ``predefined``.
    """

    name: ClassVar[str] = "crnn_attention"
    title: ClassVar[str] = "Convolutional BLSTM with attention pooling"
    citation: ClassVar[str] = CITATION
    published: ClassVar[tuple[Published, ...]] = PUBLISHED
    deviations: ClassVar[tuple[str, ...]] = DEVIATIONS
    search_space: ClassVar[dict[str, dict]] = {
        "default": {},
        "noisy copies": {"augmented_copies": 2},
        "noisy copies, dropout between blocks": {"augmented_copies": 2, "block_dropout": 0.1},
        "noisy copies, twice the filters": {"augmented_copies": 2, "filters": (16, 32, 64)},
        "noisy copies, no SpecAugment": {"augmented_copies": 2, "spec_augment": False},
        "noisy copies at other speeds": {"augmented_copies": 4, "speed_change": 0.2},
        "noisy copies, mixup": {"augmented_copies": 2, "mixup": 0.3},
    }

    epochs: int = change(40, as_published=256)
    batch_size: int = change(16, as_published=256)
    patience: int | None = change(None, as_published=30)
    spec_augment: bool = change(True, as_published=False)
    scale: bool = change(True, as_published=False)
    norm_momentum: float = change(0.9, as_published=0.99)
    trim: bool = change(True)

    filters: tuple[int, ...] = param(
        (8, 16, 32),
        several(integer(), low=1),
        "Filters of each convolutional block; each halves time and frequency.",
    )
    units: int = param(64, integer(), "Units of the LSTM in each direction.", as_published=32)
    bottleneck: int = param(64, integer(), "Units of the layer before the posteriors.")
    dropout: float = param(
        0.5, real(low=0, high=0.95), "Fraction of units dropped after the bottleneck."
    )
    block_dropout: float = param(
        0.0,
        real(low=0, high=0.95),
        "Fraction of channels dropped after each block, and of the LSTM's inputs.",
    )
    max_frames: int | None = param(
        None,
        optional(integer(low=8)),
        "Frames of 10 ms to which a recording is cut or padded; each step's position then has "
        "attention weights of its own. With None a recording is read whole.",
        as_published=400,
    )
    filter_rate: int | None = param(
        None,
        optional(integer(low=1000)),
        "Sampling rate in hertz for which the mel filters are laid out; that of the signal with "
        "None.",
        as_published=22050,
    )

    @property
    def front_end(self) -> FrontEnd:
        """Denoised, trimmed to the voice; log(1 + power) in 40 mel bands, a frame every 10 ms."""
        segmentation = Frames()
        if self.segmented:
            segmentation = Windows(length=self.max_frames, pad=0.0, max_windows=1)
        return FrontEnd(
            preprocessing=(Wiener(), PreEmphasis(), *self.trimming),
            analysis=LogMel(
                n_fft=400, n_mels=40, compression="log1p", filter_rate=self.filter_rate
            ),
            segmentation=segmentation,
        )

    @property
    def segmented(self) -> bool:
        """Whether a recording is one window of fixed length."""
        return self.max_frames is not None

    @property
    def attention_grid(self) -> AttentionGrid:
        """A step per 10 ms frame, halved in number by each block."""
        return AttentionGrid(seconds_per_step=0.010 * 2 ** len(self.filters))

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> "keras.Model":
        """Build the network of frames (bands,), or of one window (frames, bands)."""
        import keras
        from keras import layers

        from ser_lib.neural.attention import AttentionPooling
        from ser_lib.neural.layers import FoldWindows, SequenceFeatureBlock
        from ser_lib.neural.masking import DownsampleMask, MeanOverUnits, OnesMask

        values = keras.Input((None, *item_shape), name="values")
        mask = inputs_mask = keras.Input((None,), dtype="bool", name="mask")
        x = values
        if self.segmented:
            x = FoldWindows()(values)
            mask = OnesMask()(x)
        x = layers.Reshape((-1, item_shape[-1], 1))(x)
        for filters in self.filters:
            x = SequenceFeatureBlock(filters, 2, side=5, momentum=self.norm_momentum)(x, mask)
            x = layers.SpatialDropout2D(self.block_dropout)(x)
            mask = DownsampleMask(2)(mask)
        x = layers.Reshape((-1, x.shape[2] * x.shape[3]))(x)
        lstm = layers.LSTM(self.units, dropout=self.block_dropout, return_sequences=True)
        x = layers.Bidirectional(lstm, name="blstm")(x, mask=mask)
        if self.segmented:
            steps = item_shape[0]
            for _ in self.filters:
                steps = -(-steps // 2)
            scores = layers.Dense(steps)(layers.Reshape((steps,))(MeanOverUnits()(x)))
        else:
            scores = MeanOverUnits()(layers.Dense(1)(x))
        x, _ = AttentionPooling(name="attention")(x, scores, mask)
        x = layers.Dense(self.bottleneck, activation="relu", name="bottleneck")(x)
        x = layers.Dropout(self.dropout)(x)
        posteriors = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        return keras.Model({"values": values, "mask": inputs_mask}, posteriors, name=self.name)
