"""A small residual LSTM on coarse frames of cepstral coefficients and chroma."""

import dataclasses
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ser_lib.errors import InputError
from ser_lib.features import FrontEnd, WithDeltas
from ser_lib.features.mfcc_chroma import MfccChroma
from ser_lib.params import change, flag, integer, optional, param, real
from ser_lib.systems.base import AttentionGrid, NeuralSystem, Published

if TYPE_CHECKING:
    import keras

CITATION = r"""@inproceedings{krasnoproshin2026speech,
  author    = {Krasnoproshin, Daniil and Vashkevich, Maxim},
  title     = {Speech emotion recognition using attention-based {LSTM}-network with residual
               connection},
  booktitle = {28th International Conference on Digital Signal Processing and its Applications
               (DSPA)},
  year      = {2026},
  note      = {arXiv:2606.03359; code of the authors: repository Mak-Sim/ResLSTM-SER}
}"""

PUBLISHED = (
    Published(
        metric="uar",
        value=0.6232,
        corpus="ravdess",
        classes=8,
        protocol="five folds of four or five speakers, two others choose the epoch",
        source="README of Mak-Sim/ResLSTM-SER",
        speaker_disjoint=True,
        remark="mean of ten trainings, ± 0.0119 (the paper quotes their best, 0.6517); learning "
        "rate, weight decay, dropout and batch size were chosen by the scores of the test folds, "
        "features scaled by all speakers",
    ),
)

DEVIATIONS = (
    "LSTMs read in both directions, the residual one with half as many units in each; as "
    "published, they read forwards only.",
    "Recordings are read at 16 kHz, trimmed to the voice, in mel bands up to 7 kHz; as published, "
    "at the 48 kHz of RAVDESS, silence included.",
    "The default variant runs all its epochs and trains on the development speakers as well; as "
    "published, the best epoch on the development speakers is kept.",
    "The values with which the authors' score was reached are neither in their README nor in their "
    "notebook: learning rate, weight decay, dropout and batch size as published lie within the "
    "ranges that they searched.",
    "The learning rate stays as published; the original lets it fall along a cosine that starts "
    "anew every one to ten epochs.",
    "Weight decay is apart from the gradient (Loshchilov & Hutter 2019), initial weights of LSTMs "
    "are uniform and their forget gates have a bias of 1; the original adds the decay to the "
    "gradient, draws from a normal distribution and has a bias of 2 (both variants).",
    "Features are scaled by the training speakers; the original scales them by all, those of the "
    "test included (both variants).",
    "Pitch classes are those of an A at 440 Hz; the original estimates the tuning of each "
    "recording (both variants).",
    "The defaults are provisional: the few that were compared on development speakers of EmoDB "
    "differed by less than their training seeds do, and `search_space` lists what is still to be "
    "compared.",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OursResidualLstm(NeuralSystem):
    """
    Residual LSTM on coarse frames of cepstral coefficients and chroma.

    LSTMs whose output is added to their input, another LSTM, attention, normalisation.

    Notes
    -----
    Ours, after the ResLSTM-SA of Krasnoproshin & Vashkevich (2026), whose network is the variant
    as published. Their five folds of the speakers of RAVDESS are not among the protocols.
    """

    name: ClassVar[str] = "ours_residual_lstm"
    title: ClassVar[str] = "Residual LSTM on coarse frames"
    citation: ClassVar[str] = CITATION
    published: ClassVar[tuple[Published, ...]] = PUBLISHED
    deviations: ClassVar[tuple[str, ...]] = DEVIATIONS
    search_space: ClassVar[dict[str, dict]] = {
        "default": {},
        "no mixup": {"mixup": 0.0},
        "no SpecAugment": {"spec_augment": False},
        "noisy copies at other speeds": {"augmented_copies": 4, "speed_change": 0.1},
        "noisy copies at other speeds, no mixup": {
            "augmented_copies": 4, "speed_change": 0.1, "mixup": 0.0,
        },
        "noisy copies with moved mel bands": {"augmented_copies": 4, "warp_change": 0.12},
        "noisy copies at other pitch and tempo": {
            "augmented_copies": 4, "pitch_change": 2.0, "tempo_change": 0.15,
        },
        "20 cepstral coefficients, no chroma": {"n_mfcc": 20, "n_chroma": 0},
        "80 cepstral coefficients": {"n_mfcc": 80},
        "derivatives of 20 cepstral coefficients": {"n_mfcc": 20, "n_chroma": 0, "deltas": True},
        "frames of 43 ms": {"n_fft": 680},
        "no residual LSTM": {"depth": 0},
        "two residual LSTMs": {"depth": 2},
        "twice the units": {"units": 64},
        "more dropout": {"block_dropout": 0.4},
        "80 epochs": {"epochs": 80},
        "weight decay": {"weight_decay": 0.02},
    }  # fmt: skip

    epochs: int = change(50, as_published=100)
    batch_size: int = change(32)
    learning_rate: float = change(3e-3, as_published=1e-4)
    weight_decay: float = change(0.0, as_published=1e-3)
    patience: int | None = change(None, as_published=100)
    spec_augment: bool = change(True, as_published=False)
    mixup: float = change(0.2, as_published=0.0)

    sample_rate: int = param(
        16000,
        integer(low=1000),
        "Samples per second to which recordings are resampled.",
        as_published=48000,
    )
    n_fft: int = param(
        1360,
        integer(low=32),
        "Samples of a frame (85 ms in both variants), even; the next one begins after half of it.",
        as_published=4096,
    )
    n_mfcc: int = param(34, integer(high=128), "Mel-frequency cepstral coefficients.")
    n_chroma: int = param(12, integer(low=0), "Pitch classes in an octave; 0 for no chroma.")
    deltas: bool = param(
        False, flag(), "Whether first and second derivatives over time are features as well."
    )
    fmax: float | None = param(
        7000.0,
        optional(real(above=0)),
        "Upper edge of the mel bands in hertz; half the sampling rate with None.",
        as_published=None,
    )
    warp_change: float = param(
        0.0,
        real(low=0, high=0.14),
        "Fraction by which the mel bands of copies are moved down or up at most, evenly from the "
        "first copy to the last (vocal tract length perturbation); 0 for none.",
    )
    width: int | None = param(
        None,
        optional(integer()),
        "Units of a linear layer before the first LSTM; None for none.",
    )
    depth: int = param(1, integer(low=0), "Number of LSTMs whose output is added to their input.")
    bidirectional: bool = param(
        True, flag(), "Whether LSTMs read in both directions.", as_published=False
    )
    units: int = param(32, integer(), "Units of the last LSTM in each direction.", as_published=64)
    block_dropout: float = param(
        0.2,
        real(low=0, high=0.95),
        "Fraction of units dropped after each residual LSTM and before the last one, the same at "
        "all times.",
        as_published=0.0,
    )
    dropout: float = param(
        0.5,
        real(low=0, high=0.95),
        "Fraction of units dropped after the bottleneck.",
        as_published=0.3,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        size = self.width or (self.n_mfcc + self.n_chroma) * (3 if self.deltas else 1)
        if self.bidirectional and self.depth and size % 2:
            raise InputError(
                f"{self.name}: {size} features (or width) are added to both directions of an "
                "LSTM; expected an even number"
            )

    @property
    def front_end(self) -> FrontEnd:
        """Frames of cepstral coefficients and chroma, half a frame apart."""
        return FrontEnd(
            preprocessing=self.trimming, analysis=self._analysis(), sample_rate=self.sample_rate
        )

    @property
    def training_copies(self) -> tuple[FrontEnd, ...]:
        """Front ends of the copies; as inherited, and with mel bands moved by a factor of each."""
        copies = super().training_copies
        change = 1 + self.warp_change
        warps = np.geomspace(1 / change, change, len(copies))
        return tuple(
            dataclasses.replace(copy, analysis=self._analysis(warp=float(warp)))
            for copy, warp in zip(copies, warps, strict=True)
        )

    def _analysis(self, warp: float = 1.0) -> MfccChroma | WithDeltas:
        analysis = MfccChroma(
            n_fft=self.n_fft,
            hop_length=self.n_fft // 2,
            n_mfcc=self.n_mfcc,
            fmax=self.fmax,
            n_chroma=self.n_chroma,
            warp=warp,
        )
        return WithDeltas(analysis=analysis) if self.deltas else analysis

    @property
    def attention_grid(self) -> AttentionGrid:
        """A step per frame."""
        return AttentionGrid(seconds_per_step=self.n_fft // 2 / self.sample_rate)

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> "keras.Model":
        """Build the network of frames (features,)."""
        import keras
        from keras import layers

        from ser_lib.neural.attention import AttentionPooling
        from ser_lib.neural.masking import MaskedBatchNormalization, MeanOverUnits

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = values if self.width is None else layers.Dense(self.width)(values)
        for _ in range(self.depth):
            size = x.shape[-1] // 2 if self.bidirectional else x.shape[-1]
            added = layers.SpatialDropout1D(self.block_dropout)(self._lstm(size)(x, mask=mask))
            x = layers.Add()([x, added])
            x = MaskedBatchNormalization(momentum=self.norm_momentum)(x, mask=mask)
        x = layers.SpatialDropout1D(self.block_dropout)(x)
        x = self._lstm(self.units)(x, mask=mask)
        # A bias would add the same to all.
        scores = MeanOverUnits()(layers.Dense(1, use_bias=False)(x))
        x, _ = AttentionPooling(name="attention")(x, scores, mask)
        x = MaskedBatchNormalization(momentum=self.norm_momentum, name="bottleneck")(x)
        x = layers.Dropout(self.dropout)(x)
        posteriors = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        return keras.Model({"values": values, "mask": mask}, posteriors, name=self.name)

    def _lstm(self, units: int) -> "keras.Layer":
        """Make an LSTM that returns all its states."""
        from keras import layers

        lstm = layers.LSTM(units, return_sequences=True)
        return layers.Bidirectional(lstm) if self.bidirectional else lstm
