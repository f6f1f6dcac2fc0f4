"""
What is altered while a network learns: masked spectrograms, mixtures, and rows of rare classes.

All of it acts on the batches of training rows as they are assembled; nothing else sees it.
"""

import dataclasses

import numpy as np

from ser_lib.errors import InputError
from ser_lib.neural.batching import Batch
from ser_lib.params import as_count, as_real


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpecAugment:
    """
    Hide stretches of time and of frequency (Park et al. 2019, SpecAugment), without time warping.

    What is hidden becomes zero, the mean of the scaled features. Widths are drawn uniformly from
    none to the largest.

    Parameters
    ----------
    time, frequency : float
        Largest width of a mask, as a share of the recording's length and of the bands.
    masks : int
        Masks along each of the two.
    within : bool
        Whether time and frequency are the first two axes of an item (windows of many frames), or
        the items are the frames.

    Raises
    ------
    InputError
        Naming the parameter, what was found and what is expected.
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
        Hide parts of a batch, other parts in every row.

        Parameters
        ----------
        batch : Batch
            Values, shape (rows, n, bands) or (rows, n, frames, bands, ...); altered in place.
        rng : numpy.random.Generator
            What is hidden.

        Returns
        -------
        Batch
        """
        axis = 2 if self.within else 1
        values = batch.values
        if values.ndim < axis + 2:
            raise InputError(
                f"SpecAugment: items of shape {values.shape[2:]}; expected frames and bands"
            )
        lengths = np.full(len(values), values.shape[2]) if self.within else batch.mask.sum(axis=1)
        bands = np.full(len(values), values.shape[axis + 1])
        for along, sizes, share in ((axis, lengths, self.time), (axis + 1, bands, self.frequency)):
            for _ in range(self.masks):
                width = np.floor(rng.random(len(values)) * (share * sizes + 1))
                start = np.floor(rng.random(len(values)) * (sizes - width + 1))
                place = np.arange(values.shape[along])
                hidden = (place >= start[:, None]) & (place < (start + width)[:, None])
                shape = [1] * values.ndim
                shape[0], shape[along] = hidden.shape
                values *= ~hidden.reshape(shape)
        return batch


def mix(
    batch: Batch, targets: np.ndarray, alpha: float, rng: np.random.Generator
) -> tuple[Batch, np.ndarray]:
    """
    Mix each row of a batch with another, labels as well (Zhang et al. 2018, mixup).

    Parameters
    ----------
    batch : Batch
        Scaled features; the longer of two rows gives the mixture its length.
    targets : ndarray of float32, shape (rows, classes)
        Labels, one-hot.
    alpha : float
        The share of a row is drawn from Beta(alpha, alpha): the smaller, the nearer 0 or 1.
    rng : numpy.random.Generator
        Which rows, and in which shares.

    Returns
    -------
    Batch, ndarray
        Mixtures and their labels, which sum to one.
    """
    other = rng.permutation(len(targets))
    share = rng.beta(alpha, alpha, len(targets)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    wide = share.reshape(-1, *[1] * (batch.values.ndim - 1))
    values = wide * batch.values + (1 - wide) * batch.values[other]
    labels = share[:, None] * targets + (1 - share[:, None]) * targets[other]
    return Batch(values, batch.mask | batch.mask[other]), labels


def oversampled(targets: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """
    Draw rows so that every class is as frequent as the most frequent one.

    Parameters
    ----------
    targets : ndarray of int, shape (rows,)
        Number of each row's class.
    rng : numpy.random.Generator
        Which rows of the rarer classes come again.

    Returns
    -------
    ndarray of int
        Every row at least once.
    """
    counts = np.bincount(targets)
    extra = [
        rng.choice(np.flatnonzero(targets == k), counts.max() - n)
        for k, n in enumerate(counts)
        if n
    ]
    return np.concatenate([np.arange(len(targets)), *extra])
