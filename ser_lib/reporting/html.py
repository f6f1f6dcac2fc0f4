"""Executed notebooks as web pages, with an index per corpus."""

import re
from pathlib import Path

from ser_lib.console import progress
from ser_lib.experiment.results import write_if_changed

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
                body, _ = exporter.from_filename(str(notebook))
                write_if_changed(folder / f"{notebook.stem}.html", body)
        text = page.read_text(encoding="utf-8")
        body = markdown2html(_relink(text))
        # The first heading, whose characters are escaped already.
        title = text.split("\n", 1)[0].lstrip("# ")
        write_if_changed(folder / "index.html", _PAGE.format(title=title, body=body))
        indices.append(folder / "index.html")
    return indices
