"""
The table of the recipes that were tried for a system: kept as CSV, shown on the corpus's page.

A row says what a recipe scores on development speakers. It is a means to choose, not a result.
"""

import importlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib import code_digest as source
from ser_lib import identity, paths
from ser_lib.errors import InputError, unknown
from ser_lib.experiment import results as store
from ser_lib.reporting.page import duration, interval, markdown

if TYPE_CHECKING:
    from ser_lib.systems.base import System

_TEXT = (
    *("recipe", "arguments", "folds", "development", "seeds", "normalisation", "protocol"),
    *("subset", "recordings", "roots", "code", "digest"),
)
COLUMNS = (
    *("recipe", "arguments", "dev_uar", "dev_uar_low", "dev_uar_high", "dev_loss", "best_epoch"),
    *("parameters", "fit_seconds", "folds", "development", "seeds", "normalisation", "protocol"),
    *("subset", "classes", "recordings", "roots", "code", "digest"),
)
"""Columns of the table; `folds`, `development` (the speakers) and `seeds` are names."""

_SCORES = ["dev_uar", "dev_uar_low", "dev_uar_high", "dev_loss"]
# What must agree for two rows to be compared.
_SAME = ["subset", "classes", "recordings", "protocol", "normalisation", "folds", "seeds"]

_READ = """Recipes of a system, compared on the development speakers of some folds; the recordings
of these folds' test speakers were taken out before anything was trained. UAR is that of the pooled
development rows, in brackets its 95 % interval over speakers where there are three or more.
Networks stopped at the epoch that was best on the same rows, so that these figures flatter: they
compare recipes, and are no results. In a cross-validation the development speakers of one fold are
test speakers of another."""


def listed(
    name: str, chosen: Sequence[str] = ()
) -> tuple[Callable[..., "System"], dict[str, dict]]:
    """
    Find the recipes that a system's file lists as CANDIDATES.

    Parameters
    ----------
    name : str
        As `ser_lib.systems.find` understands it.
    chosen : sequence of str
        Names of recipes; all of them by default.

    Returns
    -------
    function : callable
        Makes the system.
    recipes : dict
        Arguments of the function by the name of the recipe.

    Raises
    ------
    InputError
        For an unknown system or recipe, or a system that lists none.
    """
    from ser_lib import systems

    function = systems.find(name)
    known = getattr(importlib.import_module(function.__module__), "CANDIDATES", None)
    if not known:
        raise InputError(
            f"system {function.__name__!r} lists no recipes; expected CANDIDATES, arguments by "
            "name of the recipe, in its file"
        )
    for recipe in chosen:
        if recipe not in known:
            raise unknown(f"recipe of {function.__name__}", recipe, known)
    return function, {k: dict(v) for k, v in known.items() if not chosen or k in chosen}


def file(corpus: str, system: str, reports: Path | None = None) -> Path:
    """Say where the recipes that were tried for a system on a corpus are listed."""
    reports = paths.reports() if reports is None else Path(reports)
    return reports / corpus / "recipes" / f"{system}.csv"


def stamp(files: Mapping[str, str]) -> str:
    """
    Digest in short the files of this package behind a result.

    Parameters
    ----------
    files : mapping
        `ser_lib.code_digest.Code.files`. What was defined elsewhere cannot be looked up again and
        does not count.

    Returns
    -------
    str
        Twelve hexadecimal digits.
    """
    return identity.digest({k: v for k, v in files.items() if k.endswith(".py")})[:12]


def ordered(rows: Sequence[Mapping] | pd.DataFrame) -> pd.DataFrame:
    """Make the table of rows, best first, rounded as it is written."""
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table[_SCORES] = table[_SCORES].astype(float).round(4)
    table["best_epoch"] = table["best_epoch"].astype(float).round(1)
    table["fit_seconds"] = table["fit_seconds"].astype(float).round(2)
    for column in ("parameters", "classes"):
        table[column] = table[column].astype("Int64")
    keys = {"dev_uar": False, "dev_loss": True, "recipe": True, "digest": True}
    return table.sort_values(list(keys), ascending=list(keys.values()), ignore_index=True)


def read(path: Path) -> pd.DataFrame:
    """
    Read a table of recipes.

    Returns
    -------
    pandas.DataFrame
        Columns `COLUMNS`; no rows where there is no file.

    Raises
    ------
    InputError
        If the file is none that `add` wrote.
    """
    numbers = [column for column in COLUMNS if column not in _TEXT]
    try:
        table = pd.read_csv(
            path,
            dtype=dict.fromkeys(_TEXT, str),
            keep_default_na=False,
            na_values={column: [""] for column in numbers},
        )
        if tuple(table.columns) != COLUMNS:
            raise InputError(
                f"{path}: columns {', '.join(table.columns)}; expected {', '.join(COLUMNS)}"
            )
        table = ordered(table)
        [json.loads(text) for text in table["arguments"]]
    except FileNotFoundError:
        return ordered([])
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(f"{path}: not readable as a table of recipes ({error})") from None
    return table


def add(path: Path, row: Mapping) -> None:
    """
    Add a row to a table of recipes, whole.

    One of the same digest makes way. Another recipe of the same name, as there is when a default
    was changed, stays as ``"<name> (earlier)"``.
    """
    there = read(path)
    there = there[there["digest"] != row["digest"]]
    namesake = (there["recipe"] == row["recipe"]) & (
        there[_SAME].astype(str) == pd.Series(row)[_SAME].astype(str)
    ).all(axis=1)
    there.loc[namesake, "recipe"] += " (earlier)"
    text = ordered([*there.to_dict("records"), row]).to_csv(index=False, lineterminator="\n")
    store.write_if_changed(path, text)


def differences(rows: pd.DataFrame) -> list[str]:
    """
    Say by which arguments each recipe differs from the one called ``default``.

    Parameters
    ----------
    rows : pandas.DataFrame
        Columns of `COLUMNS`. Where no recipe is called ``default``, the commonest value of each
        argument stands for it.

    Returns
    -------
    list of str
        One per row, ``"epochs 50, dropout 0.2"``; empty for the default itself.
    """
    texts = [
        {name: json.dumps(value, ensure_ascii=False) for name, value in json.loads(text).items()}
        for text in rows["arguments"]
    ]
    default = dict(zip(rows["recipe"], texts, strict=True)).get("default")
    if default is None:
        names = dict.fromkeys(name for text in texts for name in text)
        default = {n: Counter(text.get(n) for text in texts).most_common(1)[0][0] for n in names}
    return [
        ", ".join(f"{name} {value}" for name, value in text.items() if default.get(name) != value)
        for text in texts
    ]


def _is_current(row: Mapping) -> bool:
    return row["code"] == stamp(source.code(row["roots"].split()).files)


def _number(value: object, form: str) -> str:
    return "" if pd.isna(value) else format(value, form)


def printed(table: pd.DataFrame) -> tuple[list[list], list[str]]:
    """Choose what of a table is shown on a terminal: rows and column names."""
    columns = list(COLUMNS[: COLUMNS.index("folds")])
    shown = table[columns].assign(arguments=differences(table)).to_dict("records")
    return [[None if pd.isna(v) else v for v in row.values()] for row in shown], columns


def _cells(row: Mapping, differs: str) -> list[str]:
    """Write a row of the page."""
    older = "" if _is_current(row) else "<br>*older code*"
    return [
        f"{row['recipe']}{older}",
        differs,
        interval(*(row[k] for k in _SCORES[:3])),
        _number(row["dev_loss"], ".3f"),
        _number(row["best_epoch"], "g"),
        _number(row["parameters"], ",d"),
        duration(row["fit_seconds"]),
    ]


_HEADS = (
    *("recipe", "differs from `default` by", " development UAR", " loss", " best epoch"),
    *(" parameters", " training"),
)


def _table(rows: pd.DataFrame) -> list[str]:
    """Write a table of rows that can be compared, and what they have in common."""
    first = rows.iloc[0]
    part = "" if first["subset"] == "all" else f"{first['subset']}, "
    seeds = first["seeds"].split(", ")
    common = (
        f"{part}{first['classes']} classes (recordings and labels {first['recordings']}), "
        f"`{first['protocol']}`, normalisation `{first['normalisation']}`; "
        f"fold{'s' * (', ' in first['folds'])} {first['folds']}; "
        f"development speakers {first['development'] or 'unknown'}; "
        f"seed{'s' * (len(seeds) > 1)} {first['seeds']}:"
    )
    cells = map(_cells, rows.to_dict("records"), differences(rows))
    return [common, markdown(_HEADS, list(cells))]


def comparable(folder: Path) -> dict[str, list[pd.DataFrame]]:
    """
    Read what was tried for the systems of a corpus, in groups that may be compared.

    Parameters
    ----------
    folder : Path
        ``<reports>/<corpus>``.

    Returns
    -------
    dict of list of pandas.DataFrame
        By system. The largest group first; of one size, the one with the best recipe.

    Raises
    ------
    InputError
        If a table is damaged.
    """
    found = {}
    for path in sorted((folder / "recipes").glob("*.csv")):
        groups = [rows for _, rows in read(path).groupby(_SAME, sort=False)]
        if groups:
            found[path.stem] = sorted(groups, key=lambda rows: -len(rows))
    return found


def section(folder: Path, figures: Mapping[str, str]) -> list[str]:
    """
    Write what was tried for the systems of a corpus.

    Parameters
    ----------
    folder : Path
        ``<reports>/<corpus>``.
    figures : mapping
        Paths of figures by name; ``recipes-<system>`` shows the first group.

    Returns
    -------
    list of str
        Paragraphs in Markdown; none where nothing was tried.

    Raises
    ------
    InputError
        If a table is damaged.
    """
    text = []
    for system, groups in comparable(folder).items():
        text.append(f"### `{system}`: [recipes/{system}.csv](recipes/{system}.csv)")
        if f"recipes-{system}" in figures:
            text.append(f"![Recipes of {system}]({figures[f'recipes-{system}']})")
        for rows in groups:
            text += _table(rows)
            # One name would be a number; with a comma it is a list.
            names = rows["folds"].iloc[0].replace(", ", ",")
            names += "" if "," in names else ","
            text.append(f"Made by `ser tune {system} --corpus {folder.name} --folds {names}`.")
    return ["## Recipes tried", _READ, *text] if text else []


def loss(p: np.ndarray, true: np.ndarray) -> float:
    """
    Compute the mean negative logarithm of the posterior of the true class.

    Parameters
    ----------
    p : ndarray, shape (n, classes)
        Posteriors, rounded to six decimals: what became 0 counts as half of the last.
    true : ndarray of int, shape (n,)
        Positions of the true classes.

    Returns
    -------
    float
    """
    own = p[np.arange(len(p)), true]
    return abs(float(np.log(np.maximum(own, 5e-7)).mean()))
