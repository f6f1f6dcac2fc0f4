"""The pages of the reports, in Markdown: what was measured, how, and what the authors report."""

import itertools
from collections.abc import Mapping, Sequence

from ser_lib.evaluation.metrics import METRICS
from ser_lib.reporting import choices, listeners
from ser_lib.reporting.formatting import code, duration, escape, interval, markdown_table
from ser_lib.reporting.rows import Row, groups

SYNTHETIC = "synthetic"
"""The corpus for trying things out: no score on it is a result."""

_READ = """UAR is the unweighted average recall of the pooled test predictions, the mean over
training seeds; chance is {chance:.3f}. In brackets stands the 95 % interval for one new training,
over speakers and seeds; where there is *1 only*, over speakers alone. Behind the number of seeds
stands the standard deviation of their UAR. *Normalisation* says whose statistics scaled the
features: `train`, the training speakers'; `utterance`, each utterance's own; `speaker`, each
speaker's own, which needs other (unlabelled) recordings of the test speaker. Systems are ranked
within one normalisation. Those with fewer than three seeds have no rank and stand below the others:
their place may be an accident of one training."""

# Whether the test speakers of a published score are in its training data, too.
_SPEAKERS = {True: "unseen", False: "**in the training too**", None: "not said"}

_HEADINGS = (
    *("system", "normalisation"),
    *(f" {metric.title}" for metric in METRICS.values()),
    *(" folds", " seeds", " parameters", " training", "data"),
)
_N_SCORED = 2 + len(METRICS)
"""Number of `_HEADINGS` up to the scores."""


def figure_name(number: int) -> str:
    """Name the figure of the ranked table of that number, from 0."""
    return f"leaderboard-{number + 1}" if number else "leaderboard"


def corpus_page(
    rows: Sequence[Row],
    figures: Mapping[str, str],
    notebooks: Sequence[str],
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
    trials : sequence of str
        Paragraphs about the trials (see `ser_lib.reporting.trials.section`).
    """
    first = rows[0].record
    versions = sorted({row.values["corpus_version"] for row in rows})
    text = [
        f"# {escape(first['corpus_title'])}",
        f"Version {escape(', '.join(versions))}; {first['speakers']} speakers; licence: "
        f"{escape(first['corpus_licence'])}. Full table: [results.csv](results.csv).",
    ]
    if first["corpus"] == SYNTHETIC:
        text.append("**Synthetic speech, for trying things out. No score here is a result.**")
    chance = 1 / len(first["specification"]["corpus"]["classes"])
    text += [
        "## On unseen speakers",
        _READ.format(chance=chance),
    ]
    if first["corpus"] != SYNTHETIC:
        text += choices.note(rows)
    text += _ranked([row for row in rows if row.ranked], figures) or ["No complete run yet."]
    text += listeners.paragraph([row.record for row in rows])
    text += _partial([row for row in rows if row.values["partial"]])
    text += _dependent(rows)
    text += _degraded([row for row in rows if row.record["specification"]["conditions"]])
    text += _published(rows, first["corpus"])
    text += _confusions(rows, figures)
    text += _systems(rows)
    text += trials
    if notebooks:
        lines = [f"- [{escape(name.removesuffix('.ipynb'))}]({name})" for name in notebooks]
        text += ["## Executed notebooks", "\n".join(lines)]
    text += _reproduction(rows, first["corpus"])
    return "\n\n".join(text) + "\n"


def overview_page(corpora: Mapping[str, Sequence[Row]]) -> str:
    """Write the page over all real corpora in Markdown, given the rows of each, best first."""
    table = []
    for name, rows in corpora.items():
        ranked = [row for row in rows if row.ranked]
        for ((subset, _), classes, protocol), group in groups(ranked).items():
            best: dict[tuple, Row] = {}
            for row in group:
                best.setdefault((row.values["system"], row.values["normalisation"]), row)
            part = "" if subset == "all" else f" ({escape(subset)})"
            for row in best.values():
                corpus = f"[{escape(row.record['corpus_title'])}]({name}/README.md){part}"
                cells = [corpus, len(classes), escape(protocol), _system(row)]
                scores = [row.values["normalisation"], *_scores(row.values), _seeds(row)]
                table.append([*cells, *scores])
    headings = ["corpus", " classes", "protocol", *_HEADINGS[:_N_SCORED], " seeds"]
    text = [
        "# Results on real speech",
        "Unseen speakers only, complete runs only; of each system and normalisation the best with "
        "three seeds or more, or else the best. UAR is the unweighted average recall of the pooled "
        "test predictions, the mean over training seeds, with the 95 % interval for one new "
        "training, over speakers and seeds, or over speakers alone where there is one seed. Scores "
        "under different normalisations answer different questions: compare rows of one "
        "normalisation. The page of each corpus has more: whether choices were made on it, partial "
        "and speaker-dependent runs, published scores, confusion matrices, and how to repeat it.",
        markdown_table(headings, table) if table else "No complete run yet.",
        "Pages: " + ", ".join(f"[{name}]({name}/README.md)" for name in corpora) + ".",
    ]
    return "\n\n".join(text) + "\n"


def _system(row: Row) -> str:
    variant = row.values["variant"]
    text = code(row.values["system"]) + ("" if variant == "default" else f", {code(variant)}")
    text += f"<br>{escape(row.values['changes'])}" if row.values["changes"] else ""
    return text + ("<br>*older code*" if row.values["code"] == "older" else "")


def _scores(values: Mapping[str, float]) -> list[str]:
    """Write UAR with its interval and every other metric without."""
    uar = interval(values["uar"], values["uar_low"], values["uar_high"])
    return [uar if name == "uar" else f"{values[name]:.3f}" for name in METRICS]


def _folds(row: Row) -> str:
    of = f" of {row.record['n_folds']}" if row.values["partial"] else ""
    return f"{row.values['folds']}{of}"


def _seeds(row: Row) -> str:
    """Write the number of seeds and the standard deviation of UAR over them."""
    if row.values["seeds"] == 1:
        return "*1 only*"
    return f"{row.values['seeds']} (± {row.values['uar_sd']:.3f})"


def _cells(row: Row) -> list[str]:
    count = row.values["n_parameters"]
    files = f"predictions/{row.name}"
    return [
        _system(row),
        row.values["normalisation"],
        *_scores(row.values),
        _folds(row),
        _seeds(row),
        "" if count is None else f"{count:,}",
        duration(row.values["fit_seconds"]),
        f"[predictions]({files}.csv), [record]({files}.json)",
    ]


def _heading(key: tuple) -> str:
    (subset, fingerprint), classes, protocol = key
    part = "" if subset == "all" else f"{escape(subset)}; "
    text = f"{escape(', '.join(classes))} (recordings and labels {fingerprint})"
    return f"### {part}{len(classes)} classes, {escape(protocol)}\n\n{text}"


def _ranked(rows: Sequence[Row], figures: Mapping[str, str]) -> list[str]:
    text = []
    for number, (key, group) in enumerate(groups(rows).items()):
        text.append(_heading(key))
        # A group is ordered by normalisation.
        for _, ranking in itertools.groupby(group, lambda row: row.values["normalisation"]):
            ranks = itertools.count(1)
            cells = [[next(ranks) if row.repeated else "–", *_cells(row)] for row in ranking]
            text.append(markdown_table([" rank", *_HEADINGS], cells))
        text.append(f"![UAR with 95 % intervals]({figures[figure_name(number)]})")
    return text


def _partial(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    text = ["## Partial runs, not ranked"]
    text.append("Only some of the folds: not comparable with the rows above.")
    split = _N_SCORED + 1
    headings = [*_HEADINGS[:split], "tested", *_HEADINGS[split:]]
    for key, group in groups(rows).items():
        table = []
        for row in group:
            cells, folds = _cells(row), ", ".join(row.record["specification"]["folds"])
            table.append([*cells[:split], escape(folds), *cells[split:]])
        text += [_heading(key), markdown_table(headings, table)]
    return text


def _dependent(rows: Sequence[Row]) -> list[str]:
    disjoint = [row for row in rows if row.values["speaker_disjoint"]]
    rows = [r for r in rows if not r.values["speaker_disjoint"] and not r.values["partial"]]
    if not rows:
        return []
    text = [
        "## The same speakers in training and test",
        "These protocols exist for comparison with published scores. They say nothing about "
        "unseen speakers; the last column but one does.",
    ]
    headings = [*_HEADINGS[:-1], " UAR on unseen speakers", _HEADINGS[-1]]
    for key, group in groups(rows).items():
        table = [[*_cells(row)[:-1], _unseen(row, disjoint), _cells(row)[-1]] for row in group]
        text += [_heading(key), markdown_table(headings, table)]
    return text


def _unseen(row: Row, disjoint: Sequence[Row]) -> str:
    """Find the UAR on unseen speakers of the same specification, or else of the same variant."""
    apart = ("protocol", "seeds", "folds", "split")

    def specification(other: Row) -> dict:
        return {k: v for k, v in other.record["specification"].items() if k not in apart}

    def similar(other: Row) -> bool:
        keys = ("system", "variant", "subset", "classes", "normalisation")
        same = all(other.values[key] == row.values[key] for key in keys)
        return same and specification(other)["corpus"] == specification(row)["corpus"]

    same = [other for other in disjoint if specification(other) == specification(row)]
    same = same or [other for other in disjoint if similar(other)]
    if not same:
        return "not measured"
    best = min(same, key=lambda other: (other.values["partial"], other.values["protocol"]))
    part = f", {_folds(best)} folds" if best.values["partial"] else ""
    return f"{_scores(best.values)[0]} ({escape(best.record['protocol_title'])}{part})"


def _degraded(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    table = []
    for row in rows:
        for name, scores in row.evaluation.by_condition().iterrows():
            protocol = escape(row.record["protocol_title"])
            table.append([_system(row), protocol, escape(name), *_scores(scores)])
    headings = ["system", "protocol", "condition", *_HEADINGS[2:_N_SCORED]]
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
            source = "; ".join(filter(None, (published["source"], published["remark"])))
            cells = [code(name), f"{escape(title)} {published['value']:.3f}", published["classes"]]
            cells += [_SPEAKERS[published["speaker_disjoint"]], escape(published["protocol"])]
            table.append([*cells, escape(source)])
    if not table:
        return []
    headings = ["system", " score", " classes", "test speakers", "protocol", "source"]
    return [
        "## Published scores",
        "Quoted with their protocols, and not ranked with ours: under another protocol a score "
        "answers another question.",
        markdown_table(headings, table),
    ]


def _confusions(rows: Sequence[Row], figures: Mapping[str, str]) -> list[str]:
    text = ["## Confusions"]
    for row in rows:
        name = f"{row.values['system']}, {row.values['normalisation']}"
        details = [row.record["protocol_title"], f"normalisation {row.values['normalisation']}"]
        details += [row.values["changes"]] if row.values["changes"] else []
        details += [f"{_folds(row)} folds"] if row.values["partial"] else []
        text += [
            f"### {escape(row.record['title'])}: {escape(', '.join(details))}",
            f"![Confusion matrix of {name}]({figures[f'confusion-{row.name}']})",
            f"![Recall per class of {name}]({figures[f'recall-{row.name}']})",
        ]
    return text


def _systems(rows: Sequence[Row]) -> list[str]:
    text = ["## The systems"]
    records: dict[tuple, dict] = {}
    for row in rows:
        records.setdefault((row.values["system"], row.values["variant"]), row.record)
    for (name, variant), record in sorted(records.items()):
        text.append(f"**{code(name)}**, variant {code(variant)}: {escape(record['title'])}.")
        if record["deviations"] and variant == "default":
            lines = "\n".join(f"- {escape(deviation)}" for deviation in record["deviations"])
            text.append(f"Deviations from the original:\n\n{lines}")
    return text


def _reproduction(rows: Sequence[Row], corpus: str) -> list[str]:
    commands = {row.record["command"] for row in rows if row.record.get("command")}
    # One line each, which cannot end the block.
    lines = [" ".join(command.replace("```", "'''").split()) for command in commands]
    lines = sorted(lines) or [f"ser run --corpus {corpus}"]
    machines = set()
    for row in rows:
        for environment in row.record["environments"]:
            hardware, versions = environment["hardware"], environment["versions"]
            gpu = f", {hardware['gpu']}" if hardware["gpu"] else ""
            packages = ", ".join(f"{name} {version}" for name, version in versions.items())
            machine = f"{hardware['cpu']}, {hardware['cores']} cores{gpu}: {packages}"
            machines.add(f"- {escape(machine)}")
    return [
        "## Reproduce it",
        "```sh\n" + "\n".join([*lines, "ser report"]) + "\n```",
        "Computed on:",
        "\n".join(sorted(machines)),
    ]
