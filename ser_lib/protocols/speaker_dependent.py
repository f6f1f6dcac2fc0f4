"""Protocols that draw utterances at random, whoever the speaker is: for published figures only."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from ser_lib.errors import InputError, listed
from ser_lib.protocols.base import Fold, Protocol
from ser_lib.protocols.columns import required_column
from ser_lib.protocols.development import hold_out_rows


class _RandomDraws(Protocol):
    """Draw test rows, then a tenth of all for development from the rest, whoever the speakers."""

    speaker_disjoint = False
    groups_column = None
    test_size: ClassVar[float] = 0.2
    draws: ClassVar[int] = 1

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Return the number of draws; the parameters are not used."""
        return self.draws

    def _folds(self, table: pd.DataFrame, seed: int) -> Iterable[Fold]:
        from sklearn.model_selection import ShuffleSplit

        splitter = ShuffleSplit(self.draws, test_size=self.test_size, random_state=seed)
        return self._drawn(splitter.split(np.arange(len(table))), seed)

    def _drawn(
        self, splits: Iterable[tuple], seed: int, strata: np.ndarray | None = None
    ) -> Iterable[Fold]:
        """Make a fold of each draw of training and test rows."""
        for i, (train, test) in enumerate(splits):
            fold = Fold(f"draw {i + 1}", np.sort(train), train[:0], np.sort(test))
            yield hold_out_rows(fold, 0.1 / (1 - self.test_size), seed, strata)


@dataclass(frozen=True)
class Random8020(_RandomDraws):
    """
    Test a random fifth of the utterances: speaker-dependent, to reproduce published figures only.

    As in maelfabien/Multimodal-Emotion-Recognition, where the network was chosen on the test rows
    of a draw without a seed (that of the SVM had one); here a tenth of all utterances is drawn for
    that from the rest::

        every speaker   70 % train, 10 % dev, 20 % test
    """

    name = "random_80_20"
    title = "random 80/20 of utterances (speaker-dependent)"
    description = (
        "One random draw of 20 % of the utterances, speakers in both parts, as in "
        "maelfabien/Multimodal-Emotion-Recognition; 10 % are drawn for development from the rest."
    )


@dataclass(frozen=True)
class Random9010(_RandomDraws):
    """
    Test a random tenth of the utterances: speaker-dependent, to reproduce published figures only.

    As in the published code of DCNN-BLSTMwA, where the held-out rows also chose the epoch; here
    another tenth is drawn for that from the rest::

        every speaker   80 % train, 10 % dev, 10 % test
    """

    name = "random_90_10"
    title = "random 90/10 of utterances (speaker-dependent)"
    description = (
        "One random draw of 10 % of the utterances, speakers in both parts, as in the published "
        "code of DCNN-BLSTMwA; 10 % are drawn for development from the rest."
    )
    test_size = 0.1


@dataclass(frozen=True)
class Shuffled8020(_RandomDraws):
    """
    Test a random fifth, stratified by emotion, ten times anew: speaker-dependent.

    As in RayanWang/Speech_emotion_recognition_BLSTM (``StratifiedShuffleSplit`` with random state
    1, which seed 0 gives here), to reproduce published figures only. The ten test sets overlap: it
    is not a cross-validation. A tenth of all utterances is drawn for development from the rest::

        every emotion   70 % train, 10 % dev, 20 % test   (in each of ten draws)
    """

    name = "shuffled_80_20"
    title = "ten redraws of 80/20 of utterances (speaker-dependent)"
    description = (
        "Ten random draws of 20 % of the utterances, stratified by emotion, speakers in both "
        "parts, as in RayanWang/Speech_emotion_recognition_BLSTM; 10 % are drawn for development."
    )
    draws = 10

    def _folds(self, table: pd.DataFrame, seed: int) -> Iterable[Fold]:
        from sklearn.model_selection import StratifiedShuffleSplit

        emotions = required_column(table, "emotion", self.name)
        names, counts = np.unique(emotions, return_counts=True)
        rare = names[counts < 10]
        if len(rare):
            raise InputError(
                f"{self.name} needs at least 10 utterances of each emotion to have it in all "
                f"parts; fewer of {listed(rare)}"
            )
        seed = 1 + seed
        splitter = StratifiedShuffleSplit(self.draws, test_size=self.test_size, random_state=seed)
        return self._drawn(splitter.split(emotions, emotions), seed, emotions)
