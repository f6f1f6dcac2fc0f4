"""Figures that compare systems with each other and with published scores."""

import functools
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd

from ser_lib.errors import InputError
from ser_lib.evaluation import metrics
from ser_lib.evaluation.predictions import RANKED_SEEDS, Evaluation, with_limits
from ser_lib.features.normalisation import NORMALISATIONS, check_normalisation
from ser_lib.plots.layout import (
    draw_intervals,
    figure,
    heading,
    require_columns,
    score_axis,
    write,
)
from ser_lib.plots.style import ACCENT, CONTRAST, INK, MUTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class PublishedScore(Protocol):
    """What `published_comparison` reads of a published score."""

    metric: str
    value: float
    corpus: str
    classes: int
    protocol: str
    source: str
    speaker_disjoint: bool | None
    remark: str


_fill = functools.partial(textwrap.fill, break_on_hyphens=False)
_MARKERS = {"uar": "o", "wa": "D", "macro_f1": "s"}
_DEPENDENT = {True: "", False: " (speaker-dependent)", None: " (perhaps speaker-dependent)"}


@figure
def published_comparison(evaluation: Evaluation, published: Sequence[PublishedScore]) -> "Figure":
    """
    Show our scores and published ones, each with the protocol it was measured under.

    Parameters
    ----------
    evaluation : Evaluation
        Ours; its record names ``title, corpus, protocol_title, speaker_disjoint``.
    published : sequence of Published
        Scores with ``metric, value, corpus, classes, protocol, source, speaker_disjoint, remark``.

    Returns
    -------
    Figure
        Ours first, with 95 % intervals, then the published scores in the order given,
        a row for what was measured together;
        grey ones were measured on another corpus or other classes, hollow ones with test speakers
        in training. Nothing is ranked: scores under different protocols do not measure the same.

    Raises
    ------
    InputError
        If a published score has an unknown metric.
    """
    import matplotlib.pyplot as plt

    scores, record = evaluation.scores(), evaluation.record
    corpus, classes = record["corpus"], len(evaluation.classes)
    metric_names = ["uar", *sorted({p.metric for p in published} - {"uar"})]
    titles = {metric: metrics.get(metric).title for metric in metric_names}
    groups = _measurements(published)
    comparable = [(g[0].corpus.lower(), g[0].classes) == (corpus.lower(), classes) for g in groups]
    labels = [f"{record['title']}, here"]
    texts = [f"{corpus}, {classes} classes; {record['protocol_title']}"]
    values = [{metric: scores[metric] for metric in metric_names}]
    looks = [(ACCENT, record["speaker_disjoint"])]
    for group, same in zip(groups, comparable, strict=True):
        first = group[0]
        text = f"{first.corpus}, {first.classes} classes; {first.protocol}"
        text += _DEPENDENT[first.speaker_disjoint]
        # Several measurements of one source are told apart by their remarks.
        several = sum(first.source == other[0].source for other in groups) > 1
        labels.append(first.source)
        texts.append(f"{text}; {first.remark}" if several and first.remark else text)
        values.append({p.metric: p.value for p in group})
        looks.append((INK if same else MUTED, first.speaker_disjoint))
    texts = [_fill(text, 56) for text in texts]
    heights = np.array([max(1.1, 0.3 * (text.count("\n") + 1) + 0.2) for text in texts])
    middles = np.cumsum(heights) - heights / 2
    fig, ax = plt.subplots(figsize=(9.2, 1.3 + 0.5 * heights.sum()))
    limits = ([scores[f"{metric}_{end}"] for metric in metric_names] for end in ("low", "high"))
    draw_intervals(ax, middles[0] + _SHIFT * np.arange(len(metric_names)), *limits, ACCENT)
    for y, text, row, (colour, disjoint) in zip(middles, texts, values, looks, strict=True):
        for metric, value in row.items():
            k = metric_names.index(metric)
            ax.plot(
                *(value, y + _SHIFT * k, _MARKERS.get(metric, "^")),
                color=colour if disjoint else "white",
                markeredgecolor=colour,
                markeredgewidth=1.5,
                markersize=6,
                zorder=3,
            )
            # The second and further metrics stand a little lower, and are named below.
            look = {"ha": "center", "va": "top" if k else "bottom", "fontsize": 7.5}
            where = (value, y + _SHIFT * k, (0, -5 if k else 5))
            write(ax, f"{titles[metric]} {value:.3f}", *where, color=colour, **look)
        write(ax, text, 1, y, (12, 0), beside=True, color=MUTED if colour == MUTED else INK)
    ax.axhline(heights[0], color=MUTED, linewidth=0.7)
    # The name of a repository may be longer than a line.
    labels = [_fill(label.replace("/", "/ "), 34).replace("/ ", "/") for label in labels]
    ax.set_yticks(middles, labels)
    ax.get_yticklabels()[0].set(color=ACCENT, fontweight="bold")
    ax.set_ylim(heights.sum() + 0.1, -0.1)
    score_axis(ax, "score")
    note = "protocols differ: not a ranking"
    if published and not any(comparable):
        elsewhere = any(score.corpus.lower() != corpus.lower() for score in published)
        regrouped = any(score.classes != classes for score in published)
        other = ["another corpus"] * elsewhere + ["other classes"] * regrouped
        note = f"{' and '.join(other)}: not comparable"
    heading(ax, "Comparison with published scores", note)
    return fig


_SHIFT = 0.12
"""From the points of one metric to those of the next, in rows."""


def _measurements(published: Sequence[PublishedScore]) -> list[list[PublishedScore]]:
    """Group what was measured together: different metrics of one source under one protocol."""
    groups: list[list[PublishedScore]] = []
    for score in published:
        key = (score.source, score.corpus, score.classes, score.protocol)
        last = groups[-1] if groups else []
        same = last and key == (last[0].source, last[0].corpus, last[0].classes, last[0].protocol)
        if same and score.metric not in [other.metric for other in last]:
            last.append(score)
        else:
            groups.append([score])
    return groups


def _disjoint(block: pd.DataFrame) -> bool:
    return "speaker_disjoint" not in block or bool(block["speaker_disjoint"].all())


def _label(row: pd.Series) -> str:
    """Name a row of the results table by its system, variant and changed parameters."""
    texts = [str(row[c]) for c in ("variant", "changes") if c in row]
    texts = [text.replace("as_published", "as published") for text in texts if text not in _PLAIN]
    if row.get("seeds", RANKED_SEEDS) < RANKED_SEEDS:
        texts.append("1 seed only" if row["seeds"] == 1 else f"{row['seeds']} seeds")
    return _fill(f"{row['system']}" + (f" ({', '.join(texts)})" if texts else ""), 34)


_PLAIN = ("", "default", "None", "nan")


def _panels(results: pd.DataFrame, keys: list[str], metric: str) -> list[tuple[str, pd.DataFrame]]:
    """Divide results into panels that may be ranked; speaker-disjoint protocols first."""
    protocols = list(results["protocol"].unique())
    panels = []
    for values, panel in results.groupby(keys, sort=False):
        what = dict(zip(keys, values, strict=True))
        scaled = NORMALISATIONS.index(what["normalisation"])
        order = (not _disjoint(panel), protocols.index(what["protocol"]), scaled)
        protocol = str(what["protocol"]).replace("_", " ")
        classes = f", {what['classes']} classes" if "classes" in what else ""
        head = f"{protocol}{_DEPENDENT[_disjoint(panel)]}, normalisation {what['normalisation']}"
        ascending = metrics.get(metric).lower_is_better
        ranked = panel.sort_values(metric, ascending=ascending, kind="stable")
        if "seeds" in panel:
            repeated = ranked["seeds"] >= RANKED_SEEDS
            ranked = pd.concat([ranked[repeated], ranked[~repeated]])
        panels.append((order, f"{head}{classes}", ranked))
    return [panel[1:] for panel in sorted(panels, key=lambda panel: panel[0])]


@figure
def leaderboard(results: pd.DataFrame, *, metric: str = "uar", title: str = "") -> "Figure":
    """
    Show the scores of systems with intervals, ranked within each protocol and normalisation.

    It is narrow enough for the screen of a telephone.

    Parameters
    ----------
    results : pd.DataFrame
        A row per evaluation: ``system, protocol, normalisation, uar`` and, where known,
        ``uar_low, uar_high, variant, changes, classes, speaker_disjoint, seeds``.
    metric : str
        A metric of `ser_lib.evaluation.metrics`; its name is that of the columns.
    title : str
        Of what corpus.

    Returns
    -------
    Figure
        One panel for each protocol and normalisation (and number of classes, if they differ),
        speaker-disjoint protocols first; lines are 95 % intervals. Rows with fewer than three seeds
        say so, have hollow points and stand below the others.

    Raises
    ------
    InputError
        If columns are missing, there are no rows, or a metric or normalisation is unknown.
    """
    import matplotlib.pyplot as plt

    known = metrics.get(metric)
    require_columns("results", results, ("system", "protocol", "normalisation", metric))
    if results.empty:
        raise InputError("there is nothing to draw: the table of results has no rows")
    for normalisation in results["normalisation"]:
        check_normalisation(normalisation)
    keys = ["protocol", "normalisation"]
    if "classes" in results and results["classes"].nunique() > 1:
        keys.append("classes")
    limits = [f"{metric}_low", f"{metric}_high"]
    results = results.reindex(columns=[*dict.fromkeys([*results.columns, *limits])])
    panels = [
        (_fill(head, 58), panel.assign(label=[_label(row) for _, row in panel.iterrows()]))
        for head, panel in _panels(results, keys, metric)
    ]
    lines = [[label.count("\n") + 1 for label in panel["label"]] for _, panel in panels]
    heights = [_LINE * sum(own) + _BELOW * len(own) for own in lines]
    title = _fill(title or "Leaderboard", 50)
    # A heading has room for one line beside its panel.
    above = _TITLE * (title.count("\n") + 1 + sum(head.count("\n") for head, _ in panels))
    fig, axes = plt.subplots(
        *(len(panels), 1),
        figsize=(4.4, 0.5 + above + sum(heights) + 0.35 * len(panels)),
        height_ratios=heights,
        sharex=True,
        squeeze=False,
    )
    for ax, (head, panel), own, height in zip(axes[:, 0], panels, lines, heights, strict=True):
        colour = CONTRAST if (panel["normalisation"] == "speaker").all() else ACCENT
        # In inches from the top: the lines of a label, and below them the score and its interval.
        tops = np.cumsum([0.0] + [_LINE * n + _BELOW for n in own[:-1]])
        y = tops + _LINE * np.array(own) + _BELOW / 3
        draw_intervals(ax, y, *panel[limits].T.to_numpy(float), colour)
        hollow = panel.get("seeds", pd.Series(RANKED_SEEDS, panel.index)) < RANKED_SEEDS
        faces = np.where(hollow, "white", colour)
        ax.scatter(panel[metric], y, s=36, c=faces, edgecolors=colour, linewidths=1.4, zorder=3)
        for top, row in zip(tops, panel.to_dict("records"), strict=True):
            low, high = (row[name] for name in limits)
            look = {"va": "top", "fontsize": 8.5, "beside": True, "halo": True}
            write(ax, row["label"], 0, top, **look).set_gid("label")
            score = with_limits(row[metric], low, high)
            write(ax, score, 1, top, ha="right", **look).set_gid("score")
        ax.set_ylim(height, -0.03)
        score_axis(ax, "", known.bounds)
        ax.set_yticks([])
        ax.set_title(head, fontsize=9)
    axes[0, 0].set_xlim(*_range(results[[metric, *limits]].to_numpy(float), known.bounds))
    intervals = ", 95 % intervals" if results[limits].notna().any(axis=None) else ""
    axes[-1, 0].set_xlabel(f"pooled {known.title}{intervals}")
    fig.suptitle(title, x=0.02, ha="left", weight="bold", size=10)
    return fig


_TITLE, _LINE, _BELOW = 0.17, 0.14, 0.24
"""Height of a line of the title and of a label, and of what stands below a label, in inches."""


def _range(scores: np.ndarray, bounds: tuple[float, float]) -> tuple[float, float]:
    """Choose limits around the scores, multiples of 0.1 within the bounds."""
    low = np.floor(10 * np.nanmin(scores) - 0.1) / 10
    high = np.ceil(10 * np.nanmax(scores) + 0.1) / 10
    return max(low, bounds[0]), min(high, bounds[1])
