"""
How a corpus is divided into training, development and test rows.

A protocol is a class whose parameters are its options, and states what it promises: with a
speaker-disjoint one no speaker is in two parts of a fold, and a table that cannot give that is
refused. The protocols named *speaker-dependent* let speakers into both sides; they exist only to
reproduce published figures, and their scores say nothing about unknown speakers.

Every fold has development rows, from which a system chooses when to stop or which parameters to
use; systems without such choices may train on them. Protocols are splitters of scikit-learn as
well:

>>> from sklearn.model_selection import cross_validate                      # doctest: +SKIP
>>> cross_validate(estimator, X, y, groups=speakers, cv=LeaveOneSpeakerOut())  # doctest: +SKIP

To add a protocol, add a class with a ``name`` to a file of this package.
"""

import dataclasses
import os
from collections.abc import Iterable

import pandas as pd

from ser_lib.errors import InputError, unknown
from ser_lib.protocols.base import Fold, Protocol
from ser_lib.registry import Registry

_REGISTRY = Registry("protocol", __name__)

names = _REGISTRY.names
get = _REGISTRY.get

__all__ = [
    *("Fold", "Protocol", "get", "make", "names", "read_split", "split_table"),
    *_REGISTRY.classes(),
]


def __getattr__(name: str) -> type[Protocol]:
    if name in _REGISTRY.classes():
        return get(_REGISTRY.classes()[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


def make(name: str, **options: object) -> Protocol:
    """
    Make a protocol of one of `names`, with parameters of the class of that name.

    Raises
    ------
    InputError
        For an unknown name or option, with the nearest known one.

    Examples
    --------
    >>> make("speaker_folds", k=3).title
    '3 speaker-disjoint folds'
    """
    protocol = get(name)
    known = {field.name: field for field in dataclasses.fields(protocol) if field.init}
    for option in options:
        if option not in known:
            raise unknown(f"option of the protocol {name}", option, known)
    for option, field in known.items():
        if field.default is dataclasses.MISSING and option not in options:
            raise InputError(f"the protocol {name} needs the option {option!r}")
    return protocol(**options)


def split_table(folds: Iterable[Fold], table: pd.DataFrame) -> pd.DataFrame:
    """
    Write folds as a table that `SplitFile` reads.

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
    """Read a split file as `SplitFile` does: folds written by anybody, speaker-disjoint."""
    return make("split_file", path=path)
