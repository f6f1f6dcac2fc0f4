"""Competitors in turn, and the rows of the table they end in."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ser_lib.console import progress

TIMES_AS_FAST = "times as fast"


class Row(NamedTuple):
    """
    One line of the table.

    Parameters
    ----------
    question : str
        Which benchmark it belongs to.
    what, against : str
        What was measured, and what it is set beside.
    value, low, high : float
        Median, smallest and largest of the rounds.
    unit : str
        Of the value: a ratio, or work per second.
    target : float, optional
        What it should reach.
    at_most : bool
        Whether the target is an upper bound.
    rounds : int
        How often it was measured.
    note : str
        What a reader must know.
    """

    question: str
    what: str
    against: str
    value: float
    low: float
    high: float
    unit: str
    target: float | None = None
    at_most: bool = False
    rounds: int = 1
    note: str = ""

    @property
    def met(self) -> str:
        """Whether the target is met: "yes", "no", or "" without one."""
        if self.target is None:
            return ""
        good = self.value <= self.target if self.at_most else self.value >= self.target
        return "yes" if good else "no"


def row(
    question: str, what: str, against: str, values: Sequence[float], unit: str, **options: object
) -> Row:
    """Make a row of the values of several rounds; options as `Row` has them."""
    values = np.asarray(values, dtype=float)
    middle, low, high = np.median(values), values.min(), values.max()
    return Row(question, what, against, middle, low, high, unit, rounds=len(values), **options)


def interleaved(
    ways: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    warm: int = 1,
    description: str = "",
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, np.ndarray]:
    """
    Time several ways of doing the same in turn: a, b, a, b, ...

    Whatever else the machine does then slows all of them, and the ratio of two ways within a round
    says more than that of their times from different minutes.

    Parameters
    ----------
    ways : mapping of str to callable
        What is timed.
    rounds : int
        How often.
    warm : int
        Rounds before those that count: files are read, graphs traced, workers started.
    description : str
        Of the progress bar.
    clock : callable
        Gives seconds.

    Returns
    -------
    dict of str to ndarray, shape (rounds,)
        Seconds.
    """
    seconds = {name: np.zeros(rounds) for name in ways}
    total = (warm + rounds) * len(ways)
    with progress(total=total, description=description, unit="run") as bar:
        for number in range(-warm, rounds):
            for name, work in ways.items():
                bar.set_postfix_str(name)
                started = clock()
                work()
                if number >= 0:
                    seconds[name][number] = clock() - started
                bar.update()
    return seconds


def rounded(value: float) -> float:
    """Round to three digits that count."""
    if not value or not math.isfinite(value):
        return value
    result = round(value, 2 - math.floor(math.log10(abs(value))))
    return int(result) if abs(result) >= 100 else result
