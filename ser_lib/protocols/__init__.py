"""
How a corpus is divided into training, development and test rows.

A protocol is made by a plain function, whose signature is its list of options, and knows what it
promises: with a speaker-disjoint one no speaker is in two parts of a fold, and a table that cannot
give that is refused. The protocols named *speaker-dependent* let speakers into both sides; they
exist only to reproduce published figures, and what they give says nothing about unknown speakers.

Every fold has development rows, from which a system chooses when to stop or which parameters to
use; systems without such choices may train on them.
"""

import inspect
import os
from collections.abc import Callable, Iterable

import pandas as pd

from ser_lib.errors import InputError, unknown
from ser_lib.protocols.base import Fold, Protocol
from ser_lib.protocols.predefined import predefined, split_file
from ser_lib.protocols.speaker_dependent import random_80_20, random_90_10, shuffled_80_20
from ser_lib.protocols.speaker_independent import (
    leave_one_pair_out,
    leave_one_session_out,
    leave_one_speaker_out,
    speaker_folds,
)

_PROTOCOLS: dict[str, Callable[..., Protocol]] = {
    make.__name__: make
    for make in (
        leave_one_speaker_out,
        speaker_folds,
        leave_one_session_out,
        leave_one_pair_out,
        predefined,
        split_file,
        random_80_20,
        random_90_10,
        shuffled_80_20,
    )
}


def names() -> tuple[str, ...]:
    """Name the protocols that `make` knows."""
    return tuple(_PROTOCOLS)


def make(name: str, **options: object) -> Protocol:
    """
    Make a protocol by its name.

    Parameters
    ----------
    name : str
        One of `names`.
    **options
        Arguments of the function of that name.

    Returns
    -------
    Protocol

    Raises
    ------
    InputError
        For an unknown name or option, with the nearest known one.

    Examples
    --------
    >>> make("speaker_folds", k=3).title
    '3 speaker-disjoint folds'
    """
    if name not in _PROTOCOLS:
        raise unknown("protocol", name, _PROTOCOLS)
    known = inspect.signature(_PROTOCOLS[name]).parameters
    for option in options:
        if option not in known:
            raise unknown(f"option of the protocol {name}", option, known)
    for option, parameter in known.items():
        if parameter.default is parameter.empty and option not in options:
            raise InputError(f"the protocol {name} needs the option {option!r}")
    return _PROTOCOLS[name](**options)


def split_table(folds: Iterable[Fold], table: pd.DataFrame) -> pd.DataFrame:
    """
    Write folds as a table that `split_file` reads.

    Parameters
    ----------
    folds : iterable of Fold
        Of a corpus.
    table : pd.DataFrame
        Its table.

    Returns
    -------
    pd.DataFrame of str
        ``utterance, fold, part``: one row for every utterance in every fold.
    """
    rows = [
        pd.DataFrame({"utterance": table.index[positions], "fold": fold.name, "part": part})
        for fold in folds
        for part, positions in fold.parts().items()
    ]
    return pd.concat(rows, ignore_index=True).sort_values(
        ["fold", "utterance"], kind="stable", ignore_index=True
    )


def read_split(path: str | os.PathLike) -> Protocol:
    """Read a split file as `split_file` does: folds written by anybody, speaker-disjoint."""
    return split_file(path)
