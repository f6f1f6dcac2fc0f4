"""Notebooks into reports: which are run, in which order, with what, and what came of it."""

import concurrent.futures
import json
import os
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import nbformat
import papermill
from tqdm import tqdm

from ser_lib import console, corpora, paths
from ser_lib.errors import InputError, unknown
from ser_lib.study import report, source, store
from ser_lib.study.execution import Failure, Watch, execute, kernel_environment, places, stop
from ser_lib.study.tidy import audio_cells, tidy

TRAINING = re.compile(r"\d+_train_")
# The notebooks around the training ones that belong to a whole study.
_AROUND = ("00_", "09_")
# The corpus whose recordings are ours to embed.
_OWN = "synthetic"

DONE, SKIPPED, FAILED = "done", "up to date", "FAILED"


class Job(NamedTuple):
    """
    A notebook to execute.

    Parameters
    ----------
    notebook : Path
        The source.
    parameters : dict
        What is passed to it.
    output : Path
        Where the executed copy goes.
    reads_results : bool
        Whether it comes after the training notebooks and may read what they wrote.
    """

    notebook: Path
    parameters: dict[str, object]
    output: Path
    reads_results: bool


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


def find(names: Sequence[str]) -> list[Path]:
    """
    Find notebooks by name.

    Parameters
    ----------
    names : sequence of str
        Names with or without ``.ipynb``, beginnings of names ("02"), or paths. None at all stands
        for the whole study: the training notebooks and those numbered 00 and 09.

    Returns
    -------
    list of Path
        In order of name, each once.

    Raises
    ------
    InputError
        For a name that is unknown (with the nearest) or stands for several.
    """
    folder = paths.notebooks()
    known = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    if not known:
        raise InputError(f"{folder}: no notebooks in it; SER_NOTEBOOKS says where they are")
    if not names:
        return [p for n, p in known.items() if TRAINING.match(n) or n.startswith(_AROUND)]
    found = {}
    for name in names:
        path = Path(name)
        stem = path.name.removesuffix(".ipynb")
        # A path to a file means that file, wherever it is.
        if path.is_file() and path.suffix == ".ipynb":
            found[path.stem] = path.resolve()
            continue
        near = [stem] if stem in known else [n for n in known if n.startswith(stem)]
        if len(near) > 1:
            raise InputError(f"notebook {name!r} stands for {', '.join(near)}; expected one")
        if not near or path.parent != Path("."):
            raise unknown("notebook", name, known)
        found[near[0]] = known[near[0]]
    return [found[stem] for stem in sorted(found)]


def typed(value: str) -> object:
    """
    Read a value as ``papermill -p`` does; lists and dictionaries, which it leaves text, as JSON.

    Examples
    --------
    >>> [typed(text) for text in ("True", "None", "5", "5e-1", "five", "[0, 1]")]
    [True, None, 5, 0.5, 'five', [0, 1]]
    """
    constants = {"True": True, "False": False, "None": None}
    if value in constants:
        return constants[value]
    for kind in (int, float, json.loads if value[:1] in ("[", "{") else float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def plan(
    notebooks: Sequence[Path],
    corpus: str,
    given: Mapping[str, object],
    reports: Path,
) -> list[Job]:
    """
    Give each notebook its parameters.

    Parameters
    ----------
    notebooks : sequence of Path
        What is run.
    corpus : str
        Name of the corpus.
    given : mapping
        Parameters by name; each notebook gets those that it has.
    reports : Path
        Folder of the reports.

    Returns
    -------
    list of Job

    Raises
    ------
    InputError
        For a parameter that no notebook has, with the nearest name.
    """
    accepted = {}
    for notebook in notebooks:
        nodes = nbformat.read(notebook, as_version=4)
        accepted[notebook] = set(papermill.inspect_notebook(nodes))
    known = sorted(set().union(*accepted.values()) - {"corpus", "data"})
    for name in given:
        if name not in known:
            names = ", ".join(notebook.stem for notebook in notebooks)
            raise unknown(f"parameter of {names}:", name, known)
    jobs = []
    trainings = [p.stem for p in paths.notebooks().glob("*.ipynb") if TRAINING.match(p.stem)]
    for notebook in notebooks:
        parameters = {n: v for n, v in given.items() if n in accepted[notebook]}
        if "corpus" in accepted[notebook]:
            parameters = {"corpus": corpus, **parameters}
        after = not TRAINING.match(notebook.stem) and notebook.stem > min(trainings, default="~")
        output = reports / corpus / notebook.name
        jobs.append(Job(notebook, parameters, output, after))
    return jobs


def command(job: Job, corpus: str) -> str:
    """Write the command that runs a notebook like this again."""
    options = []
    for name, value in job.parameters.items():
        if name != "corpus":
            text = json.dumps(value) if isinstance(value, list | dict) else str(value)
            options += ["-p", name, text]
    return shlex.join(["ser", "run", job.notebook.stem, "--corpus", corpus, *options])


def digest(job: Job, code: str, fingerprint: str, results: Path) -> str:
    """
    Digest all that an executed notebook depends on.

    Its cells, its parameters, the code of this package, the recordings; and for a notebook that
    comes after the training notebooks, the results (below the folder `results`) that it may read.
    """
    nodes = nbformat.read(job.notebook, as_version=4)
    cells = [[c.cell_type, c.source, c.metadata.get("tags", [])] for c in nodes.cells]
    read = store.records(results) if job.reads_results else []
    answers = [[path.name, store.read_record(path)["runs"]] for path in read]
    return paths.digest([cells, job.parameters, code, fingerprint, answers])


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
    jobs: int = 1,
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
    jobs : int
        How many training notebooks run side by side.
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
        For an unknown notebook, corpus or parameter, a corpus that is not there, or a damaged
        file in the reports. A notebook that fails raises nothing.
    """
    if jobs < 1:
        raise InputError(f"jobs {jobs}; expected 1 or more")
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
    code = source.everything()
    environment = kernel_environment(
        jobs=jobs,
        cores=os.cpu_count() or 1,
        SER_DATA=str(folder),
        SER_REPORTS=str(reports),
    )
    outcomes = []

    def one(job: Job, position: int) -> Outcome:
        recordings = "" if job.reads_results else fingerprint
        made_by = digest(job, code, recordings, reports / corpus)
        if not fresh and _made_by(job.output) == made_by:
            outcome = Outcome(job, SKIPPED)
        else:
            _say(f"{job.notebook.stem} on {corpus} ...")
            variables = {"SER_COMMAND": command(job, corpus)}
            if fresh and not job.reads_results:
                # What a comparison reads was made afresh by the notebooks before it.
                variables["SER_FRESH"] = "1"
            outcome = run_job(
                job,
                corpus,
                made_by,
                environment=environment | variables,
                timeout=timeout,
                position=position,
            )
        _say(f"{job.notebook.stem}: {outcome.state}", outcome.seconds)
        return outcome

    # Each in a thread: a notebook needs an event loop, and this one must stay free for Ctrl-C.
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            for phase in _phases(planned):
                outcomes += pool.map(one, phase, range(len(phase)))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            stop()
            raise
    if store.records(reports / corpus):
        report.report(reports)
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
