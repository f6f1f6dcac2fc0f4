"""Figures that set systems beside each other, and beside what was published."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import pandas as pd

from ser_lib.errors import InputError, unknown
from ser_lib.evaluation import metrics
from ser_lib.plots.style import (
    ACCENT,
    CONTRAST,
    INK,
    MUTED,
    NOTE_SIZE,
    figure,
    grid,
    heading,
    interval_line,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class PublishedFigure(Protocol):
    """What `published_comparison` needs to know of a figure that somebody published."""

    metric: str
    value: float
    corpus: str
    classes: int
    protocol: str
    source: str
    speaker_disjoint: bool


def _wrapped(text: str, width: int) -> str:
    import textwrap

    return "\n".join(textwrap.wrap(text, width))


_MARKERS = {"uar": "o", "wa": "D", "macro_f1": "s"}


def _point(ax: "Axes", y: float, value: float, metric: str, colour: str, filled: bool) -> None:
    ax.plot(
        value,
        y,
        _MARKERS[metric],
        color=colour if filled else "white",
        markeredgecolor=colour,
        markeredgewidth=1.5,
        markersize=7 if metric == "uar" else 6,
        zorder=3,
    )
    ax.annotate(
        f"{metrics.TITLES[metric]} {value:.3f}".rstrip("0").rstrip("."),
        (value, y),
        (0, 7),
        textcoords="offset points",
        ha="center",
        fontsize=7.5,
        color=colour,
    )


@figure
def published_comparison(
    scores: Mapping[str, float],
    published: Sequence[PublishedFigure],
    *,
    system: str,
    corpus: str,
    classes: int,
    protocol: str,
    speaker_disjoint: bool = True,
) -> "Figure":
    """
    Show a score of ours and published figures, each with the protocol it was measured under.

    Parameters
    ----------
    scores : mapping of str to float
        ``uar, uar_low, uar_high, wa, wa_low, wa_high``, as `Evaluation.scores` gives them.
    published : sequence of Published
        Figures with ``metric, value, corpus, classes, protocol, source, speaker_disjoint``.
    system, corpus : str
        What was evaluated, and on what.
    classes : int
        Number of classes.
    protocol : str
        Title of the protocol of `scores`.
    speaker_disjoint : bool
        Whether that protocol keeps test speakers out of training.

    Returns
    -------
    Figure
        Ours first, with its 95 % interval over speakers, then the published figures in the order
        given; grey is what was measured on another corpus or other classes, hollow what let test
        speakers into training. Nothing is ranked: figures under different protocols do not measure
        the same.

    Raises
    ------
    InputError
        If a published figure has a metric that we do not know.
    """
    import matplotlib.pyplot as plt

    shown = ["uar", *sorted({p.metric for p in published} - {"uar"})]
    for metric in shown:
        metrics.statistic_of(metric)
    rows: list[tuple] = [
        (_wrapped(f"{system}, here", 34), f"{corpus}, {classes} classes; {protocol}", metric, None)
        for metric in shown
    ]
    rows += [
        (_wrapped(p.source, 34), f"{p.corpus}, {p.classes} classes; {p.protocol}", p.metric, p)
        for p in published
    ]
    fig, ax = plt.subplots(figsize=(9.2, 1.35 + 0.56 * len(rows)))
    for y, (_, how, metric, figure_) in enumerate(rows):
        if figure_ is None:
            colour, disjoint, value = ACCENT, speaker_disjoint, scores[metric]
            low, high = scores[f"{metric}_low"], scores[f"{metric}_high"]
            interval_line(ax, y, low, high, colour)
        else:
            same = (figure_.corpus.lower(), figure_.classes) == (corpus.lower(), classes)
            colour, disjoint, value = (
                INK if same else MUTED,
                figure_.speaker_disjoint,
                figure_.value,
            )
        _point(ax, y, value, metric, colour, disjoint)
        if not disjoint:
            heard = "perhaps heard" if disjoint is None else "heard"
            how += f" (test speakers {heard} in training)"
        ax.annotate(
            _wrapped(how, 52),
            (1, y),
            (12, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=NOTE_SIZE,
            color=INK if colour != MUTED else MUTED,
            annotation_clip=False,
        )
    ax.axhline(len(shown) - 0.5, color=MUTED, linewidth=0.7)
    ax.set_yticks(range(len(rows)), [row[0] for row in rows])
    for label in ax.get_yticklabels()[: len(shown)]:
        label.set_color(ACCENT)
        label.set_fontweight("bold")
    ax.set_ylim(len(rows) - 0.45, -0.75)
    ax.set_xlim(0, 1)
    grid(ax, "x")
    ax.set_xlabel("score")
    heading(ax, "Beside published figures", "protocols differ: not a ranking")
    return fig


def _label(row: pd.Series) -> str:
    """Say what a row of the results table is, as far as the table says it."""
    parts = [str(row[c]) for c in ("setting", "variant") if c in row and row[c] not in ("", None)]
    return f"{row['system']}" + (f"  ({', '.join(parts)})" if parts else "")


def _blocks(results: pd.DataFrame, keys: Sequence[str]) -> list[tuple[dict, pd.DataFrame]]:
    """Divide results into what may be ranked, unknown speakers and training statistics first."""
    ranked = results.sort_values("uar", ascending=False, kind="stable")
    blocks = [
        (dict(zip(keys, values, strict=True)), block)
        for values, block in ranked.groupby(list(keys), sort=False)
    ]
    protocols = list(dict.fromkeys(results["protocol"]))

    def order(item: tuple[dict, pd.DataFrame]) -> tuple:
        what, block = item
        scaled = list(_SCALED).index(what["normalisation"])
        return (not _disjoint(block), protocols.index(what["protocol"]), scaled)

    return sorted(blocks, key=order)


def _disjoint(block: pd.DataFrame) -> bool:
    return "speaker_disjoint" not in block or bool(block["speaker_disjoint"].all())


def _head(what: Mapping[str, object], block: pd.DataFrame) -> str:
    protocol = str(what["protocol"]).replace("_", " ")
    dependent = "" if _disjoint(block) else " (speaker-dependent)"
    classes = f", {what['classes']} classes" if "classes" in what else ""
    return f"{protocol}{dependent}, scaled by {_SCALED[what['normalisation']]}{classes}"


@figure
def leaderboard(results: pd.DataFrame, *, title: str = "") -> "Figure":
    """
    Show the UAR of systems with intervals, ranked within each protocol and normalisation.

    Parameters
    ----------
    results : pd.DataFrame
        A row per evaluation: ``system, protocol, normalisation, uar, uar_low, uar_high`` and,
        where known, ``setting, variant, classes, speaker_disjoint``.
    title : str
        Of what corpus.

    Returns
    -------
    Figure
        One block for each protocol and normalisation (and number of classes, if they differ), what
        was measured on unknown speakers first; lines are 95 % intervals over speakers.

    Raises
    ------
    InputError
        If columns are missing, there are no rows, or a normalisation is unknown.
    """
    import matplotlib.pyplot as plt

    needed = ("system", "protocol", "normalisation", "uar", "uar_low", "uar_high")
    missing = [name for name in needed if name not in results]
    if missing:
        found = ", ".join(map(str, results.columns))
        raise InputError(f"results have no column {', '.join(missing)}; found {found}")
    if results.empty:
        raise InputError("there is nothing to draw: the table of results has no rows")
    for name in results["normalisation"]:
        if name not in _SCALED:
            raise unknown("normalisation", name, _SCALED)
    keys = ["protocol", "normalisation"]
    if "classes" in results and results["classes"].nunique() > 1:
        keys.append("classes")
    fig, ax = plt.subplots(
        figsize=(7.6, 1.2 + 0.34 * (len(results) + results.groupby(keys).ngroups))
    )
    y, ticks = 0.0, []
    for what, block in _blocks(results, keys):
        head = _head(what, block)
        ax.annotate(
            head,
            (0, y),
            (4, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            fontsize=NOTE_SIZE,
            color=MUTED,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
        y += 0.85
        colour = CONTRAST if what["normalisation"] == "speaker" else ACCENT
        for _, row in block.iterrows():
            interval_line(ax, y, row["uar_low"], row["uar_high"], colour)
            ax.plot(row["uar"], y, "o", color=colour, markersize=7, zorder=3)
            right = max(v for v in (row["uar"], row["uar_high"]) if v == v)
            ax.annotate(
                f"{row['uar']:.3f}",
                (right, y),
                (7, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
                annotation_clip=False,
            )
            ticks.append((y, _label(row)))
            y += 1
        y += 0.25
    ax.set_yticks([t for t, _ in ticks], [label for _, label in ticks])
    ax.set_ylim(y - 0.6, -0.7)
    ax.set_xlim(0, 1)
    grid(ax, "x")
    ax.set_xlabel("UAR")
    heading(ax, title or "Leaderboard", "pooled UAR, 95 % intervals over speakers")
    return fig


_SCALED = {
    "train": "training statistics",
    "utterance": "each utterance's own statistics",
    "speaker": "each speaker's own statistics",
}
