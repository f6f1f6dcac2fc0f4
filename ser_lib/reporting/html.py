"""Executed notebooks as web pages, with an index per corpus."""

import html
import re
from pathlib import Path

import nbformat

from ser_lib.console import progress
from ser_lib.experiment.results import write_if_changed
from ser_lib.reporting.clean_notebook import relink

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; }}
table {{ border-collapse: collapse; display: block; overflow-x: auto; }}
th, td {{ padding: .3rem .7rem; border-bottom: 1px solid #ddd; text-align: left; }}
img {{ max-width: 100%; }}
pre {{ background: #f6f6f6; padding: .7rem; overflow-x: auto; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def _relink(markdown: str) -> str:
    """Change the links of a page beside the notebooks into links from the folder of web pages."""

    def relinked(match: re.Match) -> str:
        target = match[1]
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        return f"]({Path(target).stem}.html)" if target.endswith(".ipynb") else f"](../{target})"

    return re.sub(r"\]\(([^)]+)\)", relinked, markdown)


def _describe(page: str, notebook: nbformat.NotebookNode) -> str:
    """Give the figures in a page the alternative texts that are stored with them."""
    texts = iter(
        output.get("metadata", {}).get("image/png", {}).get("alt")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    )

    def described(match: re.Match) -> str:
        text = next(texts, None)
        return match[0] if text is None else f'alt="{html.escape(text)}"'

    # What nbconvert writes for an image without one.
    return re.sub(r'alt="No description has been provided for this image"', described, page)


def render(reports: Path) -> list[Path]:
    """
    Render the page and the executed notebooks of every corpus into ``<reports>/<corpus>/html``.

    Returns the index of each: its page (``README.md``), with links to its notebooks.
    """
    from nbconvert import HTMLExporter
    from nbconvert.filters import markdown2html

    exporter = HTMLExporter(embed_images=True)
    indices = []
    for page in sorted(reports.glob("*/README.md")):
        folder = page.parent / "html"
        for notebook in progress(sorted(page.parent.glob("*.ipynb")), description=str(folder)):
            if not notebook.stem.endswith(".failed"):
                node = nbformat.read(notebook, as_version=4)
                relink(node, page.parent, folder)
                resources = {"metadata": {"name": notebook.stem}}
                body, _ = exporter.from_notebook_node(node, resources)
                write_if_changed(folder / f"{notebook.stem}.html", _describe(body, node))
        text = page.read_text(encoding="utf-8")
        body = markdown2html(_relink(text))
        # The first heading, whose characters are escaped already.
        title = text.split("\n", 1)[0].lstrip("# ")
        write_if_changed(folder / "index.html", _PAGE.format(title=title, body=body))
        indices.append(folder / "index.html")
    return indices
