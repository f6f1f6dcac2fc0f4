"""Which notebooks are run, in which order, with which parameters, and what they depend on."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import nbformat
import papermill

from ser_lib import identity, paths
from ser_lib.errors import InputError, unknown
from ser_lib.experiment import results as store

TRAINING = re.compile(r"\d+_train_")
# The notebooks around the training ones that belong to a whole study.
_AROUND = ("00_", "09_")


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
    return identity.digest([cells, job.parameters, code, fingerprint, answers])
