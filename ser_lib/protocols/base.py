"""What every protocol is made of: folds, who speaks in which row, and promises that are kept."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ser_lib.errors import InputError

PARTS = ("train", "dev", "test")
"""The parts of a fold as they are written in tables."""


@dataclass(frozen=True, eq=False)
class Fold:
    """
    One division of a corpus.

    Attributes
    ----------
    name : str
        Says what is tested: ``"03"``, ``"fold 2"``, ``"03+08"``, ``"session 1"``.
    train, development, test : np.ndarray of int [shape=(n,)]
        Positions of rows in the corpus table, ascending. Training rows teach, development rows
        choose (when to stop, which parameters), test rows are scored once.
    """

    name: str
    train: np.ndarray
    development: np.ndarray
    test: np.ndarray

    def parts(self) -> dict[str, np.ndarray]:
        """Return the positions by the names of `PARTS`."""
        return {"train": self.train, "dev": self.development, "test": self.test}


def fold_of_groups(name: str, groups: np.ndarray, test: Sequence, development: Sequence) -> Fold:
    """Make a fold of whole groups; those that are not named are for training."""
    in_test, in_development = np.isin(groups, list(test)), np.isin(groups, list(development))
    rest = ~(in_test | in_development)
    return Fold(name, *(np.flatnonzero(part) for part in (rest, in_development, in_test)))


def listed(values: Sequence, most: int = 10) -> str:
    """Write some of `values` into a message."""
    values = [str(value) for value in values]
    more = f" and {len(values) - most} more" if len(values) > most else ""
    return ", ".join(values[:most]) + more


def natural(name: str) -> tuple:
    """Sort key by which "fold 2" comes before "fold 10"."""
    return tuple(
        (int(s), "") if s.isdigit() else (-1, s) for s in re.split(r"(\d+)", str(name)) if s
    )


def column(table: pd.DataFrame, name: str, protocol: str) -> np.ndarray:
    """
    Take a column that a protocol cannot do without.

    Parameters
    ----------
    table : pd.DataFrame
        Corpus table, index ``utterance``.
    name : str
        Of the column.
    protocol : str
        Who asks.

    Returns
    -------
    np.ndarray of str [shape=(n,)]

    Raises
    ------
    InputError
        If the column is not there or has gaps.
    """
    if name not in table:
        found = listed(table.columns)
        raise InputError(f"{protocol} needs the column {name!r} in the corpus table; found {found}")
    values = table[name]
    gaps = values.isna()
    if gaps.any():
        raise InputError(
            f"{protocol} needs the {name} of every utterance; {int(gaps.sum())} of {len(table)} "
            f"have none, the first is {str(table.index[gaps][0])!r}"
        )
    return values.astype(str).to_numpy(dtype=object)


def groups_of(table: pd.DataFrame, name: str, protocol: str, least: int) -> np.ndarray:
    """Take a `column` and check that it has at least `least` different values."""
    values = column(table, name, protocol)
    distinct = sorted(set(values))
    if len(distinct) < least:
        raise InputError(
            f"{protocol} needs at least {least} {name}s; found {len(distinct)}: {listed(distinct)}"
        )
    return values


def sexes_of(table: pd.DataFrame, speakers: np.ndarray) -> dict[str, str | None]:
    """
    Say of which sex each speaker is; None where the table does not know.

    Raises
    ------
    InputError
        If a speaker has two.
    """
    values = table["sex"] if "sex" in table else pd.Series(None, index=table.index, dtype=object)
    pairs = pd.DataFrame({"speaker": speakers, "sex": values.to_numpy(dtype=object)})
    known = pairs.dropna().drop_duplicates()
    twice = sorted(known.loc[known["speaker"].duplicated(), "speaker"])
    if twice:
        raise InputError(f"the corpus table gives two sexes to speakers {listed(twice)}")
    sexes = dict(zip(known["speaker"], known["sex"], strict=True))
    return {speaker: sexes.get(speaker) for speaker in sorted(set(speakers))}


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


def hold_out_speakers(table: pd.DataFrame, fold: Fold, protocol: str) -> Fold:
    """
    Take development speakers, about a fifth of the utterances, out of the training rows.

    Of the fifths that `balanced_folds` makes, the first that leaves every class in training.

    Raises
    ------
    InputError
        If there are fewer than two training speakers.
    """
    rows = table.iloc[fold.train]
    speakers = column(rows, "speaker", protocol)
    n = len(set(speakers))
    if n < 2:
        raise InputError(
            f"{protocol}, {fold.name!r}: there are no development rows, and to take some from the "
            f"training rows these need at least two speakers; found {listed(sorted(set(speakers)))}"
        )
    numbers = balanced_folds(rows, speakers, min(5, n))
    emotions = rows["emotion"].to_numpy(dtype=object)
    complete = [i for i in range(min(5, n)) if set(emotions[numbers != i]) == set(emotions)]
    held = numbers == (complete[0] if complete else 0)
    return Fold(fold.name, fold.train[~held], fold.train[held], fold.test)


def check_table(table: pd.DataFrame, protocol: str) -> None:
    """Raise an InputError unless utterances are unique and have at least two emotions."""
    if not table.index.is_unique:
        twice = table.index[table.index.duplicated()].unique()
        raise InputError(f"utterances occur twice in the corpus table: {listed(twice)}")
    emotions = sorted(set(column(table, "emotion", protocol)))
    if len(emotions) < 2:
        raise InputError(f"{protocol} needs at least two emotions; found {listed(emotions)}")


def check_folds(table: pd.DataFrame, folds: Sequence[Fold], protocol: str, disjoint: bool) -> None:
    """
    Check that folds are what a protocol promised.

    Parameters
    ----------
    table : pd.DataFrame
        Corpus table.
    folds : sequence of Fold
        What the protocol made of it.
    protocol : str
        Its name.
    disjoint : bool
        Whether it promised that no speaker is in two parts of a fold.

    Raises
    ------
    InputError
        If a part is empty, shares rows or (where promised not to) speakers with another, or
        training lacks a class of the corpus.
    """
    emotions = table["emotion"].astype(str).to_numpy(dtype=object)
    classes = set(emotions)
    speakers = column(table, "speaker", protocol) if disjoint else None
    for fold in folds:
        where = f"{protocol}, fold {fold.name!r}"
        parts = fold.parts()
        for part, rows in parts.items():
            if not len(rows):
                raise InputError(f"{where}: there are no {part} rows")
        for one, other in (("train", "test"), ("dev", "test"), ("train", "dev")):
            shared = np.intersect1d(parts[one], parts[other])
            if len(shared):
                names = listed(table.index[shared])
                raise InputError(f"{where}: utterances in both {one} and {other}: {names}")
        if disjoint:
            train, dev, test = (set(speakers[rows]) for rows in parts.values())
            both = sorted(((train | dev) & test) or (train & dev), key=natural)
            if both:
                which = "train or dev and in test" if test & set(both) else "train and in dev"
                raise InputError(
                    f"{where}: the protocol promises unknown speakers, but these are in {which}: "
                    f"{listed(both)}"
                )
        lacking = classes - set(emotions[fold.train])
        if lacking:
            raise InputError(
                f"{where}: there is no training row of {listed(sorted(lacking))}; "
                f"expected all of {listed(sorted(classes), 12)}"
            )


@dataclass(frozen=True)
class Protocol:
    """
    A way to divide a corpus, and what it promises.

    Attributes
    ----------
    name : str
        As `make` knows it.
    title : str
        As readers see it; says "speaker-dependent" where that is so.
    description : str
        What is tested, and where the development rows come from.
    speaker_disjoint : bool
        Whether no speaker is in two parts of a fold; checked on every fold made.
    splitter : callable
        Takes the corpus table and a seed, gives folds.
    options : mapping
        What it was made with.
    """

    name: str
    title: str
    description: str
    speaker_disjoint: bool
    splitter: Callable[[pd.DataFrame, int], Iterable[Fold]] = field(repr=False, compare=False)
    options: Mapping[str, object] = field(default_factory=dict, hash=False)

    def folds(self, table: pd.DataFrame, *, seed: int = 0) -> list[Fold]:
        """
        Divide a corpus.

        Parameters
        ----------
        table : pd.DataFrame
            Corpus table: index ``utterance``, columns ``emotion`` and, as the protocol needs them,
            ``speaker``, ``sex``, ``session``, ``split``.
        seed : int
            Of the draw, for the protocols that draw at random; the others are the same under all.

        Returns
        -------
        list of Fold

        Raises
        ------
        InputError
            If the table cannot give what the protocol promises.
        """
        check_table(table, self.name)
        folds = list(self.splitter(table, seed))
        check_folds(table, folds, self.name, self.speaker_disjoint)
        return folds

    def identity(self) -> dict:
        """Return name and options in plain values."""
        return {"name": self.name, **self.options}
