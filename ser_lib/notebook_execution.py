"""Execute a notebook by papermill in a child process, and say where and why it failed."""

import concurrent.futures
import contextlib
import json
import math
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import nbformat
import papermill
import psutil
from ipykernel.kernelspec import write_kernel_spec
from tqdm import tqdm

from ser_lib import console, paths

# Executed in the child process. Its log names the cells and repeats what they print. Its standard
# input ends with this process, however that ends, and then the kernel is shut down.
_PAPERMILL = """
import json, logging, os, signal, sys, threading, papermill
def follow():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=follow, daemon=True).start()
logging.basicConfig(level="INFO", format="%(message)s")
papermill.execute_notebook(**json.loads(sys.argv[1]), progress_bar=False, log_output=True)
"""
_CELL = re.compile(r"Executing Cell (\d+)-+")
# Seconds between two looks at the log, and those that an interrupted notebook has to end by itself.
_LOOK, _GRACE = 0.2, 6.0


class Failure(NamedTuple):
    """Why a notebook failed: the cell ("7 of 14"), its first line of code, the error in a line."""

    cell: str
    line: str
    reason: str


def execute(
    notebook: Path,
    parameters: Mapping[str, object],
    *,
    environment: Mapping[str, str],
    timeout: float | None,
    position: int,
    cancelled: threading.Event,
) -> tuple[nbformat.NotebookNode, Failure | None]:
    """
    Execute a notebook by papermill in a child process, in the current folder.

    Relative paths among its parameters are thus those of the command line.

    Parameters
    ----------
    notebook : Path
    parameters : mapping
        Values for its cell tagged ``parameters``.
    environment : mapping
        Environment variables of the kernel, all of them.
    timeout : float or None
        Longest time for one cell in seconds, rounded up.
    position : int
        Line of the terminal for the progress bar.
    cancelled : threading.Event
        When it is set, papermill, its kernel and everything that they started is ended, and a
        CancelledError raised.

    Returns
    -------
    executed : NotebookNode
        The notebook with its outputs, up to the failure if there was one.
    failure : Failure or None
        What went wrong.
    """
    source = nbformat.read(notebook, as_version=4)
    limit = None if timeout is None else math.ceil(timeout)
    # Where standard error is no terminal a bar would only fill the log.
    bar = console.progress(
        total=len(source.cells),
        description=notebook.stem,
        unit="cell",
        disable=None,
        position=position,
    )
    with paths.temporary_folder() as folder, bar:
        output, log = Path(folder, "executed.ipynb"), Path(folder, "log")
        # A kernel of this interpreter, whatever is installed under the name of python3, that says
        # nothing below the level of CRITICAL between the lines of the notebook.
        write_kernel_spec(Path(folder, "kernels", "python3"), extra_arguments=["--log-level=50"])
        arguments = {
            "input_path": str(notebook),
            "output_path": str(output),
            "parameters": dict(parameters),
            "kernel_name": "python3",
            "language": "python",
            "execution_timeout": limit,
        }
        command = [sys.executable, "-c", _PAPERMILL, json.dumps(arguments)]
        options = {"env": environment | _in(folder), "stdin": subprocess.PIPE}
        with log.open("wb") as stream:
            # In a session of its own, so that Ctrl-C in a terminal comes to this process only.
            options |= {"stdout": stream, "stderr": stream, "start_new_session": True}
            with subprocess.Popen(command, **options) as process:
                _watch(process, log, bar, cancelled)
        if cancelled.is_set():
            raise concurrent.futures.CancelledError
        text = log.read_text(encoding="utf-8", errors="replace")
        try:
            executed = nbformat.read(output, as_version=4)
        except (OSError, ValueError):
            executed = source
    # Without the cells by which papermill marks an error.
    executed = papermill.execute.remove_error_markers(executed)
    if process.returncode == 0:
        return executed, None
    started = [
        i for i, c in enumerate(executed.cells) if c.metadata.get("papermill", {}).get("start_time")
    ]
    number = started[-1] if started else 0
    outputs = executed.cells[number].get("outputs", []) if executed.cells else []
    errors = [o for o in outputs if o.output_type == "error"]
    if "CellTimeoutError" in text:
        reason = f"the cell took longer than {limit} s"
    elif errors:
        reason = f"{errors[0].ename}: {_first_line(errors[0].evalue)}"
    elif "DeadKernelError" in text:
        reason = "the kernel died (is there enough memory?)"
    else:
        lines = text.strip().splitlines() or [f"exit code {process.returncode}"]
        reason = f"papermill failed: {lines[-1]}"
    return executed, failure_at(executed, number, reason)


def _in(folder: Path) -> dict[str, str]:
    """Let a kernel keep in a folder what is of no use when it has ended, however it ends."""
    names = {"JUPYTER_PATH": "", "JUPYTER_RUNTIME_DIR": "runtime", "TMPDIR": "temporary"}
    for name in names.values():
        (folder / name).mkdir(exist_ok=True, mode=0o700)
    return {variable: str(folder / name) for variable, name in names.items()}


def _watch(process: subprocess.Popen, log: Path, bar: tqdm, cancelled: threading.Event) -> None:
    """Wait for papermill, showing the cell that is executed and the last line that it printed."""
    with log.open(encoding="utf-8", errors="replace") as stream:
        while process.poll() is None:
            if cancelled.wait(_LOOK):
                _end(process)
                return
            text = stream.read()
            if cells := _CELL.findall(text):
                bar.n = int(cells[-1]) - 1
            lines = [line.strip() for line in re.split(r"[\r\n]+", text)]
            if lines := [x for x in lines if x and not x.startswith(("Executing", "Ending Cell"))]:
                bar.set_postfix_str(lines[-1][:60], refresh=False)
            bar.refresh()


def _end(process: subprocess.Popen) -> None:
    """
    Interrupt papermill and everything below it, and kill what has not ended after some seconds.

    A kernel leads a session of its own, so that no signal to papermill's process group reaches it.
    """
    try:
        root = psutil.Process(process.pid)
        family = [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    if os.name == "posix":
        for member in family:
            with contextlib.suppress(psutil.Error):
                member.send_signal(signal.SIGINT)
        _, family = psutil.wait_procs(family, timeout=_GRACE)
    for member in family:
        with contextlib.suppress(psutil.Error):
            for child in [*member.children(recursive=True), member]:
                child.kill()
    process.wait()


def failure_at(notebook: nbformat.NotebookNode, number: int, reason: str) -> Failure:
    """Name the cell at which a notebook failed (counted from zero) and say why."""
    line = _first_line(notebook.cells[number].source) if notebook.cells else ""
    return Failure(f"{number + 1} of {len(notebook.cells)}", line, reason)


def _first_line(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")
