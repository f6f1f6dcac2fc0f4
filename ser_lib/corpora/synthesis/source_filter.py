"""
A source-filter speech synthesiser: from contours of production parameters to a waveform.

The source consists of glottal pulses (Rosenberg 1971) with jitter and shimmer, and of turbulence.
The filter, the vocal tract, has seven time-varying resonances (Fant 1960; Klatt 1980). The noise of
fricatives and bursts arises at a constriction near the lips and has its own resonance.

References
----------
Fant, G. (1960). Acoustic Theory of Speech Production. Mouton.
Klatt, D. H. (1980). Software for a cascade/parallel formant synthesizer. J. Acoust. Soc. Am. 67.
Klatt, D. H. & Klatt, L. C. (1990). Analysis, synthesis, and perception of voice quality variations
among female and male talkers. J. Acoust. Soc. Am. 87.
Rosenberg, A. E. (1971). Effect of glottal pulse shape on the quality of natural vowels. J. Acoust.
Soc. Am. 49.
"""

from dataclasses import dataclass

import numpy as np
from scipy import signal

SAMPLE_RATE = 16_000
"""Samples per second."""

HOP = 64
"""Samples per frame of a plan (4 ms), in which the vocal tract is constant."""

PEAK = 0.97
"""Largest amplitude, so that a 16-bit file is not clipped."""

# The source is computed at twice the sampling rate: the closing of the glottis has harmonics far
# above the Nyquist frequency, which would alias to inharmonic tones.
_OVERSAMPLING = 2
# Fraction of the open phase in which the glottis opens; it closes faster than it opens.
_OPENING = 2 / 3
# Turbulence follows the air flow but does not stop while the glottis is closed.
_STEADY_TURBULENCE = 0.4
# Frequency to which `tilt` refers (Klatt & Klatt 1990, parameter TL).
_TILT_AT_HZ = 3000.0


@dataclass(frozen=True)
class Plan:
    """
    Synthesis parameters of an utterance: contours of n frames, `HOP` samples apart, and constants.

    Attributes
    ----------
    utterance : str
        Name of the utterance.
    cues : dict of str to float
        Values of the cues of emotion in this utterance; see
        `ser_lib.corpora.synthesis.expression.CUES`.
    phones : tuple of (str, int)
        Each phone and the frame in which it begins; pauses are named ``"_"``.
    f0 : ndarray, shape (n,)
        Fundamental frequency in Hz, also in unvoiced frames.
    voicing : ndarray, shape (n,)
        Gain of the glottal pulses: 0 in unvoiced frames, 1 in an unstressed vowel.
    aspiration : ndarray, shape (n,)
        Gain of the turbulence at the glottis, relative to the pulses of an unstressed vowel.
    frication : ndarray, shape (n,)
        Gain of the noise at a constriction, relative to an unstressed vowel.
    frication_hz, frication_width : ndarray, shape (n,)
        Centre and bandwidth of that noise in Hz, constant within a phone.
    formants, bandwidths : ndarray, shape (n, 7)
        Resonances of the vocal tract in Hz.
    open_quotient : ndarray, shape (n,)
        Fraction of a period in which the glottis is open, 0.3 (pressed) to 0.9 (breathy).
    tilt : ndarray, shape (n,)
        Attenuation of the source at 3 kHz in dB, from 0 to 24, in addition to the slope of the
        pulses.
    jitter, shimmer : float
        Standard deviation of a period and of a pulse's gain, relative to their means.
    creak : float
        Relative amount by which every other period is longer and weaker, from 0 to 0.3.
    level : float
        Root mean square of the voiced frames in dB relative to full scale.
    noise : float
        Root mean square of the recording noise in dB relative to full scale.
    entropy : tuple of int
        Seed of the random numbers of the sound.
    """

    utterance: str
    cues: dict[str, float]
    phones: tuple[tuple[str, int], ...]
    f0: np.ndarray
    voicing: np.ndarray
    aspiration: np.ndarray
    frication: np.ndarray
    frication_hz: np.ndarray
    frication_width: np.ndarray
    formants: np.ndarray
    bandwidths: np.ndarray
    open_quotient: np.ndarray
    tilt: np.ndarray
    jitter: float
    shimmer: float
    creak: float
    level: float
    noise: float
    entropy: tuple[int, ...]


def render(plan: Plan) -> np.ndarray:
    """
    Synthesise an utterance; the same plan gives the same samples.

    Returns
    -------
    ndarray of float32, shape (len(plan.f0) * HOP,)
        The waveform at `SAMPLE_RATE` samples per second, with a peak of at most `PEAK`.
    """
    rng = np.random.default_rng(plan.entropy)
    samples = len(plan.f0) * HOP
    flow, pulses = glottal_pulses(plan, rng)
    turbulence = rng.standard_normal(samples)
    turbulence *= _STEADY_TURBULENCE + (1 - _STEADY_TURBULENCE) * flow
    turbulence *= _per_sample(plan.aspiration)
    speech = vocal_tract(pulses, turbulence, plan) + _frication(plan, rng)

    voiced = np.repeat(plan.voicing > 0.2, HOP)
    loudness = np.sqrt(np.mean(speech[voiced] ** 2))
    speech *= 10 ** (plan.level / 20) / loudness
    speech += 10 ** (plan.noise / 20) * _room_noise(samples, rng)
    speech *= min(1.0, PEAK / np.abs(speech).max())
    return speech.astype(np.float32)


def glottal_pulses(plan: Plan, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """
    Synthesise the glottal source from f0, voicing, open quotient, jitter, shimmer and creak.

    Returns
    -------
    flow : ndarray, shape (samples,)
        Air flow through the glottis, 0 (closed) to about 1.
    pulses : ndarray, shape (samples,)
        Its derivative, which excites the vocal tract, times `voicing`; its root mean square is
        near 1 in a modal voice.
    """
    frames = len(plan.f0)
    starts = np.arange(frames + 1) * (HOP / SAMPLE_RATE)
    cycles = np.concatenate([[0.0], np.cumsum(plan.f0 * (HOP / SAMPLE_RATE))])
    onsets = np.interp(np.arange(int(cycles[-1]) + 1), cycles, starts)

    count = len(onsets)
    alternation = plan.creak * np.where(np.arange(count) % 2, -1.0, 1.0)
    periods = np.diff(onsets, append=onsets[-1] + 1 / plan.f0[-1])
    # At most three standard deviations, so that no period becomes negative.
    deviation = np.clip(rng.standard_normal((2, count)), -3, 3)
    periods = periods * np.clip(1 + alternation + plan.jitter * deviation[0], 0.4, 1.6)
    onsets = onsets[0] + np.concatenate([[0.0], np.cumsum(periods)])
    gains = np.clip(1 + alternation + plan.shimmer * deviation[1], 0.2, 1.8)
    # The open quotient is constant during a cycle.
    middles = np.minimum((onsets[:-1] * SAMPLE_RATE / HOP).astype(int), frames - 1)
    opened = plan.open_quotient[middles]

    time = np.arange(frames * HOP * _OVERSAMPLING) / (SAMPLE_RATE * _OVERSAMPLING)
    phase = np.interp(time, onsets, np.arange(count + 1.0))
    cycle = np.minimum(phase.astype(int), count - 1)
    phase = (phase - cycle) / opened[cycle]
    flow = rosenberg_pulse(phase) * gains[cycle]
    flow = signal.resample_poly(flow, 1, _OVERSAMPLING)
    pulses = np.diff(flow, prepend=0.0)
    # Divided by f0: a pulse of twice the f0 has twice the slope, but the voice is not louder.
    pulses *= _per_sample(plan.voicing / plan.f0) * (0.25 * SAMPLE_RATE)
    return flow, pulses


def rosenberg_pulse(phase: np.ndarray) -> np.ndarray:
    """
    Evaluate the air flow of a glottal pulse (Rosenberg 1971, his trigonometric pulse), 0 to 1.

    `phase` is the time since the glottis began to open, in units of the open phase: it is widest at
    2/3 and closed at 1, where the discontinuous slope is the main excitation.
    """
    rising = 0.5 - 0.5 * np.cos(np.pi / _OPENING * phase)
    falling = np.cos(np.pi / 2 / (1 - _OPENING) * (phase - _OPENING))
    return np.where(phase < _OPENING, rising, np.where(phase < 1, falling, 0.0))


def tilt_pole(tilt: np.ndarray) -> np.ndarray:
    """
    Compute the pole of the low-pass ``(1 - p) / (1 - p z^-1)`` that attenuates 3 kHz by `tilt` dB.

    The pole p in [0, 1) is the smaller root of ``(1-p)^2 = g (1 - 2 p c + p^2)``, where g is the
    remaining power and c the cosine of the angular frequency of 3 kHz.
    """
    g = 10 ** (-np.maximum(tilt, 1e-6) / 10)
    half = 1 - g * np.cos(2 * np.pi * _TILT_AT_HZ / SAMPLE_RATE)
    return (half - np.sqrt(half**2 - (1 - g) ** 2)) / (1 - g)


def all_pole(formants: np.ndarray, bandwidths: np.ndarray) -> np.ndarray:
    """
    Multiply the denominators of k resonators for each of n frames, given in Hz, shape (n, k).

    The result, shape (n, 2 * k + 1), has the coefficients of z^0, z^-1, ...; a resonator of
    bandwidth B at the sampling rate r has its poles at radius ``exp(-pi B / r)`` (Klatt 1980,
    equation 2).
    """
    radius = np.exp(-np.pi * bandwidths / SAMPLE_RATE)
    linear = -2 * radius * np.cos(2 * np.pi * formants / SAMPLE_RATE)
    square = radius**2
    product = np.ones((len(formants), 1))
    for k in range(formants.shape[1]):
        longer = np.pad(product, ((0, 0), (0, 2)))
        longer[:, 1:-1] += linear[:, k, None] * product
        longer[:, 2:] += square[:, k, None] * product
        product = longer
    return product


def vocal_tract(pulses: np.ndarray, turbulence: np.ndarray, plan: Plan) -> np.ndarray:
    """
    Filter the voiced and the noisy part of the source by the time-varying vocal tract.

    This is done frame by frame; the state of each frame's filter follows from the past output.
    """
    pole = tilt_pole(plan.tilt)
    tract = all_pole(plan.formants, plan.bandwidths)
    gain = tract.sum(axis=1) * (1 - pole)
    denominator = np.pad(tract, ((0, 0), (0, 1)))
    denominator[:, 1:] -= pole[:, None] * tract

    # The tilt applies to the pulses only: turbulence is filtered by its inverse first.
    p = np.repeat(pole, HOP)
    flat = (turbulence - p * np.concatenate([[0.0], turbulence[:-1]])) / (1 - p)
    source = ((pulses + flat) * np.repeat(gain, HOP)).reshape(-1, HOP)

    # State of the filter's delay line, given the last outputs: -sum_k a[m + 1 + k] y[-1 - k].
    order = denominator.shape[1] - 1
    shift = np.arange(order)
    memory = -np.pad(denominator, ((0, 0), (0, order)))[:, 1 + shift[:, None] + shift]
    speech = np.empty_like(source)
    past = np.zeros(order)
    one = np.ones(1)
    for i in range(len(source)):
        speech[i], _ = signal.lfilter(one, denominator[i], source[i], zi=memory[i] @ past)
        past = speech[i, : -order - 1 : -1]
    return speech.ravel()


def _frication(plan: Plan, rng: np.random.Generator) -> np.ndarray:
    """Synthesise the noise of fricatives and bursts: noise with one resonance per phone."""
    noise = np.zeros(len(plan.f0) * HOP)
    gain = _per_sample(plan.frication)
    changes = np.flatnonzero(np.diff(plan.frication_hz) != 0) + 1
    for start, stop in zip([0, *changes], [*changes, len(plan.f0)], strict=True):
        if not plan.frication[start:stop].any():
            continue
        here = slice(start * HOP, stop * HOP)
        radius = np.exp(-np.pi * plan.frication_width[start] / SAMPLE_RATE)
        cosine = np.cos(2 * np.pi * plan.frication_hz[start] / SAMPLE_RATE)
        # A zero at 0 Hz: the noise of a constriction has hardly any low frequencies.
        filtered = signal.lfilter(
            [1, -1],
            [1, -2 * radius * cosine, radius**2],
            rng.standard_normal(here.stop - here.start),
        )
        noise[here] = filtered / filtered.std() * gain[here]
    return noise


def _room_noise(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Synthesise room noise with root mean square 1 that falls by about 6 dB per octave."""
    return signal.lfilter([np.sqrt(1 - 0.9**2)], [1, -0.9], rng.standard_normal(samples))


def _per_sample(contour: np.ndarray) -> np.ndarray:
    """Interpolate a contour linearly between the middles of the frames."""
    middles = (np.arange(len(contour)) + 0.5) * HOP
    return np.interp(np.arange(len(contour) * HOP), middles, contour)
