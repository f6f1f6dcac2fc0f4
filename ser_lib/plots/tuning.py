"""The figure of the trials among which one was chosen on development speakers."""

import textwrap

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ser_lib.errors import InputError
from ser_lib.plots.layout import (
    draw_intervals,
    draw_points,
    figure,
    grid,
    heading,
    require_columns,
    write,
)
from ser_lib.plots.style import ACCENT, DASHED, INK, MUTED

_SAME = ("subset", "classes", "recordings", "protocol", "normalisation", "folds", "seeds")


@figure
def trials(table: pd.DataFrame, *, title: str = "") -> Figure:
    """
    Show how the trials of a system scored on development speakers.

    The best on top. The trial called ``default`` is filled and in colour, and a line goes through
    its score; light lines are 95 % intervals over speakers. The axis does not begin at zero.

    Parameters
    ----------
    table : pd.DataFrame
        A row per trial: ``trial, dev_uar`` and, where known, ``dev_uar_low, dev_uar_high`` and
        ``changes`` (parameters that differ from the default, as text). What trials were measured
        on, if given (``subset, classes, recordings, protocol, normalisation, folds, seeds``), is
        the same for all.
    title : str
        Of what system.
    """
    require_columns("trials", table, ("trial", "dev_uar"))
    rows = table.dropna(subset="dev_uar").sort_values("dev_uar", ascending=False, kind="stable")
    if rows.empty:
        raise InputError("there is nothing to draw: no trial has a development score")
    for name in _SAME:
        if name in rows and rows[name].nunique(dropna=False) > 1:
            values = " and ".join(map(str, rows[name].unique()))
            raise InputError(f"trials have different {name}: {values}; expected one")
    limits = rows.reindex(columns=["dev_uar_low", "dev_uar_high"]).to_numpy(float)
    texts = rows["changes"].fillna("") if "changes" in rows else [""] * len(rows)
    changes = [textwrap.fill(str(text), 52) for text in texts]
    heights = np.array([1 + 0.42 * text.count("\n") for text in changes])
    rows = rows.assign(y=np.cumsum(heights) - heights / 2)
    default = rows["trial"] == "default"
    colours = np.where(default, ACCENT, INK)
    fig, ax = plt.subplots(figsize=(9.2, 1.2 + 0.36 * heights.sum()))
    draw_intervals(ax, rows["y"], *limits.T, colours)
    for filled, part in rows.groupby(default):
        colour = ACCENT if filled else INK
        look = {"color": colour if filled else "white", "edgecolor": colour, "linewidth": 1}
        draw_points(ax, part, "dev_uar", "y", size=7, native_scale=True, **look)
    for y, score, text, colour in zip(rows["y"], rows["dev_uar"], changes, colours, strict=True):
        write(ax, f"{score:.3f}", 1, y, (10, 0), beside=True, color=colour, fontsize=8.5)
        write(ax, text, 1, y, (52, 0), beside=True, color=MUTED)
    for score in rows.loc[default, "dev_uar"]:
        ax.axvline(score, color=ACCENT, linewidth=0.9, linestyle=DASHED)
    ax.set_yticks(rows["y"], rows["trial"])
    for label, is_default in zip(ax.get_yticklabels(), default, strict=True):
        if is_default:
            label.set(color=ACCENT, fontweight="bold")
    ax.set_ylim(heights.sum(), 0)
    ax.set_xlim(*_range(np.append(limits, rows["dev_uar"])))
    grid(ax, "x")
    ax.set(xlabel="UAR of the development speakers", ylabel="")
    known = np.isfinite(limits).any()
    intervals = "lines: 95 % intervals" if known else "too few speakers for intervals"
    heading(ax, title or "Trials", f"for model selection only; {intervals}")
    return fig


def _range(scores: np.ndarray) -> tuple[float, float]:
    """Choose limits around the scores, multiples of 0.05 and at least 0.1 apart."""
    low, high = np.nanmin(scores) - 0.01, np.nanmax(scores) + 0.01
    middle, half = (low + high) / 2, max(high - low, 0.1) / 2
    low, high = np.floor(20 * (middle - half)) / 20, np.ceil(20 * (middle + half)) / 20
    return max(low, 0.0), min(high, 1.0)
