"""What is refused before a network is trained or asked."""

import math
import numbers
from collections.abc import Mapping, Sequence

import numpy as np

from ser_lib.errors import InputError, unknown
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural.augmentation import SpecAugment

_CHOICES = {
    "optimizer": ("adam", "sgd"),
    "schedule": ("constant", "cosine"),
    "balance": (None, "weights", "oversampling"),
    "pool": (None, "mean", "max"),
    "monitor": ("uar", "loss"),
}


def check_parameters(parameters: Mapping[str, object]) -> None:
    """
    Check the parameters of a `NeuralClassifier`.

    Raises
    ------
    InputError
        Naming the first that makes no sense, what was found and what is expected.
    """
    for name, least in {"epochs": 1, "batch_size": 1, "patience": 1, "seed": 0}.items():
        value = parameters[name]
        whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if not (whole and value >= least) and not (name == "patience" and value is None):
            raise InputError(f"{name} is {value!r}; expected a whole number of at least {least}")
    limits = {
        "learning_rate": "above 0",
        "clip_norm": "above 0",
        "momentum": "from 0 to below 1",
        "decay": "of at least 0",
        "weight_decay": "of at least 0",
        "mixup": "of at least 0",
    }
    for name, expected in limits.items():
        value = parameters[name]
        if name == "clip_norm" and value is None:
            continue
        real = isinstance(value, numbers.Real) and math.isfinite(value) and value >= 0
        if not real or (value == 0 and "above" in expected) or (value >= 1 and "below" in expected):
            raise InputError(f"{name} is {value!r}; expected a number {expected}")
    for name, known in _CHOICES.items():
        if parameters[name] not in known:
            raise unknown(name, parameters[name], known)
    augment = parameters["spec_augment"]
    if not (augment is None or isinstance(augment, SpecAugment)):
        raise InputError(f"spec_augment is {augment!r}; expected a SpecAugment or None")


def check_rows(
    name: str,
    X: RaggedArray,
    y: Sequence[str] | None = None,
    *,
    item_shape: tuple[int, ...] | None = None,
) -> np.ndarray | None:
    """
    Check rows to learn from, or to ask about.

    Parameters
    ----------
    name : str
        What the rows are called in a message.
    X : RaggedArray
        Features.
    y : array of str, optional
        Labels; with them, there must be rows at all, and as many.
    item_shape : tuple of int, optional
        Shape that the items must have.

    Returns
    -------
    ndarray of str or None
        The labels.

    Raises
    ------
    InputError
        Naming what does not fit.
    """
    if not isinstance(X, RaggedArray):
        raise InputError(f"{name} is a {type(X).__name__}; expected a RaggedArray")
    if item_shape is not None and X.item_shape != item_shape:
        raise InputError(f"{name} has items of shape {X.item_shape}; expected {item_shape}")
    empty = np.flatnonzero(X.lengths == 0)
    if len(empty):
        raise InputError(f"{name}: row {empty[0]} holds no items; expected at least one per row")
    if y is None:
        return None
    y = np.asarray(y).astype(str)
    if len(X) == 0:
        raise InputError(f"{name} holds no utterances; expected at least one")
    if y.shape != (len(X),):
        raise InputError(
            f"{name} has {len(X)} rows, but labels of shape {y.shape}; expected one each"
        )
    return y
