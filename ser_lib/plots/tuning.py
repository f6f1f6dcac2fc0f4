"""The figure of the recipes that were tried before one was chosen."""

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib.errors import InputError
from ser_lib.plots.style import ACCENT, INK, MUTED, NOTE_SIZE, figure, grid, heading, interval_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SAME = ("subset", "classes", "recordings", "protocol", "normalisation", "folds", "seeds")


@figure
def recipes(table: pd.DataFrame, *, title: str = "") -> "Figure":
    """
    Show how the recipes tried for a system scored on development speakers.

    Parameters
    ----------
    table : pd.DataFrame
        A row per recipe: ``recipe, dev_uar`` and, where known, ``dev_uar_low, dev_uar_high`` and
        ``differs`` (from the default by what, as text). What they were measured on, if given
        (``subset, classes, recordings, protocol, normalisation, folds, seeds``), is the same.
    title : str
        Of what system.

    Returns
    -------
    Figure
        The best on top. The recipe called ``default`` is filled and in colour, and a line goes
        through its score; light lines are intervals. The axis does not begin at zero.

    Raises
    ------
    InputError
        If columns are missing, no recipe has a score, or they were not measured on the same.
    """
    import matplotlib.pyplot as plt

    missing = [name for name in ("recipe", "dev_uar") if name not in table]
    if missing:
        found = ", ".join(map(str, table.columns))
        raise InputError(f"recipes have no column {', '.join(missing)}; found {found}")
    rows = table.dropna(subset="dev_uar").sort_values("dev_uar", ascending=False, kind="stable")
    if rows.empty:
        raise InputError("there is nothing to draw: no recipe has a development score")
    for name in _SAME:
        if name in rows and rows[name].nunique(dropna=False) > 1:
            found = " and ".join(map(str, rows[name].unique()))
            raise InputError(f"recipes were tried on different {name}: {found}; expected one")
    limits = rows.reindex(columns=["dev_uar_low", "dev_uar_high"]).to_numpy(float)
    texts = rows["differs"].fillna("") if "differs" in rows else [""] * len(rows)
    differs = ["\n".join(textwrap.wrap(str(text), 52)) for text in texts]
    heights = np.array([1 + 0.42 * text.count("\n") for text in differs])
    middles = np.cumsum(heights) - heights / 2
    fig, ax = plt.subplots(figsize=(9.2, 1.2 + 0.36 * heights.sum()))
    for (_, row), y, (low, high), text in zip(
        rows.iterrows(), middles, limits, differs, strict=True
    ):
        default = row["recipe"] == "default"
        colour = ACCENT if default else INK
        if default:
            ax.axvline(row["dev_uar"], color=ACCENT, linewidth=0.9, linestyle=(0, (4, 3)))
        interval_line(ax, y, low, high, colour)
        fill = colour if default else "white"
        ax.plot(row["dev_uar"], y, "o", color=fill, markeredgecolor=colour, markersize=7, zorder=3)
        for words, offset, look in (
            (f"{row['dev_uar']:.3f}", 10, {"color": colour, "fontsize": 8.5}),
            (text, 52, {"color": MUTED, "fontsize": NOTE_SIZE}),
        ):
            ax.annotate(
                words,
                (1, y),
                (offset, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                va="center",
                annotation_clip=False,
                **look,
            )
    ax.set_yticks(middles, rows["recipe"])
    for label, name in zip(ax.get_yticklabels(), rows["recipe"], strict=True):
        if name == "default":
            label.set(color=ACCENT, fontweight="bold")
    ax.set_ylim(heights.sum(), 0)
    ax.set_xlim(*_range(np.append(limits, rows["dev_uar"])))
    grid(ax, "x")
    ax.set_xlabel("UAR of the development speakers")
    intervals = "; lines: 95 % intervals over speakers" if np.isfinite(limits).any() else ""
    heading(ax, title or "Recipes tried", "to choose by, no results" + intervals)
    return fig


def _range(scores: np.ndarray) -> tuple[float, float]:
    """Choose limits around the scores, in whole twentieths and never so close that noise looms."""
    low, high = np.nanmin(scores) - 0.01, np.nanmax(scores) + 0.01
    middle, half = (low + high) / 2, max(high - low, 0.1) / 2
    low, high = np.floor(20 * (middle - half)) / 20, np.ceil(20 * (middle + half)) / 20
    return max(low, 0.0), min(high, 1.0)
