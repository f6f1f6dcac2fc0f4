"""Disks that are full, files that may not grow, and folders in which nobody can write."""

import functools
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.stress import commands, kills
from benchmarks.stress.outcome import Outcome
from ser_lib.console import progress

_TURNS = ("extract", "evaluate", "train", "report", "predict", "synthetic")
_ERROR = "ser: error: "


def disks(count: int, folder: Path) -> Outcome:
    """Let writing fail at some byte: an ordinary error that names the place, and nothing left."""
    outcome = Outcome("full and read-only disks", count)
    corpus = commands.make_corpus(folder / "corpus")
    rng = random.Random(2)
    sizes: dict[str, list[int]] = {}
    for turn in progress(range(count), description="disks", unit="case"):
        name = _TURNS[turn % len(_TURNS)]
        before, home = folder / f"before {name}", folder / "home"
        if name not in sizes:
            kills.prepared(name, corpus, before)
            whole = commands.Home(before).copy(folder / "undisturbed")
            known = set(whole.files())
            commands.finish(whole, functools.partial(_ordinary, _work(name, corpus, whole)))
            files = whole.files()
            paths = [whole.folder / file for file in files.keys() - known]
            sizes[name] = sorted(path.stat().st_size for path in paths if path.is_file())
            shutil.rmtree(whole.folder)
        case = commands.Home(before).copy(home)
        kind = ("full", "limited", "read-only")[turn // len(_TURNS) % 3]
        if kind == "full" and not _can_mount(folder):
            kind = "limited"
        _refuse(name, kind, corpus, case, sizes[name], rng, outcome)
        shutil.rmtree(home)
    return outcome


def _refuse(
    name: str,
    kind: str,
    corpus: Path,
    home: commands.Home,
    sizes: list[int],
    rng: random.Random,
    outcome: Outcome,
) -> None:
    """Run a command where it cannot write, and look what it says and leaves."""
    work = _work(name, corpus, home)
    before = set(home.files())
    limit, mounted = None, []
    if kind == "limited":
        limit = max(1, int(sizes[-1] * rng.uniform(0.05, 0.95)))
    elif kind == "full":
        mounted = _mount(home.folder, int(sum(sizes) * rng.uniform(0.05, 0.8)))
    else:
        # Nothing but a disk keeps the administrator from writing.
        mounted = _mount(home.folder, None) if _can_mount(home.folder) else []
        if not mounted:
            home.folder.chmod(0o555)
    try:
        code, said = commands.finish(home, functools.partial(_ordinary, work, limit))
        case = f"{name}, {kind}"
        lines = [line for line in said.splitlines() if line.startswith(_ERROR)]
        if code == 0 and kind != "read-only":
            # The estimate of what it needs was too high: it had enough.
            return
        if code != 2 or len(lines) != 1 or "Traceback" in said:
            outcome.note("traceback", f"{case}: {code}, {said[-400:]}")
        elif str(home.folder.parent) not in lines[0]:
            outcome.note("wrong", f"{case}: names no place: {lines[0]}")
        left = set(home.leftovers()) - before
        left = [each for each in left if not each.endswith(".partial")]
        if left:
            outcome.note("leftover", f"{case}: {', '.join(sorted(left)[:3])}")
    finally:
        for place in mounted:
            subprocess.run(["umount", "-l", str(place)], check=False)
        home.folder.chmod(0o755)


def _work(name: str, corpus: Path, home: commands.Home) -> Sequence[str] | Callable:
    if name == "extract":
        return functools.partial(kills.extract, corpus)
    if name == "synthetic":
        return _render
    return kills.work_of(name, corpus, home)


def _render() -> int:
    """Render a small synthetic corpus."""
    from ser_lib import load_corpus

    return 0 if len(load_corpus("synthetic", speakers=1, takes=1).table) else 1


def _ordinary(work: Sequence[str] | Callable, limit: int | None = None) -> int:
    """Run a command, or a function as a command would, with files of so many bytes at most."""
    import sys

    from ser_lib import cli
    from ser_lib.errors import InputError

    if limit is not None:
        import resource

        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    if not callable(work):
        return cli.main(list(work))
    try:
        return work()
    except InputError as error:
        print(f"{_ERROR}{error}", file=sys.stderr)
        return 2


def _can_mount(folder: Path) -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("mount") is not None


def _mount(folder: Path, room: int | None) -> list[Path]:
    """Put a disk with so much room in the place of a folder; one for reading only if None."""
    content = folder.with_name("content")
    shutil.copytree(folder, content)
    used = sum(-(-p.stat().st_size // 4096) * 4096 for p in content.rglob("*") if p.is_file())
    size = used + max(4096, room or 1 << 20) + (1 << 16)
    options = f"size={size // 1024 + 4}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    shutil.copytree(content, folder, dirs_exist_ok=True)
    shutil.rmtree(content)
    if room is None:
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    return [folder]
