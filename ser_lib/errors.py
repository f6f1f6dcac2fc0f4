"""What is said when something the user gave is wrong, or was handled on the way."""

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave is wrong: the message names it, what was found, what is expected."""


class DivergenceError(RuntimeError):
    """Training diverged: a loss is not finite, or the posteriors are no distribution."""


class InputWarning(UserWarning):
    """Something unusual in the user's data was handled; it is said once."""


def unknown(kind: str, name: object, known: Iterable[str]) -> InputError:
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
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return InputError(f"unknown {kind} {str(name)!r}{hint} Known: {', '.join(known) or 'none'}")
