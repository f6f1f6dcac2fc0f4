"""Commands that are killed at a random moment, and run again to their end."""

import functools
import random
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.stress import commands
from benchmarks.stress.outcome import Outcome
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
        "evaluate --jobs 2": [*evaluate, "--jobs", "2"],
        "run": ["run", "01", *data, "-p", "folds", "1", "--jobs", "1"],
        "report": ["report"],
        "train": ["train", *evaluate[1:], "-o", model],
        "predict": ["predict", *recordings, "--model", model, "-o", str(home.folder / "p.csv")],
    }[name]


def prepared(name: str, corpus: Path, folder: Path) -> commands.Home:
    """Make the home from which a command begins."""
    home = commands.Home(folder)
    before = {"report": ("evaluate",), "fuse": ("evaluate",), "predict": ("train",)}.get(name, ())
    for other in before:
        code, said = commands.finish(home, work_of(other, corpus, home))
        if code:
            raise RuntimeError(f"{other} ended with {code}: {said[-500:]}")
    return home


def kills(count: int, folder: Path) -> Outcome:
    """Kill commands at random moments; another run then makes what an undisturbed one makes."""
    outcome = Outcome("killed at a random moment, then run to the end", count)
    corpus = commands.make_corpus(folder / "corpus")
    rng = random.Random(0)
    known: dict[str, tuple[dict[str, bytes], float]] = {}
    for number in progress(range(count), description="kills", unit="kill"):
        name = _SLOW.get(number % 30, _TURNS[number % len(_TURNS)])
        home = folder / "home"
        before = folder / f"before {name}"
        if name not in known:
            begun = prepared(name, corpus, home)
            begun.copy(before)
            started = time.monotonic()
            code, said = commands.finish(begun, work_of(name, corpus, begun))
            known[name] = begun.files(), time.monotonic() - started
            if code:
                outcome.note("traceback", f"{name}, undisturbed, ended with {code}: {said[-300:]}")
        shutil.rmtree(home)
        _kill(name, corpus, commands.Home(before).copy(home), *known[name], rng, outcome)
    return outcome


def _kill(
    name: str,
    corpus: Path,
    home: commands.Home,
    expected: dict[str, bytes],
    seconds: float,
    rng: random.Random,
    outcome: Outcome,
) -> None:
    real = name == "run"
    running = commands.Running(home, work_of(name, corpus, home), real=real)
    after = rng.uniform(0.0, 0.95) * seconds
    time.sleep(after)
    family = running.send(signal.SIGKILL)
    running.wait()
    case = f"{name} after {after:.2f} of {seconds:.2f} s"
    if alive := commands.survivors(family):
        outcome.note("leftover", f"{case}: {len(alive)} processes")
    finished = {p: p.stat().st_mtime_ns for p in home.folder.glob("cache/evaluations/*/s*.json")}
    code, said = commands.finish(home, work_of(name, corpus, home), real=real)
    if code or "Traceback" in said:
        outcome.note("traceback", f"{case}: then {code}: {said[-300:]}")
        return
    if any(p.stat().st_mtime_ns != stamp for p, stamp in finished.items()):
        outcome.note("lost", f"{case}: a finished fold was trained again")
    for difference in commands.differences(home.files(), expected)[:1]:
        kind = "leftover" if difference.endswith("left") else "wrong"
        outcome.note(kind, f"{case}: {difference}")
