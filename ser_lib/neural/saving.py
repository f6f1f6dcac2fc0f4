"""A trained classifier as a folder of three files, none of which holds code."""

import dataclasses
import importlib
import json
import operator
import os
import pkgutil
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_lib import checksums, identity
from ser_lib.archives import check_archive
from ser_lib.errors import InputError
from ser_lib.neural.batching import Scaling
from ser_lib.neural.untrusted import check_network
from ser_lib.paths import whole_folder

if TYPE_CHECKING:
    import keras

STATE = "classifier.json"
# Its other files, whose checksums the state has last, and its own first.
_OTHERS, _SUMS = ("network.keras", "scaling.npz"), "crc32"
_SYSTEMS = re.compile(r"ser_lib\.systems\.\w+")


def register_layers() -> None:
    """
    Import all modules of `ser_lib.neural`, so that Keras knows every layer that they register.

    Call it before ``keras.saving.load_model`` of a network with such layers.
    """
    package = __name__.rpartition(".")[0]
    for module in pkgutil.iter_modules(sys.modules[package].__path__):
        importlib.import_module(f"{package}.{module.name}")


def _make_network(*, module: str, **description: object) -> object:
    """Make a network of a system of this package, or of what the user defined and imported."""
    # Importing another module would run its code, which a folder from elsewhere must not do.
    if _SYSTEMS.fullmatch(module):
        importlib.import_module(module)
    network_class = sys.modules.get(module)
    for part in description["class"].split("."):
        network_class = getattr(network_class, part, None)
    is_class = isinstance(network_class, type) and dataclasses.is_dataclass(network_class)
    known = is_class and (
        network_class.__module__ == module
        and (_SYSTEMS.fullmatch(module) or identity.origin([network_class])[1])
    )
    if not (known and callable(getattr(network_class, "build", None))):
        raise InputError(
            f"network {description['class']!r} of {module!r} is unknown; expected a network of "
            "ser_lib, or of a module of your own that is imported already"
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
    plain = json.loads(json.dumps(state, default=operator.methodcaller("item")))
    with whole_folder(folder) as new:
        model.save(new / "network.keras")
        np.savez(new / "scaling.npz", **(scaling._asdict() if scaling else {}))
        sums = {name: checksums.crc32(new / name) for name in _OTHERS}
        text = json.dumps(checksums.sealed(plain | {_SUMS: sums}), indent=1)
        (new / STATE).write_text(text, encoding="utf-8")


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
        If a file is missing or damaged, or holds more than a trained network of layers of Keras and
        of this package.
    """
    import keras

    register_layers()
    folder = Path(folder)
    try:
        state = json.loads((folder / STATE).read_text(encoding="utf-8"))
        network = _make_network(**state["network"])
        # Older versions wrote no checksums.
        if checksums.KEY in state or _SUMS in state:
            state = checksums.read_sealed(folder / STATE)
            checksums.check(folder, state.pop(_SUMS))
        state["network"] = network
        scaling = read_scaling(folder / "scaling.npz")
        check_network(folder / "network.keras")
        # In safe mode, which is the default, Keras refuses code.
        return keras.saving.load_model(folder / "network.keras"), state, scaling
    except Exception as error:
        # Damaged archives raise errors of many types.
        raise InputError(
            f"{folder}: {error}; expected a classifier written by NeuralClassifier.save"
        ) from error


def read_scaling(path: Path) -> Scaling | None:
    """
    Read the scaling of rows; None if there is none.

    Raises
    ------
    InputError
        If it is not what `write_classifier` writes.
    """
    check_archive(path)
    try:
        with np.load(path, allow_pickle=False) as file:
            return Scaling(**file) if len(file.files) else None
    except Exception as error:
        # Damaged archives raise errors of many types.
        raise InputError(
            f"{path}: cannot be read ({error}); expected means and standard deviations"
        ) from error
