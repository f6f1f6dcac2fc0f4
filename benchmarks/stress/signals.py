"""Commands that a scheduler, a closed terminal or Ctrl-C ends, in every phase."""

import contextlib
import functools
import hashlib
import http.server
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from benchmarks.stress import commands, kills
from benchmarks.stress.outcome import Outcome
from ser_lib.console import progress

# How often a command that ended before its signal is tried again, each time with half the delay.
_ATTEMPTS = 6
_SAID = "ser: interrupted; what was finished is kept"
_NUMBERS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_TURNS = (
    *("evaluate", "train", "fetch", "report", "evaluate --jobs 2", "tune", "predict", "fuse"),
    *("evaluate", "run"),
)


def signals(count: int, folder: Path) -> Outcome:
    """Send signals at random moments: one line, the exit status of the signal, nothing left."""
    outcome = Outcome("ended by SIGTERM, SIGHUP or SIGINT", count)
    # Choosing among trials takes two speakers to train on, one to choose by, one kept for the test.
    corpus = commands.make_corpus(folder / "corpus", speakers=4)
    rng = random.Random(1)
    seconds: dict[str, float] = {}
    with _slow_publisher() as address:
        for turn in progress(range(count), description="signals", unit="signal"):
            name = _TURNS[turn % len(_TURNS)]
            number = _NUMBERS[turn % len(_NUMBERS)]
            before, home = folder / f"before {name}", folder / "home"
            if name not in seconds:
                kills.prepared(name, corpus, before)
                started = time.monotonic()
                if name != "fetch":
                    begun = commands.Home(before).copy(folder / "undisturbed")
                    code, said = commands.finish(begun, _work(name, corpus, begun, address))
                    if code:
                        outcome.note("traceback", f"{name}, undisturbed: {code}, {said[-300:]}")
                    shutil.rmtree(folder / "undisturbed")
                seconds[name] = max(0.5, time.monotonic() - started)
            after, taken = rng.uniform(0.05, 0.9) * seconds[name], False
            for _ in range(_ATTEMPTS):
                case = commands.Home(before).copy(home)
                taken = _end(name, corpus, case, address, number, after, outcome)
                shutil.rmtree(home)
                if taken:
                    break
                after /= 2
            if not taken:
                outcome.note("wrong", f"{name}: always ended before the signal")
    return outcome


def _end(
    name: str,
    corpus: Path,
    home: commands.Home,
    address: str,
    number: int,
    after: float,
    outcome: Outcome,
) -> bool:
    """Send a signal after some seconds; False if the command had ended before."""
    running = commands.Running(home, _work(name, corpus, home, address), real=name == "run")
    # Until it is the command; a process that is still being started has nothing to say.
    while not running.started:
        time.sleep(0.01)
    time.sleep(after)
    family = running.send(number)
    code = running.wait(20)
    case = f"{name}, {signal.Signals(number).name} after {after:.2f} s"
    lines = running.said.strip().splitlines()
    if code == 0 or (code == -number and running.ended):
        return False
    if code != 128 + number or lines.count(_SAID) != 1 or "Traceback" in running.said:
        outcome.note("traceback", f"{case}: {code}, {' | '.join(lines[-6:])[-400:]}")
    if alive := commands.survivors(family):
        outcome.note("leftover", f"{case}: {len(alive)} processes")
    # What an extraction has finished is kept.
    left = [each for each in home.leftovers() if not each.endswith(".partial")]
    if left:
        outcome.note("leftover", f"{case}: {', '.join(left[:3])}")
    return True


def _work(name: str, corpus: Path, home: commands.Home, address: str) -> Sequence[str] | Callable:
    data = ["--corpus", "folder", "--data", str(corpus)]
    if name == "fetch":
        return functools.partial(_fetch, address, str(home.folder / "data"))
    if name == "tune":
        trials = ("default", "C 0.003", "unit length")
        return ["tune", "ours_functionals_svm", *trials, *data, "--folds", "2", "--seeds", "0"]
    if name == "fuse":
        return ["fuse", "svm", "majority", "--corpus", "folder"]
    return kills.work_of(name, corpus, home)


def _fetch(address: str, data: str) -> int:
    """Fetch a corpus from a publisher of our own, who is slow."""
    from ser_lib import cli
    from ser_lib.corpora import emodb
    from ser_lib.download import Remote

    checksum = f"sha256:{hashlib.sha256(b'').hexdigest()}"
    emodb.REMOTES = (Remote(address, checksum, "download.zip"),)
    return cli.main(["fetch", "emodb", "--data", data])


@contextlib.contextmanager
def _slow_publisher() -> Iterator[str]:
    """Serve a file that never ends; yield its address."""
    ended = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            with contextlib.suppress(OSError):
                while not ended.wait(0.1):
                    self.wfile.write(b"0" * 1000)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/download.zip"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
