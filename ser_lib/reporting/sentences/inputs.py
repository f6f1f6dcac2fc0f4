"""Sentences on what systems are given: spectrograms, windows, descriptors."""

from typing import TYPE_CHECKING

import numpy as np

from ser_lib.reporting.formatting import escape
from ser_lib.reporting.wording import count, percent

if TYPE_CHECKING:
    import pandas as pd

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


def descriptors(deviations: "pd.DataFrame", *, hop: float) -> str:
    """Say which descriptor deviates most from its mean, given `ser_lib.plots.deviations`."""
    z = deviations.to_numpy()
    step, column = np.unravel_index(np.argmax(np.abs(z)), z.shape)
    largest, side = abs(z[step, column]), "above" if z[step, column] > 0 else "below"
    return (
        f"The largest deviation: *{escape(deviations.columns[column])}* at {step * hop:.2f} s, "
        f"{largest:.1f} standard deviations {side} its mean over the recording."
    )
