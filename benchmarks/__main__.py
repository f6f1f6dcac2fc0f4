"""``python -m benchmarks [NAME...] [--quick]``: measure, print the table, keep it."""

import argparse
import importlib
import os
import sys
import time
from collections.abc import Sequence

from ser_lib.errors import unknown

# In this order; those on which others' timings could weigh (memory, disk) come last.
QUESTIONS = (
    *("machine", "startup", "features", "extraction", "training", "profile", "choices"),
    "scale",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run benchmarks; a missed target is said and is no failure of the run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(QUESTIONS)}")
    parser.add_argument(
        "--quick", action="store_true", help="smallest sizes, nothing kept: does it work at all?"
    )
    options = parser.parse_args(arguments)
    for name in options.names:
        if name not in QUESTIONS:
            parser.error(str(unknown("benchmark", name, QUESTIONS)))
    # Set before TensorFlow is imported by anything.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from benchmarks import machine, report

    rows = []
    started = time.monotonic()
    for name in [q for q in QUESTIONS if q in (options.names or QUESTIONS)]:
        print(f"{name} ...", flush=True)
        found = importlib.import_module(f"benchmarks.{name}").run(options.quick)
        print(f"{report.text(found)}\n", flush=True)
        rows += found
        if not options.quick:
            # After each, so that an interruption costs one question only.
            written = report.save(found, machine.description())
    if len(options.names) != 1:
        print(f"{report.text(rows)}\n")
    print(*(f"{key}: {value}" for key, value in machine.description().items()), sep="\n")
    print(f"{time.monotonic() - started:.0f} s")
    if not options.quick:
        print("written:", *(os.path.relpath(file) for file in written))
    missed = [r for r in rows if r.met == "no"]
    for r in missed:
        print(f"missed: {r.what} beside {r.against}: {r.value:.3g}, target {r.target:g}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
