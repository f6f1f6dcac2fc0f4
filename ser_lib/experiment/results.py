"""
Stored results: finished folds in the cache, predictions and their records in the reports.

A fold is one JSON file, whole or absent, that carries a checksum of itself. An evaluation is a CSV
file of posteriors, one row per utterance, fold, seed and condition, and beside it a JSON file of
the same name, the record of what made them, which carries the SHA-256 of the CSV file and of
itself. The reports are built from these pairs alone.
"""

import hashlib
import io
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ser_lib import checksums, code_digest, identity, paths
from ser_lib.errors import InputError
from ser_lib.evaluation.predictions import ALL_OUTPUTS, COLUMNS, Evaluation
from ser_lib.experiment import record_form
from ser_lib.experiment.fold import FoldResult
from ser_lib.places import plain_name

EXTENT = ("seeds", "folds", "split")
"""Keys of a specification that say how often and on which part a system was trained, not which."""

# Under which a record carries the checksum of its predictions.
_OF_PREDICTIONS = "predictions_sha256"


def training_digest(specification: Mapping[str, object], *apart: str) -> str:
    """Digest what determines a training, its extent and the keys `apart` left out."""
    left_out = {*EXTENT, *apart}
    return identity.digest({k: v for k, v in specification.items() if k not in left_out})


def code_state(record: Mapping[str, object]) -> str:
    """Tell whether the code that numbers depend on is "current", or has changed: "older"."""
    current = all(code_digest.is_current(code["roots"], code["files"]) for code in record["code"])
    return "current" if current else "older"


def fold_file(specification: str, seed: int, fold: str, rows: str) -> Path:
    """Return where in the cache a fold is stored; `specification` and `rows` are digests."""
    readable_name = re.sub(r"[^\w.-]+", "_", fold)[:40]
    name = f"seed{seed}-{readable_name}-{identity.digest([fold, rows])[:12]}.json"
    return paths.cache() / "evaluations" / specification[:32] / name


def save_fold(path: Path, fold: FoldResult) -> None:
    """Store a finished fold, whole or not at all."""
    content = {"predictions": fold.predictions.to_dict("list"), "record": fold.record}
    with paths.whole(path) as file:
        # Not the canonical form, which would put columns and figures into another order.
        json.dump(checksums.sealed(content), file)


def load_fold(path: Path) -> FoldResult:
    """Read a finished fold; FileNotFoundError if there is none, InputError if it is damaged."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        intact = checksums.is_sealed(content)
        fold = FoldResult(pd.DataFrame(content["predictions"]), content["record"])
    except FileNotFoundError:
        raise
    except (OSError, ValueError, AttributeError, TypeError, KeyError, RecursionError):
        intact = False
    if not intact:
        raise InputError(f"{path.name}: damaged; expected a fold as `save_fold` wrote it")
    return fold


def prediction_files(
    corpus: str, system: str, digest: str, reports: str | os.PathLike | None = None
) -> Path:
    """Return the CSV file of an evaluation's predictions; its record is the JSON file beside it."""
    folder = paths.reports(reports)
    folder = folder / plain_name("corpus", corpus) / "predictions"
    return folder / f"{plain_name('evaluation', system)}-{digest[:8]}.csv"


def readable(value: object, indent: int = 0) -> str:
    """
    Format JSON so that people can read and version control can compare it.

    Parameters
    ----------
    value : object
        Dicts, lists, strings, numbers, None.
    indent : int
        Depth at which it stands.

    Returns
    -------
    str
        Lines of at most about 100 characters, except for long strings and lists of numbers.
    """
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or not value or len(line) + 2 * indent <= 98:
        return line
    if isinstance(value, list) and not any(isinstance(v, dict | list | str) for v in value):
        return line
    inner, outer = "  " * (indent + 1), "  " * indent
    if isinstance(value, dict):
        rows = [f"{json.dumps(str(k))}: {readable(v, indent + 1)}" for k, v in value.items()]
        return "{\n" + ",\n".join(inner + row for row in rows) + f"\n{outer}}}"
    return "[\n" + ",\n".join(inner + readable(v, indent + 1) for v in value) + f"\n{outer}]"


def write_if_changed(path: Path, text: str) -> bool:
    """Write a text file, unless it has just that content; return whether it was written."""
    if path.is_file() and path.read_bytes() == text.encode():
        return False
    with paths.whole(path) as file:
        file.write(text)
    return True


def write(evaluation: Evaluation, path: Path) -> None:
    """
    Write an evaluation: the predictions as CSV to `path`, the record as JSON beside it.

    Files that have the same content already are left alone.
    """
    table = evaluation.predictions.to_csv(index=False, lineterminator="\n")
    write_if_changed(path, table)
    record = evaluation.record | {_OF_PREDICTIONS: hashlib.sha256(table.encode()).hexdigest()}
    # The record goes last: a report looks for records, and finds only what is complete.
    write_if_changed(path.with_suffix(".json"), readable(checksums.sealed(record)) + "\n")


def records(folder: Path) -> list[Path]:
    """List the records of the evaluations in a corpus's folder of reports, in order of name."""
    return sorted((folder / "predictions").glob("*.json"))


def read_record(path: Path) -> dict:
    """
    Read the record of an evaluation.

    Raises
    ------
    InputError
        If the file is missing, damaged or altered, or is not such a record.
    """
    return _checked(path)[0]


def _checked(path: str | os.PathLike) -> tuple[dict, str | None]:
    """Read a record, and the checksum of its predictions."""
    path = Path(path).with_suffix(".json")
    record = checksums.read_sealed(path)
    of_predictions = record.pop(_OF_PREDICTIONS, None)
    if (problem := record_form.problem(record)) is not None:
        raise InputError(f"{path}: {problem}; expected the record of an evaluation")
    for key in ("corpus", "system"):
        plain_name(f"{path}: {key}", record[key])
    digest = identity.digest(record["specification"])
    if digest != record["digest"]:
        raise InputError(
            f"{path}: the digest {record['digest'][:8]} is not that of the specification beside it "
            f"({digest[:8]}); one of them was altered"
        )
    return record, of_predictions


def read(path: str | Path) -> Evaluation:
    """
    Read an evaluation, equal to the one that was written.

    Parameters
    ----------
    path : path
        The CSV of predictions or the JSON of the record; both must be there.

    Raises
    ------
    InputError
        If a file is missing or damaged, the predictions are not what they should be, or they are
        not those of the record; names the file, what was found and what was expected.
    """
    path = Path(path).with_suffix(".csv")
    record, expected = _checked(path)
    classes = tuple(record["specification"]["corpus"]["classes"])
    text = dict.fromkeys((k for k in (*COLUMNS, ALL_OUTPUTS[0]) if k != "seed"), str)
    try:
        content = path.read_bytes()
        table = pd.read_csv(io.BytesIO(content), dtype=text, keep_default_na=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; its record is there") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as CSV ({error})") from None
    columns = [*COLUMNS, *(f"p_{c}" for c in classes)]
    if list(table.columns) not in (columns, [*columns, *ALL_OUTPUTS]):
        raise InputError(
            f"{path}: columns {', '.join(table.columns)}; expected {', '.join(columns)}"
        )
    table["speaker"] = table["speaker"].where(table["speaker"] != "", None)
    try:
        evaluation = Evaluation(predictions=table, record=record)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if expected != hashlib.sha256(content).hexdigest():
        raise InputError(
            f"{path}: not the predictions of {path.with_suffix('.json').name}, whose checksum of "
            "them is another; one of the two files was altered or exchanged"
        )
    return evaluation
