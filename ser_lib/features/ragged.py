"""
Arrays of unequal length, one row per utterance, stored end to end in memory or on disk.

Row i of a `RaggedArray` holds the features of utterance i, shape (items, *item). Time is the first
axis of an item: ``(features,)`` for frames and vectors of functionals, ``(frames, features)`` or
``(frames, features, channels)`` for windows.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ser_lib.errors import InputError
from ser_lib.paths import whole

# Elements per piece when a whole corpus is summed: 16 MiB in double precision.
_CHUNK = 2**21


class RaggedArray:
    """
    Rows of unequal length, stored end to end in one array.

    Parameters
    ----------
    values : ndarray, shape (total, *item)
        All items of all rows; may be memory-mapped.
    offsets : array of int, shape (rows + 1,)
        Stored row i is ``values[offsets[i]:offsets[i + 1]]``.
    rows : array of int, optional
        Which of the stored rows this array shows, in this order; by default all of them.

    Raises
    ------
    InputError
        If the offsets do not fit the values.

    Examples
    --------
    >>> ragged = RaggedArray.from_list([np.zeros((2, 3)), np.ones((1, 3))])
    >>> len(ragged), ragged.lengths.tolist(), ragged.item_shape
    (2, [2, 1], (3,))
    >>> ragged.take([1])[0]
    array([[1., 1., 1.]])
    """

    def __init__(
        self, values: np.ndarray, offsets: Sequence[int], rows: Sequence[int] | None = None
    ):
        self.values = values
        self.offsets = np.asarray(offsets, dtype=np.int64)
        self.rows = None if rows is None else np.asarray(rows, dtype=np.int64)
        bad = self.offsets.ndim != 1 or len(self.offsets) == 0 or np.any(np.diff(self.offsets) < 0)
        if bad or self.offsets[0] != 0 or self.offsets[-1] != len(values):
            raise InputError(
                f"offsets do not fit {len(values)} items; expected non-decreasing integers from 0 "
                f"to {len(values)}"
            )

    @classmethod
    def from_list(cls, arrays: Sequence[np.ndarray]) -> "RaggedArray":
        """
        Concatenate arrays of shape (n_i, *item); array i becomes row i.

        Raises
        ------
        InputError
            If there is no array, or the items differ in shape.
        """
        arrays = [np.asarray(array) for array in arrays]
        shapes = sorted({array.shape[1:] for array in arrays})
        if len(shapes) != 1:
            raise InputError(f"rows have items of shapes {shapes}; expected one shape for all rows")
        lengths = [len(array) for array in arrays]
        return cls(np.concatenate(arrays), np.concatenate([[0], np.cumsum(lengths)]))

    @classmethod
    def load(cls, folder: str | os.PathLike) -> "RaggedArray":
        """Open what `save` wrote in `folder`; the values are memory-mapped, read on access."""
        folder = Path(folder)
        return cls(np.load(folder / "values.npy", mmap_mode="r"), np.load(folder / "offsets.npy"))

    def save(self, folder: str | os.PathLike) -> None:
        """Write the rows of this array, in its order, to ``values.npy`` and ``offsets.npy``."""
        compact = self.compact()
        for name in ("values", "offsets"):
            with whole(Path(folder) / f"{name}.npy", "wb") as file:
                np.save(file, getattr(compact, name))

    def __len__(self) -> int:
        return len(self.offsets) - 1 if self.rows is None else len(self.rows)

    def __getitem__(self, i: int) -> np.ndarray:
        if not isinstance(i, int | np.integer):
            raise TypeError(
                f"row of type {type(i).__name__}; expected an integer (`take` selects several)"
            )
        if not -len(self) <= i < len(self):
            raise IndexError(f"row {i} of {len(self)}")
        row = i % len(self) if self.rows is None else self.rows[i]
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        items = " × ".join(str(size) for size in self.item_shape)
        return f"RaggedArray({len(self)} rows, {self.lengths.sum()} items of {items}, {self.dtype})"

    @property
    def dtype(self) -> np.dtype:
        """Type of the values."""
        return self.values.dtype

    @property
    def shape(self) -> tuple[int]:
        """Number of rows, as a shape; by it and `iloc`, scikit-learn divides them into folds."""
        return (len(self),)

    @property
    def iloc(self) -> "RaggedArray":
        """The array itself, from which scikit-learn takes rows by their positions."""
        return self

    @property
    def item_shape(self) -> tuple[int, ...]:
        """Shape of one item."""
        return self.values.shape[1:]

    @property
    def lengths(self) -> np.ndarray:
        """Number of items in each row, int64, shape (rows,)."""
        lengths = np.diff(self.offsets)
        return lengths if self.rows is None else lengths[self.rows]

    def take(self, rows: Sequence[int] | np.ndarray, axis: int = 0) -> "RaggedArray":
        """
        Select rows, in the order given, without copying the values.

        Parameters
        ----------
        rows : array of int or bool
            Positions in this array, or a boolean mask with one value per row.
        axis : int
            That of rows is 0, the only one.

        Raises
        ------
        InputError
            For a position out of range, a mask of another length, or another axis.
        """
        if axis != 0:
            raise InputError(f"axis is {axis!r}; expected 0, that of rows")
        rows = np.asarray(rows)
        if rows.dtype == bool:
            if rows.shape != (len(self),):
                raise InputError(f"mask of shape {rows.shape}; expected ({len(self)},)")
            rows = np.flatnonzero(rows)
        rows = rows.astype(np.int64)
        if rows.ndim != 1 or np.any((rows < -len(self)) | (rows >= len(self))):
            raise InputError(
                f"rows to take are {rows}; expected positions from 0 to {len(self) - 1}"
            )
        return RaggedArray(
            self.values, self.offsets, rows % len(self) if self.rows is None else self.rows[rows]
        )

    def items(self) -> "RaggedArray":
        """Make every item of these rows a row of its own, in order, without copying the values."""
        lengths = self.lengths
        starts = self.offsets[:-1] if self.rows is None else self.offsets[self.rows]
        within = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        offsets = np.arange(len(self.values) + 1)
        return RaggedArray(self.values, offsets, np.repeat(starts, lengths) + within)

    def _contiguous(self) -> slice | None:
        """Return the slice of the values that holds these rows in order, or None."""
        if self.rows is None:
            return slice(0, len(self.values))
        if len(self.rows) and np.all(np.diff(self.rows) == 1):
            return slice(self.offsets[self.rows[0]], self.offsets[self.rows[-1] + 1])
        return None

    def compact(self, dtype: np.dtype | None = None) -> "RaggedArray":
        """
        Return an array that stores these rows only, in this order.

        The values are copied only if their order or type changes.
        """
        dtype = self.dtype if dtype is None else np.dtype(dtype)
        offsets = np.concatenate([[0], np.cumsum(self.lengths)])
        piece = self._contiguous()
        if piece is not None:
            return RaggedArray(self.values[piece].astype(dtype, copy=False), offsets)
        values = np.empty((offsets[-1], *self.item_shape), dtype)
        for start, stop, row in zip(offsets, offsets[1:], self, strict=False):
            values[start:stop] = row
        return RaggedArray(values, offsets)

    def stack(self) -> np.ndarray:
        """
        Convert rows of one item each to a plain array, shape (rows, *item).

        Raises
        ------
        InputError
            If a row does not hold exactly one item.
        """
        other = np.flatnonzero(self.lengths != 1)
        if len(other):
            raise InputError(
                f"row {other[0]} holds {self.lengths[other[0]]} items; expected one item per row "
                "(a front end that gives one vector per utterance)"
            )
        return self.compact().values

    def pieces(self) -> Iterator[np.ndarray]:
        """Iterate over all items of these rows in pieces of moderate size, shape (n, *item)."""
        step = max(1, _CHUNK // max(1, int(np.prod(self.item_shape))))
        piece = self._contiguous()
        for values in [self.values[piece]] if piece is not None else self:
            for start in range(0, len(values), step):
                yield values[start : start + step]
