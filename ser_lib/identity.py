"""
Describe objects in plain values, and digest the description.

Everything that is stored (features, folds, trials, results) is found again by the digest of what
determines it.
"""

import dataclasses
import functools
import hashlib
import inspect
import json
import os
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from ser_lib.errors import InputError

_NAME = "ser_lib"
# Parameters of estimators that change their speed or their output on the terminal only.
_NOT_COUNTED = {"n_jobs", "verbose", "memory", "pre_dispatch"}


def _named(thing: object) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def describe(value: object, origins: set | None = None) -> object:
    """
    Describe an estimator, front end, network or protocol in plain values, for `canonical`.

    Parameters
    ----------
    value : object
        Estimators are described by ``get_params``, dataclasses by their fields, anything else with
        attributes by those; functions by their names; a path by its file's name and content.
    origins : set, optional
        The classes and functions met on the way are added to it.

    Raises
    ------
    InputError
        For an object that cannot be told from another of its kind, such as a lambda or a
        generator.
    """
    origins = set() if origins is None else origins

    def inner(item: object) -> object:
        return describe(item, origins)

    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, os.PathLike):
        path = Path(value)
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        return {"file": path.name, "sha256": content}
    if isinstance(value, dict):
        return {str(k): inner(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [inner(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted((inner(v) for v in value), key=str)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, functools.partial):
        arguments = {"function": value.func, "arguments": value.args, **value.keywords}
        return inner(arguments)
    if isinstance(value, type):
        origins.add(value)
        return _named(value)
    # NumPy's functions are objects of a class, with a name of their own.
    if inspect.isroutine(value) or hasattr(value, "__wrapped__") or hasattr(value, "__qualname__"):
        origins.add(inspect.unwrap(value))
        if "<" in value.__qualname__:
            raise InputError(
                f"{_named(value)} cannot be told from another function of that name; "
                "expected one defined by `def` at the top of a module or notebook"
            )
        return _named(value)
    origins.add(type(value))
    if callable(getattr(value, "get_params", None)):
        content = {k: v for k, v in value.get_params(deep=False).items() if k not in _NOT_COUNTED}
    elif dataclasses.is_dataclass(value):
        fields = [field for field in dataclasses.fields(value) if field.compare]
        content = {field.name: getattr(value, field.name) for field in fields}
    elif hasattr(value, "__dict__"):
        content = vars(value)
    else:
        raise InputError(
            f"{type(value).__qualname__} {value!r} has no parameters to tell it by; expected an "
            "estimator, a dataclass or plain values"
        )
    return {"class": type(value).__qualname__, **inner(content)}


def origin(things: Iterable[object]) -> tuple[tuple[str, ...], tuple[object, ...]]:
    """
    Divide classes and functions into those of this package and those of the user.

    Returns
    -------
    modules : tuple of str
        The modules of this package in which they are defined.
    own : tuple of objects
        Those that are defined in a notebook or in a file outside installed packages.
    """
    installed = [
        sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")
    ]
    modules, own = set(), {}
    for thing in things:
        name = thing.__module__ or "builtins"
        file = getattr(sys.modules.get(name), "__file__", None)
        if name.split(".")[0] == _NAME:
            modules.add(name)
        elif name == "__main__" or (file and not file.startswith(tuple(installed))):
            own[_named(thing)] = thing
    return tuple(sorted(modules)), tuple(own[name] for name in sorted(own))


def canonical(value: object) -> str:
    """Format what `describe` says of a value as JSON: the same text for the same content."""
    return json.dumps(value, default=describe, sort_keys=True, separators=(",", ":"))


def digest(value: object) -> str:
    """Return the SHA-256 (64 hexadecimal digits) of the `canonical` text of `value`."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
