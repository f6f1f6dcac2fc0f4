"""
Parameters of frozen dataclasses: declared once, checked, brought to one type.

A parameter is part of the identity of its owner, so that the same value must have the same type,
whether it came as ``20``, ``20.0`` or a NumPy scalar, from Python or from JSON.

Steps of a front end check their fields in ``__post_init__`` (`as_real`, `as_count`, ...). A system
declares each parameter in one line (`param`), with its default, its check, its documentation and
its value in the system as published; `Parameters` does the rest.
"""

import dataclasses
import inspect
import json
import math
import numbers
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ser_lib.errors import InputError, unknown


class Check(NamedTuple):
    """
    What a parameter may be.

    Attributes
    ----------
    type : str
        Type, as documentation writes it.
    expected : str
        Completes "expected ..." in an error.
    convert : callable
        Brings a value to its type; raises ValueError or TypeError for one that is not allowed.
    """

    type: str
    expected: str
    convert: Callable[[object], object]

    def apply(self, owner: str, name: str, value: object) -> object:
        """Convert a value; InputError naming owner, parameter, and what was found and expected."""
        try:
            return self.convert(value)
        except InputError:
            raise
        except (TypeError, ValueError, OverflowError):
            message = f"{owner}: {name} is {value!r}; expected {self.expected}"
            raise InputError(message) from None


def real(*, above: float = -math.inf, low: float = -math.inf, high: float = math.inf) -> Check:
    """Allow a finite number above `above`, of at least `low` and at most `high`; give a float."""
    limits = [
        f"above {above:g}" if above > -math.inf else "",
        f"of at least {low:g}" if low > -math.inf else "",
        f"of at most {high:g}" if high < math.inf else "",
    ]

    def convert(value: object) -> float:
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not (number and math.isfinite(value) and above < value and low <= value <= high):
            raise ValueError
        return float(value)

    expected = f"a number {' and '.join(limit for limit in limits if limit)}".rstrip()
    return Check("float", expected, convert)


def integer(*, low: int = 1, high: float = math.inf) -> Check:
    """Allow an integer (also as ``20.0``) of at least `low` and at most `high`; give an int."""

    def convert(value: object) -> int:
        number = isinstance(value, numbers.Real) and not isinstance(value, bool)
        if not number or value != value // 1 or not low <= value <= high:
            raise ValueError
        return int(value)

    limits = f"from {low} to {high}" if high < math.inf else f"of at least {low}"
    return Check("int", f"an integer {limits}", convert)


def flag() -> Check:
    """Allow True and False."""

    def convert(value: object) -> bool:
        if not isinstance(value, bool | np.bool_):
            raise ValueError
        return bool(value)

    return Check("bool", "True or False", convert)


def choice(*known: str) -> Check:
    """Allow one of some names."""

    def convert(value: object) -> str:
        if value not in known:
            raise ValueError
        return value

    listed = ", ".join(map(repr, known))
    return Check("{" + listed.replace("'", '"') + "}", f"one of {listed}", convert)


def several(check: Check, *, length: int | None = None, low: int = 0) -> Check:
    """Allow a list or tuple of values, each as `check` allows; give a tuple."""

    def convert(values: object) -> tuple:
        if isinstance(values, str):
            raise ValueError
        values = tuple(check.convert(value) for value in values)
        if len(values) < low or (length is not None and len(values) != length):
            raise ValueError
        return values

    many = f"{length} " if length is not None else f"{low} or more " if low else ""
    return Check(
        f"tuple of {check.type}", f"a tuple of {many}values, each {check.expected}", convert
    )


def optional(check: Check) -> Check:
    """Allow None as well."""
    return Check(
        f"{check.type} or None",
        f"{check.expected}, or None",
        lambda value: None if value is None else check.convert(value),
    )


_NUMBER = re.compile(r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def parse_value(text: str) -> object:
    """
    Read a value as ``papermill -p`` does, and lists and dictionaries as JSON.

    What begins with a zero and is no number in print, such as the speaker 08, stays text, and so do
    "nan" and "inf".

    Examples
    --------
    >>> [parse_value(text) for text in ("True", "None", "5", "5e-1", "five", "08", "[0, 1]")]
    [True, None, 5, 0.5, 'five', '08', [0, 1]]
    """
    constants = {"True": True, "False": False, "None": None}
    if text in constants:
        return constants[text]
    kinds = [int, float] if _NUMBER.fullmatch(text) else []
    for kind in [json.loads] if text[:1] in ("[", "{") else kinds:
        try:
            value = kind(text)
        except (ValueError, RecursionError):
            continue
        return value if value not in (math.inf, -math.inf) else text
    return text


def parse_parameters(given: Sequence[tuple[str, str]], owner: str) -> dict[str, object]:
    """Read names and texts of values (see `parse_value`); InputError if a name is given twice."""
    values = {name: parse_value(text) for name, text in given}
    if len(values) < len(given):
        names = [name for name, _ in given]
        twice = next(name for name in names if names.count(name) > 1)
        found = ", ".join(f"{text!r}" for name, text in given if name == twice)
        raise InputError(f"{twice} of the {owner} is given twice ({found}); expected it once")
    return values


def as_corpus_options(value: object) -> dict[str, object]:
    """
    Check the options of a corpus as the command line and notebooks give them.

    Returns
    -------
    dict
        Arguments of `ser_lib.load_corpus` by name; empty for None.

    Raises
    ------
    InputError
        If it is something else, as JSON that cannot be read is, or names the corpus or its folder.
    """
    options = {} if value is None else value
    if not isinstance(options, Mapping):
        raise InputError(
            f"corpus_options: {value!r} is no JSON object; expected one such as "
            '{"subset": "all"}, in which a backslash is written twice (in `--corpus-option NAME '
            "VALUE` it is written once)"
        )
    for name in options:
        if name in ("corpus", "data") or not isinstance(name, str):
            raise InputError(f"corpus_options: found {name!r}; expected options of the corpus only")
    return dict(options)


_MISSING = object()


def param(default: object, check: Check, doc: str, *, as_published: object = _MISSING) -> object:
    """
    Declare a parameter of a class derived from `Parameters`.

    Parameters
    ----------
    default : object
        Its default.
    check : Check
        What it may be.
    doc : str
        What it means, in one or two sentences; becomes part of the class's documentation.
    as_published : object, optional
        Its value in the system as published, where that is not the default.
    """
    return _field(default, {"check": check, "doc": doc}, as_published)


def change(default: object, *, as_published: object = _MISSING, **changes: object) -> object:
    """
    Give an inherited parameter another default.

    Parameters
    ----------
    default, as_published
        As for `param`, in this class.
    **changes
        ``check`` or ``doc``, where these differ too.
    """
    return _field(default, changes, as_published)


def _field(default: object, metadata: dict, as_published: object) -> object:
    if as_published is not _MISSING:
        metadata = metadata | {"as_published": as_published}
    return dataclasses.field(default=default, metadata=metadata)


class Parameters:
    """
    Base of frozen keyword-only dataclasses whose fields are declared by `param`.

    Checks and converts every field when an object is made, completes the fields that `change`
    declares from those of the base class, and appends the parameters to the documentation.
    """

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        inherited = dict(getattr(cls, "__dataclass_fields__", {}))
        own = {k: v for k, v in vars(cls).items() if isinstance(v, dataclasses.Field)}
        for name, field in own.items():
            if name in inherited:
                base = {k: inherited[name].metadata[k] for k in ("check", "doc")}
                own[name] = dataclasses.field(
                    default=field.default, metadata=base | dict(field.metadata)
                )
                setattr(cls, name, own[name])
            elif "check" not in field.metadata:
                raise TypeError(
                    f"{cls.__name__}: {name} is not a parameter of a base class; expected `param`, "
                    "which declares a new one"
                )
        declared = {k: f for k, f in (own | inherited | own).items() if "check" in f.metadata}
        if declared and cls.__doc__:
            cls.__doc__ = _documented(cls.__doc__, declared)

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            value = field.metadata["check"].apply(type(self).__name__, field.name, value)
            object.__setattr__(self, field.name, value)

    @classmethod
    def parameter_names(cls) -> tuple[str, ...]:
        """Return the names of the parameters."""
        return tuple(field.name for field in dataclasses.fields(cls))

    @classmethod
    def published_values(cls) -> dict[str, object]:
        """Return the parameters in which the system as published differs, with their values."""
        return {
            field.name: field.metadata["as_published"]
            for field in dataclasses.fields(cls)
            if "as_published" in field.metadata
        }


def _documented(text: str, fields: Mapping[str, dataclasses.Field]) -> str:
    """Append a section on parameters, as numpydoc has it, in the place where ``Notes`` begin."""
    lines = ["Parameters", "----------"]
    for name, field in fields.items():
        values = f"default {field.default!r}"
        if "as_published" in field.metadata:
            values += f", as published {field.metadata['as_published']!r}"
        lines.append(f"{name} : {field.metadata['check'].type}, {values}")
        lines += textwrap.wrap(
            field.metadata["doc"], 92, initial_indent="    ", subsequent_indent="    "
        )
    # From Python 3.13 on, the interpreter takes the indentation away itself.
    summary, notes, rest = inspect.cleandoc(text).partition("\nNotes\n")
    section = "\n".join(lines)
    return f"{summary.rstrip()}\n\n{section}\n{notes}{rest}"


def _apply(step: object, name: str, check: Check) -> None:
    value = check.apply(type(step).__name__, name, getattr(step, name))
    object.__setattr__(step, name, value)


def as_real(
    step: object, name: str, *, above: float = -math.inf, low: float = -math.inf,
    high: float = math.inf,
) -> None:  # fmt: skip
    """
    Bring a field of a frozen dataclass to float, in its ``__post_init__``, or refuse it.

    Parameters
    ----------
    step : dataclass instance
        Whose field it is; it is changed in place.
    name : str
        The field.
    above, low, high : float
        Open lower bound, closed lower bound and closed upper bound.

    Raises
    ------
    InputError
        As `Check.apply`.
    """
    _apply(step, name, real(above=above, low=low, high=high))


def as_count(step: object, name: str, *, low: int = 1) -> None:
    """Bring a field to an int of at least `low`, or refuse it; as `as_real`."""
    _apply(step, name, integer(low=low))


def check_flag(step: object, name: str) -> None:
    """Refuse a field that is neither True nor False; as `as_real`."""
    _apply(step, name, flag())


def check_choice(step: object, name: str, known: tuple[str, ...]) -> None:
    """Refuse a field that is not among the `known` names, with the nearest one."""
    if getattr(step, name) not in known:
        raise unknown(f"{name} of {type(step).__name__}", getattr(step, name), known)


def as_choices(step: object, name: str, known: tuple[str, ...]) -> None:
    """Bring a field to a tuple of `known` names, each only once, or refuse it."""
    value = getattr(step, name)
    value = (value,) if isinstance(value, str) else tuple(value)
    for item in value:
        if item not in known:
            raise unknown(f"{name} of {type(step).__name__}", item, known)
    if not value or len(set(value)) < len(value):
        raise InputError(
            f"{type(step).__name__}: {name} is {value!r}; expected one name or more, each only once"
        )
    object.__setattr__(step, name, value)
