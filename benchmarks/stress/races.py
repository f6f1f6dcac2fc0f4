"""Two and four processes that make the same thing at the same time."""

import shutil
from pathlib import Path

from benchmarks.stress import commands, kills
from benchmarks.stress.outcome import Outcome
from ser_lib.console import progress


def races(count: int, folder: Path) -> Outcome:
    """Extract into one cache and build one report side by side, with the result of one process."""
    outcome = Outcome("two and four processes make the same thing", count)
    corpus = commands.make_corpus(folder / "corpus")
    expected, before = {}, {}
    for name in ("extract", "report")[:count]:
        before[name] = folder / f"before {name}"
        kills.prepared(name, corpus, before[name])
        alone = commands.Home(before[name]).copy(folder / f"alone {name}")
        commands.finish(alone, kills.work_of(name, corpus, alone))
        expected[name] = alone.files()
    for number in progress(range(count), description="races", unit="round"):
        name = "report" if number % 3 == 1 else "extract"
        home = commands.Home(before[name]).copy(folder / "home")
        together = 4 if number % 4 == 3 else 2
        work = kills.work_of(name, corpus, home)
        running = [commands.Running(home, work) for _ in range(together)]
        case = f"{name} by {together} processes, round {number}"
        for each in running:
            code, said = each.wait(), each.said
            if code or "Traceback" in said:
                outcome.note("traceback", f"{case}: {code}, {said[-300:]}")
                break
        for difference in commands.differences(home.files(), expected[name])[:1]:
            kind = "leftover" if difference.endswith("left") else "wrong"
            outcome.note(kind, f"{case}: {difference}")
        shutil.rmtree(home.folder)
    return outcome
