"""Checks of the parameters of a classifier and of the rows that it is given."""

import math
import numbers
from collections.abc import Mapping, Sequence

import numpy as np

from ser_lib.errors import InputError, unknown
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural.augmentation import SpecAugment

_INTEGERS = {"epochs": 1, "batch_size": 1, "patience": 1, "seed": 0}
_NUMBERS = {
    "learning_rate": ("above 0", lambda value: value > 0),
    "clip_norm": ("above 0", lambda value: value > 0),
    "momentum": ("from 0 to below 1", lambda value: 0 <= value < 1),
    "decay": ("of at least 0", lambda value: value >= 0),
    "weight_decay": ("of at least 0", lambda value: value >= 0),
    "mixup": ("of at least 0", lambda value: value >= 0),
}
_CHOICES = {
    "optimizer": ("adam", "sgd"),
    "schedule": ("constant", "cosine"),
    "balance": (None, "weights", "oversampling"),
    "pool": (None, "mean", "max"),
    "monitor": ("uar", "loss"),
}
_OPTIONAL = {"patience", "clip_norm"}


def check_parameters(parameters: Mapping[str, object]) -> None:
    """
    Check the parameters of a `ser_lib.neural.NeuralClassifier`.

    Parameters
    ----------
    parameters : mapping
        As ``get_params`` returns them.

    Raises
    ------
    InputError
        Naming the first wrong parameter, what was found and what is expected.
    """

    def is_a(kind: type, value: object) -> bool:
        return isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)

    parameters = {k: v for k, v in parameters.items() if not (v is None and k in _OPTIONAL)}
    for name in filter(parameters.__contains__, _INTEGERS):
        value, low = parameters[name], _INTEGERS[name]
        if not (is_a(numbers.Integral, value) and value >= low):
            raise InputError(f"{name} is {value!r}; expected an integer of at least {low}")
    for name in filter(parameters.__contains__, _NUMBERS):
        value, (expected, allowed) = parameters[name], _NUMBERS[name]
        if not (is_a(numbers.Real, value) and allowed(value)):
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
    Check rows of features, and their labels.

    Parameters
    ----------
    name : str
        Name of the rows in an error.
    X : RaggedArray
        Features.
    y : array of str, optional
        Labels, one per row; with labels, there must be at least one row.
    item_shape : tuple of int, optional
        Shape that the items must have.

    Returns
    -------
    ndarray of str or None
        The labels.

    Raises
    ------
    InputError
        Naming the rows, what was found and what is expected.
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
            f"{name} has {len(X)} rows, and the labels have shape {y.shape}; expected one label "
            "per row"
        )
    return y
