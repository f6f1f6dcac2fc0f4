"""
Published systems, one file each.

To add one, add a file here whose function has the file's name and returns a
`ser_lib.systems.base.System`; nothing else changes.
"""

import importlib
import pkgutil
from collections.abc import Callable

from ser_lib.errors import unknown
from ser_lib.systems.base import System, arguments

# What the sources call their systems, where that differs.
_SOURCES_NAMES = {"alex_net": "alexnet", "3d_acrnn": "acrnn_3d"}


def names() -> tuple[str, ...]:
    """Return the names of all systems, in alphabetical order."""
    return tuple(m.name for m in pkgutil.iter_modules(__path__) if m.name != "base")


def find(name: str) -> Callable[..., System]:
    """
    Find the function that makes a system.

    Parameters
    ----------
    name : str
        One of `names`, or the name that a source gives to its system: ``alex_net``, ``3d_acrnn``.

    Raises
    ------
    InputError
        For an unknown system, with the nearest one there is.
    """
    name = _SOURCES_NAMES.get(name, name)
    if name not in names():
        raise unknown("system", name, names())
    return globals()[name]


def make(name: str, **parameters: object) -> System:
    """
    Make a system by its name.

    Parameters
    ----------
    name : str
        As `find` understands it.
    **parameters
        Arguments of the system's function.

    Raises
    ------
    InputError
        For an unknown system or parameter, with the nearest one there is.
    """
    function = find(name)
    return function(**arguments(function, parameters))


# A submodule's first import binds the module under its own name. All are imported here, once, so
# that the name stands for the function ever after, whoever imports the submodule later.
for _name in names():
    globals()[_name] = getattr(importlib.import_module(f"{__name__}.{_name}"), _name)

__all__ = ["find", "make", "names", *names()]
