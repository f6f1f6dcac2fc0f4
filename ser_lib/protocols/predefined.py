"""Protocols that divide as the corpus or a file says."""

import os
from collections.abc import Iterable
from functools import partial

import numpy as np
import pandas as pd

from ser_lib.errors import InputError
from ser_lib.identity import digest
from ser_lib.protocols.base import (
    PARTS,
    Fold,
    Protocol,
    column,
    fold_of_groups,
    hold_out_speakers,
    listed,
    natural,
)
from ser_lib.protocols.speaker_dependent import drawn
from ser_lib.protocols.speaker_independent import named_folds, rotate


def _with_development(
    table: pd.DataFrame, fold: Fold, seed: int, protocol: str, speaker_disjoint: bool
) -> Fold:
    """Give a fold without development rows some of its training rows."""
    if len(fold.development) or not len(fold.train):
        return fold
    if speaker_disjoint:
        return hold_out_speakers(table, fold, protocol)
    return drawn(fold, 0.1, seed)


def _title(title: str, speaker_disjoint: bool) -> str:
    return title if speaker_disjoint else f"{title} (speaker-dependent)"


def _as_predefined(table: pd.DataFrame, seed: int, *, speaker_disjoint: bool) -> Iterable[Fold]:
    protocol = "predefined"
    named = named_folds(table)
    if named is not None:
        names = sorted(set(named), key=natural)
        folds = [fold_of_groups(f"fold {n}", named, [n], []) for n in names]
        if len(names) > 2:
            folds = rotate(names, named, "fold ")
        return [_with_development(table, fold, seed, protocol, speaker_disjoint) for fold in folds]
    split = column(table, "split", protocol)
    strange = sorted(set(split) - set(PARTS))
    if strange:
        raise InputError(
            f"{protocol}: the column 'split' holds {listed(sorted(set(split)))}; expected "
            "train, test and perhaps dev, or names of at least two folds"
        )
    fold = Fold("predefined", *(np.flatnonzero(split == part) for part in PARTS))
    return [_with_development(table, fold, seed, protocol, speaker_disjoint)]


def predefined(*, speaker_disjoint: bool = True) -> Protocol:
    """
    Divide as the corpus itself does, in its column ``split``.

    The column holds train, test and perhaps dev, or the names of folds that are tested in turn,
    each with the next for development. Without development rows, some are taken from training:
    whole speakers, about a fifth of the utterances (without speaker-disjointness: a random tenth).

    Parameters
    ----------
    speaker_disjoint : bool
        Whether to promise (and check) that no speaker is in two parts. False is for published
        splits that mix speakers and for corpora that do not know them.
    """
    return Protocol(
        "predefined",
        _title("predefined split", speaker_disjoint),
        "The split that the corpus itself gives.",
        speaker_disjoint,
        partial(_as_predefined, speaker_disjoint=speaker_disjoint),
        {"speaker_disjoint": speaker_disjoint},
    )


def _read_csv(path: str | os.PathLike) -> pd.DataFrame:
    try:
        # Names such as "03" or "NA" are to stay what they are; Excel puts a mark before UTF-8.
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"split file {os.fspath(path)}: there is no such file") from None
    except (OSError, ValueError) as error:
        raise InputError(f"split file {os.fspath(path)}: not a CSV table: {error}") from None


def _as_written(
    table: pd.DataFrame, seed: int, *, rows: pd.DataFrame, what: str, speaker_disjoint: bool
) -> Iterable[Fold]:
    utterances = pd.Index(table.index.astype(str))
    strange = sorted(set(rows["utterance"]) - set(utterances))
    if strange:
        raise InputError(f"{what}: {len(strange)} utterances not in the corpus: {listed(strange)}")
    for name, part in rows.groupby("fold", sort=False):
        missing = utterances.difference(part["utterance"])
        if len(missing):
            raise InputError(
                f"{what}, fold {name!r}: {len(missing)} utterances of the corpus are missing: "
                f"{listed(missing)}; expected a row for each"
            )
        position = utterances.get_indexer(part["utterance"])
        fold = Fold(name, *(np.sort(position[(part["part"] == p).to_numpy()]) for p in PARTS))
        yield _with_development(table, fold, seed, "split_file", speaker_disjoint)


def split_file(
    path: str | os.PathLike | pd.DataFrame, *, speaker_disjoint: bool = True
) -> Protocol:
    """
    Divide as a table says that names the part of every utterance in every fold.

    Without development rows, a fold gets them from its training rows, as in `predefined`.

    Parameters
    ----------
    path : path or pd.DataFrame
        CSV file, or table as `split_table` makes it: columns ``utterance, fold, part``, where part
        is train, dev or test.
    speaker_disjoint : bool
        Whether to promise (and check) that no speaker is in two parts of a fold.

    Raises
    ------
    InputError
        If there is no such file, it lacks a column or has empty cells, a part is none of the
        three, or an utterance is twice in a fold. Unknown and missing utterances are found when a
        corpus is divided.
    """
    if isinstance(path, pd.DataFrame):
        what, rows = "split table", path
    else:
        what, rows = f"split file {os.fspath(path)}", _read_csv(path)
    wanted = ["utterance", "fold", "part"]
    missing = [name for name in wanted if name not in rows]
    if missing:
        found = listed(rows.columns)
        raise InputError(f"{what}: there is no column {listed(missing)}; found {found}")
    if rows.empty:
        raise InputError(f"{what}: the table has no rows")
    rows = rows[wanted]
    empty = rows.isna() | (rows == "")
    if empty.any(axis=None):
        line = int(np.flatnonzero(empty.any(axis=1))[0])
        raise InputError(f"{what}: row {line + 1} has no {listed(empty.columns[empty.iloc[line]])}")
    rows = rows.astype(str)
    strange = sorted(set(rows["part"]) - set(PARTS))
    if strange:
        raise InputError(f"{what}: part {listed(strange)}; expected {listed(PARTS)}")
    twice = rows[rows.duplicated(["utterance", "fold"])]
    if len(twice):
        first = twice.iloc[0]
        raise InputError(f"{what}: utterance {first['utterance']} is twice in fold {first['fold']}")
    content = digest(sorted(rows.itertuples(index=False, name=None)))
    return Protocol(
        "split_file",
        _title("split file", speaker_disjoint),
        "Folds read from a file.",
        speaker_disjoint,
        partial(_as_written, rows=rows, what=what, speaker_disjoint=speaker_disjoint),
        {"content": content, "speaker_disjoint": speaker_disjoint},
    )
