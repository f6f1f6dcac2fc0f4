"""
Prosody: from a speaker, an emotion and a sentence to the contours of an utterance.

The pitch contour is a declination line with an accent on every stressed syllable and a final
movement. Loudness declines as well and rises with stress. Formants move smoothly from phone to
phone and, in fast or imprecise articulation, do not reach their targets.
"""

import numpy as np

from ser_lib.corpora.synthesis.expression import EMOTIONS, Speaker, cues
from ser_lib.corpora.synthesis.phones import PHONES, SENTENCES, Sound, sounds
from ser_lib.corpora.synthesis.source_filter import HOP, SAMPLE_RATE, Plan

# Values for a neutral utterance of an average speaker.
_SHORTEST, _LONGEST = 1.05, 2.95  # seconds
_EDGE = (0.10, 0.14)  # seconds of room noise before and after
_PAUSE = 0.09  # seconds between phrases
_STRESSED = 1.3  # factor of the duration of a stressed vowel
_CLOSING = 1.3  # factor of the duration of the last syllable of a phrase
_UNEVEN = 0.05  # standard deviation of log durations
_DECLINATION = 3.0  # semitones over an utterance
_ACCENT = 3.5  # semitones on a stressed syllable
_RESET = 1.0  # semitones at the beginning of a phrase
_ACCENT_SECONDS = 0.13  # rise time of an accent
_DRIFT = 0.25  # standard deviation of random pitch drift in semitones
_TREMOR_HZ = (4.5, 7.0)
_TREMOR_DECIBEL = 2.5  # loudness tremor per semitone of pitch tremor
_STRESS_DECIBEL = 3.0
_FADE_DECIBEL = 5.0  # from the first to the last syllable
_UNEVEN_DECIBEL = 0.7
_ONSET_SECONDS = 0.028
_GLIDE_SECONDS = 0.065
_CENTRE = (500.0, 1500.0, 2500.0)  # neutral vowel (a tube of 17 cm), target of reduction
_HIGHER_FORMANTS = (3500.0, 4500.0, 5500.0, 6500.0)
_BANDWIDTHS = (70.0, 90.0, 130.0, 200.0, 280.0, 360.0, 450.0)


def plan(who: Speaker, emotion: str, sentence: int, take: int, *, seed: int = 0) -> Plan:
    """
    Plan an utterance of 1 to 3 s.

    Parameters
    ----------
    who : Speaker
    emotion : str
        One of `EMOTIONS`.
    sentence, take : int
        Number of the sentence in `SENTENCES`, and of its repetition, from 1.
    seed : int
        Seed of all random numbers.
    """
    cue = cues(who, emotion, sentence, take, seed=seed)
    entropy = (seed, who.number, tuple(EMOTIONS).index(emotion), sentence, take)
    rng = np.random.default_rng((*entropy, 3))
    pause = Sound("_", -1)
    line = (pause, *sounds(SENTENCES[sentence - 1]), pause)
    lengths = _lengths(line, cue, rng)
    trembling = _tremor(lengths.sum(), rng) * cue["tremor"]
    states = _states(line, lengths)
    gain = 10 ** (_loudness(line, lengths, cue, trembling, rng) / 20)
    onset = _ONSET_SECONDS * cue["attack"]
    voicing = _smooth(states["voicing"], onset) * gain
    turbulence = 10 ** (cue["breath"] / 20) * voicing
    frames = lengths.sum()
    openness = cue["open_quotient"]
    return Plan(
        utterance=f"{who.name}-{emotion}-s{sentence}-t{take}",
        cues=cue,
        phones=tuple(zip([s.name for s in line], _starts(lengths).tolist(), strict=True)),
        f0=100 * 2 ** ((_melody(line, lengths, cue, rng) + trembling) / 12),
        voicing=voicing,
        aspiration=turbulence + _smooth(states["aspiration"], 0.02) * gain,
        frication=_smooth(states["frication"], 0.008) * gain,
        frication_hz=states["hz"] * who.tract,
        frication_width=states["width"],
        formants=_formants(line, lengths, cue, who.tract),
        # An open glottis widens the bandwidths.
        bandwidths=np.tile(np.array(_BANDWIDTHS) * (0.4 + openness), (frames, 1)),
        open_quotient=np.full(frames, openness),
        # Quiet syllables have a steeper spectrum.
        tilt=np.clip(cue["tilt"] - 0.5 * 20 * np.log10(gain), 0, 24),
        jitter=cue["jitter"],
        shimmer=cue["shimmer"],
        creak=cue["creak"],
        level=cue["loudness"],
        noise=who.noise,
        entropy=(*entropy, 4),
    )


def _lengths(
    line: tuple[Sound, ...], cue: dict[str, float], rng: np.random.Generator
) -> np.ndarray:
    """Compute the duration of every phone and pause in frames."""
    seconds = np.empty(len(line))
    for i, sound in enumerate(line):
        if sound.name == "_":
            seconds[i] = _PAUSE * cue["pause"]
            continue
        phone = PHONES[sound.name]
        stress = _STRESSED * cue["stretch"] if sound.stressed else 1.0
        closing = _CLOSING * cue["drawl"] if sound.closing else 1.0
        # The duration of vowels varies more than that of consonants.
        seconds[i] = phone.milliseconds / 1000 * (stress * closing) ** (1.0 if phone.vowel else 0.4)
    seconds *= np.exp(_UNEVEN * rng.standard_normal(len(line))) / cue["rate"]
    seconds[[0, -1]] = rng.uniform(*_EDGE, 2)
    spoken = seconds[1:-1]
    edges = seconds[[0, -1]].sum()
    spoken *= np.clip(spoken.sum(), _SHORTEST - edges, _LONGEST - edges) / spoken.sum()
    return np.maximum(1, np.round(seconds * SAMPLE_RATE / HOP)).astype(int)


def _starts(lengths: np.ndarray) -> np.ndarray:
    """Return the first frame of each phone."""
    return np.cumsum(lengths) - lengths


def _states(line: tuple[Sound, ...], lengths: np.ndarray) -> dict[str, np.ndarray]:
    """Concatenate the states of the phones: gains, and centre and bandwidth of the frication."""
    names = ("voicing", "aspiration", "frication", "hz", "width")
    contours = np.zeros((len(names), lengths.sum()))
    for sound, start, length in zip(line, _starts(lengths), lengths, strict=True):
        if sound.name == "_":
            continue
        phone = PHONES[sound.name]
        elapsed = 0.0
        for state in phone.states:
            first, last = (round(t * length) for t in (elapsed, elapsed + state.fraction))
            contours[:3, start + first : start + last] = np.array(state[1:])[:, None]
            elapsed += state.fraction
        contours[3:, start : start + length] = np.array(phone.noise)[:, None]
    # Without frication the frequency does not matter, but it must be valid.
    contours[3:, contours[3] == 0] = 1000.0
    return dict(zip(names, contours, strict=True))


def _formants(
    line: tuple[Sound, ...], lengths: np.ndarray, cue: dict[str, float], tract: float
) -> np.ndarray:
    """Compute formant contours that move smoothly between the targets of the phones."""
    targets = [None if s.name == "_" else PHONES[s.name].formants for s in line]
    known = _CENTRE
    for i in reversed(range(len(targets))):
        # In a pause the vocal tract anticipates the next phone.
        known = targets[i] = targets[i] or known
    centre = np.array(_CENTRE)
    aimed = centre + (np.array(targets) - centre) * min(cue["precision"], 1.2)
    aimed = np.maximum(aimed, (200.0, 600.0, 1400.0))
    # Lips and larynx act on the first two formants; the third changes by half as much.
    aimed *= np.array([cue["formants"], cue["formants"], (1 + cue["formants"]) / 2])
    track = np.repeat(aimed, lengths, axis=0)
    glide = _GLIDE_SECONDS / cue["precision"]
    track = np.stack([_smooth(column, glide) for column in track.T], axis=1)
    higher = np.tile(_HIGHER_FORMANTS, (len(track), 1))
    return np.concatenate([track, higher], axis=1) * tract


def _melody(
    line: tuple[Sound, ...], lengths: np.ndarray, cue: dict[str, float], rng: np.random.Generator
) -> np.ndarray:
    """Compute the pitch contour in semitones above 100 Hz."""
    frames = lengths.sum()
    starts = _starts(lengths)
    time = np.arange(frames) * HOP / SAMPLE_RATE
    spoken = np.clip((np.arange(frames) - starts[1]) / (starts[-1] - starts[1]), 0, 1)
    melody = _DECLINATION * (0.5 - spoken)
    width = _ACCENT_SECONDS * cue["accent"]
    for i, sound in enumerate(line):
        if sound.name == "_" and 0 < i < len(line) - 1:
            later = np.clip((np.arange(frames) - starts[i]) / max(lengths[i], 1), 0, 1)
            melody += _RESET * later
        elif sound.stressed and PHONES[sound.name].vowel:
            top = time[starts[i]] + 0.6 * lengths[i] * HOP / SAMPLE_RATE
            distance = np.clip((time - top) / np.where(time < top, width, 1.3 * width), -1, 1)
            height = _ACCENT * rng.uniform(0.8, 1.2)
            melody += height * (0.5 + 0.5 * np.cos(np.pi * distance))
    melody *= cue["range"]
    last = [i for i, s in enumerate(line) if s.name != "_" and PHONES[s.name].vowel][-1]
    ending = np.clip((time - time[starts[last]]) / (lengths[last] * HOP / SAMPLE_RATE), 0, 1)
    melody += cue["ending"] * ending**2
    drift = _smooth(rng.standard_normal(frames), 0.25)
    return cue["pitch"] + melody + _DRIFT * drift / drift.std()


def _tremor(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Compute a sine with a slightly varying frequency."""
    rate = rng.uniform(*_TREMOR_HZ) * np.exp(0.15 * _smooth(rng.standard_normal(frames), 0.2) * 5)
    return np.sin(2 * np.pi * (rng.random() + np.cumsum(rate) * HOP / SAMPLE_RATE))


def _loudness(
    line: tuple[Sound, ...],
    lengths: np.ndarray,
    cue: dict[str, float],
    trembling: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw the gain in dB that stress, declination, chance and tremor give."""
    syllables = max(sound.syllable for sound in line) + 1
    chance = _UNEVEN_DECIBEL * rng.standard_normal(syllables + 1)
    gain = np.array(
        [
            chance[s.syllable]
            + _STRESS_DECIBEL * s.stressed
            - _FADE_DECIBEL
            * (max(s.syllable, 0) + s.closing * (s.syllable == syllables - 1))
            / syllables
            for s in line
        ]
    )
    return _smooth(np.repeat(gain, lengths), 0.06) * cue["dynamics"] + _TREMOR_DECIBEL * trembling


def _smooth(contour: np.ndarray, seconds: float) -> np.ndarray:
    """Average over a raised cosine of that length, the ends held."""
    half = max(1, round(seconds * SAMPLE_RATE / HOP / 2))
    weights = np.hanning(2 * half + 1)[1:-1] if half > 1 else np.ones(1)
    padded = np.pad(contour, len(weights) // 2, mode="edge")
    return np.convolve(padded, weights / weights.sum(), mode="valid")
