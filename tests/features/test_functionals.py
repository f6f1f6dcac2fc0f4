"""Statistics over time, against SciPy and NumPy."""

import numpy as np
import pytest
import scipy.stats

from ser_lib.features import Functionals
from ser_lib.features.functionals import STATISTICS

REFERENCE = {
    "mean": lambda x: x.mean(axis=0),
    "std": lambda x: x.std(axis=0),
    "median": lambda x: np.median(x, axis=0),
    "kurtosis": lambda x: scipy.stats.kurtosis(x, axis=0),
    "skewness": lambda x: scipy.stats.skew(x, axis=0),
    "percentile_1": lambda x: np.percentile(x, 1, axis=0),
    "percentile_99": lambda x: np.percentile(x, 99, axis=0),
    "min": lambda x: x.min(axis=0),
    "max": lambda x: x.max(axis=0),
    "range": lambda x: np.abs(np.percentile(x, 99, axis=0) - np.percentile(x, 1, axis=0)),
}


@pytest.mark.parametrize("frames", [2, 3, 100, 337])
def test_ten_statistics_feature_by_feature_within_statistic_by_statistic(frames):
    x = np.random.default_rng(0).gamma(2, size=(frames, 20)) * np.logspace(-6, 6, 20)
    vector = Functionals()(x)
    assert vector.shape == (1, 200)
    expected = np.concatenate([REFERENCE[name](x) for name in STATISTICS])
    np.testing.assert_allclose(vector[0], expected, rtol=1e-9, atol=1e-12)
    assert vector[0, 7 + 20 * STATISTICS.index("max")] == x[:, 7].max()


def test_names_follow_the_same_order():
    names = Functionals(statistics=("max", "mean")).names(("zcr", "energy"))
    assert names == ("zcr max", "energy max", "zcr mean", "energy mean")


@pytest.mark.parametrize("frames", [1, 2, 50])
@pytest.mark.parametrize("value", [0, 0.1, -1e9, 1e-300])
def test_a_constant_has_no_spread_and_no_shape(frames, value):
    vector = Functionals()(np.full((frames, 1), value))[0]
    found = dict(zip(STATISTICS, vector, strict=True))
    for name in ("mean", "median", "percentile_1", "percentile_99", "min", "max"):
        assert found[name] == pytest.approx(value)
    for name in ("std", "kurtosis", "skewness", "range"):
        assert found[name] == 0


def test_a_feature_that_varies_little_for_its_size_varies():
    x = 1 + 2.0**-40 * np.array([[0], [0], [0], [1]])
    found = dict(zip(STATISTICS, Functionals()(x)[0], strict=True))
    # Of one in four: the root of 3 / 16, (1 - 1 / 2) over it, and (1 - 6 * 3 / 16) / (3 / 16).
    assert found["std"] == pytest.approx(2.0**-40 * 0.4330127)
    assert found["skewness"] == pytest.approx(1.1547005)
    assert found["kurtosis"] == pytest.approx(-2 / 3)


def test_the_frames_are_not_touched():
    x = np.random.default_rng(0).standard_normal((9, 3))
    before = x.copy()
    Functionals()(x)
    np.testing.assert_array_equal(x, before)
