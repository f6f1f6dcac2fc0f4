"""
Speakers, and the acoustic cues by which they express emotions.

The directions of the effects in `EMOTIONS` are those of four reviews and studies of the vocal
expression of emotion. Their sizes, and the variation between and within speakers, are our own: they
were chosen so that the corpus is neither trivial nor impossible to classify. Emotions share most
cues (anger, fear and happiness all have high pitch and rate), so that no single family of cues is
enough to classify them.

References
----------
MA : Murray, I. R. & Arnott, J. L. (1993). Toward the simulation of emotion in synthetic speech: A
    review of the literature on human vocal emotion. J. Acoust. Soc. Am. 93, 1097-1108.
BS : Banse, R. & Scherer, K. R. (1996). Acoustic profiles in vocal emotion expression. J. Pers.
    Soc. Psychol. 70, 614-636.
BU : Burkhardt, F. & Sendlmeier, W. F. (2000). Verification of acoustical correlates of emotional
    speech using formant-synthesis. ISCA Workshop on Speech and Emotion, 151-156.
JL : Juslin, P. N. & Laukka, P. (2003). Communication of emotions in vocal expression and music
    performance: Different channels, same code? Psychol. Bull. 129, 770-814.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

FAMILIES = ("pitch", "energy", "timing", "spectrum")
"""The families of cues."""


class Cue(NamedTuple):
    """
    An acoustic property that emotions change.

    Attributes
    ----------
    family : str
        One of `FAMILIES`.
    unit : str
        ``"x"`` for a factor; otherwise the unit of a difference.
    habit : float
        Variation between speakers in how they express an emotion: standard deviation in `unit`, of
        the natural logarithm for a factor.
    mood : float
        Variation between the utterances of a speaker, likewise.
    low, high : float
        Bounds of the value, including the speaker's own neutral value.
    """

    family: str
    unit: str
    habit: float
    mood: float
    low: float
    high: float


CUES: dict[str, Cue] = {
    "pitch": Cue("pitch", "st", 0.65, 1.3, -8, 30),
    "range": Cue("pitch", "x", 0.12, 0.28, 0.3, 2.5),
    "ending": Cue("pitch", "st", 0.5, 1.3, -9, 5),
    "accent": Cue("pitch", "x", 0.08, 0.17, 0.5, 2.0),
    "tremor": Cue("pitch", "st", 0.04, 0.13, 0, 1.2),
    "jitter": Cue("pitch", "x", 0.14, 0.3, 0.002, 0.05),
    "loudness": Cue("energy", "dB", 0.5, 0.77, -50, -18),
    "dynamics": Cue("energy", "x", 0.12, 0.26, 0.3, 2.5),
    "shimmer": Cue("energy", "x", 0.15, 0.34, 0.01, 0.2),
    "attack": Cue("energy", "x", 0.1, 0.21, 0.5, 2.5),
    "rate": Cue("timing", "x", 0.02, 0.03, 0.6, 1.6),
    "pause": Cue("timing", "x", 0.14, 0.3, 0.1, 4.0),
    "stretch": Cue("timing", "x", 0.03, 0.068, 0.7, 1.8),
    "drawl": Cue("timing", "x", 0.05, 0.1, 0.7, 1.8),
    "tilt": Cue("spectrum", "dB", 0.65, 1.3, 0, 24),
    "breath": Cue("spectrum", "dB", 1, 1.9, -45, -8),
    "open_quotient": Cue("spectrum", "", 0.014, 0.025, 0.35, 0.88),
    "formants": Cue("spectrum", "x", 0.01, 0.019, 0.85, 1.2),
    "precision": Cue("spectrum", "x", 0.04, 0.085, 0.4, 1.4),
    "creak": Cue("spectrum", "", 0.008, 0.021, 0, 0.25),
}
"""
The cues by name.

*Pitch*: level; range; final movement; duration of accents; depth of tremor; jitter. *Energy*:
level; contrast between stressed and unstressed syllables; shimmer; duration of onsets. *Timing*:
articulation rate; duration of pauses, of stressed and of phrase-final syllables. *Spectrum*:
spectral tilt; breathiness; open quotient; shift of the first formants; precision of articulation;
creak.
"""


class Effect(NamedTuple):
    """Effect of an emotion on a cue: amount in the cue's unit, and source of its direction."""

    amount: float
    source: str


EMOTIONS: dict[str, dict[str, Effect]] = {
    "anger": {
        "pitch": Effect(3.5, "MA BS JL: higher"),
        "range": Effect(1.35, "MA JL: wider"),
        "accent": Effect(0.8, "MA: abrupt on stressed syllables"),
        "ending": Effect(0.8, "JL: rising contours"),
        "jitter": Effect(1.2, "JL: irregular"),
        "loudness": Effect(6.0, "MA BS JL: louder"),
        "dynamics": Effect(1.25, "JL: varying intensity"),
        "attack": Effect(0.85, "JL: fast voice onsets"),
        "shimmer": Effect(1.2, "JL: irregular"),
        "rate": Effect(1.17, "MA JL: faster"),
        "pause": Effect(0.8, "ours"),
        "tilt": Effect(-3.3, "BS JL: more high-frequency energy"),
        "open_quotient": Effect(-0.05, "BU: tense phonation"),
        "precision": Effect(1.1, "MA: tense articulation"),
    },
    "boredom": {
        "pitch": Effect(-2.0, "BS BU: lower"),
        "range": Effect(0.75, "BU: narrower"),
        "loudness": Effect(-5.0, "BS: quieter"),
        "dynamics": Effect(0.9, "ours"),
        "rate": Effect(0.82, "BU: slower"),
        "stretch": Effect(1.1, "BU: stressed syllables lengthened"),
        "precision": Effect(0.92, "ours"),
    },
    "disgust": {
        "pitch": Effect(-2.5, "MA: very much lower"),
        "range": Effect(1.15, "MA: slightly wider"),
        "ending": Effect(-1.5, "MA: wide downward terminal inflections"),
        "loudness": Effect(-5.0, "MA: quieter"),
        "rate": Effect(0.81, "MA: very much slower"),
        "pause": Effect(1.3, "MA: longer pauses"),
        "creak": Effect(0.045, "MA: grumbled chest tone"),
        "formants": Effect(0.98, "ours"),
    },
    "fear": {
        "pitch": Effect(4.0, "MA BS JL BU: much higher"),
        "range": Effect(1.2, "MA BU: wider"),
        "ending": Effect(1.2, "JL: rising contours"),
        "tremor": Effect(0.25, "MA JL: irregular voicing"),
        "jitter": Effect(1.4, "MA JL: irregular voicing"),
        "shimmer": Effect(1.3, "MA JL: irregular voicing"),
        "dynamics": Effect(1.25, "JL: varying intensity"),
        "loudness": Effect(0.5, "MA: normal"),
        "rate": Effect(1.2, "MA JL BU: faster"),
        "pause": Effect(1.15, "ours"),
        "tilt": Effect(0.6, "JL: little high-frequency energy"),
        "open_quotient": Effect(0.02, "BU: falsetto"),
        "breath": Effect(0.8, "ours"),
        "precision": Effect(1.03, "MA: precise articulation"),
    },
    "happiness": {
        "pitch": Effect(3.5, "MA JL BU: higher"),
        "range": Effect(1.4, "MA JL BU: wider"),
        "accent": Effect(1.2, "MA: smooth inflections"),
        "ending": Effect(1.2, "MA JL: upward"),
        "jitter": Effect(0.85, "JL: regular"),
        "loudness": Effect(5.0, "MA JL: louder"),
        "attack": Effect(0.87, "JL: fast voice onsets"),
        "rate": Effect(1.15, "JL BU: faster"),
        "tilt": Effect(-0.4, "JL: medium high-frequency energy"),
        "breath": Effect(0.5, "MA: breathy, blaring"),
        "formants": Effect(1.015, "BU: spread lips"),
    },
    "neutral": {},
    "sadness": {
        "pitch": Effect(-2.0, "MA BS JL: lower"),
        "range": Effect(0.75, "MA JL: narrower"),
        "ending": Effect(-1.0, "MA JL: downward"),
        "tremor": Effect(0.1, "JL: irregular"),
        "jitter": Effect(1.15, "JL: irregular"),
        "loudness": Effect(-5.5, "MA BS JL: quieter"),
        "dynamics": Effect(0.8, "JL: even intensity"),
        "attack": Effect(1.2, "JL: slow voice onsets"),
        "rate": Effect(0.85, "MA JL: slower"),
        "pause": Effect(1.5, "MA: more pauses"),
        "tilt": Effect(2.6, "BS JL: little high-frequency energy"),
        "breath": Effect(3.5, "BU: breathy"),
        "open_quotient": Effect(0.045, "BU: breathy"),
        "precision": Effect(0.85, "MA: slurred articulation"),
    },
}
"""
The effect of each emotion on each cue in an expressive but not extreme utterance, and the source
of its direction; ``"ours"`` if it is none of the four. Other cues are not affected.
"""

_STRENGTH_HABIT, _STRENGTH_MOOD = 0.12, 0.12
"""Standard deviations of the logarithm of the strength of expression, per family of cues."""


@dataclass(frozen=True)
class Speaker:
    """
    A speaker.

    Attributes
    ----------
    number, name, sex : int, str, str
        For example 1, ``"f01"``, ``"female"`` or 2, ``"m02"``, ``"male"``.
    tract : float
        Factor of the formants, relative to an average man.
    expressiveness : float
        Factor of the strength of expression: restrained below 1, exaggerated above.
    noise : float
        Noise of the recording room in dB relative to full scale.
    own : dict of str to float
        Neutral value of each cue: pitch in semitones above 100 Hz, loudness in dB
        relative to full scale, jitter and shimmer relative to a period and a pulse, tilt in dB at
        3 kHz, breath in dB relative to the pulses, the final movement in semitones; factors near 1.
    """

    number: int
    name: str
    sex: str
    tract: float
    expressiveness: float
    noise: float
    own: dict[str, float]


TRAITS = {
    "expressiveness": (0.84, 1.28),
    "tract": (0.965, 1.035),
    "noise": (-78.0, -74.0),
    "pitch": (-3.0, 3.0),
    "range": (0.8, 1.25),
    "jitter": (0.004, 0.010),
    "loudness": (-33.0, -29.0),
    "dynamics": (0.8, 1.25),
    "shimmer": (0.02, 0.06),
    "rate": (0.92, 1.08),
    "pause": (0.8, 1.25),
    "tilt": (7.0, 10.0),
    "breath": (-28.0, -24.0),
    "open_quotient": (0.55, 0.61),
    "precision": (0.95, 1.05),
}
"""Ranges of the traits of speakers, as in `Speaker`; of pitch and tract within a sex."""

_PITCH = {"female": 12.0, "male": 2.5}
_TRACT = {"female": 1.14, "male": 1.0}
_ENDING = -2.0
_GROUP = 5


def speaker(number: int, *, seed: int = 0) -> Speaker:
    """
    Draw a speaker, given a number from 1 and the seed of all speakers.

    Of every five women and every five men, each is in another fifth of the range of each trait
    (Latin hypercube sampling), so that a few speakers already cover the ranges. A speaker does not
    depend on the number of speakers.
    """
    sex = "female" if number % 2 else "male"
    group, member = divmod((number - 1) // 2, _GROUP)
    rng = np.random.default_rng((seed, number % 2, group))
    order = rng.permuted(np.tile(np.arange(_GROUP), (len(TRAITS), 1)), axis=1)
    place = (order + rng.random(order.shape))[:, member] / _GROUP
    low, high = np.array(list(TRAITS.values())).T
    trait = dict(zip(TRAITS, (low + place * (high - low)).tolist(), strict=True))
    own = {name: 1.0 if cue.unit == "x" else 0.0 for name, cue in CUES.items()}
    own |= {name: value for name, value in trait.items() if name in own}
    own["pitch"] += _PITCH[sex]
    own["ending"] = _ENDING
    return Speaker(
        number=number,
        name=f"{sex[0]}{number:02d}",
        sex=sex,
        tract=trait["tract"] * _TRACT[sex],
        expressiveness=trait["expressiveness"],
        noise=trait["noise"],
        own=own,
    )


def cues(
    who: Speaker, emotion: str, sentence: int, take: int, *, seed: int = 0
) -> dict[str, float]:
    """
    Draw the cues by which a speaker expresses an emotion in an utterance.

    The parameters are those of `ser_lib.corpora.synthesis.prosody.plan`. The value of each of
    `CUES`, in the units of `Speaker.own`, is the speaker's neutral value, plus the effect of the
    emotion times the strength of expression of this family of cues, plus the habit of the speaker
    in this emotion, plus the mood of this utterance.
    """
    code = tuple(EMOTIONS).index(emotion)
    habit = np.random.default_rng((seed, who.number, code, 1)).standard_normal
    mood = np.random.default_rng((seed, who.number, code, sentence, take, 2)).standard_normal
    strength = {
        family: who.expressiveness * np.exp(_STRENGTH_HABIT * habit() + _STRENGTH_MOOD * mood())
        for family in FAMILIES
    }
    values = {}
    for name, cue in CUES.items():
        wander = cue.habit * habit() + cue.mood * mood()
        effect = EMOTIONS[emotion].get(name)
        if cue.unit == "x":
            moved = effect.amount ** strength[cue.family] if effect else 1.0
            value = who.own[name] * moved * np.exp(wander)
        else:
            moved = effect.amount * strength[cue.family] if effect else 0.0
            value = who.own[name] + moved + wander
        values[name] = float(np.clip(value, cue.low, cue.high))
    return values
