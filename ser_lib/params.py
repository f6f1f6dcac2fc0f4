"""
Parameters of the steps from waveform to features: checked, brought to one type, written as text.

Every step is a frozen dataclass whose parameters are its identity: the same numbers must give the
same text, whether they came as ``20``, ``20.0`` or a NumPy scalar, from Python or from JSON.
"""

import hashlib
import math
import numbers

import numpy as np

from ser_lib.errors import InputError, unknown
from ser_lib.identity import canonical, describe


def _refuse(step: object, name: str, found: object, expected: str) -> InputError:
    return InputError(f"{type(step).__name__}: {name} is {found!r}; expected {expected}")


def as_real(
    step: object, name: str, *, above: float = -math.inf, low: float = -math.inf,
    high: float = math.inf,
) -> None:  # fmt: skip
    """
    Bring a parameter of a frozen dataclass to float, or refuse it.

    Parameters
    ----------
    step : dataclass instance
        Whose parameter it is; it is changed in place (for use in ``__post_init__`` only).
    name : str
        The parameter.
    above, low, high : float
        Open lower bound, closed lower bound and closed upper bound.

    Raises
    ------
    InputError
        Naming the parameter, what was found and the range expected.
    """
    found = getattr(step, name)
    real = isinstance(found, numbers.Real) and not isinstance(found, bool)
    if not (real and math.isfinite(found) and above < found and low <= found <= high):
        limits = [
            f"above {above:g}" if above > -math.inf else "",
            f"of at least {low:g}" if low > -math.inf else "",
            f"of at most {high:g}" if high < math.inf else "",
        ]
        limits = " and ".join(limit for limit in limits if limit)
        raise _refuse(step, name, found, f"a number {limits}".rstrip())
    object.__setattr__(step, name, float(found))


def as_count(step: object, name: str, *, low: int = 1) -> None:
    """
    Bring a parameter of a frozen dataclass to int, or refuse it.

    Parameters
    ----------
    step : dataclass instance
        Whose parameter it is; it is changed in place (for use in ``__post_init__`` only).
    name : str
        The parameter.
    low : int
        Smallest value that makes sense.

    Raises
    ------
    InputError
        Naming the parameter, what was found and what is expected.
    """
    found = getattr(step, name)
    whole = isinstance(found, numbers.Real) and not isinstance(found, bool) and found == found // 1
    if not whole or found < low:
        raise _refuse(step, name, found, f"a whole number of at least {low}")
    object.__setattr__(step, name, int(found))


def check_choice(step: object, name: str, known: tuple[str, ...]) -> None:
    """Refuse a parameter that is not among the `known` names, with the nearest one."""
    found = getattr(step, name)
    if found not in known:
        raise unknown(f"{name} of {type(step).__name__}", found, known)


def as_choices(step: object, name: str, known: tuple[str, ...]) -> None:
    """
    Bring a parameter of a frozen dataclass to a tuple of names, or refuse it.

    Raises
    ------
    InputError
        If one is not among the `known` names, with the nearest one, or if there is none at all.
    """
    found = getattr(step, name)
    found = (found,) if isinstance(found, str) else tuple(found)
    for item in found:
        if item not in known:
            raise unknown(f"{name} of {type(step).__name__}", item, known)
    if not found or len(set(found)) < len(found):
        raise _refuse(step, name, found, "at least one name, and each only once")
    object.__setattr__(step, name, found)


def check_flag(step: object, name: str) -> None:
    """Refuse a parameter that is neither true nor false."""
    if not isinstance(getattr(step, name), bool):
        raise _refuse(step, name, getattr(step, name), "True or False")


def generator(utterance: str, step: object) -> np.random.Generator:
    """
    Make the random numbers of one step on one utterance: the same on every machine and every run.

    Parameters
    ----------
    utterance : str
        Name of the utterance.
    step : dataclass instance
        The step; with another parameter it draws other numbers.

    Returns
    -------
    numpy.random.Generator
        PCG-64, seeded by the SHA-256 of the utterance's name and the step's identity.
    """
    text = canonical([utterance, describe(step)])
    return np.random.Generator(
        np.random.PCG64(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))
    )
