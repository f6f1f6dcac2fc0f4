"""The vocabulary of emotions that all corpora share."""

from ser_lib.errors import unknown

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


def find_emotion(word: str, *, where: str = "") -> str:
    """
    Return the name in `EMOTIONS` of an emotion, given that name or one of its `SYNONYMS`.

    Upper and lower case are the same. The `InputError` for an unknown word says `where` it was
    found, and suggests the nearest known name.

    Examples
    --------
    >>> find_emotion("Happy")
    'happiness'
    """
    emotion = EMOTION_OF.get(str(word).strip().lower())
    if emotion is None:
        raise unknown(f"emotion {where}:" if where else "emotion", word, EMOTIONS, EMOTION_OF)
    return emotion


def canonical_emotion(word: str) -> str:
    """Return the name of an emotion for a synonym, and any other word unchanged."""
    return EMOTION_OF.get(str(word).strip().lower(), word)
