"""
Train a system on all speakers of a corpus, and write it as a model.

It is trained by what trains the folds of an evaluation (`ser_lib.experiment.fold.fit_fold`), on a
fold without test rows, under the same seed.

The temperature is fitted to posteriors of speakers who did not train what gave them. Of a stored
evaluation of the same specification these are the test rows of its folds: rows of the corpus that
the model is trained on, and no test rows of the model. Where there is none, they are a fifth of the
speakers, held out from one further training or, where the system chooses its epoch by held-out
speakers, from this one.
"""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib import corpora, executor, identity, paths, protocols
from ser_lib.corpora.folder import NAME as OWN
from ser_lib.corpora.hashing import in_threads, sample_hashes, seconds
from ser_lib.errors import InputError
from ser_lib.evaluation.calibration import Calibration, calibrate
from ser_lib.experiment import provenance, results, training
from ser_lib.experiment.fold import FoldData, fit_fold, posteriors
from ser_lib.experiment.plan import Plan, Task, check_seeds, rows_digest, say
from ser_lib.features.cache import open_features
from ser_lib.features.normalisation import check_normalisation
from ser_lib.places import require_writable
from ser_lib.protocols import Fold
from ser_lib.protocols.development import with_development
from ser_lib.recognition import card
from ser_lib.recognition.classifiers import write_fitted
from ser_lib.recognition.expected import expected_scores, matching_evaluation
from ser_lib.recognition.folder import write_description
from ser_lib.recognition.front_ends import plain

if TYPE_CHECKING:
    from ser_lib.corpora.corpus import Corpus
    from ser_lib.systems.base import System

HASH_DIGITS = 12
"""Digits of the hash of each recording that a model keeps, so that it is known again."""

_NONE = np.empty(0, int)


def train(
    system: "System",
    corpus: "Corpus",
    folder: str | os.PathLike,
    *,
    normalisation: str | None = None,
    seed: int = 0,
    reports: str | os.PathLike | None = None,
    progress: bool = True,
) -> Path:
    """
    Train a system on all speakers of a corpus, and write the model.

    A system that chooses its epoch on development speakers holds out a fifth of the speakers for
    it; all others train on everybody. Features, the training that fits the temperature and the
    state of an unfinished one are kept in the cache: after an interruption it goes on from there.

    Parameters
    ----------
    system : System
        Any system of `ser_lib.systems`.
    corpus : Corpus
        Recordings and labels.
    folder : path
        Where to write the model; it appears when it is complete.
    normalisation : {"train", "utterance", "speaker"}, optional
        Whose statistics scale the features; by default ``system.normalisation``. With
        ``"speaker"`` the model needs recordings of everybody whom it is to recognise (see
        `ser_lib.recognition.Recogniser.for_speaker`).
    seed : int
        Of the classifier.
    reports : path, optional
        Folder of the reports, in which the evaluation with the expected scores is searched for;
        `ser_lib.paths.reports` by default.
    progress : bool
        Whether to show progress bars.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If the folder exists or cannot be made, the corpus has fewer than two emotions, or the
        normalisation is one that it or the system does not allow.
    DivergenceError
        If training diverged.
    """
    folder = Path(folder).expanduser().absolute()
    _check_folder(folder)
    (seed,) = check_seeds(seed)
    plan = _plan(system, corpus, normalisation)
    front_end = plain(system.front_end)
    known = _speakers_known(corpus)
    every = np.arange(len(corpus.table))
    fold = Fold("all speakers", every, _NONE, _NONE)
    apart = fold
    if known or system.needs_development:
        apart = with_development(corpus.table, fold, seed, "ser train", known)
    evaluation = matching_evaluation(plan, reports)
    held_out, problem = None, None if known else "the speakers of the corpus are unknown"
    if evaluation is None and known and not system.needs_development:
        try:
            held_out = _held_out_predictions(plan, apart, seed, progress)
        except InputError as error:
            # A corpus of few speakers may be enough to train on, though not without some of them.
            problem = str(error)

    task = _task(plan, apart if system.needs_development else fold, seed, "nobody")
    checkpoint = training.checkpoint_of(plan.specification, task)
    say(f"{plan.title}: training on {_count(task.fold)}")
    data = plan.data(progress=progress)
    data = data._replace(
        features=open_features(data.features), copies=tuple(map(open_features, data.copies))
    )
    with training.features_expected(system, fold, plan.normalisation):
        arguments = (system, data, task.fold, seed, checkpoint)
        ((_, classifier),) = executor.run(fit_fold, [arguments], jobs=1)
    if evaluation is not None:
        source, rows = "evaluation", evaluation.rows()
    elif held_out is not None:
        source, rows = "further training", held_out
    elif known and system.needs_development:
        source, rows = "development speakers", _predicted(classifier, data, apart.development)
    else:
        source, rows = None, None
    calibration = None if rows is None else _calibration(rows, corpus.classes)
    if calibration is None:
        say(f"{plan.title}: posteriors are not calibrated, as no speakers are held out: {problem}")

    with paths.whole_folder(folder) as new:
        state, note = write_fitted(classifier, new)
        description = {
            "name": folder.name,
            **provenance.record_of_system(system),
            "classes": list(corpus.classes),
            "front_end": front_end,
            "normalisation": plan.normalisation,
            "normalised_by_front_end": system.normalisation == "utterance",
            "classifier": state,
            "note": note,
            "attention_grid": _grid(system),
            "temperature": 1.0 if calibration is None else calibration.temperature,
            "calibration": calibration and {"source": source, **_rounded(calibration)},
            "uncalibrated": None if calibration else problem,
            "expected": evaluation and expected_scores(evaluation),
            "evaluations": [],
            "corpus": _corpus(corpus),
            "seed": seed,
            "development_speakers": _speakers(corpus, apart) if system.needs_development else [],
            "specification": plan.specification.content,
            "provenance": plan.specification.provenance(),
        }
        write_description(new, description, card.text(description))
    checkpoint.remove()
    return folder


def _check_folder(folder: Path) -> None:
    """Refuse a folder that exists, or that cannot be made, before anything is trained."""
    if folder.exists() or folder.is_symlink():
        raise InputError(f"{folder} exists already; expected the name of a new folder")
    require_writable(folder.parent, "the model")


def _plan(system: "System", corpus: "Corpus", normalisation: str | None) -> Plan:
    """Describe the training; there are no folds in it yet."""
    normalisation = check_normalisation(
        system.normalisation if normalisation is None else normalisation,
        per_utterance=system.normalisation == "utterance",
    )
    if len(corpus.classes) < 2:
        raise InputError(
            f"{corpus.name}: only {', '.join(corpus.classes)}; expected at least two emotions"
        )
    protocol = protocols.make(corpus.protocol)
    return Plan(
        title=f"{system.name} on {corpus.name}",
        system=system,
        corpus=corpus,
        protocol=protocol,
        normalisation=normalisation,
        conditions={},
        specification=provenance.specify(system, corpus, protocol, normalisation, {}),
        tasks=(),
        n_folds=0,
    )


def _task(plan: Plan, fold: Fold, seed: int, scored: str) -> Task:
    """Describe a training for a model, which is stored apart from those of evaluations."""
    content = plan.specification.content | {"scored": scored}
    rows = rows_digest(fold, plan.corpus.table.index)
    file = results.fold_file(identity.digest(content), seed, fold.name, rows)
    return Task(seed, fold, rows, file)


def _held_out_predictions(plan: Plan, apart: Fold, seed: int, progress: bool) -> pd.DataFrame:
    """Train once without the development speakers of a fold, or read it from the cache."""
    fold = Fold("held-out speakers", apart.train, _NONE, apart.development)
    task = _task(plan, fold, seed, "held-out speakers")
    plan = dataclasses.replace(plan, tasks=(task,), n_folds=1, title=f"{plan.title}, calibration")
    ((_, _, result),) = training.complete([plan], progress=progress)
    return result.predictions


def _predicted(classifier: object, data: FoldData, rows: np.ndarray) -> pd.DataFrame:
    """Predict rows of the corpus; beside the posteriors, what a temperature is fitted by."""
    table = data.table.iloc[rows][["speaker", "emotion"]].reset_index(drop=True)
    p = posteriors(classifier, data.features.take(rows), data.classes)
    table[[f"p_{emotion}" for emotion in data.classes]] = p
    return table


def _calibration(rows: pd.DataFrame, classes: tuple[str, ...]) -> Calibration:
    y = pd.Index(classes).get_indexer(rows["emotion"])
    p = rows[[f"p_{emotion}" for emotion in classes]].to_numpy(float)
    return calibrate(y, p, rows["speaker"])


def _rounded(calibration: Calibration) -> dict[str, object]:
    """Round what a model card says of a calibration; None where there is no error afterwards."""
    values = {k: round(v, 4) for k, v in calibration._asdict().items()}
    return {k: v if v == v else None for k, v in values.items()}


def _speakers_known(corpus: "Corpus") -> bool:
    """Tell whether there are two speakers at least, and that of each recording is known."""
    return bool(corpus.table["speaker"].notna().all()) and len(corpus.speakers) > 1


def _speakers(corpus: "Corpus", fold: Fold) -> list[str]:
    return sorted(set(corpus.table["speaker"].iloc[fold.development].dropna().astype(str)))


def _count(fold: Fold) -> str:
    more = f", {len(fold.development)} for the epoch" if len(fold.development) else ""
    return f"{len(fold.train)} recordings{more}"


def _grid(system: "System") -> dict[str, object] | None:
    grid = getattr(system, "attention_grid", None)
    return None if grid is None else grid._asdict()


def speaker_names(corpus: "Corpus", salt: str) -> list[str] | None:
    """Digest the names of the speakers of a corpus; None where some are unknown."""
    if corpus.table["speaker"].isna().any():
        return None
    return sorted(identity.digest([salt, name])[:HASH_DIGITS] for name in corpus.speakers)


def _corpus(corpus: "Corpus") -> Mapping[str, object]:
    """Describe what a model was trained on; nothing names a folder or a recording."""
    table = corpus.table
    files = list(table["path"])
    durations = in_threads(seconds, files, "reading headers", progress=False)
    counts = table["emotion"].value_counts()
    # One that was made in Python has no module.
    module = corpora.get(corpus.name) if corpus.name in corpora.names() else None
    return {
        "name": corpus.name,
        "title": corpus.title,
        "version": corpus.version,
        "subset": corpus.subset,
        "licence": corpus.licence,
        "citation": corpus.citation,
        # A corpus may say how its speech came about.
        "speech": getattr(module, "SPEECH", None),
        "languages": sorted(set(table["language"].dropna().astype(str))),
        "utterances": len(table),
        "speakers": len(corpus.speakers),
        "hours": round(sum(durations) / 3600, 2),
        "median_seconds": round(float(np.median(durations)), 2),
        "emotions": {emotion: int(counts[emotion]) for emotion in corpus.classes},
        "fingerprint": corpus.fingerprint,
        "speaker_names": speaker_names(corpus, corpus.fingerprint) if corpus.name == OWN else None,
        "recordings": sorted(value[:HASH_DIGITS] for value in sample_hashes(files, progress=False)),
    }
