"""Sentences on what a trained model recognises in a recording."""

from typing import TYPE_CHECKING

import numpy as np

from ser_lib.plots.recognition import by_descriptor, signed
from ser_lib.reporting.formatting import escape
from ser_lib.reporting.wording import count, percent

if TYPE_CHECKING:
    import pandas as pd


def recognised(table: "pd.DataFrame") -> str:
    """Say what a recording as a whole is recognised as, and what comes second."""
    row = table.iloc[0]
    if row.isna()["emotion"]:
        return f"Nothing is recognised: {escape(row['remark'])}."
    posteriors = row[[name for name in table if name.startswith("p_")]].astype(float)
    first, second = posteriors.sort_values(ascending=False).index[:2]
    return (
        f"The largest posterior is that of **{escape(first[2:])}** ({posteriors[first]:.3f}), the "
        f"second that of {escape(second[2:])} ({posteriors[second]:.3f})."
    )


def over_time(table: "pd.DataFrame") -> str:
    """Say how many windows there are, how often the emotion changes, and which one prevails."""
    spoken = table.dropna(subset=["emotion"])
    silent = len(table) - len(spoken)
    text = count(len(table), "window")
    if silent:
        text += f", {silent} of them without speech"
    if spoken.empty:
        return f"{text}."
    most = spoken["emotion"].value_counts()
    changes = int((spoken["emotion"].to_numpy()[1:] != spoken["emotion"].to_numpy()[:-1]).sum())
    return (
        f"{text}; the emotion with the largest posterior changes {count(changes, 'time')}, and "
        f"is most often **{escape(most.index[0])}** ({percent(most.iloc[0] / len(spoken))} of the "
        "windows)."
    )


def attended(weights: "pd.DataFrame") -> str:
    """Say where the attention over a recording is largest, and how concentrated it is."""
    values = weights["weight"].to_numpy()
    top = weights.iloc[int(np.argmax(values))]
    most = np.sort(values)[::-1].cumsum() / values.sum()
    half = int(np.searchsorted(most, 0.5)) + 1
    return (
        f"The attention is largest from {top['start']:.2f} s to {top['end']:.2f} s, "
        f"{top['weight'] * len(values) / values.sum():.1f} times as large as uniform attention; "
        f"half of it lies on {percent(half / len(values))} of the steps."
    )


def decided(contributions: "pd.DataFrame", emotion: str) -> str:
    """Say which descriptors speak most for an emotion and against it, and what all sum to."""
    sums = by_descriptor(contributions, emotion)
    text = f"Nothing speaks for **{escape(emotion)}**"
    if sums.max() > 0:
        text = f"Most for **{escape(emotion)}** speaks {_descriptor(sums.idxmax())}"
        text += f" ({signed(sums.max())})"
    if sums.min() < 0:
        text += f", most against it {_descriptor(sums.idxmin())} ({signed(sums.min())})"
    return (
        f"{text}. The sum of all is {signed(sums.sum())}. It compares this recording with one "
        "whose features are the medians of the training recordings: by so much more does the "
        "logarithm of the posterior exceed its mean over the emotions."
    )


def _descriptor(name: str) -> str:
    """Write the name of a descriptor as the figure does."""
    return f"*{name.replace('_', ' ')}*"
