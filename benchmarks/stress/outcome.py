"""What a trial found: how many cases, and what went wrong in how many of them."""

import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ser_lib import paths

_EXAMPLES = 5


@dataclass
class Outcome:
    """
    Cases of a trial, counted.

    Attributes
    ----------
    trial : str
        What was done to the package.
    count : int
        Cases that were tried.
    lost : int
        Cases after which something was gone that had been finished before.
    wrong : int
        Cases with another result than the right one, and no word about it.
    traceback : int
        Cases that ended in an exception that is no `ser_lib.errors.InputError`, or in a death by a
        signal that nobody sent.
    leftover : int
        Cases that left a file or a process behind.
    seconds : float
        How long the trial took.
    examples : list of str
        The first few of what went wrong in each way, in words.
    """

    trial: str
    count: int = 0
    lost: int = 0
    wrong: int = 0
    traceback: int = 0
    leftover: int = 0
    seconds: float = 0.0
    examples: list[str] = field(default_factory=list)

    def note(self, kind: str, case: str) -> None:
        """Count something that went wrong, one of ``lost, wrong, traceback, leftover``."""
        setattr(self, kind, getattr(self, kind) + 1)
        if sum(each.startswith(f"{kind}: ") for each in self.examples) < _EXAMPLES:
            self.examples.append(f"{kind}: {case}")

    def note_exception(self, error: BaseException, case: str) -> None:
        """Count an exception that should have been an error of this package."""
        place = traceback.extract_tb(error.__traceback__)[-1]
        words = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
        self.note("traceback", f"{case}: {words}")

    @property
    def passed(self) -> bool:
        """Whether nothing went wrong in any case."""
        return not (self.lost or self.wrong or self.traceback or self.leftover)


COLUMNS = ("trial", "count", "lost", "wrong", "traceback", "leftover", "seconds")


def table(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """Tabulate outcomes, one row each."""
    rows = [[getattr(outcome, column) for column in COLUMNS] for outcome in outcomes]
    return pd.DataFrame(rows, columns=COLUMNS).round({"seconds": 1})


def save(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the table as CSV, whole or not at all; rows of other trials in the file stay."""
    rows = table(outcomes)
    if path.is_file():
        before = pd.read_csv(path)
        order = [*dict.fromkeys([*before["trial"], *rows["trial"]])]
        rows = pd.concat([before, rows]).drop_duplicates("trial", keep="last")
        rows = rows.set_index("trial").loc[order].reset_index()
    with paths.whole(path) as file:
        rows.to_csv(file, index=False)
