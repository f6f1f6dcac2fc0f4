"""A trained classifier as a folder of three files, none of which holds code."""

import dataclasses
import importlib
import json
import operator
import os
import pkgutil
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


def register_layers() -> None:
    """
    Import all modules of `ser_lib.neural`, so that Keras knows every layer that they register.

    Call it before ``keras.saving.load_model`` of a network with such layers.
    """
    package = __name__.rpartition(".")[0]
    for module in pkgutil.iter_modules(sys.modules[package].__path__):
        importlib.import_module(f"{package}.{module.name}")


def _make_network(*, module: str, **description: object) -> object:
    """Make a network of a dataclass of this package, or of a module that is imported already."""
    # Importing another module would run its code, which a folder from elsewhere must not do.
    if module.split(".")[0] == __name__.split(".")[0]:
        importlib.import_module(module)
    network_class = sys.modules.get(module)
    for part in description["class"].split("."):
        network_class = getattr(network_class, part, None)
    is_class = isinstance(network_class, type) and dataclasses.is_dataclass(network_class)
    if not (is_class and callable(getattr(network_class, "build", None))):
        raise InputError(
            f"network {description['class']!r} of {module!r} is unknown; expected a network of "
            "ser_lib, or of a module that is imported already"
        )
    parameters = description["parameters"].items()
    return network_class(**{k: tuple(v) if isinstance(v, list) else v for k, v in parameters})


def write_classifier(
    folder: str | os.PathLike,
    model: "keras.Model",
    state: Mapping[str, object],
    scaling: Scaling | None,
) -> None:
    """
    Write ``network.keras``, ``scaling.npz`` and ``classifier.json``, all or none.

    The state holds values that JSON can hold; ``state["network"]`` is the module, class and
    parameters of a dataclass.

    Raises
    ------
    InputError
        If the folder exists.
    """
    if Path(folder).exists():
        raise InputError(f"{folder} exists already; expected the name of a new folder")
    # JSON does not know the numbers of NumPy.
    text = json.dumps(state, indent=1, default=operator.methodcaller("item"))
    with whole_folder(folder) as new:
        model.save(new / "network.keras")
        np.savez(new / "scaling.npz", **(scaling._asdict() if scaling else {}))
        (new / "classifier.json").write_text(text, encoding="utf-8")


def read_classifier(
    folder: str | os.PathLike,
) -> tuple["keras.Model", dict[str, object], Scaling | None]:
    """
    Read the files of `write_classifier`; no code from the folder is run.

    Returns
    -------
    keras.Model, dict, Scaling or None
        As written, but for ``state["network"]``, which is a dataclass again.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the network's class is unknown.
    """
    import keras

    register_layers()
    folder = Path(folder)
    try:
        state = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
        state["network"] = _make_network(**state["network"])
        with np.load(folder / "scaling.npz", allow_pickle=False) as file:
            scaling = Scaling(**file) if len(file.files) else None
        # In safe mode, which is the default, Keras refuses code.
        return keras.saving.load_model(folder / "network.keras"), state, scaling
    except InputError:
        raise
    except Exception as error:
        # Damaged archives raise errors of many types.
        raise InputError(
            f"{folder}: {error}; expected a classifier written by NeuralClassifier.save"
        ) from error
