"""Preprocessing steps, against formulas worked by hand."""

import numpy as np
import pytest
import scipy.signal

from ser_lib.errors import InputError
from ser_lib.signal import FixedLength, Offset, PeakNormalise, PreEmphasis, Standardise

RATE = 1000


@pytest.fixture
def noise():
    return np.random.default_rng(0).standard_normal(RATE).astype(np.float32)


def test_pre_emphasis_is_a_filter_of_two_taps(noise):
    expected = scipy.signal.lfilter([1, -0.97], [1], noise)
    np.testing.assert_allclose(PreEmphasis()(noise, RATE, None), expected, atol=1e-6)
    assert PreEmphasis()(noise, RATE, None)[0] == noise[0]


def test_peak_normalise(noise):
    assert np.abs(PeakNormalise(peak=0.9)(noise, RATE, None)).max() == pytest.approx(0.9)


def test_standardise_over_the_whole_utterance(noise):
    result = Standardise()(3 * noise + 5, RATE, None)
    np.testing.assert_allclose([result.mean(), result.std()], [0, 1], atol=1e-6)


def test_silence_stays_silence_and_a_constant_has_no_spread_to_standardise():
    assert not Standardise()(np.full(RATE, 0.1, np.float32), RATE, None).any()
    silence = np.zeros(RATE, np.float32)
    for step in (PreEmphasis(), PeakNormalise(), Standardise(), FixedLength(seconds=1)):
        assert not step(silence, RATE, None).any()


def test_offset_skips_the_beginning_but_never_all(noise):
    assert np.array_equal(Offset(seconds=0.25)(noise, RATE, None), noise[250:])
    assert np.array_equal(Offset(seconds=0.975)(noise, RATE, None), noise[975:])
    for seconds in (0.98, 1, 10):
        assert np.array_equal(Offset(seconds=seconds)(noise, RATE, None), noise)


def test_fixed_length_cuts_or_pads_with_zeros(noise):
    assert np.array_equal(FixedLength(seconds=0.5)(noise, RATE, None), noise[:500])
    padded = FixedLength(seconds=1.5)(noise, RATE, None)
    assert len(padded) == 1500
    assert np.array_equal(padded[:RATE], noise)
    assert not padded[RATE:].any()


def test_no_step_changes_the_signal_it_is_given(noise):
    before = noise.copy()
    for step in (PreEmphasis(), PeakNormalise(), Standardise(), FixedLength(seconds=2)):
        step(noise, RATE, None)
    assert np.array_equal(noise, before)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: PreEmphasis(1.5), "PreEmphasis: coefficient is 1.5; expected a number"),
        (lambda: PreEmphasis("much"), "coefficient is 'much'"),
        (lambda: PeakNormalise(0), "PeakNormalise: peak is 0; expected a number above 0"),
        (lambda: Offset(-1), "Offset: seconds is -1"),
        (lambda: Offset(float("nan")), "Offset: seconds is nan"),
        (lambda: FixedLength(0), "FixedLength: seconds is 0"),
    ],
)
def test_bad_parameters_are_named(make, message):
    with pytest.raises(InputError, match=message):
        make()
