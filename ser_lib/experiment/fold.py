"""One fold, from features to posteriors: all that the numbers of a study depend on stands here."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ser_lib.errors import InputError, unknown
from ser_lib.features.ragged import RaggedArray, standardise_by

if TYPE_CHECKING:
    from ser_lib.protocols import Fold
    from ser_lib.systems.base import System

NORMALISATIONS = ("train", "utterance", "speaker")
CLEAN = "clean"
DECIMALS = 6


class Data(NamedTuple):
    """
    What all folds share: the corpus's rows and their features.

    Parameters
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


class Result(NamedTuple):
    """
    What one fold under one seed gave.

    Parameters
    ----------
    predictions : pandas.DataFrame
        utterance, speaker, fold, seed, part, condition, emotion, predicted, p_<emotion>...
    record : dict
        fit_seconds and predict_seconds (of the clean test rows), n_parameters (None where a
        classifier does not count them), chosen (what development or inner folds decided: the
        epoch, the point of the grid), history (a list of dicts, one per epoch).
    """

    predictions: pd.DataFrame
    record: dict


def check_normalisation(name: str, system: "System") -> str:
    """
    Check whose statistics scale the features.

    Raises
    ------
    InputError
        For an unknown name, or for ``"train"`` where the front end already scales each utterance.
    """
    if name not in NORMALISATIONS:
        raise unknown("normalisation", name, NORMALISATIONS)
    if name == "train" and system.normalisation == "utterance":
        raise InputError(
            f"normalisation 'train': the front end of {system.name} scales each utterance by its "
            "own statistics; expected 'utterance' or 'speaker'"
        )
    return name


def normalise(
    features: RaggedArray, normalisation: str, system: "System", table: pd.DataFrame
) -> RaggedArray:
    """
    Scale features by statistics that do not come from the training rows.

    Parameters
    ----------
    features : RaggedArray
        Features of every utterance of the table.
    normalisation : {"train", "utterance", "speaker"}
        ``"train"`` leaves the scaling to the classifier; ``"utterance"`` takes each utterance's
        own statistics over time (nothing is left to do if the front end did so); ``"speaker"``
        those of all utterances of a speaker, test speakers included, labels unseen.
    system : System
        Whose features they are.
    table : pandas.DataFrame
        Corpus table.

    Returns
    -------
    RaggedArray

    Raises
    ------
    InputError
        ``"utterance"`` for one vector per utterance, ``"speaker"`` for unknown speakers.
    """
    if normalisation == "utterance" and system.normalisation != "utterance":
        if len(features.item_shape) < 2 and (features.lengths == 1).all():
            raise InputError(
                f"normalisation 'utterance': {system.name} makes one vector of each utterance, "
                "which has no statistics of its own; expected 'train' or 'speaker'"
            )
        return standardise_by(features, np.arange(len(features)))
    if normalisation == "speaker":
        unnamed = table.index[table["speaker"].isna()]
        if len(unnamed):
            raise InputError(
                f"normalisation 'speaker': {len(unnamed)} utterances have no speaker, the first "
                f"is {unnamed[0]!r}; expected a speaker for each"
            )
        return standardise_by(features, table["speaker"].astype(str).to_numpy())
    return features


def emotion_of(label: str) -> str:
    """Strip the prefix of a training label: ``"female/anger"`` stands for anger."""
    return str(label).rsplit("/", 1)[-1]


def posteriors(classifier: object, features: RaggedArray, classes: Sequence[str]) -> np.ndarray:
    """
    Ask a classifier, and add up what it gives to labels of the same emotion.

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
    InputError
        If the classifier answers what is no distribution, as it does when training diverged.
    """
    found = np.asarray(classifier.predict_proba(features), dtype=np.float64)
    summed = np.zeros((len(features), len(classes)))
    for label, column in zip(classifier.classes_, found.T, strict=True):
        summed[:, list(classes).index(emotion_of(label))] += column
    total = summed.sum(axis=1, keepdims=True)
    if not (np.isfinite(total).all() and (summed >= 0).all() and (total > 0).all()):
        raise InputError(
            "the classifier's posteriors are not numbers between 0 and 1; its training diverged "
            "(a smaller learning rate helps)"
        )
    return np.round(summed / total, DECIMALS)


def _check_targets(targets: np.ndarray, classes: Sequence[str]) -> None:
    """Refuse labels that stand for no emotion of the corpus."""
    strange = sorted({emotion_of(label) for label in targets} - set(classes))
    if strange:
        raise InputError(
            f"targets stand for {', '.join(strange)}; expected emotions of the corpus, with or "
            f"without a prefix: {', '.join(classes)}"
        )


def _answers(
    data: Data, fold: "Fold", seed: int, rows: np.ndarray, part: str, condition: str, p: np.ndarray
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
            # After the rounding: what is written must explain itself.
            "predicted": np.asarray(data.classes, dtype=object)[p.argmax(axis=1)],
        }
    )
    frame[[f"p_{c}" for c in data.classes]] = p
    return frame.sort_values("utterance", kind="stable")


def fit_fold(system: "System", data: Data, fold: "Fold", seed: int) -> object:
    """
    Train a system on the training rows of a fold.

    Parameters
    ----------
    system : System
        Gives the classifier and its targets.
    data : Data
        Rows and features of the corpus.
    fold : Fold
        Positions of training and development rows. Without development
        (``system.needs_development`` is False) these join the training.
    seed : int
        Seed of the classifier.

    Returns
    -------
    classifier
        Fitted. The same seed on the same machine gives the same.

    Raises
    ------
    InputError
        If a target stands for no emotion of the corpus, or training diverged.
    """
    targets = np.asarray(system.targets(data.table))
    groups = data.table["speaker"]
    train, development = _parts(system, fold)
    _check_targets(targets, data.classes)

    options = {}
    if groups.notna().all():
        options["groups"] = groups.iloc[train].astype(str).to_numpy()
    if len(development):
        options["validation"] = (data.features.take(development), targets[development])
    if data.copies:
        options["copies"] = tuple(copy.take(train) for copy in data.copies)
    return system.classifier(seed).fit(data.features.take(train), targets[train], **options)


def _parts(system: "System", fold: "Fold") -> tuple[np.ndarray, np.ndarray]:
    """Say which rows a system is trained on, and which choose its epoch."""
    if system.needs_development:
        return fold.train, fold.development
    return np.sort(np.concatenate([fold.train, fold.development])), fold.development[:0]


def run_fold(system: "System", data: Data, fold: "Fold", seed: int) -> Result:
    """
    Train a system on the training rows of a fold and ask it about the others.

    Parameters
    ----------
    system, data, fold, seed
        As for `fit_fold`; `fold` says which rows are tested, too.

    Returns
    -------
    Result
        Answers to the test rows under every condition and to the clean development rows.

    Raises
    ------
    InputError
        As `fit_fold`.
    """
    _, development = _parts(system, fold)
    started = time.perf_counter()
    classifier = fit_fold(system, data, fold, seed)
    fitted = time.perf_counter()

    def answers(features: RaggedArray, rows: np.ndarray, part: str, condition: str) -> pd.DataFrame:
        p = posteriors(classifier, features.take(rows), data.classes)
        return _answers(data, fold, seed, rows, part, condition, p)

    frames = [answers(data.features, fold.test, "test", CLEAN)]
    predicted = time.perf_counter()
    for name, features in data.conditions.items():
        frames.append(answers(features, fold.test, "test", name))
    if len(development):
        frames.append(answers(data.features, development, "dev", CLEAN))
    record = {
        "fit_seconds": round(fitted - started, 3),
        "predict_seconds": round(predicted - fitted, 3),
        "n_parameters": _plain(getattr(classifier, "n_parameters_", None)),
        "chosen": _chosen(classifier),
        "history": [_short(epoch) for epoch in getattr(classifier, "history_", None) or []],
    }
    return Result(pd.concat(frames, ignore_index=True), record)


def _chosen(classifier: object) -> dict[str, object]:
    """Read off a classifier what it decided by data that are not test rows."""
    if hasattr(classifier, "best_epoch_"):
        return {"epoch": int(classifier.best_epoch_)}
    return _short(getattr(classifier, "search_", {}))


def _short(figures: Mapping[str, object]) -> dict[str, object]:
    """Keep six digits of each figure: more would only fill the record."""
    plain = {name: _plain(value) for name, value in figures.items()}
    return {k: float(f"{v:.6g}") if isinstance(v, float) else v for k, v in plain.items()}


def _plain(value: object) -> object:
    """Turn a NumPy scalar into Python's."""
    return value.item() if hasattr(value, "item") else value
