"""One look for all figures, and one colour for each emotion."""

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ser_lib.errors import InputError, unknown

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

EMOTION_COLOURS = {
    "anger": "#d92f10",
    "boredom": "#602d00",
    "calm": "#87d6f0",
    "disgust": "#2b8061",
    "excitement": "#ed82cc",
    "fear": "#451d68",
    "frustration": "#802748",
    "happiness": "#f3d352",
    "neutral": "#939b98",
    "sadness": "#325392",
    "surprise": "#ef8218",
    "other": "#171717",
}
"""
The colour of each emotion, in the order in which figures show them.

Found by search: hues that readers expect, as far apart as they can be for the eyes of readers with
and without protanopia, deuteranopia and tritanopia (simulated by the matrices of G. M. Machado et
al., "A physiologically-based model for simulation of color vision deficiency", IEEE Transactions on
Visualization and Computer Graphics 15 (2009), pp. 1291-1298). They differ in lightness as well, and
figures label what they colour.
"""

INK = "#2b2b2b"
"""Text and what matters most."""
MUTED = "#6f6f6f"
"""Axes, notes, what is there for orientation."""
FAINT = "#dddddd"
"""Grids and backgrounds."""
ACCENT = "#1f6f8b"
"""Our own figures, where no emotion is shown."""
CONTRAST = "#c2571a"
"""The second of two."""

STYLE = {
    "figure.dpi": 120,
    "figure.facecolor": "white",
    "figure.constrained_layout.use": True,
    "figure.constrained_layout.h_pad": 0.07,
    "figure.constrained_layout.w_pad": 0.07,
    # It comes with matplotlib, so that figures are the same on every machine.
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.titlecolor": INK,
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.fontsize": 8.5,
}
"""Settings of matplotlib that all figures are drawn under."""

NOTE_SIZE = 8


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Draw under `STYLE` what is drawn inside: ``with plots.style(): ...``."""
    import matplotlib as mpl

    with mpl.rc_context(STYLE):
        yield


def figure(draw: Callable[..., "Figure"]) -> Callable[..., "Figure"]:
    """Make a function that draws do so under `STYLE`, and hand its figure out closed."""

    @functools.wraps(draw)
    def wrapper(*args: object, **options: object) -> "Figure":
        import matplotlib.pyplot as plt

        before = set(plt.get_fignums())
        try:
            with style():
                made = draw(*args, **options)
                # Ticks are made at the first drawing, under whatever settings hold by then.
                made.draw_without_rendering()
                _make_room(made)
        finally:
            # pyplot is asked for figures so that notebooks know how to show one, and made to forget
            # them so that they show it once: as the value of the cell.
            for number in set(plt.get_fignums()) - before:
                plt.close(number)
        return made

    return wrapper


def ordered(emotions: Iterable[str]) -> list[str]:
    """
    List the emotions that occur, in the order of `EMOTION_COLOURS`.

    Raises
    ------
    InputError
        For an emotion that has no colour, or if there is none.
    """
    present = {str(emotion) for emotion in emotions}
    strange = sorted(present - set(EMOTION_COLOURS))
    if strange:
        raise unknown("emotion", strange[0], EMOTION_COLOURS)
    if not present:
        raise InputError("there is nothing to draw: no rows were given")
    return [emotion for emotion in EMOTION_COLOURS if emotion in present]


def _luminance(colour: Sequence[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def same_length(n: int, other: Sequence, what: str, rows: str) -> np.ndarray:
    """Return `other` as an array; InputError unless it has the length n of the rows."""
    if len(other) != n:
        raise InputError(f"{len(other)} {what} but {n} {rows}; expected as many")
    return np.asarray(other, dtype=object)


def text_colour(colour: str) -> tuple[float, ...]:
    """Darken a colour until text in it can be read on white (contrast of 4.5 to 1, WCAG 2.1)."""
    from matplotlib.colors import to_rgb

    rgb = np.array(to_rgb(colour))
    while 1.05 / (_luminance(rgb) + 0.05) < 4.5:
        rgb = rgb * 0.97
    return tuple(rgb)


def text_on(colour: str | Sequence[float]) -> str:
    """Choose white or dark text, whichever stands out more from `colour`."""
    from matplotlib.colors import to_rgb

    return "white" if _luminance(to_rgb(colour)) < 0.22 else INK


def heading(axes: "Axes", title: str, aside: str = "", *, below: bool = False) -> None:
    """Write a title and, at the right end or below it in a whisper, what a reader should know."""
    axes.set_title(title).set_gid("title")
    if below:
        _set_below(axes, title, aside)
        return
    small = {"fontsize": NOTE_SIZE, "fontweight": "normal", "color": MUTED}
    axes.set_title(aside, loc="right", **small).set_gid("aside")


def _make_room(made: "Figure") -> None:
    """Move what stands beside a title below it where the two would touch."""
    for axes in made.axes:
        found = {child.get_gid(): child for child in axes.get_children()}
        title, aside = found.get("title"), found.get("aside")
        if title is None or aside is None or not (title.get_text() and aside.get_text()):
            continue
        if title.get_window_extent().x1 + 8 > aside.get_window_extent().x0:
            text = aside.get_text()
            axes.set_title("", loc="right")
            _set_below(axes, title.get_text(), text)


def _set_below(axes: "Axes", title: str, aside: str) -> None:
    axes.set_title(title, pad=STYLE["axes.titlepad"] + 1.5 * NOTE_SIZE)
    axes.annotate(
        aside,
        (0, 1),
        (0, STYLE["axes.titlepad"] - 2),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=NOTE_SIZE,
        color=MUTED,
    )


def grid(axes: "Axes", axis: str) -> None:
    """Draw faint lines to read values off, and drop the ticks and the spine across them."""
    axes.grid(axis=axis)
    across = "left" if axis == "x" else "bottom"
    axes.spines[across].set_visible(False)
    axes.tick_params(axis="y" if axis == "x" else "x", length=0)


def halo() -> list:
    """Make the path effect by which text stands out from what lies below it."""
    from matplotlib.patheffects import withStroke

    return [withStroke(linewidth=3, foreground="white")]


def interval_line(axes: "Axes", y: float, low: float, high: float, colour: object) -> None:
    """Draw an interval as a horizontal line; nothing where there is none (NaN)."""
    if np.isfinite(low) and np.isfinite(high):
        axes.plot([low, high], [y, y], color=colour, linewidth=2.2, alpha=0.45, zorder=2)


def one_condition(predictions: pd.DataFrame) -> pd.DataFrame:
    """
    Take the test rows under the clean condition out of a table of predictions.

    Raises
    ------
    InputError
        If columns are missing or there are no such rows.
    """
    missing = [c for c in ("emotion", "predicted") if c not in predictions]
    if missing:
        found = ", ".join(map(str, predictions.columns))
        raise InputError(f"predictions have no column {', '.join(missing)}; found {found}")
    rows = predictions
    for column, wanted in (("part", "test"), ("condition", "clean")):
        # A table of a single other part or condition was chosen by the caller.
        if column in rows and rows[column].nunique() > 1:
            rows = rows[rows[column] == wanted]
    if rows.empty:
        raise InputError("there is nothing to draw: no clean test rows were given")
    return rows
