"""The rows of the results tables: one per stored evaluation of a corpus."""

import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ser_lib import identity, systems
from ser_lib.errors import InputError
from ser_lib.evaluation.metrics import METRICS
from ser_lib.evaluation.predictions import RANKED_SEEDS, Evaluation
from ser_lib.experiment import results
from ser_lib.features.normalisation import NORMALISATIONS
from ser_lib.reporting.commands import changed_parameters, shown

SCORES = tuple(f"{name}{end}" for name in METRICS for end in ("", "_low", "_high"))
"""The columns of scores: each metric and the limits of its 95 % interval."""

SPREAD = ("uar_sd", "uar_min", "uar_max")
"""Columns of the spread of UAR over seeds, empty for a single seed."""

COLUMNS = (
    *("corpus", "corpus_version", "subset", "classes", "system", "variant", "changes", "protocol"),
    *("speaker_disjoint", "normalisation", "seeds", "folds", "partial", "utterances"),
    *SCORES,
    *SPREAD,
    *("n_parameters", "fit_seconds", "predict_seconds", "backend", "code", "digest"),
)
"""The columns of ``results.csv``."""

_HELD_OUT = "development speakers held out"


class Row(NamedTuple):
    """
    One evaluation in the tables.

    Parameters
    ----------
    name : str
        Name of its files of predictions, without ending.
    evaluation : Evaluation
        The predictions.
    values : dict
        The columns of the results table, `COLUMNS`.
    superseded : bool
        Whether another row of the same specification covers more seeds or folds.
    again_of : str
        Name of the row of the same specification, with the seeds that a rank asks for, beside which
        it is a training again; empty if there is none.
    held_out : bool
        Whether development speakers took no part in its training, or in that of a member of it.
    """

    name: str
    evaluation: Evaluation
    values: dict
    superseded: bool = False
    again_of: str = ""
    held_out: bool = False

    @property
    def record(self) -> dict:
        """What determined the evaluation, and how it was computed."""
        return self.evaluation.record

    @property
    def ranked(self) -> bool:
        """Whether it stands in a ranking: all folds, on unseen speakers, and not trained again."""
        return self.values["speaker_disjoint"] and not self.values["partial"] and not self.again_of

    @property
    def repeated(self) -> bool:
        """Whether it has the seeds that a rank asks for; if not, it stands below those that do."""
        return self.values["seeds"] >= RANKED_SEEDS

    @property
    def unusual(self) -> tuple[bool, int, int]:
        """How far it is from the default: variant, kind of training, number of parameters."""
        special = ("nested" in self.record["specification"]) + self.held_out
        changed = len(changed_parameters(self.record))
        return self.values["variant"] != "default", special, changed

    @property
    def label(self) -> str:
        """System, variant unless it is the default, changed parameters and normalisation."""
        variant = self.values["variant"].replace("_", " ")
        parts = [self.values["system"], "" if variant == "default" else variant]
        parts += [self.values["changes"], f"normalisation {self.values['normalisation']}"]
        return ", ".join(part for part in parts if part)

    @property
    def title(self) -> str:
        """Its label, the part of the corpus unless it is all of it, and the protocol."""
        subset = self.values["subset"]
        parts = [self.label, "" if subset == "all" else subset, self.record["protocol_title"]]
        return ", ".join(part for part in parts if part)


def read_rows(folder: Path, *, superseded: bool = True) -> list[Row]:
    """
    Read all evaluations of a corpus.

    Speaker-disjoint ones come first, of these complete ones, of these those with `RANKED_SEEDS`
    seeds or more, of these the best UAR.

    Parameters
    ----------
    folder : Path
        ``<reports>/<corpus>``.
    superseded : bool
        Whether to include rows that another row of the same specification covers.

    Raises
    ------
    InputError
        If a file of predictions or a record is damaged.
    """
    evaluations = [(_name_of(path), results.read(path)) for path in results.records(folder)]
    read = [Row(name, evaluation, _values(evaluation)) for name, evaluation in evaluations]
    read = _mark_held_out(read)
    trained = [results.training_digest(row.record["specification"]) for row in read]
    rows = []
    for row, own in zip(read, trained, strict=True):
        values = row.values | {"changes": _changes(row, read)}
        same = [r for r, t in zip(read, trained, strict=True) if t == own and r is not row]
        beside = {"superseded": _is_superseded(row, same), "again_of": _again_of(row, same)}
        rows.append(row._replace(values=values, **beside))

    def order(row: Row) -> tuple:
        values = row.values
        first = not values["speaker_disjoint"], values["partial"], not row.repeated
        return *first, -values["uar"], row.name

    return sorted((row for row in rows if superseded or not row.superseded), key=order)


def _name_of(path: Path) -> str:
    """Return the name of a record's files; refuse one that no link and no heading can hold."""
    if not re.fullmatch(r"[\w.-]+", path.stem):
        raise InputError(f"{path}: expected a name of letters, digits, hyphens and underscores")
    return path.stem


def results_table(rows: Sequence[Row], *, decimals: int | None = 8) -> pd.DataFrame:
    """
    Make the results table: one row per evaluation, columns `COLUMNS`.

    Scores are rounded to `decimals`, or not at all. By default there are many more of them than a
    page shows, so that what a page rounds was not rounded before.
    """
    table = pd.DataFrame([row.values for row in rows], columns=list(COLUMNS))
    numbers = [*SCORES, *SPREAD]
    table[numbers] = table[numbers].astype(float)
    if decimals is not None:
        table[numbers] = table[numbers].round(decimals)
    table[["fit_seconds", "predict_seconds"]] = table[["fit_seconds", "predict_seconds"]].round(2)
    table["n_parameters"] = table["n_parameters"].astype("Int64")
    return table


def one_per_system(rows: Sequence[Row]) -> list[Row]:
    """
    Choose a row for each system, in the order given, without looking at scores.

    Rows with `RANKED_SEEDS` seeds or more come before others, the default variant before the
    original, a single choice of parameters for all folds before one inside each fold, training on
    development speakers before holding them out, and the fewest changed parameters before more. Of
    several that are alike in this, as fusions of one name, the digest decides.
    """
    chosen: dict[str, Row] = {}
    for row in sorted(rows, key=lambda row: (not row.repeated, row.unusual, row.record["digest"])):
        chosen.setdefault(row.values["system"], row)
    return [row for row in rows if any(row is other for other in chosen.values())]


def leading(group: Sequence[Row]) -> list[Row]:
    """Choose of a group one row per normalisation and system (see `one_per_system`)."""
    parts = itertools.groupby(group, lambda row: row.values["normalisation"])
    return [row for _, part in parts for row in one_per_system(list(part))]


def groups(rows: Sequence[Row]) -> dict[tuple, list[Row]]:
    """
    Group rows on the same recordings, classes and protocol.

    The keys are ``(subset, fingerprint), classes, protocol``. The largest group comes first, groups
    of one size in alphabetical order; rows of a group are ordered by normalisation, from what needs
    least of the test speaker, then as given.
    """
    grouped: dict[tuple, list[Row]] = {}
    for row in rows:
        corpus = row.record["specification"]["corpus"]
        recordings = (corpus["subset"], corpus["fingerprint"][:8])
        key = (recordings, tuple(corpus["classes"]), row.record["protocol_title"])
        grouped.setdefault(key, []).append(row)
    for group in grouped.values():
        group.sort(key=lambda row: NORMALISATIONS.index(row.values["normalisation"]))
    return dict(sorted(grouped.items(), key=lambda item: (-len(item[1]), item[0])))


def shared_predictions(rows: Sequence[Row]) -> dict[str, pd.DataFrame]:
    """
    Return the predictions, by `Row.label`, of clean test utterances that all evaluations predicted.

    Taken are the speaker-disjoint rows over all folds; if there are fewer than two, those over some
    folds as well.
    """
    disjoint = [row for row in rows if row.values["speaker_disjoint"] and not row.again_of]
    complete = [row for row in disjoint if not row.values["partial"]]
    chosen = complete if len(complete) > 1 else disjoint
    predictions = {row.label: row.evaluation.rows() for row in chosen}
    utterances = [set(frame["utterance"]) for frame in predictions.values()]
    shared = set.intersection(*utterances) if utterances else set()
    return {label: frame[frame["utterance"].isin(shared)] for label, frame in predictions.items()}


def _values(evaluation: Evaluation) -> dict:
    """Compute one row of the results table, except for what depends on other rows."""
    record = evaluation.record
    specification, runs = record["specification"], record["runs"]
    scores = evaluation.scores()
    over_seeds = evaluation.by_seed()["uar"]
    spread = [over_seeds.std(), over_seeds.min(), over_seeds.max()]
    counts = [run["n_parameters"] for run in runs if run["n_parameters"] is not None]
    return {
        "corpus": record["corpus"],
        "corpus_version": specification["corpus"]["version"],
        "subset": specification["corpus"]["subset"],
        "classes": len(specification["corpus"]["classes"]),
        "system": record["system"],
        "variant": record["variant"],
        "changes": "",
        "protocol": record["protocol"],
        "speaker_disjoint": record["speaker_disjoint"],
        "normalisation": specification["normalisation"],
        "seeds": len(specification["seeds"]),
        "folds": len(specification["folds"]),
        "partial": record["partial"],
        "utterances": evaluation.rows()["utterance"].nunique(),
        **{name: scores[name] for name in SCORES},
        **dict(zip(SPREAD, spread if len(over_seeds) > 1 else [np.nan] * 3, strict=True)),
        # Support vector machines differ from fold to fold: the median.
        "n_parameters": int(np.median(counts)) if counts else None,
        "fit_seconds": sum(run["fit_seconds"] for run in runs),
        "predict_seconds": sum(run["predict_seconds"] for run in runs),
        "backend": record["backend"],
        "code": results.code_state(record),
        "digest": record["digest"],
    }


def _mark_held_out(rows: Sequence[Row]) -> list[Row]:
    """Mark rows that development speakers took no part in, and fusions of them, at any depth."""
    members = {r.record["digest"]: set(r.record.get("members", {}).values()) for r in rows}
    more = {row.record["digest"] for row in rows if "development" in row.record["specification"]}
    held_out = set()
    while more:
        held_out |= more
        more = {fusion for fusion, own in members.items() if own & more} - held_out
    return [row._replace(held_out=row.record["digest"] in held_out) for row in rows]


def _is_superseded(row: Row, same: Sequence[Row]) -> bool:
    """Tell whether another row of the same training covers all folds, or these and more runs."""

    def runs(row: Row) -> set[tuple]:
        return {(run["seed"], run["fold"]) for run in row.record["runs"]}

    return any(
        (row.record["partial"] and not other.record["partial"]) or runs(row) < runs(other)
        for other in same
    )


def _again_of(row: Row, same: Sequence[Row]) -> str:
    """Name the row of the same training that has the seeds for a rank, if this one lacks them."""
    if row.repeated or row.values["partial"]:
        return ""
    enough = [other for other in same if other.repeated and not other.values["partial"]]
    return max(enough, key=lambda other: (other.values["seeds"], other.name)).name if enough else ""


def _changes(row: Row, rows: Sequence[Row]) -> str:
    """
    Name the parameters in which a row differs from the defaults of its variant.

    Of a system that is not known, those in which its rows differ.
    """
    if "members" in row.record:
        seeds = "seeds averaged, " if row.record["parameters"]["seeds_averaged"] else ""
        weights = row.record["specification"]["weights"]
        members = ", ".join(row.record["members"])
        return f"{seeds}{weights} weights: {members}{f', {_HELD_OUT}' if row.held_out else ''}"
    changed = changed_parameters(row.record)
    if row.record["system"] not in systems.names():
        own = ("system", "variant")
        same = [
            r.record["parameters"] for r in rows if all(r.record[k] == row.record[k] for k in own)
        ]
        # Records of older code lack parameters that were added since.
        values = {n: {identity.canonical(each[n]) for each in same if n in each} for n in changed}
        changed = {name: changed[name] for name, found in values.items() if len(found) > 1}
    parts = [
        f"{name} {json.dumps(shown(value), ensure_ascii=False)}" for name, value in changed.items()
    ]
    parts += ["nested choice"] if "nested" in row.record["specification"] else []
    parts += [_HELD_OUT] if row.held_out else []
    return ", ".join(parts)
