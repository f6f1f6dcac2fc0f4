"""What of an executed notebook is kept: outputs without overwritten lines, folders and clocks."""

import re
from collections.abc import Callable, Mapping
from pathlib import PurePath

import nbformat

# Lines that libraries print at start-up and nobody can act upon.
_NOISE = re.compile(
    r"Kernel is running over TCP without encryption"
    r"|frozen modules are being used|PYDEVD_DISABLE_FILE_VALIDATION|Debugger warning"
    r"|oneDNN custom operations are on|cuda drivers|computation_placer|Unable to register cu"
    r"|This TensorFlow binary is optimized|To enable the following instructions"
    r"|All log messages before absl::InitializeLog|failed call to cuInit"
)
_CONTROL = re.compile(r"\x1b\[(\d*)([A-Za-z])|([\r\n\b])")


def settled(text: str) -> str:
    r"""
    Write what a terminal would show in the end: lines that were overwritten are gone.

    Parameters
    ----------
    text : str
        Printed text, with carriage returns and cursor movements as progress bars use them.

    Returns
    -------
    str
        Lines without trailing spaces; without empty ones where something was wiped out.

    Examples
    --------
    >>> settled("folds: 1/2\rfolds: 2/2\ndone")
    'folds: 2/2\ndone'
    """
    if "\r" not in text and "\x1b[" not in text and "\b" not in text:
        return text
    lines: list[list[str]] = [[]]
    moved: set[int] = set()
    row = column = position = 0

    def put(piece: str) -> None:
        nonlocal column
        line = lines[row]
        line.extend(" " * (column - len(line)))
        line[column : column + len(piece)] = list(piece)
        column += len(piece)

    for control in _CONTROL.finditer(text):
        put(text[position : control.start()])
        position = control.end()
        count, code, single = control.groups()
        if single == "\n":
            row, column = row + 1, 0
            if row == len(lines):
                lines.append([])
        elif single == "\r":
            column = 0
            moved.add(row)
        elif single == "\b":
            column = max(0, column - 1)
        elif code == "A":
            moved.add(row)
            row = max(0, row - int(count or 1))
        elif code == "K":
            del lines[row][0 if count == "2" else column :]
    put(text[position:])
    shown = ["".join(line).rstrip() for line in lines]
    last = len(shown) - 1
    kept = [line for i, line in enumerate(shown) if line or i == last or i not in moved]
    return "\n".join(kept)


def _quiet(text: str) -> str:
    """Drop lines of noise."""
    lines = text.split("\n")
    kept = [line for line in lines if not _NOISE.search(line)]
    return text if len(kept) == len(lines) else "\n".join(kept)


def _without(places: Mapping[str, str]) -> Callable[[str], str]:
    """Make a function that puts names for the folders of this machine."""
    names = {}
    for folder, name in places.items():
        for written in {folder, PurePath(folder).as_posix(), repr(folder)[1:-1]}:
            names[written] = name
    # Not inside a longer name: /home/ann is not the beginning of /home/anna.
    pattern = re.compile(
        "|".join(re.escape(n) + r"(?![\w-])" for n in sorted(names, key=len)[::-1])
    )
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


def _joined(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """Put what a cell wrote to standard error into one output: bars come in many pieces."""
    errors = [o for o in outputs if o.output_type == "stream" and o.name == "stderr"]
    if len(errors) < 2:
        return outputs
    errors[0].text = "".join(output.text for output in errors)
    return [o for o in outputs if o is errors[0] or not any(o is other for other in errors)]


def audio_cells(notebook: nbformat.NotebookNode) -> list[int]:
    """List the cells (counted from one) whose outputs embed a recording."""
    found = []
    for number, cell in enumerate(notebook.cells, start=1):
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            html = "".join(data.get("text/html", ""))
            if "<audio" in html or any(kind.startswith("audio/") for kind in data):
                found.append(number)
    return sorted(set(found))


def tidy(notebook: nbformat.NotebookNode, places: Mapping[str, str]) -> nbformat.NotebookNode:
    """
    Keep of an executed notebook what says something about the study.

    Parameters
    ----------
    notebook : NotebookNode
        Executed; it is changed in place.
    places : mapping
        Folders of this machine and what stands for them.

    Returns
    -------
    NotebookNode
        The same: progress bars as they ended, no start-up noise, no folders, durations but no
        clocks.
    """
    change = _without(places)
    for cell in notebook.cells:
        cell.source = change(cell.source)
        clocks = cell.metadata.pop("papermill", {})
        cell.metadata.pop("execution", None)
        if clocks.get("duration") is not None:
            cell.metadata["seconds"] = round(clocks["duration"], 1)
        if "injected-parameters" in cell.metadata.get("tags", []):
            # Papermill draws a name at random.
            cell.id = "injected-parameters"
        if cell.cell_type != "code":
            continue
        kept = []
        for output in _joined(cell.outputs):
            if output.output_type == "stream":
                output.text = _quiet(settled(output.text))
                if not output.text.strip():
                    continue
            kept.append(nbformat.from_dict(_mapped(output, change)))
        cell.outputs = kept
    run = notebook.metadata.pop("papermill", {})
    notebook.metadata["ser_lib"] = {
        "parameters": _mapped(dict(run.get("parameters", {})), change),
        "seconds": round(run.get("duration") or 0.0, 1),
    }
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    return notebook
