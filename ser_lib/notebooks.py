"""Notebooks into reports: executed side by side or in turn, kept whole, and what came of them."""

import concurrent.futures
import itertools
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import nbformat
from tqdm import tqdm

from ser_lib import cluster, console, corpora, paths
from ser_lib import code_digest as source
from ser_lib.clean_notebook import audio_cells, tidy
from ser_lib.errors import InputError
from ser_lib.experiment import parallel
from ser_lib.experiment import results as store
from ser_lib.notebook_execution import Failure, Watch, execute, kernel_environment, places, stop
from ser_lib.notebook_jobs import TRAINING, Job, command, digest, find, plan, typed
from ser_lib.reporting import build as report

# The corpus whose recordings are ours to embed.
_OWN = "synthetic"

DONE, SKIPPED, FAILED = "done", "up to date", "FAILED"


class Outcome(NamedTuple):
    """
    What came of a job.

    Parameters
    ----------
    job : Job
        Which.
    state : {"done", "up to date", "FAILED"}
        How it ended.
    seconds : float
        How long it took.
    failure : Failure or None
        Why it failed.
    """

    job: Job
    state: str
    seconds: float = 0.0
    failure: Failure | None = None


def _made_by(output: Path) -> str | None:
    """Read from an executed notebook what it depended on; None if there is none."""
    try:
        return nbformat.read(output, as_version=4).metadata["ser_lib"]["digest"]
    except (OSError, ValueError, KeyError):
        return None


def _failed_copy(output: Path) -> Path:
    return output.with_name(f"{output.stem}.failed.ipynb")


def _write(notebook: nbformat.NotebookNode, path: Path) -> None:
    with paths.whole(path) as file:
        nbformat.write(notebook, file)


def run_job(
    job: Job,
    corpus: str,
    made_by: str,
    *,
    environment: Mapping[str, str],
    timeout: float | None = None,
    position: int = 0,
) -> Outcome:
    """
    Execute one notebook and keep its copy: whole, tidy, or not at all.

    Parameters
    ----------
    job : Job
        Which.
    corpus : str
        Name of the corpus.
    made_by : str
        What the copy depends on (see `digest`); it is kept in its metadata.
    environment : mapping
        Environment variables of the kernel.
    timeout : float, optional
        Seconds after which a cell is given up.
    position : int
        Line of the screen for the progress bar.

    Returns
    -------
    Outcome
        Of a failed notebook, what it did until then lies beside the output as
        ``<name>.failed.ipynb``, and an older output stays as it was.
    """
    started = time.monotonic()
    total = len(nbformat.read(job.notebook, as_version=4).cells)
    # On no terminal a bar would only fill the log; the lines of start and end remain.
    bar = console.progress(
        total=total, description=job.notebook.stem, unit="cell", disable=None, position=position
    )

    def cell(done: int) -> None:
        bar.n = done
        bar.refresh()

    with bar:
        watch = Watch(cell, lambda line: bar.set_postfix_str(line[:60]))
        executed, failure = execute(
            job.notebook, job.parameters, watch=watch, environment=environment, timeout=timeout
        )
    executed = tidy(executed, places())
    audible = audio_cells(executed)
    if failure is None and audible and corpus != _OWN:
        number = audible[0]
        line = executed.cells[number - 1].source.strip().split("\n")[0]
        reason = f"embeds a recording of {corpus}, which is not ours to publish"
        failure = Failure(f"{number} of {len(executed.cells)}", line, reason)
    seconds = time.monotonic() - started
    if failure is None:
        executed.metadata["ser_lib"]["digest"] = made_by
        _write(executed, job.output)
        _failed_copy(job.output).unlink(missing_ok=True)
        return Outcome(job, DONE, seconds)
    for number in audible if corpus != _OWN else ():
        executed.cells[number - 1].outputs = []
    _write(executed, _failed_copy(job.output))
    return Outcome(job, FAILED, seconds, failure)


def _phases(jobs: Sequence[Job]) -> list[list[Job]]:
    """Gather jobs that may run side by side: training notebooks, between what frames them."""
    phases: list[list[Job]] = []
    for job in jobs:
        training = bool(TRAINING.match(job.notebook.stem))
        if training and phases and TRAINING.match(phases[-1][-1].notebook.stem):
            phases[-1].append(job)
        else:
            phases.append([job])
    return phases


def run(
    names: Sequence[str] = (),
    *,
    corpus: str = _OWN,
    data: str | os.PathLike | None = None,
    reports: str | os.PathLike | None = None,
    parameters: Sequence[tuple[str, str]] = (),
    jobs: int | None = None,
    scheduler: str | None = None,
    fresh: bool = False,
    timeout: float | None = None,
) -> list[Outcome]:
    """
    Execute notebooks into ``<reports>/<corpus>/`` and make the report again.

    Parameters
    ----------
    names : sequence of str
        Notebooks (see `find`); the whole study by default.
    corpus : str
        On what.
    data : path, optional
        Folder of the corpora.
    reports : path, optional
        Folder of the reports.
    parameters : sequence of (str, str)
        Names and values, typed as ``papermill -p`` types them.
    jobs : int, optional
        How many processes in all: so many training notebooks run side by side, and what is over
        trains folds side by side within them. By default one notebook after the other, each with
        all cores.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers extract features and train folds and seeds.
    fresh : bool
        Whether to run what is up to date, and to train what is kept.
    timeout : float, optional
        Seconds after which a cell is given up.

    Returns
    -------
    list of Outcome
        One per notebook, in order.

    Raises
    ------
    InputError
        For an unknown notebook, corpus or parameter, a corpus that is not there, a scheduler that
        does not answer, or a damaged file in the reports. A notebook that fails raises nothing.
    """
    parallel.check_jobs(jobs)
    given = {name: typed(value) for name, value in parameters}
    named = given.pop("corpus", corpus)
    if named != corpus and corpus != _OWN:
        raise InputError(f"--corpus {corpus} and -p corpus {named}; expected one of them")
    corpus, data = str(named), given.pop("data", data)
    reports = (paths.reports() if reports is None else Path(reports)).expanduser().resolve()
    planned = plan(find(names), corpus, given, reports)
    folder = paths.data() if data is None else Path(data).expanduser().resolve()
    fingerprint = ""
    if not all(job.reads_results for job in planned):
        # Loaded here, once: a missing corpus is said at once, and kernels find it prepared.
        fingerprint = corpora.load_corpus(corpus, data=folder).fingerprint
    # And the sources are read here, as Python 3.11 cannot parse in several threads at once.
    code = source.folder()
    shared = {"SER_DATA": str(folder), "SER_REPORTS": str(reports)}
    if scheduler is not None:
        # Kernels join by themselves; here it is found out whether they can.
        cluster.connect(scheduler).close()
        shared[cluster.VARIABLE] = scheduler
    outcomes = []

    def one(job: Job, position: int, share: int | None) -> Outcome:
        recordings = "" if job.reads_results else fingerprint
        made_by = digest(job, code, recordings, reports / corpus)
        if not fresh and _made_by(job.output) == made_by:
            outcome = Outcome(job, SKIPPED)
        else:
            _say(f"{job.notebook.stem} on {corpus} ...")
            variables = shared | {"SER_COMMAND": command(job, corpus)}
            if fresh and not job.reads_results:
                # What a comparison reads was made afresh by the notebooks before it.
                variables["SER_FRESH"] = "1"
            outcome = run_job(
                job,
                corpus,
                made_by,
                environment=kernel_environment(share=share, **variables),
                timeout=timeout,
                position=position,
            )
        _say(f"{job.notebook.stem}: {outcome.state}", outcome.seconds)
        return outcome

    # Each in a thread: a notebook needs an event loop, and this one must stay free for Ctrl-C.
    with concurrent.futures.ThreadPoolExecutor(jobs or 1) as pool:
        try:
            for phase in _phases(planned):
                share = None if jobs is None else max(1, jobs // len(phase))
                outcomes += pool.map(one, phase, range(len(phase)), itertools.repeat(share))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise
    if store.records(reports / corpus):
        report.report(reports, corpus=corpus)
    return outcomes


def _say(text: str, seconds: float = 0.0) -> None:
    """Print a line without breaking a progress bar."""
    tqdm.write(f"{text} ({seconds:.0f} s)" if seconds else text)


def summary(outcomes: Sequence[Outcome]) -> str:
    """
    Write what ran, how long it took, where the output is, and what failed where and why.

    Parameters
    ----------
    outcomes : sequence of Outcome
        What `run` returned.

    Returns
    -------
    str
        One table, or two if something failed.
    """
    rows = []
    for job, state, seconds, failure in outcomes:
        output = job.output if failure is None else _failed_copy(job.output)
        rows.append((job.notebook.stem, state, round(seconds, 1), _relative(output)))
    text = console.table(rows, ("notebook", "state", "seconds", "output"))
    failed = [
        (o.job.notebook.stem, o.failure.cell, o.failure.line[:50], o.failure.reason)
        for o in outcomes
        if o.failure is not None
    ]
    if failed:
        text += "\n\n" + console.table(failed, ("failed", "cell", "in", "why"))
    return text


def _relative(path: Path) -> str:
    """Write a path as one would type it here."""
    try:
        return path.relative_to(Path.cwd()).as_posix()
    except ValueError:
        return str(path)
