"""A front end in plain values, and back again, without running anything but its own classes."""

import dataclasses
import importlib
import re
import sys

from ser_lib.errors import InputError
from ser_lib.features.front_end import FrontEnd

# Where the steps of front ends are defined; nothing else is looked up or imported.
_MODULES = re.compile(r"ser_lib\.((signal|features)\.\w+|neural\.segment_features)")


def plain(part: object) -> object:
    """
    Describe a front end, or a part of it, in plain values from which `made` makes it again.

    Raises
    ------
    InputError
        If a step is not one of `ser_lib.signal` or `ser_lib.features`.
    """
    if isinstance(part, tuple | list):
        return [plain(each) for each in part]
    if not dataclasses.is_dataclass(part):
        return part
    name = f"{type(part).__module__}.{type(part).__qualname__}"
    _class_of(name)
    values = {f.name: plain(getattr(part, f.name)) for f in dataclasses.fields(part) if f.init}
    return {"class": name, **values}


def made(description: object) -> object:
    """
    Make a front end, or a part of it, of what `plain` wrote.

    Raises
    ------
    InputError
        If a class is unknown, or its parameters are not allowed.
    """
    if isinstance(description, list):
        return tuple(made(each) for each in description)
    if not isinstance(description, dict):
        return description
    values = {name: made(value) for name, value in description.items() if name != "class"}
    try:
        return _class_of(description.get("class"))(**values)
    except TypeError as error:
        raise InputError(f"front end: {description.get('class')}: {error}") from None


def made_front_end(description: object) -> FrontEnd:
    """Make a front end of what `plain` wrote; InputError if it is something else."""
    front_end = made(description)
    if not isinstance(front_end, FrontEnd):
        raise InputError(
            f"front end: {description!r} is none; expected one as `plain` describes it"
        )
    return front_end


def _class_of(name: object) -> type:
    """Find a frozen dataclass of the modules in which steps of front ends are defined."""
    module, _, attribute = str(name).rpartition(".")
    found = None
    if _MODULES.fullmatch(module):
        try:
            found = getattr(importlib.import_module(module), attribute, None)
        except ModuleNotFoundError:
            found = None
    here = getattr(found, "__module__", None) == module and module in sys.modules
    frozen = dataclasses.is_dataclass(found) and found.__dataclass_params__.frozen
    if not (here and isinstance(found, type) and frozen):
        raise InputError(
            f"front end: the step {name!r} is unknown; expected one that is defined in "
            "ser_lib.signal or ser_lib.features"
        )
    return found
