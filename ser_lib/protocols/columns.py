"""Read speakers, sexes, sessions and splits of a corpus table; refuse gaps where they matter."""

import re

import numpy as np
import pandas as pd

from ser_lib.errors import InputError, listed

# What is left to do where a column has gaps that cannot be filled.
_INSTEAD = {
    "speaker": (
        ", or a protocol that lets speakers into training and test alike, such as random_80_20, "
        "whose score says nothing about unseen speakers"
    ),
    "session": ", or another protocol",
    "split": ", or another protocol",
}

NO_CONVERSATION = (
    "speakers of one session are taken to be heard in each other's recordings; if the sessions of "
    "the table are no conversations (but days, or numbers that start anew for every speaker), "
    "leave the column 'session' out"
)
"""What to do where sessions link speakers who never met."""


def natural_key(name: str) -> tuple:
    """Return a sort key by which "fold 2" comes before "fold 10", and "02" before "2"."""
    parts = re.split(r"([0-9]+)", str(name))
    # Numbers by their digits, of which there may be more than an int takes.
    digits = [part.lstrip("0") for part in parts[1::2]]
    numbers = [(len(number), number) for number in digits]
    texts = [(-1, part) for part in parts[0::2]]
    key = [item for pair in zip(texts, [*numbers, (-1, "")], strict=True) for item in pair]
    return tuple(item for item in key if item != (-1, "")), str(name)


def required_column(table: pd.DataFrame, name: str, protocol: str) -> np.ndarray:
    """
    Return a column that a protocol needs.

    Parameters
    ----------
    table : pd.DataFrame
        Corpus table, index ``utterance``.
    name, protocol : str
        Names of the column and, for the message, of the protocol.

    Returns
    -------
    np.ndarray of str [shape=(n,)]

    Raises
    ------
    InputError
        If the column is not there or has missing values.
    """
    if name not in table:
        raise InputError(
            f"{protocol} needs the column {name!r} in the corpus table; found "
            f"{listed(table.columns)}"
        )
    missing = table[name].isna()
    if missing.any():
        raise InputError(
            f"{protocol} needs the {name} of every utterance; {int(missing.sum())} of {len(table)} "
            f"have none, the first is {str(table.index[missing][0])!r}; expected a column {name!r} "
            f"in the manifest (or a group of that name in the pattern){_INSTEAD.get(name, '')}"
        )
    return table[name].astype(str).to_numpy(dtype=object)


def required_groups(table: pd.DataFrame, name: str, protocol: str, minimum: int) -> np.ndarray:
    """Return a `required_column`; InputError if it has fewer than `minimum` different values."""
    values = required_column(table, name, protocol)
    distinct = sorted(set(values))
    if len(distinct) < minimum:
        raise InputError(
            f"{protocol} needs at least {minimum} {name}s; found {len(distinct)}: "
            f"{listed(distinct)}"
        )
    return values


def sexes_of(table: pd.DataFrame, speakers: np.ndarray) -> dict[str, str | None]:
    """Return the sex of each speaker, sorted, None if unknown; InputError if one has two."""
    sexes = table["sex"].to_numpy(dtype=object) if "sex" in table else None
    known = pd.DataFrame({"speaker": speakers, "sex": sexes}).dropna().drop_duplicates()
    twice = sorted(known.loc[known["speaker"].duplicated(), "speaker"])
    if twice:
        raise InputError(
            f"the corpus table gives two sexes to speakers {listed(twice)}; expected one each"
        )
    sexes = dict(zip(known["speaker"], known["sex"], strict=True))
    return {speaker: sexes.get(speaker) for speaker in sorted(set(speakers))}


def known_sessions(table: pd.DataFrame) -> np.ndarray:
    """Return the session of each row, None where it is unknown."""
    if "session" not in table:
        return np.full(len(table), None, dtype=object)
    sessions = table["session"]
    return np.where(sessions.isna(), None, sessions.astype(str).to_numpy(dtype=object))


def session_partners(table: pd.DataFrame, speakers: np.ndarray) -> dict[str, set[str]]:
    """Return, for each speaker in sorted order, all others with whom a session is shared."""
    pairs = pd.DataFrame({"session": known_sessions(table), "speaker": speakers})
    partners: dict[str, set[str]] = {speaker: set() for speaker in sorted(set(speakers))}
    for _, present in pairs.dropna().drop_duplicates().groupby("session")["speaker"]:
        for speaker in present:
            partners[speaker].update(other for other in present if other != speaker)
    return partners


def session_groups(table: pd.DataFrame, speakers: np.ndarray) -> np.ndarray:
    """
    Group speakers so that no session is divided.

    Together are those who share a session, those who share one with these, and so on.

    Returns
    -------
    np.ndarray of str [shape=(n,)]
        Group of each row, called like the first of its speakers: where no session is shared, these
        are the speakers.
    """
    partners = session_partners(table, speakers)
    group_of: dict[str, str] = {}
    for first in partners:
        waiting = [] if first in group_of else [first]
        while waiting:
            speaker = waiting.pop()
            group_of[speaker] = first
            waiting.extend(partners[speaker] - group_of.keys())
    return np.array([group_of[speaker] for speaker in speakers], dtype=object)


def listed_groups(groups: np.ndarray, speakers: np.ndarray) -> str:
    """List groups by their speakers, for messages, and say what to do if sessions are to blame."""
    pairs = pd.DataFrame({"group": groups, "speaker": speakers}).drop_duplicates()
    found = [sorted(own) for _, own in pairs.groupby("group")["speaker"]]
    short = (own if len(own) <= 4 else [*own[:3], f"{len(own) - 3} more"] for own in found)
    remedy = f"; {NO_CONVERSATION}" if len(pairs) > len(found) else ""
    return listed(["+".join(own) for own in short]) + remedy
