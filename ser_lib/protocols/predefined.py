"""Protocols that divide as the corpus or a file says."""

import os
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
import pandas as pd

from ser_lib.csv_table import read_csv
from ser_lib.errors import InputError, listed
from ser_lib.identity import digest
from ser_lib.protocols.base import Fold, Protocol
from ser_lib.protocols.columns import required_column
from ser_lib.protocols.development import with_development
from ser_lib.protocols.parts import PARTS, named_folds, parts_of
from ser_lib.protocols.speaker_independent import rotate


@dataclass(frozen=True)
class Predefined(Protocol):
    """
    Divide as the corpus itself does, in its column ``split``.

    The column holds train, test and perhaps dev (one fold), or the names of folds that are tested
    in turn, each with the next for development. Words such as ``Training`` and ``val`` are
    understood. Without development rows, some are taken from
    training: whole speakers, about a fifth of the utterances (without speaker-disjointness: a
    random tenth)::

        split        train          dev    test        train          test
        predefined   train          dev    test   or   train | dev    test

    A vector of groups given to `split` holds that column. It names no speakers, so that the
    promise cannot be checked: give a whole corpus table, or set ``speaker_disjoint=False``.

    Parameters
    ----------
    speaker_disjoint : bool
        Whether to promise (and check) that no speaker is in two parts. False is for published
        splits that mix speakers and for corpora that do not know them.
    """

    name = "predefined"
    title = "predefined split"
    description = "The split that the corpus itself gives."
    groups_column = "split"

    _: KW_ONLY
    speaker_disjoint: bool = True

    def __post_init__(self) -> None:
        if not self.speaker_disjoint:
            object.__setattr__(self, "title", f"{self.title} (speaker-dependent)")

    def _folds(self, table: pd.DataFrame, seed: int) -> Iterable[Fold]:
        folds_of_rows = named_folds(table)
        if folds_of_rows is not None:
            classes = table["emotion"].to_numpy(dtype=object)
            folds = rotate(folds_of_rows, "fold ", classes)
        else:
            split = required_column(table, "split", self.name)
            part_of = parts_of(split, f"{self.name}: the column 'split' holds")
            split = np.array([part_of[value] for value in split], dtype=object)
            folds = [Fold("predefined", *(np.flatnonzero(split == part) for part in PARTS))]
        return [
            with_development(table, fold, seed, self.name, self.speaker_disjoint) for fold in folds
        ]

    def _table(self, X: object, y: object, groups: object) -> pd.DataFrame:
        table = super()._table(X, y, groups)
        if self.speaker_disjoint and "speaker" not in table:
            raise InputError(
                f"{self.name} promises unknown speakers, but groups names no speakers; expected a "
                "corpus table with the columns 'split' and 'speaker', or speaker_disjoint=False"
            )
        return table


# The columns of a split table, and other names of theirs.
_COLUMNS = {
    "utterance": ("utterance_id", "utt", "utt_id"),
    "fold": ("folds",),
    "part": ("split", "set", "subset", "partition", "split_set"),
}


def _checked_rows(rows: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return the columns of a split table as text; InputError if it is not a split table."""
    columns = list(_COLUMNS)
    missing = [name for name in columns if name not in rows]
    if missing:
        raise InputError(
            f"{where}: there is no column {listed(missing)}; found "
            f"{listed(rows.columns) or 'no columns'}"
        )
    if rows.empty:
        raise InputError(f"{where}: the table has no rows")
    rows = rows[columns]
    empty = rows.isna() | (rows == "")
    if empty.any(axis=None):
        first = int(np.flatnonzero(empty.any(axis=1))[0])
        names = listed(empty.columns[empty.iloc[first]])
        raise InputError(f"{where}: row {rows.index[first]} has no {names}")
    rows = rows.astype(str)
    part_of = parts_of(rows["part"], f"{where}: part")
    rows = rows.assign(part=[part_of[part] for part in rows["part"]])
    twice = rows[rows.duplicated(["utterance", "fold"])]
    if len(twice):
        first = twice.iloc[0]
        raise InputError(
            f"{where}: utterance {first['utterance']} is twice in fold {first['fold']} (row "
            f"{twice.index[0]})"
        )
    return rows


@dataclass(frozen=True)
class SplitFile(Protocol):
    """
    Divide as a table says that names the part of every utterance in every fold.

    Without development rows, a fold gets them from its training rows, as in `Predefined`. The
    protocol is identified by the content of the table, not by the name of the file::

        utterance,fold,part
        03a01Fa,03,test
        08a01Na,03,dev
        09a01Ab,03,train

    A vector of groups given to `split` holds the names of the utterances (with
    ``speaker_disjoint=False``; else give a whole corpus table).

    Parameters
    ----------
    path : path or pd.DataFrame
        CSV file, or table as `ser_lib.protocols.split_table` makes it: columns ``utterance, fold,
        part``, where part is train, dev or test, or another word for one of them (``Training``,
        ``val``). Files may be as spreadsheets save them; see `ser_lib.csv_table.read_csv`.
    speaker_disjoint : bool
        Whether to promise (and check) that no speaker is in two parts of a fold.

    Attributes
    ----------
    content : str
        SHA-256 of the rows of the table.

    Raises
    ------
    InputError
        If there is no such file, it lacks a column or has empty cells, a part is none of the
        three, or an utterance is twice in a fold. Unknown and missing utterances are found when a
        corpus is divided.
    """

    name = "split_file"
    title = "split file"
    description = "Folds read from a file."
    groups_column = "utterance"

    path: str | os.PathLike | pd.DataFrame = field(compare=False, repr=False)
    _: KW_ONLY
    speaker_disjoint: bool = True
    content: str = field(init=False)
    _rows: pd.DataFrame = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        is_table = isinstance(self.path, pd.DataFrame)
        rows = self.path if is_table else read_csv(self.path, _COLUMNS, where=self._where)
        rows = _checked_rows(rows, self._where)
        content = digest(sorted(rows.itertuples(index=False, name=None)))
        object.__setattr__(self, "content", content)
        object.__setattr__(self, "_rows", rows)
        if not self.speaker_disjoint:
            object.__setattr__(self, "title", f"{self.title} (speaker-dependent)")

    @property
    def _where(self) -> str:
        if isinstance(self.path, pd.DataFrame):
            return "split table"
        return f"split file {os.fspath(self.path)}"

    def _folds(self, table: pd.DataFrame, seed: int) -> Iterable[Fold]:
        utterances = pd.Index(table.index.astype(str))
        unknown = sorted(set(self._rows["utterance"]) - set(utterances))
        if unknown:
            raise InputError(
                f"{self._where}: {len(unknown)} utterances not in the corpus: {listed(unknown)}"
            )
        for name, rows in self._rows.groupby("fold", sort=False):
            missing = utterances.difference(rows["utterance"])
            if len(missing):
                raise InputError(
                    f"{self._where}, fold {name!r}: {len(missing)} utterances of the corpus are "
                    f"missing: {listed(missing)}; expected a row for each"
                )
            position = utterances.get_indexer(rows["utterance"])
            parts = (np.sort(position[(rows["part"] == part).to_numpy()]) for part in PARTS)
            fold = Fold(name, *parts)
            yield with_development(table, fold, seed, self.name, self.speaker_disjoint)
