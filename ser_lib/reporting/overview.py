"""The page over all real corpora, and the table of results in the README of the repository."""

import itertools
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path

from ser_lib.errors import InputError
from ser_lib.evaluation.predictions import with_limits
from ser_lib.experiment.results import write_if_changed
from ser_lib.reporting import captions, cells, choices
from ser_lib.reporting.formatting import (
    address,
    code,
    escape,
    markdown_table,
    short_title,
)
from ser_lib.reporting.links import executed_notebook, link, notebook, papers, repository
from ser_lib.reporting.rows import Row, groups, leading, one_per_system

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
"""Between these marks a README has the table of `readme_table`."""

_READ = """Unseen speakers only, complete runs only; each system once per normalisation, in the row
that is closest to its defaults and has three seeds or more, if one has. UAR is the unweighted
average recall of the pooled test predictions, the mean over training seeds, with the 95 % interval
for one new training, over speakers and seeds, or over speakers alone where there is one seed.
Scores under different normalisations answer different questions and stand in tables of their own;
systems with fewer than three seeds have no rank. *Older code*: what the numbers of this row depend
on has changed since, and its command may give other ones. The page of each corpus has all rows,
paired comparisons, speaker-dependent runs, published scores and the command that reproduces each
row."""

_HEADINGS = (" rank", "system", *cells.SCORES, " seeds")

_README = """UAR (unweighted average recall) on unseen speakers under the normalisation `train`
(features are scaled by the training speakers), in brackets its 95 % interval for one new training,
over speakers and seeds; below it the number of training seeds and the standard deviation of UAR
over them. Systems with fewer than three seeds on the first corpus stand below the others, whatever
their score. Rows are our default variants, with other parameters where they are named; how a
variant differs from the source that it is made after, sometimes greatly, is listed on the page of
each corpus. {notes}{results}: other
normalisations, paired comparisons, speaker-dependent runs, and the command that reproduces each
row."""
_OLDER = """*Older code*: what the numbers of the row depend on has changed since. """
_CHOSEN = """**The scores on {corpus} of {systems} may be too high** by what choosing their defaults
on its development speakers, who are test speakers of other folds, gained{nested}. Earlier variants
had been scored there, too, before the present ones were kept. """
_NESTED = """: with parameters chosen inside each fold, among the trials of the system's search
space, instead of the defaults, under the same seeds, {scores}"""
_FREE = """No default was chosen on {corpora}{kept}. """
_KEPT = """; but fusions and systems of our own were kept when the scores of earlier variants on
{corpora} were known"""


def overview_page(corpora: Mapping[str, Sequence[Row]], reports: Path) -> str:
    """Write the page over all real corpora in Markdown, given the rows of each, best first."""
    text = ["# Results on real speech", _READ]
    for name, rows in corpora.items():
        ranked = [row for row in rows if row.ranked]
        title = escape((ranked or rows)[0].record["corpus_title"])
        text.append(f"## [{title}]({address(name)}/README.md)")
        text += choices.note(rows) if ranked else ["No complete run yet."]
        for number, (key, group) in enumerate(groups(ranked).items()):
            chance = f"Chance is {1 / len(key[1]):.3f}"
            of = cells.recordings(key, group)
            text.append(f"### {cells.group(key)}\n\n{chance} ({of}).")
            shown = leading(group)
            for scaled, ranking in itertools.groupby(
                shown, lambda row: row.values["normalisation"]
            ):
                own, ranks = list(ranking), itertools.count(1)
                table = [
                    [
                        *(next(ranks) if row.repeated else "–", cells.system(row)),
                        *(*cells.scores(row.values), cells.seeds(row)),
                    ]
                    for row in own
                ]
                text += [f"Normalisation {code(scaled)}:", markdown_table(_HEADINGS, table)]
                text += cells.all_outputs(own)
            figure = f"{name}/figures/{captions.leaderboard_name(number)}.png"
            if (reports / figure).is_file():
                text.append(captions.picture(figure, *captions.leaderboard(shown)))
    return "\n\n".join(text) + "\n"


def readme_table(corpora: Mapping[str, Sequence[Row]], reports: Path) -> str:
    """
    Write the table of results on unseen speakers for the README beside the folder of reports.

    A row per system, a column per corpus: its main group of recordings, classes and protocol, under
    the normalisation ``train``.
    """
    reports = reports.resolve()
    root = reports.parent
    columns, found = {}, {}
    for name, rows in corpora.items():
        ranked = [r for r in rows if r.ranked and r.values["normalisation"] == "train"]
        for (_, classes, protocol), group in itertools.islice(groups(ranked).items(), 1):
            title = escape(short_title(group[0].record["corpus_title"]))
            page = link(title, reports / name / "README.md", root)
            columns[name] = f" UAR, {page}: {len(classes)} classes, {escape(protocol)}"
            for row in one_per_system(group):
                found.setdefault(row.values["system"], {})[name] = row
    table = []
    for system, own in found.items():
        cells = [_score(own[name]) if name in own else "" for name in columns]
        files = {name: executed_notebook(system, reports / name) for name in columns}
        runs = [link(name, file, root) for name, file in files.items() if file]
        guide = notebook(system, repository(reports))
        cells += [", ".join(papers(next(iter(own.values()))))]
        cells += [link(guide.stem.split("_")[0], guide, root) if guide else "", ", ".join(runs)]
        table.append([code(system), *cells])
    headings = ["system", *columns.values(), "source", "notebook", "run on real speech"]
    where = link("All results", reports / "README.md", root)
    text = _README.format(notes=_notes(corpora, found), results=where)
    text = " ".join(text.split())
    lines = textwrap.wrap(text, 116, break_long_words=False, break_on_hyphens=False)
    return "\n".join([markdown_table(headings, table), "", *lines])


def _notes(corpora: Mapping[str, Sequence[Row]], found: Mapping[str, Mapping[str, Row]]) -> str:
    """Say of the rows of each system and corpus in the README what makes them worth less."""
    shown = [row for own in found.values() for row in own.values()]
    titles = {name: short_title(rows[0].record["corpus_title"]) for name, rows in corpora.items()}
    notes = _OLDER if any(row.values["code"] == "older" for row in shown) else ""
    chosen = choices.chosen(shown)
    free = titles.keys() - {corpus.lower() for corpus in chosen}
    for corpus, systems in chosen.items():
        own = [code(s) for s in systems if corpus.lower() in found[s]]
        if own:
            nested = _nested(corpora[corpus.lower()])
            notes += _CHOSEN.format(corpus=escape(corpus), systems=", ".join(own), nested=nested)
    others = {name: escape(title) for name, title in titles.items() if name in free}
    if chosen and others:
        kept = [title for name, title in others.items() if name in choices.SCORED_BEFORE]
        clause = _KEPT.format(corpora=" and ".join(kept)) if kept else ""
        notes += _FREE.format(corpora=" and ".join(others.values()), kept=clause)
    return notes


def _nested(rows: Sequence[Row]) -> str:
    """Write the scores of complete rows whose parameters were chosen inside each fold."""
    ranked = [row for row in rows if row.ranked and row.values["normalisation"] == "train"]
    defaults = {row.values["system"]: row for row in one_per_system(ranked)}
    scores = []
    for row in ranked:
        if "nested" in row.record["specification"]:
            own = row.evaluation.by_seed()["uar"]
            default = defaults[row.values["system"]].evaluation.by_seed()["uar"].reindex(own.index)
            instead = "" if default.isna().any() else f" instead of {default.mean():.3f}"
            scores.append(f"{code(row.values['system'])} {own.mean():.3f}{instead}")
    return _NESTED.format(scores=", ".join(scores)) if scores else ""


def _score(row: Row) -> str:
    """Write UAR with its interval, and below it the seeds and what else is not usual."""
    values = row.values
    score = with_limits(values["uar"], values["uar_low"], values["uar_high"])
    changes = f"<br>{escape(values['changes'])}" if values["changes"] else ""
    repeated = f"{values['seeds']} seeds {cells.spread(values)}"
    older = "<br>*older code*" if values["code"] == "older" else ""
    return f"{score}<br>{repeated if values['seeds'] > 1 else '*1 seed only*'}{changes}{older}"


def update_readme(corpora: Mapping[str, Sequence[Row]], reports: Path) -> Path | None:
    """
    Write the table between the marks of the README of the repository that reports belong to.

    Returns the README; None, with nothing written, where the reports are no part of a checkout or
    its README has no marks.

    Raises
    ------
    InputError
        If the README has one mark without the other, or one twice.
    """
    root = repository(reports)
    if root is None or not (root / "README.md").is_file():
        return None
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8")
    counts = text.count(BEGIN), text.count(END)
    if counts == (0, 0):
        return None
    if counts != (1, 1) or text.index(BEGIN) > text.index(END):
        raise InputError(
            f"{readme}: found {counts[0]} of {BEGIN} and {counts[1]} of {END}; expected one of "
            "each, in this order, or none"
        )
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    table = readme_table(corpora, reports)
    write_if_changed(readme, f"{before}{BEGIN}\n\n{table}\n\n{END}{after}")
    return readme
