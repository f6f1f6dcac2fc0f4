"""
Batches of rows of similar length: little padding, few distinct shapes, no Python per sample.

A network is compiled (or at least traced) anew for every shape it meets, and it computes on padding
as on speech. So rows of similar length go together, and lengths are rounded up to few values.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ser_lib.errors import InputError
from ser_lib.features.ragged import RaggedArray, moments


class Batch(NamedTuple):
    """
    Rows brought to one length.

    Parameters
    ----------
    values : ndarray of float32, shape (rows, n, *item)
        Items, then zeros.
    mask : ndarray of bool, shape (rows, n)
        Which items are real.
    """

    values: np.ndarray
    mask: np.ndarray


class Scaling(NamedTuple):
    """
    How a network's input is scaled: ``(values - mean) * factor``.

    Parameters
    ----------
    mean, factor : ndarray of float32, shape ``item_shape[-1:]`` or ``item_shape[1:]``
        Per feature, the same for all frames.
    """

    mean: np.ndarray
    factor: np.ndarray


def scaling_of(X: RaggedArray) -> Scaling:
    """
    Learn the scaling from rows: each feature to mean 0 and standard deviation 1.

    Parameters
    ----------
    X : RaggedArray
        The training rows.

    Returns
    -------
    Scaling
        A feature that never changes becomes 0.

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
    Round a number of items up to one of few values: all up to 16, then eight per octave.

    Parameters
    ----------
    n : int or array of int
        Numbers of items, at least 1.

    Returns
    -------
    int or ndarray of int
        Never more than an eighth above `n`.

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
    Put rows of similar length together.

    Parameters
    ----------
    lengths : array of int, shape (rows,)
        Number of items of each row.
    size : int
        Rows per batch at most.
    rng : numpy.random.Generator, optional
        Draws which rows of equal padded length go together, and the order of the batches. Without
        it rows keep their order and the longest come first.

    Returns
    -------
    list of ndarray of int
        Each row once. Batches are of nearly equal numbers of rows, except that none holds more
        than twice the items of `size` rows of mean length: a few long recordings among many short
        ones must not decide how much memory training takes.
    """
    lengths = np.asarray(lengths)
    rows = np.arange(len(lengths)) if rng is None else rng.permutation(len(lengths))
    padded = padded_length(lengths)
    rows = rows[np.argsort(-padded[rows], kind="stable")]
    # 33 rows in batches of 32 at most are better dealt 17 and 16 than 32 and 1.
    even = -(-len(rows) // -(-len(rows) // size))
    most = max(1, int(2 * size * lengths.mean()))
    result, start = [], 0
    while start < len(rows):
        stop = start + min(even, max(1, most // int(padded[rows[start]])))
        result.append(rows[start:stop])
        start = stop
    if rng is not None:
        rng.shuffle(result)
    return result


def _items(ragged: RaggedArray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Read all items of some rows, end to end, float32; and how many each row has."""
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
        Which rows.
    choice : ndarray of int, shape (n,), optional
        From which source each row is taken; all from the first by default.
    scaling : Scaling, optional
        Applied before the padding, so that padding is zero whatever the scale.

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
        finite = np.isfinite(items).reshape(len(items), -1).all(axis=1)
        if not finite.all():
            place = places[np.repeat(np.arange(len(places)), lengths)[finite.argmin()]]
            raise InputError(
                f"features of row {rows[place]} are not finite; expected finite numbers"
            )
        if scaling is not None:
            items = (items - scaling.mean) * scaling.factor
        part = np.arange(longest) < lengths[:, np.newaxis]
        mask[places] = part
        row, item = np.nonzero(part)
        values[places[row], item] = items
    return Batch(values, mask)
