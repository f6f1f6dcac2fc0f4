"""``python -m benchmarks [NAME...] [--quick]``: measure, print a table and save it."""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Sequence

from ser_lib.errors import unknown

# Module and function of each, in the order in which they run; memory and disk, which could slow
# others, come last.
QUESTIONS = {
    "machine": ("profiling", "measure_machine"),
    "start-up": ("startup", "measure_startup"),
    "features": ("features", "measure_features"),
    "extraction": ("features", "measure_extraction"),
    "training": ("training", "measure_epochs"),
    "profile": ("profiling", "measure_profile"),
    "choices": ("profiling", "measure_choices"),
    "recognition": ("recognition", "measure_recognition"),
    "scale": ("scale", "measure_scale"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run benchmarks; a missed target is reported, and is no failure of the run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(QUESTIONS)}")
    parser.add_argument(
        "--quick", action="store_true", help="smallest sizes, nothing saved: does it run at all?"
    )
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in QUESTIONS:
            parser.error(str(unknown("benchmark", name, QUESTIONS)))
    # Set before anything imports TensorFlow.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from benchmarks import harness

    started = time.monotonic()
    missed = []
    for name in [q for q in QUESTIONS if q in (options.names or QUESTIONS)]:
        print(f"{name} ...", flush=True)
        module, function = QUESTIONS[name]
        measure = getattr(importlib.import_module(f"benchmarks.{module}"), function)
        rows = [row | {"question": name} for row in measure(options.quick)]
        print(f"{harness.text(rows)}\n", flush=True)
        missed += [row for row in rows if row["met"] == "no"]
        if not options.quick:
            # After each, so that an interruption loses one question only.
            files = harness.save(rows, harness.machine())
            print("written:", *(os.path.relpath(file) for file in files))
    print(*(f"{key}: {value}" for key, value in harness.machine().items()), sep="\n")
    print(f"{time.monotonic() - started:.0f} s")
    if missed:
        print(f"missed targets:\n{harness.text(missed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
