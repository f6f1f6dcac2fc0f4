"""The pages of the reports, in Markdown: what was measured, how, and what others report."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ser_lib.reporting.build import Row

_READ = """UAR is the unweighted average recall of the pooled test predictions, in brackets its 95 %
interval over speakers; chance is {chance:.3f}. *Normalisation* says whose statistics scaled the
features: `train`, the training speakers'; `utterance`, each utterance's own; `speaker`, each
speaker's own, which needs other (unlabelled) recordings of the test speaker."""


# Of a published figure's test speakers.
_HEARD = {True: "unseen", False: "**in the training too**", None: "not said"}


def interval(score: float, low: float, high: float) -> str:
    """
    Write a score with its limits.

    Examples
    --------
    >>> interval(0.6912, 0.6398, 0.7377)
    '0.691 [0.640, 0.738]'
    >>> interval(0.6912, float("nan"), float("nan"))
    '0.691'
    """
    limits = "" if math.isnan(low) or math.isnan(high) else f" [{low:.3f}, {high:.3f}]"
    return f"{score:.3f}{limits}"


def duration(seconds: float) -> str:
    """
    Write a time in at most two units.

    Examples
    --------
    >>> duration(0.42), duration(75), duration(4000)
    ('0.4 s', '1 min 15 s', '1 h 6 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def markdown(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """
    Lay out a table in Markdown; a column whose head starts with a space is aligned to the right.

    Examples
    --------
    >>> print(markdown(["system", " UAR"], [["svm", "0.691"]]))
    | system | UAR |
    |---|---:|
    | svm | 0.691 |
    """
    cells = [[str(cell).replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    lines = [
        [column.strip() for column in columns],
        *cells,
    ]
    text = ["| " + " | ".join(line) + " |" for line in lines]
    rule = "|" + "|".join("---:" if column.startswith(" ") else "---" for column in columns) + "|"
    return "\n".join([text[0], rule, *text[1:]])


def _system(row: "Row") -> str:
    setting = "" if row.values["setting"] == "ours" else f", {row.values['setting']}"
    variant = f"<br>{row.values['variant']}" if row.values["variant"] else ""
    older = "<br>*older code*" if row.values["code"] == "older" else ""
    return f"`{row.values['system']}`{setting}{variant}{older}"


def _uar(row: "Row") -> str:
    return interval(*(row.values[k] for k in ("uar", "uar_low", "uar_high")))


def _extent(row: "Row") -> str:
    seeds, folds = row.values["seeds"], row.values["folds"]
    of = f" of {row.record['n_folds']}" if row.values["partial"] else ""
    return f"{folds}{of} × {seeds}"


def _parameters(row: "Row") -> str:
    count = row.values["parameters"]
    return "" if count is None else f"{count:,}"


def _answers(row: "Row") -> str:
    return f"[predictions](predictions/{row.file}.csv), [record](predictions/{row.file}.json)"


_HEADS = (
    *("system", "normalisation", " UAR", " WA", " macro F1", " folds × seeds", " parameters"),
    *(" training", "data"),
)


def _cells(row: "Row") -> list[str]:
    return [
        _system(row),
        row.values["normalisation"],
        _uar(row),
        f"{row.values['wa']:.3f}",
        f"{row.values['macro_f1']:.3f}",
        _extent(row),
        _parameters(row),
        duration(row.values["fit_seconds"]),
        _answers(row),
    ]


def ranked(rows: Sequence["Row"]) -> list["Row"]:
    """Choose the rows that have a rank: complete, and on unseen speakers."""
    return [r for r in rows if r.values["speaker_disjoint"] and not r.values["partial"]]


def figure_name(number: int) -> str:
    """Name the figure of the ranked table of that number, from 0."""
    return f"leaderboard-{number + 1}" if number else "leaderboard"


def groups(rows: Sequence["Row"]) -> dict[tuple, list["Row"]]:
    """Gather rows that may stand in one table: the same recordings, classes and protocol."""
    found: dict[tuple, list[Row]] = {}
    for row in rows:
        corpus = row.record["recipe"]["corpus"]
        recordings = (corpus["subset"], corpus["fingerprint"][:8])
        key = (recordings, tuple(corpus["classes"]), row.record["protocol_title"])
        found.setdefault(key, []).append(row)
    # The largest table first; groups of one size in order of name.
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def _heading(key: tuple) -> str:
    (subset, fingerprint), classes, protocol = key
    part = "" if subset == "all" else f"{subset}; "
    text = f"{', '.join(classes)} (recordings and labels {fingerprint})"
    return f"### {part}{len(classes)} classes, {protocol}\n\n{text}"


def _ranked(rows: Sequence["Row"], figures: Mapping[str, str]) -> list[str]:
    text = []
    for number, (key, group) in enumerate(groups(rows).items()):
        table = [[str(rank), *_cells(row)] for rank, row in enumerate(group, start=1)]
        picture = f"![UAR with intervals over speakers]({figures[figure_name(number)]})"
        text += [_heading(key), markdown([" rank", *_HEADS], table), picture]
    return text


def _partial(rows: Sequence["Row"]) -> list[str]:
    text = ["## Partial runs, not ranked", "Only some of the folds: not comparable with the above."]
    for key, group in groups(rows).items():
        table = [
            [*_cells(row)[:6], ", ".join(row.record["recipe"]["folds"]), *_cells(row)[6:]]
            for row in group
        ]
        text += [_heading(key), markdown([*_HEADS[:6], "tested", *_HEADS[6:]], table)]
    return text


def _unseen(row: "Row", disjoint: Sequence["Row"]) -> str:
    """Find what the same system scores on unseen speakers: the same recipe, or its next of kin."""
    apart = ("protocol", "seeds", "folds", "split")

    def recipe(other: "Row") -> dict:
        return {k: v for k, v in other.record["recipe"].items() if k not in apart}

    def kin(other: "Row", *keys: str) -> bool:
        return all(other.values[k] == row.values[k] for k in keys)

    same = [other for other in disjoint if recipe(other) == recipe(row)]
    same = same or [
        other
        for other in disjoint
        if kin(other, "system", "setting", "subset", "classes", "normalisation")
        and other.record["recipe"]["corpus"] == row.record["recipe"]["corpus"]
    ]
    if not same:
        return "not measured"
    best = min(same, key=lambda other: (other.values["partial"], other.values["protocol"]))
    part = f", {_extent(best).split(' ×')[0]} folds" if best.values["partial"] else ""
    return f"{_uar(best)} ({best.record['protocol_title']}{part})"


def _dependent(rows: Sequence["Row"], disjoint: Sequence["Row"]) -> list[str]:
    text = [
        "## The same speakers in training and test",
        "These protocols exist to stand beside published figures. They say nothing about speakers "
        "who were not in the training; the last column but one does.",
    ]
    for key, group in groups(rows).items():
        table = [[*_cells(row)[:-1], _unseen(row, disjoint), _cells(row)[-1]] for row in group]
        text += [
            _heading(key),
            markdown([*_HEADS[:-1], " UAR on unseen speakers", _HEADS[-1]], table),
        ]
    return text


def _degraded(rows: Sequence["Row"]) -> list[str]:
    table = []
    for row in rows:
        for name, scores in row.evaluation.by_condition().iterrows():
            cells = [interval(*scores[["uar", "uar_low", "uar_high"]]), f"{scores['wa']:.3f}"]
            table.append([_system(row), row.record["protocol_title"], name, *cells])
    return [
        "## Degraded recordings",
        "The same networks, asked about degraded copies of the same test recordings.",
        markdown(["system", "protocol", "condition", " UAR", " WA"], table),
    ]


def _published(rows: Sequence["Row"], corpus: str) -> list[str]:
    titles, table = {}, []
    for row in rows:
        titles.setdefault(row.record["system"], row.record)
    for name, record in sorted(titles.items()):
        for figure in record["published"]:
            if figure["corpus"] == corpus:
                table.append(
                    [
                        f"`{name}`",
                        f"{figure['metric'].upper()} {figure['value']:.3f}",
                        figure["classes"],
                        _HEARD[figure["speaker_disjoint"]],
                        figure["protocol"],
                        "; ".join(part for part in (figure["source"], figure["remark"]) if part),
                    ]
                )
    if not table:
        return []
    heads = ["system", " figure", " classes", "test speakers", "protocol", "source"]
    return [
        "## What their authors report",
        "Quoted with their protocols, and not ranked with ours: under another protocol a figure "
        "answers another question.",
        markdown(heads, table),
    ]


def _pictures(rows: Sequence["Row"], figures: Mapping[str, str]) -> list[str]:
    text = ["## Who is taken for whom"]
    for row in rows:
        name = f"{row.values['system']}, {row.values['normalisation']}"
        details = [row.record["protocol_title"], f"normalisation {row.values['normalisation']}"]
        details += [row.values["variant"]] if row.values["variant"] else []
        details += [f"{_extent(row).split(' ×')[0]} folds"] if row.values["partial"] else []
        text += [
            f"### {row.record['title']}: {', '.join(details)}",
            f"![Confusion matrix of {name}]({figures[f'confusion-{row.file}']})",
            f"![Recall per class of {name}]({figures[f'recall-{row.file}']})",
        ]
    return text


def _deviations(rows: Sequence["Row"]) -> list[str]:
    text = ["## The systems"]
    titles = {}
    for row in rows:
        titles.setdefault((row.record["system"], row.record["setting"]), row.record)
    for (name, setting), record in sorted(titles.items()):
        text.append(f"**`{name}`**, setting `{setting}`: {record['title']}.")
        if record["deviations"] and setting == "ours":
            lines = "\n".join(f"- {deviation}" for deviation in record["deviations"])
            text.append(f"What differs from the original:\n\n{lines}")
    return text


def _made(rows: Sequence["Row"], corpus: str) -> list[str]:
    commands = {row.record["command"]: None for row in rows if row.record.get("command")}
    commands = sorted(commands) or [f"ser run --corpus {corpus}"]
    machines = {}
    for row in rows:
        for environment in row.record["environments"]:
            hardware, versions = environment["hardware"], environment["versions"]
            gpu = f", {hardware['gpu']}" if hardware["gpu"] else ""
            packages = ", ".join(f"{name} {version}" for name, version in versions.items())
            machines[f"- {hardware['cpu']}, {hardware['cores']} cores{gpu}: {packages}"] = None
    return [
        "## Make it again",
        "```sh\n" + "\n".join([*commands, "ser report"]) + "\n```",
        "Made on:",
        "\n".join(sorted(machines)),
    ]


def page(
    rows: Sequence["Row"],
    figures: Mapping[str, str],
    notebooks: Sequence[str],
    tried: Sequence[str] = (),
) -> str:
    """
    Write the page of a corpus.

    Parameters
    ----------
    rows : sequence of Row
        What is shown, best first.
    figures : mapping
        Paths of figures, relative to the page, by name.
    notebooks : sequence of str
        Executed notebooks beside the page.
    tried : sequence of str
        Paragraphs about the recipes that were tried (see `ser_lib.experiment.trials.section`).

    Returns
    -------
    str
        Markdown; the same rows give the same text.
    """
    first = rows[0].record
    corpus = first["recipe"]["corpus"]
    versions = sorted({row.values["corpus_version"] for row in rows})
    text = [
        f"# {first['corpus_title']}",
        f"Version {', '.join(versions)}; {first['speakers']} speakers; licence: "
        f"{first['corpus_licence']}. Full table: [results.csv](results.csv).",
    ]
    if first["corpus"] == "synthetic":
        text.append("**Synthetic speech, for trying things out. No figure here is a result.**")
    complete = ranked(rows)
    text += ["## On unseen speakers", _READ.format(chance=1 / len(corpus["classes"]))]
    text += _ranked(complete, figures) if complete else ["No complete run yet."]
    partial = [row for row in rows if row.values["partial"]]
    if partial:
        text += _partial(partial)
    dependent = [r for r in rows if not r.values["speaker_disjoint"] and not r.values["partial"]]
    if dependent:
        text += _dependent(dependent, [row for row in rows if row.values["speaker_disjoint"]])
    degraded = [row for row in rows if row.record["recipe"]["conditions"]]
    if degraded:
        text += _degraded(degraded)
    text += _published(rows, first["corpus"])
    text += _pictures(rows, figures)
    text += _deviations(rows)
    text += tried
    if notebooks:
        lines = "\n".join(f"- [{name.removesuffix('.ipynb')}]({name})" for name in notebooks)
        text += ["## Executed notebooks", lines]
    text += _made(rows, first["corpus"])
    return "\n\n".join(text) + "\n"


def overview(corpora: Mapping[str, Sequence["Row"]]) -> str:
    """
    Write the page over all real corpora.

    Parameters
    ----------
    corpora : mapping of str to sequence of Row
        What is shown of each corpus, best first.

    Returns
    -------
    str
        Markdown.
    """
    table = []
    for name, rows in corpora.items():
        for ((subset, _), classes, protocol), group in groups(ranked(rows)).items():
            best: dict[tuple, Row] = {}
            for row in group:
                best.setdefault((row.values["system"], row.values["normalisation"]), row)
            part = "" if subset == "all" else f" ({subset})"
            for row in best.values():
                table.append(
                    [
                        f"[{row.record['corpus_title']}]({name}/README.md){part}",
                        len(classes),
                        protocol,
                        _system(row),
                        row.values["normalisation"],
                        _uar(row),
                        f"{row.values['wa']:.3f}",
                    ]
                )
    heads = ["corpus", " classes", "protocol", "system", "normalisation", " UAR", " WA"]
    text = [
        "# Results on real speech",
        "Unseen speakers only, complete runs only; the best of each system. UAR is the unweighted "
        "average recall of the pooled test predictions with its 95 % interval over speakers. The "
        "page of each corpus says more: partial and speaker-dependent runs, published figures, "
        "confusion matrices, and how to make it all again.",
        markdown(heads, table) if table else "No complete run yet.",
        "Pages: " + ", ".join(f"[{name}]({name}/README.md)" for name in corpora) + ".",
    ]
    return "\n\n".join(text) + "\n"
