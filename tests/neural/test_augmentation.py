"""SpecAugment, mixup and oversampling of training rows."""

import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.neural.augmentation import SpecAugment, mixup, oversample
from ser_lib.neural.batching import Batch

LENGTHS = (10, 40, 100, 1)


def batch_of(lengths=LENGTHS, item=(20,)):
    """Ones in the recordings, nines in the padding: masked values, zeros, can be told from both."""
    mask = np.arange(max(lengths)) < np.array(lengths)[:, np.newaxis]
    values = np.where(mask.reshape(*mask.shape, *[1] * len(item)), 1, 9) * np.ones(item, "float32")
    return Batch(values.astype("float32"), mask)


def runs(masked):
    """Lengths of the stretches in which a sequence is true."""
    edges = np.flatnonzero(np.diff([0, *masked.astype(int), 0]))
    return edges[1::2] - edges[::2]


def test_one_stretch_of_time_of_each_recording_becomes_zero_and_padding_is_unchanged():
    augment, widths = SpecAugment(time=0.2, frequency=0, masks=1), []
    for seed in range(200):
        batch = augment(batch_of(), np.random.default_rng(seed))
        assert set(np.unique(batch.values)) <= {0, 1, 9}
        for values, mask in zip(batch.values, batch.mask, strict=True):
            assert (values[~mask] == 9).all()
            masked = (values == 0).any(axis=1)
            assert (values[masked] == 0).all()
            assert len(runs(masked)) <= 1
            # A fifth of the recording at most, to a whole frame.
            assert masked.sum() <= np.ceil(0.2 * mask.sum())
        widths.append((batch.values[2] == 0).all(axis=1).sum())
    # From none to the largest, all as often.
    assert set(widths) == set(range(21))
    assert np.mean(widths) == pytest.approx(10, abs=1.5)


def test_bands_are_masked_over_the_whole_recording_and_others_in_each():
    augment, masks = SpecAugment(time=0, frequency=0.25, masks=1), []
    for seed in range(100):
        batch = augment(batch_of(), np.random.default_rng(seed))
        for values, mask in zip(batch.values, batch.mask, strict=True):
            masked = (values[mask] == 0).any(axis=0)
            assert (values[mask] == ~masked).all()
            assert runs(masked).sum() <= 0.25 * 20
            masks.append(masked)
    assert len({tuple(masked) for masked in masks[:4]}) > 1
    assert np.any(masks, axis=0).all()


def test_several_masks_of_both_kinds():
    augment = SpecAugment(time=0.1, frequency=0.2, masks=2)
    parts = [augment(batch_of(), np.random.default_rng(seed)).values[2] for seed in range(50)]
    times = [(values == 0).all(axis=1) for values in parts]
    bands = [(values == 0).all(axis=0) for values in parts]
    assert max(len(runs(masked)) for masked in times) == 2
    assert max(len(runs(masked)) for masked in bands) == 2
    assert max(masked.sum() for masked in times) <= 2 * 10
    assert max(masked.sum() for masked in bands) <= 2 * 4


@pytest.mark.parametrize("item", [(30, 20), (30, 20, 3)])
def test_within_windows_time_and_frequency_are_the_axes_of_an_item(item):
    augment = SpecAugment(time=0.2, frequency=0.25, masks=1, within=True)
    seen = np.zeros((2, 3), bool)
    for seed in range(30):
        batch = batch_of((1, 3), item)
        values = augment(batch, np.random.default_rng(seed)).values
        masked = values == 0
        if len(item) == 3:
            # Channels are masked together.
            assert (masked == masked[..., :1]).all()
            masked = masked[..., 0]
        for row in masked:
            # Every window of a row hides the same.
            assert (row == row[0]).all()
            frames, bands = row[0].all(axis=1), row[0].all(axis=0)
            np.testing.assert_array_equal(row[0], frames[:, None] | bands)
            assert frames.sum() <= 0.2 * 30
            assert bands.sum() <= 0.25 * 20
            seen |= [[frames.any()], [bands.any()]]
    assert seen.all()


def test_masks_of_zero_width_change_nothing_and_the_widest_can_mask_everything():
    rng = np.random.default_rng(0)
    same = SpecAugment(time=0, frequency=0)(batch_of(), rng)
    np.testing.assert_array_equal(same.values, batch_of().values)
    widest = SpecAugment(time=1, frequency=0, masks=1)
    masked = [(widest(batch_of((4,)), rng).values == 0).all() for _ in range(60)]
    assert 0 < sum(masked) < 60


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"time": 1.1}, "time is 1.1; expected a number of at least 0 and of at most 1"),
        ({"masks": 0}, "masks is 0; expected an integer of at least 1"),
    ],
)
def test_bad_parameters_are_refused_by_name(parameters, message):
    with pytest.raises(InputError, match=message):
        SpecAugment(**parameters)
    with pytest.raises(InputError, match=r"items have shape \(20,\); expected \(frames, bands"):
        SpecAugment(within=True)(batch_of(), np.random.default_rng(0))


def test_labels_of_a_mixture_are_mixed_with_the_weights_of_its_values():
    # Row i holds the value i and is of class i, so the label of a mixture explains its values.
    rows = 40
    mask = np.arange(6) < np.random.default_rng(1).integers(1, 7, rows)[:, np.newaxis]
    values = np.arange(rows, dtype="float32")[:, None, None] * mask[..., None] * np.ones((1, 1, 3))
    batch = Batch(values.astype("float32"), mask)
    mixed, labels = mixup(batch, np.eye(rows, dtype="float32"), 1.0, np.random.default_rng(0))
    np.testing.assert_allclose(labels.sum(axis=1), 1, rtol=1e-6)
    assert ((labels >= 0) & (labels <= 1)).all()
    assert ((labels > 0).sum(axis=1) <= 2).all()
    # The larger weight is the row's own.
    assert (labels.argmax(axis=1) == np.arange(rows)).all()
    expected = np.tensordot(labels, batch.values, axes=1)
    np.testing.assert_allclose(mixed.values, expected, rtol=1e-5, atol=1e-5)
    together = np.stack([mask[row > 0].any(axis=0) for row in labels])
    np.testing.assert_array_equal(mixed.mask, together)
    assert mixed.values.dtype == labels.dtype == np.float32


def test_a_small_parameter_mixes_little():
    batch = Batch(np.ones((500, 1, 1), "float32"), np.ones((500, 1), bool))
    weights = {
        alpha: mixup(batch, np.eye(500, dtype="float32"), alpha, np.random.default_rng(0))[1]
        .max(axis=1)
        .mean()
        for alpha in (0.05, 1.0)
    }
    assert weights[0.05] > 0.95
    # Of two numbers that add up to one, drawn uniformly, the larger is 0.75 on average.
    assert weights[1.0] == pytest.approx(0.75, abs=0.02)


def test_oversampling_makes_every_class_as_frequent_and_loses_no_row():
    targets = np.array([0] * 17 + [1] * 5 + [3] * 11)
    rows = oversample(targets, np.random.default_rng(0))
    assert np.bincount(targets[rows]).tolist() == [17, 17, 0, 17]
    assert set(rows) == set(range(len(targets)))
    # The most frequent class comes as it is.
    assert np.bincount(rows)[:17].max() == 1
    assert set(oversample(targets, np.random.default_rng(1))[33:]) != set(rows[33:])
