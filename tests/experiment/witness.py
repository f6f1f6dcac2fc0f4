"""A toy classifier that says where it was trained, and can be told to die, sleep or fail there."""

import dataclasses
import os
import sys
import time
from pathlib import Path

import numpy as np
from tiny import NearestMean, Tiny

from ser_lib.errors import DivergenceError, InputError


class Witness(NearestMean):
    """Writes a line per training into a file, and into its history what it saw of its process."""

    def __init__(self, *, log=None, trouble=None, seed=0):
        self.log = log
        self.trouble = trouble
        self.seed = seed
        self.sharpness = 1.0

    def get_params(self, deep=False):
        # Where it writes and what befalls it are no part of what it is.
        return {"seed": self.seed}

    def fit(self, X, y, *, groups=None, **options):
        tested = ({"s0", "s1", "s2", "s3"} - set(groups) - {None}).pop()
        with open(self.log, "a") as file:
            file.write(f"{os.getpid()}\n")
        # Whoever wrote the first line, however soon others wrote theirs.
        written = pids(self.log)
        first = written[0] == os.getpid() and written.count(os.getpid()) == 1
        if self.trouble == "fails":
            raise InputError(f"nothing can be learnt without {tested}")
        if self.trouble == "diverges":
            raise DivergenceError(f"the loss is not finite without {tested}")
        if self.trouble == "dies" and first:
            os._exit(1)
        if self.trouble == "sleeps" and first:
            time.sleep(60)
        super().fit(X, y, groups=groups, **options)
        self.history_ = [
            {
                "pid": os.getpid(),
                "mapped": isinstance(X.values, np.memmap),
                "random_sets": sys.flags.hash_randomization,
                "threads": os.environ.get("OMP_NUM_THREADS"),
                "tensorflow": os.environ.get("TF_NUM_INTRAOP_THREADS"),
            }
        ]
        return self


@dataclasses.dataclass(frozen=True, kw_only=True)
class WitnessSystem(Tiny):
    """A system of a `Witness` that writes to `log`."""

    log: str
    trouble: str | None = None

    def classifier(self, seed=0):
        return Witness(log=self.log, trouble=self.trouble, seed=seed)


def make_witness(log, trouble=None, **options):
    """Make a system of a `Witness` that writes to `log`."""
    return WitnessSystem(log=str(log), trouble=trouble, **options)


def pids(log):
    """Processes that trained, one per training."""
    return [int(line) for line in Path(log).read_text().split()] if Path(log).exists() else []
