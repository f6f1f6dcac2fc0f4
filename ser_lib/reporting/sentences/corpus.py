"""Sentences on corpora: how much of what, one recording, and what depends on the speaker."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ser_lib.features import variance_between
from ser_lib.reporting.formatting import escape
from ser_lib.reporting.wording import count, listing, percent

_FEW = 3
"""Speakers of whom it is said which emotion they lack; more are counted."""
_REPEATED = 10
"""Utterances of each sentence, on average, from which on variance between them says something."""


def class_sizes(table: pd.DataFrame) -> str:
    """Say how unequal the emotions of a corpus table are, and what that does to accuracy."""
    sizes = table["emotion"].value_counts()
    chance, most, least = 1 / len(sizes), escape(sizes.index[0]), escape(sizes.index[-1])
    if sizes.max() == sizes.min():
        text = f"All {len(sizes)} emotions have {count(sizes.max(), 'utterance')}"
        return f"{text}: accuracy and UAR of guessing are both {chance:.3f}."
    return (
        f"There are {sizes.max() / sizes.min():.1f} times as many utterances of *{most}* as of "
        f"*{least}*: who always predicts *{most}* is right in "
        f"{percent(sizes.max() / sizes.sum())} of all utterances, with a UAR of only {chance:.3f}."
    )


def speaker_sizes(table: pd.DataFrame) -> str:
    """Say how many utterances speakers have, and which of them lack which emotion."""
    known = table.dropna(subset="speaker")
    if known.empty:
        return "The corpus does not know its speakers."
    sizes = known["speaker"].value_counts()
    absent = pd.crosstab(known["speaker"], known["emotion"]) == 0
    absent = absent[absent.any(axis=1)]
    spread = f"{sizes.min()} to {sizes.max()}" if sizes.min() < sizes.max() else f"{sizes.max()}"
    lacking = "every speaker has every emotion"
    if len(absent) > _FEW:
        lacking = f"{len(absent)} of them lack an emotion"
    elif len(absent):
        lacking = "; ".join(
            f"speaker {escape(speaker)} lacks {listing(row.index[row])}"
            for speaker, row in absent.iterrows()
        )
    return f"{count(len(sizes), 'speaker')} with {spread} utterances each; {lacking}."


def durations(seconds: Sequence[float], emotions: Sequence[str]) -> str:
    """Say which emotions have the longest and the shortest utterances."""
    medians = pd.Series(np.asarray(seconds, float)).groupby(np.asarray(emotions)).median()
    text = f"Half of all utterances are shorter than {np.median(seconds):.1f} s"
    if len(medians) == 1:
        return f"{text}."
    longest, shortest = escape(medians.idxmax()), escape(medians.idxmin())
    return (
        f"{text}; those of *{longest}* are longest (median {medians.max():.2f} s), "
        f"those of *{shortest}* shortest ({medians.min():.2f} s)."
    )


def waveform(signal: np.ndarray, sample_rate: int, hertz: np.ndarray) -> str:
    """Describe a recording, given its fundamental frequency in Hz, NaN where it is unvoiced."""
    text = f"{len(signal) / sample_rate:.2f} s at {sample_rate / 1000:g} kHz"
    voiced = np.isfinite(hertz)
    if not voiced.any():
        return f"{text}; no voice with a fundamental frequency was found."
    low, middle, high = np.nanpercentile(hertz, [0, 50, 100])
    return (
        f"{text}; in {percent(voiced.mean())} of it a fundamental frequency was found, between "
        f"{low:.0f} and {high:.0f} Hz (median {middle:.0f} Hz): there the harmonics are about as "
        "far apart."
    )


def separation(values: np.ndarray, emotions: Sequence[str], names: Sequence[str]) -> str:
    """Say which features differ most and least between emotions."""
    between = pd.Series(
        [variance_between(column[:, np.newaxis], emotions) for column in values.T], index=names
    )
    if between.isna().all():
        return "None of these features varies."
    return (
        f"Different between emotions most: *{between.idxmax()}* ({percent(between.max())} of its "
        f"variance lies between them); least: *{between.idxmin()}* ({percent(between.min())})."
    )


def projection(
    values: np.ndarray,
    emotions: Sequence[str],
    speakers: Sequence[str] | None = None,
    spoken: Sequence[str] | None = None,
) -> str:
    """
    Say how much of the variance of features lies between emotions, and between speakers.

    Of the sentences that are spoken, too, unless they are unknown or hardly repeated.
    """
    emotion = variance_between(values, emotions)
    text = f"{percent(emotion)} of the variance lies between emotions"
    if speakers is not None and not pd.isna(speakers).all():
        speaker = variance_between(values, speakers)
        larger = "speakers" if speaker > emotion else "emotions"
        text += f" and {percent(speaker)} between speakers: {larger} weigh more"
    times = pd.Series(spoken, dtype=object).value_counts()
    if len(times) > 1 and times.mean() >= _REPEATED:
        sentence = percent(variance_between(values, spoken))
        text += f". No colour shows the sentences that are spoken: {sentence} lies between them"
    return f"{text}."
