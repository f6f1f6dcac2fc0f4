"""Checks of the parameters of a classifier and of the rows that it is given."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ser_lib.errors import InputError
from ser_lib.features.ragged import RaggedArray
from ser_lib.neural.augmentation import SpecAugment
from ser_lib.params import choice, flag, integer, optional, real

PARAMETERS = {
    "epochs": integer(),
    "batch_size": integer(),
    "optimizer": choice("adam", "sgd"),
    "learning_rate": real(above=0),
    "momentum": real(low=0, high=0.999),
    "decay": real(low=0),
    "schedule": choice("constant", "cosine"),
    "weight_decay": real(low=0),
    "clip_norm": optional(real(above=0)),
    "balance": optional(choice("weights", "oversampling")),
    "mixup": real(low=0),
    "pool": optional(choice("mean", "max")),
    "monitor": choice("uar", "loss"),
    "patience": optional(integer()),
    "scale": flag(),
    "all_copies": flag(),
    "seed": integer(low=0),
}
"""What the parameters of a `ser_lib.neural.NeuralClassifier` may be."""


def check_parameters(parameters: Mapping[str, object]) -> None:
    """
    Check the parameters of a `ser_lib.neural.NeuralClassifier`, as ``get_params`` returns them.

    Raises
    ------
    InputError
        Naming the first wrong parameter, what was found and what is expected.
    """
    for name, check in PARAMETERS.items():
        value = parameters[name]
        checked = check.apply("NeuralClassifier", name, value)
        if isinstance(checked, int) and isinstance(value, float):
            raise InputError(f"{name} is {value!r}; expected {check.expected}, not a float")
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

    With labels, which are returned as an array of texts or numbers, there must be at least one row.
    Items must have the shape `item_shape`, if it is given.

    Raises
    ------
    InputError
        Giving the rows this name.
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
    y = np.asarray(y)
    if len(X) == 0:
        raise InputError(f"{name} holds no utterances; expected at least one")
    if y.shape != (len(X),):
        raise InputError(
            f"{name} has {len(X)} rows, and the labels have shape {y.shape}; expected one label "
            "per row"
        )
    missing = np.flatnonzero(pd.isna(y))
    if len(missing):
        raise InputError(
            f"{name}: the label of row {missing[0]} is {y[missing[0]]!r}; expected a text or number"
        )
    return y if y.dtype.kind in "biuf" else y.astype(str)
