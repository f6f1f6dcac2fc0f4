"""Statistics over all rows, and scaling by those of training rows, utterances or speakers."""

import numpy as np
import pandas as pd
import pytest

from ser_lib.errors import InputError
from ser_lib.features import RaggedArray, moments, normalise, standardise_by
from ser_lib.features.normalisation import check_normalisation

LENGTHS = (3, 1, 4, 2, 5)


@pytest.mark.parametrize("item", [(4,), (6, 4), (6, 4, 3)])
@pytest.mark.parametrize("rows", [None, [4, 1, 0]])
def test_moments_reduce_items_and_time(item, rows):
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


def test_moments_of_an_array_that_is_summed_in_several_pieces():
    rng = np.random.default_rng(0)
    values = rng.normal(1e4, 1, (40_000, 64)).astype(np.float32)
    for offsets in ([0, 40_000], [0, 35_000, 40_000]):
        mean, std = moments(RaggedArray(values, offsets))
        np.testing.assert_allclose(mean, values.mean(axis=0, dtype=np.float64), rtol=1e-12)
        np.testing.assert_allclose(std, values.std(axis=0, dtype=np.float64), rtol=1e-8)


def test_a_constant_has_no_spread_left_by_rounding_or_half_precision():
    for value, dtype in ((30, np.float16), (0.1, np.float64)):
        mean, std = moments(RaggedArray.from_list([np.full((5000, 1), value, dtype)]))
        assert (mean[0], std[0]) == (pytest.approx(value), 0)


def test_nothing_has_no_moments():
    with pytest.raises(InputError, match="no items to compute"):
        moments(RaggedArray.from_list([np.zeros((0, 7))]))


def test_standardise_by_group():
    rng = np.random.default_rng(0)
    arrays = [rng.normal(5, 2, (n, 7)).astype(np.float32) for n in LENGTHS]
    ragged = RaggedArray.from_list(arrays)
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
    # A feature that is constant within a group becomes zero.
    constant = RaggedArray.from_list([np.full((2, 1), 3.0), np.full((3, 1), 4.0)])
    assert not standardise_by(constant, ["a", "b"]).values.any()


TABLE = pd.DataFrame({"speaker": ["a", "b", "a"]}, index=["u1", "u2", "u3"])


@pytest.fixture
def frames():
    rng = np.random.default_rng(0)
    return RaggedArray.from_list([rng.normal(k, 1, (9, 4)) for k in range(3)])


def test_utterance_uses_the_statistics_of_each_utterance_and_train_none(frames):
    assert normalise(frames, "train", TABLE) is frames
    scaled = normalise(frames, "utterance", TABLE)
    for row in scaled:
        np.testing.assert_allclose(row.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(row.std(axis=0), 1)
    # Nothing is left to do if the front end did it.
    assert normalise(frames, "utterance", TABLE, per_utterance=True) is frames


def test_speaker_uses_the_statistics_of_all_utterances_of_a_speaker(frames):
    scaled = normalise(frames, "speaker", TABLE)
    for rows in ([0, 2], [1]):
        together = scaled.take(rows).compact().values
        np.testing.assert_allclose(together.mean(axis=0), 0, atol=1e-12)
        np.testing.assert_allclose(together.std(axis=0), 1)


def test_normalisations_that_are_not_possible_are_refused(frames):
    vectors = RaggedArray.from_list([np.zeros((1, 4))] * 3)
    with pytest.raises(InputError, match="one vector per utterance, which has no statistics"):
        normalise(vectors, "utterance", TABLE)
    anonymous = TABLE.assign(speaker=["a", None, "a"])
    with pytest.raises(InputError, match=r"the speaker of 1 utterances is unknown, .* 'u2'"):
        normalise(frames, "speaker", anonymous)
    for function in (lambda how: normalise(frames, how, TABLE), check_normalisation):
        with pytest.raises(InputError, match="unknown normalisation 'corpus'"):
            function("corpus")
    with pytest.raises(InputError, match="'train': this front end scales each utterance"):
        check_normalisation("train", per_utterance=True)
    assert check_normalisation("speaker", per_utterance=True) == "speaker"
