"""One fold, from features to posteriors: the part of an experiment on which its numbers depend."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from sklearn.utils.validation import has_fit_parameter

from ser_lib.errors import DivergenceError, InputError
from ser_lib.features.ragged import RaggedArray

if TYPE_CHECKING:
    from ser_lib.neural.checkpoint import Checkpoint
    from ser_lib.protocols import Fold
    from ser_lib.systems.base import System

CLEAN = "clean"
"""Name of the test condition of the recordings as they are."""
DECIMALS = 6
"""Decimals to which posteriors are rounded."""


class FoldData(NamedTuple):
    """
    What all folds of an experiment share: the rows of the corpus and their features.

    Attributes
    ----------
    table : pandas.DataFrame
        Corpus table, one row per utterance.
    classes : tuple of str
        Emotions, in the order of the posteriors.
    features : RaggedArray
        Clean features, row by row those of `table`.
    copies : tuple of RaggedArray
        Features of the altered copies that only training sees.
    conditions : dict
        Features of each degraded test condition, by its name.
    """

    table: pd.DataFrame
    classes: tuple[str, ...]
    features: RaggedArray
    copies: tuple[RaggedArray, ...] = ()
    conditions: Mapping[str, RaggedArray] = {}


class FoldResult(NamedTuple):
    """
    Predictions of one fold under one seed, and how they came about.

    Attributes
    ----------
    predictions : pandas.DataFrame
        As `ser_lib.evaluation.Evaluation` has them.
    record : dict
        ``fit_seconds`` and ``predict_seconds`` (of the clean test rows), ``n_parameters`` (None
        where a classifier does not count them), ``chosen`` (what development rows or inner folds
        decided: the epoch, the point of a grid), ``history`` (a list of dicts, one per epoch).
    """

    predictions: pd.DataFrame
    record: dict


def emotion_of(target: str) -> str:
    """Return the emotion of a training target: ``"female/anger"`` stands for anger."""
    return str(target).rsplit("/", 1)[-1]


def posteriors(classifier: object, features: RaggedArray, classes: Sequence[str]) -> np.ndarray:
    """
    Predict posteriors, and sum those of targets that stand for the same emotion.

    Parameters
    ----------
    classifier : fitted classifier
        ``predict_proba`` and ``classes_``.
    features : RaggedArray
        Features of n utterances.
    classes : sequence of str
        Emotions; one that the training rows lacked gets 0.

    Returns
    -------
    ndarray of float64, shape (n, classes)
        Rows sum to one but for the rounding to six decimals, half a millionth per class.

    Raises
    ------
    DivergenceError
        If the classifier's output is no distribution, as happens when training diverged.
    """
    predicted = np.asarray(classifier.predict_proba(features), dtype=np.float64)
    summed = np.zeros((len(features), len(classes)))
    for target, column in zip(classifier.classes_, predicted.T, strict=True):
        summed[:, list(classes).index(emotion_of(target))] += column
    total = summed.sum(axis=1, keepdims=True)
    if not (np.isfinite(total).all() and (summed >= 0).all() and (total > 0).all()):
        raise DivergenceError(
            "the classifier's posteriors are not numbers between 0 and 1: its training diverged "
            "(a smaller learning rate may help)"
        )
    return np.round(summed / total, DECIMALS)


def _check_targets(targets: np.ndarray, classes: Sequence[str]) -> None:
    """Refuse targets that stand for no emotion of the corpus."""
    strange = sorted({emotion_of(target) for target in targets} - set(classes))
    if strange:
        raise InputError(
            f"targets stand for {', '.join(strange)}; expected emotions of the corpus, with or "
            f"without a prefix: {', '.join(classes)}"
        )


def _predictions(
    data: FoldData,
    fold: "Fold",
    seed: int,
    rows: np.ndarray,
    part: str,
    condition: str,
    p: np.ndarray,
) -> pd.DataFrame:
    """Put posteriors into a table, one row per utterance, in order of name."""
    table = data.table.iloc[rows]
    speakers = table["speaker"].astype(object)
    frame = pd.DataFrame(
        {
            "utterance": table.index.astype(str),
            "speaker": speakers.where(speakers.notna(), None).to_numpy(),
            "fold": fold.name,
            "seed": seed,
            "part": part,
            "condition": condition,
            "emotion": table["emotion"].astype(str).to_numpy(),
            # After the rounding, so that the written posteriors give the written prediction.
            "predicted": np.asarray(data.classes, dtype=object)[p.argmax(axis=1)],
        }
    )
    frame[[f"p_{c}" for c in data.classes]] = p
    return frame.sort_values("utterance", kind="stable")


def fit_fold(
    system: "System",
    data: FoldData,
    fold: "Fold",
    seed: int,
    checkpoint: "Checkpoint | None" = None,
) -> object:
    """
    Train a system on the training rows of a fold.

    Parameters
    ----------
    system : System
        Gives the classifier and its targets.
    data : FoldData
        Rows and features of the corpus.
    fold : Fold
        Positions of training and development rows. The development rows of a system that does not
        need any (``needs_development`` is False) join the training rows, if the fold lets them.
    seed : int
        Seed of the classifier.
    checkpoint : Checkpoint, optional
        Where a classifier that can go on after an interruption keeps its state.

    Returns
    -------
    classifier
        Fitted. The same seed on the same machine gives the same.

    Raises
    ------
    InputError
        If a target stands for no emotion of the corpus.
    DivergenceError
        If training diverged.
    """
    targets = np.asarray(system.targets(data.table))
    groups = data.table["speaker"]
    train, development = _parts(system, fold)
    _check_targets(targets, data.classes)

    options = {}
    if groups.notna().all():
        options["groups"] = groups.iloc[train].astype(str).to_numpy()
    if system.needs_development:
        options["validation"] = (data.features.take(development), targets[development])
    if data.copies:
        options["copies"] = tuple(copy.take(train) for copy in data.copies)
    classifier = system.classifier(seed)
    if has_fit_parameter(classifier, "checkpoint"):
        options["checkpoint"] = checkpoint
    return classifier.fit(data.features.take(train), targets[train], **options)


def _parts(system: "System", fold: "Fold") -> tuple[np.ndarray, np.ndarray]:
    """Return the rows that a system is trained on, and the development rows that are left."""
    if system.needs_development or not fold.development_trains:
        return fold.train, fold.development
    return np.sort(np.concatenate([fold.train, fold.development])), fold.development[:0]


def run_fold(
    system: "System",
    data: FoldData,
    fold: "Fold",
    seed: int,
    checkpoint: "Checkpoint | None" = None,
) -> tuple[object, FoldResult]:
    """
    Train a system on the training rows of a fold and predict the others.

    Parameters, errors and the classifier are those of `fit_fold`. The result has predictions of the
    test rows under every condition and of the clean development rows.
    """
    _, development = _parts(system, fold)
    started = time.perf_counter()
    classifier = fit_fold(system, data, fold, seed, checkpoint)
    fitted = time.perf_counter()
    earlier = getattr(classifier, "resumed_seconds_", 0.0)

    def predict(features: RaggedArray, rows: np.ndarray, part: str, condition: str) -> pd.DataFrame:
        p = posteriors(classifier, features.take(rows), data.classes)
        return _predictions(data, fold, seed, rows, part, condition, p)

    frames = [predict(data.features, fold.test, "test", CLEAN)]
    predicted = time.perf_counter()
    for name, features in data.conditions.items():
        frames.append(predict(features, fold.test, "test", name))
    if len(development):
        frames.append(predict(data.features, development, "dev", CLEAN))
    record = {
        "fit_seconds": round(earlier + fitted - started, 3),
        "predict_seconds": round(predicted - fitted, 3),
        "n_parameters": _plain(getattr(classifier, "n_parameters_", None)),
        "chosen": _chosen(classifier),
        "history": [_short(epoch) for epoch in getattr(classifier, "history_", None) or []],
    }
    return classifier, FoldResult(pd.concat(frames, ignore_index=True), record)


def _chosen(classifier: object) -> dict[str, object]:
    """Return what a classifier decided by data that are not test rows."""
    if hasattr(classifier, "best_epoch_"):
        return {"epoch": int(classifier.best_epoch_)}
    return _short(getattr(classifier, "search_", {}))


def _short(figures: Mapping[str, object]) -> dict[str, object]:
    """Round each figure to six digits: more would only fill the record."""
    plain = {name: _plain(value) for name, value in figures.items()}
    return {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in plain.items()}


def _plain(value: object) -> object:
    """Turn a NumPy scalar into Python's."""
    return value.item() if hasattr(value, "item") else value
