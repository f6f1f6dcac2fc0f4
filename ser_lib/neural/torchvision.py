"""
AlexNet of torchvision: a reader of its published weights, and adaptive average pooling.

The weights are read without PyTorch and without running code from the file. ``torch.save`` writes
a pickle that names the tensors, and beside it their numbers: since PyTorch 1.6 in a zip archive,
before that one after the other in the same file. A pickle can name any function; this reader
accepts ordered dictionaries and tensors, and refuses everything else.
"""

import collections
import io
import math
import os
import pickle
import pickletools
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from ser_lib.archives import check_archive
from ser_lib.errors import InputError

if TYPE_CHECKING:
    import keras

# Shapes of AlexNet's weights as PyTorch has them, (filters, channels, frequency, time) and (units,
# inputs), without its last layer, which has a unit for each class of ImageNet.
_ALEXNET = {
    "features.0": (64, 3, 11, 11),
    "features.3": (192, 64, 5, 5),
    "features.6": (384, 192, 3, 3),
    "features.8": (256, 384, 3, 3),
    "features.10": (256, 256, 3, 3),
    "classifier.1": (4096, 256 * 6 * 6),
    "classifier.4": (4096, 4096),
}
_CONVOLUTIONS = 5

_NUMBERS = {
    f"torch.{name}Storage": np.dtype(code)
    for name, code in {"Float": "<f4", "Double": "<f8", "Half": "<f2", "Long": "<i8"}.items()
}
# Instructions of a pickle that a state dictionary needs: plain values, collections of them, names
# and calls of these.
_INSTRUCTIONS = {
    *("PROTO", "STOP", "MARK", "POP", "POP_MARK", "NONE", "NEWTRUE", "NEWFALSE", "GLOBAL"),
    *("BININT", "BININT1", "BININT2", "LONG1", "LONG4", "BINFLOAT", "INT", "LONG", "FLOAT"),
    *("BINUNICODE", "SHORT_BINUNICODE", "BINSTRING", "SHORT_BINSTRING", "SHORT_BINBYTES"),
    *("EMPTY_DICT", "SETITEM", "SETITEMS", "EMPTY_LIST", "APPEND", "APPENDS", "DICT", "LIST"),
    *("EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "REDUCE", "BUILD", "BINPERSID"),
    *("BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET", "MEMOIZE", "FRAME", "STACK_GLOBAL"),
}
_SPARE = 1024
# The first two numbers of a file written before PyTorch 1.6.
_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001


class _Storage(NamedTuple):
    """A sequence of numbers in the file."""

    key: str
    dtype: np.dtype
    count: int


class _Tensor(NamedTuple):
    """A tensor: a view of a storage; offset and strides count numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Dictionary(collections.OrderedDict):
    """A state dictionary; torch stores the versions of its layers beside it."""

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, dict) or set(state) - {"_metadata"}:
            raise pickle.UnpicklingError("it sets attributes of a dictionary")


class _Named:
    """What a pickle may name, and nothing but call or pass on."""

    def __init__(self, function: Callable, value: object = None):
        self._function, self.value = function, value

    def __call__(self, *arguments: object) -> object:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("it sets attributes of what it names")


class _Unpickler(pickle.Unpickler):
    """Read a pickle that may name nothing but ordered dictionaries and tensors."""

    _known: Mapping[str, object] = {
        "collections.OrderedDict": _Dictionary,
        "torch._utils._rebuild_tensor": _Named(lambda *parts: _Tensor(*parts[:4])),
        "torch._utils._rebuild_tensor_v2": _Named(lambda *parts: _Tensor(*parts[:4])),
        "torch._utils._rebuild_parameter": _Named(lambda tensor, *_: tensor),
        **{name: _Named(None, dtype) for name, dtype in _NUMBERS.items()},
    }

    def find_class(self, module: str, name: str) -> object:
        """Refuse any other name before it is imported."""
        if f"{module}.{name}" not in self._known:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which is not a tensor")
        return self._known[f"{module}.{name}"]

    def persistent_load(self, name: tuple) -> _Storage:
        """Describe numbers that are stored outside of the pickle."""
        kind, numbers, key, _, count = name[:5]
        if kind != "storage":
            raise pickle.UnpicklingError(f"it refers to {kind!r}; expected 'storage'")
        return _Storage(key, numbers.value, count)


def _unpickled(file: BinaryIO) -> object:
    """Read a pickle after a look at its instructions; the file is left behind it."""
    start, places = file.tell(), 0
    for instruction, argument, _ in pickletools.genops(file):
        if instruction.name not in _INSTRUCTIONS:
            raise pickle.UnpicklingError(f"it holds the instruction {instruction.name}")
        # A place far beyond the others would take as much memory as all those between.
        places += instruction.name.endswith("PUT") or instruction.name == "MEMOIZE"
        if instruction.name.endswith("PUT") and argument > 2 * places + _SPARE:
            raise pickle.UnpicklingError(f"it uses place {argument} of {places}")
    file.seek(start)
    return _Unpickler(file).load()


def read_state(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """
    Read the tensors of a state dictionary written by ``torch.save``.

    Returns
    -------
    dict of ndarray
        By name, in the order of the file; read-only. Other values than tensors are left out.

    Raises
    ------
    InputError
        If the file cannot be read, is damaged, or names anything but tensors; no code from the file
        is run.
    """
    try:
        return _from_archive(path) if zipfile.is_zipfile(path) else _from_legacy_file(path)
    except Exception as error:
        # Damaged pickles and archives raise errors of many types.
        reason = str(error) or type(error).__name__
        raise InputError(
            f"{path}: {reason}; expected a state dictionary as torch.save writes it"
        ) from error


def _from_archive(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read a zip archive: ``<any>/data.pkl``, and a member ``<any>/data/<key>`` per storage."""
    check_archive(path)
    with zipfile.ZipFile(path) as archive:
        members = archive.namelist()
        pickled = next((name for name in members if name.endswith("/data.pkl")), None)
        if pickled is None:
            raise ValueError("it holds no data.pkl")
        root = pickled.removesuffix("data.pkl")
        order = f"{root}byteorder"
        if order in members and archive.read(order) != b"little":
            raise ValueError("its numbers are not little-endian")
        state = _unpickled(io.BytesIO(archive.read(pickled)))
        return _arrays(state, lambda storage: archive.read(f"{root}data/{storage.key}"))


def _from_legacy_file(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read five pickles, the fourth of which describes the tensors, and then their numbers."""
    with Path(path).open("rb") as file:
        magic, version = _unpickled(file), _unpickled(file)
        if (magic, version) != (_MAGIC, _VERSION):
            raise ValueError("it does not begin with the magic number of PyTorch")
        machine, state, keys = (_unpickled(file) for _ in range(3))
        if not machine["little_endian"]:
            raise ValueError("its numbers are not little-endian")
        storages = {tensor.storage.key: tensor.storage for tensor in _tensors(state).values()}
        numbers = {key: _next_storage(file, storages[key]) for key in keys}
        return _arrays(state, lambda storage: numbers[storage.key])


def _next_storage(file: BinaryIO, storage: _Storage) -> bytes:
    """Read the number of elements of a storage, and the storage."""
    count = int.from_bytes(file.read(8), "little")
    if count != storage.count:
        raise ValueError(f"storage {storage.key} holds {count} numbers instead of {storage.count}")
    return file.read(count * storage.dtype.itemsize)


def _tensors(state: Mapping) -> dict[str, _Tensor]:
    return {name: value for name, value in state.items() if isinstance(value, _Tensor)}


def _arrays(state: Mapping, read: Callable[[_Storage], bytes]) -> dict[str, np.ndarray]:
    """Turn tensors into arrays; ``read(storage)`` returns the bytes of a storage."""
    result = {}
    for name, (storage, offset, shape, strides) in _tensors(state).items():
        numbers = np.frombuffer(read(storage), storage.dtype)
        # as_strided does not check its bounds.
        last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        if min((offset, *shape, *strides)) < 0 or (math.prod(shape) and last >= len(numbers)):
            raise ValueError(f"tensor {name} reaches beyond its {len(numbers)} numbers")
        strides = [step * numbers.itemsize for step in strides]
        result[name] = np.lib.stride_tricks.as_strided(
            numbers[offset:], shape, strides, writeable=False
        )
    return result


def alexnet_weights(
    path: str | os.PathLike, *, dense: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """
    Read the weights of torchvision's AlexNet, transposed for Keras and for our spectrograms.

    Images of torchvision have shape (channels, height, width), with frequency along the height;
    spectrograms here have shape (time, frequency, channels).

    Parameters
    ----------
    path : path
        A state dictionary: torchvision's own, or one with the same names and shapes.
    dense : {0, 1, 2}
        Number of dense layers to read; the last of three, for the 1,000 classes, is never read.

    Returns
    -------
    list of (ndarray, ndarray)
        Kernel and bias of each of the five convolutions of
        `ser_lib.neural.backbones.alexnet_convolutions`, then of the dense layers, the first of
        which takes a map of 6 × 6 cells, flattened.

    Raises
    ------
    InputError
        If the file cannot be read (see `read_state`), or tensors are missing or of other shapes;
        names these.
    """
    state, names = read_state(path), list(_ALEXNET)[: _CONVOLUTIONS + dense]
    shapes = {}
    for name in names:
        shapes |= {f"{name}.weight": _ALEXNET[name], f"{name}.bias": _ALEXNET[name][:1]}
    wrong = [
        f"{name} of shape {state[name].shape} instead of {shape}" if name in state else f"no {name}"
        for name, shape in shapes.items()
        if name not in state or state[name].shape != shape
    ]
    if wrong:
        raise InputError(f"{path}: {', '.join(wrong)}; expected torchvision's AlexNet")
    result = []
    for name in names:
        kernel = state[f"{name}.weight"]
        if name == "classifier.1":
            cells = kernel.reshape(len(kernel), -1, 6, 6)
            kernel = cells.transpose(3, 2, 1, 0).reshape(-1, len(kernel))
        else:
            kernel = kernel.transpose()
        result.append((kernel, state[f"{name}.bias"]))
    return result


def adaptive_average(maps: "keras.KerasTensor", side: int) -> "keras.KerasTensor":
    """
    Average maps of any size into a square of cells, as PyTorch's ``AdaptiveAvgPool2d`` does.

    Maps, shape (batch, time, frequency, channels) with known time and frequency, become (batch,
    side, side, channels). Of n steps, the i-th of s cells begins at ``floor(i * n / s)`` and ends
    at ``ceil((i + 1) * n / s)``: neighbouring cells may overlap.
    """
    from keras import ops

    time, frequency = (_averaging_matrix(steps, side) for steps in maps.shape[1:3])
    return ops.einsum("it,jf,btfc->bijc", time, frequency, maps)


def _averaging_matrix(steps: int, cells: int) -> np.ndarray:
    """Make the matrix that averages steps into cells, shape (cells, steps)."""
    matrix = np.zeros((cells, steps), np.float32)
    for cell in range(cells):
        start, stop = cell * steps // cells, -(-(cell + 1) * steps // cells)
        matrix[cell, start:stop] = 1 / (stop - start)
    return matrix
