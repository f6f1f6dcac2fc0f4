"""Pitch and voice quality of tones whose values are known, and of noise and silence."""

import numpy as np
import pytest

from ser_lib.features import pitch_track
from ser_lib.features.voicing import NAMES, voice_descriptors

RATE = 16000


def analyse(signal):
    centres = np.arange(200, len(signal) - 200, 160)
    voice, periodicity = voice_descriptors(np.asarray(signal, float), RATE, centres)
    return dict(zip(NAMES, voice.T, strict=True)), periodicity, centres


def pulses(periods, heights):
    """Damped resonances at 700 Hz, one per period (samples, may be fractions)."""
    onsets = np.cumsum(periods)
    time = np.arange(int(onsets[-1]))[None] - onsets[:, None]
    rings = np.exp(-time.clip(0) / 25) * np.sin(2 * np.pi * 700 / RATE * time.clip(0))
    return (heights[:, None] * rings * (time >= 0)).sum(axis=0)


@pytest.mark.parametrize("hertz", [90, 143, 220, 400, 550])
def test_a_periodic_tone_has_its_pitch_and_hardly_any_noise_jitter_or_shimmer(hertz):
    time = np.arange(RATE) / RATE
    tone = sum(np.sin(2 * np.pi * k * hertz * time) / k for k in range(1, 8))
    voice, periodicity, _ = analyse(tone)
    inner = slice(3, -3)
    np.testing.assert_allclose(27.5 * 2 ** (voice["pitch"][inner] / 12), hertz, rtol=5e-4)
    assert (voice["hnr"][inner] > 15).all()
    assert np.nanmax(voice["jitter"][inner]) < 0.005
    assert np.nanmax(voice["shimmer"][inner]) < 0.2
    assert periodicity[inner].min() > 0.98


def test_the_pitch_of_speech_is_that_of_probabilistic_yin(speech):
    signal = speech(2.0)
    voice, _, centres = analyse(signal)
    seconds, hertz = pitch_track(signal, RATE)
    mine = 27.5 * 2 ** (np.interp(seconds, centres / RATE, voice["pitch"]) / 12)
    both = np.isfinite(mine) & np.isfinite(hertz)
    assert both.mean() > 0.4
    assert np.median(np.abs(mine[both] / hertz[both] - 1)) < 0.02


def test_the_harmonics_to_noise_ratio_is_that_of_the_mixture():
    time = np.arange(2 * RATE) / RATE
    tone = np.sin(2 * np.pi * 200 * time) + 0.5 * np.sin(2 * np.pi * 400 * time)
    noise = np.random.default_rng(0).standard_normal(len(tone))
    for ratio in (5, 10, 20):
        mixed = tone + noise * np.sqrt(np.mean(tone**2) / 10 ** (ratio / 10))
        assert np.nanmean(analyse(mixed)[0]["hnr"]) == pytest.approx(ratio, abs=1)


def test_jitter_and_shimmer_are_those_of_the_pulses():
    rng = np.random.default_rng(1)
    periods = 100 + rng.uniform(-1.5, 1.5, 150)
    heights = np.exp(rng.uniform(-0.1, 0.1, 150))
    voice, _, _ = analyse(pulses(periods, heights))
    change = np.abs(np.diff(periods)) / 100
    assert np.nanmean(voice["jitter"]) == pytest.approx(change.mean(), rel=0.2)
    second = np.abs(np.diff(periods, 2)) / 100
    assert np.nanmean(voice["jitter_ddp"]) == pytest.approx(second.mean(), rel=0.2)
    # A pulse still rings when the next one starts.
    decibels = np.abs(20 * np.diff(np.log10(heights)))
    assert np.nanmean(voice["shimmer"]) == pytest.approx(decibels.mean(), rel=0.25)


def test_harmonic_differences_are_those_of_the_amplitudes():
    time = np.arange(RATE) / RATE
    # At 212 and 848 Hz, just inside the bands of the first two formants, and at 2544 Hz.
    harmonics = {1: 1.0, 2: 0.5, 4: 0.2, 12: 0.1}
    tone = sum(a * np.sin(2 * np.pi * 212 * k * time) for k, a in harmonics.items())
    voice, _, _ = analyse(tone)
    # Harmonics between two bins of the spectrum are a little too low.
    assert np.nanmedian(voice["h1_h2"]) == pytest.approx(6, abs=1)
    assert np.nanmedian(voice["h1_a1"]) == 0
    assert np.nanmedian(voice["h1_a2"]) == pytest.approx(14, abs=1)
    assert np.nanmedian(voice["h1_a3"]) == pytest.approx(20, abs=1)


@pytest.mark.parametrize("signal", [np.zeros(4000), np.ones(4000), np.zeros(410)])
def test_silence_is_unvoiced(signal):
    voice, periodicity, _ = analyse(signal)
    assert all(np.isnan(values).all() for values in voice.values())
    assert (periodicity < 0.5).all()


def test_noise_is_mostly_unvoiced():
    voice, _, _ = analyse(np.random.default_rng(0).standard_normal(RATE))
    assert np.isnan(voice["pitch"]).mean() > 0.9
