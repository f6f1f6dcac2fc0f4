"""``python -m benchmarks.stress [NAME...] [--quick]``: run the trials, print and save a table."""

import argparse
import importlib
import signal
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.stress import outcome
from ser_lib import paths
from ser_lib.errors import unknown

# Of each trial: its module and function, the cases of a whole and of a quick run.
TRIALS: dict[str, tuple[str, str, int, int]] = {
    "tables": ("tables", "tables", 500, 30),
    "recordings": ("recordings", "recordings", 10_000, 200),
    "damage": ("damage", "damage", 2000, 40),
    "hostile": ("hostile", "hostile", 400, 60),
    "kills": ("kills", "kills", 100, 2),
    "signals": ("signals", "signals", 30, 2),
    "races": ("races", "races", 100, 3),
    "disks": ("disks", "disks", 20, 2),
    "trainings": ("memory", "trainings", 60, 7),
    "many recordings": ("memory", "recordings", 20_000, 500),
    "long recordings": ("memory", "minutes", 120, 2),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run trials; return 1 if anything went wrong in one of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stress", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(TRIALS)}")
    parser.add_argument("--quick", action="store_true", help="a few cases each, nothing saved")
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in TRIALS:
            parser.error(str(unknown("trial", name, TRIALS)))
    # A shell that starts this in the background lets it ignore Ctrl-C, and `nohup` the end of the
    # terminal; what the trials start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
    outcomes = []
    for name in [t for t in TRIALS if t in (options.names or TRIALS)]:
        outcomes.append(run(name, quick=options.quick))
        print(outcome.table(outcomes[-1:]).to_string(index=False), flush=True)
        print(*(f"  {example}" for example in outcomes[-1].examples), sep="\n", flush=True)
    print(outcome.table(outcomes).to_string(index=False))
    if not options.quick:
        target = paths.reports() / "benchmarks" / "stress.csv"
        outcome.save(outcomes, target)
        print(f"written: {target}")
    return 0 if all(each.passed for each in outcomes) else 1


def run(name: str, *, quick: bool) -> outcome.Outcome:
    """Run one trial in a folder of its own, which is removed afterwards."""
    module, function, count, few = TRIALS[name]
    trial = getattr(importlib.import_module(f"benchmarks.stress.{module}"), function)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ser_lib_stress_") as folder:
        found = trial(few if quick else count, Path(folder))
    found.seconds = time.monotonic() - started
    return found


if __name__ == "__main__":
    raise SystemExit(main())
