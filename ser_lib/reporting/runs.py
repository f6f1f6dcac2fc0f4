"""The page of the runs on a corpus: of each row the command, the links, and its figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ser_lib.reporting import captions, cells
from ser_lib.reporting.commands import command
from ser_lib.reporting.formatting import (
    code,
    escape,
    markdown_table,
    one_line,
    short_title,
)
from ser_lib.reporting.links import row_links
from ser_lib.reporting.rows import Row

PAGE = "runs.md"
"""Its file, beside the page of the corpus."""


def runs_page(rows: Sequence[Row], figures: Mapping[str, str], folder: Path) -> str:
    """
    Write the page of the runs on a corpus in Markdown.

    Parameters
    ----------
    rows : sequence of Row
        In the order in which they are shown.
    figures : mapping
        Paths of figures, relative to the page, by name.
    folder : Path
        ``<reports>/<corpus>``.
    """
    text = [
        f"# Runs on {escape(short_title(rows[0].record['corpus_title']))}",
        "Every row of the [results](README.md): the command that reproduces it, its files, which "
        "emotions were recognised, and which were confused. Rows under different protocols or "
        "normalisations answer different questions.",
        markdown_table(_HEADINGS, [_cells(row) for row in rows]),
    ]
    for row in rows:
        older = " **Made by older code.**" if row.values["code"] == "older" else ""
        text += [
            # The name alone, so that links find it.
            f"## {row.name}",
            f"{escape(row.record['title'])}, variant {code(row.values['variant'])}"
            f"{escape(', ' + row.values['changes']) if row.values['changes'] else ''}: "
            f"{escape(row.evaluation.summary())}.{older}",
            block(command(row.record)),
            row_links(row, folder),
            captions.picture(figures[f"confusion-{row.name}"], *captions.confusions(row)),
            captions.picture(figures[f"recall-{row.name}"], *captions.recalls(row)),
        ]
    return "\n\n".join(text) + "\n"


_HEADINGS = ("system", " UAR", "normalisation", "protocol", " folds", " seeds")


def _cells(row: Row) -> list[str]:
    score = f"[{cells.scores(row.values)[0]}](#{row.name})"
    scaled, protocol = row.values["normalisation"], escape(row.record["protocol_title"])
    return [cells.system(row), score, scaled, protocol, cells.folds(row), cells.seeds(row)]


def block(*lines: str) -> str:
    """Write commands as a block of code, one line each, which cannot end the block."""
    shown = [one_line(line).replace("```", "'''") for line in lines]
    return "```sh\n" + "\n".join(shown) + "\n```"
