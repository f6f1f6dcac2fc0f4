"""How a row is written in the tables of a page: its headings and cells, in Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ser_lib.evaluation.metrics import METRICS
from ser_lib.evaluation.predictions import ALL_OUTPUTS, describe_all_outputs, with_limits
from ser_lib.reporting.formatting import code, duration, escape
from ser_lib.reporting.links import row_links
from ser_lib.reporting.rows import Row

SCORES = tuple(f" {metric.title}" for metric in METRICS.values())
"""Headings of what `scores` writes."""
COSTS = (" parameters", " training")
"""Headings of what a system costs."""


def row_cells(row: Row, folder: Path) -> dict[str, str]:
    """Write all cells of a row by their headings; `folder` is ``<reports>/<corpus>``."""
    count = row.values["n_parameters"]
    return {
        "system": system(row),
        "normalisation": row.values["normalisation"],
        **dict(zip(SCORES, scores(row.values), strict=True)),
        " folds": folds(row),
        " seeds": seeds(row),
        " parameters": "" if count is None else f"{count:,}",
        " training": duration(row.values["fit_seconds"]),
        "links": row_links(row, folder),
    }


def system(row: Row) -> str:
    """Write a system, what is not usual about it, and whether older code made the row."""
    variant = row.values["variant"]
    text = code(row.values["system"]) + ("" if variant == "default" else f", {code(variant)}")
    text += f"<br>{escape(row.values['changes'])}" if row.values["changes"] else ""
    return text + ("<br>*older code*" if row.values["code"] == "older" else "")


def scores(values: Mapping[str, float]) -> list[str]:
    """Write UAR with its interval and every other metric without."""
    uar = with_limits(values["uar"], values["uar_low"], values["uar_high"])
    return [uar if name == "uar" else f"{values[name]:.3f}" for name in METRICS]


def folds(row: Row) -> str:
    """Write the number of folds, and of how many where some are missing."""
    of = f" of {row.record['n_folds']}" if row.values["partial"] else ""
    return f"{row.values['folds']}{of}"


def seeds(row: Row) -> str:
    """Write the number of seeds and the standard deviation of UAR over them."""
    if row.values["seeds"] == 1:
        return "*1 only*"
    return f"{row.values['seeds']} ({spread(row.values)})"


def spread(values: Mapping[str, float]) -> str:
    """Write the standard deviation of UAR over seeds; 0.000 is exact."""
    deviation = values["uar_sd"]
    return "± < 0.001" if 0 < deviation < 0.0005 else f"± {deviation:.3f}"


def group(key: tuple) -> str:
    """Write what a group is of (see `ser_lib.reporting.rows.groups`): part, classes, protocol."""
    (subset, _), classes, protocol = key
    part = "" if subset == "all" else f"; {escape(subset)}"
    return f"{len(classes)} classes, {escape(protocol)}{part}"


def recordings(key: tuple, rows: Sequence[Row]) -> str:
    """Write which recordings the rows of a group are of."""
    (_, fingerprint), *_ = key
    record = rows[0].record
    speakers = f"{record['speakers']} speakers" if record["speakers"] else "unknown speakers"
    of = f"{record['utterances']:,} utterances of {speakers}"
    return f"{of}; recordings and labels {fingerprint}"


def all_outputs(rows: Sequence[Row]) -> list[str]:
    """Say what trained models score with the emotions that the corpus lacks."""
    lines = []
    for row in rows:
        predictions = row.evaluation.rows()
        if ALL_OUTPUTS[0] in predictions:
            lines.append(f"- {code(row.values['system'])}: {describe_all_outputs(predictions)}")
    if not lines:
        return []
    said = (
        "Above, posteriors of emotions that only the model knows are left out. As it predicts, "
        "with all of its emotions, it scores on the same recordings:"
    )
    return ["\n".join([said, "", *lines])]


def group_heading(key: tuple, rows: Sequence[Row]) -> str:
    """Write the heading of a group, and below it its classes and recordings."""
    return f"### {group(key)}\n\n{escape(', '.join(key[1]))} ({recordings(key, rows)})"
