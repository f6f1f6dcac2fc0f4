"""Take development rows from the training rows of a fold: whole speakers, or rows at random."""

import dataclasses
import itertools
import warnings
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from ser_lib.errors import InputError
from ser_lib.protocols.base import Fold
from ser_lib.protocols.columns import listed_groups, required_column, session_groups, sexes_of


def develop(fold: Fold, classes: np.ndarray, candidates: Iterable[np.ndarray]) -> Fold:
    """
    Move training rows to development: the first candidate that leaves every class in training.

    Parameters
    ----------
    fold : Fold
        Without development rows.
    classes : np.ndarray of str
        Class of every row of the corpus table.
    candidates : iterable of np.ndarray of bool [shape=(n,)]
        Which of the training rows may be moved, in the order of preference.

    Returns
    -------
    Fold
        Without any such candidate, with the first; without candidates, `fold` itself.
    """
    rows, first = fold.train, fold
    for held_out in candidates:
        made = dataclasses.replace(fold, train=rows[~held_out], development=rows[held_out])
        if set(classes[made.train]) == set(classes[rows]):
            return made
        first = made if first is fold else first
    return first


def balanced_folds(
    table: pd.DataFrame, speakers: np.ndarray, groups: np.ndarray, k: int
) -> np.ndarray:
    """
    Divide groups of speakers into k folds of about equally many utterances of each sex.

    If that puts a class into a single fold, which then cannot be held out, the folds have about
    equally many utterances of each class instead, where that puts all classes into several.

    Parameters
    ----------
    table : pd.DataFrame
        Corpus table.
    speakers : np.ndarray of str [shape=(n,)]
        Speaker of each row.
    groups : np.ndarray of str [shape=(n,)]
        What is not divided, as `session_groups` finds it; at least k different ones.
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
    classes = table["emotion"].to_numpy(dtype=str)

    def numbered(splits: Iterator) -> np.ndarray:
        numbers = np.full(len(table), -1)
        for number, (_, test) in enumerate(splits):
            numbers[test] = number
        return numbers

    def divisions() -> Iterator[np.ndarray]:
        # Stratifying by a single sex would balance nothing that GroupKFold does not balance
        # better.
        if len(set(sex)) > 1 and min(np.unique(sex, return_counts=True)[1]) >= k:
            yield numbered(StratifiedGroupKFold(k).split(sex, sex, groups))
        yield numbered(GroupKFold(k).split(sex, groups=groups))
        if max(np.unique(classes, return_counts=True)[1]) >= k:
            with warnings.catch_warnings():
                # Of classes with fewer than k rows, which are what this is for.
                warnings.simplefilter("ignore", UserWarning)
                yield numbered(StratifiedGroupKFold(k).split(classes, classes, groups))

    # Stratifying is greedy: with few speakers of one stratum it may leave a fold empty.
    made = (numbers for numbers in divisions() if len(set(numbers)) == k)
    first = next(made)
    spread = (n for n in itertools.chain([first], made) if _in_several(n, classes))
    return next(spread, first)


def _in_several(numbers: np.ndarray, classes: np.ndarray) -> bool:
    """Tell whether each of the classes is in two folds or more."""
    return all(len(set(numbers[classes == one])) > 1 for one in set(classes))


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
    fifths that `balanced_folds` makes, the first that leaves every class in training. Those who
    share a session stay together; InputError if there are no two training speakers who do not.
    """
    if len(fold.development) or not len(fold.train):
        return fold
    if not speaker_disjoint:
        return hold_out_rows(fold, 0.1, seed)
    rows = table.iloc[fold.train]
    speakers = required_column(rows, "speaker", protocol)
    groups = session_groups(rows, speakers)
    k = min(5, len(set(groups)))
    if k < 2:
        raise InputError(
            f"{protocol}, {fold.name!r}: there are no development rows, and to take some from the "
            "training rows these need at least two speakers who share no session; found "
            f"{listed_groups(groups, speakers)}"
        )
    numbers = balanced_folds(rows, speakers, groups, k)
    classes = table["emotion"].to_numpy(dtype=object)
    return develop(fold, classes, (numbers == i for i in range(k)))
