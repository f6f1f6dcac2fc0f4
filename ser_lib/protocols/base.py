"""Folds, and what all protocols have in common: the checks, and scikit-learn's interface."""

import abc
import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from ser_lib.errors import InputError, listed, warn
from ser_lib.protocols.columns import (
    NO_CONVERSATION,
    known_sessions,
    natural_key,
    required_column,
)


@dataclass(frozen=True, eq=False)
class Fold:
    """
    One division of a corpus into training, development and test rows.

    Attributes
    ----------
    name : str
        What is tested: ``"03"``, ``"fold 2"``, ``"03+08"``, ``"session 1"``.
    train, development, test : np.ndarray of int [shape=(n,)]
        Positions of rows in the corpus table, ascending. A system is trained on the training rows;
        the development rows choose (when to stop, which parameters); the test rows are scored once.
    development_trains : bool
        Whether a system that chooses nothing by development rows is trained on them as well. Not
        where they are too close to the test rows: where speakers are to be unknown, `Protocol`
        keeps those out who share a session with a test speaker, as the other side of a dialogue.
    """

    name: str
    train: np.ndarray
    development: np.ndarray
    test: np.ndarray
    development_trains: bool = True

    @property
    def trainable(self) -> np.ndarray:
        """The rows, ascending, on which a system is trained that needs no development rows."""
        if not self.development_trains:
            return self.train
        return np.sort(np.concatenate([self.train, self.development]))

    def parts(self) -> dict[str, np.ndarray]:
        """Return the positions by the names of `ser_lib.protocols.parts.PARTS`."""
        return {"train": self.train, "dev": self.development, "test": self.test}


def fold_of_groups(name: str, groups: np.ndarray, test: Sequence, development: Sequence) -> Fold:
    """Make a fold of whole groups; those that are not named are for training."""
    in_test, in_development = np.isin(groups, list(test)), np.isin(groups, list(development))
    in_train = ~(in_test | in_development)
    return Fold(name, *(np.flatnonzero(part) for part in (in_train, in_development, in_test)))


def _common(sessions: np.ndarray, one: np.ndarray, other: np.ndarray) -> list[str]:
    """List the known sessions that have rows on both sides."""
    return sorted((set(sessions[one]) & set(sessions[other])) - {None}, key=natural_key)


def _apart_from_test(fold: Fold, sessions: np.ndarray, where: str) -> Fold:
    """Keep development rows that share a session with test rows out of training."""
    if not _common(sessions, fold.development, fold.test):
        return fold
    if not len(fold.train):
        raise InputError(
            f"{where}: everybody else shares a session with a tested speaker, and nobody is left "
            f"for training; expected speakers of other sessions; {NO_CONVERSATION}"
        )
    return dataclasses.replace(fold, development_trains=False)


def _warn_of_divided_sessions(folds: Sequence[Fold], sessions: np.ndarray, protocol: str) -> None:
    """Give one `InputWarning` if sessions have rows in training and test of a fold."""
    divided = {fold.name: _common(sessions, fold.train, fold.test) for fold in folds}
    names = [name for name, common in divided.items() if common]
    if names:
        warn(
            f"{protocol}: {len(names)} of {len(folds)} folds have sessions in training and in "
            f"test, the first is fold {names[0]!r} with {listed(divided[names[0]])}; expected each "
            f"session on one side, else the score may be too high: {NO_CONVERSATION}"
        )


def _who_has(lacking: Sequence[str], emotions: np.ndarray, speakers: np.ndarray, fold: Fold) -> str:
    """Tell which speakers alone have the classes that training lacks, and what is left to do."""
    others = "" if fold.development_trains else " who share no session with these"
    of = {emotion: sorted(set(speakers[emotions == emotion])) for emotion in lacking}
    found = "; ".join(
        f"{emotion} is of {len(own)} {'speaker' if len(own) == 1 else 'speakers'} alone "
        f"({listed(own)})"
        for emotion, own in of.items()
    )
    return f": {found}. Leave such a class out of the table, or add speakers of it{others}"


def _check_parts(fold: Fold, names: pd.Index, speakers: np.ndarray | None, where: str) -> None:
    """Refuse a fold with an empty part, or parts that share rows or one of the `speakers`."""
    parts = fold.parts()
    for part, rows in parts.items():
        if not len(rows):
            raise InputError(f"{where}: there are no {part} rows")
    for one, other in (("train", "test"), ("dev", "test"), ("train", "dev")):
        shared = names[np.intersect1d(parts[one], parts[other])]
        if len(shared):
            raise InputError(f"{where}: utterances in both {one} and {other}: {listed(shared)}")
    if speakers is not None:
        train, dev, test = (set(speakers[rows]) for rows in parts.values())
        both = sorted(((train | dev) & test) or (train & dev), key=natural_key)
        if both:
            which = "train or dev and in test" if test & set(both) else "train and in dev"
            raise InputError(
                f"{where}: the protocol promises unknown speakers, but these are in {which}: "
                f"{listed(both)}"
            )


@dataclass(frozen=True)
class Protocol(abc.ABC):
    """
    A way to divide a corpus into folds, and what it promises; a splitter of scikit-learn.

    A subclass is a frozen dataclass whose fields are its options. It states the attributes below
    and defines ``_folds``; it is found by its name, so that a new protocol is one class.

    Attributes
    ----------
    name : str
        As `ser_lib.protocols.make` knows it.
    title : str
        As readers see it; says "speaker-dependent" where that is so.
    description : str
        What is tested, and where the development rows come from.
    speaker_disjoint : bool
        Whether no speaker is in two parts of a fold; checked on every fold made.
    groups_column : str or None
        What a vector of groups given to `split` holds: a column of the corpus table, or
        "utterance" for its index; None if no groups are needed.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    description: ClassVar[str]
    speaker_disjoint: ClassVar[bool]
    groups_column: ClassVar[str | None] = "speaker"

    @abc.abstractmethod
    def _folds(self, table: pd.DataFrame, seed: int) -> Iterable[Fold]:
        """Make the folds of a table with unique utterances and at least two emotions."""

    def folds(self, table: pd.DataFrame, *, seed: int = 0) -> list[Fold]:
        """
        Divide a corpus into folds of training, development and test rows.

        Parameters
        ----------
        table : pd.DataFrame
            Corpus table: index ``utterance``, columns ``emotion`` and, as the protocol needs them,
            ``speaker``, ``sex``, ``session``, ``split``.
        seed : int
            Seed of protocols that draw at random; the others give the same folds under all.

        Raises
        ------
        InputError
            If the table cannot give what the protocol promises: utterances or emotions are
            missing, a part is empty, shares rows or (where promised not to) speakers with another,
            or training lacks a class of the corpus.

        Warns
        -----
        InputWarning
            If speakers are to be unknown, but speakers of one session are in training and in test.
        """
        if not table.index.is_unique:
            twice = table.index[table.index.duplicated()].unique()
            raise InputError(f"utterances occur twice in the corpus table: {listed(twice)}")
        emotions = required_column(table, "emotion", self.name)
        classes = sorted(set(emotions))
        if len(classes) < 2:
            raise InputError(f"{self.name} needs at least two emotions; found {listed(classes)}")
        folds = list(self._folds(table, seed))
        speakers = required_column(table, "speaker", self.name) if self.speaker_disjoint else None
        sessions = known_sessions(table)
        for i, fold in enumerate(folds):
            where = f"{self.name}, fold {fold.name!r}"
            if speakers is not None:
                fold = folds[i] = _apart_from_test(fold, sessions, where)
            _check_parts(fold, table.index, speakers, where)
            lacking = sorted(set(classes) - set(emotions[fold.train]))
            if lacking:
                remedy = "" if speakers is None else _who_has(lacking, emotions, speakers, fold)
                raise InputError(
                    f"{where}: there is no training row of {listed(lacking)}; expected all of "
                    f"{listed(classes, 12)}{remedy}"
                )
        if speakers is not None:
            _warn_of_divided_sessions(folds, sessions, self.name)
        return folds

    def split(
        self, X: object, y: object = None, groups: object = None
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """
        Generate training and test rows as scikit-learn's splitters do.

        ``cross_validate(estimator, X, y, groups=speakers, cv=LeaveOneSpeakerOut())`` works, and so
        does ``cv=`` of `GridSearchCV`. scikit-learn knows no development rows: here they join the
        training rows, if the fold lets them. A protocol that draws at random uses seed 0.

        Parameters
        ----------
        X : array-like [shape=(n, ...)]
            Features; only their number is used.
        y : array-like [shape=(n,)], optional
            Classes; needed unless `groups` is a table with a column ``emotion``.
        groups : array-like [shape=(n,)] or pd.DataFrame, optional
            For each row the value of `groups_column`: the speaker with most protocols. Or a whole
            corpus table, whose rows are those of `X`; then all columns are used.

        Yields
        ------
        train, test : np.ndarray of int
            Positions of rows, ascending.

        Raises
        ------
        InputError
            As `folds`; or if lengths differ, or groups or classes are missing.
        """
        for fold in self.folds(self._table(X, y, groups)):
            yield fold.trainable, fold.test

    def get_n_splits(self, X: object = None, y: object = None, groups: object = None) -> int:
        """Return the number of folds; the parameters are those of `split`."""
        return len(self.folds(self._table(X, y, groups)))

    def get_metadata_routing(self) -> object:
        """Tell scikit-learn, where metadata routing is enabled, that `split` takes ``groups``."""
        from sklearn.utils.metadata_routing import MetadataRequest

        request = MetadataRequest(owner=type(self).__name__)
        request.split.add_request(param="groups", alias=True)
        return request

    def _table(self, X: object, y: object, groups: object) -> pd.DataFrame:
        """Bring the arguments of `split` into the form of a corpus table."""
        given = {"X": X, "y": y, "groups": groups}
        lengths = {
            name: values.shape[0] if hasattr(values, "shape") else len(values)
            for name, values in given.items()
            if values is not None
        }
        if len(set(lengths.values())) > 1:
            rows = ", ".join(f"{name} {n}" for name, n in lengths.items())
            raise InputError(f"{self.name}: expected equally many rows; found {rows}")
        if isinstance(groups, pd.DataFrame):
            table = groups
        else:
            n = max(lengths.values(), default=0)
            table = pd.DataFrame(index=pd.RangeIndex(n).astype(str).rename("utterance"))
            if self.groups_column is not None:
                if groups is None:
                    raise InputError(
                        f"{self.name} needs groups: the {self.groups_column} of every row, or a "
                        "corpus table"
                    )
                if self.groups_column == "utterance":
                    table.index = pd.Index(np.asarray(groups), name="utterance")
                else:
                    table[self.groups_column] = np.asarray(groups)
        if "emotion" not in table:
            if y is None:
                raise InputError(f"{self.name} needs y, the class of every row")
            table = table.assign(emotion=np.asarray(y))
        return table

    def identity(self) -> dict:
        """Return name and options in plain values: what tells one protocol from another."""
        options = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.compare}
        return {"name": self.name, **options}
