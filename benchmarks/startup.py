"""
How long starting takes, and what fraction of a notebook's time is spent outside its cells.

The time outside is that from the start of a notebook's kernel until its executed copy is written,
less that of its cells of code, but for the one that imports the package. The synthetic corpus is
rendered before; features and results are computed anew.
"""

import functools
import subprocess
import sys

import nbformat
import numpy as np

import ser_lib
from benchmarks import material
from benchmarks.harness import interleaved, row
from ser_lib.console import progress
from ser_lib.notebooks import run_notebooks

_COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import ser_lib": ("-c", "import ser_lib"),
    "ser --help": ("-m", "ser_lib.cli", "--help"),
}
_TARGETS = {"import ser_lib": 0.2, "ser --help": 0.5}
_NOTEBOOKS = ("01", "02")


def measure_startup(quick: bool) -> list[dict]:
    """Start new processes, and execute notebooks."""
    starts = {name: functools.partial(run_python, *rest) for name, rest in _COMMANDS.items()}
    seconds = interleaved(starts, 2 if quick else 15, description="starting")
    rows = []
    for name, target in _TARGETS.items():
        ratio = np.median(seconds[name] / seconds["python -c pass"])
        note = f"{ratio:.1f} times a start of Python that does nothing"
        bound = {"target": target, "at_most": True}
        rows.append(row(name, "nothing", seconds[name], "seconds", **bound, note=note))
    for name in progress(_NOTEBOOKS[:1] if quick else _NOTEBOOKS, description="notebooks"):
        rows.append(_notebook(name, 1 if quick else 3))
    return rows


def run_python(*arguments: str) -> None:
    """Run Python in a process of its own; nothing is printed."""
    subprocess.run(
        [sys.executable, *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
    )


def _notebook(name: str, rounds: int) -> dict:
    """Measure the fraction of a notebook's time that is spent outside its cells."""
    outside = []
    for _ in range(rounds):
        with material.temporary_folders():
            assert ser_lib.load_corpus("synthetic").fingerprint
            (outcome,) = run_notebooks([name])
            if outcome.failure is not None:
                raise RuntimeError(f"notebook {name} failed: {outcome.failure.reason}")
            cells = nbformat.read(outcome.run.output, as_version=4).cells
        timed = [c for c in cells if c.cell_type == "code" and "import ser_lib" not in c.source]
        inside = sum(c.metadata.get("seconds", 0.0) for c in timed)
        outside.append(1 - inside / outcome.seconds)
    what, note = f"notebook {outcome.run.name}", f"{outcome.seconds:.0f} s in all"
    bound = {"target": 0.1, "at_most": True}
    return row(what, "its time", outside, "of time outside its cells", **bound, note=note)
