"""From the published score to ours: the effect of its protocol, and that of our changes."""

from collections.abc import Mapping, Sequence

from ser_lib.evaluation.metrics import METRICS
from ser_lib.evaluation.predictions import with_limits
from ser_lib.features.normalisation import NORMALISATIONS
from ser_lib.reporting.commands import changed_parameters, shown
from ser_lib.reporting.formatting import code, escape, markdown_table
from ser_lib.reporting.rows import Row

_READ = """From left to right: what the authors report; the system as they published it under a
protocol like theirs, which has the test speakers in training; the same on unseen speakers; and our
default variant on unseen speakers. All in a row are of the same recordings and classes, and in the
metric of the published score; cells of what was not measured are empty. A protocol that draws at
random draws other test rows for each seed, so that its spread is over divisions."""

_HEADINGS = (
    *("system", " published", " as published, the source's protocol"),
    *(" as published, unseen speakers", " default, unseen speakers"),
)


def section(rows: Sequence[Row], corpus: str) -> list[str]:
    """
    Lead from published scores to ours, where one was published or the system was run so.

    Parameters
    ----------
    rows : sequence of Row
        All rows of a corpus.
    corpus : str
        Its name.

    Returns
    -------
    list of str
        Paragraphs in Markdown: a table, the effect of the protocols, and what the variant as
        published scores with other values of its parameters, where that was tried under the
        source's protocol; nothing if there is nothing published.
    """
    table, sentences = [], []
    for (system, *_), own in _parts(rows, corpus).items():
        record, classes = own[0].record, own[0].values["classes"]
        for (metric, disjoint), values in _published(record, corpus, classes).items():
            title = METRICS[metric].title
            original = [row for row in own if row.values["variant"] == "as_published"]
            default = [row for row in own if row.values["variant"] == "default"]
            # Where the authors keep speakers apart, theirs is the protocol of unseen speakers.
            source = None if disjoint else _choose(original, unseen=False)
            unseen = _choose(original, unseen=True)
            cells = [f"{code(system)}, {classes} classes", _scores(title, values)]
            chosen = (source, unseen, _choose(default, unseen=True))
            table.append([*cells, *(_cell(row, metric) for row in chosen)])
            if source is not None and unseen is not None:
                lost = source.values[metric] - unseen.values[metric]
                order = "less" if lost > 0 else "more"
                sentences.append(
                    f"{code(system)} as published has {abs(lost):.3f} {title} {order} on unseen "
                    "speakers than with the test speakers in training."
                )
            sentences += [
                f"With {_changed(row)} it has {_score(row, metric)} under the source's protocol."
                for row in original
                if source is not None and row.values["protocol"] == source.values["protocol"]
                if row.unusual > source.unusual
            ]
    if not table:
        return []
    read = [_READ, markdown_table(_HEADINGS, table)]
    return ["## As published", *read, *([" ".join(sentences)] if sentences else [])]


def _parts(rows: Sequence[Row], corpus: str) -> dict[tuple, list[Row]]:
    """Group rows by system, recordings and classes, where something published is to be shown."""
    parts: dict[tuple, list[Row]] = {}
    for row in rows:
        recordings = row.record["specification"]["corpus"]
        key = row.values["system"], recordings["fingerprint"], tuple(recordings["classes"])
        parts.setdefault(key, []).append(row)
    return {
        key: own
        for key, own in sorted(parts.items())
        if any(row.values["variant"] == "as_published" for row in own)
        or _fitting(own[0].record, corpus, own[0].values["classes"])
    }


def _published(record: Mapping, corpus: str, classes: int) -> dict[tuple, list[float]]:
    """Collect the published scores by metric and whether speakers are unseen; none: UAR."""
    found: dict[tuple, list[float]] = {}
    for score in _fitting(record, corpus, classes):
        key = score["metric"], bool(score.get("speaker_disjoint"))
        found.setdefault(key, []).append(score["value"])
    return found or {("uar", False): []}


def _fitting(record: Mapping, corpus: str, classes: int) -> list[Mapping]:
    """List the published scores of a system on a corpus with so many classes."""
    return [
        score
        for score in record["published"]
        if score["corpus"] == corpus and score.get("classes") == classes
        if score["metric"] in METRICS
    ]


def _choose(rows: Sequence[Row], *, unseen: bool) -> Row | None:
    """Choose of some rows the one that needs least of the test speakers and has most folds."""

    def order(row: Row) -> tuple:
        _, special, changed = row.unusual
        by_scaling = NORMALISATIONS.index(row.values["normalisation"])
        return row.values["partial"], by_scaling, not row.repeated, special, changed

    fitting = [row for row in rows if row.values["speaker_disjoint"] == unseen]
    return min(fitting, key=order, default=None)


def _scores(title: str, values: Sequence[float]) -> str:
    return f"{escape(title)} {', '.join(f'{value:.3f}' for value in values)}" if values else ""


def _changed(row: Row) -> str:
    """Name the parameters in which a row differs from its variant."""
    changed = changed_parameters(row.record)
    return " and ".join(code(f"{name}={shown(value)!r}") for name, value in changed.items())


def _score(row: Row, metric: str) -> str:
    score = with_limits(*(row.values[f"{metric}{end}"] for end in ("", "_low", "_high")))
    return f"[{METRICS[metric].title} {score}](runs.md#{row.name})"


def _cell(row: Row | None, metric: str) -> str:
    if row is None:
        return ""
    values = row.values
    part = f", {values['folds']} of {row.record['n_folds']} folds" if values["partial"] else ""
    scaled = (
        "" if values["normalisation"] == "train" else f", normalisation {values['normalisation']}"
    )
    where = escape(f"{row.record['protocol_title']}{scaled}{part}")
    return f"{_score(row, metric)}<br>{where}"
