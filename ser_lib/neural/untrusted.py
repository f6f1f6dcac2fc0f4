"""
Files of networks from elsewhere: looked at before a library reads them.

A file that a library reads can ask it for more than the numbers of a network: for classes of any
module, for other files, or for more memory than there is. What is accepted here is what this
package and the publishers of weights write: numbers as they are, without compression, and layers of
Keras and of this package.
"""

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from ser_lib.archives import check_archive
from ser_lib.errors import InputError

_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
# Where Keras looks for what a network is made of; none of it runs code or reads files, but for the
# layers that are refused.
_KERAS = {
    "keras",
    *(f"keras.{name}" for name in ("activations", "constraints", "initializers", "layers")),
    *(f"keras.{name}" for name in ("losses", "metrics", "models", "optimizers", "regularizers")),
    "keras.optimizers.schedules",
}
_KERAS_WITHIN = ("keras.src.ops.", "keras.src.models.")
_REFUSED = {
    *("FlaxLayer", "JaxLayer", "Lambda", "TFSMLayer", "TorchModuleWrapper"),
    *("IntegerLookup", "StringLookup", "TextVectorization"),
}
# What says how large a layer is; more would not fit into memory.
_SIZES = {
    *("batch_shape", "filters", "input_dim", "kernel_size", "output_dim", "padding", "shape"),
    *("size", "target_shape", "units"),
}
_LARGEST = 2**20


def check_hdf5(file: str | os.PathLike | IO[bytes], name: str | os.PathLike) -> None:
    """
    Refuse an HDF5 file that holds anything but numbers of its own; `name` is said in the error.

    Raises
    ------
    InputError
        If it refers to other files, or to numbers that are compressed or not there at all.
    """
    import h5py

    with h5py.File(file, "r") as content:
        for where, links, item in _items(content):
            plain = isinstance(item, h5py.Group) or (
                isinstance(item, h5py.Dataset)
                and not item.external
                and not item.is_virtual
                and (item.dtype.kind == "O" or item.id.get_storage_size() >= item.nbytes)
            )
            if not (links and plain):
                raise InputError(
                    f"{name}: {where} is linked, compressed or not there; expected numbers that "
                    "are stored in the file as they are"
                )


def _items(group: object) -> Iterator[tuple[str, bool, object]]:
    """Go through what a group holds: its name, whether it is held itself, and the thing."""
    import h5py

    for name in group:
        where = f"{group.name.rstrip('/')}/{name}"
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            yield where, False, None
            return
        item = group[name]
        yield where, True, item
        if isinstance(item, h5py.Group):
            # A group that holds itself would be gone through for ever.
            if where.count("/") > 32:
                yield where, False, None
                return
            yield from _items(item)


def check_network(path: Path) -> None:
    """
    Refuse a file of Keras that is more than a network of layers and their weights.

    Raises
    ------
    InputError
        If it holds other members, names classes that are no layers of Keras, of this package or
        registered by the user, or a layer that runs code or reads files, or has layers that no
        memory holds.
    """
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if set(names) != _MEMBERS or len(names) != len(_MEMBERS):
            raise InputError(f"{path}: holds {', '.join(names)}; expected {', '.join(_MEMBERS)}")
        config = json.loads(archive.read("config.json"))
        for problem in _problems(config):
            raise InputError(f"{path}: {problem}; expected layers of Keras and of ser_lib")
        with archive.open("model.weights.h5") as file:
            check_hdf5(file, path)


def _problems(value: object, key: str = "") -> Iterator[str]:
    """Go through what is not to be made of a configuration."""
    if isinstance(value, Mapping):
        if "class_name" in value and not _is_known(value):
            yield f"names {value.get('module')}.{value['class_name']}"
        for name, inner in value.items():
            yield from _problems(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _problems(inner, key)
    elif key in _SIZES and isinstance(value, int) and abs(value) > _LARGEST:
        yield f"has {key} {value}"


def _is_known(description: Mapping) -> bool:
    import keras

    module, name = description.get("module"), description["class_name"]
    if name in _REFUSED or not isinstance(name, str):
        return False
    if module is None:
        # Values that are no JSON: "__tuple__", "__numpy__", "__keras_tensor__".
        return name.startswith("__")
    if description.get("registered_name") in keras.saving.get_custom_objects():
        return True
    return module in _KERAS or str(module).startswith(_KERAS_WITHIN)
