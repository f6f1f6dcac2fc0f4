"""Stored evaluations made by hand: of any system, protocol and extent, without a training."""

import numpy as np
import pandas as pd

from ser_lib import code_digest, identity
from ser_lib.evaluation.predictions import Evaluation
from ser_lib.experiment import results

CLASSES = ("anger", "neutral", "sadness")
SPEAKERS = ("s1", "s2", "s3", "s4")
PUBLISHED = {
    "metric": "wa",
    "value": 0.9,
    "corpus": "folder",
    "classes": 3,
    "protocol": "random split",
    "source": "a paper",
    "speaker_disjoint": False,
    "remark": "by hand",
}


def store(
    reports,
    *,
    accuracy=0.8,
    protocol="leave_one_speaker_out",
    folds=SPEAKERS,
    seeds=(0,),
    normalisation="train",
    conditions=(),
    variant="default",
    sharpness=1.0,
    system="tiny",
    development=False,
    held_out=False,
    nested=False,
    subset="all",
    fingerprint="f" * 64,
    **record,
):
    """
    Write an evaluation into reports; two rows per speaker and emotion.

    As many of them are predicted right as `accuracy` says; with `development`, each fold has the
    test rows of the next one as development rows; with `held_out` as well, and they were kept out
    of training. `nested`: as if its parameters had been chosen inside each fold.
    """
    disjoint = protocol == "leave_one_speaker_out"
    code = code_digest.code(["ser_lib.errors"])
    specification = {
        "corpus": {
            "name": "folder",
            "version": "1",
            "subset": subset,
            "fingerprint": fingerprint,
            "classes": list(CLASSES),
        },
        "classifier": {"class": system.title(), "sharpness": sharpness},
        "conditions": {name: name for name in conditions},
        "normalisation": normalisation,
        "protocol": {"name": protocol},
        "seeds": list(seeds),
        "folds": list(folds),
        "split": "0",
    }
    if held_out:
        specification["development"] = "held out"
    if nested:
        specification["nested"] = {}
    digest = identity.digest(specification)
    rng = np.random.default_rng(int(digest[:8], 16))
    rows = []
    for seed in seeds:
        for condition in ("clean", *conditions):
            for number, speaker in enumerate(folds):
                for emotion in CLASSES * 2:
                    right = rng.random() < accuracy
                    predicted = emotion if right else CLASSES[CLASSES.index(emotion) - 1]
                    rows.append(
                        {
                            "utterance": f"{speaker}-{emotion}-{len(rows) % 6}",
                            "speaker": speaker if disjoint else SPEAKERS[number],
                            "fold": speaker,
                            "seed": seed,
                            "part": "test",
                            "condition": condition,
                            "emotion": emotion,
                            "predicted": predicted,
                            **{f"p_{c}": 0.6 if c == predicted else 0.2 for c in CLASSES},
                        }
                    )
    runs = [
        {"seed": seed, "fold": fold, "code": 0, "environment": 0}
        | {"fit_seconds": 1.5, "predict_seconds": 0.1, "n_parameters": 24}
        for seed in seeds
        for fold in folds
    ]
    hardware = {"cpu": "a processor", "cores": 2, "gpu": None}
    record = {
        "digest": digest,
        "system": system,
        "title": "Nearest mean",
        "variant": variant,
        "parameters": {"sharpness": sharpness},
        "published": [PUBLISHED],
        "deviations": ["It is small."],
        "corpus": "folder",
        "corpus_title": "Recordings in a folder",
        "corpus_licence": "free",
        "utterances": len(SPEAKERS) * len(CLASSES) * 2,
        "speakers": len(SPEAKERS),
        "protocol": protocol,
        "protocol_title": protocol.replace("_", " "),
        "speaker_disjoint": disjoint,
        "partial": disjoint and len(folds) < len(SPEAKERS),
        "n_folds": len(SPEAKERS) if disjoint else len(folds),
        "backend": "scikit-learn",
        "specification": specification,
        "environments": [{"versions": {"python": "3.11"}, "hardware": hardware}],
        "code": [{"roots": list(code.roots), "files": code.files}],
        "runs": runs,
        **record,
    }
    path = results.prediction_files("folder", system, digest, reports)
    table = pd.DataFrame(rows)
    if development or held_out:
        others = table["fold"].map(dict(zip(folds[1:] + folds[:1], folds, strict=True)))
        table = pd.concat([table, table.assign(part="dev", fold=others)], ignore_index=True)
    results.write(Evaluation(table, record), path)
    return path
