"""In the API, links from a function or class to the notebooks that use it."""

import functools
import re
from collections import defaultdict
from pathlib import Path

import nbformat
from sphinx.application import Sphinx

# ser_lib.evaluate(...), ser_lib.systems.make(...), plots.confusion_matrix(...)
_USE = re.compile(r"\b(?:ser_lib\.(?:(\w+)\.)?|(plots)\.)(\w+)\(")
# Where the functions of the package itself are documented as well.
_HOMES = {"load_corpus": "corpora", "evaluate": "experiment"}


@functools.cache
def uses(notebooks: Path) -> dict[str, list[str]]:
    """List, by full name of a function or class, the stems of the notebooks that use it."""
    found = defaultdict(list)
    for path in sorted(notebooks.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
        for package, plots, name in sorted(set(_USE.findall(code))):
            home = package or plots or _HOMES.get(name, "")
            found[f"ser_lib.{home}.{name}"].append(path.stem)
    return found


def add_uses(
    app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]
) -> None:
    """Add the links below a docstring."""
    stems = uses(Path(app.srcdir) / "notebooks").get(name, [])
    if stems:
        links = ", ".join(f":doc:`{stem} </notebooks/{stem}>`" for stem in stems)
        lines += ["", f"Used in {links}.", ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect `add_uses`."""
    # After napoleon, which would take the line for a part of its last section.
    app.connect("autodoc-process-docstring", add_uses, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
