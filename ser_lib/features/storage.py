"""
Features of a corpus as a folder of files: written whole, and read if every byte is as it was.

A block of finished utterances is an ``.npz`` file, whose archive carries checksums. An entry has
``values.npy`` and ``offsets.npy`` of a `RaggedArray`, and ``meta.json``, which carries the
checksums of both and of itself.
"""

import json
import math
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ser_lib import checksums, paths
from ser_lib.errors import InputError
from ser_lib.features.ragged import RaggedArray

META = "meta.json"
_SUMS = "crc32"
_ARRAYS = ("values.npy", "offsets.npy")


class Block(NamedTuple):
    """Features of some utterances, one after the other."""

    lengths: np.ndarray
    """Items of each utterance."""
    values: np.ndarray
    notes: dict[str, list[str]]
    """What was unusual about utterances."""


def write_block(path: Path, rows: Sequence[np.ndarray], notes: Mapping[str, list[str]]) -> None:
    """Write the features of some utterances, whole or not at all."""
    block = RaggedArray.from_list(rows)
    # `items` tells shape and type of the values without reading them.
    arrays = {"lengths": block.lengths, "items": block.values[:0], "values": block.values}
    with paths.whole(path, "wb") as file:
        np.savez(file, notes=json.dumps(notes), **arrays)


def read_block(path: Path, *, values: bool = True) -> Block:
    """
    Read what `write_block` wrote; without the values, if they are not wanted yet.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    InputError
        If it is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # Reading an array compares only what the array says that it needs.
            if values and (damaged := archive.testzip()) is not None:
                raise ValueError(f"{damaged} is damaged")
        with np.load(path, allow_pickle=False) as arrays:
            notes = json.loads(str(arrays["notes"]))
            block = Block(arrays["lengths"], arrays["values" if values else "items"], notes)
        if values and block.lengths.sum() != len(block.values):
            raise ValueError("lengths and values do not fit")
        return block
    except FileNotFoundError:
        raise
    except Exception as error:
        # Damaged archives raise errors of many types.
        raise InputError(f"{path}: damaged ({error})") from None


def write_entry(
    folder: Path,
    pieces: Iterable[np.ndarray],
    lengths: np.ndarray,
    item_shape: tuple[int, ...],
    dtype: np.dtype,
    meta: Mapping[str, object],
) -> None:
    """Write an entry piece by piece; `meta` describes it for those who look into the cache."""
    offsets = np.concatenate([[0], lengths]).cumsum()
    shape = (int(offsets[-1]), *item_shape)
    descr = np.lib.format.dtype_to_descr(dtype)
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    with paths.whole_folder(folder) as new:
        paths.require_space(new.parent, math.prod(shape) * dtype.itemsize)
        # Not through a memory map: on a full disk that ends the process without an error.
        with open(new / "values.npy", "wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for piece in pieces:
                file.write(np.ascontiguousarray(piece).data)
        np.save(new / "offsets.npy", offsets)
        sums = {name: checksums.crc32(new / name) for name in _ARRAYS}
        content = {**meta, "shape": list(shape), "dtype": str(dtype), _SUMS: sums}
        text = json.dumps(checksums.sealed(content), indent=1)
        (new / META).write_text(text, encoding="utf-8")


def check_entry(folder: Path) -> None:
    """
    Compare an entry with its checksums.

    Raises
    ------
    InputError
        Naming the file that is missing or damaged, or that was written by an older version, which
        made no checksums.
    """
    sums = checksums.read_sealed(folder / META).get(_SUMS)
    if not isinstance(sums, dict) or set(sums) != set(_ARRAYS):
        raise InputError(f"{folder / META}: no checksums of {' and '.join(_ARRAYS)}")
    checksums.check(folder, sums)
    open_entry(folder)


def open_entry(folder: Path) -> RaggedArray:
    """
    Open an entry, memory-mapped.

    Raises
    ------
    FileNotFoundError
        If it is not there.
    InputError
        If it cannot be read.
    """
    try:
        return RaggedArray.load(folder)
    except (FileNotFoundError, InputError):
        raise
    except Exception as error:
        # Damaged headers raise errors of many types.
        raise InputError(f"{folder}: damaged features ({error})") from None


def read_meta(folder: Path) -> dict[str, object]:
    """Read what `write_entry` was given to describe an entry."""
    own = ("shape", "dtype", _SUMS)
    content = checksums.read_sealed(folder / META)
    return {name: value for name, value in content.items() if name not in own}
