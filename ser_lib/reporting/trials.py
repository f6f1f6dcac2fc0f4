"""The trials of the systems, as they are shown on a page, in a figure and on a terminal."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from ser_lib import systems
from ser_lib.evaluation.predictions import with_limits
from ser_lib.experiment.trials import COLUMNS, comparable, is_current
from ser_lib.reporting import captions
from ser_lib.reporting.commands import changed_parameters, shown, tune_command
from ser_lib.reporting.formatting import code, duration, escape, markdown_table

_READ = """Trials of a system (some of its parameters changed), compared on the development speakers
of some folds: for model selection only, not a result. The recordings of these folds' test speakers
were taken out before anything was trained. UAR is that of the pooled development rows, in brackets
its 95 % interval over speakers where there are three or more. A network runs all its epochs and
keeps the last; only with `patience` is an epoch chosen, on the same rows, which makes its scores
too high. In a cross-validation the development speakers of one fold are test speakers of another,
so that the choice was not independent of them; a speaker who is for development in several folds
counts in each. A choice that a system names and no trial here varies cannot be checked."""

_HEADINGS = (
    *("trial", "differs from `default` by", " development UAR", " cross-entropy", " epoch"),
    *(" parameters", " training"),
)


def changes(system: str, rows: pd.DataFrame) -> list[str]:
    """
    Say in which parameters each trial of a system differs from the one called ``default``.

    If there is none, the defaults of today take its place. A text for each row, ``"epochs 50,
    dropout 0.2"``; empty for the default itself.
    """
    trials = [json.loads(text) for text in rows["parameters"]]
    default = dict(zip(rows["trial"], trials, strict=True)).get("default")
    if default is None:
        records = [{"system": system, "variant": t["variant"], "parameters": t} for t in trials]
        changed = [changed_parameters(record) for record in records]
    else:
        changed = [{n: v for n, v in t.items() if default.get(n) != v} for t in trials]
    return [
        ", ".join(f"{n} {json.dumps(shown(v), ensure_ascii=False)}" for n, v in own.items())
        for own in changed
    ]


def printed(system: str, table: pd.DataFrame) -> tuple[list[list], list[str]]:
    """Choose what of the trials of a system is shown on a terminal: rows and column names."""
    columns = list(COLUMNS[: COLUMNS.index("folds")])
    shown = table[columns].assign(parameters=changes(system, table)).to_dict("records")
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
        system: first.assign(changes=changes(system, first))
        for system, (first, *_) in comparable(folder).items()
    }


def section(folder: Path, figures: Mapping[str, str], chosen: Sequence[str]) -> list[str]:
    """
    Write the section about the trials of the systems on a corpus: paragraphs in Markdown, if any.

    Parameters
    ----------
    folder : Path
        ``<reports>/<corpus>``.
    figures : mapping
        Paths by name (see `figure_name`).
    chosen : sequence of str
        Systems whose defaults were chosen on the corpus: of whom there are no trials is said.

    Raises
    ------
    InputError
        If a table is damaged.
    """
    kept = comparable(folder)
    text = _missing(kept, chosen) if kept else []
    for system, groups in kept.items():
        file = f"trials/{system}.csv"
        text.append(f"### {code(system)}: [{file}]({file})")
        if figure_name(system) in figures:
            shown = captions.trials(system, groups[0])
            text.append(captions.picture(figures[figure_name(system)], *shown))
        for rows in groups:
            text += [*_table(system, rows), *_again(system, folder.name, rows)]
    return ["## Trials", _READ, *text] if text else []


def _missing(kept: Mapping[str, Sequence[pd.DataFrame]], chosen: Sequence[str]) -> list[str]:
    """Say of which systems no trials, or a single one, tell how their defaults were chosen."""
    largest = {name: max((len(rows) for rows in kept.get(name, ())), default=0) for name in chosen}
    none = [code(name) for name, trials in largest.items() if trials == 0]
    single = [code(name) for name, trials in largest.items() if trials == 1]
    parts = [f"no trials of {', '.join(none)}"] if none else []
    parts += [f"only one trial each of {', '.join(single)}"] if single else []
    if not parts:
        return []
    return [
        f"Kept were {' and '.join(parts)}: how their defaults were chosen stands in what is said "
        "of each system above, and cannot be checked here."
    ]


def _again(system: str, corpus: str, rows: pd.DataFrame) -> list[str]:
    """Give the command that repeats the trials that the system still has in its search space."""
    space = systems.get(system).search_space if system in systems.names() else {}
    known = [name for name in space if name in set(rows["trial"])]
    others = [code(name) for name in rows["trial"] if name not in space]
    text = []
    if known:
        names = [] if len(known) == len(space) else known
        text.append(code(tune_command(system, names, corpus, rows.iloc[0])))
    if others:
        text.append(
            f"Not in the search space of the system: {', '.join(others)}; "
            "`ser_lib.experiment.tune` takes any parameters."
        )
    return text


def _table(system: str, rows: pd.DataFrame) -> list[str]:
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
    cells = map(_cells, rows.to_dict("records"), changes(system, rows))
    return [common, markdown_table(_HEADINGS, list(cells))]


def _cells(row: Mapping, changed: str) -> list[str]:
    def number(value: object, form: str) -> str:
        return "" if pd.isna(value) else format(value, form)

    return [
        escape(row["trial"]) + ("" if is_current(row) else "<br>*older code*"),
        escape(changed),
        with_limits(row["dev_uar"], row["dev_uar_low"], row["dev_uar_high"]),
        number(row["dev_loss"], ".3f"),
        number(row["best_epoch"], "g"),
        number(row["n_parameters"], ",d"),
        duration(row["fit_seconds"]),
    ]
