"""Files as ``torch.save`` writes them, of both layouts, without PyTorch."""

import io
import pickle
import struct
import sys
import types
import zipfile
from collections import OrderedDict
from unittest import mock

import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C


def _rebuild_tensor_v2(*arguments):
    """Only named in the file."""


class FloatStorage:
    """Only named in the file."""


_rebuild_tensor_v2.__module__ = "torch._utils"
FloatStorage.__module__ = "torch"
_TORCH = {name: types.ModuleType(name) for name in ("torch", "torch._utils")}
_TORCH["torch"].FloatStorage = FloatStorage
_TORCH["torch._utils"]._rebuild_tensor_v2 = _rebuild_tensor_v2


class Storage:
    """Numbers that are stored outside of the pickle."""

    def __init__(self, key, numbers):
        self.key, self.numbers = key, np.ascontiguousarray(numbers, "<f4").reshape(-1)


class Tensor:
    """A tensor as torch pickles it: a call with its storage, offset, shape and strides."""

    def __init__(self, storage, offset, shape, strides):
        self.arguments = (storage, offset, tuple(shape), tuple(strides), False, OrderedDict())

    def __reduce_ex__(self, protocol):
        return _rebuild_tensor_v2, self.arguments


def state_of(arrays):
    """Make a state dictionary of arrays, with the versions that torch stores beside it."""
    state = OrderedDict()
    for number, (name, array) in enumerate(arrays.items()):
        base = np.array(array, "<f4", order="C")
        strides = [step // 4 for step in base.strides]
        state[name] = Tensor(Storage(str(number), base), 0, base.shape, strides)
    state._metadata = OrderedDict({"": {"version": 1}})
    return state


def pickled(thing, legacy=False):
    class Pickler(pickle.Pickler):
        def persistent_id(self, item):
            if isinstance(item, Storage):
                name = ("storage", FloatStorage, item.key, "cpu", len(item.numbers))
                return (*name, None) if legacy else name
            return None

    out = io.BytesIO()
    with mock.patch.dict(sys.modules, _TORCH):
        Pickler(out, protocol=2).dump(thing)
    return out.getvalue()


def storages(state):
    found = {}
    for tensor in state.values():
        if isinstance(tensor, Tensor):
            found[tensor.arguments[0].key] = tensor.arguments[0].numbers
    return found


def save(path, state, *, zipped=True, byteorder=b"little"):
    """
    Write a dictionary of tensors.

    The members of an archive are stored uncompressed, each at a multiple of 64 bytes; the older
    layout is five pickles and then the numbers.
    """
    if zipped:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            members = {"data.pkl": pickled(state), "byteorder": byteorder}
            members |= {f"data/{key}": n.tobytes() for key, n in storages(state).items()}
            for name, content in (members | {"version": b"3\n"}).items():
                info = zipfile.ZipInfo(f"archive/{name}")
                header = archive.fp.tell() + 30 + len(info.filename) + 4
                padding = -header % 64
                info.extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
                archive.writestr(info, content)
        return
    machine = {
        "protocol_version": 1001,
        "little_endian": byteorder == b"little",
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    found = storages(state)
    with open(path, "wb") as file:
        for part in (MAGIC, 1001, machine, state, sorted(found)):
            file.write(pickled(part, legacy=True))
        for key in sorted(found):
            file.write(struct.pack("<q", len(found[key])) + found[key].tobytes())
