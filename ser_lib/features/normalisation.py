"""Scale features: by the statistics of training rows, of each utterance, or of each speaker."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.errors import InputError, unknown
from ser_lib.features.ragged import RaggedArray

if TYPE_CHECKING:
    import pandas as pd

NORMALISATIONS = ("train", "utterance", "speaker")
"""
Whose statistics scale the features: those of the training utterances, of each utterance itself, or
of all utterances of its speaker (unlabelled, test speakers included).
"""
FEW = 10
"""Recordings of a speaker from which on their statistics are taken without a word."""


def moments(ragged: RaggedArray) -> tuple[np.ndarray, np.ndarray]:
    """
    Compute the mean and standard deviation of each feature over all rows, items and frames.

    Items have the shape ``(features,)`` or ``(frames, features, ...)``; `InputError` if there are
    none.

    Returns
    -------
    mean, std : ndarray of float64, shape ``item_shape[-1:]`` or ``item_shape[1:]``
        The standard deviation is the biased one (divided by n); it is exactly 0 for a feature that
        is constant up to rounding.

    Notes
    -----
    Partial results are combined by the pairwise update of Chan, Golub & LeVeque (1979), which is
    accurate for features with a large mean and needs memory for one piece only.
    """
    feature = ragged.item_shape[1:] if len(ragged.item_shape) >= 2 else ragged.item_shape
    count, mean, squares = 0, np.zeros(feature), np.zeros(feature)
    for piece in ragged.pieces():
        x = piece.reshape(-1, *feature).astype(np.float64)
        piece_mean = x.mean(axis=0)
        x -= piece_mean
        total = count + len(x)
        shift = piece_mean - mean
        squares += np.square(x).sum(axis=0) + shift**2 * count * len(x) / total
        mean += shift * len(x) / total
        count = total
    if count == 0:
        raise InputError(
            "no items to compute mean and standard deviation from; expected at least one"
        )
    std = np.sqrt(squares / count)
    return mean, np.where(std > 1e-12 * np.abs(mean), std, 0.0)


def scale(items: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """
    Scale features to the mean 0 and standard deviation 1 of those whose `moments` are given.

    Parameters
    ----------
    items : ndarray, shape (n, features) or (n, frames, features, ...)
    mean, std : ndarray, shape ``(features,)`` or ``(features, ...)``
        As `moments` returns them, in the units of the features.

    Returns
    -------
    ndarray, shape of `items`
        float32 or wider; a feature whose standard deviation is 0 is only moved.
    """
    scaled = (items - mean) / np.where(std > 0, std, 1.0)
    return scaled.astype(np.promote_types(items.dtype, np.float32))


def standardise_by(ragged: RaggedArray, groups: Sequence[object]) -> RaggedArray:
    """
    Scale each feature to mean 0 and standard deviation 1 within each group of rows.

    Parameters
    ----------
    ragged : RaggedArray
    groups : array, shape (rows,)
        Group of each row, for example its speaker; `InputError` if there is not one per row.

    Returns
    -------
    RaggedArray
        A copy in memory, float32 or wider; a feature that is constant within a group becomes 0.
    """
    groups = np.asarray(groups)
    if groups.shape != (len(ragged),):
        raise InputError(f"groups of shape {groups.shape}; expected one per row: ({len(ragged)},)")
    offsets = np.concatenate([[0], np.cumsum(ragged.lengths)])
    values = np.empty((offsets[-1], *ragged.item_shape), np.promote_types(ragged.dtype, np.float32))
    for group in np.unique(groups):
        rows = np.flatnonzero(groups == group)
        mean, std = moments(ragged.take(rows))
        for row in rows:
            values[offsets[row] : offsets[row + 1]] = scale(ragged[row], mean, std)
    return RaggedArray(values, offsets)


def check_normalisation(how: str, *, per_utterance: bool = False) -> str:
    """Return `how`, or refuse it; the parameters are those of `normalise`."""
    if how not in NORMALISATIONS:
        raise unknown("normalisation", how, NORMALISATIONS)
    if how == "train" and per_utterance:
        raise InputError(
            "normalisation 'train': this front end scales each utterance by its own statistics; "
            "expected 'utterance' or 'speaker'"
        )
    return how


def normalise(
    features: RaggedArray, how: str, table: "pd.DataFrame", *, per_utterance: bool = False
) -> RaggedArray:
    """
    Scale features by statistics that are not learnt from the training rows.

    Parameters
    ----------
    features : RaggedArray
        Row i belongs to row i of the table.
    how : {"train", "utterance", "speaker"}
        ``"train"`` returns the features unchanged: the classifier learns its scaling from the
        training rows. ``"utterance"`` uses the statistics of each utterance over time, unless the
        front end did so already. ``"speaker"`` uses those of all utterances of a speaker, test
        speakers included; no label is used.
    table : DataFrame
        Table of the corpus; its column ``speaker`` is used by ``"speaker"``.
    per_utterance : bool
        Whether the front end already scales each utterance by its own statistics.

    Returns
    -------
    RaggedArray

    Raises
    ------
    InputError
        For an unknown name; for ``"utterance"`` if each utterance is one vector, which has no
        statistics over time; for ``"speaker"`` if the speaker of an utterance is unknown.
    """
    check_normalisation(how)
    if how == "utterance" and not per_utterance:
        if len(features.item_shape) < 2 and (features.lengths == 1).all():
            raise InputError(
                "normalisation 'utterance': the front end gives one vector per utterance, which "
                "has no statistics over time; expected 'train' or 'speaker'"
            )
        return standardise_by(features, np.arange(len(features)))
    if how == "speaker":
        unknown_speakers = table.index[table["speaker"].isna()]
        if len(unknown_speakers):
            raise InputError(
                f"normalisation 'speaker': the speaker of {len(unknown_speakers)} utterances is "
                f"unknown, the first is {unknown_speakers[0]!r}; expected a speaker for each"
            )
        return standardise_by(features, table["speaker"].astype(str).to_numpy())
    return features
