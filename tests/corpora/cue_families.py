"""What each family of cues measures of an utterance, for asking how far it gets alone."""

import numpy as np
from scipy.fft import dct

from ser_lib.corpora.synthesis.source_filter import HOP, SAMPLE_RATE, Plan

_PERCENTILES = (5, 25, 50, 75, 95)


def pitch(plan: Plan, sound: np.ndarray) -> np.ndarray:
    """Describe the true melody: level, spread, slope, last movement, steps, tremor."""
    melody = 12 * np.log2(plan.f0[plan.voicing > 0.2] / 100)
    steps = np.diff(melody)
    smooth = np.convolve(np.pad(melody, 12, mode="edge"), np.ones(25) / 25, "valid")
    slope = np.polyfit(np.linspace(-1, 1, len(melody)), melody, 1)[0]
    last = melody[-5:].mean() - melody[-40:-35].mean()
    spread = np.percentile(melody, _PERCENTILES)
    return np.r_[
        melody.mean(), melody.std(), spread, slope, last, steps.std(), np.std(melody - smooth)
    ]


def energy(plan: Plan, sound: np.ndarray) -> np.ndarray:
    """Describe the level of 25 ms frames in dB: mean, spread, highest."""
    level = 10 * np.log10((_frames(sound) ** 2).mean(axis=1) + 1e-10)
    return np.r_[level.mean(), level.std(), level.max(), np.percentile(level, _PERCENTILES)]


def timing(plan: Plan, sound: np.ndarray) -> np.ndarray:
    """Describe the true lengths: utterance, vowels, consonants, pauses, the last vowel."""
    names = np.array([name for name, _ in plan.phones])[1:-1]
    starts = np.array([frame for _, frame in plan.phones])
    lengths = np.diff(starts)[1:] * HOP / SAMPLE_RATE
    vowel, pause = np.isin(names, list("aeiou")), names == "_"
    return np.r_[
        lengths.sum(),
        lengths[vowel].mean(),
        lengths[vowel].std(),
        lengths[vowel][-1],
        lengths[~vowel & ~pause].mean(),
        lengths[pause].sum(),
    ]


def spectrum(plan: Plan, sound: np.ndarray) -> np.ndarray:
    """Describe the spectral envelope whatever its level: mean and spread of MFCC 1 to 12."""
    power = np.abs(np.fft.rfft(_frames(sound) * np.hamming(400), 512)) ** 2
    bands = np.maximum(power @ _mel().T, 1e-12)
    cepstrum = dct(10 * np.log10(bands), norm="ortho", axis=1)[:, 1:13]
    return np.r_[cepstrum.mean(axis=0), cepstrum.std(axis=0)]


FAMILIES = {"pitch": pitch, "energy": energy, "timing": timing, "spectrum": spectrum}


def _frames(sound: np.ndarray) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(sound, 400)[::160]


def _mel(bands: int = 40) -> np.ndarray:
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + 8000 / 700), bands + 2) / 2595) - 1)
    frequency = np.arange(257) * SAMPLE_RATE / 512
    rising = (frequency - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - frequency) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling))
