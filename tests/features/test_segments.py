"""Windows over frames: how many, where, and what the padding is."""

import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.features import Frames, Windows


def ramp(frames, features=2):
    return np.arange(frames * features, dtype=np.float32).reshape(frames, features) - 5


@pytest.mark.parametrize("frames", [1, 2, 9, 10, 11, 14, 15, 23, 100])
@pytest.mark.parametrize("hop", [1, 4, 10])
def test_every_frame_is_in_a_window_and_the_rest_is_padding(frames, hop):
    values = ramp(frames)
    windows = Windows(length=10, hop=hop, pad=-99)(values)
    assert len(windows) == 1 + np.ceil(max(0, frames - 10) / hop)
    covered = set()
    for k, window in enumerate(windows):
        here = values[k * hop : k * hop + 10]
        np.testing.assert_array_equal(window[: len(here)], here)
        assert (window[len(here) :] == -99).all()
        covered |= set(range(k * hop, k * hop + len(here)))
    assert covered == set(range(frames))


def test_the_first_windows_of_a_longer_recording():
    frames = ramp(25)
    np.testing.assert_array_equal(
        Windows(length=10, max_windows=1)(frames), frames[np.newaxis, :10]
    )
    for most in (3, 4, None):
        assert len(Windows(length=10, max_windows=most)(frames)) == 3


def test_the_last_frames_of_a_longer_recording():
    np.testing.assert_array_equal(Frames(max_frames=3)(ramp(7)), ramp(7)[4:])
    for whole in (Frames(), Frames(max_frames=9)):
        np.testing.assert_array_equal(whole(ramp(7)), ramp(7))


def test_frames_are_averaged():
    frames = ramp(5)
    expected = [frames[:2].mean(axis=0), frames[2:4].mean(axis=0), frames[4]]
    np.testing.assert_allclose(Frames(average=2)(frames), expected)
    assert Frames(average=2)(np.zeros((5, 4, 3))).shape == (3, 12)


def test_frames_are_standardised_per_feature_over_the_utterance():
    frames = np.random.default_rng(0).normal([3, -4], [2, 0.1], (50, 2))
    frames = np.column_stack([frames, np.full(50, 0.3)])
    found = Frames(standardise=True)(frames)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(found.std(axis=0), [1, 1, 0])


def test_the_floor_is_the_lowest_value_of_the_utterance():
    windows = Windows(length=4)(ramp(5))
    assert windows.shape == (2, 4, 2)
    assert (windows[1, 1:] == -5).all()
    assert windows.dtype == np.float32


def test_each_channel_has_its_own_floor_or_value():
    frames = np.stack([ramp(5), 10 * ramp(5), ramp(5)], axis=-1)
    padding = Windows(length=4)(frames)[1, 1:]
    assert (padding == [-5, -50, -5]).all()
    windows = Windows(length=4, pad=["floor", 0, 7.5])(frames)
    assert (windows.shape, windows.dtype) == ((2, 4, 2, 3), np.float32)
    assert (windows[1, 1:] == [-5, 0, 7.5]).all()
    np.testing.assert_array_equal(windows.reshape(8, 2, 3)[:5], frames)


@pytest.mark.parametrize("shape", [(9, 2), (9, 2, 2), (4, 2, 4)])
def test_a_value_for_a_channel_that_is_not_there_is_refused(shape):
    with pytest.raises(InputError, match="expected one value for each of"):
        Windows(length=4, pad=("floor", 0, 0))(np.zeros(shape))


def test_windows_do_not_overlap_by_default():
    assert Windows(length=10) == Windows(length=10.0, hop=10)
