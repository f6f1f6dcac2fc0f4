"""A trained classifier as a folder of three files, none of which holds code."""

import dataclasses
import importlib
import json
import operator
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.errors import InputError
from ser_lib.neural.batching import Scaling
from ser_lib.paths import whole_folder

if TYPE_CHECKING:
    import keras


def describe(network: object) -> dict[str, object]:
    """Describe a network (a dataclass) by the place of its class and its parameters."""
    return {
        "module": type(network).__module__,
        "class": type(network).__qualname__,
        "parameters": dataclasses.asdict(network),
    }


def _remade(*, module: str, **description: object) -> object:
    """
    Make a network from its description; only of a dataclass of this package or of a loaded module.

    A folder from elsewhere must not be able to import, and so run, what it likes.
    """
    if module.split(".")[0] == __name__.split(".")[0]:
        importlib.import_module(module)
    found = sys.modules.get(module)
    for part in description["class"].split("."):
        found = getattr(found, part, None)
    if not (isinstance(found, type) and dataclasses.is_dataclass(found)):
        raise InputError(
            f"network {description['class']!r} of {module!r} is not known here; expected one of "
            "ser_lib, or one whose module is imported already"
        )
    parameters = description["parameters"].items()
    return found(**{k: tuple(v) if isinstance(v, list) else v for k, v in parameters})


def write(
    folder: str | os.PathLike,
    model: "keras.Model",
    state: Mapping[str, object],
    scaling: Scaling | None,
) -> None:
    """
    Write ``network.keras``, ``scaling.npz`` and ``classifier.json``, all or none.

    Parameters
    ----------
    folder : path
        Must not exist yet.
    model : keras.Model
        The trained network.
    state : mapping
        What JSON can hold; ``state["network"]`` comes from `describe`.
    scaling : Scaling, optional
        How the input is scaled.

    Raises
    ------
    InputError
        If `folder` exists.
    """
    if Path(folder).exists():
        raise InputError(f"{folder}: exists already; expected the name of a new folder")
    # NumPy's numbers, of which JSON knows nothing, become Python's.
    text = json.dumps(state, indent=1, default=operator.methodcaller("item"))
    with whole_folder(folder) as new:
        model.save(new / "network.keras")
        np.savez(new / "scaling.npz", **(scaling._asdict() if scaling else {}))
        (new / "classifier.json").write_text(text, encoding="utf-8")


def read(folder: str | os.PathLike) -> tuple["keras.Model", dict[str, object], Scaling | None]:
    """
    Read what `write` wrote; ``state["network"]`` is the network made again.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the network's class is not known here.
    """
    import keras

    from ser_lib.neural import attention, cells, layers, masking  # noqa: F401  (registers layers)

    folder = Path(folder)
    try:
        state = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        state["network"] = _remade(**state["network"])
        with np.load(folder / "scaling.npz", allow_pickle=False) as file:
            scaling = Scaling(**file) if len(file.files) else None
        # In safe mode, which is the default, Keras refuses code.
        return keras.saving.load_model(folder / "network.keras"), state, scaling
    except InputError:
        raise
    except Exception as error:
        # What a damaged archive raises has half a dozen types.
        raise InputError(
            f"{folder}: {error}; expected a classifier as NeuralClassifier.save writes it"
        ) from error
