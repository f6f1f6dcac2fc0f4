"""
Batches of rows of similar length, so that there is little padding and few distinct shapes.

A network is traced, or compiled, anew for every shape that it meets, and it computes on padding as
on speech. Therefore rows of similar length are put together, and lengths are rounded up to few
values.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ser_lib.errors import InputError
from ser_lib.features.normalisation import moments
from ser_lib.features.ragged import RaggedArray


class Batch(NamedTuple):
    """
    Rows padded to one length.

    Parameters
    ----------
    values : ndarray of float32, shape (rows, n, *item)
        Items of each row, then zeros.
    mask : ndarray of bool, shape (rows, n)
        True for the items of a row, false for padding.
    """

    values: np.ndarray
    mask: np.ndarray


class Scaling(NamedTuple):
    """
    How a network's input is scaled: ``(values - mean) * factor``.

    Parameters
    ----------
    mean, factor : ndarray of float32, shape ``item_shape[-1:]`` or ``item_shape[1:]``
        One number per feature, for all frames.
    """

    mean: np.ndarray
    factor: np.ndarray


def fit_scaling(X: RaggedArray) -> Scaling:
    """
    Compute the scaling that brings each feature to mean 0 and standard deviation 1.

    A constant feature becomes 0.

    Raises
    ------
    InputError
        Naming the first row whose features are not finite.
    """
    mean, std = moments(X)
    if not np.isfinite(mean).all():
        row = next(i for i, items in enumerate(X) if not np.isfinite(items).all())
        raise InputError(f"features of row {row} are not finite; expected finite numbers")
    factor = np.divide(1.0, std, out=np.ones_like(std), where=std > 0)
    return Scaling(mean.astype(np.float32), factor.astype(np.float32))


def padded_length(n: int | np.ndarray) -> int | np.ndarray:
    """
    Round numbers of items, at least 1, up to few values: all up to 16, then eight per octave.

    Examples
    --------
    >>> [padded_length(n) for n in (1, 16, 17, 33, 280)]
    [1, 16, 18, 36, 288]
    """
    step = 2 ** np.maximum(0, np.ceil(np.log2(n)).astype(int) - 4)
    rounded = -(-np.asarray(n) // step) * step
    return rounded if rounded.ndim else int(rounded)


def batches(
    lengths: Sequence[int] | np.ndarray, size: int, *, rng: np.random.Generator | None = None
) -> list[np.ndarray]:
    """
    Divide rows into batches of similar length.

    Parameters
    ----------
    lengths : array of int, shape (rows,)
        Number of items of each row.
    size : int
        Largest number of rows per batch.
    rng : numpy.random.Generator, optional
        Shuffles rows of equal padded length, and the batches. Without it rows keep their order and
        the longest come first.

    Returns
    -------
    list of ndarray of int
        Row numbers, each once. Batches have nearly equal numbers of rows, except that none holds
        more than twice the items of `size` rows of mean length: a few long recordings among many
        short ones must not determine the memory that training needs.
    """
    lengths = np.asarray(lengths)
    rows = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
    padded = padded_length(lengths)
    rows = rows[np.argsort(-padded[rows], kind="stable")]
    # 33 rows in batches of at most 32 are better divided into 17 and 16 than into 32 and 1.
    even = -(-len(rows) // -(-len(rows) // size))
    max_items = max(1, int(2 * size * lengths.mean()))
    result, start = [], 0
    while start < len(rows):
        stop = start + min(even, max(1, max_items // int(padded[rows[start]])))
        result.append(rows[start:stop])
        start = stop
    if rng is not None:
        rng.shuffle(result)
    return result


def _items(ragged: RaggedArray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read all items of some rows, concatenated, float32; and the number of items of each."""
    stored = rows if ragged.rows is None else ragged.rows[rows]
    starts = ragged.offsets[stored]
    lengths = ragged.offsets[stored + 1] - starts
    # Position of each item: its row's start plus its number within the row.
    within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    items = np.take(ragged.values, np.repeat(starts, lengths) + within, axis=0)
    return items.astype(np.float32, copy=False), lengths


def assemble(
    sources: Sequence[RaggedArray],
    rows: np.ndarray,
    *,
    choice: np.ndarray | None = None,
    scaling: Scaling | None = None,
) -> Batch:
    """
    Read some rows and pad them with zeros to one length.

    Parameters
    ----------
    sources : sequence of RaggedArray
        Versions of the same rows; memory-mapped values are read for these rows only.
    rows : ndarray of int, shape (n,)
        Row numbers.
    choice : ndarray of int, shape (n,), optional
        Number of the source from which each row is taken; the first by default.
    scaling : Scaling, optional
        Applied before padding, so that padding is zero whatever the scaling.

    Returns
    -------
    Batch
        As long as the longest row, rounded up by `padded_length`.

    Raises
    ------
    InputError
        Naming the first row whose features are not finite.
    """
    choice = np.zeros(len(rows), int) if choice is None else choice
    parts = []
    for number in np.unique(choice):
        places = np.flatnonzero(choice == number)
        parts.append((places, *_items(sources[number], rows[places])))
    longest = padded_length(max(lengths.max() for _, _, lengths in parts))
    values = np.zeros((len(rows), longest, *sources[0].item_shape), np.float32)
    mask = np.zeros((len(rows), longest), bool)
    for places, items, lengths in parts:
        mask[places] = np.arange(longest) < lengths[:, np.newaxis]
        row, item = np.nonzero(mask[places])
        finite = np.isfinite(items).reshape(len(items), -1).all(axis=1)
        if not finite.all():
            bad = rows[places[row[finite.argmin()]]]
            raise InputError(f"features of row {bad} are not finite; expected finite numbers")
        if scaling is not None:
            items = (items - scaling.mean) * scaling.factor
        values[places[row], item] = items
    return Batch(values, mask)


def items_as_rows(
    sources: Sequence[RaggedArray], targets: np.ndarray
) -> tuple[tuple[RaggedArray, ...], np.ndarray]:
    """
    Make every item of several versions of rows a row of its own, with the target of its old row.

    Raises
    ------
    InputError
        If a version has another number of items in a row than the first.
    """
    lengths = sources[0].lengths
    for number, copy in enumerate(sources[1:]):
        different = np.flatnonzero(copy.lengths != lengths)
        if len(different):
            row = different[0]
            raise InputError(
                f"copies[{number}] has {copy.lengths[row]} items in row {row}, X has "
                f"{lengths[row]}; expected equal numbers where items are classified one by one"
            )
    return tuple(source.items() for source in sources), np.repeat(targets, lengths)
