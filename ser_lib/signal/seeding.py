"""Random numbers of the steps that draw: the same on every machine and in every run."""

import hashlib

import numpy as np

from ser_lib.identity import canonical, describe


def generator(utterance: str, step: object) -> np.random.Generator:
    """
    Make the random numbers of one step on one utterance.

    They are those of PCG-64, seeded by the SHA-256 of the utterance's name and the step's identity:
    with another parameter a step draws other numbers. A step whose parameter was renamed keeps its
    draws by a class attribute ``seed_names``, which gives the former name by the present one.
    """
    old_names = getattr(step, "seed_names", {})
    identity = {old_names.get(name, name): value for name, value in describe(step).items()}
    text = canonical([utterance, identity])
    return np.random.Generator(
        np.random.PCG64(int.from_bytes(hashlib.sha256(text.encode()).digest(), "big"))
    )
