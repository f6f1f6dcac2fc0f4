"""The figure of a training: loss and UAR over the epochs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib.errors import InputError
from ser_lib.plots.layout import figure, heading, require_columns
from ser_lib.plots.style import ACCENT, CONTRAST, INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS = {"training": ACCENT, "development speakers": CONTRAST}


@figure
def learning_curves(
    histories: Sequence[Sequence[Mapping] | Mapping[str, Sequence]],
    chosen: Sequence[int | None] | None = None,
    *,
    scores: Mapping[str, float] | None = None,
) -> "Figure":
    """
    Show loss and UAR over the epochs of every fold, and which epoch was chosen.

    Parameters
    ----------
    histories : sequence of histories
        One per fold (and seed): a list of dictionaries, one per epoch, or a dictionary of columns,
        with ``epoch, loss, uar`` and, where there were development rows, ``dev_loss, dev_uar``.
    chosen : sequence of int, optional
        The epoch that was chosen in each fold; by default that of its best development UAR, which
        is what the classifier does unless told otherwise.
    scores : mapping of str to float, optional
        ``uar, uar_low, uar_high`` of the test speakers, as `Evaluation.scores` gives them.

    Returns
    -------
    Figure
        Thin lines are folds; thick ones their mean, with one standard deviation around, until half
        of the folds have stopped; dots are the chosen epochs. The grey line and band are the pooled
        UAR of the test speakers and its 95 % interval.

    Raises
    ------
    InputError
        If a history has no epoch or lacks a column, or `chosen` is not as long as `histories`.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    tables = [pd.DataFrame(history).assign(fold=i) for i, history in enumerate(histories)]
    if not tables or any(table.empty for table in tables):
        raise InputError("histories have no epochs; expected one or more for each fold")
    for table in tables:
        require_columns("histories", table, ("epoch", "loss"))
    if chosen is None:
        chosen = [_best_epoch(table) for table in tables]
    if len(chosen) != len(tables):
        raise InputError(f"there are {len(chosen)} chosen epochs for {len(tables)} histories")
    fig, axes = plt.subplots(1, 2, figsize=(8.2, 3.5))
    for ax, name in zip(axes, ("loss", "uar"), strict=True):
        _draw_curves(ax, tables, name)
        for table, epoch in zip(tables, chosen, strict=True):
            if epoch is not None and f"dev_{name}" in table:
                point = table[table["epoch"] == epoch]
                ax.plot(point["epoch"], point[f"dev_{name}"], color=CONTRAST, **_DOT, zorder=4)
        ax.set_xlabel("epoch")
        ax.set_xlim(left=min(table["epoch"].min() for table in tables))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        ax.grid(axis="y")
    axes[0].set_ylim(bottom=0)
    axes[0].set_ylabel("loss")
    axes[1].set_ylim(0, 1)
    axes[1].set_ylabel("UAR")
    development = any("dev_uar" in table for table in tables)
    heading(axes[0], "Loss")
    note = f"{len(tables)} folds" if len(tables) > 1 else "one fold"
    epochs = sorted({epoch for epoch in chosen if epoch is not None})
    if epochs:
        several = f"epochs chosen: {epochs[0]} to {epochs[-1]}"
        note += "; " + (several if len(epochs) > 1 else f"epoch chosen: {epochs[0]}")
    heading(axes[1], "Training and development UAR" if development else "Training UAR", note)
    if scores is not None:
        axes[1].axhspan(scores["uar_low"], scores["uar_high"], color=INK, alpha=0.1, linewidth=0)
        axes[1].axhline(scores["uar"], color=INK, linewidth=1)
    _legend(fig, development, bool(epochs), scores)
    return fig


_DOT = {
    "marker": "o",
    "markersize": 4.5,
    "linestyle": "none",
    "markeredgecolor": "white",
    "markeredgewidth": 0.7,
}


def _best_epoch(history: pd.DataFrame) -> int | None:
    """Find the epoch of the best development UAR; of several, that of the lowest loss."""
    if "dev_uar" not in history or history["dev_uar"].isna().all():
        return None
    by = ["dev_uar"] + (["dev_loss"] if "dev_loss" in history else [])
    best = history.sort_values(by, ascending=[False, True][: len(by)], kind="stable")
    return int(best["epoch"].iloc[0])


def _draw_curves(ax: "Axes", tables: list[pd.DataFrame], name: str) -> None:
    """Draw the folds as thin lines, and their mean and standard deviation."""
    import seaborn as sns

    columns = {name: "training", f"dev_{name}": "development speakers"}
    for column, rows in columns.items():
        present = [table[["fold", "epoch", column]] for table in tables if column in table]
        curves = pd.concat(present).dropna() if present else pd.DataFrame()
        if curves.empty:
            continue
        look = {"x": "epoch", "y": column, "color": _COLOURS[rows], "ax": ax}
        thin = {"units": "fold", "estimator": None, "alpha": 0.25, "linewidth": 0.8}
        # Folds stop at different epochs: later on, the mean would be that of the few.
        until = int(np.median(curves.groupby("fold")["epoch"].max()))
        if curves["fold"].nunique() > 1:
            sns.lineplot(curves, **look, **thin)
        mean = {"errorbar": "sd", "err_kws": {"alpha": 0.15, "linewidth": 0}}
        sns.lineplot(curves[curves["epoch"] <= until], **look, **mean)


def _legend(
    fig: "Figure", development: bool, dots: bool, scores: Mapping[str, float] | None
) -> None:
    """Name the lines below the figure, where they cover no data."""
    from matplotlib.lines import Line2D

    names = list(_COLOURS)[: 2 if development else 1]
    handles = [Line2D([], [], color=_COLOURS[name], label=name) for name in names]
    if dots:
        handles.append(Line2D([], [], color=CONTRAST, label="chosen epoch", **_DOT))
    if scores is not None:
        low, high = scores["uar_low"], scores["uar_high"]
        interval = f" [{low:.3f}, {high:.3f}]" if np.isfinite(low) else ""
        label = f"test speakers, pooled: {scores['uar']:.3f}{interval}"
        handles.append(Line2D([], [], color=INK, linewidth=1, label=label))
    fig.legend(handles=handles, loc="outside lower center", ncols=len(handles))
