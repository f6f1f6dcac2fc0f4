"""Convolutions on a log-mel spectrogram and its derivatives, a bidirectional LSTM, attention."""

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from ser_lib.errors import InputError
from ser_lib.features import Frames, FrontEnd, LogMel, Windows, WithDeltas
from ser_lib.params import change, flag, integer, optional, param, real, several
from ser_lib.signal import PreEmphasis
from ser_lib.systems.base import AttentionGrid, NeuralSystem, Published
from ser_lib.systems.sources import CHOSEN_ON_DEVELOPMENT, SIMILAR_LENGTH, TRIMMED

if TYPE_CHECKING:
    import keras

CITATION = r"""@article{chen2018acrnn,
  author  = {Chen, Mingyi and He, Xuanji and Yang, Jing and Zhang, Han},
  title   = {3-{D} convolutional recurrent neural networks with attention model for speech emotion
             recognition},
  journal = {IEEE Signal Processing Letters},
  volume  = {25},
  number  = {10},
  pages   = {1440--1444},
  year    = {2018},
  doi     = {10.1109/LSP.2018.2860246},
  note    = {Code of the authors: repository xuanjihe/speech-emotion-recognition}
}
@misc{nguyen2019speechutils,
  author = {Nguyen, Hoang Nghia Tuyen},
  title  = {Speech utils: {3-D} attention-based convolutional recurrent networks in {PyTorch}},
  year   = {2019},
  note   = {Repository NTU-SER/speech\_utils}
}"""

_FOLDS = (
    "ten folds of speakers: eight train, one chooses the epoch, one is tested; mean over folds, "
    "five repetitions"
)

PUBLISHED = (
    Published(
        metric="uar",
        value=0.8282,
        corpus="emodb",
        classes=7,
        protocol=_FOLDS,
        source="Chen et al. 2018",
        speaker_disjoint=True,
        remark="five convolutions, ± 4.99 over folds; a mean over folds, ours are pooled; the code "
        "that was published tests no speaker",
    ),
    Published(
        metric="uar",
        value=0.6474,
        corpus="iemocap",
        classes=4,
        protocol=_FOLDS,
        source="Chen et al. 2018",
        speaker_disjoint=True,
        remark="improvised dialogues, six convolutions, ± 5.44 over folds; others who ran the code "
        "report 50 to 53 %",
    ),
)

DEVIATIONS = (
    "Recordings of any length are read whole, with masks; as published, they are cut into segments "
    "of 3 s, whose maximum posterior stands for the recording (in the authors' code, their maximum "
    "before the softmax).",
    SIMILAR_LENGTH,
    TRIMMED,
    "Frames are 20 ms apart, convolutions have an eighth of the filters, the linear layer a "
    "quarter and the LSTM half of the units: the original costs some 40 GFLOP per segment and "
    "update. As published, all are the original's.",
    "The first convolution is pooled over 2 frames by 4 bands, and the linear layer is normalised "
    "by its batch, as in the authors' code; the paper's text pools over 2 by 2 and normalises the "
    "layer before the posteriors (both variants).",
    "There are five convolutions, the paper's choice for EmoDB; as published, six, its choice for "
    "IEMOCAP. Weights start from Glorot's distribution; as published, from a normal one with "
    "standard deviation 0.1, but for those of the LSTM, whose inputs and states start apart "
    "(Glorot, orthogonal) where TensorFlow 1 has one matrix.",
    "Each convolution is normalised by its batch, as in NTU-SER/speech_utils; as published, only "
    "the linear layer is. The moving statistics, which the authors' code never applies, move by a "
    "tenth per batch; theirs, by a thousandth (both variants).",
    "Attention scores each step by a linear function, as in the paper; as published, the score is "
    "bounded by the sigmoid of the authors' code, so that no step weighs much more than another.",
    "Each band is scaled by the training speakers, padding left out; as published, the statistics "
    "hold the padding, which is the recording's floor; in the authors' code it is zero, and scaled "
    "as if it were speech.",
    "A prediction never depends on its batch; the authors' code normalises by the statistics of "
    "the batch in the test as well (both variants).",
    "Mel bands are those of a Hamming window, as in the paper, of equal area, on Slaney's scale "
    "and in decibels, 80 below the loudest point of the recording, whose level is lost, of frames "
    "around their times; the authors' code takes a rectangular window, bands of equal height on "
    "the scale 2595 log10(1 + f / 700), the natural logarithm and frames from the first sample on, "
    "and keeps the level (both variants). The paper scales each waveform first, which decibels "
    "below its loudest point do not show.",
    "Adam with batches of 60 and a learning rate of 0.00001, as published, is that of the authors' "
    "code; the paper has Nesterov's momentum, batches of 40 and 0.0001.",
    "Overlapping segments, the last of which is padded, and of every class as many as of the "
    "largest, stand for the authors' sampling, which takes the first and the last segment of "
    "anger, sadness and neutral, overlapping ones of happiness, none of them padded in a longer "
    "recording, and then 300 of each class (as published, also for the recordings that are "
    "tested). An epoch goes over all of them; what the authors' code calls an epoch is an update, "
    "and it makes 5,000. The 250 epochs make 4,000 on EmoDB, and on a corpus with larger classes "
    "more: some 20,000 on IEMOCAP.",
    "The default variant runs all its epochs and trains on the development speakers as well; as "
    "published, the epoch is chosen by their UAR, as in the paper.",
    CHOSEN_ON_DEVELOPMENT.format(
        choices="dropout of 0.5 after the bottleneck, mixup, 30 epochs in batches of 16 with a "
        "learning rate that falls from 0.001 along a cosine; as published, no dropout, no mixup, "
        "250 epochs"
    ),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Acrnn3d(NeuralSystem):
    """
    3-D convolutional recurrent network with attention.

    Convolutions, a linear layer per step, a bidirectional LSTM, attention, a bottleneck.

    Notes
    -----
    The original's division is the protocol ``leave_one_speaker_out``.
    """

    name: ClassVar[str] = "acrnn_3d"
    title: ClassVar[str] = "3-D convolutional recurrent network with attention"
    citation: ClassVar[str] = CITATION
    published: ClassVar[tuple[Published, ...]] = PUBLISHED
    deviations: ClassVar[tuple[str, ...]] = DEVIATIONS
    search_space: ClassVar[dict[str, dict]] = {
        "default": {},
        "twice the filters": {"filters": (32, 64)},
        "twice the filters, no mixup": {"filters": (32, 64), "mixup": 0.0},
        "SpecAugment": {"spec_augment": True},
        "dropout between convolutions": {"block_dropout": 0.1},
        "three convolutions": {"convolutions": 3},
        "two noisy copies": {"augmented_copies": 2},
        "segments of 3 s": {"segment": 150},
    }

    epochs: int = change(30, as_published=250)
    batch_size: int = change(16, as_published=60)
    learning_rate: float = change(1e-3, as_published=1e-5)
    patience: int | None = change(None, as_published=250)
    balance: str | None = change(None, as_published="oversampling")
    mixup: float = change(0.2, as_published=0.0)
    pool: str = change("max")

    hop: float = param(
        0.020,
        real(low=0.001, high=0.025),
        "Seconds from one frame of 25 ms to the next.",
        as_published=0.010,
    )
    segment: int = param(
        0,
        integer(low=0),
        "Frames per segment, each of which is classified by itself; 0 reads a recording whole.",
        as_published=300,
    )
    segment_hop: int = param(
        0,
        integer(low=0),
        "Frames from one segment to the next; 0 for as many as a segment has. With fewer, segments "
        "overlap: together with oversampling, which draws as many segments of every class, this "
        "corresponds to the authors' sampling of segments.",
        as_published=100,
    )
    convolutions: int = param(
        5,
        integer(low=1, high=7),
        "Convolutions of 5 frames by 3 bands, the first pooled over 2 frames and 4 bands; the "
        "paper finds six best on IEMOCAP and five on EmoDB.",
        as_published=6,
    )
    filters: tuple[int, int] = param(
        (16, 32),
        several(integer(), length=2),
        "Filters of the first convolution, and of each further one.",
        as_published=(128, 256),
    )
    linear: int = param(
        192,
        integer(),
        "Units of the batch-normalised layer between convolutions and LSTM.",
        as_published=768,
    )
    units: int = param(64, integer(), "Units of the LSTM in each direction.", as_published=128)
    bottleneck: int = param(64, integer(), "Units of the layer before the posteriors.")
    dropout: float = param(
        0.5, real(low=0, high=0.95), "Fraction dropped after the bottleneck.", as_published=0.0
    )
    block_dropout: float = param(
        0.0, real(low=0, high=0.95), "Fraction dropped after each convolution and before the LSTM."
    )
    normalised: bool = param(
        True, flag(), "Whether each convolution is normalised by its batch.", as_published=False
    )
    sigmoid: bool = param(
        False, flag(), "Whether the attention's scores are bounded by a sigmoid.", as_published=True
    )
    initial_sd: float | None = param(
        None,
        optional(real(above=0)),
        "Standard deviation of initial weights, and value of initial biases, of convolutions and "
        "dense layers (of the attention's, standard deviation of both); Glorot's initialisation "
        "with None.",
        as_published=0.1,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.segment_hop and not self.segmented:
            raise InputError(
                f"{self.name}: segment_hop is {self.segment_hop} without segments; expected 0"
            )

    @property
    def segmented(self) -> bool:
        """Whether recordings are cut into segments."""
        return self.segment > 0

    @property
    def front_end(self) -> FrontEnd:
        """40 log-mel bands with their first and second derivatives."""
        hop = round(self.hop * 16000)
        log_mel = LogMel(n_fft=512, win_length=400, hop_length=hop, window="hamming", n_mels=40)
        segmentation = Frames()
        if self.segmented:
            # Padded with silence, in which nothing changes.
            segmentation = Windows(
                length=self.segment, hop=self.segment_hop or None, pad=("floor", 0, 0)
            )
        return FrontEnd(
            preprocessing=(*self.trimming, PreEmphasis()),
            analysis=WithDeltas(analysis=log_mel),
            segmentation=segmentation,
            dtype="float16",
        )

    @property
    def attention_grid(self) -> AttentionGrid:
        """A step per two frames, which the first pooling joins."""
        return AttentionGrid(seconds_per_step=2 * self.hop)

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> "keras.Model":
        """Build the network of frames (bands * 3,) or segments (frames, bands, 3)."""
        import keras
        from keras import layers

        from ser_lib.neural.attention import AttentionPooling
        from ser_lib.neural.layers import FoldWindows
        from ser_lib.neural.masking import MaskedBatchNormalization, MeanOverUnits, OnesMask

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        if self.segmented:
            maps, step_mask = FoldWindows()(values), None
        else:
            maps, step_mask = layers.Reshape((-1, item_shape[0] // 3, 3))(values), mask
        maps, step_mask = self._convolve(maps, step_mask)
        x = layers.Reshape((-1, maps.shape[2] * maps.shape[3]))(maps)
        x = layers.Dense(self.linear, **self._initializers())(x)
        x = MaskedBatchNormalization(momentum=self.norm_momentum)(x, mask=step_mask)
        x = layers.LeakyReLU(0.01)(x)
        lstm = layers.LSTM(self.units, dropout=self.block_dropout, return_sequences=True)
        x = layers.Bidirectional(lstm, name="blstm")(x, mask=step_mask)
        if self.sigmoid:
            start = self._initializers(attention=True)
            scores = layers.Dense(1, activation="sigmoid", **start)(x)
            scores = layers.Dense(1, use_bias=False, **self._initializers(attention=True))(scores)
        else:
            # A bias would add the same to all.
            scores = layers.Dense(1, use_bias=False)(x)
        step_mask = OnesMask()(x) if step_mask is None else step_mask
        x, _ = AttentionPooling(name="attention")(x, MeanOverUnits()(scores), step_mask)
        x = layers.Dense(self.bottleneck, **self._initializers())(x)
        x = layers.LeakyReLU(0.01, name="bottleneck")(x)
        x = layers.Dropout(self.dropout)(x)
        posteriors = layers.Dense(
            n_classes, activation="softmax", name="posteriors", **self._initializers()
        )(x)
        return keras.Model({"values": values, "mask": mask}, posteriors, name=self.name)

    def _convolve(
        self, maps: "keras.KerasTensor", mask: "keras.KerasTensor | None"
    ) -> "tuple[keras.KerasTensor, keras.KerasTensor | None]":
        """Apply the convolutions, keeping padding zero."""
        from keras import layers

        from ser_lib.neural.masking import ApplyMask, DownsampleMask, MaskedBatchNormalization

        for number in range(self.convolutions):
            filters = self.filters[min(number, 1)]
            maps = layers.Conv2D(filters, (5, 3), padding="same", **self._initializers())(maps)
            maps = layers.LeakyReLU(0.01)(maps)
            if self.normalised:
                maps = MaskedBatchNormalization(momentum=self.norm_momentum)(maps, mask=mask)
            if mask is not None:
                maps = ApplyMask()(maps, mask)
            if number == 0:
                if mask is not None:
                    # An odd last frame is paired with a zero, however far its batch is padded.
                    maps = layers.ZeroPadding2D(((0, 1), (0, 0)))(maps)
                    mask = DownsampleMask(2)(mask)
                maps = layers.MaxPooling2D((2, 4))(maps)
            maps = layers.SpatialDropout2D(self.block_dropout)(maps)
        return maps, mask

    def _initializers(self, *, attention: bool = False) -> dict[str, object]:
        """Make the initialisers of a layer, as its arguments; one that was used gives no others."""
        from keras import initializers

        if self.initial_sd is None:
            return {}
        if attention:  # Not cut off, and of the biases as well.
            names = ("kernel_initializer", "bias_initializer")
            return {name: initializers.RandomNormal(stddev=self.initial_sd) for name in names}
        return {
            "kernel_initializer": initializers.TruncatedNormal(stddev=self.initial_sd),
            "bias_initializer": initializers.Constant(self.initial_sd),
        }
