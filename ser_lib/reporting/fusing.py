"""Fusions of stored evaluations, stored beside them as evaluations of their own."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

from ser_lib import identity, paths, systems
from ser_lib.errors import InputError, unknown
from ser_lib.evaluation import fusion
from ser_lib.evaluation.predictions import Evaluation
from ser_lib.experiment import results
from ser_lib.features.normalisation import NORMALISATIONS
from ser_lib.recognition.transfer import PROTOCOL as TRAINED_ELSEWHERE
from ser_lib.reporting.choices import CHOSEN_ON
from ser_lib.reporting.rows import Row, read_rows

_NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
# What all members of a fusion have in common, and what the record of the fusion takes from them.
_SHARED = (
    *("corpus", "corpus_title", "corpus_licence", "corpus_citation", "utterances", "speakers"),
    *("protocol", "protocol_title", "protocol_description", "speaker_disjoint", "partial"),
    *("n_folds",),
)


def fuse_evaluations(
    members: Sequence[str],
    corpus: str,
    *,
    weights: str = "equal",
    seeds: bool = False,
    normalisation: str | None = None,
    name: str | None = None,
    reports: str | os.PathLike | None = None,
) -> Evaluation:
    """
    Fuse stored evaluations of one corpus and protocol, and store the result as one more.

    Parameters
    ----------
    members : sequence of str
        Names of systems, or beginnings of digests, of evaluations in
        ``<reports>/<corpus>/predictions``. Of several evaluations of a system its name means that
        of its default parameters on unseen speakers, with development rows if weights are fitted.
    corpus : str
        Name of the corpus.
    weights : {"equal", "fitted"}
        See `ser_lib.evaluation.fusion`; fitted to the development rows of each fold and seed.
    seeds : bool
        Whether the seeds of each member are averaged first. Then a single member will do, and the
        result has one seed. Otherwise seed i is made of seed i of every member, and a member with
        one seed counts for all.
    normalisation : {"train", "utterance", "speaker"}, optional
        Whose statistics scale the features of evaluations that are found by the name of the system.
    name : str, optional
        Under which it is stored and shown; by default ``fusion``, or ``<system>_ensemble`` for the
        seeds of one evaluation.
    reports : path, optional
        Folder of the reports; `ser_lib.paths.reports` by default.

    Returns
    -------
    Evaluation
        Its record names the members by their digests. It is ranked in the normalisation of its
        members; where they differ, in the one that needs most of the test speaker.

    Raises
    ------
    InputError
        If a member is not found, could be several, or does not fit the others; if there are too
        few, or weights are to be fitted and a member has no development rows.
    """
    reports = paths.reports(reports)
    rows = read_rows(reports / corpus, superseded=False)
    meant = {"normalisation": normalisation, "held_out": weights == "fitted"}
    chosen = [_find(member, rows, reports / corpus, **meant) for member in members]
    _check_members(chosen, seeds=seeds)
    if weights == "fitted":
        if len(chosen) == 1:
            raise InputError(
                "weights are fitted between evaluations; found one; expected two or more, or equal "
                "weights"
            )
        _check_development(chosen)
    labels = _labels(chosen)
    tables = {
        label: fusion.average_seeds(row.evaluation.predictions)
        if seeds
        else row.evaluation.predictions
        for label, row in zip(labels, chosen, strict=True)
    }
    if len(tables) == 1:
        (predictions,), found = tables.values(), None
    else:
        predictions, found = fusion.fuse(tables, weights)
    alone = f"{chosen[0].values['system']}_ensemble"
    name = name or (alone if len(chosen) == 1 else "fusion")
    if not _NAME.fullmatch(name):
        raise InputError(
            f"name is {name!r}; expected lower-case letters, digits and underscores, as in "
            "'fusion_of_three'"
        )
    if name in systems.names():
        raise InputError(f"name is {name!r}, that of a system; expected another one")
    record = _record(name, chosen, predictions, weights=weights, seeds=seeds)
    if found is not None:
        for run in record["runs"]:
            own = found.loc[(run["seed"], run["fold"])]
            run["weights"] = {label: round(float(value), 4) for label, value in own.items()}
    evaluation = Evaluation(predictions, record)
    results.write(evaluation, results.prediction_files(corpus, name, record["digest"], reports))
    return evaluation


def _find(
    member: str, rows: Sequence[Row], folder: Path, *, normalisation: str | None, held_out: bool
) -> Row:
    """Find an evaluation by the name of its system or the beginning of its digest."""
    if not rows:
        raise InputError(f"{folder}: no evaluations in predictions/; expected those to be fused")
    digits = member.rsplit("-", 1)[-1]
    found = [row for row in rows if row.values["system"] == member]
    if normalisation is not None:
        found = [row for row in found if row.values["normalisation"] == normalisation]
    if not held_out:
        # Trained on fewer speakers for the sake of weights that are not fitted here.
        plain = [row for row in found if not row.held_out]
        if found and not plain:
            raise InputError(
                f"{member!r}: what is stored of it kept development speakers out of training, for "
                "weights that are fitted; expected an evaluation without, as made by: "
                f"ser evaluate {member} --corpus {folder.name} (or the digest of one of them)"
            )
        found = plain
    for usual in (
        lambda row: not row.values["partial"],
        lambda row: not row.again_of,
        lambda row: row.values["speaker_disjoint"],
        lambda row: row.values["protocol"] != TRAINED_ELSEWHERE,
        lambda row: row.values["subset"] == "all",
        lambda row: row.held_out or not held_out,
        lambda row: "nested" not in row.record["specification"],
        lambda row: row.values["variant"] == "default",
        lambda row: not any(row.unusual[::2]),
    ):
        found = [row for row in found if usual(row)] or found
    if not found and re.fullmatch("[0-9a-f]{4,64}", digits):
        found = [row for row in rows if row.record["digest"].startswith(digits)]
    if not found:
        known = sorted({row.values["system"] for row in rows})
        if member in known:
            raise InputError(
                f"{folder}: no evaluation of {member} with normalisation {normalisation}; expected "
                f"one, as made by: ser evaluate {member} --corpus {folder.name} --normalisation "
                f"{normalisation}"
            )
        raise unknown("evaluation", member, known)
    if len(found) > 1:
        several = "; ".join(
            f"{row.record['digest'][:8]} ({row.label}, {row.values['protocol']}, seeds "
            f"{row.values['seeds']}, recordings and labels "
            f"{row.record['specification']['corpus']['fingerprint'][:8]})"
            for row in found
        )
        raise InputError(
            f"{member!r} could be {len(found)} evaluations; expected --normalisation, or the "
            f"digest of one: {several}"
        )
    return found[0]


def _check_members(rows: Sequence[Row], *, seeds: bool) -> None:
    """Refuse members that cannot be fused."""
    digests = [row.record["digest"] for row in rows]
    if len(set(digests)) < len(digests):
        raise InputError("the members of a fusion must be different evaluations; found one twice")
    if len(rows) < 2 and not seeds:
        raise InputError(
            "a fusion needs at least two evaluations; the seeds of one are averaged with --seeds"
        )
    if len(rows) == 1 and rows[0].values["seeds"] < 2:
        raise InputError(f"{rows[0].name} has one seed; expected two or more to be averaged")
    first = rows[0].record
    for row in rows[1:]:
        for key in ("corpus", "protocol", "folds"):
            here, there = (r["specification"][key] for r in (first, row.record))
            if here != there:
                raise InputError(
                    f"members of a fusion need the same {key}; found {_short(here)} in "
                    f"{rows[0].name} and {_short(there)} in {row.name}"
                )


def _short(value: object) -> str:
    text = identity.canonical(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def _check_development(rows: Sequence[Row]) -> None:
    """Refuse to fit weights where a member did not predict its development speakers."""
    for row in rows:
        if "dev" not in set(row.evaluation.predictions["part"]):
            system, corpus = row.values["system"], row.values["corpus"]
            raise InputError(
                f"{row.name} has no development rows, to which weights could be fitted: it was "
                f"trained on them. Evaluate it with `ser evaluate {system} --corpus {corpus} "
                "--hold-out-development` and fuse that, or take equal weights"
            )


def _labels(rows: Sequence[Row]) -> list[str]:
    """Name the members: by their systems, with the digest where a system occurs twice."""
    systems = [row.values["system"] for row in rows]
    return [
        row.values["system"]
        if systems.count(row.values["system"]) == 1
        else f"{row.values['system']}-{row.record['digest'][:8]}"
        for row in rows
    ]


def _record(
    name: str, rows: Sequence[Row], predictions: object, *, weights: str, seeds: bool
) -> dict:
    """Describe a fusion as the record of an evaluation does."""
    records = [row.record for row in rows]
    first, labels = records[0], _labels(rows)
    normalisations = {row.values["normalisation"] for row in rows}
    if len(normalisations) > 1:
        labels = [
            f"{n} ({row.values['normalisation']})" for n, row in zip(labels, rows, strict=True)
        ]
    conditions = set.intersection(*(set(r["specification"]["conditions"]) for r in records))
    listed = ", ".join(labels[:-1]) + (" and " if len(labels) > 1 else "") + labels[-1]
    what = f"the seeds of {listed}" if len(rows) == 1 else listed
    specification = {
        "corpus": first["specification"]["corpus"],
        "conditions": {
            key: first["specification"]["conditions"][key] for key in sorted(conditions)
        },
        "normalisation": max(normalisations, key=NORMALISATIONS.index),
        "protocol": first["specification"]["protocol"],
        "members": sorted(record["digest"] for record in records),
        "weights": weights,
        "seeds_averaged": seeds,
        "seeds": sorted({int(seed) for seed in predictions["seed"]}),
        "folds": first["specification"]["folds"],
    }
    runs = {}
    for record in records:
        for run in record["runs"]:
            runs.setdefault((run["seed"], run["fold"]), []).append(run)
    return {
        "digest": identity.digest(specification),
        "system": name,
        "title": f"Fusion of {what}, {weights} weights",
        "variant": "default",
        "parameters": {"weights": weights, "seeds_averaged": seeds},
        "members": dict(zip(labels, (record["digest"] for record in records), strict=True)),
        "citation": "\n\n".join(dict.fromkeys(filter(None, (r.get("citation") for r in records)))),
        "published": [],
        # What was chosen for a member was chosen for the fusion.
        "deviations": [
            f"{label}: {deviation}"
            for label, record in zip(labels, records, strict=True)
            for deviation in record["deviations"]
            if CHOSEN_ON.search(deviation)
        ],
        **{key: first[key] for key in _SHARED if key in first},
        "backend": " + ".join(sorted({record["backend"] for record in records})),
        "specification": specification,
        "environments": _unique([e for record in records for e in record["environments"]]),
        "code": _unique([code for record in records for code in record["code"]]),
        "runs": [
            {"seed": seed, "fold": fold, **_cost(records, seed, fold, seeds=seeds)}
            for seed in specification["seeds"]
            for fold in specification["folds"]
        ],
        "command": os.environ.get("SER_COMMAND"),
    }


def _unique(values: Sequence[dict]) -> list[dict]:
    return list({identity.canonical(value): value for value in values}.values())


def _cost(records: Sequence[dict], seed: int, fold: str, *, seeds: bool) -> dict[str, object]:
    """Add up times and sizes of all that is trained for a fold of a fusion."""
    own = []
    for record in records:
        runs = [run for run in record["runs"] if run["fold"] == fold]
        paired = [run for run in runs if run["seed"] == seed] or runs
        own += runs if seeds else paired[:1]
    sizes = [run["n_parameters"] for run in own]
    return {
        "fit_seconds": round(sum(run["fit_seconds"] for run in own), 3),
        "predict_seconds": round(sum(run["predict_seconds"] for run in own), 3),
        "n_parameters": None if None in sizes else sum(sizes),
    }
