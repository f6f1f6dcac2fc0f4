"""
Results tables, figures and leaderboards, from the stored predictions alone.

Nothing is trained, decoded or looked up here: ``<reports>/<corpus>/predictions`` holds all that the
tables say, so that everybody can compute them again; ``<reports>/<corpus>/recipes`` lists what was
tried before.
"""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ser_lib import code_digest as source
from ser_lib import console, identity, paths
from ser_lib.errors import InputError
from ser_lib.evaluation.predictions import Evaluation
from ser_lib.experiment import results as store
from ser_lib.experiment import trials as recipes
from ser_lib.reporting import page as leaderboard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = (
    *("corpus", "corpus_version", "subset", "classes", "system", "setting", "variant", "protocol"),
    *("speaker_disjoint", "normalisation", "seeds", "folds", "partial", "utterances"),
    *("uar", "uar_low", "uar_high", "wa", "macro_f1", "parameters", "fit_seconds"),
    *("predict_seconds", "backend", "code", "digest"),
)

# What says which training this was, but not how often and on what part it was done.
_EXTENT = ("seeds", "folds", "split")
# The corpus to try things out on: no row of it is a result.
_TOY = "synthetic"
_DPI = 130
# Under which name a PNG file says what it was drawn of.
_NOTE = "Drawn of"


class Row(NamedTuple):
    """
    One evaluation in the tables.

    Parameters
    ----------
    file : str
        Name of its predictions, without ending.
    record : dict
        What it was made of.
    evaluation : Evaluation
        The answers.
    values : dict
        The columns of the results table.
    superseded : bool
        Whether another row of the same recipe covers it.
    """

    file: str
    record: dict
    evaluation: Evaluation
    values: dict
    superseded: bool = False


def _values(record: dict, evaluation: Evaluation) -> dict:
    """Compute one row of the results table, all but what other rows decide."""
    recipe, runs = record["recipe"], record["runs"]
    scores = evaluation.scores()
    counts = [run["n_parameters"] for run in runs if run["n_parameters"] is not None]
    current = all(source.is_current(made["roots"], made["files"]) for made in record["code"])
    return {
        "corpus": record["corpus"],
        "corpus_version": recipe["corpus"]["version"],
        "subset": recipe["corpus"]["subset"],
        "classes": len(recipe["corpus"]["classes"]),
        "system": record["system"],
        "setting": record["setting"],
        "variant": "",
        "protocol": record["protocol"],
        "speaker_disjoint": record["speaker_disjoint"],
        "normalisation": recipe["normalisation"],
        "seeds": len(recipe["seeds"]),
        "folds": len(recipe["folds"]),
        "partial": record["partial"],
        "utterances": evaluation.rows()["utterance"].nunique(),
        **{k: scores[k] for k in ("uar", "uar_low", "uar_high", "wa", "macro_f1")},
        # Support vector machines differ from fold to fold; the middle one stands for all.
        "parameters": int(np.median(counts)) if counts else None,
        "fit_seconds": sum(run["fit_seconds"] for run in runs),
        "predict_seconds": sum(run["predict_seconds"] for run in runs),
        "backend": record["backend"],
        "code": "current" if current else "older",
        "digest": record["digest"],
    }


def base(record: dict) -> str:
    """Digest what determines a training, whatever seeds and folds it was done for."""
    return identity.digest({k: v for k, v in record["recipe"].items() if k not in _EXTENT})


def _superseded(row: Row, rows: list[Row]) -> bool:
    """Tell whether a row of the same recipe covers more: all folds, or these and further ones."""
    own = {(run["seed"], run["fold"]) for run in row.record["runs"]}
    for other in rows:
        if other is row or base(other.record) != base(row.record):
            continue
        if row.record["partial"] and not other.record["partial"]:
            return True
        if own < {(run["seed"], run["fold"]) for run in other.record["runs"]}:
            return True
    return False


def _variant(row: Row, rows: list[Row]) -> str:
    """Name the arguments by which a row differs from others of its system and setting."""
    kin = [r for r in rows if all(r.record[k] == row.record[k] for k in ("system", "setting"))]
    arguments = row.record["arguments"]
    differing = [
        name
        for name in arguments
        if len({identity.canonical(other.record["arguments"].get(name)) for other in kin}) > 1
    ]
    parts = [f"{name} {json.dumps(arguments[name])}" for name in differing]
    parts += ["altered features"] if "features" in row.record["recipe"] else []
    return ", ".join(parts)


def rows(folder: Path) -> list[Row]:
    """
    Read all evaluations of a corpus.

    Parameters
    ----------
    folder : Path
        ``<reports>/<corpus>``.

    Returns
    -------
    list of Row
        Speaker-disjoint ones first, complete ones first, best UAR first.

    Raises
    ------
    InputError
        If a file of predictions or a record is damaged.
    """
    read = []
    for path in store.records(folder):
        evaluation = store.read(path)
        values = _values(evaluation.record, evaluation)
        read.append(Row(path.stem, evaluation.record, evaluation, values))
    done = [
        row._replace(
            values=row.values | {"variant": _variant(row, read)},
            superseded=_superseded(row, read),
        )
        for row in read
    ]

    def order(row: Row) -> tuple:
        values = row.values
        return (not values["speaker_disjoint"], values["partial"], -values["uar"], row.file)

    return sorted(done, key=order)


def results(rows: list[Row]) -> pd.DataFrame:
    """Make the results table: one row per evaluation, columns `COLUMNS`."""
    table = pd.DataFrame([row.values for row in rows], columns=list(COLUMNS))
    scores = ["uar", "uar_low", "uar_high", "wa", "macro_f1"]
    table[scores] = table[scores].astype(float).round(4)
    table[["fit_seconds", "predict_seconds"]] = table[["fit_seconds", "predict_seconds"]].round(2)
    table["parameters"] = table["parameters"].astype("Int64")
    return table


def _keep_drawn(path: Path, draw: Callable[..., "Figure"], table: pd.DataFrame, title: str) -> None:
    """
    Draw a figure, unless the one that is there was drawn of the same table by the same code.

    What it was drawn of is noted in the file. Comparing the pictures would not do: another version
    of matplotlib or of its fonts draws the same figure with other bytes.
    """
    from PIL import Image

    from ser_lib import plots

    drawn_of = identity.digest([table.to_csv(index=False), title, source.folder("plots")])
    if path.is_file():
        with contextlib.suppress(OSError), Image.open(path) as there:
            if there.info.get(_NOTE) == drawn_of:
                return
    with plots.style(), paths.whole(path, "wb") as file:
        notes = {"Software": None, _NOTE: drawn_of}
        draw(table, title=title).savefig(file, format="png", dpi=_DPI, metadata=notes)


def _figures(shown: list[Row], folder: Path) -> dict[str, str]:
    """Draw the figures of a corpus; return their paths, as the page sees them, by their names."""
    from ser_lib import plots

    wanted = {}
    for number, group in enumerate(leaderboard.groups(leaderboard.ranked(shown)).values()):
        # Not whether the code is current: that is for tables, and no reason to draw anew.
        table = results(group).drop(columns="code")
        title = group[0].record["corpus_title"]
        wanted[leaderboard.figure_name(number)] = (plots.leaderboard, table, title)
    for row in shown:
        answers, title = row.evaluation.rows(), row.record["title"]
        wanted[f"confusion-{row.file}"] = (plots.confusion_matrix, answers, title)
        wanted[f"recall-{row.file}"] = (plots.per_class_recall, answers, title)
    for system, (table, *_) in recipes.comparable(folder).items():
        table = table.assign(differs=recipes.differences(table))
        wanted[f"recipes-{system}"] = (plots.recipes, table, system)
    for name, what in console.progress(wanted.items(), description=f"figures of {folder.name}"):
        _keep_drawn(folder / "figures" / f"{name}.png", *what)
    for pattern in ("leaderboard*.png", "confusion-*.png", "recall-*.png", "recipes-*.png"):
        for path in (folder / "figures").glob(pattern):
            if path.stem not in wanted:
                path.unlink()
    return {name: f"figures/{name}.png" for name in wanted}


def _page(folder: Path) -> Path:
    """Make the results table, the figures and the page of a corpus."""
    found = rows(folder)
    shown = [row for row in found if not row.superseded]
    table = results(found).to_csv(index=False, lineterminator="\n")
    store.write_if_changed(folder / "results.csv", table)
    figures = _figures(shown, folder)
    notebooks = sorted(p.name for p in folder.glob("*.ipynb") if not p.stem.endswith(".failed"))
    page = leaderboard.page(shown, figures, notebooks, recipes.section(folder, figures))
    store.write_if_changed(folder / "README.md", page)
    return folder / "README.md"


def report(reports: Path | None = None, *, corpus: str | None = None) -> list[Path]:
    """
    Make tables, figures and pages of the reports again.

    Parameters
    ----------
    reports : Path, optional
        Folder of the reports; `ser_lib.paths.reports` by default.
    corpus : str, optional
        Only this corpus, and the overview if it is a real one; all of them by default.

    Returns
    -------
    list of Path
        The README of each corpus, and the overview if there are real corpora.

    Raises
    ------
    InputError
        If there are no predictions, or some are damaged.
    """
    reports = paths.reports() if reports is None else Path(reports)
    folders = sorted({path.parent.parent for path in reports.glob("*/predictions/*.json")})
    chosen = [folder for folder in folders if corpus in (None, folder.name)]
    if not chosen:
        raise InputError(
            f"{reports}: no predictions in it; expected <corpus>/predictions/*.json as `ser run` "
            "or `ser_lib.evaluate` writes them"
        )
    pages = [_page(folder) for folder in chosen]
    real = [folder for folder in folders if folder.name != _TOY]
    if real and corpus != _TOY:
        shown = {f.name: [row for row in rows(f) if not row.superseded] for f in real}
        store.write_if_changed(reports / "README.md", leaderboard.overview(shown))
        pages.append(reports / "README.md")
    return pages
