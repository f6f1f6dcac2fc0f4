"""The figure of the recall of each emotion by several systems."""

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib.errors import InputError
from ser_lib.evaluation.predictions import score_classes
from ser_lib.evaluation.resampling import classes_of
from ser_lib.plots.layout import clean_test_rows, figure, heading
from ser_lib.plots.style import FRACTIONS, ordered, text_on

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def recall_table(predictions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """
    Tabulate the recall of each emotion by each of several systems.

    Parameters and errors are those of `recall_by_system`.

    Returns
    -------
    pd.DataFrame, shape (systems, emotions)
        Recalls in [0, 1], pooled over folds and seeds; NaN where an emotion was not tested.
    """
    if not predictions:
        raise InputError("there is nothing to draw: no predictions; expected one system or more")
    tables = {name: clean_test_rows(rows) for name, rows in predictions.items()}
    classes = ordered(
        {e for rows in tables.values() for e in (*classes_of(rows), *rows["emotion"])}
    )
    return pd.DataFrame(
        {name: score_classes(rows, classes)["recall"] for name, rows in tables.items()}
    ).T


@figure
def recall_by_system(predictions: Mapping[str, pd.DataFrame], *, title: str = "") -> "Figure":
    """
    Show the recall of each emotion by each of several systems, in per cent.

    Parameters
    ----------
    predictions : mapping of str to pd.DataFrame
        Predictions by the name of the system: columns ``emotion, predicted, speaker``, where there
        are several ``seed``, and ``p_<emotion>``; of several parts and conditions the clean test
        rows are taken.
    title : str
        What is compared; ``"Recall of each emotion"`` by default.

    Returns
    -------
    Figure
        A row for each system in the order given, a column for each emotion.

    Raises
    ------
    InputError
        If there are no systems, columns are missing, or an emotion is missing.
    """
    import matplotlib.pyplot as plt
    import seaborn as sns

    recalls = recall_table(predictions)
    classes = list(recalls.columns)
    labels = [textwrap.fill(name, 40, break_on_hyphens=False) for name in recalls.index]
    lines = sum(1 + label.count("\n") for label in labels)
    fig, ax = plt.subplots(figsize=(2.9 + 0.74 * len(classes), 1.2 + 0.3 * lines))
    text = recalls.map(lambda recall: "" if np.isnan(recall) else f"{100 * recall:.0f}")
    look = {"cmap": FRACTIONS, "vmin": 0, "vmax": 1, "linewidths": 1.5, "cbar": False}
    sns.heatmap(recalls, annot=text.to_numpy(), annot_kws={"fontsize": 9}, fmt="", **look, ax=ax)
    shown = recalls.to_numpy().ravel()
    shown = shown if len(ax.texts) == len(shown) else shown[~np.isnan(shown)]
    for label, recall in zip(ax.texts, shown, strict=True):
        label.set_color(text_on(FRACTIONS(0.0 if np.isnan(recall) else recall)))
    ax.set_xticks(np.arange(len(classes)) + 0.5, classes)
    ax.set_xticklabels(classes, rotation=35, ha="right", rotation_mode="anchor")
    ax.set_yticks(np.arange(len(labels)) + 0.5, labels, rotation=0)
    ax.tick_params(length=0)
    ax.set(xlabel="true emotion", ylabel="")
    heading(ax, title or "Recall of each emotion", "per cent")
    return fig
