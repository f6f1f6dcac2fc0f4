"""What a published system is: front end, classifier, source, its figures, and what we changed."""

import dataclasses
import inspect
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from ser_lib.errors import InputError, unknown
from ser_lib.features.front_end import FrontEnd
from ser_lib.signal.degrade import SpeedPerturbation, WhiteNoise

SETTINGS = ("ours", "source")


@dataclasses.dataclass(frozen=True)
class Published:
    """
    A figure that somebody published, with all that is needed to read it rightly.

    Parameters
    ----------
    metric : {"uar", "wa"}
        Unweighted average recall, or weighted accuracy (the share of utterances recognised).
    value : float
        Between 0 and 1.
    corpus : str
        Name of the corpus as `ser_lib.load_corpus` knows it.
    classes : int
        Number of classes told apart.
    protocol : str
        How training and test were divided and what was tuned on what, in words.
    source : str
        Where the figure stands.
    speaker_disjoint : bool or None
        Whether no test speaker was heard in training; None if the source does not say.
    remark : str
        What a reader must know before setting it beside another figure.
    """

    metric: str
    value: float
    corpus: str
    classes: int
    protocol: str
    source: str
    speaker_disjoint: bool | None
    remark: str = ""


@dataclasses.dataclass(frozen=True)
class System:
    """
    One published system, ready to be evaluated.

    Parameters
    ----------
    name, title : str
        Short name (that of the function which makes it) and the one a reader sees.
    front_end : FrontEnd
        Turns a recording into an array of shape (n, *item).
    classifier : callable
        Takes a seed (int) and returns a classifier that is not fitted yet.
    citation : str
        BibTeX.
    published : tuple of Published
        What its authors reported.
    deviations : tuple of str
        What is deliberately different here, a sentence each.
    setting : {"ours", "source"}
        The recipe we recommend, or the original as it was.
    parameters : dict
        The arguments it was made with.
    training_copies : tuple of FrontEnd
        Front ends of altered copies (noisy ones, say) that training alone may see.
    normalisation : {"train", "utterance", "speaker"}
        Whose statistics scale the features unless the evaluation is told otherwise.
    needs_development : bool
        Whether development speakers are held out for early stopping; if not, they are trained on.
    prefix : str or None
        Column of the corpus table that is put before the emotion in the training targets
        (``"sex"`` gives ``"female/anger"``); posteriors are summed over it afterwards.
    """

    name: str
    title: str
    front_end: FrontEnd
    classifier: Callable[[int], object]
    citation: str
    published: tuple[Published, ...]
    deviations: tuple[str, ...]
    setting: str
    parameters: Mapping[str, object]
    training_copies: tuple[FrontEnd, ...] = ()
    normalisation: str = "train"
    needs_development: bool = True
    prefix: str | None = None

    def targets(self, table: pd.DataFrame) -> np.ndarray:
        """
        Return the label that the classifier learns for each utterance.

        Parameters
        ----------
        table : pandas.DataFrame
            Corpus table, one row per utterance.

        Returns
        -------
        ndarray of str, shape (utterances,)
            The emotion, or ``"<prefix>/<emotion>"``.

        Raises
        ------
        InputError
            If the column of the prefix has gaps.
        """
        emotion = table["emotion"].astype(str).to_numpy()
        if self.prefix is None:
            return emotion
        gaps = table.index[table[self.prefix].isna()]
        if len(gaps):
            raise InputError(
                f"{self.name}: labels with a {self.prefix} before the emotion need the column "
                f"{self.prefix!r}; found {len(gaps)} utterances without it, the first {gaps[0]!r}"
            )
        prefix = table[self.prefix].astype(str).to_numpy()
        return np.array([f"{p}/{e}" for p, e in zip(prefix, emotion, strict=True)])


def arguments(function: Callable[..., System], given: Mapping[str, object]) -> dict[str, object]:
    """
    Check arguments by name against a system's signature.

    Raises
    ------
    InputError
        For a parameter that the system does not have, with the nearest one it has.
    """
    known = list(inspect.signature(function).parameters)
    for name in given:
        if name not in known:
            raise unknown(f"parameter of {function.__name__}", name, known)
    return dict(given)


def noisy_copies(front_end: FrontEnd, copies: int, *, speed: float = 0.0) -> tuple[FrontEnd, ...]:
    """
    Make front ends of noisy copies, for training only.

    Parameters
    ----------
    front_end : FrontEnd
        Of the clean recordings.
    copies : int
        How many; each with other noise, white and at a whole number of 15 to 29 dB, as in
        maelfabien/Multimodal-Emotion-Recognition.
    speed : float
        By which share copies are played slower or faster at most, each utterance of each copy at
        a speed of its own; 0 for not at all.

    Returns
    -------
    tuple of FrontEnd
        The speed is changed first. The noise is added last, so that it is at its level relative
        to what is analysed; at the same speed a copy is as long as the clean recording.

    Raises
    ------
    InputError
        If the number of copies or the speed makes no sense.
    """
    if isinstance(copies, bool) or copies not in range(1000):
        raise InputError(f"copies is {copies!r}; expected a whole number of at least 0, below 1000")

    def conditioning(copy: int) -> tuple:
        noise = WhiteNoise(snr=(15, 29), integers=True, copy=copy)
        first = (SpeedPerturbation(most=speed, copy=copy),) if speed else ()
        return (*first, *front_end.conditioning, noise)

    return tuple(
        dataclasses.replace(front_end, conditioning=conditioning(copy))
        for copy in range(1, copies + 1)
    )


def speed_of(recipe: Mapping[str, object], given: Mapping[str, object]) -> float:
    """
    Say by which share copies are played slower or faster.

    Parameters
    ----------
    recipe, given : mapping
        Parameters, ``"segment"`` and ``"speed"`` among them, complete and as they were given.

    Returns
    -------
    float
        That of the recipe; 0 where recordings are cut into segments that learn by themselves.

    Raises
    ------
    InputError
        If another one is asked for with segments.
    """
    if not recipe["segment"]:
        return recipe["speed"]
    if given["speed"]:
        raise InputError(
            f"speed is {given['speed']}, segment {recipe['segment']}; expected speed 0, as a copy "
            "must have as many segments as its original"
        )
    return 0.0


def choose(setting: str, given: Mapping[str, object], **recipes: Mapping[str, object]) -> dict:
    """
    Complete the arguments that were left open (None) from the recipe of a setting.

    Parameters
    ----------
    setting : str
        Name of one of `recipes`.
    given : mapping
        Arguments by name; what is not None wins over the recipe.
    **recipes : mappings
        Parameters by setting, all with the same names.

    Returns
    -------
    dict
        A value for every parameter of the recipe.

    Raises
    ------
    InputError
        For an unknown setting.
    """
    if setting not in recipes:
        raise unknown("setting", setting, recipes)
    recipe = recipes[setting]
    return {
        name: default if given.get(name) is None else given[name]
        for name, default in recipe.items()
    }
