"""Convolutions on a log-mel spectrogram and its derivatives, a bidirectional LSTM, attention."""

import dataclasses
from typing import TYPE_CHECKING

from ser_lib.errors import InputError
from ser_lib.features import Frames, FrontEnd, LogMel, Windows, WithDeltas
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.classifier import of_seed
from ser_lib.params import as_count, as_real, check_flag
from ser_lib.signal import PreEmphasis
from ser_lib.systems.base import Published, System, choose, noisy_copies, speed_of

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
    "Recordings of any length are read whole, with masks; the original cuts them into segments of "
    "3 s and answers by the maximum over segments.",
    "Frames are 20 ms apart, convolutions have an eighth of the filters and layers half the units "
    "or less: the original costs some 30 GFLOP per segment and update.",
    "Each convolution is normalised by its batch, as in NTU-SER/speech_utils; the original "
    "normalises only the linear layer.",
    "Attention scores each step by a linear function, as in the paper; the authors' code bounds "
    "it by a sigmoid, so that no step can weigh much more than another (the setting 'source' "
    "repeats it).",
    "Each band is scaled by the training speakers, padding left out; the original's statistics "
    "hold the padding, and padding is scaled as if it were speech (the setting 'source' repeats "
    "it).",
    "A test answer never depends on its batch; the authors' code normalises by the statistics of "
    "the batch in the test as well (this holds for the setting 'source' as well).",
    "Mel bands are those of a Hamming window in decibels, 80 below the loudest, as in the paper; "
    "the authors' code takes a rectangular window and the natural logarithm (this holds for the "
    "setting 'source' as well).",
    "Overlapping segments, and as many of every class, stand for the authors' sampling, which "
    "takes the first and the last segment of anger, sadness and neutral, overlapping ones of "
    "happiness, and then 300 of each (this holds for the setting 'source' as well, and there also "
    "for the recordings that are tested).",
    "Our recipe runs all its epochs and trains on the development speakers as well; under 'source' "
    "the epoch is chosen by their UAR, as in the paper.",
    "The recipe: see RECIPES and CANDIDATES beside this list.",
)


@dataclasses.dataclass(frozen=True)
class Acrnn3d:
    """
    Convolutions, a linear layer per step, a bidirectional LSTM, attention, a bottleneck.

    Parameters
    ----------
    convolutions, filters, linear, units, dropout, block_dropout, normalised, sigmoid
        See `acrnn_3d`.
    bottleneck : int
        Units of the layer before the posteriors.
    segments : bool
        Items are segments of one length, not the frames of a recording.
    initial_sd : float, optional
        Standard deviation of initial weights, and value of initial biases, of convolutions and
        dense layers; by default Glorot's and none.
    """

    convolutions: int = 5
    filters: tuple[int, int] = (128, 256)
    linear: int = 768
    units: int = 128
    bottleneck: int = 64
    segments: bool = False
    sigmoid: bool = False
    normalised: bool = False
    dropout: float = 0.0
    block_dropout: float = 0.0
    initial_sd: float | None = None

    def __post_init__(self):
        for name in ("convolutions", "linear", "units", "bottleneck"):
            as_count(self, name)
        if self.convolutions > 7:
            raise InputError(f"convolutions is {self.convolutions}; expected 1 to 7")
        if len(self.filters) != 2 or not all(isinstance(n, int) and n > 0 for n in self.filters):
            raise InputError(
                f"filters is {self.filters!r}; expected two numbers: of the first convolution, and "
                "of each further one"
            )
        for name in ("segments", "sigmoid", "normalised"):
            check_flag(self, name)
        as_real(self, "dropout", low=0, high=0.95)
        as_real(self, "block_dropout", low=0, high=0.95)

    def build(self, item_shape: tuple[int, ...], n_classes: int) -> "keras.Model":
        """
        Build the network.

        Parameters
        ----------
        item_shape : tuple of int
            (bands × 3,) of a frame, or (frames, bands, 3) of a segment.
        n_classes : int
            Number of classes.

        Returns
        -------
        keras.Model
            From ``values``, shape (batch, frames, bands × 3), or (batch, 1, *segment), and
            ``mask``, shape of the first two axes, to posteriors, shape (batch, n_classes).
        """
        import keras
        from keras import layers

        from ser_lib.neural.attention import AttentionPooling
        from ser_lib.neural.layers import FoldWindows
        from ser_lib.neural.masking import AllReal, MaskedBatchNormalization, MeanOverUnits

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        if self.segments:
            maps, real = FoldWindows()(values), None
        else:
            maps, real = layers.Reshape((-1, item_shape[0] // 3, 3))(values), mask
        maps, real = self._maps(maps, real)
        x = layers.Reshape((-1, maps.shape[2] * maps.shape[3]))(maps)
        x = layers.Dense(self.linear, **self._initial())(x)
        x = MaskedBatchNormalization(momentum=0.9)(x, mask=real)
        x = layers.LeakyReLU(0.01)(x)
        lstm = layers.LSTM(self.units, dropout=self.block_dropout, return_sequences=True)
        x = layers.Bidirectional(lstm, name="blstm")(x, mask=real)
        if self.sigmoid:
            scores = layers.Dense(1, activation="sigmoid", **self._initial())(x)
            scores = layers.Dense(1, use_bias=False)(scores)
        else:
            # A bias would add the same to all.
            scores = layers.Dense(1, use_bias=False)(x)
        real = AllReal()(x) if real is None else real
        x, _ = AttentionPooling(name="attention")(x, MeanOverUnits()(scores), real)
        x = layers.Dense(self.bottleneck, **self._initial())(x)
        x = layers.LeakyReLU(0.01, name="bottleneck")(x)
        x = layers.Dropout(self.dropout)(x)
        posteriors = layers.Dense(
            n_classes, activation="softmax", name="posteriors", **self._initial()
        )(x)
        return keras.Model({"values": values, "mask": mask}, posteriors, name="acrnn_3d")

    def _maps(
        self, maps: "keras.KerasTensor", real: "keras.KerasTensor | None"
    ) -> "tuple[keras.KerasTensor, keras.KerasTensor | None]":
        """Apply the convolutions, keeping padding zero."""
        from keras import layers

        from ser_lib.neural.masking import MaskedBatchNormalization, Rezero, StrideMask

        for number in range(self.convolutions):
            filters = self.filters[min(number, 1)]
            maps = layers.Conv2D(filters, (5, 3), padding="same", **self._initial())(maps)
            maps = layers.LeakyReLU(0.01)(maps)
            if self.normalised:
                maps = MaskedBatchNormalization(momentum=0.9)(maps, mask=real)
            if real is not None:
                maps = Rezero()(maps, real)
            if number == 0:
                if real is not None:
                    # An odd last frame is paired with a zero, however far its batch is padded.
                    maps = layers.ZeroPadding2D(((0, 1), (0, 0)))(maps)
                    real = StrideMask(2)(real)
                maps = layers.MaxPooling2D((2, 4))(maps)
            maps = layers.SpatialDropout2D(self.block_dropout)(maps)
        return maps, real

    def _initial(self) -> dict[str, object]:
        """Make the initialisers of a layer, as its arguments."""
        from keras import initializers

        if self.initial_sd is None:
            return {}
        return {
            "kernel_initializer": initializers.TruncatedNormal(stddev=self.initial_sd),
            "bias_initializer": initializers.Constant(self.initial_sd),
        }


RECIPES = {
    "ours": {
        "epochs": 30,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "patience": None,
        "hop": 0.020,
        "segment": 0,
        "segment_hop": 0,
        "convolutions": 5,
        "filters": (16, 32),
        "linear": 192,
        "units": 64,
        "dropout": 0.5,
        "block_dropout": 0.0,
        "normalised": True,
        "sigmoid": False,
        "copies": 0,
        "speed": 0.0,
        "balance": None,
        "spec_augment": False,
        "mixup": 0.2,
    },
    "source": {
        "epochs": 250,
        "batch_size": 60,
        "learning_rate": 1e-5,
        "patience": 250,
        "hop": 0.010,
        "segment": 300,
        "segment_hop": 100,
        "convolutions": 6,
        "filters": (128, 256),
        "linear": 768,
        "units": 128,
        "dropout": 0.0,
        "block_dropout": 0.0,
        "normalised": False,
        "sigmoid": True,
        "copies": 0,
        "speed": 0.0,
        "balance": "oversampling",
        "spec_augment": False,
        "mixup": 0.0,
    },
}

CANDIDATES = {
    "default": {},
    "twice the filters": {"filters": (32, 64)},
    "twice the filters, no mixup": {"filters": (32, 64), "mixup": 0.0},
    "SpecAugment": {"spec_augment": True},
    "dropout between convolutions": {"block_dropout": 0.1},
    "three convolutions": {"convolutions": 3},
    "two noisy copies": {"copies": 2},
    "segments of 3 s": {"segment": 150},
}

# Parameters that are passed on under their names.
_NETWORK = ("convolutions", "linear", "units", "normalised", "sigmoid", "dropout", "block_dropout")
_TRAINING = ("epochs", "batch_size", "learning_rate", "patience", "balance", "mixup")


def acrnn_3d(
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    patience: int | None = None,
    hop: float | None = None,
    segment: int | None = None,
    segment_hop: int | None = None,
    convolutions: int | None = None,
    filters: tuple[int, int] | None = None,
    linear: int | None = None,
    units: int | None = None,
    dropout: float | None = None,
    block_dropout: float | None = None,
    normalised: bool | None = None,
    sigmoid: bool | None = None,
    copies: int | None = None,
    speed: float | None = None,
    balance: str | None = None,
    spec_augment: bool | None = None,
    mixup: float | None = None,
    setting: str = "ours",
) -> System:
    """
    Make the 3-D convolutional recurrent network with attention.

    Parameters
    ----------
    epochs : int
        Times that the training rows are gone through, at most.
    batch_size : int
        Utterances (or segments) per batch.
    learning_rate : float
        Step size at the start.
    patience : int
        Epochs without a better UAR on the development speakers after which training stops; the
        best epoch is kept. Without it (our recipe) all epochs are run, the last is kept, and the
        development speakers are trained on.
    hop : float
        Seconds from one frame of 25 ms to the next.
    segment : int
        Frames per segment, each answered for by itself, and an utterance by the maximum over its
        segments; 0 reads a recording whole.
    segment_hop : int
        Frames from one segment to the next; 0 for as many as a segment has. With fewer, segments
        overlap: together with ``balance="oversampling"``, which draws as many segments of every
        class, this is what the authors' sampling of segments comes to.
    convolutions : int
        1 to 7, of 5 frames by 3 bands, the first pooled over 2 frames and 4 bands; the paper finds
        six best on IEMOCAP and five on EmoDB.
    filters : tuple of int
        Filters of the first convolution, and of each further one.
    linear, units : int
        Units of the layer between convolutions and LSTM, which is normalised by its batch, and of
        the LSTM in each direction.
    dropout, block_dropout : float
        Share dropped after the bottleneck, and after each convolution and before the LSTM.
    normalised : bool
        Whether each convolution is normalised by its batch.
    sigmoid : bool
        Whether the attention's scores are bounded, as in the authors' code.
    copies : int
        Noisy copies of each training utterance, at 15 to 29 dB; each epoch draws one of them or
        the clean one.
    speed : float
        By which share copies are played slower or faster at most; 0 for not at all, as it is where
        recordings are cut into segments.
    balance : {"weights", "oversampling"}
        How the training makes up for rare classes.
    spec_augment : bool
        Whether stretches of time and frequency are hidden in training.
    mixup : float
        Parameter of the Beta distribution by which training utterances are mixed; 0 for none.
    setting : {"ours", "source"}
        What parameters that are not given are taken from, and how weights begin: our recipe, or
        that of the authors' code.

    Returns
    -------
    System

    Raises
    ------
    InputError
        For an argument that makes no sense, or an unknown setting.

    Notes
    -----
    The original's division is the protocol ``leave_one_speaker_out``.
    """
    given = {name: value for name, value in locals().items() if name != "setting"}
    recipe = choose(setting, given, **RECIPES)
    recipe["speed"] = speed_of(recipe, given)
    front_end = FrontEnd(
        conditioning=(PreEmphasis(),),
        analysis=WithDeltas(
            analysis=LogMel(
                n_fft=512,
                win_length=400,
                hop_length=_samples(recipe["hop"]),
                window="hamming",
                n_mels=40,
            )
        ),
        segmentation=_segmentation(recipe["segment"], recipe["segment_hop"]),
        dtype="float16",
    )
    segments = bool(recipe["segment"])
    network = Acrnn3d(
        **{name: recipe[name] for name in _NETWORK},
        filters=tuple(recipe["filters"]),
        segments=segments,
        initial_sd=0.1 if setting == "source" else None,
    )
    return System(
        name="acrnn_3d",
        title="3-D convolutional recurrent network with attention",
        front_end=front_end,
        classifier=of_seed(
            network,
            **{name: recipe[name] for name in _TRAINING},
            schedule="cosine" if setting == "ours" else "constant",
            spec_augment=SpecAugment(within=segments) if recipe["spec_augment"] else None,
            pool="max" if segments else None,
        ),
        citation=CITATION,
        published=PUBLISHED,
        deviations=DEVIATIONS,
        setting=setting,
        parameters=recipe,
        training_copies=noisy_copies(front_end, recipe["copies"], speed=recipe["speed"]),
        needs_development=recipe["patience"] is not None,
    )


def _samples(hop: float) -> int:
    """Bring the step of frames of 25 ms to samples."""
    if isinstance(hop, bool) or not isinstance(hop, float | int) or not 0.001 <= hop <= 0.025:
        raise InputError(f"hop is {hop!r}; expected 0.001 to 0.025 s, the length of a frame")
    return round(hop * 16000)


def _segmentation(segment: int, hop: int) -> Frames | Windows:
    """Cut into segments whose padding is silence, in which nothing changes; or not at all."""
    if not segment:
        if hop:
            raise InputError(f"segment_hop is {hop!r} without segments; expected 0")
        return Frames()
    return Windows(length=segment, hop=hop or None, pad=("floor", 0, 0))
