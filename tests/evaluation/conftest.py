"""Corpus tables and predictions without any audio."""

import numpy as np
import pandas as pd
import pytest
from made_up import EMODB, EMOTIONS, table_of


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
    folds = {
        "1": (1, 11, 20, 21),
        "2": (4, 10, 12, 14),
        "3": (8, 9, 19, 23),
        "4": (3, 5, 7, 24),
        "5": (2, 15, 16, 18),
        "6": (6, 13, 17, 22),
    }
    home = {actor: fold for fold, actors in folds.items() for actor in actors}
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


@pytest.fixture
def predictions():
    """Make predictions of made-up speakers, right with a given probability."""

    def make(
        *,
        speakers=6,
        n=12,
        emotions=("anger", "fear", "neutral"),
        right=0.7,
        seeds=(0,),
        part="test",
        condition="clean",
        random_state=0,
    ):
        rng = np.random.default_rng(random_state)
        rows = []
        for seed in seeds:
            for s in range(speakers):
                for i in range(n):
                    emotion = emotions[i % len(emotions)]
                    other = emotions[(i + 1 + rng.integers(len(emotions) - 1)) % len(emotions)]
                    answer = emotion if rng.random() < right else other
                    rest = 0.4 / (len(emotions) - 1)
                    p = {f"p_{e}": 0.6 if e == answer else rest for e in emotions}
                    rows.append(
                        {
                            "utterance": f"s{s}-{i:02d}",
                            "speaker": f"s{s}",
                            "fold": f"s{s}",
                            "seed": seed,
                            "part": part,
                            "condition": condition,
                            "emotion": emotion,
                            "predicted": answer,
                        }
                        | p
                    )
        return pd.DataFrame(rows)

    return make
