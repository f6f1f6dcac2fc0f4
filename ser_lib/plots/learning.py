"""How a network learnt: loss and UAR over the epochs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib.errors import InputError
from ser_lib.plots.style import (
    ACCENT,
    CONTRAST,
    INK,
    figure,
    heading,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _kept(history: pd.DataFrame) -> int | None:
    """Find the epoch of the best development UAR; of several, that of the lowest loss."""
    if "dev_uar" not in history or history["dev_uar"].isna().all():
        return None
    by = ["dev_uar"] + (["dev_loss"] if "dev_loss" in history else [])
    best = history.sort_values(by, ascending=[False, True][: len(by)], kind="stable")
    return int(best["epoch"].iloc[0])


def _curves(ax: "Axes", histories: list[pd.DataFrame], name: str, colour: str) -> None:
    """Draw one curve per fold faintly, their mean strongly, and one standard deviation around."""
    present = [h.set_index("epoch")[name].astype(float) for h in histories if name in h]
    present = [h.dropna() for h in present if h.notna().any()]
    if not present:
        return
    for curve in present:
        ax.plot(curve.index, curve, color=colour, alpha=0.22, linewidth=0.8)
    if len(present) == 1:
        ax.plot(present[0].index, present[0], color=colour)
        return
    # Folds stop at different epochs: beyond the middle one the mean would be that of the few.
    until = int(np.median([curve.index.max() for curve in present]))
    table = pd.concat(present, axis=1).loc[:until]
    mean, spread = table.mean(axis=1), table.std(axis=1).fillna(0)
    ax.fill_between(table.index, mean - spread, mean + spread, color=colour, alpha=0.15, lw=0)
    ax.plot(table.index, mean, color=colour)


@figure
def learning_curves(
    histories: Sequence[Sequence[Mapping] | Mapping[str, Sequence]],
    chosen: Sequence[int | None] | None = None,
) -> "Figure":
    """
    Show how loss and UAR went over the epochs, fold by fold, and which epoch was kept.

    Parameters
    ----------
    histories : sequence of histories
        One per fold (and seed): a list of dictionaries, one per epoch, or a dictionary of columns,
        with ``epoch, loss, uar`` and, where there were development rows, ``dev_loss, dev_uar``.
    chosen : sequence of int, optional
        The epoch that each fold kept; by default that of its best development UAR, which is what
        the classifier keeps unless told otherwise.

    Returns
    -------
    Figure
        Thin lines are folds; thick ones their mean, with one standard deviation around, as long as
        at least half of the folds go on; dots are the epochs kept.

    Raises
    ------
    InputError
        If no history has an epoch, or `chosen` is not as long as `histories`.
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    tables = [pd.DataFrame(history) for history in histories]
    if not tables or any(table.empty for table in tables):
        raise InputError("learning curves need a history with at least one epoch for each fold")
    missing = [name for name in ("epoch", "loss") if any(name not in t for t in tables)]
    if missing:
        raise InputError(f"histories have no column {', '.join(missing)}")
    if chosen is None:
        chosen = [_kept(table) for table in tables]
    if len(chosen) != len(tables):
        raise InputError(f"{len(chosen)} chosen epochs but {len(tables)} histories")
    fig, axes = plt.subplots(1, 2, figsize=(8.2, 3.3))
    for ax, name in zip(axes, ("loss", "uar"), strict=True):
        _curves(ax, tables, name, ACCENT)
        _curves(ax, tables, f"dev_{name}", CONTRAST)
        for table, epoch in zip(tables, chosen, strict=True):
            if epoch is not None and f"dev_{name}" in table:
                y = table.loc[table["epoch"] == epoch, f"dev_{name}"]
                ax.plot(
                    [epoch] * len(y),
                    y,
                    "o",
                    color=CONTRAST,
                    markersize=4.5,
                    markeredgecolor="white",
                    markeredgewidth=0.7,
                    zorder=4,
                )
        ax.set_xlabel("epoch")
        ax.set_xlim(left=min(table["epoch"].min() for table in tables))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        ax.grid(axis="y")
    heading(axes[0], "Loss")
    axes[0].set_ylim(bottom=0)
    axes[1].set_ylim(0, 1)
    aside = f"{len(tables)} folds" if len(tables) > 1 else "one fold"
    kept = [epoch for epoch in chosen if epoch is not None]
    if kept:
        low, high = min(kept), max(kept)
        aside += f"; epoch kept: {low}" if low == high else f"; epochs kept: {low} to {high}"
    heading(axes[1], "UAR", aside)
    _name_curves(axes[0], any("dev_loss" in table for table in tables), bool(kept))
    return fig


def _name_curves(ax: "Axes", development: bool, kept: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=ACCENT, label="training")]
    if development:
        handles.append(Line2D([], [], color=CONTRAST, label="development speakers"))
    if kept:
        dot = {"marker": "o", "markersize": 4.5, "linestyle": "none", "markeredgecolor": "white"}
        handles.append(Line2D([], [], color=CONTRAST, label="epoch kept", **dot))
    ax.legend(handles=handles, loc="lower left", labelcolor=INK)
