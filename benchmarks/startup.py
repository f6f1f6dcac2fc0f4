"""
How long it takes to begin, and what part of a notebook's time is not the work it shows.

Of the time from the start of a notebook's kernel until its executed copy is written, that part is
not the work it shows in which no cell of code runs, or only the one that imports the package. The
synthetic corpus is rendered before; features and results are made anew. Below what a notebook takes
that does nothing but import what any such notebook needs, that part cannot fall.
"""

import functools
import subprocess
import sys
import time

import nbclient
import nbformat
import numpy as np

import ser_lib
from benchmarks import material
from benchmarks.harness import Row, interleaved, row
from ser_lib import notebooks as runner
from ser_lib.console import progress

QUESTION = "start-up"
_COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import ser_lib": ("-c", "import ser_lib"),
    "ser --help": ("-m", "ser_lib.cli", "--help"),
}
_TARGETS = {"import ser_lib": 0.2, "ser --help": 0.5}
_NOTEBOOKS = ("01", "02")
_LIBRARIES = "import matplotlib.pyplot, pandas, sklearn.feature_selection, sklearn.svm"


def run(quick: bool) -> list[Row]:
    """Start fresh processes, and execute notebooks."""
    starts = {name: functools.partial(_python, *rest) for name, rest in _COMMANDS.items()}
    seconds = interleaved(starts, 2 if quick else 15, description="starting")
    bare = seconds["python -c pass"]
    rows = []
    for name, target in _TARGETS.items():
        note = f"{np.median(seconds[name] / bare):.1f} times a start of Python that does nothing"
        rows.append(
            row(
                *(QUESTION, name, "nothing", seconds[name], "seconds"),
                target=target,
                at_most=True,
                note=note,
            )
        )
    for name in progress(_NOTEBOOKS[:1] if quick else _NOTEBOOKS, description="notebooks"):
        stem, shares, note = _notebook(name, 1 if quick else 3)
        rows.append(
            row(
                *(QUESTION, f"notebook {stem}", "its time", shares, "of time is not its work"),
                target=0.1,
                at_most=True,
                note=note,
            )
        )
    return rows


def _python(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)


def _notebook(name: str, rounds: int) -> tuple[str, list[float], str]:
    """Execute a notebook; its name, and by round the share of its time that is not its work."""
    shares, floors = [], []
    for _ in range(rounds):
        floor = _importing()
        with material.own_folders():
            assert ser_lib.load_corpus("synthetic").fingerprint
            (outcome,) = runner.run([name])
            if outcome.failure is not None:
                raise RuntimeError(f"notebook {name} failed: {outcome.failure.reason}")
            cells = nbformat.read(outcome.job.output, as_version=4).cells
        shown = [c for c in cells if c.cell_type == "code" and "import ser_lib" not in c.source]
        work = sum(c.metadata.get("seconds", 0.0) for c in shown)
        shares.append(1 - work / outcome.seconds)
        floors.append(floor / outcome.seconds)
    note = (
        f"{outcome.seconds:.0f} s in all; {np.median(floors):.3f} of it would start a kernel that "
        "imports pandas, matplotlib and scikit-learn"
    )
    return outcome.job.notebook.stem, shares, note


def _importing() -> float:
    """Execute a notebook that only imports libraries; seconds."""
    cells = [nbformat.v4.new_code_cell(_LIBRARIES)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    started = time.perf_counter()
    nbclient.NotebookClient(notebook, kernel_name="python3").execute()
    return time.perf_counter() - started
