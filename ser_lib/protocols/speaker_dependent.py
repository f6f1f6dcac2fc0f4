"""Protocols that draw utterances at random, whoever speaks: for published figures only."""

from collections.abc import Iterable
from functools import partial

import numpy as np
import pandas as pd

from ser_lib.errors import InputError
from ser_lib.protocols.base import Fold, Protocol, column, listed


def drawn(fold: Fold, share: float, seed: int, strata: np.ndarray | None = None) -> Fold:
    """Draw development rows at random from the training rows, stratified if strata are given."""
    from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

    draw = ShuffleSplit if strata is None else StratifiedShuffleSplit
    splitter = draw(1, test_size=share, random_state=seed)
    y = None if strata is None else strata[fold.train]
    rest, held = next(splitter.split(fold.train, y))
    return Fold(fold.name, fold.train[np.sort(rest)], fold.train[np.sort(held)], fold.test)


def _at_random(table: pd.DataFrame, seed: int, *, test: float) -> Iterable[Fold]:
    from sklearn.model_selection import ShuffleSplit

    nothing = np.empty(0, dtype=int)
    splitter = ShuffleSplit(1, test_size=test, random_state=seed)
    for i, (train, held) in enumerate(splitter.split(np.arange(len(table)))):
        fold = Fold(f"draw {i + 1}", np.sort(train), nothing, np.sort(held))
        yield drawn(fold, 0.1 / (1 - test), seed)


def _random(name: str, train: int, test: int, source: str) -> Protocol:
    return Protocol(
        name,
        f"random {train}/{test} of utterances (speaker-dependent)",
        f"One random draw of {test} % of the utterances, speakers in both parts, as in {source}; "
        "10 % are drawn for development from the rest.",
        False,
        partial(_at_random, test=test / 100),
    )


def random_80_20() -> Protocol:
    """
    Test a random fifth of the utterances: speaker-dependent, to reproduce published figures only.

    As in maelfabien/Multimodal-Emotion-Recognition, where the draw had no seed and the network was
    chosen on the test rows; here a tenth of all utterances is drawn for that from the rest.
    """
    return _random("random_80_20", 80, 20, "maelfabien/Multimodal-Emotion-Recognition")


def random_90_10() -> Protocol:
    """
    Test a random tenth of the utterances: speaker-dependent, to reproduce published figures only.

    As in the published code of DCNN-BLSTMwA, where the held-out rows also chose the epoch; here
    another tenth is drawn for that from the rest.
    """
    return _random("random_90_10", 90, 10, "the published code of DCNN-BLSTMwA")


def _redrawn(table: pd.DataFrame, seed: int) -> Iterable[Fold]:
    from sklearn.model_selection import StratifiedShuffleSplit

    emotions = column(table, "emotion", "shuffled_80_20")
    names, counts = np.unique(emotions, return_counts=True)
    rare = names[counts < 10]
    if len(rare):
        raise InputError(
            "shuffled_80_20 needs at least 10 utterances of each emotion to have it in all parts; "
            f"fewer of {listed(rare)}"
        )
    nothing = np.empty(0, dtype=int)
    splitter = StratifiedShuffleSplit(10, test_size=0.2, random_state=1 + seed)
    for i, (train, held) in enumerate(splitter.split(emotions, emotions)):
        fold = Fold(f"draw {i + 1}", np.sort(train), nothing, np.sort(held))
        yield drawn(fold, 0.125, 1 + seed, emotions)


def shuffled_80_20() -> Protocol:
    """
    Test a random fifth, stratified by emotion, ten times anew: speaker-dependent.

    As in RayanWang/Speech_emotion_recognition_BLSTM (``StratifiedShuffleSplit`` with random state
    1, which seed 0 gives here), to reproduce published figures only. The ten test sets overlap: it
    is not a cross-validation. A tenth of all utterances is drawn for development from the rest.
    """
    return Protocol(
        "shuffled_80_20",
        "ten redraws of 80/20 of utterances (speaker-dependent)",
        "Ten random draws of 20 % of the utterances, stratified by emotion, speakers in both "
        "parts, as in RayanWang/Speech_emotion_recognition_BLSTM; 10 % are drawn for development.",
        False,
        _redrawn,
    )
