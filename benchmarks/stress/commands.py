"""
Commands that are killed, interrupted and raced: tiny recordings, and processes that run `ser`.

Most commands run in a process forked from one that has imported the package, which starts at once
and gets signals like any other; a part of them is the real command.
"""

import atexit
import contextlib
import dataclasses
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import soundfile

RATE = 16000
_PITCH = {"anger": 900, "neutral": 500, "sadness": 200}
# Seconds until a command that a shell starts handles signals.
_STARTED = 2.0
# Imported before a process forks: what takes long, and starts no threads of its own.
_IMPORTED = ("benchmarks.stress.imported",)
# Names that are written first, locks, and what an extraction has finished.
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{8}|\.lock|.+\.partial|seen-.*")
# Files that differ from run to run, by the times in them or (skops) addresses in memory; they may
# not be missing.
_VARYING = re.compile(
    r"(?:.*/)?(predictions/.*\.json|evaluations/.*|recordings\.json|.*\.ipynb|.*\.skops)"
)
# Within other files: seconds (in results.csv before the backend), and checksums of such files.
_VARYING_PARTS = re.compile(rb"\b\d+\.\d s\b|\b[\d.]+,[\d.]+(?=,scikit-learn,)|\b[0-9a-f]{64}\b")


def make_corpus(folder: Path, *, speakers: int = 3, takes: int = 2) -> Path:
    """Write tones of 0.2 s, one pitch for each emotion, and their manifest; return the folder."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    instants = np.arange(RATE // 5) / RATE
    rows = []
    for speaker in range(speakers):
        for emotion, pitch in _PITCH.items():
            for take in range(takes):
                tone = np.sin(2 * np.pi * pitch * (1 + speaker / 20) * instants) / 4
                name = f"s{speaker}_{emotion}_{take}.wav"
                soundfile.write(folder / name, tone + rng.normal(0, 0.02, len(tone)), RATE)
                # Old enough for its hash to be stored.
                os.utime(folder / name, (1.5e9, 1.5e9))
                rows.append({"path": name, "emotion": emotion, "speaker": f"s{speaker}"})
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder


@dataclasses.dataclass
class Home:
    """The folders of a case: cache, reports, models and temporary files."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "temporary").mkdir(parents=True, exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables by which a command works in these folders."""
        names = {"SER_CACHE": "cache", "SER_REPORTS": "reports", "TMPDIR": "temporary"}
        return {
            **{variable: str(self.folder / name) for variable, name in names.items()},
            "SER_COMMAND": "",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "LOKY_MAX_CPU_COUNT": "2",
        }

    def files(self) -> dict[str, bytes]:
        """Read what does not vary of every file, temporary ones too, by its name."""
        found = {}
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            if path.is_file() and not name.startswith("temporary/jax"):
                varies = _VARYING.fullmatch(name)
                found[name] = b"" if varies else _VARYING_PARTS.sub(b"", path.read_bytes())
        return found

    def leftovers(self) -> list[str]:
        """List what was half written, locked, or is a temporary file."""
        found = []
        for path in self.folder.rglob("*"):
            name = path.relative_to(self.folder)
            temporary = len(name.parts) > 1 and name.parts[0] == "temporary"
            if temporary or _TEMPORARY.fullmatch(path.name):
                found.append(name.as_posix())
        return found

    def copy(self, folder: Path) -> "Home":
        """Copy these folders."""
        shutil.copytree(self.folder, folder)
        return Home(folder)


class Running:
    """
    A command, or a function, that runs in a process of its own.

    Parameters
    ----------
    home : Home
    work : sequence of str, or callable
        Arguments of `ser`, or a function without arguments that returns an exit status.
    real : bool
        Whether it is the command as a shell starts it.
    """

    def __init__(self, home: Home, work: Sequence[str] | Callable, *, real: bool = False):
        self.log = home.folder.with_suffix(f".{time.monotonic_ns()}.log")
        environment = home.environment
        if real:
            with self.log.open("wb") as stream:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "ser_lib.cli", *work],
                    env={**os.environ, **environment},
                    stdout=stream,
                    stderr=stream,
                    start_new_session=True,
                )
        else:
            self._process = _server().Process(target=_work, args=(work, environment, self.log))
            self._process.start()
        self._real = real
        self.process = psutil.Process(self._process.pid)

    def wait(self, timeout: float = 300) -> int | None:
        """Wait for its end, and return its exit status; None if it did not end."""
        if not self._real:
            self._process.join(timeout)
            return self._process.exitcode
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout)
        return self._process.returncode

    def family(self) -> list[psutil.Process]:
        """List the process and everything that it has started."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [self.process, *self.process.children(recursive=True)]
        return []

    def send(self, number: int) -> list[psutil.Process]:
        """Send a signal; return the family as it was."""
        family = self.family()
        with contextlib.suppress(psutil.NoSuchProcess):
            self.process.send_signal(number)
        return family

    @property
    def started(self) -> bool:
        """Whether the command has begun, or has ended already."""
        if self._real:
            # The interpreter takes about so long until it can handle a signal.
            return time.time() - self.process.create_time() > _STARTED
        return self.log.exists() or self._process.exitcode is not None

    @property
    def ended(self) -> bool:
        """Whether the command has come to its end, though its process may still be there."""
        return self.log.with_suffix(".ended").exists()

    @property
    def said(self) -> str:
        """What it wrote, without the bars."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(line.rpartition("\r")[2] for line in text.splitlines())


def survivors(family: Sequence[psutil.Process], seconds: float = 10) -> list[psutil.Process]:
    """List the processes that are there after some seconds, and end them."""
    _, alive = psutil.wait_procs([p for p in family if p.pid != os.getpid()], timeout=seconds)
    # One that has ended and waits to be looked at is no process any more.
    alive = [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    return alive


def finish(home: Home, work: Sequence[str] | Callable, **options: object) -> tuple[int, str]:
    """Run to the end; return exit status and what was said."""
    running = Running(home, work, **options)
    return running.wait(), running.said


def differences(found: dict[str, bytes], expected: dict[str, bytes]) -> list[str]:
    """Name what is there too much, missing, or different."""
    return [
        *(f"{name} is left" for name in sorted(found.keys() - expected.keys())),
        *(f"{name} is missing" for name in sorted(expected.keys() - found.keys())),
        *(
            f"{n} differs"
            for n in sorted(found.keys() & expected.keys())
            if found[n] != expected[n]
        ),
    ]


def _server() -> multiprocessing.context.BaseContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_IMPORTED))
    return context


def _work(work: Sequence[str] | Callable, environment: dict[str, str], log: Path) -> None:
    """Run a command in a process that was forked, as if it had been started by a shell."""
    from ser_lib import cli

    os.setsid()
    os.environ.update(environment)
    tempfile.tempdir = None
    descriptor = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o666)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        code = work() if callable(work) else cli.main(list(work))
        log.with_suffix(".ended").touch()
    finally:
        # The end of an interpreter. A process of `multiprocessing` would first wait for workers,
        # which are told to end by the first of these, until they end by themselves in a minute.
        threading._shutdown()
        atexit._run_exitfuncs()
    sys.exit(code)
