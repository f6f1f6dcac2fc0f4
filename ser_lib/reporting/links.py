"""Links of a row: its predictions, record, command, notebook, source file and papers."""

import os
import re
import urllib.parse
from pathlib import Path

from ser_lib import systems
from ser_lib.reporting.formatting import address, escape
from ser_lib.reporting.rows import Row

_FIELD = re.compile(r"(\w+)\s*=\s*\{((?:[^{}]|\{[^{}]*\})*)\}", re.DOTALL)
_REPOSITORY = re.compile(r"[Rr]epository ([\w.-]+/[\w.-]*\w)")


def row_links(row: Row, folder: Path) -> str:
    """
    Write the links of a row in Markdown, as a page in `folder` has them.

    `folder` is ``<reports>/<corpus>``. There are links to what is there: in reports outside a
    checkout of the repository, none to its notebooks and source files.
    """
    root, system = repository(folder.parent), row.record["system"]
    files = f"predictions/{row.name}"
    links = [
        f"[predictions]({files}.csv)",
        f"[record]({files}.json)",
        f"[command](runs.md#{row.name})",
    ]
    for word, file in (
        ("notebook", executed_notebook(system, folder) or notebook(system, root)),
        ("source", source(system, root)),
    ):
        links += [link(word, file, folder)] if file else []
    return ", ".join([*links, *papers(row)])


def link(word: str, file: Path, folder: Path) -> str:
    """Link a file from a page in `folder`."""
    return f"[{word}]({address(Path(os.path.relpath(file, folder)).as_posix())})"


def executed_notebook(system: str, folder: Path) -> Path | None:
    """Find the notebook of a system that was run on a corpus, whose page is in `folder`."""
    # The name of a system from elsewhere is no pattern.
    files = sorted(folder.glob("*_train_*.ipynb"))
    return next((file for file in files if file.name.endswith(f"_train_{system}.ipynb")), None)


def notebook(system: str, root: Path | None) -> Path | None:
    """Find the notebook of a system in a checkout of the repository."""
    return None if root is None else executed_notebook(system, root / "notebooks")


def source(system: str, root: Path | None) -> Path | None:
    """Find the file that defines a system in a checkout of the repository."""
    if root is None or system not in systems.names():
        return None
    file = root.joinpath(*systems.get(system).__module__.split(".")).with_suffix(".py")
    return file if file.is_file() else None


def papers(row: Row) -> list[str]:
    """Link what a system cites, each by its first author and year; none for a fusion."""
    if "members" in row.record:
        return []
    entries = re.split(r"^(?=@)", row.record.get("citation") or "", flags=re.MULTILINE)
    return [
        "this package" if entry.startswith("@misc{ser_lib,") else paper(entry)
        for entry in entries
        if entry.strip()
    ]


def paper(entry: str) -> str:
    """
    Write an entry of BibTeX as author and year, with a link where it has an address.

    Examples
    --------
    >>> paper("@misc{a, author = {Roe, Jane and Doe, Jo}, year = {2018}, doi = {10.1/x}}")
    '[Roe and Doe 2018](https://doi.org/10.1/x)'
    """
    fields = {k.lower(): " ".join(v.split()) for k, v in _FIELD.findall(entry)}
    authors = re.split(r"\s+and\s+(?![^{]*\})", fields.get("author", "?"))
    names = [re.sub(r"\\.|[{}]", _plain, author.split(",")[0]) for author in authors]
    several = {1: names[0], 2: " and ".join(names)}.get(len(names), f"{names[0]} et al.")
    text = escape(f"{several} {fields.get('year', '')}".strip())
    target = _address(fields)
    return f"[{text}]({target})" if target else text


def _plain(match: re.Match) -> str:
    r"""Write ``\_`` as an underscore; leave braces and accents out."""
    return match[0][1:] if match[0] in (r"\_", r"\&") else ""


def _address(fields: dict[str, str]) -> str | None:
    r"""Find the address of a work: its DOI, its address, its number in arXiv, its repository."""
    note = fields.get("note", "").replace(r"\_", "_")
    if "doi" in fields:
        return f"https://doi.org/{urllib.parse.quote(fields['doi'])}"
    if fields.get("url", "").startswith(("https://", "http://")):
        return urllib.parse.quote(fields["url"], safe=":/?&=#%")
    if found := re.search(r"arXiv:([\d.]*\d)", note):
        return f"https://arxiv.org/abs/{found[1]}"
    if found := _REPOSITORY.search(note):
        return f"https://github.com/{found[1]}"
    return None


def repository(reports: Path) -> Path | None:
    """Return the checkout of the repository that reports belong to; None if they are elsewhere."""
    reports = reports.resolve()
    parts = (reports.parent / "ser_lib" / "systems", reports.parent / "notebooks")
    own = reports.name == "reports" and all(part.is_dir() for part in parts)
    return reports.parent if own else None
