"""The convolutions of AlexNet on a spectrogram, and attention over its time-frequency cells."""

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ser_lib.params import change, integer, param, real
from ser_lib.systems.base import AttentionGrid, Published
from ser_lib.systems.sources import (
    ALL_EPOCHS,
    CHOSEN_ON_DEVELOPMENT,
    REVERBERATION,
    SIMILAR_LENGTH,
    SPEECH_EMO_RECOGNITION,
    TORCH_LAYERS,
    TRIMMED,
)
from ser_lib.systems.spectrograms import SpectrogramSystem

if TYPE_CHECKING:
    import keras

CITATION = (
    r"""@inproceedings{zhang2018attention,
  author    = {Zhang, Yuanyuan and Du, Jun and Wang, Zirui and Zhang, Jianshu and Tu, Yanhui},
  title     = {Attention based fully convolutional network for speech emotion recognition},
  booktitle = {APSIPA ASC},
  pages     = {1771--1775},
  year      = {2018},
  note      = {arXiv:1806.01506}
}
"""
    + SPEECH_EMO_RECOGNITION
)

PUBLISHED = Published.scores(
    uar=0.639,
    wa=0.704,
    corpus="iemocap",
    classes=4,
    protocol="ten folds of speakers: eight train, one develops, one is tested (secondary "
    "knowledge)",
    source="Zhang et al., arXiv 1806.01506, abstract",
    speaker_disjoint=True,
    remark="improvised dialogues; convolutions trained on ImageNet before",
)

DEVIATIONS = (
    "Recordings of any length are read whole, as in the paper; as published, they are cut into "
    "segments of 3 s, whose maximum posterior stands for the recording.",
    SIMILAR_LENGTH,
    TRIMMED,
    "The spectrogram has 128 mel bands and a frame every 20 ms; as published, 200 bins up to 4 kHz "
    "and a frame every 10 ms.",
    "Cells whose centre lies beyond the end of a recording are not attended to; the paper does not "
    "say.",
    "Nothing is padded but inside a batch, where masks keep it out; as published, the last segment "
    "is padded with 0 dB, which is the loudest value of its scale.",
    "Features are scaled by the training speakers' frames to mean 0 and standard deviation 1, "
    "padding left out; as published, the statistics hold the padding. The original can also scale "
    "features to [0, 1].",
    "Weights from ImageNet, which the paper starts from, are an option (`weights`), since they are "
    "a download (both variants start from random weights without it). The first filters are among "
    "them, for one channel as their sum over colours, where the original starts from random ones "
    "(both variants).",
    TORCH_LAYERS,
    REVERBERATION,
    "Training rows are shuffled; the original shuffles only when asked (both variants).",
    ALL_EPOCHS.format(original="takes the accuracy"),
    CHOSEN_ON_DEVELOPMENT.format(
        choices="dropout of 0.5 after the dense layer, mixup, 35 epochs in batches of 16 with a "
        "learning rate that falls from 0.001 along a cosine; as published, dropout of 0.2, no "
        "mixup, 200 epochs in batches of 32 at 0.0001"
    ),
)

_LONGER = {"mixup": 0.0, "epochs": 25}


@dataclasses.dataclass(frozen=True, kw_only=True)
class FcnAttention(SpectrogramSystem):
    """
    Attention-based fully convolutional network on a spectrogram.

    Five normalised convolutions, attention over the cells of their map, and a small head.

    Notes
    -----
    The original's division is the protocol ``leave_one_speaker_out`` (of IEMOCAP's ten speakers).
    """

    name: ClassVar[str] = "fcn_attention"
    title: ClassVar[str] = "Fully convolutional network with attention"
    citation: ClassVar[str] = CITATION
    published: ClassVar[tuple[Published, ...]] = PUBLISHED
    deviations: ClassVar[tuple[str, ...]] = DEVIATIONS
    search_space: ClassVar[dict[str, dict]] = {
        "default": {},
        "no mixup, 25 epochs": _LONGER,
        "the same with two noisy copies": _LONGER | {"augmented_copies": 2},
        "the same with SpecAugment": _LONGER | {"spec_augment": True},
        "the same with dropout between convolutions": _LONGER | {"block_dropout": 0.1},
        "the same with a smaller learning rate": _LONGER | {"learning_rate": 3e-4},
    }

    epochs: int = change(35, as_published=200)
    batch_size: int = change(16, as_published=32)
    learning_rate: float = change(1e-3, as_published=1e-4)
    weight_decay: float = change(0.01)
    patience: int | None = change(None, as_published=200)
    mixup: float = change(0.2, as_published=0.0)
    pool: str = change("max")

    sharpness: float = param(
        0.3,
        real(low=0),
        "Lambda: what the scores of the cells are multiplied by before their softmax.",
    )
    head: int = param(256, integer(), "Units of the layer before the posteriors.")
    dropout: float = param(
        0.5, real(low=0, high=0.95), "Fraction dropped after that layer.", as_published=0.2
    )
    block_dropout: float = param(
        0.0, real(low=0, high=0.95), "Fraction of channels dropped after each pooling."
    )

    @property
    def attention_grid(self) -> AttentionGrid:
        """A cell per 32 frames and 32 bands, the first centred on frame and band 31."""
        return AttentionGrid(
            seconds_per_step=32 * self.hop, start=15 * self.hop, bands_per_cell=32, first_band=15
        )

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> "keras.Model":
        """Build the network of frames (bands * channels,) or segments (frames, bands, ...)."""
        import keras
        from keras import layers

        from ser_lib.neural.attention import AttentionPooling
        from ser_lib.neural.backbones import ALEXNET_STRIDE, alexnet_convolutions
        from ser_lib.neural.layers import FoldWindows
        from ser_lib.neural.masking import (
            ApplyMask,
            CentreMask,
            MaskedBatchNormalization,
            MeanOverUnits,
            OnesMask,
        )

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        if self.segmented:
            maps, frame_mask = FoldWindows()(values), None
            maps = layers.Reshape((*item_shape[:2], self.channels))(maps)
        else:
            maps, frame_mask = values, mask
            maps = layers.Reshape((-1, item_shape[0] // self.channels, self.channels))(maps)
        maps = MaskedBatchNormalization(momentum=self.norm_momentum, epsilon=1e-5)(
            maps, mask=frame_mask
        )
        if frame_mask is not None:
            maps = ApplyMask()(maps, frame_mask)
        maps, _ = alexnet_convolutions(
            maps,
            frame_mask,
            normalised=True,
            dropout=self.block_dropout,
            momentum=self.norm_momentum,
        )
        scores = layers.Dense(1)(layers.Dense(maps.shape[-1], activation="tanh")(maps))
        scores = layers.Rescaling(self.sharpness)(MeanOverUnits()(scores))
        cells = OnesMask()(maps) if self.segmented else CentreMask(ALEXNET_STRIDE)(mask)
        x, _ = AttentionPooling(name="attention")(maps, scores, cells)
        x = layers.Dense(self.head, activation="relu", name="bottleneck")(x)
        x = layers.Dropout(self.dropout)(x)
        posteriors = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        network = keras.Model({"values": values, "mask": mask}, posteriors, name=self.name)
        self.load_weights(network)
        return network
