"""Figures of what systems answer: confusions, and scores with their intervals."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib.errors import InputError
from ser_lib.evaluation import metrics
from ser_lib.evaluation.predictions import classes_of, score_classes, score_groups, summarise
from ser_lib.plots.style import (
    ACCENT,
    CONTRAST,
    EMOTION_COLOURS,
    FAINT,
    INK,
    MUTED,
    NOTE_SIZE,
    figure,
    grid,
    halo,
    heading,
    interval_line,
    one_condition,
    ordered,
    text_colour,
    text_on,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _classes(rows: pd.DataFrame) -> list[str]:
    return ordered({*classes_of(rows), *rows["emotion"], *rows["predicted"]})


def _number(value: float) -> str:
    return f"{value:.3f}"


@figure
def confusion_matrix(predictions: pd.DataFrame, *, title: str = "") -> "Figure":
    """
    Show what each emotion was taken for, in per cent of its utterances, with counts.

    Parameters
    ----------
    predictions : pd.DataFrame
        Columns ``emotion, predicted``; of several parts and conditions the clean test rows are
        taken. Folds and seeds are pooled.
    title : str
        Whose answers they are.

    Returns
    -------
    Figure
        Rows are the true emotions and sum to 100 %; the diagonal holds the recalls.

    Raises
    ------
    InputError
        If columns are missing or there are no rows.
    """
    import matplotlib.pyplot as plt
    from matplotlib import colormaps
    from matplotlib.colors import LinearSegmentedColormap

    rows = one_condition(predictions)
    classes = _classes(rows)
    counts = metrics.confusion(rows["emotion"], rows["predicted"], classes).to_numpy()
    total = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(total, 1)
    k = len(classes)
    # The darkest blues would swallow the text, and white is for what never happened.
    blues = colormaps["Blues"](np.linspace(0, 0.92, 256))
    shades = LinearSegmentedColormap.from_list("answers", ["white", *blues[12:]])
    fig, ax = plt.subplots(figsize=(1.6 + 0.74 * k, 1.3 + 0.62 * k))
    ax.pcolormesh(share, cmap=shades, vmin=0, vmax=1, edgecolors="white", linewidth=1.5)
    for i, j in np.ndindex(k, k):
        if not counts[i, j]:
            continue
        colour = text_on(shades(share[i, j]))
        ax.text(
            j + 0.5,
            i + 0.44,
            f"{100 * share[i, j]:.0f} %" if share[i, j] >= 0.005 else "< 1 %",
            ha="center",
            va="center",
            color=colour,
            fontsize=9,
            fontweight="bold" if i == j else "normal",
        )
        ax.text(
            *(j + 0.5, i + 0.73, f"{counts[i, j]}"),
            ha="center",
            va="center",
            color=colour,
            fontsize=6.5,
            alpha=0.85,
        )
    ax.invert_yaxis()
    ax.set_aspect("auto")
    ax.set_xticks(np.arange(k) + 0.5, classes, rotation=35, ha="right", rotation_mode="anchor")
    ax.set_yticks(np.arange(k) + 0.5, classes)
    ax.tick_params(length=0)
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.set_xlabel("answered")
    ax.set_ylabel("true")
    uar, wa = (float(f(counts)) for f in (metrics.uar_of, metrics.wa_of))
    heading(ax, title, f"UAR {uar:.3f}, WA {wa:.3f}, {int(total.sum()):,} answers")
    return fig


@figure
def per_class_recall(predictions: pd.DataFrame, *, title: str = "") -> "Figure":
    """
    Show the recall of each emotion with its 95 % interval over speakers.

    Parameters
    ----------
    predictions : pd.DataFrame
        Columns ``speaker, emotion, predicted`` and, where there are several, ``seed``; of several
        parts and conditions the clean test rows are taken.
    title : str
        Whose answers they are.

    Returns
    -------
    Figure
        The dashed line is chance, one over the number of classes.

    Raises
    ------
    InputError
        If columns are missing or there are no rows.
    """
    import matplotlib.pyplot as plt

    rows = one_condition(predictions)
    classes = _classes(rows)
    table = score_classes(rows, classes).dropna(subset="recall")
    fig, ax = plt.subplots(figsize=(6.0, 1.2 + 0.34 * len(table)))
    for y, (name, row) in enumerate(table.iterrows()):
        colour = text_colour(EMOTION_COLOURS[name])
        interval_line(ax, y, row["recall_low"], row["recall_high"], colour)
        fill = EMOTION_COLOURS[name]
        ax.plot(row["recall"], y, "o", color=fill, markeredgecolor=colour, markersize=8, zorder=3)
        ax.annotate(
            f"{row['recall']:.2f}",
            (row["recall"], y),
            (0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=NOTE_SIZE,
            color=colour,
            path_effects=halo(),
        )
    _chance(ax, len(classes), len(table))
    labels = [f"{name}  ({int(n)})" for name, n in table["count"].items()]
    _score_axis(ax, labels, "recall")
    heading(ax, title or "Recall per emotion", "95 % intervals over speakers; (utterances)")
    return fig


def _chance(ax: "Axes", classes: int, rows: int) -> None:
    ax.axvline(1 / classes, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    ax.annotate(
        "chance",
        (1 / classes, rows - 0.45),
        (3, 0),
        textcoords="offset points",
        fontsize=7.5,
        color=MUTED,
        va="bottom",
    )


def _score_axis(ax: "Axes", labels: Sequence[str], name: str) -> None:
    """Lay out rows of scores between 0 and 1, the first on top."""
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.4, -0.75)
    ax.set_xlim(0, 1.0)
    ax.set_xticks(np.linspace(0, 1, 6))
    grid(ax, "x")
    ax.set_xlabel(name)


def _by_group(predictions: pd.DataFrame, column: str, metric: str, title: str) -> "Figure":
    import matplotlib.pyplot as plt

    metrics.statistic_of(metric)
    rows = one_condition(predictions)
    classes = _classes(rows)
    table = score_groups(rows, column, classes)
    if table.empty:
        raise InputError(f"predictions name no {column}; expected one for each row")
    pooled = summarise(rows, classes)
    name = metrics.TITLES[metric]
    labels = list(map(str, table.index))
    fig, ax = plt.subplots(figsize=(6.2, 1.5 + 0.235 * len(table)))
    low, high = pooled[f"{metric}_low"], pooled[f"{metric}_high"]
    if np.isfinite(low):
        ax.axvspan(low, high, color=ACCENT, alpha=0.13, linewidth=0)
    ax.axvline(pooled[metric], color=ACCENT, linewidth=1.4, zorder=2.5)
    for y, value in enumerate(table[metric]):
        ax.plot([pooled[metric], value], [y, y], color=FAINT, linewidth=1.2, zorder=2)
        ax.plot(value, y, "o", color=INK, markersize=5.5, zorder=3)
        right = value >= pooled[metric]
        ax.annotate(
            f"{value:.2f}",
            (value, y),
            (7 if right else -7, 0),
            textcoords="offset points",
            ha="left" if right else "right",
            va="center",
            fontsize=7.5,
            color=MUTED,
            path_effects=halo(),
        )
    _chance(ax, len(classes), len(table))
    _score_axis(ax, labels, f"{name} of each {column}, over the classes present in it")
    limits = f" [{_number(low)}, {_number(high)}]" if np.isfinite(low) else ""
    heading(ax, title or f"{name} per {column}", f"pooled {_number(pooled[metric])}{limits}")
    return fig


@figure
def scores_by_fold(predictions: pd.DataFrame, *, metric: str = "uar", title: str = "") -> "Figure":
    """
    Show the score of each fold beside the pooled one and its 95 % interval over speakers.

    Parameters
    ----------
    predictions : pd.DataFrame
        Columns ``utterance, speaker, fold, emotion, predicted`` and, where there are several,
        ``seed``; of several parts and conditions the clean test rows are taken.
    metric : {"uar", "wa", "macro_f1"}
        Which score.
    title : str
        Whose answers they are.

    Returns
    -------
    Figure

    Raises
    ------
    InputError
        If the metric is unknown, columns are missing or there are no rows.
    """
    return _by_group(predictions, "fold", metric, title)


@figure
def scores_by_speaker(
    predictions: pd.DataFrame, *, metric: str = "uar", title: str = ""
) -> "Figure":
    """Show the score of each speaker as `scores_by_fold` does that of each fold."""
    return _by_group(predictions, "speaker", metric, title)


@figure
def condition_curve(
    predictions: pd.DataFrame | Mapping[str, pd.DataFrame], *, metric: str = "uar", title: str = ""
) -> "Figure":
    """
    Show how the score changes with the condition of the recordings.

    Parameters
    ----------
    predictions : pd.DataFrame or mapping of str to pd.DataFrame
        Test rows under several conditions, of one system or of several by name.
    metric : {"uar", "wa", "macro_f1"}
        Which score.
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
    import matplotlib.pyplot as plt

    metrics.statistic_of(metric)
    systems = predictions if isinstance(predictions, Mapping) else {"": predictions}
    conditions: dict[str, int] = {}
    fig, ax = plt.subplots(figsize=(6.4, 3.4))
    ends = []
    for i, (name, table) in enumerate(systems.items()):
        if "condition" not in table:
            raise InputError(f"predictions {name} have no column condition".replace("  ", " "))
        rows = table[table["part"] == "test"] if "part" in table else table
        scores = {
            condition: summarise(group)
            for condition, group in rows.groupby("condition", sort=False, observed=True)
        }
        if not scores:
            raise InputError("there is nothing to draw: no test rows were given")
        for condition in scores:
            conditions.setdefault(str(condition), len(conditions))
        x = np.array([conditions[str(condition)] for condition in scores], dtype=float)
        order = np.argsort(x)
        x, values = x[order], pd.DataFrame(list(scores.values())).iloc[order]
        # Side by side, intervals can be told apart.
        x = x + 0.05 * (i - (len(systems) - 1) / 2)
        colour = _SYSTEM_COLOURS[i % len(_SYSTEM_COLOURS)]
        # The line only leads the eye: conditions need not be in any order.
        ax.plot(x, values[metric], color=colour, linewidth=1, alpha=0.4)
        ax.plot(x, values[metric], "o", color=colour, markersize=6)
        ax.vlines(
            x,
            values[f"{metric}_low"],
            values[f"{metric}_high"],
            color=colour,
            alpha=0.45,
            linewidth=2.2,
        )
        ends.append((float(values[metric].iloc[-1]), name, colour))
        if len(systems) == 1:
            for at, value in zip(x, values[metric], strict=True):
                ax.annotate(
                    f"{value:.2f}",
                    (at, value),
                    (7, 4),
                    textcoords="offset points",
                    fontsize=8,
                    path_effects=halo(),
                )
    height = -np.inf
    for y, name, colour in sorted(ends):
        height = max(y, height + 0.06)
        ax.annotate(
            name,
            (len(conditions) - 1, height),
            (18, 0),
            textcoords="offset points",
            color=text_colour(colour),
            fontweight="bold",
            va="center",
            annotation_clip=False,
        )
    ax.set_xticks(list(conditions.values()), list(conditions))
    ax.set_xlim(-0.3, len(conditions) - 0.7 + 0.3 * (len(systems) > 1))
    ax.set_ylim(0, 1)
    ax.grid(axis="y")
    ax.set_ylabel(metrics.TITLES[metric])
    title = title or f"{metrics.TITLES[metric]} by test condition"
    heading(ax, title, "95 % intervals over speakers")
    return fig


_SYSTEM_COLOURS = (ACCENT, CONTRAST, "#5b4b8a", "#4d7c2b", "#9b2d55", MUTED, "#1b9e9e", INK)
