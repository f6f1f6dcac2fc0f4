"""Commands that are killed at a random moment, and run again to their end."""

import functools
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from benchmarks.stress import commands
from benchmarks.stress.outcome import Outcome
from ser_lib import paths
from ser_lib.console import progress

# How often each of the commands is killed, in turn; those that start other processes are the
# slowest by far.
_TURNS = (
    *("extract", "evaluate", "report", "extract", "predict", "train", "evaluate", "extract"),
    *("report", "extract", "evaluate", "extract"),
)
_SLOW = {5: "evaluate --jobs 2", 29: "run"}


def extract(corpus: Path) -> int:
    """Extract the features of two front ends in this process."""
    from ser_lib import load_corpus
    from ser_lib.features import FrontEnd, Functionals, LogMel, extract

    log_mel = FrontEnd(analysis=LogMel(n_mels=8))
    mean = FrontEnd(analysis=LogMel(n_mels=8), segmentation=Functionals())
    extract(load_corpus("folder", data=corpus), [log_mel, mean], jobs=1, progress=False)
    return 0


def work_of(name: str, corpus: Path, home: commands.Home) -> Sequence[str] | Callable:
    """Return what is run under a name."""
    data = ["--corpus", "folder", "--data", str(corpus)]
    evaluate = ["evaluate", "svm", *data, "-p", "C", "[1]", "-p", "gamma", "[0.01]"]
    model = str(home.folder / "model")
    recordings = sorted(map(str, corpus.glob("*.wav")))
    return {
        "extract": functools.partial(extract, corpus),
        "evaluate": evaluate,
        "evaluate majority": ["evaluate", "majority", *data],
        "evaluate --jobs 2": [*evaluate, "--jobs", "2"],
        "run": ["run", "01", *data, "-p", "folds", "1", "--jobs", "1"],
        "report": ["report"],
        "train": ["train", *evaluate[1:], "-o", model],
        "predict": ["predict", *recordings, "--model", model, "-o", str(home.folder / "p.csv")],
    }[name]


def prepared(name: str, corpus: Path, folder: Path) -> commands.Home:
    """Make the home from which a command begins."""
    home = commands.Home(folder)
    before = {
        "report": ("evaluate",),
        "fuse": ("evaluate", "evaluate majority"),
        "predict": ("train",),
    }
    for other in before.get(name, ()):
        code, said = commands.finish(home, work_of(other, corpus, home))
        if code:
            raise RuntimeError(f"{other} ended with {code}: {said[-500:]}")
    return home


class _Case(NamedTuple):
    """What is killed: its name, the home it begins in, what an undisturbed run makes, and when."""

    name: str
    before: commands.Home
    expected: dict[str, bytes]
    seconds: float
    after: float


def kills(count: int, folder: Path) -> Outcome:
    """Kill commands at random moments; another run then makes what an undisturbed one makes."""
    outcome = Outcome("killed at a random moment, then run to the end", count)
    corpus = commands.make_corpus(folder / "corpus")
    names = [_SLOW.get(number % 30, _TURNS[number % len(_TURNS)]) for number in range(count)]
    known = {}
    for name in progress(dict.fromkeys(names), description="undisturbed", unit="command"):
        before = prepared(name, corpus, folder / f"before {name}")
        home = before.copy(folder / "undisturbed")
        started = time.monotonic()
        code, said = commands.finish(home, work_of(name, corpus, home))
        known[name] = before, home.files(), time.monotonic() - started
        shutil.rmtree(home.folder)
        if code:
            outcome.note("traceback", f"{name}, undisturbed, ended with {code}: {said[-300:]}")
    rng = random.Random(0)
    cases = [_Case(name, *known[name], rng.uniform(0.0, 0.95) * known[name][2]) for name in names]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            pool.submit(_kill, case, corpus, case.before.copy(folder / f"home {number}"))
            for number, case in enumerate(cases)
        ]
        for job in progress(as_completed(jobs), total=count, description="kills", unit="kill"):
            for kind, what in job.result():
                outcome.note(kind, what)
    return outcome


def _make_temporary_folder() -> int:
    with paths.temporary_folder():
        return 0


def _kill(case: _Case, corpus: Path, home: commands.Home) -> list[tuple[str, str]]:
    """Kill a command, run it again, and list what went wrong: its kind, and in words."""
    real = case.name == "run"
    work = work_of(case.name, corpus, home)
    running = commands.Running(home, work, real=real)
    time.sleep(case.after)
    family = running.send(signal.SIGKILL)
    running.wait()
    words = f"{case.name} after {case.after:.2f} of {case.seconds:.2f} s"
    found = []
    if alive := commands.survivors(family):
        found.append(("leftover", f"{words}: {len(alive)} processes"))
    finished = {p: p.stat().st_mtime_ns for p in home.folder.glob("cache/evaluations/*/s*.json")}
    # A model that is there is complete, and not written again.
    if not (case.name == "train" and (home.folder / "model").exists()):
        code, said = commands.finish(home, work, real=real)
        if code or "Traceback" in said:
            return [*found, ("traceback", f"{words}: then {code}: {said[-300:]}")]
    # A temporary folder is removed by the next that makes one: not by a run that only reads what
    # is finished.
    commands.finish(home, _make_temporary_folder)
    if any(p.stat().st_mtime_ns != stamp for p, stamp in finished.items()):
        found.append(("lost", f"{words}: a finished fold was trained again"))
    for difference in commands.differences(home.files(), case.expected)[:1]:
        kind = "leftover" if difference.endswith("left") else "wrong"
        found.append((kind, f"{words}: {difference}"))
    shutil.rmtree(home.folder)
    return found
