"""Short-term descriptors, a bidirectional LSTM over the frames, and local attention."""

import dataclasses
from typing import TYPE_CHECKING

from ser_lib.errors import unknown
from ser_lib.features import Descriptors, Frames, FrontEnd, LogMel, PyAudioAnalysis
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.classifier import of_seed
from ser_lib.params import as_count, as_real, check_choice
from ser_lib.systems.base import Published, System, choose, noisy_copies

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
        remark="100 epochs, set by hand while watching divisions of this kind",
    ),
    Published(
        metric="uar",
        value=0.588,
        corpus="iemocap",
        classes=4,
        protocol="across sessions",
        source="Mirsamadi et al. 2017, descriptors with local attention (weighted pooling)",
        speaker_disjoint=True,
        remark="other descriptors (32, with fundamental frequency); quoted from secondary "
        "knowledge of the paper",
    ),
    Published(
        metric="wa",
        value=0.635,
        corpus="iemocap",
        classes=4,
        protocol="across sessions",
        source="Mirsamadi et al. 2017, descriptors with local attention (weighted pooling)",
        speaker_disjoint=True,
        remark="as above",
    ),
)

DEVIATIONS = (
    "The attention vector is trained without constraint, as in the paper; the original code's is a "
    "softmax of 256 numbers, which lets no frame weigh more than 7.4 times another.",
    "Attention is over the recording; the original's mask is lost on the way, so that most of its "
    "attention can fall on padding (a recording of 2.8 s fills 280 of 1,024 frames).",
    "Recordings of any length are read whole; the original pads to 10.24 s and cuts longer ones at "
    "the front (in the setting 'source', too, longer ones are cut).",
    "A descriptor that does not change within a recording becomes 0; the original divides by zero "
    "(this holds for the setting 'source' as well).",
    "Our recipe runs all its epochs and trains on the development speakers as well; under 'source' "
    "the epoch is chosen by their UAR, where the original trains 100 epochs.",
    "The recipe, found on development speakers: see RECIPES and CANDIDATES beside this list.",
)


@dataclasses.dataclass(frozen=True)
class BlstmAttention:
    """
    Dense layers on every frame, a bidirectional LSTM over the frames, and pooling over time.

    Parameters
    ----------
    dense : tuple of int
        Units of the layers before the LSTM.
    units : int
        Units of the LSTM in each direction.
    dropout : float
        Share dropped after each dense layer and before the LSTM.
    pooling : {"attention", "mean", "last"}
        Local attention (weighted pooling), the mean over time, or the last state of each
        direction.
    softmax_vector : bool
        Score by a vector that is a softmax, and attend to padding up to 1,024 frames: the
        original's mistakes.
    """

    dense: tuple[int, ...] = (512, 512)
    units: int = 128
    dropout: float = 0.5
    pooling: str = "attention"
    softmax_vector: bool = False

    def __post_init__(self):
        as_count(self, "units")
        as_real(self, "dropout", low=0, high=0.95)
        check_choice(self, "pooling", ("attention", "mean", "last"))

    def build(self, item_shape: tuple[int], n_classes: int) -> "keras.Model":
        """
        Build the network.

        Parameters
        ----------
        item_shape : tuple of int
            Features of a frame.
        n_classes : int
            Number of classes.

        Returns
        -------
        keras.Model
            From ``values``, shape (batch, frames, features), and ``mask``, shape (batch, frames),
            to posteriors, shape (batch, n_classes).
        """
        import keras
        from keras import layers

        from ser_lib.neural.attention import AttendedPadding, AttentionPooling, SoftmaxVectorScores
        from ser_lib.neural.masking import AllReal, MeanOverUnits

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = values
        for units in self.dense:
            x = layers.Dropout(self.dropout)(layers.Dense(units, activation="relu")(x))
        lstm = layers.LSTM(
            self.units, dropout=self.dropout, return_sequences=self.pooling != "last"
        )
        x = layers.Bidirectional(lstm, name="blstm")(x, mask=mask)
        real = mask
        if self.softmax_vector and self.pooling == "attention":
            x = AttendedPadding(LONGEST)(x, mask)
            scores, real = SoftmaxVectorScores()(x), AllReal()(x)
        elif self.pooling == "attention":
            # Zero at first: training begins with the mean over time.
            scores = layers.Dense(1, use_bias=False, kernel_initializer="zeros", name="vector")(x)
            scores = MeanOverUnits()(scores)
        if self.pooling == "mean":
            x = layers.GlobalAveragePooling1D()(x, mask=mask)
        elif self.pooling == "attention":
            x, _ = AttentionPooling(name="attention")(x, scores, real)
        posteriors = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        return keras.Model({"values": values, "mask": mask}, posteriors, name="blstm_attention")


LONGEST = 1024
"""Frames to which the original pads, and at which it cuts."""

RECIPES = {
    "ours": {
        "epochs": 60,
        "batch_size": 16,
        "learning_rate": 2e-3,
        "patience": None,
        "features": "descriptors",
        "descriptors_by": "ser_lib",
        "descriptors": None,
        "deltas": False,
        "pooling": "attention",
        "dense": 256,
        "units": 128,
        "dropout": 0.3,
        "every": 6,
        "copies": 8,
        "speed": 0.2,
        "balance": None,
        "spec_augment": True,
        "mixup": 0.0,
    },
    "source": {
        "epochs": 100,
        "batch_size": 128,
        "learning_rate": 1e-3,
        "patience": 100,
        "features": "descriptors",
        "descriptors_by": "ser_lib",
        "descriptors": None,
        "deltas": False,
        "pooling": "attention",
        "dense": 512,
        "units": 128,
        "dropout": 0.5,
        "every": 1,
        "copies": 0,
        "speed": 0.0,
        "balance": None,
        "spec_augment": False,
        "mixup": 0.0,
    },
}

CANDIDATES = {
    "default": {},
    "derivatives": {"deltas": True},
    "derivatives, batches of 32": {"deltas": True, "batch_size": 32, "learning_rate": 3e-3},
    "derivatives, speed unchanged": {"deltas": True, "speed": 0.0},
    "derivatives, no SpecAugment": {"deltas": True, "spec_augment": False},
    "derivatives, more dropout": {"deltas": True, "dropout": 0.5},
}


def blstm_attention(
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    patience: int | None = None,
    features: str | None = None,
    descriptors_by: str | None = None,
    descriptors: tuple[str, ...] | None = None,
    deltas: bool | None = None,
    pooling: str | None = None,
    dense: int | None = None,
    units: int | None = None,
    dropout: float | None = None,
    every: int | None = None,
    copies: int | None = None,
    speed: float | None = None,
    balance: str | None = None,
    spec_augment: bool | None = None,
    mixup: float | None = None,
    setting: str = "ours",
) -> System:
    """
    Make the bidirectional LSTM with local attention on short-term descriptors.

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
    features : {"descriptors", "logmel"}
        The 34 short-term descriptors of pyAudioAnalysis at 25/10 ms, or 40 log-mel bands.
    descriptors_by : {"ser_lib", "pyaudioanalysis"}
        Whose code computes the descriptors: ours, or the library's own, which is slower by a
        factor of about forty and equal to a millionth.
    descriptors : tuple of str
        Which of the descriptors; all by default.
    deltas : bool
        Append first derivatives (of the descriptors only).
    pooling : {"attention", "mean", "last"}
        How the frames become one vector; ``"attention"`` is what the paper calls weighted pooling.
    dense, units : int
        Units of each of the two dense layers, and of the LSTM in each direction.
    dropout : float
        Share dropped after each dense layer and before the LSTM.
    every : int
        Average so many frames into one.
    copies : int
        Noisy copies of each training utterance, at 15 to 29 dB; each epoch draws one of them or
        the clean one.
    speed : float
        By which share copies are played slower or faster at most; 0 for not at all.
    balance : {"weights", "oversampling"}
        How the training makes up for rare classes; not at all by default.
    spec_augment : bool
        Whether stretches of time and of features are hidden in training.
    mixup : float
        Parameter of the Beta distribution by which training utterances are mixed; 0 for none.
    setting : {"ours", "source"}
        What parameters that are not given are taken from, and how features are scaled: our recipe,
        or the original's.

    Returns
    -------
    System

    Raises
    ------
    InputError
        For an argument that makes no sense, or an unknown setting.

    Notes
    -----
    The original's division is the protocol ``shuffled_80_20``.
    """
    given = {name: value for name, value in locals().items() if name != "setting"}
    recipe = choose(setting, given, **RECIPES)
    source = setting == "source"
    segmentation = Frames(
        standardise=source, every=recipe["every"], most=LONGEST if source else None
    )
    front_end = FrontEnd(analysis=_analysis(recipe), segmentation=segmentation)
    network = BlstmAttention(
        dense=(recipe["dense"],) * 2,
        units=recipe["units"],
        dropout=recipe["dropout"],
        pooling=recipe["pooling"],
        softmax_vector=source,
    )
    training = {"schedule": "constant", "scale": False} if source else {"schedule": "cosine"}
    return System(
        name="blstm_attention",
        title="BLSTM with local attention",
        front_end=front_end,
        classifier=of_seed(
            network,
            epochs=recipe["epochs"],
            batch_size=recipe["batch_size"],
            learning_rate=recipe["learning_rate"],
            patience=recipe["patience"],
            balance=recipe["balance"],
            spec_augment=SpecAugment() if recipe["spec_augment"] else None,
            mixup=recipe["mixup"],
            **training,
        ),
        citation=CITATION,
        published=PUBLISHED,
        deviations=DEVIATIONS,
        setting=setting,
        parameters=recipe,
        training_copies=noisy_copies(front_end, recipe["copies"], speed=recipe["speed"]),
        needs_development=recipe["patience"] is not None,
        normalisation="utterance" if source else "train",
    )


def _analysis(recipe: dict) -> object:
    """Make the analysis of the kind asked for."""
    if recipe["features"] == "logmel":
        return LogMel(n_fft=400, n_mels=40, compression="log1p")
    if recipe["features"] != "descriptors":
        raise unknown("features", recipe["features"], ("descriptors", "logmel"))
    subset = recipe["descriptors"] and tuple(recipe["descriptors"])
    if recipe["descriptors_by"] == "pyaudioanalysis":
        return PyAudioAnalysis(subset=subset, deltas=recipe["deltas"])
    if recipe["descriptors_by"] != "ser_lib":
        raise unknown("descriptors_by", recipe["descriptors_by"], ("ser_lib", "pyaudioanalysis"))
    return Descriptors(convention="pyaudioanalysis", subset=subset, deltas=recipe["deltas"])
