"""Predictions for speakers that do not exist."""

import itertools

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def predictions():
    """Make predictions for invented speakers, correct with probability `right`."""

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
        for seed, s, i in itertools.product(seeds, range(speakers), range(n)):
            emotion = emotions[i % len(emotions)]
            other = emotions[(i + 1 + rng.integers(len(emotions) - 1)) % len(emotions)]
            predicted = emotion if rng.random() < right else other
            row = {"utterance": f"s{s}-{i:02d}", "speaker": f"s{s}", "fold": f"s{s}", "seed": seed}
            row |= {"part": part, "condition": condition}
            row |= {"emotion": emotion, "predicted": predicted}
            rest = 0.4 / (len(emotions) - 1)
            rows.append(row | {f"p_{e}": 0.6 if e == predicted else rest for e in emotions})
        return pd.DataFrame(rows)

    return make
