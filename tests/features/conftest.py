"""A synthetic signal with voiced, unvoiced and silent parts."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def speech():
    """Return a function that synthesises `seconds` of a speech-like signal at `rate`, float32."""

    def make(seconds=1.5, rate=16000, seed=0):
        rng = np.random.default_rng(seed)
        time = np.arange(round(seconds * rate)) / rate
        phase = 2 * np.pi * np.cumsum(120 + 30 * np.sin(2 * np.pi * 1.3 * time + seed)) / rate
        voice = sum(np.sin(k * phase) / k for k in range(1, 30) if k * 150 < rate / 2)
        syllables = np.clip(np.sin(2 * np.pi * 2.5 * time), 0, None)
        pauses = np.clip(-np.sin(2 * np.pi * 2.5 * time), 0, None) > 0.8
        signal = 0.2 * voice * syllables + 0.02 * rng.standard_normal(len(time)) * (1 - syllables)
        signal[pauses] = 0
        # Rounded to 16 bits, as in a recording.
        return (np.round(signal * 2**15) / 2**15).astype(np.float32)

    return make
