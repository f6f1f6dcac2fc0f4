"""What figures share: drawing and saving, titles, marks, axes, scales of colours."""

import functools
import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MultipleLocator

from ser_lib.errors import InputError
from ser_lib.plots.style import DASHED, MUTED, NOTE_SIZE, STYLE, emotion_colours


def figure(draw: Callable[..., Figure]) -> Callable[..., Figure]:
    """Make a function draw under `STYLE` and return its figure closed."""

    @functools.wraps(draw)
    def wrapper(*args: object, **options: object) -> Figure:
        before = set(plt.get_fignums())
        try:
            with mpl.rc_context(STYLE):
                fig = draw(*args, **options)
                _fit_titles(fig)
        finally:
            # Notebooks show the figures of pyplot at the end of a cell, and the value of the cell:
            # a figure that pyplot has forgotten is shown once.
            for number in set(plt.get_fignums()) - before:
                plt.close(number)
        return fig

    return wrapper


def save(
    fig: Figure,
    file: str | os.PathLike | IO[bytes],
    *,
    dpi: int = 130,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """
    Save a figure as a PNG file that shows all of it.

    `file` is a path or a binary file, `dpi` are pixels per inch, `metadata` texts to store in the
    file by name. The version of matplotlib is left out: the same figure gives the same file.
    """
    with mpl.rc_context(STYLE):
        notes = {"Software": None, **(metadata or {})}
        fig.savefig(file, format="png", dpi=dpi, bbox_inches="tight", metadata=notes)


def clean_test_rows(predictions: pd.DataFrame) -> pd.DataFrame:
    """Select the test rows under the clean condition; InputError if there are none."""
    require_columns("predictions", predictions, ("emotion", "predicted"))
    rows = predictions
    for column, wanted in (("part", "test"), ("condition", "clean")):
        # A table of a single other part or condition was chosen by the caller.
        if column in rows and rows[column].nunique() > 1:
            rows = rows[rows[column] == wanted]
    if rows.empty:
        raise InputError("there is nothing to draw: predictions have no clean test rows")
    return rows


def require_columns(name: str, table: pd.DataFrame, columns: Sequence[str]) -> None:
    """Raise an InputError if a table lacks some columns."""
    missing = [column for column in columns if column not in table]
    if missing:
        found = ", ".join(map(str, table.columns))
        raise InputError(f"{name} have no column {', '.join(missing)}; found {found}")


def heading(axes: Axes, title: str, note: str = "", *, below: bool = False) -> None:
    """Write a title, and a note in small print at the right or below it."""
    axes.set_title(title).set_gid("title")
    if below:
        _write_below(axes, title, note)
        return
    small = {"fontsize": NOTE_SIZE, "fontweight": "normal", "color": MUTED}
    axes.set_title(note, loc="right", **small).set_gid("note")


def _fit_titles(fig: Figure) -> None:
    """Draw, wrap titles that are wider than the figure, and move notes that touch them below."""
    texts = {axes: {child.get_gid(): child for child in axes.get_children()} for axes in fig.axes}
    above = [own[gid] for own in texts.values() for gid in ("title", "note") if gid in own]
    # Ticks are made when first drawn, under the settings that hold at that time. What is of several
    # times the width of its axes, and has no place yet, would leave them no room.
    for text in above:
        text.set_visible(False)
    fig.draw_without_rendering()
    for text in above:
        text.set_visible(True)
    for axes, own in texts.items():
        title, note = own.get("title"), own.get("note")
        if title is not None and title.get_text():
            box, text = title.get_window_extent(), title.get_text()
            room = fig.bbox.x1 - box.x0
            if box.width > room:
                lines = textwrap.wrap(text, int(len(text) * room / box.width))
                title.set_text("\n".join(lines))
                fig.set_figheight(fig.get_figheight() + 0.17 * (len(lines) - 1))
        if title is None or note is None or not (title.get_text() and note.get_text()):
            continue
        if title.get_window_extent().x1 + 8 > note.get_window_extent().x0:
            text = note.get_text()
            axes.set_title("", loc="right")
            _write_below(axes, title.get_text(), text)


def _write_below(axes: Axes, title: str, note: str) -> None:
    axes.set_title(title, pad=STYLE["axes.titlepad"] + 1.5 * NOTE_SIZE)
    above = (0, STYLE["axes.titlepad"] - 2)
    write(axes, note, 0, 1, above, xycoords="axes fraction", va="baseline", color=MUTED)


def write(
    axes: Axes,
    text: str,
    x: float,
    y: float,
    offset: tuple[float, float] = (0, 0),
    *,
    beside: bool = False,
    halo: bool = False,
    **look: object,
) -> Any:
    """
    Write a note at a point of the data and an offset from it in points.

    With `beside`, x is a fraction of the width of the axes: 1 is their right end. With `halo`, the
    text gets a white outline, so that it can be read over lines.
    """
    if beside:
        look["xycoords"] = ("axes fraction", "data")
    if halo:
        look["path_effects"] = [withStroke(linewidth=3, foreground="white")]
    look = {"fontsize": NOTE_SIZE, "va": "center", "annotation_clip": False} | look
    return axes.annotate(text, (x, y), offset, textcoords="offset points", **look)


def draw_points(axes: Axes, rows: pd.DataFrame, x: str, y: str, **look: object) -> None:
    """Draw a point for each row of a table at the scores in a column, by seaborn."""
    look = {"orient": "y", "jitter": False, "legend": False, "zorder": 3} | look
    sns.stripplot(rows, x=x, y=y, ax=axes, **look)


def draw_violins(axes: Axes, x: np.ndarray, emotions: np.ndarray, **look: object) -> None:
    """Draw how values are distributed in each emotion, as violins of one width, by seaborn."""
    colours = emotion_colours(emotions)
    look |= {"hue": emotions, "palette": colours, "saturation": 1, "alpha": 0.65}
    look |= {"order": list(colours), "cut": 0, "density_norm": "width", "legend": False}
    sns.violinplot(x=x, y=emotions, linewidth=0.8, ax=axes, **look)


def draw_intervals(
    axes: Axes,
    positions: Sequence[float],
    low: Sequence[float],
    high: Sequence[float],
    colours: Any,
    *,
    vertical: bool = False,
) -> None:
    """Draw intervals that were computed before as lines through their points; none where NaN."""
    ends = np.array([positions, low, high], dtype=float)
    known = np.isfinite(ends).all(axis=0)
    if not isinstance(colours, str):
        colours = np.asarray(colours, dtype=object)[known]
    lines = axes.vlines if vertical else axes.hlines
    drawn = lines(*ends[:, known], colors=colours, linewidth=2.2, alpha=0.45, zorder=2)
    drawn.set_gid("intervals")


def draw_chance(axes: Axes, n_classes: int, y: float) -> None:
    """Draw the UAR of guessing as a dashed line, named at the height y."""
    chance = 1 / n_classes
    axes.axvline(chance, color=MUTED, linewidth=0.9, linestyle=DASHED, zorder=1)
    write(axes, "chance", chance, y, (3, 0), fontsize=7.5, color=MUTED, va="bottom")


def grid(axes: Axes, axis: str) -> None:
    """Draw faint lines to read values off, and remove the ticks and the spine across them."""
    axes.grid(axis=axis)
    across = "left" if axis == "x" else "bottom"
    axes.spines[across].set_visible(False)
    axes.tick_params(axis="y" if axis == "x" else "x", length=0)


def score_axis(axes: Axes, name: str, bounds: tuple[float, float] = (0.0, 1.0)) -> None:
    """Lay out the axis along which rows of scores are drawn, from their least to their greatest."""
    axes.set_xlim(*(bound if np.isfinite(bound) else None for bound in bounds))
    grid(axes, "x")
    axes.set(xlabel=name, ylabel="")


def name_rows(axes: Axes, labels: Sequence[str]) -> None:
    """Name rows at 0, 1, 2 ..., the first on top."""
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.4, -0.75)


def seconds_locator(length: float, n: float) -> MultipleLocator:
    """Choose ticks in seconds for an axis of some length, at most n of them."""
    steps = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 60)
    return MultipleLocator(next((s for s in steps if length / s <= n), 300))


def colour_bar(image: ScalarMappable, panels: Sequence[Axes], label: str) -> Colorbar:
    """
    Put a scale of colours beside a row of panels.

    It ends in a point on each side on which the image has values beyond the colours.
    """
    low, high = image.get_clim()
    values = np.ma.masked_invalid(image.get_array())
    beyond = int(values.min() < low) + 2 * int(values.max() > high)
    extend = ("neither", "min", "max", "both")[beyond]
    look = {"pad": 0.015, "aspect": 14, "extend": extend, "extendfrac": 0.04}
    bar = panels[0].figure.colorbar(image, ax=list(panels), **look)
    bar.outline.set_visible(False)
    bar.set_label(label)
    return bar
