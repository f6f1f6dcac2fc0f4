"""Alternative texts of the figures of notebooks, from the functions that drew them."""

import inspect
import re

from docutils import nodes
from sphinx.application import Sphinx

from ser_lib import plots


def description(function: str) -> str:
    """
    Say what a function of `ser_lib.plots` shows: the summary of its docstring, or its name.

    It is empty for a function that draws nothing.
    """
    drawing = getattr(plots, function, None)
    if drawing is None:
        # Of an older version, called in a stored run.
        return function.replace("_", " ").capitalize()
    summary = " ".join((inspect.getdoc(drawing) or "").split("\n\n")[0].split())
    shown = summary.removeprefix("Show ").replace("`", "").rstrip(".")
    return "" if shown == summary.rstrip(".") else shown[0].upper() + shown[1:]


def describe(app: Sphinx, doctree: nodes.document) -> None:
    """Give each figure of a notebook that has no alternative text one."""
    for cell in doctree.findall(
        lambda node: "cell" in getattr(node, "attributes", {}).get("classes", ())
    ):
        code = "".join(block.astext() for block in cell.findall(nodes.literal_block))
        texts = [description(name) for name in re.findall(r"\bplots\.(\w+)\(", code)]
        texts = [text for text in texts if text]
        images = [image for image in cell.findall(nodes.image) if not image.get("alt")]
        if len(texts) != len(images):
            # A loop, or two figures of which one is shown.
            texts = ["; ".join(dict.fromkeys(texts)) or "A figure"] * len(images)
        for image, text in zip(images, texts, strict=True):
            image["alt"] = text


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect `describe`."""
    app.connect("doctree-read", describe)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
