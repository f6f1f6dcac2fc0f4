"""What a published system is: parameters, front end, classifier, source, published figures."""

import abc
import dataclasses
import inspect
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from ser_lib.errors import InputError, unknown
from ser_lib.features.front_end import FrontEnd
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.neural.classifier import NeuralClassifier
from ser_lib.neural.validation import PARAMETERS
from ser_lib.params import Parameters, choice, flag, integer, param, real
from ser_lib.signal.degrade import PitchShift, SpeedPerturbation, TimeStretch, WhiteNoise
from ser_lib.signal.voice_activity import TrimToVoice

if TYPE_CHECKING:
    import keras

VARIANTS = ("default", "as_published")


@dataclasses.dataclass(frozen=True)
class Published:
    """
    A published score, with all that is needed to read it rightly.

    Parameters
    ----------
    metric : {"uar", "wa"}
        Unweighted average recall, or weighted accuracy (the fraction of utterances recognised).
    value : float
        Between 0 and 1.
    corpus : str
        Name of the corpus as `ser_lib.load_corpus` knows it.
    classes : int
        Number of classes.
    protocol : str
        How training and test were divided and what was tuned on what, in words.
    source : str
        Where the score is reported.
    speaker_disjoint : bool or None
        Whether no test speaker was in the training; None if the source does not say.
    remark : str
        What a reader must know before comparing it with another score.
    """

    metric: str
    value: float
    corpus: str
    classes: int
    protocol: str
    source: str
    speaker_disjoint: bool | None
    remark: str = ""

    def __str__(self) -> str:
        title = {"uar": "UAR", "wa": "WA"}.get(self.metric, self.metric)
        speakers = {True: "unseen speakers", False: "test speakers in the training, too"}
        known = speakers.get(self.speaker_disjoint, "speakers not stated")
        remark = f"; {self.remark}" if self.remark else ""
        return (
            f"{title} {self.value:.3f} on {self.corpus}, {self.classes} classes, {known}: "
            f"{self.protocol} ({self.source}{remark})"
        )

    @classmethod
    def scores(cls, *, uar: float, wa: float, **common: object) -> "tuple[Published, Published]":
        """Make the two scores of one experiment, which share everything else."""
        return cls(metric="uar", value=uar, **common), cls(metric="wa", value=wa, **common)


class AttentionGrid(NamedTuple):
    """
    Where the attention weights of a network lie on its spectrogram.

    Parameters
    ----------
    seconds_per_step : float
        From one weight to the next, in seconds.
    start : float
        Where the first step begins, in seconds.
    bands_per_cell : int or None
        Bands from one weight to the next; None where attention is over time only.
    first_band : int
        Where the lowest cell begins.
    """

    seconds_per_step: float
    start: float = 0.0
    bands_per_cell: int | None = None
    first_band: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class System(Parameters, abc.ABC):
    """
    One published system, ready to be evaluated.

    A system is a frozen dataclass whose fields are its parameters. The defaults are the variant
    that we recommend; `as_published` makes the original.

    Attributes
    ----------
    name, title : str
        Short name (that of its file) and the one that a reader sees.
    part : str
        What its source calls the stretches into which it cuts a spectrogram, if it does.
    citation : str
        BibTeX.
    published : tuple of Published
        Scores that its authors reported.
    deviations : tuple of str
        What is deliberately different from the original, a sentence each.
    search_space : dict of str to dict
        Trials of `ser tune`: changed parameters by the name of the trial, ``"default"`` first.
    extra : str or None
        Extra of this package that its features need, if any.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    part: ClassVar[str] = "segment"
    citation: ClassVar[str]
    published: ClassVar[tuple[Published, ...]] = ()
    deviations: ClassVar[tuple[str, ...]] = ()
    search_space: ClassVar[dict[str, dict[str, object]]] = {}
    extra: ClassVar[str | None] = None

    @classmethod
    def as_published(cls, **changes: object) -> "System":
        """Make the original, to the layer, with some parameters changed; as `of`."""
        return cls.of(variant="as_published", **changes)

    @classmethod
    def of(cls, *, variant: str = "default", **parameters: object) -> "System":
        """
        Make a variant of the system, with some parameters changed.

        Parameters
        ----------
        variant : {"default", "as_published"}
            Where parameters that are not given come from.
        **parameters
            Parameters by name; None is a value like any other.

        Raises
        ------
        InputError
            For an unknown variant or parameter, with the nearest name, or a value that is not
            allowed.
        """
        if variant not in VARIANTS:
            raise unknown("variant", variant, VARIANTS)
        for parameter in parameters:
            if parameter not in cls.parameter_names():
                raise unknown(f"parameter of {cls.name}", parameter, cls.parameter_names())
        published = cls.published_values() if variant == "as_published" else {}
        return cls(**published | parameters)

    @property
    def variant(self) -> str:
        """The variant, ``"default"`` or ``"as_published"``, from which fewer parameters differ."""
        published = self.published_values()
        default = {f.name: f.default for f in dataclasses.fields(self) if f.name in published}
        from_default, from_published = (
            sum(getattr(self, name) != value for name, value in values.items())
            for values in (default, published)
        )
        return "as_published" if from_published < from_default else "default"

    @property
    def parameters(self) -> dict[str, object]:
        """All parameters and their values."""
        return {name: getattr(self, name) for name in self.parameter_names()}

    @property
    @abc.abstractmethod
    def front_end(self) -> FrontEnd:
        """What turns a recording into an array of shape (n, *item)."""

    @property
    def training_copies(self) -> tuple[FrontEnd, ...]:
        """Front ends of augmented copies of the recordings, for training only."""
        return ()

    @property
    def normalisation(self) -> str:
        """Whose statistics scale the features by default: "train", "utterance" or "speaker"."""
        return "train"

    @property
    def needs_development(self) -> bool:
        """Whether development rows are held out to choose something; if not, they train."""
        return False

    @property
    def target_prefix(self) -> str | None:
        """
        Column of the corpus table that is put before the emotion in the training targets, or None.

        With ``"sex"`` they are ``"female/anger"``; posteriors are summed over it afterwards.
        """
        return None

    @abc.abstractmethod
    def classifier(self, seed: int = 0) -> object:
        """
        Make a scikit-learn classifier that is not fitted yet.

        It has ``fit(X, y, *, groups, validation, copies)`` and ``predict_proba``; the seed is that
        of everything that is random in its training.
        """

    def configured(self, kind: type, **others: object) -> object:
        """
        Make a classifier with the parameters of this system that it has by the same name.

        Parameters
        ----------
        kind : class
            Of the classifier.
        **others
            Its other parameters, and those that are to have another value.
        """
        names = inspect.signature(kind).parameters
        return kind(**{name: getattr(self, name) for name in names if name not in others}, **others)

    def targets(self, table: pd.DataFrame) -> np.ndarray:
        """
        Return the label that the classifier learns for each utterance of a corpus table.

        It is the emotion, or ``"<prefix>/<emotion>"``; see `target_prefix`.

        Raises
        ------
        InputError
            If the column of the prefix has gaps.
        """
        emotion = table["emotion"].astype(str).to_numpy()
        prefix = self.target_prefix
        if prefix is None:
            return emotion
        gaps = table.index[table[prefix].isna()]
        if len(gaps):
            raise InputError(
                f"{self.name}: targets with a {prefix} before the emotion need the column "
                f"{prefix!r}; found {len(gaps)} utterances without it, the first {gaps[0]!r}"
            )
        return (table[prefix].astype(str) + "/" + emotion).to_numpy(str)


@dataclasses.dataclass(frozen=True, kw_only=True)
class NeuralSystem(System):
    """
    A system whose classifier is a network.

    A subclass gives `build`, its front end, its own parameters, and by `change` other defaults for
    those that all networks share.
    """

    epochs: int = param(
        50, PARAMETERS["epochs"], "Largest number of passes through the training rows."
    )
    batch_size: int = param(16, PARAMETERS["batch_size"], "Training rows per update.")
    optimizer: str = param(
        "adam", PARAMETERS["optimizer"], "Adam (Kingma & Ba 2015) or stochastic gradient descent."
    )
    learning_rate: float = param(1e-3, PARAMETERS["learning_rate"], "Learning rate at the start.")
    momentum: float = param(0.0, PARAMETERS["momentum"], "Momentum of stochastic gradient descent.")
    decay: float = param(
        0.0,
        PARAMETERS["decay"],
        "With a constant schedule, the learning rate after t updates is divided by 1 + decay * t.",
    )
    schedule: str = param(
        "cosine",
        PARAMETERS["schedule"],
        "Whether the learning rate stays or falls to zero along a cosine (Loshchilov & Hutter "
        "2017).",
        as_published="constant",
    )
    weight_decay: float = param(
        0.0,
        PARAMETERS["weight_decay"],
        "Fraction of each weight, times the learning rate, that every update subtracts (Loshchilov "
        "& Hutter 2019).",
    )
    clip_norm: float | None = param(
        None, PARAMETERS["clip_norm"], "Largest norm of the gradient; None for no limit."
    )
    patience: int | None = param(
        None,
        PARAMETERS["patience"],
        "Epochs without improvement on the development speakers after which training stops; the "
        "best epoch is kept. With None all epochs are run, the last one is kept, and the "
        "development speakers join the training.",
    )
    monitor: str = param(
        "uar",
        PARAMETERS["monitor"],
        "What chooses the epoch on the development speakers: UAR (of equals, the smaller loss) or "
        "loss.",
    )
    balance: str | None = param(
        None,
        PARAMETERS["balance"],
        "How training makes up for rare classes: the loss is weighted by the inverse frequency of "
        "each class, rows are repeated until all classes are equally frequent, or not at all.",
    )
    spec_augment: bool = param(
        False, flag(), "Whether stretches of time and of features are masked in training."
    )
    mixup: float = param(
        0.0,
        PARAMETERS["mixup"],
        "Parameter of the Beta distribution by which training rows are mixed; 0 for none.",
    )
    scale: bool = param(
        True,
        PARAMETERS["scale"],
        "Whether each feature is brought to mean 0 and standard deviation 1 by the training rows.",
    )
    pool: str = param(
        "mean",
        choice("mean", "max"),
        "Where segments are classified by themselves: which of their log posteriors stands for "
        "the utterance.",
    )
    norm_momentum: float = param(
        0.9,
        real(low=0, high=1),
        "Momentum of the moving statistics of batch normalisation, in networks that have it.",
    )
    trim: bool = param(
        True,
        flag(),
        "Whether what precedes and follows the voice is cut off.",
        as_published=False,
    )
    augmented_copies: int = param(
        0,
        integer(low=0, high=999),
        "Altered copies of each training utterance; each epoch draws one of them or the recording "
        "as it is.",
    )
    noisy_copies: bool = param(
        True, flag(), "Whether white noise at 15 to 29 dB is added to the copies."
    )
    all_copies: bool = param(
        False,
        PARAMETERS["all_copies"],
        "Whether each epoch trains on the recordings and all their copies instead.",
    )
    speed_change: float = param(
        0.0,
        real(low=0, high=0.9),
        "Fraction by which copies are played slower or faster at most; 0 for none.",
    )
    tempo_change: float = param(
        0.0,
        real(low=0, high=0.9),
        "Fraction by which copies are slower or faster at most at the same pitch; 0 for none.",
    )
    pitch_change: float = param(
        0.0,
        real(low=0, high=24),
        "Semitones by which copies are higher or lower at most at the same tempo; 0 for none.",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        changes = self.speed_change or self.tempo_change or self.pitch_change
        if self.augmented_copies and not (self.noisy_copies or changes):
            raise InputError(
                f"{self.name}: noisy_copies is False and nothing else is changed, with "
                f"{self.augmented_copies} augmented_copies; expected copies that differ"
            )
        if self.segmented and (self.speed_change or self.tempo_change):
            raise InputError(
                f"{self.name}: speed_change is {self.speed_change} and tempo_change "
                f"{self.tempo_change} with segments; expected 0, as a copy must have as many "
                "segments as its original"
            )

    @abc.abstractmethod
    def build(self, item_shape: tuple[int, ...], n_classes: int) -> "keras.Model":
        """
        Build the network.

        Parameters
        ----------
        item_shape : tuple of int
            Shape of an item of the front end's output.
        n_classes : int
            Number of classes.

        Returns
        -------
        keras.Model
            From ``values``, shape (batch, n, *item), and ``mask``, shape (batch, n), to
            posteriors, shape (batch, n_classes).
        """

    @property
    def trimming(self) -> tuple[TrimToVoice, ...]:
        """The step that cuts off what precedes and follows the voice, or none."""
        return (TrimToVoice(),) if self.trim else ()

    @property
    def segmented(self) -> bool:
        """Whether an utterance's items are segments that are classified by themselves."""
        return False

    @property
    def initial_learning_rate(self) -> float:
        """The learning rate at the start."""
        return self.learning_rate

    @property
    def masks_within_items(self) -> bool:
        """Whether SpecAugment masks stretches within items, rather than whole items."""
        return self.segmented

    @property
    def attention_grid(self) -> AttentionGrid | None:
        """Where attention weights lie in time; None for a network without attention."""
        return None

    @property
    def needs_development(self) -> bool:
        """Whether development rows choose the epoch."""
        return self.patience is not None

    @property
    def training_copies(self) -> tuple[FrontEnd, ...]:
        """
        Front ends of the augmented copies, for training only.

        Noise is white and at an integer number of 15 to 29 dB, as in
        maelfabien/Multimodal-Emotion-Recognition. Speed, tempo and pitch are changed first, the
        noise is added last, so that it is at its level relative to what is analysed.
        """
        front_end = self.front_end

        def preprocessing(copy: int) -> tuple:
            first = []
            if self.speed_change:
                first.append(SpeedPerturbation(max_change=self.speed_change, copy=copy))
            if self.tempo_change:
                first.append(TimeStretch(max_change=self.tempo_change, copy=copy))
            if self.pitch_change:
                first.append(PitchShift(semitones=self.pitch_change, copy=copy))
            noise = [WhiteNoise(snr=(15, 29), integers=True, copy=copy)] * self.noisy_copies
            return (*first, *front_end.preprocessing, *noise)

        return tuple(
            dataclasses.replace(front_end, preprocessing=preprocessing(copy))
            for copy in range(1, self.augmented_copies + 1)
        )

    def classifier(self, seed: int = 0) -> NeuralClassifier:
        """Make a `NeuralClassifier` around the network; see `System.classifier`."""
        return self.configured(
            NeuralClassifier,
            network=self,
            learning_rate=self.initial_learning_rate,
            pool=self.pool if self.segmented else None,
            spec_augment=SpecAugment(within=self.masks_within_items) if self.spec_augment else None,
            seed=seed,
        )
