"""The directive ``gallery``: the notebooks with a thumbnail of a stored output and run times."""

import base64
import io
from pathlib import Path

import nbformat
from docutils import nodes
from PIL import Image
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from ser_lib.reporting.formatting import duration, escape

WIDTH, HEIGHT = 480, 300
"""Size of a thumbnail in pixels."""
TAG = "thumbnail"
"""Tag of the cell whose figure stands for its notebook."""


def figures(notebook: nbformat.NotebookNode, tag: str | None = None) -> list[bytes]:
    """List the PNG files stored in a notebook, of cells with that tag if one is given."""
    return [
        base64.b64decode(output.data["image/png"])
        for cell in notebook.cells
        if tag is None or tag in cell.metadata.get("tags", [])
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def thumbnail(notebook: nbformat.NotebookNode) -> Image.Image | None:
    """
    Draw the thumbnail: the figure of the tagged cell, or else the one with most detail.

    Spectrograms, which say most at this size, take most bytes.
    """
    candidates = figures(notebook, TAG) or figures(notebook)
    if not candidates:
        return None
    with Image.open(io.BytesIO(max(candidates, key=len))) as image:
        small = image.convert("RGB")
    small.thumbnail((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    canvas = Image.new("RGB", (WIDTH, HEIGHT), "white")
    canvas.paste(small, ((WIDTH - small.width) // 2, (HEIGHT - small.height) // 2))
    return canvas


def title(notebook: nbformat.NotebookNode) -> str:
    """Return the first heading of a notebook."""
    lines = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown").split("\n")
    return next(line.lstrip("# ") for line in lines if line.startswith("#"))


def runs(reports: Path, name: str) -> list[tuple[Path, float]]:
    """List the executed copies of a notebook on real corpora, each with its seconds."""
    found = []
    for path in sorted(reports.glob(f"*/{name}")):
        if path.parent.name != "synthetic":
            metadata = nbformat.read(path, as_version=4).metadata
            found.append((path, metadata.get("ser_lib", {}).get("seconds", 0.0)))
    return found


class Gallery(SphinxDirective):
    """A list with one item per notebook, laid out as cards by ``site.css``."""

    def run(self) -> list[nodes.Node]:
        """Make the list."""
        root = Path(self.env.srcdir)
        # In the source, as images must be; git and Sphinx ignore the folder.
        folder = root / "build" / "site" / "thumbnails"
        folder.mkdir(parents=True, exist_ok=True)
        items = []
        for path in sorted(root.glob("notebooks/*.ipynb")):
            self.env.note_dependency(str(path))
            notebook = nbformat.read(path, as_version=4)
            link, name = f"/notebooks/{path.name}", escape(title(notebook))
            image = thumbnail(notebook)
            picture = ""
            if image is not None:
                image.save(folder / f"{path.stem}.png")
                file = f"/build/site/thumbnails/{path.stem}.png"
                picture = f"[![A figure of {path.stem}]({file})]({link})<br>"
            times = ", ".join(
                f"[{run.parent.name}](/{run.relative_to(root).as_posix()}) {duration(seconds)}"
                for run, seconds in runs(root / "reports", path.name)
            )
            times = f"<br>Run on real speech: {times}" if times else ""
            items.append(f"- {picture}[{name}]({link})<br>`{path.stem}`{times}")
        box = nodes.container(classes=["gallery"])
        box += self.parse_text_to_nodes("\n".join(items))
        return [box]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("gallery", Gallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
