"""Rows of unequal length: selecting, saving and stacking them."""

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from ser_lib.errors import InputError
from ser_lib.features import RaggedArray

LENGTHS = (3, 1, 4, 2, 5)


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return [rng.normal(5, 2, (n, 7)).astype(np.float32) for n in LENGTHS]


@pytest.fixture
def ragged(arrays):
    return RaggedArray.from_list(arrays)


def assert_rows(found, expected):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_rows_are_views(arrays, ragged):
    assert_rows(ragged, arrays)
    assert np.shares_memory(ragged[2], ragged.values)
    np.testing.assert_array_equal(ragged[-1], arrays[-1])
    assert ragged.lengths.tolist() == list(LENGTHS)
    assert ragged.item_shape == (7,)
    assert repr(ragged) == "RaggedArray(5 rows, 15 items of 7, float32)"
    with pytest.raises(IndexError):
        ragged[5]


def test_take_copies_nothing_and_can_be_repeated(arrays, ragged):
    taken = ragged.take([4, 0, 0, -3])
    assert np.shares_memory(taken.values, ragged.values)
    assert_rows(taken, [arrays[i] for i in (4, 0, 0, 2)])
    assert taken.lengths.tolist() == [5, 3, 3, 4]
    assert_rows(taken.take([3, -4]), [arrays[2], arrays[4]])
    assert_rows(ragged.take(np.array([True, False, True, False, False])), [arrays[0], arrays[2]])
    assert len(ragged.take([])) == 0


@pytest.mark.parametrize("rows", [[5], [-6], [True, False], [[0, 1]]])
def test_rows_that_do_not_exist_are_refused(ragged, rows):
    with pytest.raises(InputError, match="expected"):
        ragged.take(rows)


@pytest.mark.parametrize("rows", [slice(2), [0, 1], np.array([True, False]), "a"])
def test_several_rows_are_taken_and_not_indexed(ragged, rows):
    with pytest.raises(TypeError, match=f"row of type {type(rows).__name__}; expected an integer"):
        ragged[rows]


@pytest.mark.parametrize("rows", [None, [1, 2, 3], [3, 1]])
def test_saved_and_loaded_by_memory_map(tmp_path, arrays, ragged, rows):
    chosen = ragged if rows is None else ragged.take(rows)
    chosen.save(tmp_path / "x")
    loaded = RaggedArray.load(tmp_path / "x")
    assert isinstance(loaded.values, np.memmap)
    assert_rows(loaded, arrays if rows is None else [arrays[i] for i in rows])


def test_compact_copies_only_what_it_must(ragged):
    assert np.shares_memory(ragged.take([1, 2]).compact().values, ragged.values)
    assert ragged.take([1, 2]).compact().values.shape == (5, 7)
    assert not np.shares_memory(ragged.take([2, 1]).compact().values, ragged.values)
    assert ragged.compact("float64").dtype == np.float64


@pytest.mark.parametrize("rows", [None, [3, 1, 3], []])
def test_items_become_rows_of_one_without_a_copy(arrays, ragged, rows):
    chosen = ragged if rows is None else ragged.take(rows)
    items = chosen.items()
    assert np.shares_memory(items.values, ragged.values)
    assert items.lengths.tolist() == [1] * chosen.lengths.sum()
    expected = [item for row in chosen for item in row[:, np.newaxis]]
    assert_rows(items, expected)
    # Rows of single items can be taken and made items of again.
    assert_rows(items.take(np.arange(len(items))[::-1]).items(), expected[::-1])


def test_stack_needs_one_item_per_row(ragged):
    vectors = RaggedArray.from_list([np.full((1, 2), i) for i in range(4)])
    np.testing.assert_array_equal(vectors.take([3, 1]).stack(), [[3, 3], [1, 1]])
    with pytest.raises(InputError, match="row 0 holds 3 items; expected one item per row"):
        ragged.stack()


def test_offsets_must_fit():
    for offsets in ([0, 2], [1, 3], [0, 2, 1, 3], []):
        with pytest.raises(InputError, match="offsets do not fit 3 items"):
            RaggedArray(np.zeros((3, 2)), offsets)


def test_rows_must_have_items_of_one_shape():
    with pytest.raises(InputError, match=r"items of shapes \[\(2,\), \(3,\)\]"):
        RaggedArray.from_list([np.zeros((1, 2)), np.zeros((1, 3))])


def test_scikit_learn_takes_rows_of_it(ragged):
    assert ragged.shape == (5,)
    _, tested = train_test_split(ragged, test_size=2, shuffle=False)
    assert_rows(tested, [ragged[3], ragged[4]])
    with pytest.raises(InputError, match="axis is 1; expected 0, that of rows"):
        ragged.take([0], axis=1)
