"""One notebook, executed by papermill in a fresh kernel of this very interpreter, and tidied up."""

import asyncio
import contextlib
import copy
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import nbformat
import papermill
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpec
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.execute import remove_error_markers

from ser_lib import cluster, paths
from ser_lib.experiment.parallel import REPRODUCIBLE, SHARED_DEVICE

_ENGINE = "ser_lib"
# Seconds between two looks at what a kernel prints: progress bars print far more often.
_LOOK = 0.5
# What a kernel does first where a cluster is to be joined, so that extraction goes there as well.
_JOIN = "__import__('ser_lib.cluster', fromlist=['active']).active()"


class Failure(NamedTuple):
    """
    Why a notebook failed.

    Parameters
    ----------
    cell : str
        Which cell, as "7 of 14".
    line : str
        Its first line of code.
    reason : str
        The error, in one line.
    """

    cell: str
    line: str
    reason: str


class Watch:
    """
    What is told about a running notebook.

    Parameters
    ----------
    cell : callable
        Called with the number of cells done.
    status : callable
        Called now and then with the last line that the notebook printed.
    """

    def __init__(self, cell: Callable[[int], None], status: Callable[[str], None]):
        self.cell = cell
        self.status = status
        self.notebook: nbformat.NotebookNode | None = None
        self.at = 0
        self._looked = 0.0

    def starts(self, cell: nbformat.NotebookNode, cell_index: int) -> None:
        """Note which cell is being executed."""
        self.at = cell_index
        self.cell(cell_index)

    def prints(self, text: str) -> None:
        """Pass on the last line of a text, unless one was passed on just now."""
        now = time.monotonic()
        lines = text.replace("\r", "\n").split("\n")
        line = next((line.strip() for line in reversed(lines) if line.strip()), "")
        if line and now - self._looked > _LOOK:
            self._looked = now
            self.status(line)


class _Kernel(AsyncKernelManager):
    """A kernel of this interpreter, whatever is registered under the name of python3."""

    @property
    def kernel_spec(self) -> KernelSpec:
        # What ipykernel has to say below that (that it talks to us without encryption, that it was
        # interrupted when a cell took too long) would stand between our own lines.
        return KernelSpec(**get_kernel_dict(extra_arguments=["--log-level=CRITICAL"]))


class _Client(PapermillNotebookClient):
    def __init__(self, nb_man: object, watch: Watch, **options: object):
        super().__init__(nb_man, **options)
        self.watch = watch

    def process_message(self, msg: dict, cell: object, cell_index: int) -> object:
        if msg["msg_type"] == "stream":
            self.watch.prints(msg["content"]["text"])
        return super().process_message(msg, cell, cell_index)


class _Engine(NBClientEngine):
    """Papermill's engine, with our kernel, environment and folder, and someone watching."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: object,
        kernel_name: str,
        *,
        watch: Watch,
        environment: Mapping[str, str],
        folder: Path,
        timeout: float | None,
        start_timeout: float = 60,
        **_: object,
    ) -> None:
        watch.notebook = nb_man.nb
        joining = [f"--IPKernelApp.exec_lines={_JOIN}"] if environment.get(cluster.VARIABLE) else []
        client = _Client(
            nb_man,
            watch,
            kernel_name=kernel_name,
            kernel_manager_class=_Kernel,
            timeout=timeout,
            startup_timeout=start_timeout,
            record_timing=False,
            on_cell_start=watch.starts,
            extra_arguments=joining,
        )
        _running.add(client)
        try:
            client.execute(env=dict(environment), cwd=str(folder))
        finally:
            _running.discard(client)


papermill_engines.register(_ENGINE, _Engine)
_running: set[_Client] = set()


def stop() -> None:
    """Kill the kernels of all notebooks that are being executed, and what they started."""
    for client in list(_running):
        process = getattr(getattr(client.km, "provisioner", None), "process", None)
        if process is None:
            continue
        if hasattr(os, "killpg"):
            # A kernel leads a process group of its own, in which its workers are.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def execute(
    notebook: Path,
    parameters: Mapping[str, object],
    *,
    watch: Watch,
    environment: Mapping[str, str],
    timeout: float | None = None,
) -> tuple[nbformat.NotebookNode, Failure | None]:
    """
    Execute a notebook.

    Parameters
    ----------
    notebook : Path
        The source; it is read only.
    parameters : mapping
        Put into a cell after the one tagged ``parameters``.
    watch : Watch
        Told of progress.
    environment : mapping
        Environment variables of the kernel, all of them.
    timeout : float, optional
        Seconds after which a cell is given up.

    Returns
    -------
    executed : NotebookNode
        The notebook with its outputs, up to the failure if there was one.
    failure : Failure or None
        What went wrong.

    Notes
    -----
    To be called in a thread of its own. The kernel runs in the folder of the notebook, as it does
    in JupyterLab; the folder of this process does not change (papermill's own ``cwd`` changes it
    for all threads).
    """
    source = nbformat.read(notebook, as_version=4)
    # Threads but the main one have no event loop, and nbclient wants one.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        executed = papermill.execute_notebook(
            source,
            None,
            parameters=dict(parameters),
            engine_name=_ENGINE,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            request_save_on_cell_execute=False,
            watch=watch,
            environment=environment,
            folder=notebook.parent,
            timeout=timeout,
        )
        return executed, None
    except papermill.PapermillExecutionError as error:
        reason = f"{error.ename}: {_first_line(error.evalue)}"
    except CellTimeoutError:
        reason = f"gave up after {timeout:g} seconds"
    except DeadKernelError:
        reason = "the kernel died (is there enough memory?)"
    except RuntimeError as error:
        reason = f"the kernel did not start: {_first_line(str(error))}"
    finally:
        loop.close()
        asyncio.set_event_loop(None)
    # Copied, as the client may hold on to its notebook; without the cells that papermill puts in.
    executed = remove_error_markers(copy.deepcopy(watch.notebook or source))
    cell = executed.cells[watch.at]
    return executed, Failure(
        f"{watch.at + 1} of {len(executed.cells)}", _first_line(cell.source), reason
    )


def _first_line(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")


def kernel_environment(*, share: int | None = None, **variables: str) -> dict[str, str]:
    """
    Make the environment of a kernel.

    Parameters
    ----------
    share : int, optional
        How many processes (or threads of one) the kernel may keep busy; all cores by default.
    **variables
        What to set besides.

    Returns
    -------
    dict
        That of this process, with absolute folders, without start-up chatter, with figures inline.
    """
    environment = dict(os.environ)
    # A backend set for this process (tests set agg) would keep figures out of the notebook.
    environment.pop("MPLBACKEND", None)
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for name, value in (REPRODUCIBLE | SHARED_DEVICE).items():
        environment.setdefault(name, value)
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    environment["SER_CACHE"] = str(paths.cache())
    environment["SER_DATA"] = str(paths.data())
    # The package that runs the notebook is the one that the notebook imports.
    package = str(Path(__file__).resolve().parents[1])
    known = environment.get("PYTHONPATH", "")
    environment["PYTHONPATH"] = os.pathsep.join([package, *([known] if known else [])])
    if share is not None:
        for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
            environment[f"{name}_NUM_THREADS"] = str(share)
        # What joblib takes for the number of cores.
        environment["LOKY_MAX_CPU_COUNT"] = str(share)
    return environment | variables


def places() -> dict[str, str]:
    """
    List the folders of this machine that must not stand in a notebook, and what stands for them.

    Returns
    -------
    dict
        Longest folders first, so that a home folder does not hide what lies in it.
    """
    found = {
        str(paths.data()): "$SER_DATA",
        str(paths.cache()): "$SER_CACHE",
        str(paths.reports()): "$SER_REPORTS",
        str(paths.notebooks()): "notebooks",
        str(Path(__file__).resolve().parents[1]): ".",
        sys.prefix: "$PREFIX",
        sys.base_prefix: "$PREFIX",
        str(Path.cwd()): ".",
        tempfile.gettempdir(): "$TMP",
        str(Path.home()): "~",
    }
    found |= {str(Path(folder).resolve()): name for folder, name in found.items()}
    # The top of a file system is in every path.
    found = {folder: name for folder, name in found.items() if len(Path(folder).parts) > 1}
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))
