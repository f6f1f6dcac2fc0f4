"""Corpus tables without any audio."""

import pytest
from corpus_tables import EMODB, EMOTIONS, table_of


@pytest.fixture
def emodb():
    """A table with the speakers, sexes and emotions of EmoDB."""
    return table_of(
        [
            {"speaker": speaker, "sex": sex, "emotion": emotion}
            for (speaker, sex), counts in EMODB.items()
            for emotion, count in zip(EMOTIONS, counts, strict=True)
            for _ in range(count)
        ]
    )


@pytest.fixture
def ravdess():
    """24 actors, two emotions twice each, and the six published folds in the column `split`."""
    folds = [
        *((1, 11, 20, 21), (4, 10, 12, 14), (8, 9, 19, 23)),
        *((3, 5, 7, 24), (2, 15, 16, 18), (6, 13, 17, 22)),
    ]
    home = {actor: str(fold) for fold, actors in enumerate(folds, 1) for actor in actors}
    return table_of(
        [
            {
                "speaker": f"{actor:02d}",
                "sex": "male" if actor % 2 else "female",
                "emotion": emotion,
                "split": home[actor],
            }
            for actor in range(1, 25)
            for emotion in ("anger", "calm")
            for _ in range(2)
        ]
    )


@pytest.fixture
def iemocap():
    """Five sessions of two speakers, four emotions."""
    return table_of(
        [
            {
                "speaker": f"Ses0{session}{sex[0].upper()}",
                "sex": sex,
                "emotion": emotion,
                "session": str(session),
            }
            for session in range(1, 6)
            for sex in ("female", "male")
            for emotion in ("anger", "happiness", "neutral", "sadness")
            for _ in range(3)
        ]
    )


@pytest.fixture
def small():
    """Make a table of speakers ("a" to "f" by default), each with `n` utterances per emotion."""

    def make(speakers="abcdef", emotions=("anger", "fear"), n=2, **columns):
        rows = [
            {"speaker": speaker, "emotion": emotion}
            for speaker in speakers
            for emotion in emotions
            for _ in range(n)
        ]
        return table_of(rows).assign(**columns)

    return make
