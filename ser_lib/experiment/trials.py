"""
The table of the trials of a system on a corpus, kept as ``<reports>/<corpus>/trials/<system>.csv``.

A row is one trial: some parameters, and what they score on development speakers. It is a means to
choose, not a result.
"""

import csv
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from ser_lib import code_digest, identity, paths
from ser_lib.errors import InputError
from ser_lib.experiment import results
from ser_lib.places import plain_name

COLUMNS = (
    *("trial", "parameters", "dev_uar", "dev_uar_low", "dev_uar_high", "dev_loss", "best_epoch"),
    *("n_parameters", "fit_seconds", "folds", "development", "seeds", "normalisation", "protocol"),
    *("corpus_options", "subset", "classes", "recordings", "roots", "code", "digest"),
)
"""
Columns of the table.

``parameters`` are all of the system's, and ``corpus_options`` those that the corpus was loaded
with, as JSON; ``n_parameters`` is the size of the network; ``folds``, ``development`` (the
speakers) and ``seeds`` are names with commas between them, as `join_names` writes them.
"""
_EARLIER = tuple(column for column in COLUMNS if column != "corpus_options")
"""Columns of tables that were written before the options of the corpus were kept."""
SAME = ("subset", "classes", "recordings", "protocol", "normalisation", "folds", "seeds")
"""Columns that must agree for two trials to be compared."""

_SCORES = ["dev_uar", "dev_uar_low", "dev_uar_high", "dev_loss"]
_NUMBERS = [*_SCORES, "best_epoch", "n_parameters", "fit_seconds", "classes"]


def trials_file(corpus: str, system: str, reports: str | os.PathLike | None = None) -> Path:
    """Return where the trials of a system on a corpus are listed."""
    reports = paths.reports(reports)
    return reports / plain_name("corpus", corpus) / "trials" / f"{plain_name('system', system)}.csv"


def join_names(names: Iterable[str], comma: str = ", ") -> str:
    """
    Write names with commas between them, for `split_names`: one that holds a comma is in quotes.

    Examples
    --------
    >>> print(join_names(["Dana", "Müller, Anna"]))
    Dana, "Müller, Anna"
    """
    return comma.join(
        '"' + name.replace('"', '""') + '"' if any(mark in name for mark in ',"\r\n') else name
        for name in names
    )


def split_names(text: str) -> list[str]:
    """
    Read names with commas between them, quoted as in CSV where they hold commas themselves.

    A comma at the end means nothing. InputError for a quote that is not closed.

    Examples
    --------
    >>> split_names('Dana, "Müller, Anna"')
    ['Dana', 'Müller, Anna']
    """
    try:
        (names,) = csv.reader([text.rstrip(",")], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError):
        raise InputError(
            f"{text!r} cannot be divided at its commas; expected names with commas between them, "
            "one that holds a comma in quotes: 'Dana,\"Müller, Anna\"'"
        ) from None
    return [name.strip() for name in names]


def stamp(files: Mapping[str, str]) -> str:
    """Digest in short the `Code.files` of a trial, less what was defined outside this package."""
    return identity.digest({k: v for k, v in files.items() if k.endswith(".py")})[:12]


def is_current(row: Mapping) -> bool:
    """Tell whether a trial was computed by the code that is installed now."""
    return row["code"] == stamp(code_digest.code(row["roots"].split()).files)


def ordered(rows: Sequence[Mapping] | pd.DataFrame) -> pd.DataFrame:
    """Make the table of some rows, best first, rounded as it is written."""
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table[_SCORES] = table[_SCORES].astype(float).round(4)
    table["best_epoch"] = table["best_epoch"].astype(float).round(1)
    table["fit_seconds"] = table["fit_seconds"].astype(float).round(2)
    for column in ("n_parameters", "classes"):
        table[column] = table[column].astype("Int64")
    keys = {"dev_uar": False, "dev_loss": True, "trial": True, "digest": True}
    return table.sort_values(list(keys), ascending=list(keys.values()), ignore_index=True)


def read(path: Path) -> pd.DataFrame:
    """
    Read a table of trials, with columns `COLUMNS`; no rows where there is no file.

    `path` is from `trials_file`; InputError if the file is not one that `add` wrote.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
        if tuple(table.columns) == _EARLIER:
            table = table.reindex(columns=COLUMNS, fill_value="")
        if tuple(table.columns) != COLUMNS:
            raise InputError(
                f"{path}: columns {', '.join(table.columns)}; expected {', '.join(COLUMNS)}"
            )
        for text in table["parameters"]:
            json.loads(text)["variant"]  # An error here, not where a page is made of it.
        for text in table["corpus_options"]:
            dict(json.loads(text or "{}"))
        for column in _NUMBERS:
            table[column] = pd.to_numeric(table[column].where(table[column] != "", None))
        return ordered(table)
    except FileNotFoundError:
        return ordered([])
    except InputError:
        raise
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path}: not readable as a table of trials ({error})") from None


def add(path: Path, row: Mapping) -> None:
    """
    Add a trial to a table, and write it whole.

    It replaces a row of the same digest. Another trial of the same name, as there is after a
    default was changed, stays as ``"<name> (earlier)"``. Of several processes that add trials to
    the same table one does at a time.
    """
    with paths.locked(f"{path}.lock", f"{path}: another process writes it; waiting"):
        table = read(path)
        table = table[table["digest"] != row["digest"]]
        same = list(SAME)
        namesake = (table["trial"] == row["trial"]) & (
            table[same].astype(str) == pd.Series(row)[same].astype(str)
        ).all(axis=1)
        table.loc[namesake, "trial"] += " (earlier)"
        text = ordered([*table.to_dict("records"), row]).to_csv(index=False, lineterminator="\n")
        results.write_if_changed(path, text)


def comparable(folder: Path) -> dict[str, list[pd.DataFrame]]:
    """
    Read the trials of all systems on a corpus, in groups that may be compared.

    Parameters
    ----------
    folder : Path
        ``<reports>/<corpus>``.

    Returns
    -------
    dict of list of pandas.DataFrame
        By system. The largest group first; of equal size, the one with the best trial. Errors as
        `read`.
    """
    groups = {}
    for path in sorted((folder / "trials").glob("*.csv")):
        table = read(path)
        if len(table):
            parts = [rows for _, rows in table.groupby(list(SAME), sort=False)]
            groups[path.stem] = sorted(parts, key=len, reverse=True)
    return groups
