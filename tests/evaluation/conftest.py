"""Predictions for speakers that do not exist."""

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
        for seed in seeds:
            for s in range(speakers):
                for i in range(n):
                    emotion = emotions[i % len(emotions)]
                    other = emotions[(i + 1 + rng.integers(len(emotions) - 1)) % len(emotions)]
                    predicted = emotion if rng.random() < right else other
                    rest = 0.4 / (len(emotions) - 1)
                    p = {f"p_{e}": 0.6 if e == predicted else rest for e in emotions}
                    rows.append(
                        {
                            "utterance": f"s{s}-{i:02d}",
                            "speaker": f"s{s}",
                            "fold": f"s{s}",
                            "seed": seed,
                            "part": part,
                            "condition": condition,
                            "emotion": emotion,
                            "predicted": predicted,
                        }
                        | p
                    )
        return pd.DataFrame(rows)

    return make
