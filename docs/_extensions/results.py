"""
Results in the site: what is added to the pages of the reports when they are read.

The pages themselves are written by `ser report` and are not changed.
"""

import re
from pathlib import Path

import pandas as pd
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from ser_lib.reporting.formatting import code, duration, escape, interval, markdown_table

PLACE = "<!-- results -->"
"""Where a page takes the tables of ``reports/README.md``."""


def overview(reports: Path, prefix: str) -> str:
    """
    Return the tables of the page over all corpora, its links from a folder `prefix` away.

    Links to corpora are shortened: "Berlin Database of Emotional Speech (EmoDB)" is EmoDB.
    """
    text = (reports / "README.md").read_text(encoding="utf-8")
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    text = re.sub(r"\[[^\]]*\(([A-Z]\w+)\)\]\(", r"[\1](", "\n".join(tables))
    return re.sub(r"\]\((?![a-z]+:|#|/)", f"]({prefix}", text)


def all_runs(folder: Path) -> str:
    """Write every row of the ``results.csv`` of a corpus as a table in Markdown."""
    table = pd.read_csv(folder / "results.csv", keep_default_na=False)
    rows = []
    for row in table.to_dict("records"):
        stem = f"predictions/{row['system']}-{row['digest'][:8]}"
        files = [
            f"[{word}]({stem}{suffix})"
            for word, suffix in (("predictions", ".csv"), ("record", ".json"))
            if (folder / f"{stem}{suffix}").is_file()
        ]
        extent = f"{row['folds']} × {row['seeds']}" + (" (partial)" if row["partial"] else "")
        score = interval(*(float(row[name]) for name in ("uar", "uar_low", "uar_high")))
        parameters = f"{row['n_parameters']:,}" if row["n_parameters"] != "" else ""
        others = [f"{row[name]:.3f}" for name in ("wa", "macro_f1", "cross_entropy")]
        cells = [code(row["system"]), score, row["normalisation"], code(row["protocol"])]
        cells += [row["variant"], escape(row["changes"]), *others, extent]
        cells += [parameters, duration(row["fit_seconds"]), row["code"], ", ".join(files)]
        rows.append(cells)
    headings = ["system", " UAR", "normalisation", "protocol", "variant", "changes", " WA"]
    headings += [" macro F1", " cross-entropy", " folds × seeds", " parameters", " training"]
    return markdown_table([*headings, "code", "data"], rows)


def _toctree(entries: str) -> str:
    return f"\n\n```{{toctree}}\n:hidden:\n:glob:\n\n{entries}\n```\n"


def add_results(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add tables and tables of contents to a page that is being read."""
    reports = Path(app.srcdir) / "reports"
    if PLACE in source[0]:
        up = "../" * docname.count("/")
        source[0] = source[0].replace(PLACE, overview(reports, f"{up}reports/"))
        app.env.note_dependency(str(reports / "README.md"), docname=docname)
    elif docname == "reports/README":
        source[0] += _toctree("*/README")
    elif match := re.fullmatch(r"reports/([^/]+)/README", docname):
        folder = reports / match[1]
        source[0] += (
            "\n\n## All runs\n\nEvery row of [results.csv](results.csv), partial and "
            "speaker-dependent runs and those that others cover included. Rows under different "
            "protocols or normalisations answer different questions.\n\n"
            f"{all_runs(folder)}{_toctree('[0-9]*')}"
        )
        app.env.note_dependency(str(folder / "results.csv"), docname=docname)


def plain_headings(app: Sphinx, env: BuildEnvironment) -> None:
    """Take links to files out of tables of contents, where Sphinx cannot write them."""
    for contents in env.tocs.values():
        for node in list(contents.findall(addnodes.download_reference)):
            node.replace_self(node.children)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions to the events at which they run."""
    app.connect("source-read", add_results)
    app.connect("env-updated", plain_headings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
