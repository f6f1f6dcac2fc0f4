"""Convolutional blocks on the windows of a log-mel spectrogram, then an LSTM over the windows."""

import dataclasses
from typing import TYPE_CHECKING

from ser_lib.features import FrontEnd, LogMel, Windows
from ser_lib.neural.classifier import of_seed
from ser_lib.params import as_count, as_real
from ser_lib.signal import FixedLength, Offset, Standardise
from ser_lib.systems.base import Published, System, choose, noisy_copies

if TYPE_CHECKING:
    import keras

CITATION = r"""@article{zhao2019speech,
  author  = {Zhao, Jianfeng and Mao, Xia and Chen, Lijiang},
  title   = {Speech emotion recognition using deep {1D} \& {2D} {CNN} {LSTM} networks},
  journal = {Biomedical Signal Processing and Control},
  volume  = {47},
  pages   = {312--323},
  year    = {2019},
  doi     = {10.1016/j.bspc.2018.08.035}
}
@misc{maelfabien2019multimodal,
  author = {{maelfabien and contributors}},
  title  = {Multimodal Emotion Recognition},
  year   = {2019},
  note   = {Repository maelfabien/Multimodal-Emotion-Recognition, folder 01-Audio}
}"""

_RANDOM_SPLIT = "random 80/20 split by file, so that every test speaker is also a training speaker"
_ON_TEST = "the epoch was chosen on the test set"
_CALM = "RAVDESS without its neutral recordings; what is called neutral is calm"

PUBLISHED = (
    Published(
        metric="wa",
        value=0.766,
        corpus="ravdess",
        classes=7,
        protocol=f"{_RANDOM_SPLIT}; {_ON_TEST}",
        source="README of maelfabien/Multimodal-Emotion-Recognition, 01-Audio",
        speaker_disjoint=False,
        remark=f"{_CALM}; the run is not kept",
    ),
    Published(
        metric="wa",
        value=0.7398,
        corpus="ravdess",
        classes=7,
        protocol=f"{_RANDOM_SPLIT}; {_ON_TEST}",
        source="notebook 02 - Train [CNN-LSTM] of the repository, best epoch (90)",
        speaker_disjoint=False,
        remark=_CALM,
    ),
    Published(
        metric="wa",
        value=0.72,
        corpus="ravdess",
        classes=7,
        protocol="random 80/15/5 split by file, so that every test speaker is also a training "
        "speaker",
        source="report of the repository, 5 % test",
        speaker_disjoint=False,
        remark=_CALM,
    ),
)

DEVIATIONS = (
    "Recordings of any length are read whole, in as many windows as they need; the original skips "
    "the first half second, cuts or pads to 3.07 s, and fails on a shorter remainder.",
    "In each epoch an utterance is heard once, clean or in one of its noisy copies, whichever is "
    "drawn; the original hears the clean one and both copies (this holds for the setting 'source' "
    "as well).",
    "The epoch is chosen by the UAR on development speakers; the original chooses it by the "
    "accuracy on the test set (this holds for the setting 'source' as well).",
    "The spectrogram has 64 mel bands up to 8 kHz and 10 ms steps, scaled band by band by the "
    "training speakers; the original has 128 bands up to 4 kHz and 8 ms steps, unscaled.",
    "Adam with a step size that falls along a cosine, batches of 16 and 25 epochs; the original "
    "has SGD with momentum 0.8, batches of 64 and 100 epochs.",
    "No dropout between the blocks, 0.5 before the LSTM; the original has 0.2 in both places. "
    "Dropout before a max-pooled, batch-normalised convolution raises the maxima in training only, "
    "and the running statistics then fit no recording that is tested.",
    "The running statistics of batch normalisation move by a tenth per batch, not by a hundredth, "
    "which would not arrive within the epochs of so small a corpus.",
    "Windows are folded into the batch and pooled before normalisation and ELU, which gives the "
    "same numbers in less time; padded windows do not count in the batch statistics.",
)


@dataclasses.dataclass(frozen=True)
class CnnLstm:
    """
    Four local feature learning blocks on every window, then LSTM layers over the windows.

    Parameters
    ----------
    filters : tuple of int
        Filters of each block.
    pools : tuple of int
        Side of the square that each block pools.
    dropout : float
        Share of features dropped after each block in training.
    lstm_units, lstm_layers : int
        Size and number of the LSTM layers.
    lstm_dropout : float
        Share of an LSTM layer's inputs dropped in training.
    momentum : float
        How slowly the running statistics of batch normalisation move.

    Raises
    ------
    InputError
        For a number that makes no sense.
    """

    filters: tuple[int, ...] = (64, 64, 128, 128)
    pools: tuple[int, ...] = (2, 4, 4, 4)
    dropout: float = 0.0
    lstm_units: int = 256
    lstm_layers: int = 1
    lstm_dropout: float = 0.5
    momentum: float = 0.9

    def __post_init__(self):
        as_count(self, "lstm_units")
        as_count(self, "lstm_layers")
        # A network that drops nearly everything learns nothing.
        as_real(self, "dropout", low=0, high=0.95)
        as_real(self, "lstm_dropout", low=0, high=0.95)
        as_real(self, "momentum", low=0, high=1)

    def build(self, item_shape: tuple[int, int], n_classes: int) -> "keras.Model":
        """
        Build the network.

        Parameters
        ----------
        item_shape : tuple of int
            Frames and bands of a window.
        n_classes : int
            Number of classes.

        Returns
        -------
        keras.Model
            From ``values``, shape (batch, windows, frames, bands), and ``mask``, shape
            (batch, windows), to posteriors, shape (batch, n_classes).
        """
        import keras

        from ser_lib.neural.layers import FoldWindows, LocalFeatureBlock, UnfoldWindows

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = keras.layers.Reshape((*item_shape, 1))(FoldWindows()(values))
        real = FoldWindows()(mask)
        for filters, pool in zip(self.filters, self.pools, strict=True):
            x = LocalFeatureBlock(filters, pool, momentum=self.momentum)(x, real)
            x = keras.layers.Dropout(self.dropout)(x)
        x = UnfoldWindows()(keras.layers.Flatten()(x), mask)
        for layer in range(1, self.lstm_layers + 1):
            last = layer == self.lstm_layers
            x = keras.layers.LSTM(
                self.lstm_units, dropout=self.lstm_dropout, return_sequences=not last
            )(x, mask=mask)
        posteriors = keras.layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        return keras.Model({"values": values, "mask": mask}, posteriors, name="cnn_lstm")


RECIPES = {
    "ours": {
        "epochs": 25,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "patience": 25,
        "lstm_layers": 1,
        "dropout": 0.0,
        "lstm_dropout": 0.5,
        "copies": 2,
        "bands": 64,
        "window": 128,
        "window_hop": 64,
    },
    "source": {
        "epochs": 100,
        "batch_size": 64,
        "learning_rate": 0.01,
        "patience": 30,
        "lstm_layers": 1,
        "dropout": 0.2,
        "lstm_dropout": 0.2,
        "copies": 2,
        "bands": 128,
        "window": 128,
        "window_hop": 64,
    },
}

# What the settings differ in beyond numbers that a reader would vary.
_ANALYSIS = {
    "ours": {"n_fft": 512, "win_length": 400, "hop_length": 160},
    "source": {"n_fft": 512, "win_length": 256, "hop_length": 128, "fmax": 4000},
}
_CONDITIONING = {
    "ours": (Standardise(),),
    "source": (Offset(0.5), Standardise(), FixedLength(49100 / 16000)),
}
_TRAINING = {
    "ours": {"optimizer": "adam", "schedule": "cosine", "scale": True},
    "source": {"optimizer": "sgd", "momentum": 0.8, "decay": 1e-6, "scale": False},
}
_MOMENTUM = {"ours": 0.9, "source": 0.99}


def cnn_lstm(
    *,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    patience: int | None = None,
    lstm_layers: int | None = None,
    dropout: float | None = None,
    lstm_dropout: float | None = None,
    copies: int | None = None,
    bands: int | None = None,
    window: int | None = None,
    window_hop: int | None = None,
    setting: str = "ours",
) -> System:
    """
    Make the CNN-LSTM on windows of a log-mel spectrogram.

    Parameters
    ----------
    epochs : int
        Times that the training rows are gone through, at most.
    batch_size : int
        Utterances per batch.
    learning_rate : float
        Step size at the start.
    patience : int
        Epochs without a better UAR on the development speakers after which training stops.
    lstm_layers : int
        One, as in the source's code, or two, as in its text.
    dropout, lstm_dropout : float
        Share of features dropped after each block, and before each LSTM layer.
    copies : int
        Noisy copies of each training utterance, at 15 to 29 dB; each epoch draws one of them or
        the clean one.
    bands : int
        Mel bands.
    window, window_hop : int
        Frames per window, and from one window to the next.
    setting : {"ours", "source"}
        What parameters that are not given are taken from, and the analysis and optimiser: our
        recipe, or the original's.

    Returns
    -------
    System

    Raises
    ------
    InputError
        For an argument that makes no sense, or an unknown setting.

    Notes
    -----
    The original's seven classes of RAVDESS are ``load_corpus("ravdess", subset="calm_as_neutral")``
    and its split is the protocol ``random_80_20``.
    """
    given = {name: value for name, value in locals().items() if name != "setting"}
    recipe = choose(setting, given, **RECIPES)
    front_end = FrontEnd(
        conditioning=_CONDITIONING[setting],
        analysis=LogMel(window="hamming", n_mels=recipe["bands"], **_ANALYSIS[setting]),
        segmentation=Windows(length=recipe["window"], hop=recipe["window_hop"]),
        dtype="float16",
    )
    network = CnnLstm(
        dropout=recipe["dropout"],
        lstm_layers=recipe["lstm_layers"],
        lstm_dropout=recipe["lstm_dropout"],
        momentum=_MOMENTUM[setting],
    )
    training = {
        name: recipe[name] for name in ("epochs", "batch_size", "learning_rate", "patience")
    }
    return System(
        name="cnn_lstm",
        title="CNN-LSTM on log-mel windows",
        front_end=front_end,
        classifier=of_seed(network, **training, **_TRAINING[setting]),
        citation=CITATION,
        published=PUBLISHED,
        deviations=DEVIATIONS,
        setting=setting,
        parameters=recipe,
        training_copies=noisy_copies(front_end, recipe["copies"]),
        normalisation="utterance" if setting == "source" else "train",
    )
