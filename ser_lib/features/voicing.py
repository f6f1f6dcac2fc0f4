"""
Pitch and voice quality of all frames of an utterance, in one pass over its autocorrelation.

Fundamental frequency
    Boersma (1993), Accurate short-term analysis of the fundamental frequency and the
    harmonics-to-noise ratio of a sampled sound, IFA Proceedings 17, 97-110. Frames of three periods
    of the lowest frequency, mean removed, Hann window; their autocorrelation is divided by that of
    the window. Its highest maxima are candidates, whose strength is their height r less
    ``0.03 log2(fmin * lag)``; "unvoiced" is one more. The path of most strength over the frames is
    found by dynamic programming, with the costs of that paper for octave jumps (0.35) and for
    changes of voicing (0.14), scaled to the distance between frames.
Harmonics-to-noise ratio
    ``10 log10(r / (1 - r))`` dB, of the same maximum.
Jitter and shimmer
    Each period reaches from peak to peak of the waveform. Jitter is the absolute difference of two
    successive periods over the mean of both, DDP jitter the absolute difference between two such
    differences (signed) over the mean period, shimmer is ``|20 log10|`` of the ratio of two
    successive peaks, in dB (Eyben et al. 2016, The Geneva minimalistic acoustic parameter set, IEEE
    Trans. Affective Computing 7(2), 190-202).
Harmonic differences
    Level of the first harmonic less that of the second, and less the highest level in bands around
    the first three formants (as H1-H2 and H1-A3 of Eyben et al. 2016, with fixed bands), in dB.
"""

import functools

import numpy as np
import scipy.fft

NAMES = (
    *("pitch", "hnr", "jitter", "jitter_ddp", "shimmer"),
    *("h1_h2", "h1_a1", "h1_a2", "h1_a3"),
)
"""
Descriptors of voiced frames.

``pitch`` in semitones above 27.5 Hz, levels and ratios in dB, jitter as a fraction of the period.
"""
_CANDIDATES = 4
_BLOCK = 128
_SILENCE, _VOICING = 0.03, 0.45
_OCTAVE, _JUMP, _CHANGE = 0.03, 0.35, 0.14
_FORMANTS = ((200, 1000), (800, 2500), (2000, 4000))


def voice_descriptors(
    signal: np.ndarray,
    sample_rate: int,
    centres: np.ndarray,
    *,
    fmin: float = 75.0,
    fmax: float = 600.0,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Analyse the voice around some instants.

    Parameters
    ----------
    signal : ndarray of float64, shape (samples,)
        Mono.
    sample_rate : int
        Samples per second.
    centres : ndarray of int, shape (frames,)
        Middle of each frame in samples, at equal distances.
    fmin, fmax : float
        Lowest and highest fundamental frequency considered, in Hz.

    Returns
    -------
    voice : ndarray of float64, shape (frames, len(NAMES))
        NaN in unvoiced frames.
    periodicity : ndarray of float64, shape (frames,)
        Highest maximum of the autocorrelation, between 0 and 1, of all frames.
    """
    length = int(np.ceil(3 / fmin * sample_rate))
    lags = np.arange(int(sample_rate / fmax), int(np.ceil(sample_rate / fmin)) + 1)
    padded = np.pad(signal, length)
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[centres + length // 2 + 1]
    strength, period, levels = _candidates(frames, sample_rate, lags)
    peak = np.abs(frames).max(axis=1) / max(np.abs(signal).max(), 1e-10)
    hop = (centres[1] - centres[0]) / sample_rate if len(centres) > 1 else 0.01
    chosen = _path(strength, period, peak, fmin / sample_rate, 0.01 / hop)
    voiced = np.flatnonzero(chosen >= 0)
    periodicity = np.clip(strength.max(axis=1), 0, 1)
    voice = np.full((len(centres), len(NAMES)), np.nan)
    if not len(voiced):
        return voice, periodicity
    r = np.clip(strength[voiced, chosen[voiced]], 1e-4, 1 - 1e-4)
    periods = period[voiced, chosen[voiced]]
    f0 = sample_rate / periods
    voice[voiced, 0] = 12 * np.log2(f0 / 27.5)
    voice[voiced, 1] = 10 * np.log10(r / (1 - r))
    voice[voiced, 2:5] = _perturbation(signal, centres, voiced, periods)
    voice[voiced, 5:] = _harmonics(levels[voiced], f0, sample_rate)
    return voice, periodicity


@functools.lru_cache
def _window(length: int, n_fft: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the Hann window and its normalised autocorrelation."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length)
    spectrum = scipy.fft.rfft(window, n_fft)
    own = scipy.fft.irfft(np.square(np.abs(spectrum)), n_fft)
    return window, own / own[0]


def _candidates(
    frames: np.ndarray, sample_rate: int, lags: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return strengths r and periods (samples) of the highest maxima, and spectra in dB."""
    length = frames.shape[1]
    n_fft = scipy.fft.next_fast_len(length + lags[-1] + 2, real=True)
    window, own = _window(length, n_fft)
    around = slice(lags[0] - 1, lags[-1] + 2)
    octave_cost = _OCTAVE * np.log2(lags)
    parts = []
    for start in range(0, len(frames), _BLOCK):
        block = frames[start : start + _BLOCK]
        block = (block - block.mean(axis=1, keepdims=True)) * window
        spectrum = scipy.fft.rfft(block, n_fft, axis=1)
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        correlation = scipy.fft.irfft(power, n_fft, axis=1)
        total = correlation[:, :1]
        r = correlation[:, around] / np.where(total > 0, total, 1) / own[around]
        before, here, after = r[:, :-2], r[:, 1:-1], r[:, 2:]
        maxima = np.where((here > before) & (here >= after), here, -1.0)
        # Of equal maxima, as a periodic signal has them, those of short periods.
        best = np.argpartition(octave_cost - maxima, _CANDIDATES, axis=1)[:, :_CANDIDATES]
        a, b, c, is_maximum = (
            np.take_along_axis(x, best, axis=1) for x in (before, here, after, maxima)
        )
        shift, height = _vertex(a, b, c)
        height = np.where(is_maximum > -1, height, -1.0)
        levels = 10 * np.log10(power[:, : n_fft // 4 + 2] + 1e-10)
        parts.append((height, lags[best] + shift, levels))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _path(
    strength: np.ndarray, period: np.ndarray, peak: np.ndarray, lowest: float, speed: float
) -> np.ndarray:
    """Choose a candidate for each frame, -1 for unvoiced, by dynamic programming."""
    unvoiced = _VOICING + np.maximum(0, 2 - peak / (_SILENCE / (1 + _VOICING)))
    octaves = np.log2(period)
    local = np.where(strength > 0, strength - _OCTAVE * np.log2(lowest * period), -1e3)
    score = np.concatenate([local, unvoiced[:, None]], axis=1)
    states = score.shape[1]
    jump = np.full((len(score), states, states), _CHANGE * speed)
    if len(score) > 1:
        distance = np.abs(octaves[1:, None, :] - octaves[:-1, :, None])
        jump[1:, :-1, :-1] = _JUMP * speed * distance
    jump[:, -1, -1] = 0
    total, back = score[0], np.zeros(score.shape, dtype=int)
    for i in range(1, len(score)):
        reached = total[:, None] - jump[i]
        back[i] = reached.argmax(axis=0)
        total = reached.max(axis=0) + score[i]
    chosen = np.empty(len(score), dtype=int)
    state = int(total.argmax())
    for i in range(len(score) - 1, -1, -1):
        chosen[i] = state
        state = back[i, state]
    return np.where(chosen == states - 1, -1, chosen)


def _perturbation(
    signal: np.ndarray, centres: np.ndarray, voiced: np.ndarray, periods: np.ndarray
) -> np.ndarray:
    """Return jitter, DDP jitter and shimmer of the voiced frames, shape (voiced, 3)."""
    result = np.zeros((len(voiced), 3))
    hop = centres[1] - centres[0] if len(centres) > 1 else 0
    for run in np.split(np.arange(len(voiced)), np.flatnonzero(np.diff(voiced) > 1) + 1):
        start = max(0, centres[voiced[run[0]]] - hop // 2)
        stop = min(len(signal), centres[voiced[run[-1]]] + hop // 2 + 1)
        piece = signal[start:stop]
        at = centres[voiced[run]] - start
        marks = _peaks(piece, np.interp(np.arange(len(piece)), at, periods[run]))
        if len(marks) < 4:
            continue
        times, heights = _refine(piece, marks)
        lengths = np.diff(times)
        change = np.diff(lengths)
        jitter = np.abs(change) / (0.5 * (lengths[1:] + lengths[:-1]))
        ddp = np.abs(np.diff(change)) / lengths.mean()
        shimmer = np.abs(20 * np.diff(np.log10(np.maximum(heights, 1e-10))))
        result[run, 0] = np.interp(at, times[1:-1], _smooth(jitter))
        result[run, 1] = np.interp(at, times[2:-1], _smooth(ddp))
        result[run, 2] = np.interp(at, times[1:], _smooth(shimmer))
    return result


def _smooth(values: np.ndarray) -> np.ndarray:
    """Average each value with its neighbours."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return (padded[:-2] + padded[1:-1] + padded[2:]) / 3


def _peaks(piece: np.ndarray, period: np.ndarray) -> np.ndarray:
    """Return the positions of the peaks of all periods, from the highest one to both sides."""
    if np.abs(piece.min()) > piece.max():
        piece = -piece
    last = len(piece)
    first = int(piece.argmax())
    marks = [first]
    while True:
        step = period[marks[-1]]
        low, high = marks[-1] + int(0.8 * step), marks[-1] + int(1.2 * step) + 1
        if high >= last:
            break
        marks.append(low + int(piece[low:high].argmax()))
    back = [first]
    while True:
        step = period[back[-1]]
        low, high = back[-1] - int(1.2 * step), back[-1] - int(0.8 * step) + 1
        if low < 0:
            break
        back.append(low + int(piece[low:high].argmax()))
    return np.array([*back[:0:-1], *marks])


def _refine(piece: np.ndarray, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return times (samples) and heights of peaks by the parabola through three samples."""
    marks = np.clip(marks, 1, len(piece) - 2)
    shift, height = _vertex(*(np.abs(piece[marks + offset]) for offset in (-1, 0, 1)))
    return marks + shift, height


def _vertex(before: np.ndarray, here: np.ndarray, after: np.ndarray) -> tuple:
    """Return position, within half a step, and height of the parabola's vertex near a maximum."""
    curvature = before - 2 * here + after
    slope = before - after
    shift = np.where(curvature < 0, 0.5 * slope / np.where(curvature < 0, curvature, -1), 0)
    shift = np.clip(shift, -0.5, 0.5)
    return shift, here - 0.25 * slope * shift


def _harmonics(levels: np.ndarray, f0: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return H1-H2 and the differences between H1 and the formants' bands, in dB."""
    # `levels` cover the lower half of the spectrum.
    width = sample_rate / 4 / (levels.shape[1] - 2)

    def near(frequency: np.ndarray) -> np.ndarray:
        reach = np.maximum(1, np.round(0.1 * f0 / width)).astype(int).max()
        bins = np.round(frequency / width).astype(int)[:, None] + np.arange(-reach, reach + 1)
        inside = np.abs(bins * width - frequency[:, None]) <= np.maximum(0.1 * f0, width)[:, None]
        values = np.take_along_axis(levels, np.clip(bins, 0, levels.shape[1] - 1), axis=1)
        return np.where(inside, values, -np.inf).max(axis=1)

    first = near(f0)
    bands = [levels[:, int(low / width) : int(high / width) + 1] for low, high in _FORMANTS]
    return np.stack([first - near(2 * f0), *(first - band.max(axis=1) for band in bands)], axis=1)
