"""
Published systems, one file each.

To add one, add a file with a class derived from `ser_lib.systems.base.System` or
`ser_lib.systems.base.NeuralSystem` that has a ``name``; nothing else changes.
"""

from ser_lib.registry import Registry

# Aliases are what the sources call their systems, where that differs.
_REGISTRY = Registry(
    "system", "ser_lib.systems", aliases={"alex_net": "alexnet", "3d_acrnn": "acrnn_3d"}
)

names = _REGISTRY.names
resolve = _REGISTRY.resolve
get = _REGISTRY.get


def make(name: str, *, variant: str = "default", **parameters: object) -> object:
    """
    Make a system by its name.

    Parameters
    ----------
    name : str
        One of `names`, or the name that a source gives to its system: ``alex_net``, ``3d_acrnn``.
    variant, **parameters
        As in `ser_lib.systems.base.System.of`.

    Raises
    ------
    InputError
        For an unknown system, with the nearest name, and as `ser_lib.systems.base.System.of`.
    """
    return get(name).of(variant=variant, **parameters)


# The classes under their own names: `ser_lib.systems.CnnLstm`.
_CLASSES = {get(name).__name__: get(name) for name in names()}
globals().update(_CLASSES)

__all__ = ["get", "make", "names", "resolve", *_CLASSES]
