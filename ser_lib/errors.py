"""What is said when something the user gave is wrong, or was handled on the way."""

import difflib
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence


class InputError(ValueError):
    """Something the user gave is wrong: the message names it, what was found, what is expected."""


class DivergenceError(RuntimeError):
    """Training diverged: a loss is not finite, or the posteriors are no distribution."""


class InputWarning(UserWarning):
    """Something unusual in the user's data was handled; it is said once."""


def warn(message: str) -> None:
    """Give an `InputWarning` that points to the line outside this package that caused it."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("ser_lib."):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, InputWarning, stacklevel=level)


def listed(values: Sequence, max_items: int = 10) -> str:
    """Join values with commas for a message; of more than `max_items`, count the rest."""
    values = [str(value) for value in values]
    more = f" and {len(values) - max_items} more" if len(values) > max_items else ""
    return ", ".join(values[:max_items]) + more


def nearest(name: object, words: Mapping[str, str], cutoff: float = 0.5) -> str | None:
    """
    Find what was probably meant.

    Parameters
    ----------
    name : object
        What was given.
    words : mapping of str to str
        What would have been understood, and the name that it means. Upper and lower case are the
        same.
    cutoff : float
        How similar a word must be: the ratio of `difflib`, from 0 to 1 for the same word.

    Returns
    -------
    str or None
        The name that the nearest word means; None if no word is near.
    """
    means = {word.casefold(): known for word, known in words.items()}
    near = difflib.get_close_matches(str(name).strip().casefold(), means, n=1, cutoff=cutoff)
    return means[near[0]] if near else None


def unknown(
    kind: str, name: object, known: Iterable[str], words: Mapping[str, str] | None = None
) -> InputError:
    """
    Make the error for a name that is not among the known ones.

    Parameters
    ----------
    kind : str
        What the name was meant to be, for example ``"corpus"``.
    name : object
        What was given.
    known : iterable of str
        What would have been understood.
    words : mapping of str to str, optional
        Words for the known names, as for `nearest`; by default the names themselves.

    Returns
    -------
    InputError
        Names the nearest known name, if one is near, and lists all of them.

    Examples
    --------
    >>> raise unknown("corpus", "emobd", ["emodb", "ravdess"])
    Traceback (most recent call last):
        ...
    ser_lib.errors.InputError: unknown corpus 'emobd'; did you mean 'emodb'? Known: emodb, ravdess
    """
    known = [str(item) for item in known]
    near = nearest(name, {item: item for item in known} if words is None else words)
    hint = "." if near is None else f"; did you mean {near!r}?"
    return InputError(f"unknown {kind} {str(name)!r}{hint} Known: {', '.join(known) or 'none'}")
