"""The vocabulary of emotions that all corpora share, and classes that are added to it."""

import re
from collections.abc import Collection, Mapping

from ser_lib.errors import InputError, unknown

EMOTIONS = (
    *("anger", "boredom", "calm", "disgust", "excitement", "fear", "frustration", "happiness"),
    *("neutral", "sadness", "surprise", "other"),
)
"""The emotions, in alphabetical order, with ``"other"`` at the end."""

SYNONYMS = {
    "anger": ("angry", "ang"),
    "boredom": ("bored", "bor"),
    "calm": ("calmness", "cal"),
    "disgust": ("disgusted", "dis"),
    "excitement": ("excited", "exc"),
    "fear": ("fearful", "afraid", "scared", "fea"),
    "frustration": ("frustrated", "fru"),
    "happiness": ("happy", "joy", "joyful", "hap"),
    "neutral": ("neu",),
    "sadness": ("sad",),
    "surprise": ("surprised", "sur"),
    "other": ("oth",),
}
"""Other words and common labels for each emotion."""

EMOTION_OF = {word: emotion for emotion, words in SYNONYMS.items() for word in (emotion, *words)}
"""The emotion of each word that is understood."""


def find_emotion(word: str, *, where: str = "", added: Collection[str] = ()) -> str:
    """
    Return the name in `EMOTIONS` of an emotion, given that name or one of its `SYNONYMS`.

    Names of classes that were `added` are known, too. Upper and lower case are the same. The
    `InputError` for an unknown word says `where` it was found, and suggests the nearest known name.

    Examples
    --------
    >>> find_emotion("Happy")
    'happiness'
    """
    name = _plain(word)
    if name in EMOTION_OF:
        return EMOTION_OF[name]
    if name not in added:
        kind = f"emotion {where}:" if where else "emotion"
        words = EMOTION_OF | {other: other for other in added}
        raise unknown(kind, word, (*EMOTIONS, *added), words)
    return name


def translation(
    mapping: Mapping[object, object], *, name: str, added: Collection[str] = ()
) -> tuple[dict[str, str], tuple[str, ...]]:
    """
    Read which emotion each label means.

    Parameters
    ----------
    mapping : mapping
        Emotion by label. A label that means itself and is no emotion adds a class of this name,
        in lower case: ``{"1": "stressed", "stressed": "stressed"}``. So a slip of the pen in the
        name of an emotion adds none.
    name : str
        Name of the parameter that was given, for errors.
    added : collection of str
        Classes that were added before.

    Returns
    -------
    emotions : dict
        Name of the emotion or class by label, as text without spaces around it.
    added : tuple of str
        The classes that are no emotions, those from before included, in alphabetical order.

    Raises
    ------
    InputError
        For an emotion that is unknown, a label with two emotions, and a class with a name of other
        than letters, digits, spaces, hyphens and underscores.

    Examples
    --------
    >>> translation({1: "Angry", "Stressed": "stressed"}, name="emotions")
    ({'1': 'anger', 'Stressed': 'stressed'}, ('stressed',))
    """
    own = {_plain(word) for label, word in mapping.items() if _plain(label) == _plain(word)}
    added = tuple(sorted({*added, *own} - set(EMOTION_OF)))
    for further in added:
        if not re.fullmatch(r"\w[\w -]{,49}", further):
            raise InputError(
                f"class {further!r} in the parameter {name}: expected at most 50 letters, digits, "
                "spaces, hyphens and underscores"
            )
    emotions: dict[str, str] = {}
    for label, word in mapping.items():
        emotion = find_emotion(word, where=f"in the parameter {name}", added=added)
        if emotions.setdefault(str(label).strip(), emotion) != emotion:
            raise InputError(f"{name}: the label {str(label)!r} has two emotions; expected one")
    return emotions, added


def _plain(word: object) -> str:
    return str(word).strip().lower()


def canonical_emotion(word: str) -> str:
    """Return the name of an emotion for a synonym, and any other word unchanged."""
    return EMOTION_OF.get(_plain(word), word)
