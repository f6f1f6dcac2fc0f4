"""
Run notebooks by papermill and keep their cleaned copies in the reports.

Each notebook is executed in a child process, by papermill, in a kernel of this interpreter.
Training notebooks run side by side; a copy is written when its notebook ran to the end.
"""

import concurrent.futures
import contextlib
import itertools
import json
import os
import re
import shlex
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import joblib
import nbformat
import papermill
from tqdm import tqdm

from ser_lib import cluster, code_digest, console, corpora, executor, identity, paths, systems
from ser_lib.errors import InputError, unknown
from ser_lib.experiment import results
from ser_lib.notebook_execution import Failure, execute, failure_at
from ser_lib.params import as_corpus_options, parse_parameters
from ser_lib.places import require_writable
from ser_lib.reporting import build_report
from ser_lib.reporting.clean_notebook import audio_cells, clean_notebook, relink

DONE, UP_TO_DATE, FAILED = "done", "up to date", "FAILED"

# The corpus whose recordings may be published inside a notebook.
_OWN = "synthetic"
_TRAINING = re.compile(r"\d+_train_")
# The notebooks around the training ones that belong to the whole study.
_AROUND = ("00_", "09_")


class Run(NamedTuple):
    """
    A notebook to execute with values for its cell tagged ``parameters``, and where its copy goes.

    One that `reads_results` comes after the training notebooks.
    """

    notebook: Path
    parameters: dict[str, object]
    output: Path
    reads_results: bool

    @property
    def name(self) -> str:
        """Name of the notebook, without ending."""
        return self.notebook.stem

    @property
    def failed_copy(self) -> Path:
        """Where goes what a failed notebook did until it failed."""
        return self.output.with_name(f"{self.name}.failed.ipynb")

    @property
    def command(self) -> str:
        """The command that executes the notebook with the same parameters again."""
        options = []
        for name, value in self.parameters.items():
            if name != "corpus":
                text = json.dumps(value) if isinstance(value, list | dict) else str(value)
                options += ["-p", name, text]
        corpus = self.output.parent.name
        return shlex.join(["ser", "run", self.name, "--corpus", corpus, *options])


class Outcome(NamedTuple):
    """How a run ended (`DONE`, `UP_TO_DATE` or `FAILED`), how long it took, and why it failed."""

    run: Run
    state: str
    seconds: float = 0.0
    failure: Failure | None = None


def find(names: Sequence[str]) -> list[Path]:
    """
    Find notebooks by name; in alphabetical order, each once.

    Parameters
    ----------
    names : sequence of str
        Names with or without ``.ipynb``, beginnings of names ("02"), names of systems ("cnn_lstm",
        also the short names of the publications' code: "alex_net"), or paths. The whole study if
        empty: the training notebooks and those numbered 00 and 09.

    Raises
    ------
    InputError
        For a name that is unknown (the nearest one is suggested) or matches several notebooks, and
        for two notebooks of one name.
    """
    folder = paths.notebooks()
    known = {path.stem: path for path in sorted(folder.glob("*.ipynb"))}
    if not known:
        raise InputError(f"{folder}: no notebooks in it; SER_NOTEBOOKS says where they are")
    if not names:
        return [p for n, p in known.items() if _TRAINING.match(n) or n.startswith(_AROUND)]
    chosen = {}
    for name in names:
        path = Path(name)
        # A path to a file means that file, wherever it is.
        if not (path.is_file() and path.suffix == ".ipynb"):
            path = known[_stem(name, known)]
        path = path.resolve()
        other = chosen.setdefault(path.stem, path)
        if other != path:
            raise InputError(
                f"{other} and {path}: expected different names, since their outputs have them, too"
            )
    return [chosen[stem] for stem in sorted(chosen)]


def _stem(name: str, known: Mapping[str, Path]) -> str:
    """Return the name of the one notebook that is meant."""
    wanted = name.removesuffix(".ipynb")
    system = wanted
    with contextlib.suppress(InputError):
        system = systems.resolve(wanted)
    for matches in (
        [stem for stem in known if stem == wanted],
        [stem for stem in known if re.fullmatch(rf"\d+_train_{re.escape(system)}", stem)],
        [stem for stem in known if stem.startswith(wanted)],
    ):
        if len(matches) > 1:
            raise InputError(f"notebook {name!r} matches {', '.join(matches)}; expected one")
        if matches:
            return matches[0]
    raise unknown("notebook", name, known)


def plan(
    notebooks: Sequence[Path], corpus: str, parameters: Mapping[str, object], reports: Path
) -> list[Run]:
    """Give each notebook those parameters that it has; InputError for one that none of them has."""
    accepted = {
        notebook: set(papermill.inspect_notebook(nbformat.read(notebook, as_version=4)))
        for notebook in notebooks
    }
    known = sorted(set().union(*accepted.values()) - {"corpus", "data"})
    for name in parameters:
        if name not in known:
            names = ", ".join(notebook.stem for notebook in notebooks)
            raise unknown(f"parameter of {names}:", name, known)
    training = [p.stem for p in paths.notebooks().glob("*.ipynb") if _TRAINING.match(p.stem)]
    runs = []
    for notebook in notebooks:
        values = {n: v for n, v in parameters.items() if n in accepted[notebook]}
        if "corpus" in accepted[notebook]:
            values = {"corpus": corpus, **values}
        last = not _TRAINING.match(notebook.stem) and notebook.stem > min(training, default="~")
        runs.append(Run(notebook, values, reports / corpus / notebook.name, last))
    # A comparison may have a lower number than systems that were added later.
    return sorted(runs, key=lambda run: run.reads_results)


def _digest(run: Run, code: str, fingerprint: str, folder: Path) -> str:
    """
    Digest everything that an executed notebook depends on.

    That is its cells and parameters, files that a parameter names, the code of this package, the
    fingerprint of the corpus, and for a notebook that reads them the results in `folder`.
    """
    content = nbformat.read(run.notebook, as_version=4)
    cells = [[c.cell_type, c.source, c.metadata.get("tags", [])] for c in content.cells]
    records = results.records(folder) if run.reads_results else []
    scores = [[path.name, results.read_record(path)["runs"]] for path in records]
    files = [_state_of(value) for value in run.parameters.values() if isinstance(value, str)]
    return identity.digest([cells, run.parameters, files, code, fingerprint, scores])


def _state_of(path: str) -> list[object]:
    """Tell which file a text names and when it was changed; the same for whatever is no file."""
    if not os.path.isfile(path):
        return []
    status = os.stat(path)
    return [os.path.realpath(path), status.st_size, status.st_mtime_ns]


def _phase(run: Run) -> str:
    """Name what runs side by side: training notebooks; each of those around them by itself."""
    return "training" if _TRAINING.match(run.name) else run.name


def run_notebooks(
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
    Execute notebooks into ``<reports>/<corpus>/`` and build the report again.

    Parameters
    ----------
    names : sequence of str
        Notebooks (see `find`); the whole study by default.
    corpus : str
        Name of the corpus.
    data, reports : path, optional
        Folders of the corpora and of the reports.
    parameters : sequence of (str, str)
        Names and values, typed as ``papermill -p`` types them. ``corpus_options`` is a JSON object
        of arguments of `ser_lib.load_corpus`.
    jobs : int, optional
        Number of processes in all; by default one per core. So many training notebooks run side by
        side, and share the processes that are left over to train folds side by side.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers extract features and train folds and seeds.
    fresh : bool
        Whether to execute what is up to date, and to train again what is stored.
    timeout : float, optional
        Longest time for one cell in seconds, rounded up.

    Returns
    -------
    list of Outcome
        One per notebook, in order. A notebook that fails raises nothing.

    Raises
    ------
    InputError
        For an unknown notebook, corpus or parameter, a corpus that is not there, a scheduler that
        does not answer, or a damaged file in the reports.
    KeyboardInterrupt
        After every notebook that was running, its kernel and its workers have ended.
    """
    executor.check_jobs(jobs)
    jobs = jobs or joblib.cpu_count()
    given = parse_parameters(parameters, "notebooks")
    named = given.pop("corpus", corpus)
    if named != corpus and corpus != _OWN:
        raise InputError(f"--corpus {corpus} and -p corpus {named}; expected one of them")
    corpus, data = str(named), given.pop("data", data)
    corpora.get(corpus)
    options = as_corpus_options(given.get("corpus_options"))
    reports = paths.reports(reports)
    runs = plan(find(names), corpus, given, reports)
    require_writable(reports / corpus, "the reports")
    folder = paths.data() if data is None else Path(data).expanduser().resolve()
    fingerprint = ""
    if not all(run.reads_results for run in runs):
        # Loaded here, once: a missing corpus is reported at once, and kernels find it prepared.
        fingerprint = corpora.load_corpus(corpus, data=folder, **options).fingerprint
    # And the code is digested here, as Python 3.11 cannot parse in several threads at once.
    code = code_digest.folder()
    shared = {"SER_DATA": str(folder), "SER_REPORTS": str(reports)}
    if scheduler is not None:
        # Kernels connect by themselves; here it is found out whether they can.
        cluster.connect(scheduler).close()
        shared[cluster.VARIABLE] = scheduler
    cancelled = threading.Event()

    def one(run: Run, position: int, processes: int) -> Outcome:
        recordings = "" if run.reads_results else fingerprint
        version = _digest(run, code, recordings, reports / corpus)
        if not fresh and _version(run.output) == version:
            outcome = Outcome(run, UP_TO_DATE)
        else:
            tqdm.write(f"{run.name} on {corpus} ...")
            variables = shared | {"SER_COMMAND": run.command}
            if fresh and not run.reads_results:
                # What a comparison reads was trained again by the notebooks before it.
                variables["SER_FRESH"] = "1"
            started = time.monotonic()
            executed, failure = execute(
                run.notebook,
                run.parameters,
                environment=_environment(processes, **variables),
                timeout=timeout,
                position=position,
                cancelled=cancelled,
            )
            failure = _keep(run, corpus, version, executed, failure)
            state = DONE if failure is None else FAILED
            outcome = Outcome(run, state, time.monotonic() - started, failure)
        took = f" ({outcome.seconds:.0f} s)" if outcome.seconds else ""
        tqdm.write(f"{run.name}: {outcome.state}{took}")
        return outcome

    outcomes = []
    # Threads wait for the child processes, and this one for Ctrl-C.
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        try:
            for _, group in itertools.groupby(runs, _phase):
                phase = list(group)
                processes = max(1, jobs // len(phase))
                outcomes += pool.map(one, phase, range(len(phase)), itertools.repeat(processes))
        except BaseException:
            cancelled.set()
            pool.shutdown(cancel_futures=True)
            raise
    if results.records(reports / corpus):
        build_report(reports, corpus=corpus)
    return outcomes


def _version(output: Path) -> str | None:
    """Read from an executed notebook the digest of what it depended on; None if there is none."""
    try:
        return nbformat.read(output, as_version=4).metadata["ser_lib"]["digest"]
    except (OSError, ValueError, KeyError):
        return None


def _keep(
    run: Run, corpus: str, version: str, executed: nbformat.NotebookNode, failure: Failure | None
) -> Failure | None:
    """
    Write the cleaned copy of an executed notebook, whole or not at all.

    What a failed notebook did until it failed is written beside the output as
    ``<name>.failed.ipynb``, and an older output stays as it was. A notebook that embeds recordings
    of a corpus that is not ours fails here.
    """
    clean_notebook(executed)
    relink(executed, run.notebook.parent, run.output.parent)
    embedded = [] if corpus == _OWN else audio_cells(executed)
    if failure is None and embedded:
        reason = f"embeds a recording of {corpus}, which is not ours to publish"
        failure = failure_at(executed, embedded[0], reason)
    for number in embedded:
        executed.cells[number].outputs = []
    if failure is None:
        executed.metadata["ser_lib"]["digest"] = version
        run.failed_copy.unlink(missing_ok=True)
    with paths.whole(run.output if failure is None else run.failed_copy) as file:
        nbformat.write(executed, file)
    return failure


def _environment(processes: int, **variables: str) -> dict[str, str]:
    """
    Make the environment of a kernel that may keep so many processes, or threads of one, busy.

    It is that of this process, with absolute folders, without start-up messages, with figures in
    the notebook, and such that trainings repeat bit for bit.
    """
    environment = dict(os.environ)
    # A backend set for this process (tests set agg) would keep figures out of the notebook.
    environment.pop("MPLBACKEND", None)
    for name, value in (executor.REPRODUCIBLE | executor.SHARED_DEVICE).items():
        environment.setdefault(name, value)
    environment["PYDEVD_DISABLE_FILE_VALIDATION"] = "1"
    environment["SER_CACHE"] = str(paths.cache())
    environment["SER_DATA"] = str(paths.data())
    # The package that runs the notebook is the one that the notebook imports.
    package = str(Path(__file__).resolve().parents[1])
    known = environment.get("PYTHONPATH", "")
    environment["PYTHONPATH"] = os.pathsep.join([package, *([known] if known else [])])
    for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR"):
        environment[f"{name}_NUM_THREADS"] = str(processes)
    # What joblib takes for the number of cores.
    environment["LOKY_MAX_CPU_COUNT"] = str(processes)
    return environment | variables


def summary(outcomes: Sequence[Outcome]) -> str:
    """Write what ran, how long it took, where the output is, and what failed where and why."""
    rows = []
    for run, state, seconds, failure in outcomes:
        output = run.output if failure is None else run.failed_copy
        near = output.relative_to(Path.cwd()) if output.is_relative_to(Path.cwd()) else output
        rows.append((run.name, state, round(seconds, 1), near.as_posix()))
    text = console.table(rows, ("notebook", "state", "seconds", "output"))
    failures = [
        (o.run.name, o.failure.cell, o.failure.line[:50], o.failure.reason)
        for o in outcomes
        if o.failure is not None
    ]
    if failures:
        text += "\n\n" + console.table(failures, ("failed", "cell", "in", "why"))
    return text
