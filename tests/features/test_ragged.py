"""Rows of unequal length: slicing, saving, and statistics over all of them."""

import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.features import RaggedArray, moments, standardise_by
from ser_lib.features import ragged as module

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


@pytest.mark.parametrize("item", [(4,), (6, 4), (6, 4, 3)])
@pytest.mark.parametrize("rows", [None, [4, 1, 0]])
def test_moments_reduce_items_and_time(item, rows, monkeypatch):
    # So small a piece that every row is gone through in several.
    monkeypatch.setattr(module, "_CHUNK", 30)
    rng = np.random.default_rng(0)
    arrays = [rng.normal(1e4, 1, (n, *item)) for n in LENGTHS]
    ragged = RaggedArray.from_list(arrays)
    chosen = np.concatenate(arrays if rows is None else [arrays[i] for i in rows])
    feature = item[1:] if len(item) > 1 else item
    flat = chosen.reshape(-1, *feature)
    mean, std = moments(ragged if rows is None else ragged.take(rows))
    assert mean.shape == std.shape == feature
    assert mean.dtype == std.dtype == np.float64
    np.testing.assert_allclose(mean, flat.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(std, flat.std(axis=0), rtol=1e-8)


def test_half_precision_is_summed_in_double():
    ragged = RaggedArray.from_list([np.full((5000, 1), 30, np.float16)])
    mean, std = moments(ragged)
    assert (mean[0], std[0]) == (30, 0)


def test_a_constant_has_no_spread_left_by_rounding():
    _, std = moments(RaggedArray.from_list([np.full((1000, 1), 0.1)]))
    assert std[0] == 0


def test_nothing_has_no_moments(ragged):
    with pytest.raises(InputError, match="found no items"):
        moments(ragged.take([]))


def test_standardise_by_group(arrays, ragged):
    groups = np.array(["b", "a", "b", "a", "a"])
    result = standardise_by(ragged, groups)
    assert result.lengths.tolist() == list(LENGTHS)
    for group in "ab":
        rows = np.flatnonzero(groups == group)
        together = np.concatenate([arrays[row] for row in rows])
        expected = (together - together.mean(axis=0)) / together.std(axis=0)
        found = np.concatenate([result[row] for row in rows])
        np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(InputError, match="expected one per row"):
        standardise_by(ragged, groups[:3])


def test_a_feature_constant_within_a_group_becomes_zero():
    ragged = RaggedArray.from_list([np.full((2, 1), 3.0), np.full((3, 1), 4.0)])
    assert not standardise_by(ragged, ["a", "b"]).values.any()
