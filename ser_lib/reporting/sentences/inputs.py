"""Sentences on what systems are given: spectrograms, windows, descriptors."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.reporting.wording import count, percent

if TYPE_CHECKING:
    from ser_lib.plots import Spectrogram


def spectrogram(shown: "Spectrogram") -> str:
    """Say how long a recording is, and where its level is highest and rises fastest."""
    levels = shown.values[..., 0]
    frame, band = np.unravel_index(np.argmax(levels), levels.shape)
    text = f"{len(levels) * shown.hop:.2f} s, {count(len(levels), 'frame')} of {levels.shape[1]} "
    text += f"bands; the level is highest at {frame * shown.hop:.2f} s, in the band around "
    text += f"{shown.frequencies[band] / 1000:.2g} kHz"
    rises = np.diff(levels.mean(axis=1))
    if len(rises):
        text += f", and rises fastest, on average over the bands, at {_seconds(rises, shown.hop)}"
    return f"{text}."


def _seconds(values: np.ndarray, hop: float) -> str:
    return f"{(int(np.argmax(values)) + 1) * hop:.2f} s"


def windows(items: np.ndarray, *, hop: float, window_hop: float) -> str:
    """Say how many windows a recording has, and how much of each is in the next one as well."""
    length = items.shape[1] * hop
    if len(items) == 1:
        return f"One window of {length:.3g} s holds the whole recording."
    shared = percent(max(0.0, 1 - window_hop / length))
    return f"{len(items)} windows of {length:.3g} s; each shares {shared} of it with the next."


def descriptors(values: np.ndarray, names: Sequence[str], *, hop: float) -> str:
    """Say which descriptor of an utterance deviates most from its mean, and when."""
    deviation = values.std(axis=0)
    z = (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, np.inf)
    step, column = np.unravel_index(np.argmax(np.abs(z)), z.shape)
    name = str(names[column]).replace("_", " ")
    largest, side = abs(z[step, column]), "above" if z[step, column] > 0 else "below"
    return (
        f"The largest deviation: *{name}* at {step * hop:.2f} s, {largest:.1f} standard deviations "
        f"{side} its mean over the recording."
    )
