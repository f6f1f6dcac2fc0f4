"""
What a thing is made of, in plain values, and the digest of it.

One notion of identity serves all that is stored: features, folds, trials and results are found
again by the digest of what determines them.
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
# Arguments of estimators that change how fast or how loud they are, never what they answer.
_IDLE = {"n_jobs", "verbose", "memory", "pre_dispatch"}


def _named(thing: object) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def describe(value: object, origins: set | None = None) -> object:
    """
    Say in plain values what an estimator, front end, network or protocol is made of.

    Parameters
    ----------
    value : object
        Estimators are described by ``get_params``, dataclasses by their fields, anything else with
        attributes by those; functions by their names; a path by its file's name and content.
    origins : set, optional
        Filled with the classes and functions met on the way.

    Returns
    -------
    object
        What `canonical` can write: dicts, lists, strings, numbers, None.

    Raises
    ------
    InputError
        For an object that nothing tells apart from another, such as a lambda or a generator.
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
        arguments = {"arguments": inner(value.args), **inner(value.keywords)}
        return {"function": inner(value.func), **arguments}
    if isinstance(value, type):
        origins.add(value)
        return _named(value)
    if inspect.isroutine(value) or hasattr(value, "__wrapped__"):
        origins.add(inspect.unwrap(value))
        if "<" in value.__qualname__:
            raise InputError(
                f"cannot tell {_named(value)} from another function of that name; "
                "expected one defined by `def` at the top of a module or notebook"
            )
        return _named(value)
    origins.add(type(value))
    if callable(getattr(value, "get_params", None)):
        content = {k: v for k, v in value.get_params(deep=False).items() if k not in _IDLE}
    elif dataclasses.is_dataclass(value):
        content = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    elif hasattr(value, "__dict__"):
        content = vars(value)
    else:
        raise InputError(
            f"cannot say what {_class_name(value)} {value!r} is made of; expected an estimator, "
            "a dataclass or plain values"
        )
    return {"class": _class_name(value), **inner(content)}


def _class_name(value: object) -> str:
    return type(value).__qualname__


def origin(things: Iterable[object]) -> tuple[tuple[str, ...], tuple[object, ...]]:
    """
    Divide classes and functions into modules of this package and what the user wrote.

    Returns
    -------
    modules : tuple of str
        Modules of this package.
    own : tuple of objects
        What was defined in a notebook or in a file outside installed packages.
    """
    installed = [
        sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")
    ]
    modules, own = set(), {}
    for thing in things:
        name = thing.__module__ or "builtins"
        if name.split(".")[0] == _NAME:
            modules.add(name)
            continue
        file = getattr(sys.modules.get(name), "__file__", None)
        if name == "__main__" or (file and not file.startswith(tuple(installed))):
            own[_named(thing)] = thing
    return tuple(sorted(modules)), tuple(own[name] for name in sorted(own))


def _jsonable(value: object) -> object:
    """Turn what JSON does not know (dataclasses, NumPy arrays, sets, paths) into what it does."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return {"class": type(value).__name__, **fields}
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"cannot write {type(value).__name__} {value!r} as JSON")


def canonical(value: object) -> str:
    """Write `value` as JSON, the same text for the same content (keys sorted, no spaces)."""
    return json.dumps(value, default=_jsonable, sort_keys=True, separators=(",", ":"))


def digest(value: object) -> str:
    """Return the SHA-256 (64 hexadecimal digits) of the `canonical` text of `value`."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
