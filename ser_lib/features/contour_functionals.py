"""
Functionals of the contours of descriptors: distribution, trend, peaks, movement.

Formulas as in Eyben (2016), Real-time speech and music classification by large audio feature space
extraction (Springer), section 2.4. A contour is what is known of a descriptor x over the T frames
of an utterance; time t runs from 0 to 1. Descriptors of voiced frames are known there only, and
their contours are joined over the gaps.

==================================  ==============================================================
mean, std, skewness, kurtosis       moments; the last two are 0 where the contour is constant
p1, p25, p50, p75, p99              percentiles, interpolated linearly
range, iqr_low, iqr_high            p99 - p1, p50 - p25, p75 - p50
slope, slope_error                  of the regression line over t: slope and root mean squared error
curvature, curvature_error          of the parabola over t: 2nd coefficient, root mean squared error
centroid                            mean of t weighted by x - p1
at_max, at_min                      t of the largest and of the smallest value
up_25, up_50, up_75, up_90          fraction of frames above p1 and so many percent of the range
peak_rate, peak_gap, peak_gap_std   maxima per frame, mean and deviation of their distances (frames)
peak_mean, peak_std                 height of the maxima over the mean of the contour
rise_mean, fall_mean, rise_time     mean of rising and of falling steps; fraction of rising steps
change                              mean absolute step
==================================  ==============================================================

Maxima are those of the contour averaged over five frames. Of the whole utterance there are the
logarithm of the number of frames, the fraction of voiced frames, the voiced stretches per frame,
and mean and deviation of the lengths (frames) of voiced stretches and of the gaps between them.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

FUNCTIONALS = (
    *("mean", "std", "skewness", "kurtosis", "p1", "p25", "p50", "p75", "p99"),
    *("range", "iqr_low", "iqr_high", "slope", "slope_error", "curvature", "curvature_error"),
    *("centroid", "at_max", "at_min", "up_25", "up_50", "up_75", "up_90"),
    *("peak_rate", "peak_gap", "peak_gap_std", "peak_mean", "peak_std"),
    *("rise_mean", "fall_mean", "rise_time", "change"),
)
TIMING = (
    *("log_frames", "voiced_fraction", "voiced_rate", "voiced_length", "voiced_length_std"),
    *("gap_length", "gap_length_std"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ContourFunctionals:
    """
    Compute functionals of each contour: one vector per utterance; see the text of this module.

    Examples
    --------
    >>> values = ContourFunctionals()(np.random.default_rng(0).normal(size=(50, 2)))
    >>> values.shape == (1, 2 * len(FUNCTIONALS) + len(TIMING))
    True
    """

    def names(self, features: Sequence[str]) -> tuple[str, ...]:
        """Return the name of every dimension, ``"<feature> <functional>"``, in order."""
        return tuple(f"{x} {name}" for name in FUNCTIONALS for x in features) + TIMING

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """
        Compute the functionals of at least one frame, shape (frames, features).

        Returns
        -------
        ndarray of float64, shape (1, features * functionals + timing)
            Finite; 0 for a feature that is known in no frame.
        """
        known = np.isfinite(frames)
        values = np.zeros((len(FUNCTIONALS), frames.shape[1]))
        voiced, always = known.all(axis=1), known.all(axis=0)
        for rows, columns in ((slice(None), always), (voiced, ~always)):
            part = frames[:, columns][rows]
            if part.size:
                values[:, columns] = _functionals(part.T)
        return np.concatenate([values.ravel(), _timing(voiced)])[None]


def _functionals(x: np.ndarray) -> np.ndarray:
    """Return all functionals of complete contours, shape (functionals, features)."""
    x = np.ascontiguousarray(x)
    count = x.shape[1]
    mean = x.mean(axis=1)
    z = x - mean[:, None]
    std = np.sqrt(np.mean(z**2, axis=1))
    varies = std > 1e-9 * (1 + np.abs(mean))
    scaled = z / np.where(varies, std, np.inf)[:, None]
    cube = scaled**3
    p1, p25, p50, p75, p99 = _percentiles(np.sort(x, axis=1), (0.01, 0.25, 0.5, 0.75, 0.99))
    extent = p99 - p1
    above = x - p1[:, None]
    t = np.linspace(0, 1, count) if count > 1 else np.zeros(1)
    weight = np.maximum(above, 0)
    values = [
        *(mean, np.where(varies, std, 0), cube.mean(axis=1)),
        np.where(varies, (cube * scaled).mean(axis=1) - 3, 0),
        *(p1, p25, p50, p75, p99, extent, p50 - p25, p75 - p50),
        *_trend(z, t),
        weight @ t / np.maximum(weight.sum(axis=1), 1e-12),
        *(t[x.argmax(axis=1)], t[x.argmin(axis=1)]),
        *((above > part * extent[:, None]).mean(axis=1) for part in (0.25, 0.5, 0.75, 0.9)),
        *_peaks(z),
        *_movement(np.diff(x, axis=1)),
    ]
    return np.stack(values)


def _percentiles(ordered: np.ndarray, parts: Sequence[float]) -> list[np.ndarray]:
    positions = np.asarray(parts) * (ordered.shape[1] - 1)
    below = positions.astype(int)
    above = np.minimum(below + 1, ordered.shape[1] - 1)
    low, high = ordered[:, below], ordered[:, above]
    return list((low + (positions - below) * (high - low)).T)


def _trend(z: np.ndarray, t: np.ndarray) -> list[np.ndarray]:
    """Return slope and curvature with their errors, of contours of mean 0."""
    line = t - t.mean()
    line_norm = max(np.sum(line**2), 1e-12)
    slope = z @ line / line_norm
    bend = line**2 - np.mean(line**2)
    bend_norm = np.sum(bend**2)
    curvature = z @ bend / bend_norm if bend_norm > 1e-12 else np.zeros(len(z))
    rest = np.mean(z**2, axis=1) - slope**2 * line_norm / len(t)
    rest_bent = rest - curvature**2 * bend_norm / len(t)
    errors = (np.sqrt(np.maximum(r, 0)) for r in (rest, rest_bent))
    return [value for pair in zip((slope, curvature), errors, strict=True) for value in pair]


def _peaks(z: np.ndarray) -> list[np.ndarray]:
    """Return rate, mean and deviation of the distances, mean and deviation of the heights."""
    features, count = z.shape
    if count < 7:
        return [np.zeros(features)] * 5
    total = np.cumsum(np.pad(z, ((0, 0), (1, 0))), axis=1)
    smooth = (total[:, 5:] - total[:, :-5]) / 5
    inner = smooth[:, 1:-1]
    feature, at = np.nonzero((inner > smooth[:, :-2]) & (inner >= smooth[:, 2:]))
    height = inner[feature, at]
    number = np.bincount(feature, minlength=features)
    following = np.flatnonzero(np.diff(feature) == 0)
    gap, owner = at[following + 1] - at[following], feature[following]
    return [
        number / count,
        *_mean_and_deviation(gap, owner, features),
        *_mean_and_deviation(height, feature, features),
    ]


def _mean_and_deviation(
    values: np.ndarray, owner: np.ndarray, owners: int
) -> tuple[np.ndarray, np.ndarray]:
    count = np.maximum(np.bincount(owner, minlength=owners), 1)
    mean = np.bincount(owner, values, minlength=owners) / count
    square = np.bincount(owner, (values - mean[owner]) ** 2, minlength=owners) / count
    return mean, np.sqrt(square)


def _movement(step: np.ndarray) -> list[np.ndarray]:
    if step.shape[1] == 0:
        return [np.zeros(len(step))] * 4
    rising, falling = step > 0, step < 0
    return [
        (step * rising).sum(axis=1) / np.maximum(rising.sum(axis=1), 1),
        (step * falling).sum(axis=1) / np.maximum(falling.sum(axis=1), 1),
        rising.mean(axis=1),
        np.abs(step).mean(axis=1),
    ]


def _timing(voiced: np.ndarray) -> list[float]:
    """Return what `TIMING` lists, of the frames in which everything is known."""
    changes = np.flatnonzero(np.diff(voiced)) + 1
    runs = np.split(voiced, changes)
    stretches = [len(run) for run in runs if run[0]]
    gaps = [len(run) for run in runs if not run[0]]
    moments = [m for lengths in (stretches, gaps) for m in _moments(lengths)]
    return [np.log(len(voiced)), voiced.mean(), len(stretches) / len(voiced), *moments]


def _moments(lengths: Sequence[int]) -> tuple[float, float]:
    return (float(np.mean(lengths)), float(np.std(lengths))) if lengths else (0.0, 0.0)
