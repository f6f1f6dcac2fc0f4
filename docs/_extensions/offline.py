"""After the build: no page loads anything from elsewhere; and the site begins at its root."""

import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

_REMOTE = r"[\"'(]?\s*(?:https?:)?//[^\s\"'>)]+"
# What a browser loads by itself; a link that is followed by a click is none of it.
_LOADED = re.compile(
    rf"<(?:img|script|iframe|audio|video|source|embed|track)\b[^>]*\s(?:src|srcset|poster)={_REMOTE}"
    rf"|<link\b(?![^>]*rel=[\"']?(?:canonical|author|license))[^>]*\shref={_REMOTE}"
    rf"|<object\b[^>]*\sdata={_REMOTE}"
    rf"|url\({_REMOTE}|@import\s+(?:url\()?{_REMOTE}",
    re.IGNORECASE,
)

INDEX = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta http-equiv="refresh" content="0; url={home}">
<title>{title}</title>
<a href="{home}">{title}</a>
</html>
"""


def remote_resources(text: str) -> list[str]:
    """List what a page or style sheet loads from elsewhere when it is opened."""
    return [match[0] for match in _LOADED.finditer(text)]


def check(folder: Path) -> None:
    """Raise an error that lists what the pages and style sheets in `folder` load from elsewhere."""
    found = [
        f"{path.relative_to(folder)}: {resource}"
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".html", ".css")
        for resource in remote_resources(path.read_text(encoding="utf-8"))
    ]
    if found:
        raise ExtensionError("\n".join(["resources from elsewhere:", *found]))


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Check the pages, and let the root of the site lead to the home page."""
    if exception is None and app.builder.format == "html":
        page = INDEX.format(
            home=app.builder.get_target_uri(app.config.root_doc), title=app.config.html_title
        )
        (Path(app.outdir) / "index.html").write_text(page, encoding="utf-8")
        check(Path(app.outdir))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect `finish`."""
    app.connect("build-finished", finish)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
