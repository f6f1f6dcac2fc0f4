"""
Where evaluations lie: finished folds in the cache, predictions and their records in the reports.

A fold is one JSON file, whole or absent, that carries a checksum of itself. An evaluation is a CSV
file of posteriors, one row per utterance, fold, seed and condition, and beside it a JSON file of
the same name that says what made them. The reports are built from these pairs alone.
"""

import json
import re
from pathlib import Path

import pandas as pd

from ser_lib import identity, paths
from ser_lib.errors import InputError
from ser_lib.evaluation.predictions import COLUMNS, Evaluation
from ser_lib.experiment.fold import Result

_REQUIRED = ("digest", "recipe", "system", "corpus", "protocol", "partial", "code", "runs")


def fold_file(recipe: str, seed: int, fold: str, rows: str) -> Path:
    """
    Say where a finished fold is kept.

    Parameters
    ----------
    recipe : str
        Digest of what the fold was computed by.
    seed : int
        Seed of the classifier.
    fold : str
        Name of the fold.
    rows : str
        Digest of its training, development and test utterances.

    Returns
    -------
    Path
        Inside the cache.
    """
    readable = re.sub(r"[^\w.-]+", "_", fold)[:40]
    name = f"seed{seed}-{readable}-{identity.digest([fold, rows])[:12]}.json"
    return paths.cache() / "evaluations" / recipe[:32] / name


def save_fold(path: Path, fold: Result) -> None:
    """Keep a finished fold, whole or not at all."""
    frame = fold.predictions
    columns = {name: frame[name].tolist() for name in frame.columns}
    content = {"predictions": columns, "record": fold.record}
    with paths.whole(path) as file:
        # Not the canonical form, which would put columns and figures into another order.
        json.dump({"sha256": identity.digest(content), **content}, file)


def load_fold(path: Path) -> Result:
    """
    Read a finished fold.

    Raises
    ------
    FileNotFoundError
        If it was not kept.
    InputError
        If the file is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        intact = content.pop("sha256") == identity.digest(content)
    except (ValueError, AttributeError, TypeError, KeyError):
        intact = False
    if not intact:
        raise InputError(f"{path.name}: damaged; expected a fold as `save_fold` wrote it")
    return Result(pd.DataFrame(content["predictions"]), content["record"])


def prediction_files(corpus: str, system: str, digest: str, reports: Path | None = None) -> Path:
    """Say where the predictions of an evaluation are reported (the CSV; the JSON is beside it)."""
    folder = (paths.reports() if reports is None else Path(reports)) / corpus / "predictions"
    return folder / f"{system}-{digest[:8]}.csv"


def readable(value: object, indent: int = 0) -> str:
    """
    Write JSON that people can read and version control can compare: short things on one line.

    Parameters
    ----------
    value : object
        Dicts, lists, strings, numbers, None.
    indent : int
        Depth at which it stands.

    Returns
    -------
    str
        Lines of at most about 100 characters, but for texts and for lists of numbers.
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
    """Write a text file, whole, unless it says just that already; tell whether it was written."""
    if path.is_file() and path.read_bytes() == text.encode():
        return False
    with paths.whole(path) as file:
        file.write(text)
    return True


def write(evaluation: Evaluation, path: Path) -> None:
    """
    Report an evaluation: the predictions as CSV at `path`, the record as JSON beside it.

    Files that say the same already are left alone.
    """
    table = evaluation.predictions.to_csv(index=False, lineterminator="\n")
    write_if_changed(path, table)
    # The record goes last: a report looks for records, and finds only what is complete.
    write_if_changed(path.with_suffix(".json"), readable(evaluation.record) + "\n")


def records(folder: Path) -> list[Path]:
    """List the records of a corpus's reported evaluations, in order of name."""
    return sorted((folder / "predictions").glob("*.json"))


def read_record(path: Path) -> dict:
    """
    Read the record of a reported evaluation.

    Raises
    ------
    InputError
        If the file is missing, is not such a record, or its digest is not that of its recipe.
    """
    path = Path(path).with_suffix(".json")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; expected the record of an evaluation") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as JSON ({error})") from None
    missing = [k for k in _REQUIRED if not isinstance(record, dict) or k not in record]
    if missing:
        raise InputError(f"{path}: no {', '.join(missing)}; expected the record of an evaluation")
    if identity.digest(record["recipe"]) != record["digest"]:
        raise InputError(
            f"{path}: the digest {record['digest'][:8]} is not that of the recipe beside it "
            f"({identity.digest(record['recipe'])[:8]}); one of them was altered"
        )
    return record


def read(path: str | Path) -> Evaluation:
    """
    Read a reported evaluation.

    Parameters
    ----------
    path : path
        The CSV of predictions or the JSON of the record; both must be there.

    Returns
    -------
    Evaluation
        Equal to the one that was written.

    Raises
    ------
    InputError
        If a file is missing or damaged, or the predictions are not what they should be; names
        the file, what was found and what was expected.
    """
    path = Path(path).with_suffix(".csv")
    record = read_record(path)
    classes = tuple(record["recipe"]["corpus"]["classes"])
    text = dict.fromkeys((k for k in COLUMNS if k != "seed"), str)
    try:
        table = pd.read_csv(path, dtype=text, keep_default_na=False)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; its record is there") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as CSV ({error})") from None
    columns = [*COLUMNS, *(f"p_{c}" for c in classes)]
    if list(table.columns) != columns:
        raise InputError(
            f"{path}: columns {', '.join(table.columns)}; expected {', '.join(columns)}"
        )
    table["speaker"] = table["speaker"].where(table["speaker"] != "", None)
    try:
        return Evaluation(predictions=table, record=record)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
