"""Calibration, against formulas worked by hand and posteriors of known confidence."""

import numpy as np
import pytest

from ser_lib.errors import InputError
from ser_lib.evaluation import fusion, metrics
from ser_lib.evaluation.calibration import (
    apply_temperature,
    calibrate,
    expected_calibration_error,
    fit_temperature,
)


def drawn(temperature, n=6000, seed=0):
    """Posteriors that are right as often as they say once divided by a temperature, and classes."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 4)) * 2
    honest = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    y = (rng.uniform(size=(n, 1)) > honest.cumsum(axis=1)).sum(axis=1).clip(max=3)
    given = np.exp(logits * temperature)
    return y, given / given.sum(axis=1, keepdims=True)


def test_the_error_of_four_rows_worked_by_hand():
    p = np.array([[0.95, 0.05], [0.95, 0.05], [0.55, 0.45], [0.45, 0.55]])
    # Bin of 0.95: confidence 0.95, accuracy 0.5; bin of 0.55: confidence 0.55, accuracy 1.
    expected = 0.5 * abs(0.95 - 0.5) + 0.5 * abs(0.55 - 1)
    assert expected_calibration_error([0, 1, 0, 1], p, bins=10) == pytest.approx(expected)


def test_bins_are_closed_above():
    # 0.75 is in the bin from 0.5 to 0.75, as 0.6 is: confidence 0.675, accuracy 0.5.
    p = np.array([[0.75, 0.25], [0.6, 0.4]])
    assert expected_calibration_error([1, 0], p, bins=4) == pytest.approx(0.175)


def test_there_are_fifteen_bins_unless_told_otherwise():
    p = np.array([[0.61, 0.39], [0.66, 0.34], [0.69, 0.31]])
    # 9/15 = 0.6 to 10/15 = 0.67 holds the first two: |0.61 - 1 + 0.66| = 0.27; the last is 0.31.
    assert expected_calibration_error([0, 1, 0], p) == pytest.approx((0.27 + 0.31) / 3)


def test_rows_that_are_right_as_often_as_they_say_have_little_error():
    y, p = drawn(1.0)
    assert expected_calibration_error(y, p) < 0.02


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_posteriors_too_sure_is_found(temperature):
    y, p = drawn(temperature)
    assert fit_temperature(y, p) == pytest.approx(temperature, rel=0.1)


def test_temperatures_are_found_from_a_twentieth_to_twenty():
    sure = np.tile([0.99999, 0.00001], (100, 1))
    # Right in 76 of 100: log(0.99999 / 0.00001) = 11.51 is ten times log(0.76 / 0.24) = 1.15.
    assert fit_temperature(np.repeat([0, 1], [76, 24]), sure) == pytest.approx(10, rel=0.01)
    unsure = np.tile([0.6, 0.4], (100, 1))
    assert fit_temperature([1] * 100, unsure) == pytest.approx(20, rel=0.01)
    assert fit_temperature([0] * 100, unsure) == pytest.approx(0.05, rel=0.01)


def test_a_temperature_divides_logarithms_and_keeps_the_order():
    p = np.array([0.7, 0.2, 0.1])
    expected = p**0.5 / (p**0.5).sum()
    assert apply_temperature(p, 2.0) == pytest.approx(expected)
    assert apply_temperature(p, 1.0) == pytest.approx(p)
    assert np.argsort(apply_temperature(p, 7.0)).tolist() == np.argsort(p).tolist()


def test_a_posterior_of_zero_stays_a_number():
    scaled = apply_temperature(np.array([[1.0, 0.0]]), 0.1)
    assert np.isfinite(scaled).all()
    assert scaled.sum() == pytest.approx(1)


# Of twelve speakers the last two share their parts with the first two.
@pytest.mark.parametrize(("speakers", "parts"), [(3, 3), (12, 10)])
def test_the_error_afterwards_is_that_of_rows_that_did_not_fit_the_temperature(speakers, parts):
    y, p = drawn(3.0)
    number = np.arange(len(y)) % speakers
    calibration = calibrate(y, p, np.array(list("abcdefghijkl"))[number])
    scaled = np.empty_like(p)
    for part in range(parts):
        held = number % parts == part
        scaled[held] = apply_temperature(p[held], fit_temperature(y[~held], p[~held]))
    assert calibration.after == pytest.approx(expected_calibration_error(y, scaled))
    assert calibration.before == pytest.approx(expected_calibration_error(y, p))
    assert calibration.after < calibration.before / 3
    assert (calibration.rows, calibration.groups) == (6000, speakers)


def test_with_one_speaker_there_is_no_error_afterwards():
    y, p = drawn(2.0, n=50)
    assert np.isnan(calibrate(y, p, ["a"] * 50).after)


@pytest.mark.parametrize("temperature", [0, -1, float("nan"), float("inf")])
def test_a_temperature_must_be_positive(temperature):
    with pytest.raises(InputError, match="temperature is"):
        apply_temperature(np.array([0.5, 0.5]), temperature)


def test_rows_and_classes_must_match():
    with pytest.raises(InputError, match="one per row"):
        expected_calibration_error([0], np.full((2, 2), 0.5))
    with pytest.raises(InputError, match="at least one row"):
        fit_temperature([], np.empty((0, 2)))
    with pytest.raises(InputError, match="2 groups for 4 rows"):
        calibrate([0, 1, 1, 0], np.full((4, 2), 0.5), ["a", "b"])


P = np.array([[0.7, 0.3], [0.4, 0.6], [0.5, 0.5]])


@pytest.mark.parametrize(
    "function",
    [
        expected_calibration_error,
        fit_temperature,
        lambda y, p: calibrate(y, p, ["a", "b", "c"]),
        metrics.cross_entropy_of,
        lambda y, p: fusion.fit_weights(np.stack([p, P]), y),
    ],
    ids=["error", "temperature", "calibration", "cross-entropy", "weights"],
)
@pytest.mark.parametrize(
    ("y", "p", "message"),
    [
        (["a", "b", "a"], P, "of type <U1, such as 'a'; expected .* an integer from 0 to 1"),
        ([0.0, 1.0, 0.0], P, "of type float64, such as 0.0; expected .* an integer from 0 to 1"),
        ([True, False, True], P, "of type bool, such as True; expected .* an integer from 0 to 1"),
        ([1, 2, 1], P, "of 1 of 3 rows .* first 2 in row 1; expected integers from 0 to 1"),
        ([0, -1, -1], P, "of 2 of 3 rows .* first -1 in row 1; expected integers from 0 to 1"),
        ([0, 1], P, r"\(2,\) true classes for posteriors of shape .*3, 2\); expected one per row"),
        ([0, 1, 0], [*P[:2], [np.nan] * 2], r"of 1 of \d rows .* first \[nan, nan\] in row .*2"),
        ([0, 1, 0], [P[0], [0.5, -0.5], P[2]], r"rows are not in \[0, 1\], first \[0.5, -0.5\]"),
        ([0, 1, 0], 100 * P, r"of 3 of \d rows are not in \[0, 1\], first \[70.0, 30.0\]"),
        ([0, 1, 0], np.log(P), r"of 3 of \d rows are not in \[0, 1\], first"),
    ],
)
def test_what_is_no_class_or_no_posterior_is_refused(function, y, p, message):
    with pytest.raises(InputError, match=message):
        function(y, np.asarray(p))


@pytest.mark.parametrize("bins", [0, -1, 2.5, None])
def test_bins_are_counted(bins):
    with pytest.raises(InputError, match=f"bins is {bins}; expected a whole number above 0"):
        expected_calibration_error([0, 1, 0], P, bins)
