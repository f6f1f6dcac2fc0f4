"""
Results tables, figures and pages, from the stored predictions alone.

Nothing is trained, decoded or looked up here: ``<reports>/<corpus>/predictions`` holds everything
that the tables show, so that anybody can compute them again; the tables of trials beside it list
what was tried before.
"""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from ser_lib import code_digest, console, identity, paths
from ser_lib.errors import InputError
from ser_lib.experiment.results import write_if_changed
from ser_lib.reporting import captions, choices, runs, trials
from ser_lib.reporting.formatting import short_title
from ser_lib.reporting.overview import overview_page, update_readme
from ser_lib.reporting.page import SYNTHETIC, corpus_page
from ser_lib.reporting.rows import Row, groups, leading, read_rows, results_table
from ser_lib.reporting.stored_notebooks import update_notebooks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# The name under which a PNG file notes what was drawn.
_NOTE = "Drawn of"
_PATTERNS = ("leaderboard*.png", "confusion-*.png", "recall-*.png", "trials-*.png")


def build_report(reports: Path | None = None, *, corpus: str | None = None) -> list[Path]:
    """
    Make tables, figures and pages again; return the pages, and the notebooks that have changed.

    Where the reports belong to a checkout of the repository, what its README and its notebooks say
    of them is made again as well (see `ser_lib.reporting.overview.update_readme` and
    `ser_lib.reporting.stored_notebooks.update_notebooks`).

    Parameters
    ----------
    reports : Path, optional
        Folder of the reports; `ser_lib.paths.reports` by default.
    corpus : str, optional
        Only this corpus, and the overview if it is a real one; all of them by default. The overview
        is of real corpora only.

    Raises
    ------
    InputError
        If there are no predictions, or some are damaged.
    """
    reports = paths.reports(reports)
    folders = sorted({path.parent.parent for path in reports.glob("*/predictions/*.json")})
    chosen = [folder for folder in folders if corpus in (None, folder.name)]
    if not chosen:
        raise InputError(
            f"{reports}: no predictions in it; expected <corpus>/predictions/*.json as `ser run` "
            "or `ser_lib.evaluate` writes them"
        )
    real = [folder for folder in folders if SYNTHETIC not in (folder.name, corpus)]
    rows = {folder: read_rows(folder) for folder in folders if folder in (*chosen, *real)}
    pages = [_build_page(folder, rows[folder]) for folder in chosen]
    if real:
        shown = {f.name: [row for row in rows[f] if not row.superseded] for f in real}
        write_if_changed(reports / "README.md", overview_page(shown, reports))
        pages.append(reports / "README.md")
        readme = update_readme(shown, reports)
        pages += [readme] if readme else []
        pages += update_notebooks(reports)
    return pages


def _build_page(folder: Path, rows: Sequence[Row]) -> Path:
    """Make the results table, the figures and the pages of a corpus."""
    shown = [row for row in rows if not row.superseded]
    table = results_table(rows).to_csv(index=False, lineterminator="\n")
    write_if_changed(folder / "results.csv", table)
    figures = _figures(shown, folder)
    notebooks = sorted(p.name for p in folder.glob("*.ipynb") if not p.stem.endswith(".failed"))
    own = choices.chosen_on(folder.name, shown)
    text = corpus_page(shown, figures, notebooks, folder, trials.section(folder, figures, own))
    write_if_changed(folder / "README.md", text)
    write_if_changed(folder / runs.PAGE, runs.runs_page(shown, figures, folder))
    return folder / "README.md"


def _figures(rows: Sequence[Row], folder: Path) -> dict[str, str]:
    """Draw the figures of a corpus; return their paths, as the page sees them, by their names."""
    from ser_lib import plots

    wanted = {}
    ranked = [row for row in rows if row.ranked]
    found = groups(ranked)
    for number, (key, group) in enumerate(found.items()):
        # Whether the code is current is shown in tables, and is no reason to draw again. Last bits
        # differ between machines, and are none either.
        shown = leading(group)
        if len(shown) < 2:  # There is nothing to compare.
            continue
        table = results_table(shown, decimals=6).drop(columns="code")
        table["variant"] = table["variant"].replace("default", "").str.replace("_", " ")
        (subset, fingerprint), classes, table["protocol"] = key
        part = "" if subset == "all" else f"{subset}, "
        corpus = short_title(group[0].record["corpus_title"])
        alike = [other for other in found if (other[0][0], *other[1:]) == (subset, *key[1:])]
        which = f" ({fingerprint})" if len(alike) > 1 else ""
        title = f"{corpus}: {part}{len(classes)} classes{which}"
        wanted[captions.leaderboard_name(number)] = (plots.leaderboard, table, title)
    for row in rows:
        predictions = row.evaluation.rows()
        wanted[f"confusion-{row.name}"] = (plots.confusion_matrix, predictions, row.title)
        wanted[f"recall-{row.name}"] = (plots.per_class_recall, predictions, row.title)
    for system, table in trials.drawn(folder).items():
        wanted[trials.figure_name(system)] = (plots.trials, table, system)
    for name, what in console.progress(wanted.items(), description=f"figures of {folder.name}"):
        _draw(folder / "figures" / f"{name}.png", *what)
    for pattern in _PATTERNS:
        for path in (folder / "figures").glob(pattern):
            if path.stem not in wanted:
                path.unlink()
    return {name: f"figures/{name}.png" for name in wanted}


def _draw(path: Path, draw: Callable[..., "Figure"], table: pd.DataFrame, title: str) -> None:
    """
    Draw a figure, unless the one that is there was drawn of the same table by the same code.

    What was drawn is noted in the file. Comparing the pictures would not do: another version of
    matplotlib or of its fonts draws the same figure with other bytes.
    """
    from PIL import Image

    from ser_lib import plots

    drawing = code_digest.code([draw.__module__]).digest
    drawn_of = identity.digest([table.to_csv(index=False), title, drawing])
    if path.is_file():
        with contextlib.suppress(OSError), Image.open(path) as image:
            if image.info.get(_NOTE) == drawn_of:
                return
    with paths.whole(path, "wb") as file:
        plots.save(draw(table, title=title), file, metadata={_NOTE: drawn_of})
