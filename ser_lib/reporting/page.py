"""The pages of the reports, in Markdown: what was measured, how, and what the authors report."""

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from ser_lib import corpora, systems
from ser_lib.evaluation.metrics import METRICS
from ser_lib.evaluation.predictions import with_limits
from ser_lib.experiment import results
from ser_lib.reporting import as_published, captions, cells, choices, comparisons, listeners, runs
from ser_lib.reporting.commands import command
from ser_lib.reporting.formatting import address, code, duration, escape, markdown_table, with_code
from ser_lib.reporting.rows import Row, groups, leading

SYNTHETIC = "synthetic"
"""The corpus for trying things out: no score on it is a result."""
NOTES = "notes.md"
"""File in the folder of a corpus that stands at the head of its page: what only people know."""

_READ = """UAR is the unweighted average recall of the pooled test predictions, the mean over
training seeds; chance is {chance:.3f}. In brackets stands the 95 % interval for one new training,
over speakers and seeds; where there is *1 only*, over speakers alone. Behind the number of seeds
stands the standard deviation of their UAR, 0.000 where no seed changes a prediction.
*Normalisation* says whose statistics scaled the features: `train`, the training speakers';
`utterance`, each utterance's own; `speaker`, each speaker's own, which needs other (unlabelled)
recordings of the test speaker. Systems are ranked within one normalisation. Those with fewer than
three seeds have no rank and stand below the others: their place may be an accident of one training.
*Training* is the time that all trainings of the row took by the clock, on the machine that its
record names and with whatever ran beside them. *Older code*: what the numbers of this row depend on
has changed since, and its command may give other ones."""

_RANKED = (" rank", "system", *cells.SCORES, " seeds", *cells.COSTS, "links")
_UNRANKED = ("system", "normalisation", *cells.SCORES)
_AGAIN = """The interval of a row is for one new training. These systems were trained again, with
seeds that their rows above do not have."""
_AGAIN_HEADINGS = ("system", "normalisation", " seeds", " UAR", " new seed", " its UAR", "interval")
_PARTIAL = (*_UNRANKED, " folds", "tested", " seeds", *cells.COSTS, "links")
_UNSEEN = " UAR on unseen speakers"
_DEPENDENT = (*_UNRANKED, " folds", " seeds", *cells.COSTS, _UNSEEN, "links")

# Whether the test speakers of a published score are in its training data, too.
_SPEAKERS = {True: "unseen", False: "**in the training too**", None: "not stated"}


def corpus_page(
    rows: Sequence[Row],
    figures: Mapping[str, str],
    notebooks: Sequence[str],
    folder: Path,
    trials: Sequence[str] = (),
) -> str:
    """
    Write the page of a corpus in Markdown; the same rows give the same text.

    Parameters
    ----------
    rows : sequence of Row
        What is shown, best first.
    figures : mapping
        Paths of figures, relative to the page, by name.
    notebooks : sequence of str
        Executed notebooks beside the page.
    folder : Path
        ``<reports>/<corpus>``, where the page is.
    trials : sequence of str
        Paragraphs about the trials (see `ser_lib.reporting.trials.section`).
    """
    first = rows[0].record
    versions = sorted({row.values["corpus_version"] for row in rows})
    text = [
        f"# {escape(first['corpus_title'])}",
        f"Version {escape(', '.join(versions))}; licence: {escape(first['corpus_licence'])}. Every "
        f"row with its command and its figures: [runs]({runs.PAGE}); as a table: "
        "[results.csv](results.csv).",
    ]
    if (folder / NOTES).is_file():
        text.append((folder / NOTES).read_text(encoding="utf-8").strip())
    if first["corpus"] == SYNTHETIC:
        text.append("**Synthetic speech, for trying things out. No score here is a result.**")
    chance = 1 / len(first["specification"]["corpus"]["classes"])
    text += [
        "## On unseen speakers",
        _READ.format(chance=chance),
        comparisons.READ,
    ]
    if first["corpus"] != SYNTHETIC:
        text += choices.note(rows)
    text += _ranked([row for row in rows if row.ranked], figures, folder) or [
        "No complete run yet."
    ]
    text += listeners.paragraph([row.record for row in rows])
    text += _again(rows)
    text += as_published.section(rows, first["corpus"])
    text += _partial([row for row in rows if row.values["partial"]], folder)
    text += _dependent(rows, folder)
    text += _degraded([row for row in rows if row.record["specification"]["conditions"]])
    text += _published(rows, first["corpus"])
    text += _systems(rows)
    text += trials
    if notebooks:
        lines = [f"- [{escape(name[: -len('.ipynb')])}]({address(name)})" for name in notebooks]
        text += ["## Executed notebooks", "\n".join(lines)]
    text += _reproduction(rows)
    text.insert(2, _contents(text))
    return "\n\n".join(text) + "\n"


def _contents(text: Sequence[str]) -> str:
    """List the sections of a page, each with a link to its heading."""
    titles = [part.removeprefix("## ") for part in text if part.startswith("## ")]
    links = [f"[{t}](#{re.sub(r'[^a-z0-9 -]', '', t.lower()).replace(' ', '-')})" for t in titles]
    return "On this page: " + " · ".join(links)


def _ranked(rows: Sequence[Row], figures: Mapping[str, str], folder: Path) -> list[str]:
    text = []
    for number, (key, group) in enumerate(groups(rows).items()):
        text.append(cells.group_heading(key, group))
        # A group is ordered by normalisation.
        for name, ranking in itertools.groupby(group, lambda row: row.values["normalisation"]):
            own, ranks = list(ranking), itertools.count(1)
            table = [
                cells.row_cells(row, folder) | {" rank": next(ranks) if row.repeated else "–"}
                for row in own
            ]
            text += [f"#### Normalisation {name}", _table(_RANKED, table)]
            text += cells.all_outputs(own)
            text += comparisons.section(own)
        figure = figures.get(captions.leaderboard_name(number))
        if figure is not None:
            text.append(captions.picture(figure, *captions.leaderboard(leading(group))))
    return text


def _again(rows: Sequence[Row]) -> list[str]:
    """Compare trainings with further seeds with the intervals of the rows that are ranked."""
    named, table = {row.name: row for row in rows if row.ranked}, []
    for row in rows:
        if row.again_of not in named:
            continue
        ranked = named[row.again_of]
        score, low, high = (ranked.values[f"uar{end}"] for end in ("", "_low", "_high"))
        own = [cells.system(row), row.values["normalisation"], cells.seeds(ranked)]
        own.append(with_limits(score, low, high))
        for seed, uar in row.evaluation.by_seed()["uar"].items():
            if seed not in ranked.record["specification"]["seeds"]:
                inside = "inside" if low <= uar <= high else "**outside**"
                table.append([*own, seed, f"{uar:.3f}", inside])
    if not table:
        return []
    return ["## Trained again", _AGAIN, markdown_table(_AGAIN_HEADINGS, table)]


def _partial(rows: Sequence[Row], folder: Path) -> list[str]:
    if not rows:
        return []
    text = ["## Partial runs, not ranked"]
    text.append("Only some of the folds: not comparable with the rows above.")
    for key, group in groups(rows).items():
        table = [
            cells.row_cells(row, folder)
            | {"tested": escape(", ".join(row.record["specification"]["folds"]))}
            for row in group
        ]
        text += [cells.group_heading(key, group), _table(_PARTIAL, table)]
    return text


def _table(headings: Sequence[str], rows: Sequence[Mapping[str, object]]) -> str:
    """Lay out some of the cells of rows, which have all of them by heading."""
    return markdown_table(headings, [[row[heading] for heading in headings] for row in rows])


def _dependent(rows: Sequence[Row], folder: Path) -> list[str]:
    disjoint = [row for row in rows if row.values["speaker_disjoint"]]
    rows = [r for r in rows if not r.values["speaker_disjoint"] and not r.values["partial"]]
    if not rows:
        return []
    text = [
        "## The same speakers in training and test",
        "These protocols exist for comparison with published scores. They say nothing about "
        "unseen speakers; the last column but one does.",
    ]
    for key, group in groups(rows).items():
        table = [cells.row_cells(row, folder) | {_UNSEEN: _unseen(row, disjoint)} for row in group]
        text += [cells.group_heading(key, group), _table(_DEPENDENT, table)]
    return text


def _unseen(row: Row, disjoint: Sequence[Row]) -> str:
    """Find the UAR on unseen speakers of the same specification, apart from the division."""

    def trained(other: Row) -> str:
        return results.training_digest(other.record["specification"], "protocol")

    same = [other for other in disjoint if trained(other) == trained(row)]
    if not same:
        return "not measured"
    best = min(same, key=lambda other: (other.values["partial"], other.values["protocol"]))
    part = f", {cells.folds(best)} folds" if best.values["partial"] else ""
    return f"{cells.scores(best.values)[0]} ({escape(best.record['protocol_title'])}{part})"


def _degraded(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    table = []
    for row in rows:
        for name, scores in row.evaluation.by_condition().iterrows():
            protocol = escape(row.record["protocol_title"])
            table.append([cells.system(row), protocol, escape(name), *cells.scores(scores)])
    headings = ["system", "protocol", "condition", *cells.SCORES]
    return [
        "## Degraded recordings",
        "The same trained systems, tested on degraded copies of the same test recordings.",
        markdown_table(headings, table),
    ]


def _published(rows: Sequence[Row], corpus: str) -> list[str]:
    records: dict[str, dict] = {}
    for row in rows:
        records.setdefault(row.record["system"], row.record)
    table = []
    for name, record in sorted(records.items()):
        for published in record["published"]:
            if published["corpus"] != corpus:
                continue
            metric = published["metric"]
            title = METRICS[metric].title if metric in METRICS else metric
            said = {key: published.get(key) or "" for key in ("source", "remark", "protocol")}
            source = "; ".join(filter(None, (said["source"], said["remark"])))
            own = [code(name), f"{escape(title)} {published['value']:.3f}"]
            own += [published.get("classes", ""), _SPEAKERS[published.get("speaker_disjoint")]]
            table.append([*own, escape(said["protocol"]), escape(source)])
    if not table:
        return []
    headings = ["system", " score", " classes", "test speakers", "protocol", "source"]
    return [
        "## Published scores",
        "Quoted with their protocols, and not ranked with ours: under another protocol a score "
        "answers another question.",
        markdown_table(headings, table),
    ]


def _systems(rows: Sequence[Row]) -> list[str]:
    text = ["## The systems"]
    records: dict[tuple, dict] = {}
    for row in rows:
        records.setdefault((row.values["system"], row.values["variant"]), row.record)
    for (name, variant), record in sorted(records.items()):
        text.append(f"**{code(name)}**, variant {code(variant)}: {escape(record['title'])}.")
        if record["deviations"] and variant == "default":
            lines = "\n".join(f"- {with_code(deviation)}" for deviation in record["deviations"])
            what = "Deviations from the original" if record["published"] else "To be known"
            text.append(f"{what}:\n\n{lines}")
    return text


def _how_to_get(corpus: str) -> str:
    """Say where the recordings come from, if they are those of a corpus that is known by name."""
    if corpus not in corpora.names():
        return ""
    return f"{corpora.get(corpus).HOW_TO_GET} `SER_DATA` names the folder of the corpora. "


def _extras(rows: Sequence[Row]) -> str:
    """Say which systems need an extra of this package."""
    known = sorted({row.values["system"] for row in rows} & set(systems.names()))
    extras = {name: systems.get(name).extra for name in known}
    return "".join(
        f"{code(name)} needs the extra {code(extra)}. " for name, extra in extras.items() if extra
    )


def _reproduction(rows: Sequence[Row]) -> list[str]:
    machines = set()
    for row in rows:
        for environment in row.record["environments"]:
            hardware, versions = environment["hardware"], environment["versions"]
            gpu = f", {hardware['gpu']}" if hardware["gpu"] else ""
            packages = ", ".join(f"{name} {version}" for name, version in versions.items())
            machine = f"{hardware['cpu']}, {hardware['cores']} cores{gpu}: {packages}"
            machines.add(f"- {escape(machine)}")
    # A fusion trains nothing.
    trained = [row for row in rows if "members" not in row.record]
    total = duration(sum(row.values["fit_seconds"] for row in trained))
    needed = _how_to_get(rows[0].record["corpus"]) + _extras(rows)
    return [
        "## Reproduce it",
        f"{needed}All trainings together took {total} by the clock. What is stored is read back: "
        "with `--fresh`, or into another folder by `--reports`, it is trained anew.",
        runs.block(*sorted({command(row.record) for row in rows}), "ser report"),
        "Computed on:",
        "\n".join(sorted(machines)),
    ]
