"""Batches of similar lengths, scaled and padded."""

import itertools

import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural.batching import Scaling, assemble, batches, padded_length


def ragged(lengths, item=(3,), seed=0):
    rng = np.random.default_rng(seed)
    return RaggedArray.from_list([rng.normal(size=(n, *item)).astype("float32") for n in lengths])


def test_lengths_are_rounded_up_to_few_values_by_at_most_an_eighth():
    n = np.arange(1, 5000)
    rounded = padded_length(n)
    assert (rounded >= n).all()
    assert (rounded <= n * 9 / 8).all()
    assert (rounded[:16] == n[:16]).all()
    # Eight values per octave: 16 small ones and eight for each doubling up to 8192.
    assert len(np.unique(rounded)) <= 16 + 8 * 9
    assert [padded_length(int(k)) for k in n[:300]] == rounded[:300].tolist()


def test_every_row_is_in_one_batch_and_batches_are_of_like_size_and_length():
    lengths = np.random.default_rng(1).integers(1, 12, 100)
    found = batches(lengths, 32, rng=np.random.default_rng(0))
    assert sorted(np.concatenate(found)) == list(range(100))
    assert [len(rows) for rows in found] == [25, 25, 25, 25]
    spans = sorted((lengths[rows].min(), lengths[rows].max()) for rows in found)
    assert all(earlier[1] <= later[0] for earlier, later in itertools.pairwise(spans))


def test_the_seed_decides_which_rows_of_equal_length_meet_and_in_which_order():
    lengths = np.repeat([4, 7], 16)
    first, again, other = (batches(lengths, 8, rng=np.random.default_rng(s)) for s in (0, 0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_a_few_long_rows_do_not_make_a_huge_batch():
    lengths = np.array([400] * 8 + [10] * 312)
    sizes = [len(rows) * lengths[rows].max() for rows in batches(lengths, 16)]
    assert max(sizes) <= 2 * 16 * lengths.mean()
    # A row longer than a batch may be gets a batch of its own.
    assert [len(rows) for rows in batches([1000, 1, 1, 1], 2)] == [1, 2, 1]


def test_a_batch_holds_the_rows_scaled_then_zeros():
    X = ragged([2, 5, 1, 20], item=(4, 3))
    scaling = Scaling(np.full(3, 2, "float32"), np.array([1, 10, 100], "float32"))
    rows = np.array([2, 3, 0])
    batch = assemble([X], rows, scaling=scaling)
    assert batch.values.shape == (3, 20, 4, 3)
    assert batch.values.dtype == np.float32
    assert batch.mask.sum(axis=1).tolist() == [1, 20, 2]
    for values, mask, row in zip(batch.values, batch.mask, rows, strict=True):
        np.testing.assert_array_equal(values[mask], (X[row] - scaling.mean) * scaling.factor)
        assert not values[~mask].any()
        assert mask[: len(X[row])].all()


def test_rows_are_read_from_several_sources_of_different_lengths_on_disk(tmp_path):
    X = ragged([9, 9, 2, 3, 4], seed=1)
    RaggedArray(X.values.astype("float16"), X.offsets).save(tmp_path)
    stored = RaggedArray.load(tmp_path).take([4, 3, 2])
    sources = [stored, ragged([5, 1, 3], seed=2)]
    batch = assemble(sources, np.array([0, 1, 2]), choice=np.array([0, 1, 0]))
    assert batch.values.dtype == np.float32
    assert batch.mask.sum(axis=1).tolist() == [4, 1, 2]
    np.testing.assert_array_equal(batch.values[0][batch.mask[0]], stored[0])
    np.testing.assert_array_equal(batch.values[1][batch.mask[1]], sources[1][1])
    np.testing.assert_array_equal(batch.values[2][batch.mask[2]], stored[2])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused_by_row(bad):
    X = ragged([2, 3, 2, 4])
    X.values[X.offsets[2] + 1] = bad
    with pytest.raises(InputError, match="features of row 2 are not finite; expected finite"):
        assemble([X], np.array([3, 2, 1]))
