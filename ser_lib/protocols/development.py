"""Take development rows from the training rows of a fold: whole speakers, or rows at random."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from ser_lib.errors import InputError, listed
from ser_lib.protocols.base import Fold
from ser_lib.protocols.columns import required_column, sexes_of


def balanced_folds(table: pd.DataFrame, speakers: np.ndarray, k: int) -> np.ndarray:
    """
    Divide speakers into k folds of about equally many utterances of each sex.

    Parameters
    ----------
    table : pd.DataFrame
        Corpus table.
    speakers : np.ndarray of str [shape=(n,)]
        Speaker of each row, of at least k different ones.
    k : int > 1
        Number of folds.

    Returns
    -------
    np.ndarray of int [shape=(n,)]
        Fold of each row, 0 to k - 1, the same on every machine.
    """
    from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

    sexes = sexes_of(table, speakers)
    sex = np.array([sexes[speaker] or "unknown" for speaker in speakers])

    def numbered(splits: Iterator) -> np.ndarray:
        numbers = np.full(len(table), -1)
        for number, (_, test) in enumerate(splits):
            numbers[test] = number
        return numbers

    # Stratifying by a single sex would balance nothing that GroupKFold does not balance better,
    # and it is greedy: with few speakers of one sex it may leave a fold empty.
    if len(set(sex)) > 1 and min(np.unique(sex, return_counts=True)[1]) >= k:
        numbers = numbered(StratifiedGroupKFold(k).split(sex, sex, speakers))
        if len(set(numbers)) == k:
            return numbers
    return numbered(GroupKFold(k).split(sex, groups=speakers))


def hold_out_rows(fold: Fold, fraction: float, seed: int, strata: np.ndarray | None = None) -> Fold:
    """
    Move a random `fraction` of the training rows to development, whoever the speaker is.

    `strata`, the class of every row of the corpus table, makes the draw stratified.
    """
    from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

    draw = ShuffleSplit if strata is None else StratifiedShuffleSplit
    splitter = draw(1, test_size=fraction, random_state=seed)
    y = None if strata is None else strata[fold.train]
    rest, held_out = next(splitter.split(fold.train, y))
    return Fold(fold.name, fold.train[np.sort(rest)], fold.train[np.sort(held_out)], fold.test)


def with_development(
    table: pd.DataFrame, fold: Fold, seed: int, protocol: str, speaker_disjoint: bool
) -> Fold:
    """
    Give a fold without development rows some of its training rows.

    A random tenth or, where speakers are to be disjoint, whole speakers with about a fifth: of the
    fifths that `balanced_folds` makes, the first that leaves every class in training. InputError if
    there are fewer than two training speakers.
    """
    if len(fold.development) or not len(fold.train):
        return fold
    if not speaker_disjoint:
        return hold_out_rows(fold, 0.1, seed)
    rows = table.iloc[fold.train]
    speakers = required_column(rows, "speaker", protocol)
    k = min(5, len(set(speakers)))
    if k < 2:
        raise InputError(
            f"{protocol}, {fold.name!r}: there are no development rows, and to take some from the "
            f"training rows these need at least two speakers; found {listed(sorted(set(speakers)))}"
        )
    numbers = balanced_folds(rows, speakers, k)
    emotions = rows["emotion"].to_numpy(dtype=object)
    complete = (i for i in range(k) if set(emotions[numbers != i]) == set(emotions))
    held_out = numbers == next(complete, 0)
    return Fold(fold.name, fold.train[~held_out], fold.train[held_out], fold.test)
