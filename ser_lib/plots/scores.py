"""Figures of predictions: confusions, and scores with intervals over speakers."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from ser_lib.errors import InputError
from ser_lib.evaluation import metrics
from ser_lib.evaluation.predictions import (
    score_classes,
    score_groups,
    summarise,
    with_limits,
)
from ser_lib.evaluation.resampling import classes_of
from ser_lib.plots.layout import (
    clean_test_rows,
    draw_chance,
    draw_intervals,
    draw_points,
    figure,
    heading,
    name_rows,
    require_columns,
    score_axis,
    write,
)
from ser_lib.plots.style import (
    ACCENT,
    FAINT,
    FRACTIONS,
    INK,
    MUTED,
    SERIES,
    emotion_colours,
    ordered,
    text_colour,
    text_on,
)


def _classes(rows: pd.DataFrame) -> list[str]:
    return ordered({*classes_of(rows), *rows["emotion"], *rows["predicted"]})


@figure
def confusion_matrix(predictions: pd.DataFrame, *, title: str = "") -> Figure:
    """
    Show how the utterances of each emotion were recognised, in per cent, with counts.

    Rows are the true emotions and sum to 100 %; the diagonal holds the recalls.

    Parameters
    ----------
    predictions : pd.DataFrame
        Columns ``emotion, predicted`` and, where there are several, ``seed``; of several parts and
        conditions the clean test rows are taken. Folds and seeds are pooled in the matrix; the
        scores above it are means over seeds, as everywhere.
    title : str
        Whose predictions these are; ``"Confusions"`` by default.
    """
    rows = clean_test_rows(predictions)
    classes = _classes(rows)
    counts = metrics.confusion(rows["emotion"], rows["predicted"], classes).to_numpy()
    fractions = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    k = len(classes)
    labels = np.where(
        fractions >= 0.005, [[f"{100 * f:.0f} %" for f in row] for row in fractions], "< 1 %"
    )
    fig, ax = plt.subplots(figsize=(1.6 + 0.74 * k, 1.3 + 0.62 * k))
    annotated = {"annot": np.where(counts > 0, labels, ""), "annot_kws": {"fontsize": 9}, "fmt": ""}
    look = {"cmap": FRACTIONS, "vmin": 0, "vmax": 1, "linewidths": 1.5, "cbar": False}
    sns.heatmap(pd.DataFrame(fractions, classes, classes), **annotated, **look, ax=ax)
    for label, (i, j) in zip(list(ax.texts), np.ndindex(k, k), strict=True):
        colour = text_on(FRACTIONS(fractions[i, j]))
        label.set(color=colour, y=i + 0.44, fontweight="bold" if i == j else "normal")
        if counts[i, j]:
            count = f"{counts[i, j]}"
            write(ax, count, j + 0.5, i + 0.74, ha="center", color=colour, fontsize=6.5)
    ax.set_xticks(np.arange(k) + 0.5, classes, rotation=35, ha="right", rotation_mode="anchor")
    ax.set_yticks(np.arange(k) + 0.5, classes, rotation=0)
    ax.tick_params(length=0)
    ax.set(xlabel="predicted emotion", ylabel="true emotion")
    seeds = [own for _, own in rows.groupby("seed")] if "seed" in rows else [rows]
    by_seed = [metrics.confusion(own["emotion"], own["predicted"], classes) for own in seeds]
    uar, wa = (f(np.stack(by_seed)).mean() for f in (metrics.uar_of, metrics.wa_of))
    summary = f"UAR {uar:.3f}, WA {wa:.3f}, {_count(rows)}"
    heading(ax, title or "Confusions", summary)
    return fig


def _count(rows: pd.DataFrame) -> str:
    """Say how many predictions there are, and of how many utterances if these were repeated."""
    n = rows["utterance"].nunique() if "utterance" in rows else len(rows)
    repeated = f" ({len(rows):,} predictions)" if n < len(rows) else ""
    return f"{n:,} utterances{repeated}"


@figure
def per_class_recall(predictions: pd.DataFrame, *, title: str = "") -> Figure:
    """
    Show the recall of each emotion with its 95 % interval over speakers.

    The dashed line is chance, one over the number of classes.

    Parameters
    ----------
    predictions : pd.DataFrame
        Columns ``speaker, emotion, predicted`` and, where there are several, ``seed``; of several
        parts and conditions the clean test rows are taken.
    title : str
        Whose predictions these are; ``"Recall per emotion"`` by default.
    """
    rows = clean_test_rows(predictions)
    classes = _classes(rows)
    table = score_classes(rows, classes).dropna(subset="recall").reset_index()
    palette = emotion_colours(classes)
    colours = [text_colour(palette[name]) for name in table["emotion"]]
    fig, ax = plt.subplots(figsize=(6.0, 1.2 + 0.34 * len(table)))
    draw_intervals(ax, table.index, table["recall_low"], table["recall_high"], colours)
    look = {"hue": "emotion", "palette": palette, "edgecolor": INK, "linewidth": 0.8}
    draw_points(ax, table, "recall", "emotion", size=8, **look)
    for y, (recall, colour) in enumerate(zip(table["recall"], colours, strict=True)):
        look = {"ha": "center", "va": "baseline", "color": colour, "halo": True}
        write(ax, f"{recall:.2f}", recall, y, (0, 7), **look)
    draw_chance(ax, len(classes), len(table) - 0.45)
    labels = [f"{name}  ({n})" for name, n in zip(table["emotion"], table["count"], strict=True)]
    name_rows(ax, labels)
    score_axis(ax, "recall")
    heading(ax, title or "Recall per emotion", "lines: 95 % intervals; in parentheses: utterances")
    return fig


def _scores_by(predictions: pd.DataFrame, column: str, metric: str, title: str) -> Figure:
    known = metrics.get(metric)
    name = known.title
    rows = clean_test_rows(predictions)
    require_columns("predictions", rows, (column,))
    classes = _classes(rows)
    table = score_groups(rows, column, classes)
    if table.empty:
        raise InputError(f"predictions have no {column}; expected one in each row")
    labels = list(map(str, table.index))
    scores = summarise(rows, classes)
    pooled, low, high = (scores[f"{metric}{end}"] for end in ("", "_low", "_high"))
    fig, ax = plt.subplots(figsize=(6.2, 1.5 + 0.235 * len(table)))
    if np.isfinite(low):
        ax.axvspan(low, high, color=ACCENT, alpha=0.13, linewidth=0)
    ax.axvline(pooled, color=ACCENT, linewidth=1.4, zorder=2.5)
    ax.hlines(range(len(table)), pooled, table[metric], color=FAINT, linewidth=1.2, zorder=2)
    draw_points(ax, table.assign(label=labels), metric, "label", color=INK, size=5.5)
    for y, value in enumerate(table[metric]):
        side, align = (7, "left") if value >= pooled else (-7, "right")
        look = {"ha": align, "fontsize": 7.5, "color": MUTED, "halo": True}
        write(ax, f"{value:.2f}", value, y, (side, 0), **look)
    if metric == "uar":
        draw_chance(ax, len(classes), len(table) - 0.45)
    name_rows(ax, labels)
    score_axis(ax, f"{name} of each {column}", known.bounds)
    # Metrics that do not average over classes are no different where some are missing.
    averaged = known.input == "counts" and metric != "wa"
    if averaged and table["classes"].min() < len(classes):
        ax.set_xlabel(
            f"{name} of each {column}, over the emotions in its utterances only\n"
            "(the pooled score is over all emotions and need not lie amid the points)"
        )
    heading(ax, title or f"{name} per {column}", f"pooled {with_limits(pooled, low, high)}")
    return fig


@figure
def scores_by_fold(predictions: pd.DataFrame, *, metric: str = "uar", title: str = "") -> Figure:
    """
    Show the score of each fold beside the pooled one and its 95 % interval over speakers.

    A fold is scored over the emotions in its utterances; the axis says so where some are missing.

    Parameters
    ----------
    predictions : pd.DataFrame
        Columns ``utterance, speaker, fold, emotion, predicted`` and, where there are several,
        ``seed``; of several parts and conditions the clean test rows are taken.
    metric : str
        A metric of `ser_lib.evaluation.metrics`.
    title : str
        Whose predictions these are.
    """
    return _scores_by(predictions, "fold", metric, title)


@figure
def scores_by_speaker(predictions: pd.DataFrame, *, metric: str = "uar", title: str = "") -> Figure:
    """Show the score of each speaker beside the pooled one and its 95 % interval over speakers."""
    return _scores_by(predictions, "speaker", metric, title)


@figure
def condition_curve(
    predictions: pd.DataFrame | Mapping[str, pd.DataFrame], *, metric: str = "uar", title: str = ""
) -> Figure:
    """
    Show how the score changes with the condition of the recordings.

    Parameters
    ----------
    predictions : pd.DataFrame or mapping of str to pd.DataFrame
        Test rows under several conditions, of one system or of several by name.
    metric : str
        A metric of `ser_lib.evaluation.metrics`.
    title : str
        What is shown.

    Returns
    -------
    Figure
        Conditions in the order of the table, with 95 % intervals over speakers.

    Raises
    ------
    InputError
        If the metric is unknown, columns are missing or there are no rows.
    """
    known = metrics.get(metric)
    name = known.title
    systems = predictions if isinstance(predictions, Mapping) else {"": predictions}
    scores = []
    for system, table in systems.items():
        require_columns(f"predictions of {system}" if system else "predictions", table, _CURVE)
        rows = table[table["part"] == "test"] if "part" in table else table
        for condition, group in rows.groupby("condition", sort=False, observed=True):
            scores.append({"system": system, "condition": str(condition)} | summarise(group))
    if not scores:
        raise InputError("there is nothing to draw: predictions have no test rows")
    table = pd.DataFrame(scores)
    order = list(table["condition"].unique())
    fig, ax = plt.subplots(figsize=(6.4, 3.4))
    look = {"hue": "system", "hue_order": systems, "legend": len(systems) > 1, "errorbar": None}
    look["palette"] = [SERIES[i % len(SERIES)] for i in range(len(systems))]
    # Side by side, intervals can be told apart.
    look |= {"dodge": 0.06 * (len(systems) - 1), "linewidth": 1, "markersize": 6}
    sns.pointplot(table, x="condition", y=metric, order=order, **look, ax=ax)
    for line, system in zip(list(ax.lines), systems, strict=False):
        own = table[table["system"] == system].set_index("condition").reindex(order)
        ends = (own[f"{metric}_low"], own[f"{metric}_high"])
        draw_intervals(ax, line.get_xdata(), *ends, line.get_color(), vertical=True)
        for x, value in enumerate(own[metric]) if len(systems) == 1 else ():
            write(ax, f"{value:.2f}", x, value, (7, 4), va="baseline", halo=True)
    if len(systems) > 1:
        sns.move_legend(ax, "upper left", bbox_to_anchor=(1, 1), title=None)
    ax.set(xlim=(-0.3, len(order) - 0.5), xlabel="", ylabel=name)
    ax.set_ylim(*(bound if np.isfinite(bound) else None for bound in known.bounds))
    ax.grid(axis="y")
    heading(ax, title or f"{name} by test condition", "95 % intervals")
    return fig


_CURVE = ("condition", "emotion", "predicted")
