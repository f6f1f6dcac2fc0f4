"""
Sounds and sentences of an artificial language.

Formants of the vowels are the men's averages of Peterson & Barney (1952). The loci, noises and
gains of the consonants and all durations are rounded values of our own choosing.

References
----------
Peterson, G. E. & Barney, H. L. (1952). Control methods used in a study of the vowels. J. Acoust.
Soc. Am. 24, 175-184.
"""

from dataclasses import dataclass
from typing import NamedTuple

SENTENCES = (
    "'ma-lu 'ti-ne | so-'ka-di",
    "'ni-So ba-'ta-le | 'ki-mu",
    "ke-'la-mi | 'sa-nu 'go-ti",
    "'ta-fi | mo-'na-lu 'ke-di",
)
"""
The sentences, numbered from 1. Syllables are joined by ``-``, words by a space, phrases by ``|``;
``'`` marks a stressed syllable and ``S`` is the sound of *ship*.
"""


class State(NamedTuple):
    """Part of a phone, a fraction of its duration; gains are relative to an unstressed vowel."""

    fraction: float
    voicing: float = 0.0
    aspiration: float = 0.0
    frication: float = 0.0


@dataclass(frozen=True)
class Phone:
    """
    A speech sound.

    It has a duration in an unstressed syllable at a neutral rate, targets of F1, F2 and F3 of an
    average man in Hz, successive parts, and centre and bandwidth of the frication in Hz.
    """

    milliseconds: float
    formants: tuple[float, float, float]
    states: tuple[State, ...]
    noise: tuple[float, float] = (4000.0, 4000.0)
    vowel: bool = False


def _vowel(*formants: float, gain: float = 1.0) -> Phone:
    return Phone(95, formants, (State(1.0, voicing=gain),), vowel=True)


def _sonorant(milliseconds: float, gain: float, *formants: float) -> Phone:
    return Phone(milliseconds, formants, (State(1.0, voicing=gain),))


def _fricative(gain: float, noise: tuple[float, float], *formants: float) -> Phone:
    return Phone(95, formants, (State(1.0, frication=gain),), noise)


def _voiceless_stop(gain: float, noise: tuple[float, float], *formants: float) -> Phone:
    release = State(0.25, aspiration=0.25, frication=0.15 * gain)
    return Phone(95, formants, (State(0.6), State(0.15, frication=gain), release), noise)


def _voiced_stop(gain: float, noise: tuple[float, float], *formants: float) -> Phone:
    burst = State(0.15, voicing=0.2, frication=gain)
    return Phone(75, formants, (State(0.7, voicing=0.12), burst, State(0.15, voicing=0.5)), noise)


PHONES = {
    "a": _vowel(730, 1090, 2440, gain=0.65),
    "e": _vowel(530, 1840, 2480),
    "i": _vowel(270, 2290, 3010, gain=1.15),
    "o": _vowel(570, 840, 2410, gain=0.7),
    "u": _vowel(300, 870, 2240, gain=1.15),
    "m": _sonorant(70, 0.5, 280, 1000, 2200),
    "n": _sonorant(65, 0.5, 280, 1600, 2600),
    "l": _sonorant(60, 0.55, 360, 1300, 2700),
    "s": _fricative(0.30, (5600.0, 1800.0), 320, 1650, 2600),
    "S": _fricative(0.34, (3000.0, 1400.0), 320, 1800, 2500),
    "f": _fricative(0.12, (4500.0, 6000.0), 340, 1100, 2100),
    "t": _voiceless_stop(0.40, (4200.0, 2000.0), 350, 1750, 2700),
    "k": _voiceless_stop(0.40, (1900.0, 900.0), 300, 1900, 2300),
    "b": _voiced_stop(0.20, (900.0, 1500.0), 250, 1000, 2200),
    "d": _voiced_stop(0.30, (4000.0, 2000.0), 250, 1700, 2600),
    "g": _voiced_stop(0.30, (1800.0, 900.0), 250, 1900, 2300),
}
"""The phones by their letters."""


class Sound(NamedTuple):
    """A phone of a sentence; a pause has the name ``"_"``."""

    name: str
    syllable: int
    stressed: bool = False
    closing: bool = False


def sounds(sentence: str) -> tuple[Sound, ...]:
    """
    Parse a sentence that is written as in `SENTENCES`.

    Of each phone are given its syllable, whether that is stressed, and whether it is the last of
    its phrase; between two phrases there is a pause.

    Examples
    --------
    >>> [sound.name for sound in sounds("'ma | no")]
    ['m', 'a', '_', 'n', 'o']
    """
    result: list[Sound] = []
    syllable = 0
    phrases = sentence.split("|")
    for i, phrase in enumerate(phrases):
        syllables = [s for word in phrase.split() for s in word.split("-")]
        for j, text in enumerate(syllables):
            stressed, closing = text.startswith("'"), j == len(syllables) - 1
            result += [Sound(p, syllable, stressed, closing) for p in text.lstrip("'")]
            syllable += 1
        if i < len(phrases) - 1:
            result.append(Sound("_", -1))
    return tuple(result)
