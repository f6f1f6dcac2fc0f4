"""The table: printed, and kept as a CSV and figures."""

import csv
from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import pandas as pd

from benchmarks import scale
from benchmarks.harness import TIMES_AS_FAST, Row, rounded
from ser_lib import paths
from ser_lib.console import table
from ser_lib.plots.style import ACCENT, CONTRAST, INK, MUTED, figure, grid, heading

_COLUMNS = [*Row._fields[:6], "unit", "target", "at_most", "met", "rounds", "note"]


def text(rows: Sequence[Row]) -> str:
    """Write rows as a table to be read in a terminal."""
    cells = []
    for r in rows:
        target = (
            "" if r.target is None else f"{'at most' if r.at_most else 'at least'} {r.target:g}"
        )
        spread = f"{rounded(r.low):g} to {rounded(r.high):g}" if r.rounds > 1 else ""
        value = f"{rounded(r.value):g}"
        cells.append((r.question, r.what, r.against, value, spread, r.unit, target, r.met))
    heads = ("question", "what", "beside", "median", "spread", "", "target", "met")
    return table(cells, heads)


def save(rows: Sequence[Row], machine: dict[str, str], folder: Path | None = None) -> list[Path]:
    """
    Write ``benchmarks.csv`` and the figures; earlier rows of other questions are kept.

    Parameters
    ----------
    rows : sequence of Row
        What was measured.
    machine : dict
        Columns that say where.
    folder : Path, optional
        ``benchmarks`` in the reports by default.

    Returns
    -------
    list of Path
        What was written.
    """
    folder = paths.reports() / "benchmarks" if folder is None else folder
    file = folder / "benchmarks.csv"
    records = [
        {name: getattr(r, name) for name in _COLUMNS}
        | {name: rounded(getattr(r, name)) for name in ("value", "low", "high")}
        | machine
        for r in rows
    ]
    if file.is_file():
        fresh = {r.question for r in rows}
        with file.open(encoding="utf-8", newline="") as old:
            records = [r for r in csv.DictReader(old) if r["question"] not in fresh] + records
    with paths.whole(file) as out:
        writer = csv.DictWriter(out, [*_COLUMNS, *machine], lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    written = [file]
    found = pd.read_csv(file)
    ratios = found[found["unit"] == TIMES_AS_FAST]
    growth = found[(found["question"] == scale.QUESTION) & found["unit"].isin(scale.FIGURE_UNITS)]
    for name, draw, drawn in (("ratios", ratio_bars, ratios), ("scale", scale_curves, growth)):
        if len(drawn):
            with paths.whole(folder / f"{name}.png", "wb") as out:
                draw(drawn).savefig(out, format="png", dpi=150)
            written.append(folder / f"{name}.png")
    return written


@figure
def ratio_bars(rows: pd.DataFrame) -> "mpl.figure.Figure":
    """Draw ratios as bars from one, on a logarithmic axis, their spread and their targets."""
    import matplotlib.pyplot as plt

    fig, ax = plt.subplots(figsize=(8.4, 1.3 + 0.34 * len(rows)))
    for y, r in enumerate(rows.itertuples()):
        ax.barh(y, r.value - 1, 0.62, left=1, color=CONTRAST if r.met == "no" else ACCENT)
        ax.plot([r.low, r.high], [y, y], color=INK, linewidth=1.2)
        if r.target == r.target:
            ax.plot([r.target] * 2, [y - 0.42, y + 0.42], color=INK, linewidth=2.2)
        ax.annotate(
            f"{rounded(r.value):g}",
            (max(r.high, r.value, 1), y),
            (6, 0),
            textcoords="offset points",
            va="center",
        )
    ax.set_xscale("log")
    ax.axvline(1, color=MUTED, linewidth=0.8)
    ax.set_yticks(range(len(rows)), [f"{r.what}\nbeside {r.against}" for r in rows.itertuples()])
    ax.tick_params(axis="y", labelsize=7)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.xaxis.set_major_formatter(mpl.ticker.StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    grid(ax, "x")
    ax.set_xlabel("times as fast")
    heading(ax, "Beside what people would use instead", "line: spread; tick: target")
    return fig


@figure
def scale_curves(rows: pd.DataFrame) -> "mpl.figure.Figure":
    """Draw time per utterance and peak memory over the size of the corpus."""
    import matplotlib.pyplot as plt

    fig, (time, memory) = plt.subplots(1, 2, figsize=(8.4, 3.0))
    rows = rows.assign(
        utterances=rows["against"].str.extract(r"^([\d,]+)")[0].str.replace(",", "").astype(int),
        work=rows["what"].str.split(":").str[0],
    )
    for colour, (work, block) in zip((ACCENT, CONTRAST), rows.groupby("work"), strict=True):
        speed = block[block["unit"] == scale.PER_SECOND]
        size = block[block["unit"] == scale.MEGABYTES]
        time.plot(speed["utterances"], 1e3 / speed["value"], "o-", color=colour, label=work)
        memory.plot(size["utterances"], size["value"], "o-", color=colour, label=work)
    for ax, title in ((time, "Milliseconds per utterance"), (memory, "Peak memory in megabytes")):
        ax.set_xscale("log")
        ax.set_ylim(0)
        ax.set_xlabel("utterances")
        grid(ax, "y")
        heading(ax, title)
    time.legend()
    return fig
