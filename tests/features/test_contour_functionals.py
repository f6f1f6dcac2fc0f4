"""Functionals of contours, against NumPy, SciPy and contours made by hand."""

import numpy as np
import pytest
import scipy.stats

from ser_lib.features.contour_functionals import FUNCTIONALS, TIMING, ContourFunctionals

compute = ContourFunctionals()


def table(frames):
    """Functionals by name, each of shape (features,), and timing."""
    frames = np.asarray(frames, float)
    vector = compute(frames)[0]
    count = len(FUNCTIONALS) * frames.shape[1]
    values = dict(zip(FUNCTIONALS, vector[:count].reshape(len(FUNCTIONALS), -1), strict=True))
    return values | dict(zip(TIMING, vector[count:], strict=True))


def test_moments_percentiles_and_regressions_are_those_of_numpy_and_scipy():
    x = np.random.default_rng(0).gamma(2, size=(80, 3)).cumsum(axis=0) % 7
    found, t = table(x), np.linspace(0, 1, 80)
    np.testing.assert_allclose(found["mean"], x.mean(axis=0))
    np.testing.assert_allclose(found["std"], x.std(axis=0))
    np.testing.assert_allclose(found["skewness"], scipy.stats.skew(x))
    np.testing.assert_allclose(found["kurtosis"], scipy.stats.kurtosis(x))
    for part in (1, 25, 50, 75, 99):
        np.testing.assert_allclose(found[f"p{part}"], np.percentile(x, part, axis=0))
    np.testing.assert_allclose(found["range"], np.ptp(np.percentile(x, (1, 99), axis=0), axis=0))
    p25, p50, p75 = np.percentile(x, (25, 50, 75), axis=0)
    np.testing.assert_allclose(found["iqr_low"], p50 - p25)
    np.testing.assert_allclose(found["iqr_high"], p75 - p50)
    for degree, value, error in ((1, "slope", "slope_error"), (2, "curvature", "curvature_error")):
        coefficients = np.polyfit(t, x, degree)
        fitted = np.stack([np.polyval(c, t) for c in coefficients.T], axis=1)
        np.testing.assert_allclose(found[value], coefficients[0])
        np.testing.assert_allclose(found[error], np.sqrt(np.mean((x - fitted) ** 2, axis=0)))
    np.testing.assert_allclose(found["at_max"], t[x.argmax(axis=0)])
    np.testing.assert_allclose(found["at_min"], t[x.argmin(axis=0)])
    np.testing.assert_allclose(found["change"], np.abs(np.diff(x, axis=0)).mean(axis=0))


def test_peaks_of_a_wave():
    # A wave of ten periods of 20 frames, from a trough to a trough.
    x = 3 - 2 * np.cos(2 * np.pi * np.arange(201) / 20)
    found = table(x[:, None])
    assert found["peak_rate"][0] == pytest.approx(10 / 201)
    assert found["peak_gap"][0] == pytest.approx(20)
    assert found["peak_gap_std"][0] == pytest.approx(0)
    # Over the mean, of the wave averaged over five frames.
    smooth = np.cos(2 * np.pi * np.arange(-2, 3) / 20).mean()
    assert found["peak_mean"][0] == pytest.approx(2 * smooth, abs=0.02)
    assert found["rise_time"][0] == pytest.approx(0.5)
    assert found["rise_mean"][0] == pytest.approx(-found["fall_mean"][0]) == pytest.approx(0.4)
    assert found["up_50"][0] == pytest.approx(0.5, abs=0.05)
    assert found["centroid"][0] == pytest.approx(0.5)


def test_fractions_of_the_range_of_a_ramp():
    found = table(np.arange(100)[:, None])
    # The range is from 0.99 to 98.01; its parts end at 25.2, 49.5, 73.8 and 88.3.
    parts = [found[name][0] for name in ("up_25", "up_50", "up_75", "up_90")]
    assert parts == pytest.approx([0.74, 0.50, 0.26, 0.11])
    assert (found["iqr_low"][0], found["at_max"][0], found["at_min"][0]) == (24.75, 1, 0)


def test_heights_of_peaks_that_differ():
    # Periods of 20 and of 30 frames in turn, five of each, with peaks of height 2 and 6.
    x = np.concatenate(
        [a * (1 - np.cos(2 * np.pi * np.arange(n) / n)) for a, n in [(1, 20), (3, 30)] * 5] + [[0]]
    )
    found = table(x[:, None])
    smooth = [
        a * (1 + np.cos(2 * np.pi * np.arange(-2, 3) / n).mean()) for a, n in ((1, 20), (3, 30))
    ]
    assert found["peak_rate"][0] == pytest.approx(10 / 251)
    assert found["peak_mean"][0] == pytest.approx(np.mean(smooth) - x.mean())
    assert found["peak_std"][0] == pytest.approx(np.std(smooth))
    assert found["peak_gap"][0] == pytest.approx(25)
    assert found["peak_gap_std"][0] == pytest.approx(0, abs=1e-9)


def test_a_descriptor_of_voiced_frames_is_that_of_these_frames_alone():
    x = np.random.default_rng(0).normal(size=(60, 2))
    gaps = x.copy()
    gaps[[*range(10), *range(30, 35)], 1] = np.nan
    whole, part = table(x), table(gaps)
    known = np.isfinite(gaps[:, 1])
    alone = table(x[known])
    for name in FUNCTIONALS:
        assert part[name][0] == pytest.approx(whole[name][0])
        assert part[name][1] == pytest.approx(alone[name][1])
    assert part["log_frames"] == np.log(60)
    assert part["voiced_fraction"] == 0.75
    assert part["voiced_rate"] == pytest.approx(2 / 60)
    assert (part["voiced_length"], part["voiced_length_std"]) == (22.5, 2.5)
    assert (part["gap_length"], part["gap_length_std"]) == (7.5, 2.5)


@pytest.mark.parametrize("count", [1, 2, 5, 7, 50])
def test_constants_and_unknowns_are_finite_and_do_not_vary(count):
    found = table(np.column_stack([np.full(count, 0.1), np.full(count, np.nan)]))
    values = np.stack([found[name] for name in FUNCTIONALS])
    assert np.isfinite(values).all()
    assert (values[:, 1] == 0).all()
    for name in ("std", "skewness", "kurtosis", "range", "slope", "change", "peak_rate"):
        assert found[name][0] == pytest.approx(0, abs=1e-12)


def test_every_dimension_has_a_name():
    names = compute.names(["a", "b"])
    assert len(set(names)) == len(names) == compute(np.ones((9, 2))).size
    assert (names[0], names[1], names[-1]) == ("a mean", "b mean", TIMING[-1])
