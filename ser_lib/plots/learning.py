"""The figure of a training: loss and UAR over the epochs."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ser_lib.errors import InputError
from ser_lib.evaluation.predictions import with_limits
from ser_lib.plots.layout import figure, heading, require_columns
from ser_lib.plots.style import ACCENT, CONTRAST, INK

_COLUMNS = ["fold", "epoch", "loss", "uar", "dev_loss", "dev_uar"]


@figure
def learning_curves(
    histories: Sequence[Sequence[Mapping] | Mapping[str, Sequence]],
    chosen: Sequence[int | None] | None = None,
    *,
    scores: Mapping[str, float] | None = None,
) -> Figure:
    """
    Show loss and UAR over the epochs of every training, and which epoch was chosen.

    Thin lines are trainings, one for each fold and seed; thick ones their mean, with one standard
    deviation around, until half of them have stopped; dots are the chosen epochs. The grey line and
    band are the pooled UAR of the test speakers and its 95 % interval.

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
    """
    tables = [pd.DataFrame(history).assign(fold=i) for i, history in enumerate(histories)]
    if not tables or any(table.empty for table in tables):
        raise InputError("histories have no epochs; expected one or more for each fold")
    for table in tables:
        require_columns("histories", table, ("epoch", "loss"))
    rows = pd.concat(tables).reindex(columns=_COLUMNS)
    if chosen is None:
        # Of several epochs with the best UAR, the one of the lowest loss.
        best = rows.dropna(subset="dev_uar").sort_values("dev_loss", kind="stable")
        best = best.sort_values("dev_uar", ascending=False, kind="stable")
        chosen = best.groupby("fold")["epoch"].first().reindex(range(len(tables))).tolist()
    if len(chosen) != len(tables):
        raise InputError(f"there are {len(chosen)} chosen epochs for {len(tables)} histories")
    points = rows[rows["epoch"] == rows["fold"].map(dict(enumerate(chosen)))]
    fig, axes = plt.subplots(1, 2, figsize=(8.2, 3.5))
    for ax, name in zip(axes, ("loss", "uar"), strict=True):
        _draw_curves(ax, rows, name)
        if points[f"dev_{name}"].notna().any():
            dots = {"color": CONTRAST, "markeredgecolor": "white", "markeredgewidth": 0.7}
            dots |= {"marker": "o", "markersize": 4.5, "linestyle": "none", "zorder": 4}
            ax.plot(points["epoch"], points[f"dev_{name}"], label="chosen epoch", **dots)
        first, last = rows["epoch"].min(), rows["epoch"].max()
        ax.set(xlabel="epoch", xlim=(first, max(last, first + 1)))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        ax.grid(axis="y")
    axes[0].set(ylabel="loss", ylim=(0, None))
    axes[1].set(ylabel="UAR", ylim=(0, 1))
    heading(axes[0], "Loss")
    note = f"{len(tables)} trainings" if len(tables) > 1 else "one training"
    if len(points):
        low, high = points["epoch"].min(), points["epoch"].max()
        note += f"; epochs chosen: {low} to {high}" if low < high else f"; epoch chosen: {low}"
    development = rows["dev_uar"].notna().any()
    heading(axes[1], "Training and development UAR" if development else "Training UAR", note)
    if scores is not None:
        uar, low, high = (scores[name] for name in ("uar", "uar_low", "uar_high"))
        label = f"test speakers, pooled: {with_limits(uar, low, high)}"
        axes[1].axhspan(low, high, color=INK, alpha=0.1, linewidth=0)
        axes[1].axhline(uar, color=INK, linewidth=1, label=label)
    # Below the figure, where it covers no data.
    fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return fig


def _draw_curves(ax: Axes, rows: pd.DataFrame, name: str) -> None:
    """Draw the trainings as thin lines, and their mean and standard deviation."""
    columns = {name: ("training", ACCENT), f"dev_{name}": ("development speakers", CONTRAST)}
    for column, (label, colour) in columns.items():
        curves = rows[["fold", "epoch", column]].dropna()
        if curves.empty:
            continue
        look = {"x": "epoch", "y": column, "color": colour, "legend": False, "ax": ax}
        thin = {"units": "fold", "estimator": None, "alpha": 0.25, "linewidth": 0.8}
        # Folds stop at different epochs: later on, the mean would be that of the few.
        until = int(np.median(curves.groupby("fold")["epoch"].max()))
        if curves["fold"].nunique() > 1:
            sns.lineplot(curves, **look, **thin)
        mean = {"errorbar": "sd", "err_kws": {"alpha": 0.15, "linewidth": 0}, "label": label}
        sns.lineplot(curves[curves["epoch"] <= until], **look, **mean)
