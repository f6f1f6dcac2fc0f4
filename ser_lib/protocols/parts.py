"""Understand the words by which people name the parts of a fold."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from ser_lib.csv_table import two_spellings
from ser_lib.errors import InputError, listed

PARTS = ("train", "dev", "test")
"""The parts of a fold as they are written in tables."""

_WORDS = {
    "train": ("train", "training", "trn"),
    "dev": ("dev", "devel", "development", "val", "valid", "validation"),
    "test": ("test", "testing", "tst"),
}
_PART_OF = {word: part for part, words in _WORDS.items() for word in words}
# How further words for parts begin: "evaluation" is development to some and test to others.
_LIKE_PARTS = re.compile("train|test|devel|valid|eval|hold[ _-]?out|held[ _-]?out")
# A number or "set" after the word: Test1, train_set.
_FORM = re.compile(r"([a-z]+?)[\s_-]*(?:(?:set|split|part)?[\s_-]*\d*)")


def _word(value: str) -> str:
    match = _FORM.fullmatch(str(value).strip().casefold())
    return match[1] if match else ""


def _is_like_part(value: str) -> bool:
    return _word(value) in _PART_OF or bool(_LIKE_PARTS.match(value.strip().casefold()))


def named_folds(table: pd.DataFrame) -> np.ndarray | None:
    """
    Return the column ``split`` if it names the folds of a cross-validation, else None.

    It does if every row has a value, there are at least two, and none is a word for train, dev or
    test. InputError if a fold is spelled in two ways.
    """
    if "split" not in table or table["split"].isna().any():
        return None
    names = table["split"].astype(str).to_numpy(dtype=object)
    distinct = set(names)
    if len(distinct) < 2 or any(_is_like_part(name) for name in distinct):
        return None
    for one, other in two_spellings(distinct):
        raise InputError(
            f"the column 'split' names folds {one!r} and {other!r}; expected one spelling of each"
        )
    return names


def parts_of(values: Iterable[str], where: str) -> dict[str, str]:
    """
    Find the part, one of `PARTS`, that each value means.

    Parameters
    ----------
    values : iterable of str
        As they stand in a table: ``Train``, ``validation``, ``Test1``.
    where : str
        Names the table in errors.

    Raises
    ------
    InputError
        For a value that is no word for a part, and for several that mean the same one: of
        ``Test1`` and ``Test2`` only one can be the test part.
    """
    values = sorted(set(map(str, values)))
    unknown = [value for value in values if _word(value) not in _PART_OF]
    if unknown:
        raise InputError(f"{where} {listed(unknown)}; expected {listed(PARTS)}")
    meant: dict[str, dict[str, str]] = {}
    for value in values:
        meant.setdefault(_PART_OF[_word(value)], {}).setdefault(value.strip().casefold(), value)
    for part, words in meant.items():
        if len(words) > 1:
            raise InputError(
                f"{where} {' and '.join(words.values())}, which both mean {part}; expected one "
                f"word for each of {listed(PARTS)}"
            )
    return {value: _PART_OF[_word(value)] for value in values}
