"""
Results in the site: what is added to the pages of the reports when they are read.

The pages themselves are written by `ser report` and are not changed.
"""

import re
from pathlib import Path

from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from ser_lib.reporting.overview import BEGIN, END

PLACE = "<!-- results -->"
"""Where a page takes the table of results of the repository's README."""


def overview(readme: Path, prefix: str) -> str:
    """Return the table of results in the README, its links from a folder `prefix` away."""
    text = readme.read_text(encoding="utf-8").split(BEGIN)[1].split(END)[0].strip()
    return re.sub(r"\]\((?![a-z]+:|#|/)", f"]({prefix}", text)


def _toctree(*entries: str) -> str:
    return "\n\n```{toctree}\n:hidden:\n:glob:\n\n" + "\n".join(entries) + "\n```\n"


def add_results(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add the table of results and tables of contents to a page that is being read."""
    if PLACE in source[0]:
        readme = Path(app.srcdir) / "README.md"
        source[0] = source[0].replace(PLACE, overview(readme, "../" * docname.count("/")))
        app.env.note_dependency(str(readme), docname=docname)
    elif docname == "reports/README":
        source[0] += _toctree("*/README")
    elif re.fullmatch(r"reports/([^/]+)/README", docname):
        source[0] += _toctree("runs*", "[0-9]*")


def plain_headings(app: Sphinx, env: BuildEnvironment) -> None:
    """Take links to files out of tables of contents, where Sphinx cannot write them."""
    for contents in env.tocs.values():
        for node in list(contents.findall(addnodes.download_reference)):
            node.replace_self(node.children)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the functions to the events at which they run."""
    app.connect("source-read", add_results)
    app.connect("env-updated", plain_headings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
