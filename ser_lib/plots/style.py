"""One style for all figures, and one colour for each emotion."""

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, to_rgb

from ser_lib.errors import InputError

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

Found by search: hues that readers expect, as far apart as possible for readers with and without
protanopia, deuteranopia and tritanopia (simulated by the matrices of G. M. Machado et al., "A
physiologically-based model for simulation of color vision deficiency", IEEE Transactions on
Visualization and Computer Graphics 15 (2009), pp. 1291-1298). They differ in lightness as well, and
figures label what they colour.
"""

INK = "#2b2b2b"
"""Text and the most important marks."""
MUTED = "#6f6f6f"
"""Axes and notes."""
FAINT = "#dddddd"
"""Grids and backgrounds."""
ACCENT = "#1f6f8b"
"""Our own scores, where no emotion is shown."""
CONTRAST = "#c2571a"
"""The second of two."""
SERIES = (ACCENT, CONTRAST, "#5b4b8a", "#4d7c2b", "#9b2d55", MUTED, "#1b9e9e", INK)
"""Colours of systems shown together."""
LEVELS = "magma"
"""Colour map of levels."""
FRACTIONS = LinearSegmentedColormap.from_list(
    "fractions", ["white", *colormaps["Blues"](np.linspace(0.05, 1, 256))]
)
"""Colour map of fractions, from 0 to 1; white stands for 0 only."""
DIVERGING = "RdBu_r"
"""Colour map of values that have a sign; centred at zero."""
DASHED = (0, (4, 3))
"""Line style of references such as the chance level."""

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
    # Names are no formulas, whatever they hold.
    "text.parse_math": False,
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
"""Font size of notes in points."""
READABLE = 4.5
"""Least contrast of text with its background (WCAG 2.1, level AA)."""


def ordered(emotions: Iterable[str]) -> list[str]:
    """
    List the emotions that occur, in the order of `EMOTION_COLOURS`, then classes that are none.

    InputError where one is missing, and where there are none.
    """
    present = set(emotions)
    if not present:
        raise InputError("there is nothing to draw: the table has no rows")
    if not all(isinstance(emotion, str) for emotion in present):
        raise InputError("an emotion is missing, or no text; expected the name of one in each row")
    added = sorted(present - set(EMOTION_COLOURS))
    return [*(emotion for emotion in EMOTION_COLOURS if emotion in present), *map(str, added)]


def emotion_colours(emotions: Iterable[str]) -> dict[str, str]:
    """
    Give every emotion that occurs its colour, in the order of `ordered`.

    Classes that are no emotions have the colours of emotions that do not occur, the same wherever
    the same classes do.
    """
    present = ordered(emotions)
    free = [look for name, look in EMOTION_COLOURS.items() if name not in present]
    others = itertools.cycle(free or EMOTION_COLOURS.values())
    return {name: EMOTION_COLOURS.get(name) or next(others) for name in present}


def same_length(n: int, values: Sequence, name: str, rows: str) -> np.ndarray:
    """Return `values` as an array; InputError unless there is one for each of the n rows."""
    if len(values) != n:
        raise InputError(f"there are {len(values)} {name} for {n} {rows}; expected {n}")
    return np.asarray(values, dtype=object)


def as_array(values: Sequence, name: str, *axes: str) -> np.ndarray:
    """Return `values` as floats; InputError unless they have these axes, none empty, all finite."""
    values = np.asarray(values, dtype=float)
    finite = np.isfinite(values).all()
    if values.ndim != len(axes) or values.size == 0 or not finite:
        raise InputError(
            f"{name} have the shape {values.shape}{'' if finite else ' and are not all finite'}; "
            f"expected ({', '.join(axes)}), one or more of each, all finite"
        )
    return values


def check_seconds(**durations: float) -> None:
    """Raise an InputError unless all durations are more than 0."""
    for name, value in durations.items():
        if not value > 0:
            raise InputError(f"{name} is {value}; expected seconds, more than 0")


def contrast(one: str | Sequence[float], other: str | Sequence[float]) -> float:
    """Compute the contrast ratio of two colours, from 1 to 21 (WCAG 2.1)."""

    def luminance(colour: str | Sequence[float]) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    dark, light = sorted(luminance(to_rgb(colour)) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def text_colour(colour: str | Sequence[float]) -> tuple[float, ...]:
    """Darken a colour until text in it is readable on white."""
    rgb = np.array(to_rgb(colour))
    while contrast(rgb, "white") < READABLE:
        rgb = rgb * 0.97
    return tuple(rgb)


def text_on(colour: str | Sequence[float]) -> str:
    """Choose dark grey, white or black text, the first that is readable on a colour."""
    # On medium colours dark grey is not dark enough; black is, wherever white is not bright enough.
    return next((c for c in (INK, "white") if contrast(c, colour) >= READABLE), "black")
