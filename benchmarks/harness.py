"""Time alternatives in turn; print the results as a table, and save them as CSV and figures."""

import importlib.metadata
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, StrMethodFormatter

from ser_lib import console, paths
from ser_lib.experiment import provenance
from ser_lib.plots.layout import figure, grid, heading
from ser_lib.plots.style import ACCENT, CONTRAST, INK, MUTED

TIMES_AS_FAST = "times as fast"
PER_SECOND, MEGABYTES = "utterances per second", "megabytes"


def row(
    what: str,
    against: str,
    values: Sequence[float],
    unit: str,
    *,
    target: float | None = None,
    at_most: bool = False,
    note: str = "",
) -> dict[str, object]:
    """
    Summarise the values of several rounds in a row of the table.

    `what` was measured, and is compared with `against`; `target` is what the median should reach,
    or not exceed if `at_most`; `note` says what a reader must know.
    """
    low, value, high = np.quantile(np.asarray(values, float), (0, 0.5, 1))
    met = ""
    if target is not None:
        met = "yes" if (value <= target if at_most else value >= target) else "no"
    return {
        **{"question": "", "what": what, "against": against},
        **{"value": value, "low": low, "high": high, "unit": unit},
        **{"target": target, "at_most": at_most, "met": met, "rounds": len(values), "note": note},
    }


def interleaved(
    alternatives: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    warm_up: int = 1,
    description: str = "",
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, np.ndarray]:
    """
    Time alternatives in turn (a, b, a, b, ...), and return seconds by name, shape (rounds,).

    Whatever else the machine does then slows all of them, and the ratio of two within a round says
    more than that of their times from different minutes. `warm_up` rounds before do not count, in
    which files are read, graphs traced and workers started.
    """
    seconds = {name: np.zeros(rounds) for name in alternatives}
    total = (warm_up + rounds) * len(alternatives)
    with console.progress(total=total, description=description, unit="run") as bar:
        for number in range(-warm_up, rounds):
            for name, function in alternatives.items():
                bar.set_postfix_str(name, refresh=False)
                started = clock()
                function()
                if number >= 0:
                    seconds[name][number] = clock() - started
                bar.update()
    return seconds


def machine() -> dict[str, str]:
    """Name the processor, the number of cores, and the versions of what was compared."""
    environment = provenance.environment(neural=False)
    hardware, versions = environment["hardware"], dict(environment["versions"])
    for package in ("pyAudioAnalysis", "opensmile", "tensorflow", "keras"):
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "cpu": hardware["cpu"],
        "cores": str(hardware["cores"]),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }


def short(value: float) -> str:
    """Write a number with three significant digits."""
    return f"{float(f'{value:.3g}'):g}"


def text(rows: Sequence[Mapping]) -> str:
    """Write rows as a table for the terminal."""
    cells = []
    for r in rows:
        bound = "at most" if r["at_most"] else "at least"
        target = "" if r["target"] is None else f"{bound} {r['target']:g}"
        spread = f"{short(r['low'])} to {short(r['high'])}" if r["rounds"] > 1 else ""
        value = short(r["value"])
        cells.append((r["what"], r["against"], value, spread, r["unit"], target, r["met"]))
    columns = ("what", "compared with", "median", "range", "unit", "target", "met")
    return console.table(cells, columns)


def save(
    rows: Sequence[Mapping], machine: Mapping[str, str], folder: Path | None = None
) -> list[Path]:
    """
    Write ``benchmarks.csv`` and the figures, and return their paths.

    Rows have the columns `machine` added; earlier rows of other questions stay. The folder is
    ``benchmarks`` in the reports by default.
    """
    folder = paths.reports() / "benchmarks" if folder is None else folder
    file = folder / "benchmarks.csv"
    saved = pd.DataFrame(rows).assign(**machine)
    saved = saved.assign(**{name: saved[name].map(short) for name in ("value", "low", "high")})
    if file.is_file():
        # As text, so that it is written as it was.
        earlier = pd.read_csv(file, dtype=str)
        saved = pd.concat([earlier[~earlier["question"].isin(saved["question"])], saved])
    with paths.whole(file) as stream:
        saved.to_csv(stream, index=False)
    files, saved = [file], pd.read_csv(file)
    growth = saved[(saved["question"] == "scale") & saved["unit"].isin([PER_SECOND, MEGABYTES])]
    ratios = saved[saved["unit"] == TIMES_AS_FAST]
    for name, draw, drawn in (("ratios", ratio_bars, ratios), ("scale", scale_curves, growth)):
        if len(drawn):
            with paths.whole(folder / f"{name}.png", "wb") as stream:
                draw(drawn).savefig(stream, format="png", dpi=150)
            files.append(folder / f"{name}.png")
    return files


@figure
def ratio_bars(rows: pd.DataFrame) -> Figure:
    """Draw ratios as bars from one, on a logarithmic axis, with their ranges and targets."""
    fig, ax = plt.subplots(figsize=(8.4, 1.3 + 0.34 * len(rows)))
    y = np.arange(len(rows))
    colours = [CONTRAST if met == "no" else ACCENT for met in rows["met"]]
    ax.barh(y, rows["value"] - 1, 0.62, left=1, color=colours)
    ax.hlines(y, rows["low"], rows["high"], color=INK, linewidth=1.2)
    ax.vlines(rows["target"], y - 0.42, y + 0.42, color=INK, linewidth=2.2)
    for place, value, high in zip(y, rows["value"], rows["high"], strict=True):
        end = (max(high, 1), place)
        ax.annotate(short(value), end, (6, 0), textcoords="offset points", va="center")
    ax.set_xscale("log")
    ax.axvline(1, color=MUTED, linewidth=0.8)
    ax.set_yticks(y, rows["what"] + "\ncompared with " + rows["against"])
    ax.tick_params(axis="y", labelsize=7)
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    grid(ax, "x")
    ax.set_xlabel("times as fast")
    heading(ax, "Speed compared with alternatives", "line: range of the rounds; tick: target")
    return fig


@figure
def scale_curves(rows: pd.DataFrame) -> Figure:
    """Draw time per utterance and peak memory over the size of the corpus."""
    fig, (time_axes, memory_axes) = plt.subplots(1, 2, figsize=(8.4, 3.0))
    size = rows["against"].str.extract(r"^([\d,]+)")[0].str.replace(",", "").astype(int)
    rows = rows.assign(utterances=size, work=rows["what"].str.split(":").str[0])
    for colour, (work, block) in zip((ACCENT, CONTRAST), rows.groupby("work"), strict=True):
        speed, memory = (block[block["unit"] == unit] for unit in (PER_SECOND, MEGABYTES))
        time_axes.plot(speed["utterances"], 1e3 / speed["value"], "o-", color=colour, label=work)
        memory_axes.plot(memory["utterances"], memory["value"], "o-", color=colour, label=work)
    titles = ("Milliseconds per utterance", "Peak memory in megabytes")
    for ax, title in zip((time_axes, memory_axes), titles, strict=True):
        ax.set(xscale="log", ylim=(0, None), xlabel="utterances")
        ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        grid(ax, "y")
        heading(ax, title)
    time_axes.legend()
    return fig
