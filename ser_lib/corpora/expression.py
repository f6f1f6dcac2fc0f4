"""
Who speaks and how an emotion sounds: from a speaker, an emotion and a sentence to a plan.

The directions in `EMOTIONS` are those of four reviews and studies of the vocal expression of
emotion; how far each cue moves, and everything else here (speakers, how much people vary), is
ours: chosen so that the corpus is neither trivial nor hopeless.

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

import numpy as np

from ser_lib.errors import InputError

FAMILIES = ("pitch", "energy", "timing", "spectrum")
"""The families of cues."""


@dataclass(frozen=True)
class Cue:
    """
    Something an emotion acts on.

    Attributes
    ----------
    family : str
        One of `FAMILIES`.
    unit : str
        ``"x"`` for a factor; anything else is a difference in that unit.
    habit : float
        Standard deviation of a speaker's own way with one emotion (of the logarithm of a factor).
    mood : float
        Standard deviation from utterance to utterance, likewise.
    low, high : float
        Where it stops, together with the speaker's own value.
    """

    family: str
    unit: str
    habit: float
    mood: float
    low: float
    high: float


CUES = {
    # Height of the voice, width of its movements, last movement, width of the accents in time.
    "pitch": Cue("pitch", "st", 1.6, 1.5, -8, 30),
    "range": Cue("pitch", "x", 0.3, 0.33, 0.3, 2.5),
    "ending": Cue("pitch", "st", 1.2, 1.5, -9, 5),
    "accent": Cue("pitch", "x", 0.2, 0.2, 0.5, 2.0),
    "tremor": Cue("pitch", "st", 0.1, 0.15, 0, 1.2),
    "jitter": Cue("pitch", "x", 0.35, 0.35, 0.002, 0.05),
    # Level, contrast between stressed and unstressed, regularity of pulses, slowness of onsets.
    "loudness": Cue("energy", "dB", 1.2, 0.9, -45, -17),
    "dynamics": Cue("energy", "x", 0.3, 0.3, 0.3, 2.5),
    "shimmer": Cue("energy", "x", 0.4, 0.4, 0.01, 0.2),
    "attack": Cue("energy", "x", 0.25, 0.25, 0.5, 2.5),
    # Rate of articulation, length of pauses, of stressed and of closing syllables.
    "rate": Cue("timing", "x", 0.05, 0.035, 0.6, 1.6),
    "pause": Cue("timing", "x", 0.35, 0.35, 0.1, 4.0),
    "stretch": Cue("timing", "x", 0.08, 0.08, 0.7, 1.8),
    "drawl": Cue("timing", "x", 0.12, 0.12, 0.7, 1.8),
    # Dullness of the source, turbulence, opening of the glottis, vocal tract, care of articulation.
    "tilt": Cue("spectrum", "dB", 1.6, 1.5, 0, 24),
    "breath": Cue("spectrum", "dB", 2.5, 2.2, -45, -8),
    "open_quotient": Cue("spectrum", "", 0.035, 0.03, 0.35, 0.88),
    "formants": Cue("spectrum", "x", 0.025, 0.022, 0.85, 1.2),
    "precision": Cue("spectrum", "x", 0.1, 0.1, 0.4, 1.4),
    "creak": Cue("spectrum", "", 0.02, 0.025, 0, 0.25),
}
"""The cues by name. The last lines of each family are the voice's regularity and quality."""

EMOTIONS: dict[str, dict[str, tuple[float, str]]] = {
    "anger": {
        "pitch": (3.5, "MA BS JL: higher"),
        "range": (1.35, "MA JL: wider"),
        "accent": (0.8, "MA: abrupt on stressed syllables"),
        "ending": (0.8, "JL: rising contours"),
        "jitter": (1.2, "JL: irregular"),
        "loudness": (6.0, "MA BS JL: louder"),
        "dynamics": (1.25, "JL: varying intensity"),
        "attack": (0.85, "JL: fast voice onsets"),
        "shimmer": (1.2, "JL: irregular"),
        "rate": (1.18, "MA JL: faster"),
        "pause": (0.8, "ours"),
        "tilt": (-3.3, "BS JL: more high-frequency energy"),
        "open_quotient": (-0.05, "BU: tense phonation"),
        "precision": (1.1, "MA: tense articulation"),
    },
    "boredom": {
        "pitch": (-2.0, "BS BU: lower"),
        "range": (0.75, "BU: narrower"),
        "loudness": (-5.0, "BS: quieter"),
        "dynamics": (0.9, "ours"),
        "rate": (0.82, "BU: slower"),
        "stretch": (1.1, "BU: stressed syllables lengthened"),
        "precision": (0.92, "ours"),
    },
    "disgust": {
        "pitch": (-2.5, "MA: very much lower"),
        "range": (1.15, "MA: slightly wider"),
        "ending": (-1.5, "MA: wide downward terminal inflections"),
        "loudness": (-5.0, "MA: quieter"),
        "dynamics": (1.0, "ours"),
        "rate": (0.8, "MA: very much slower"),
        "pause": (1.3, "MA: longer pauses"),
        "creak": (0.045, "MA: grumbled chest tone"),
        "formants": (0.98, "ours"),
    },
    "fear": {
        "pitch": (4.0, "MA BS JL BU: much higher"),
        "range": (1.2, "MA BU: wider"),
        "ending": (1.2, "JL: rising contours"),
        "tremor": (0.25, "MA JL: irregular voicing"),
        "jitter": (1.4, "MA JL: irregular voicing"),
        "shimmer": (1.3, "MA JL: irregular voicing"),
        "dynamics": (1.25, "JL: varying intensity"),
        "loudness": (0.5, "MA: normal"),
        "rate": (1.2, "MA JL BU: faster"),
        "pause": (1.15, "ours"),
        "tilt": (0.6, "JL: little high-frequency energy"),
        "open_quotient": (0.02, "BU: falsetto"),
        "breath": (0.8, "ours"),
        "precision": (1.03, "MA: precise articulation"),
    },
    "happiness": {
        "pitch": (3.5, "MA JL BU: higher"),
        "range": (1.4, "MA JL BU: wider"),
        "accent": (1.2, "MA: smooth inflections"),
        "ending": (1.2, "MA JL: upward"),
        "jitter": (0.85, "JL: regular"),
        "loudness": (5.0, "MA JL: louder"),
        "attack": (0.87, "JL: fast voice onsets"),
        "rate": (1.16, "JL BU: faster"),
        "drawl": (1.0, "ours"),
        "tilt": (-0.4, "JL: medium high-frequency energy"),
        "breath": (0.5, "MA: breathy, blaring"),
        "formants": (1.015, "BU: spread lips"),
    },
    "neutral": {},
    "sadness": {
        "pitch": (-2.0, "MA BS JL: lower"),
        "range": (0.75, "MA JL: narrower"),
        "ending": (-1.0, "MA JL: downward"),
        "tremor": (0.1, "JL: irregular"),
        "jitter": (1.15, "JL: irregular"),
        "loudness": (-5.5, "MA BS JL: quieter"),
        "dynamics": (0.8, "JL: even intensity"),
        "attack": (1.2, "JL: slow voice onsets"),
        "rate": (0.83, "MA JL: slower"),
        "pause": (1.5, "MA: more pauses"),
        "tilt": (2.6, "BS JL: little high-frequency energy"),
        "breath": (3.5, "BU: breathy"),
        "open_quotient": (0.045, "BU: breathy"),
        "precision": (0.85, "MA: slurred articulation"),
    },
}
"""
How far each emotion moves each cue in an expressive but not extreme utterance, and who found that
direction; ``"ours"`` where none of the four did. A cue that is not named stays where it is.
"""


@dataclass(frozen=True)
class Speaker:
    """
    A voice.

    Attributes
    ----------
    number : int
        From 1; odd numbers are women.
    name : str
        For example ``"f01"`` or ``"m02"``.
    sex : str
        ``"female"`` or ``"male"``.
    tract : float
        Formants relative to an average man's; women's vocal tracts are shorter.
    expressiveness : float
        How strongly emotions show: below 1 restrained, above 1 exaggerated.
    noise : float
        Noise of the recording room in dB relative to full scale.
    own : dict of str to float
        The speaker's neutral value of each cue: pitch in semitones above 100 Hz, loudness in dB
        relative to full scale, jitter and shimmer relative to a period and a pulse, tilt in dB at
        3 kHz, breath in dB relative to the pulses, final movement in semitones; factors around 1.
    """

    number: int
    name: str
    sex: str
    tract: float
    expressiveness: float
    noise: float
    own: dict[str, float]


def speaker(number: int, *, seed: int = 0) -> Speaker:
    """
    Cast a speaker.

    Parameters
    ----------
    number : int
        From 1.
    seed : int
        Another seed, another cast.

    Returns
    -------
    Speaker
        The same whoever else speaks. Of every five women and every five men, each has another
        fifth of the range of each trait (a Latin hypercube), so that a small cast too has
        restrained and lively, loud and quiet, dull and bright voices.

    Raises
    ------
    InputError
        If `number` is below 1.
    """
    if number < 1:
        raise InputError(f"speaker number: found {number}, expected 1 or more")
    female = number % 2 == 1
    group, member = divmod((number - 1) // 2, _GROUP)
    rng = np.random.default_rng((seed, int(female), group))
    order = rng.permuted(np.tile(np.arange(_GROUP), (len(_TRAITS), 1)), axis=1)
    place = (order + rng.random(order.shape))[:, member] / _GROUP
    trait = {
        name: low + share * (high - low)
        for share, (name, (low, high)) in zip(place, _TRAITS.items(), strict=True)
    }
    own = {name: 1.0 if cue.unit == "x" else 0.0 for name, cue in CUES.items()}
    own |= {name: value for name, value in trait.items() if name in own}
    own["pitch"] += 12.0 if female else 2.5
    own["ending"] = -2.0
    return Speaker(
        number=number,
        name=f"{'f' if female else 'm'}{number:02d}",
        sex="female" if female else "male",
        tract=trait["tract"] * (1.14 if female else 1.0),
        expressiveness=trait["expressiveness"],
        noise=trait["noise"],
        own=own,
    )


_GROUP = 5
_TRAITS = {
    "expressiveness": (0.82, 1.26),
    "tract": (0.965, 1.035),
    "noise": (-75.0, -71.0),
    "pitch": (-3.0, 3.0),
    "range": (0.8, 1.25),
    "jitter": (0.004, 0.010),
    "loudness": (-30.0, -26.0),
    "dynamics": (0.8, 1.25),
    "shimmer": (0.02, 0.06),
    "rate": (0.92, 1.08),
    "pause": (0.8, 1.25),
    "tilt": (7.0, 10.0),
    "breath": (-28.0, -24.0),
    "open_quotient": (0.55, 0.61),
    "precision": (0.95, 1.05),
}
"""From where to where people differ; cues are meant as in `Speaker.own`, pitch within a sex."""


def cues(who: Speaker, emotion: str, sentence: int, take: int, *, seed: int = 0) -> dict[str, float]:
    """
    Decide how a speaker expresses an emotion this time.

    Parameters
    ----------
    who : Speaker
        The speaker.
    emotion : str
        One of `EMOTIONS`.
    sentence, take : int
        From 1.
    seed : int
        Seed of everything random.

    Returns
    -------
    dict of str to float
        Value of each of `CUES`, in the units of `Speaker.own`. It is the speaker's own, moved by
        the emotion as strongly as this speaker lets this family of cues show this emotion, plus a
        habit that comes back whenever this speaker expresses this emotion, plus the mood of the
        moment.
    """
    effects = EMOTIONS[emotion]
    code = tuple(EMOTIONS).index(emotion)
    habits = np.random.default_rng((seed, who.number, code, 1))
    moods = np.random.default_rng((seed, who.number, code, sentence, take, 2))
    strength = {
        f: who.expressiveness * np.exp(HABIT_OF_STRENGTH * habits.standard_normal() + MOOD_OF_STRENGTH * moods.standard_normal())
        for f in FAMILIES
    }
    result = {}
    for name, cue in CUES.items():
        amount = effects.get(name, (1.0 if cue.unit == "x" else 0.0, ""))[0]
        own = who.own[name]
        wander = HABIT * cue.habit * habits.standard_normal() + MOOD * cue.mood * moods.standard_normal()
        if cue.unit == "x":
            value = own * amount ** strength[cue.family] * np.exp(wander)
        else:
            value = own + amount * strength[cue.family] + wander
        result[name] = float(np.clip(value, cue.low, cue.high))
    return result


HABIT = 0.38
MOOD = 0.85
HABIT_OF_STRENGTH = 0.12
MOOD_OF_STRENGTH = 0.12


