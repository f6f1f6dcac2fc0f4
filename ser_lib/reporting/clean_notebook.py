"""What is kept of an executed notebook: outputs without overwritten lines, folders and dates."""

import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePath

import nbformat

from ser_lib import paths

# Lines that libraries print when they start and that nobody can act upon.
_NOISE = re.compile(
    r"Kernel is running over TCP without encryption"
    r"|frozen modules are being used|PYDEVD_DISABLE_FILE_VALIDATION|Debugger warning"
    r"|oneDNN custom operations are on|cuda drivers|computation_placer|Unable to register cu"
    r"|This TensorFlow binary is optimized|To enable the following instructions"
    r"|All log messages before absl::InitializeLog|failed call to cuInit"
    r"|TqdmWarning: IProgress not found|from \.autonotebook import tqdm"
)
# What a progress bar overwrote or only did to the terminal: a bar drawn below another one, up to
# the movement back; a character before a backspace; colours and other movements.
_BELOW = re.compile(r"\n+[^\n]*\x1b\[A")
_ERASED = re.compile(r"[^\n\b]\x08")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CONTROL = re.compile(r"\x1b\[[\d;]*[A-Za-z]|\x08")


def clean_notebook(
    notebook: nbformat.NotebookNode, places: Mapping[str, str] | None = None
) -> None:
    """
    Remove from an executed notebook, in place, what says nothing about the study.

    Progress bars are left as they ended; start-up messages, folders and dates go, durations stay.

    Parameters
    ----------
    notebook : NotebookNode
        Executed by papermill.
    places : mapping, optional
        Folders and what is written for them; by default the folders of this machine that must not
        stand in a notebook.
    """
    rename = _renaming(_places() if places is None else places)
    for cell in notebook.cells:
        cell.source = rename(cell.source)
        timing = cell.metadata.pop("papermill", {})
        cell.metadata.pop("execution", None)
        if timing.get("duration") is not None:
            cell.metadata["seconds"] = round(timing["duration"], 1)
        if "injected-parameters" in cell.metadata.get("tags", []):
            # Papermill draws a name at random.
            cell.id = "injected-parameters"
        if cell.cell_type == "code":
            outputs = [nbformat.from_dict(_mapped(o, rename)) for o in _streams(cell.outputs)]
            cell.outputs = [o for o in outputs if o.output_type != "stream" or o.text.strip()]
    run = notebook.metadata.pop("papermill", {})
    notebook.metadata["ser_lib"] = {
        "parameters": _mapped(dict(run.get("parameters", {})), rename),
        "seconds": round(run.get("duration") or 0.0, 1),
    }
    kernel = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
    notebook.metadata["kernelspec"] = kernel


def relink(notebook: nbformat.NotebookNode, source: Path, target: Path) -> None:
    """
    Change the relative links of a notebook from one folder so that they hold in another, in place.

    Nothing is changed where the second folder is not below the parent of the first: such links
    would name folders of this machine.
    """
    source, target = source.resolve(), target.resolve()
    if not target.is_relative_to(source.parent):
        return

    def relinked(match: re.Match) -> str:
        if re.match(r"[a-z]+:|#", match[1]):
            return match[0]
        return f"]({PurePath(os.path.relpath(source / match[1], target)).as_posix()})"

    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _LINK.sub(relinked, cell.source)
        for output in cell.get("outputs", []):
            if "text/markdown" in output.get("data", {}):
                text = output.data["text/markdown"]
                output.data["text/markdown"] = _LINK.sub(relinked, text)


def final_text(text: str) -> str:
    r"""
    Write printed text as a terminal shows it in the end, without colours and overwritten lines.

    Examples
    --------
    >>> final_text("folds: 1/2\rfolds: 2/2\ndone")
    'folds: 2/2\ndone'
    """
    if not re.search(r"[\r\x1b\b]", text):
        return text
    while (shorter := _ERASED.sub("", _BELOW.sub("", text))) != text:
        text = shorter
    *lines, last = _CONTROL.sub("", text).replace("\r\n", "\n").split("\n")
    finals = [(line, line.rstrip("\r").rsplit("\r", 1)[-1].rstrip()) for line in lines]
    shown = [final for line, final in finals if final or "\r" not in line]
    return "\n".join([*shown, last.rsplit("\r", 1)[-1].rstrip()])


def _streams(outputs: Sequence[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Join what a cell wrote to standard error, bars come in pieces, and drop messages of start."""
    joined, error = [], None
    for output in outputs:
        if output.output_type == "stream" and output.name == "stderr":
            if error is not None:
                error.text += output.text
                continue
            error = output
        joined.append(output)
    for output in joined:
        if output.output_type == "stream":
            lines = final_text(output.text).split("\n")
            output.text = "\n".join(line for line in lines if not _NOISE.search(line))
    return joined


def _renaming(places: Mapping[str, str]) -> Callable[[str], str]:
    """Make a function that writes names in place of the folders of this machine."""
    names = {}
    for folder, name in places.items():
        for written in {folder, PurePath(folder).as_posix(), repr(folder)[1:-1]}:
            names[written] = name
    # Not inside a longer name: /home/ann is not the beginning of /home/anna.
    longest = sorted(names, key=len, reverse=True)
    pattern = re.compile("|".join(re.escape(name) + r"(?![\w-])" for name in longest))
    return lambda text: pattern.sub(lambda match: names[match[0]], text) if names else text


def _mapped(value: object, change: Callable[[str], str]) -> object:
    """Change every string in nested dicts and lists, but for images."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_mapped(item, change) for item in value]
    if isinstance(value, dict):
        return {
            k: item if str(k).startswith("image/") else _mapped(item, change)
            for k, item in value.items()
        }
    return value


def audio_cells(notebook: nbformat.NotebookNode) -> list[int]:
    """List the cells (counted from zero) whose outputs embed a recording."""
    return [
        number
        for number, cell in enumerate(notebook.cells)
        if any(
            "<audio" in "".join(output.get("data", {}).get("text/html", ""))
            or any(kind.startswith("audio/") for kind in output.get("data", {}))
            for output in cell.get("outputs", [])
        )
    ]


def _places() -> dict[str, str]:
    """List the folders of this machine that must not stand in a notebook, and their names."""
    folders = {
        str(paths.data()): "$SER_DATA",
        str(paths.cache()): "$SER_CACHE",
        str(paths.reports()): "$SER_REPORTS",
        str(paths.notebooks()): "notebooks",
        str(Path(__file__).resolve().parents[2]): ".",
        sys.prefix: "$PREFIX",
        sys.base_prefix: "$PREFIX",
        str(Path.cwd()): ".",
        tempfile.gettempdir(): "$TMP",
        str(Path.home()): "~",
    }
    folders |= {str(Path(folder).resolve()): name for folder, name in folders.items()}
    # The root of a file system is in every path.
    return {folder: name for folder, name in folders.items() if len(Path(folder).parts) > 1}
