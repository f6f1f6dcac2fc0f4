"""
Augmentation of training batches: SpecAugment, mixup and oversampling of rare classes.

All of it acts on batches of training rows as they are assembled; development and test rows are
never augmented.
"""

import dataclasses

import numpy as np

from ser_lib.errors import InputError
from ser_lib.neural.batching import Batch
from ser_lib.params import as_count, as_real


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpecAugment:
    """
    Mask stretches of time and frequency (Park et al. 2019, SpecAugment), without time warping.

    Masked values become zero, the mean of the scaled features. The width of each mask is drawn
    uniformly from zero to the largest, its place uniformly.

    Parameters
    ----------
    time, frequency : float
        Largest width of a mask, as a fraction of the recording's length or of the bands, 0 to 1.
    masks : int
        Number of masks along time, and along frequency.
    within : bool
        Whether time and frequency are the first two axes of an item (windows of many frames);
        otherwise the items are the frames.
    """

    time: float = 0.1
    frequency: float = 0.15
    masks: int = 2
    within: bool = False

    def __post_init__(self):
        as_real(self, "time", low=0, high=1)
        as_real(self, "frequency", low=0, high=1)
        as_count(self, "masks")

    def __call__(self, batch: Batch, rng: np.random.Generator) -> Batch:
        """
        Mask other stretches in every row of a batch, which is changed in place and returned.

        Raises
        ------
        InputError
            If items are not of shape (bands,) or, within items, (frames, bands, ...).
        """
        axis = 2 if self.within else 1
        values = batch.values
        if values.ndim < axis + 2:
            raise InputError(
                f"SpecAugment: items have shape {values.shape[2:]}; expected "
                + ("(frames, bands, ...)" if self.within else "(bands, ...)")
            )
        lengths = np.full(len(values), values.shape[2]) if self.within else batch.mask.sum(axis=1)
        bands = np.full(len(values), values.shape[axis + 1])
        for masked_axis, sizes, fraction in (
            (axis, lengths, self.time),
            (axis + 1, bands, self.frequency),
        ):
            for _ in range(self.masks):
                width = np.floor(rng.random(len(values)) * (fraction * sizes + 1))
                start = np.floor(rng.random(len(values)) * (sizes - width + 1))
                place = np.arange(values.shape[masked_axis])
                masked = (place >= start[:, None]) & (place < (start + width)[:, None])
                shape = [1] * values.ndim
                shape[0], shape[masked_axis] = masked.shape
                values *= ~masked.reshape(shape)
        return batch


def mixup(
    batch: Batch, targets: np.ndarray, alpha: float, rng: np.random.Generator
) -> tuple[Batch, np.ndarray]:
    """
    Mix each row of a batch with another, values and labels (Zhang et al. 2018, mixup).

    Parameters
    ----------
    batch : Batch
        Scaled features; a mixture is as long as the longer of its two rows.
    targets : ndarray of float32, shape (rows, classes)
        Labels, one-hot.
    alpha : float
        The weight of a row is drawn from Beta(alpha, alpha), above 0; small values mix little. The
        larger weight is always the row's own.
    rng : numpy.random.Generator
        Draws pairs and weights.

    Returns
    -------
    Batch, ndarray of float32, shape (rows, classes)
        The mixtures, and their labels, which sum to one.
    """
    other = rng.permutation(len(targets))
    weight = rng.beta(alpha, alpha, len(targets)).astype(np.float32)
    weight = np.maximum(weight, 1 - weight)
    wide = weight.reshape(-1, *[1] * (batch.values.ndim - 1))
    values = wide * batch.values + (1 - wide) * batch.values[other]
    labels = weight[:, None] * targets + (1 - weight[:, None]) * targets[other]
    return Batch(values, batch.mask | batch.mask[other]), labels


def oversample(targets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """
    Draw rows so that every class is as frequent as the most frequent one.

    Parameters
    ----------
    targets : ndarray of int, shape (rows,)
        Class number of each row.
    rng : numpy.random.Generator
        Draws the rows of rarer classes that are repeated.

    Returns
    -------
    ndarray of int
        Row numbers; every row at least once.
    """
    counts = np.bincount(targets)
    repeated = [
        rng.choice(np.flatnonzero(targets == k), counts.max() - n)
        for k, n in enumerate(counts)
        if n
    ]
    return np.concatenate([np.arange(len(targets)), *repeated])
