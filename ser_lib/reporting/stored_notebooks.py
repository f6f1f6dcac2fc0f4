"""What stored notebooks say of the reports, brought up to date without executing them."""

from collections.abc import Iterator
from pathlib import Path

import nbformat

from ser_lib import systems
from ser_lib.errors import InputError
from ser_lib.experiment.results import write_if_changed
from ser_lib.reporting.links import executed_notebook, repository
from ser_lib.reporting.sentences import on_real_speech

# What the cell calls whose output says what the system reaches on real speech.
_CALL = f"sentences.{on_real_speech.__name__}("


def update_notebooks(reports: Path) -> list[Path]:
    """
    Let the notebooks of a checkout say of each system what its reports say by now.

    Of the notebook of each system, and of its executed copies in the reports, the output that
    `ser_lib.reporting.sentences.on_real_speech` gave is written anew; nothing is executed.

    Parameters
    ----------
    reports : Path
        Folder of the reports, with the tables of results as they are now.

    Returns
    -------
    list of Path
        The notebooks that have changed; none where the reports are no part of a checkout.

    Raises
    ------
    InputError
        If a notebook cannot be read.
    """
    root = repository(reports)
    stored = () if root is None else _stored(root, reports)
    return [file for file in stored if _update(file, reports)]


def _stored(root: Path, reports: Path) -> Iterator[Path]:
    folders = [root / "notebooks", *sorted(path.parent for path in reports.glob("*/results.csv"))]
    for folder in folders:
        yield from filter(None, (executed_notebook(name, folder) for name in systems.names()))


def _update(file: Path, reports: Path) -> bool:
    """Write what has changed, if anything has; a notebook that is true is not touched."""
    try:
        notebook = nbformat.read(file, as_version=4)
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: not readable as a notebook ({error})") from None
    system = file.stem.partition("_train_")[2]
    text = on_real_speech(system, reports=reports, folder=file.parent)
    outdated = [
        output
        for cell in notebook.cells
        for output in (cell.get("outputs", []) if _CALL in cell.source else [])
        if output.get("data", {}).get("text/markdown", text) != text
    ]
    for output in outdated:
        output.data["text/markdown"] = text
    return bool(outdated) and write_if_changed(file, f"{nbformat.writes(notebook)}\n")
