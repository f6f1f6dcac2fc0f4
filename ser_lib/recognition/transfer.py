"""Test a trained model on another corpus, over the emotions that both know."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib import identity
from ser_lib.corpora.folder import NAME as OWN
from ser_lib.corpora.hashing import sample_hashes
from ser_lib.errors import InputError
from ser_lib.evaluation.predictions import ALL_OUTPUTS, Evaluation, describe_all_outputs
from ser_lib.experiment import results
from ser_lib.experiment.fold import CLEAN, DECIMALS
from ser_lib.experiment.provenance import identity_of, record_of_corpus
from ser_lib.features.cache import extract_to_cache, open_features
from ser_lib.recognition import card
from ser_lib.recognition.folder import write_description
from ser_lib.recognition.recogniser import Recogniser
from ser_lib.recognition.training import HASH_DIGITS, speaker_names

if TYPE_CHECKING:
    from ser_lib.corpora.corpus import Corpus

PROTOCOL = "trained_on"


def evaluate_model(
    recogniser: Recogniser,
    corpus: "Corpus",
    *,
    reports: str | os.PathLike | None = None,
    seen: bool = False,
    jobs: int | None = None,
    progress: bool = True,
) -> tuple[Evaluation, Path]:
    """
    Predict a corpus with a trained model, and write the predictions to the reports.

    Posteriors of emotions that the corpus does not have are left out, and the others are brought to
    a sum of one; what the model recognises with them is kept in the columns
    `ser_lib.evaluation.predictions.ALL_OUTPUTS`. Recordings of emotions that the model does not
    know are left out, but not of the statistics of their speaker where the model scales by these:
    they need no labels. Every recording counts, whether voice activity detection finds speech in it
    or not.

    Parameters
    ----------
    recogniser : Recogniser
    corpus : Corpus
    reports : path, optional
        Folder of the reports; `ser_lib.paths.reports` by default.
    seen : bool
        Whether to allow a corpus on which, or on whose speakers, the model was trained; its
        protocol then says so and it is not ranked.
    jobs, progress
        As for `ser_lib.experiment.evaluate`.

    Returns
    -------
    Evaluation
        Under the protocol "trained on <corpus>".
    Path
        Where the predictions are.

    Raises
    ------
    InputError
        If model and corpus share fewer than two emotions, or the model was trained on recordings
        or speakers of the corpus. Of two corpora of your own, speakers of one name are the same.
    """
    shared = [emotion for emotion in corpus.classes if emotion in recogniser.classes]
    if len(shared) < 2:
        raise InputError(
            f"{recogniser.name} knows {', '.join(recogniser.classes)}; {corpus.name} has "
            f"{', '.join(corpus.classes)}; expected two emotions or more in common"
        )
    whole, known = corpus, corpus.table["emotion"].isin(shared).to_numpy()
    if not known.all():
        corpus = corpus.select(emotion=shared)
    shared_with = _shared_with(recogniser, corpus, progress)
    if shared_with and not seen:
        raise InputError(
            f"{recogniser.name} {shared_with}; expected a corpus of other speakers (`--seen`, or "
            "`seen=True`, allows it and marks the result)"
        )
    if recogniser.by_speaker:
        features = _features(recogniser, whole, jobs, progress).take(known)
    else:
        features = _features(recogniser, corpus, jobs, progress)
    predictions = _predictions(corpus, recogniser, shared, recogniser.posteriors(features))
    record = _record(recogniser, corpus, whole, bool(shared_with))
    evaluation = Evaluation(predictions=predictions, record=record)
    file = results.prediction_files(corpus.name, record["system"], record["digest"], reports)
    results.write(evaluation, file)
    return evaluation, file


def add_score(recogniser: Recogniser, evaluation: Evaluation) -> None:
    """Add the score on another corpus to the model, and write its card anew."""
    scores, record = evaluation.scores(), evaluation.record
    which = f" ({record['specification']['corpus']['fingerprint'][:8]})"
    entry = {
        "corpus": record["corpus"],
        "title": record["corpus_title"] + (which if record["corpus"] == OWN else ""),
        "summary": evaluation.summary(),
        "uar": round(float(scores["uar"]), 4),
        "all_outputs": describe_all_outputs(evaluation.rows()),
        "digest": record["digest"],
    }
    description = {k: v for k, v in recogniser.description.items() if k not in ("format", "files")}
    key = "title" if record["corpus"] == OWN else "corpus"
    others = [e for e in description["evaluations"] if e[key] != entry[key]]
    description["evaluations"] = [*others, entry]
    write_description(recogniser.folder, description, card.text(description))


def _shared_with(recogniser: Recogniser, corpus: "Corpus", progress: bool) -> str:
    """Say what of a corpus a model was trained on; empty if nothing."""
    known = recogniser.description["corpus"]
    if corpus.name == known["name"] and corpus.name != OWN:
        return f"was trained on {corpus.name}"
    recordings = set(known["recordings"])
    hashes = sample_hashes(list(corpus.table["path"]), progress=progress)
    common = sum(value[:HASH_DIGITS] in recordings for value in hashes)
    if common:
        return f"was trained on {common} of the {len(hashes)} recordings of {corpus.name}"
    if not corpus.name == known["name"] == OWN:
        return ""
    before, now = known.get("speaker_names"), speaker_names(corpus, known["fingerprint"])
    if before is None or now is None:
        return f"may have been trained on speakers of {corpus.name}: not all names are known"
    common = len(set(before) & set(now))
    return f"was trained on {common} of the {len(now)} speakers of {corpus.name}" if common else ""


def _features(recogniser: Recogniser, corpus: "Corpus", jobs: int | None, progress: bool) -> object:
    """Compute the features of a corpus as the model needs them, or open them from the cache."""
    description = recogniser.description
    (folder,) = extract_to_cache(
        corpus,
        [recogniser.front_end],
        normalisation=description["normalisation"],
        per_utterance=description["normalised_by_front_end"],
        jobs=jobs,
        progress=progress,
    )
    return open_features(folder)


def _predictions(
    corpus: "Corpus", recogniser: Recogniser, shared: list[str], p: np.ndarray
) -> pd.DataFrame:
    q = p[:, [recogniser.classes.index(emotion) for emotion in shared]]
    q = np.round(q / q.sum(axis=1, keepdims=True), DECIMALS)
    speakers = corpus.table["speaker"].astype(object)
    table = pd.DataFrame(
        {
            "utterance": corpus.table.index.astype(str),
            "speaker": speakers.where(speakers.notna(), None).to_numpy(),
            "fold": "all",
            "seed": recogniser.description["seed"],
            "part": "test",
            "condition": CLEAN,
            "emotion": corpus.table["emotion"].astype(str).to_numpy(),
            "predicted": np.asarray(shared, dtype=object)[q.argmax(axis=1)],
        }
    )
    table[[f"p_{emotion}" for emotion in shared]] = q
    recognised = np.asarray(recogniser.classes, dtype=object)[p.argmax(axis=1)]
    table[list(ALL_OUTPUTS)] = pd.DataFrame(
        dict(zip(ALL_OUTPUTS, (recognised, np.round(p.max(axis=1), DECIMALS)), strict=True))
    )
    return table.sort_values("utterance", kind="stable", ignore_index=True)


def _record(
    recogniser: Recogniser, corpus: "Corpus", whole: "Corpus", seen: bool
) -> dict[str, object]:
    """Describe a test on another corpus as `ser_lib.experiment.evaluate` describes its own."""
    model, provenance = recogniser.description, recogniser.description["provenance"]
    trained = model["corpus"]
    version = trained["fingerprint"][:8] if trained["name"] == OWN else trained["version"]
    title = f"trained on {trained['name']} {version}"
    title += ", speaker-dependent" if seen else ""
    content = {
        "corpus": identity_of(corpus),
        "model": recogniser.digest,
        "trained": {key: model["specification"][key] for key in ("corpus", "classifier")},
        "front_end": model["front_end"],
        "conditions": {},
        "normalisation": model["normalisation"],
        "normalised_by_front_end": model["normalised_by_front_end"],
        "protocol": {"name": PROTOCOL, "corpus": trained["name"], "version": trained["version"]},
        "seeds": [model["seed"]],
        "folds": ["all"],
        "split": identity.digest(corpus.table.index.tolist()),
    }
    if recogniser.by_speaker:
        content["statistics"] = identity_of(whole)
    environment = provenance["environment"]
    run = {
        "seed": model["seed"],
        "fold": "all",
        "code": 0,
        "environment": 0,
        "fit_seconds": 0.0,
        "predict_seconds": 0.0,
        "n_parameters": model["classifier"]["n_parameters"],
        "chosen": {},
        "history": {},
    }
    return {
        "digest": identity.digest(content),
        **{key: model[key] for key in ("system", "title", "variant", "parameters", "citation")},
        "published": [],
        "deviations": model["deviations"],
        **record_of_corpus(corpus),
        "protocol": PROTOCOL,
        "protocol_title": title,
        "protocol_description": "A model trained on all speakers of another corpus is applied to "
        "all recordings whose emotion it knows; nothing is learnt from them"
        + (
            f" but the mean and standard deviation of each speaker over all {len(whole.table)} "
            "recordings of the corpus."
            if recogniser.by_speaker
            else "."
        ),
        "speaker_disjoint": not seen,
        "partial": False,
        "n_folds": 1,
        "backend": environment["backend"],
        "specification": content,
        "environments": [environment],
        "code": [{key: provenance[key] for key in ("code", "roots", "files")}],
        "runs": [run],
        "command": os.environ.get("SER_COMMAND"),
    }
