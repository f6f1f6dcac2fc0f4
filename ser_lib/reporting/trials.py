"""The trials of the systems, as they are shown on a page, in a figure and on a terminal."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ser_lib.experiment.trials import COLUMNS, comparable, is_current
from ser_lib.reporting import captions
from ser_lib.reporting.commands import shown
from ser_lib.reporting.formatting import code, duration, escape, interval, markdown_table

_READ = """Trials of a system (some of its parameters changed), compared on the development speakers
of some folds: for model selection only, not a result. The recordings of these folds' test speakers
were taken out before anything was trained. UAR is that of the pooled development rows, in brackets
its 95 % interval over speakers where there are three or more. A network runs all its epochs and
keeps the last; only with `patience` is an epoch chosen, on the same rows, which makes its scores
too high. In a cross-validation the development speakers of one fold are test speakers of another,
so that the choice was not independent of them."""

_HEADINGS = (
    *("trial", "differs from `default` by", " development UAR", " cross-entropy", " epoch"),
    *(" parameters", " training"),
)


def changes(rows: pd.DataFrame) -> list[str]:
    """
    Say in which parameters each trial differs from the one called ``default``.

    If there is none, the most frequent value of each parameter takes its place. A text for each
    row, ``"epochs 50, dropout 0.2"``; empty for the default itself.
    """
    texts = [
        {
            name: json.dumps(shown(value), ensure_ascii=False)
            for name, value in json.loads(text).items()
        }
        for text in rows["parameters"]
    ]
    default = dict(zip(rows["trial"], texts, strict=True)).get("default")
    if default is None:
        names = dict.fromkeys(name for text in texts for name in text)
        default = {n: Counter(text.get(n) for text in texts).most_common(1)[0][0] for n in names}
    return [
        ", ".join(f"{name} {value}" for name, value in text.items() if default.get(name) != value)
        for text in texts
    ]


def printed(table: pd.DataFrame) -> tuple[list[list], list[str]]:
    """Choose what of a table of trials is shown on a terminal: rows and column names."""
    columns = list(COLUMNS[: COLUMNS.index("folds")])
    shown = table[columns].assign(parameters=changes(table)).to_dict("records")
    return [[None if pd.isna(v) else v for v in row.values()] for row in shown], columns


def figure_name(system: str) -> str:
    """Name the figure of the trials of a system."""
    return f"trials-{system}"


def drawn(folder: Path) -> dict[str, pd.DataFrame]:
    """
    Choose the trials that are drawn: of each system the largest comparable group.

    `folder` is ``<reports>/<corpus>``. The tables have the column ``changes``; InputError if one is
    damaged.
    """
    return {
        system: first.assign(changes=changes(first))
        for system, (first, *_) in comparable(folder).items()
    }


def section(folder: Path, figures: Mapping[str, str]) -> list[str]:
    """
    Write the section about the trials of the systems on a corpus: paragraphs in Markdown, if any.

    `folder` is ``<reports>/<corpus>``, `figures` are paths by name (see `figure_name`); InputError
    if a table is damaged.
    """
    text = []
    for system, groups in comparable(folder).items():
        # Older versions kept the table in another folder.
        kept = [f"{part}/{system}.csv" for part in ("trials", "recipes")]
        file = next((name for name in kept if (folder / name).is_file()), kept[0])
        text.append(f"### {code(system)}: [{file}]({file})")
        if figure_name(system) in figures:
            shown = captions.trials(system, groups[0])
            text.append(captions.picture(figures[figure_name(system)], *shown))
        for rows in groups:
            text += _table(rows)
            # One name would be a number of folds; with a comma it is a list.
            names = rows["folds"].iloc[0].replace(", ", ",")
            names += "" if "," in names else ","
            text.append(code(f"ser tune {system} --corpus {folder.name} --folds {names}"))
    return ["## Trials", _READ, *text] if text else []


def _table(rows: pd.DataFrame) -> list[str]:
    """Write a table of trials that can be compared, and what they have in common."""
    first = rows.iloc[0]
    part = "" if first["subset"] == "all" else f"{escape(first['subset'])}, "
    common = (
        f"{part}{first['classes']} classes (recordings and labels {escape(first['recordings'])}), "
        f"{code(first['protocol'])}, normalisation {code(first['normalisation'])}; "
        f"fold{'s' * (', ' in first['folds'])} {escape(first['folds'])}; "
        f"development speakers {escape(first['development'] or 'unknown')}; "
        f"seed{'s' * (', ' in first['seeds'])} {escape(first['seeds'])}:"
    )
    cells = map(_cells, rows.to_dict("records"), changes(rows))
    return [common, markdown_table(_HEADINGS, list(cells))]


def _cells(row: Mapping, changed: str) -> list[str]:
    def number(value: object, form: str) -> str:
        return "" if pd.isna(value) else format(value, form)

    return [
        escape(row["trial"]) + ("" if is_current(row) else "<br>*older code*"),
        escape(changed),
        interval(row["dev_uar"], row["dev_uar_low"], row["dev_uar_high"]),
        number(row["dev_loss"], ".3f"),
        number(row["best_epoch"], "g"),
        number(row["n_parameters"], ",d"),
        duration(row["fit_seconds"]),
    ]
