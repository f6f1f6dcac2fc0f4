"""
Read the tables that users write: CSV as scripts and spreadsheets save it.

A comma, semicolon, tab or bar between the cells, a mark of the encoding at the beginning, any line
ends, spaces around names and cells, a comma at the end of every row: all are read as what they
mean. A table that could mean two things is refused, with the row.
"""

import csv
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_lib.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

_DELIMITERS = ",;\t|"
# The first line by which Excel is told the delimiter.
_TOLD = re.compile(r"sep=(.)(\r\n|\r|\n)")


def read_csv(
    path: str | os.PathLike, names: Mapping[str, Sequence[str]], *, where: str = ""
) -> "pd.DataFrame":
    """
    Read a table whose cells are all text.

    Parameters
    ----------
    path : path
        CSV in UTF-8, or in UTF-16 with its mark, as Excel writes "Unicode text".
    names : mapping of str to sequence of str
        Columns that are looked for, in lower case, and other names by which each is known if it is
        not there itself. Case does not matter, nor whether words are joined by spaces, dots,
        hyphens or underscores.
    where : str
        Names the file in errors; by default its path.

    Returns
    -------
    DataFrame of str
        Cells without the spaces around them; empty rows are left out. The index is the number of
        each row, counted from 1 as spreadsheets do. Columns that are not looked for keep their
        names. An empty file has no columns.

    Raises
    ------
    InputError
        If the file cannot be read, or a row has too many or too few cells, a cell swallows a line,
        a column is there twice, or two columns could be the same one.
    """
    # Imported when used, so that others can import this module at no cost.
    import pandas as pd

    where = where or os.fspath(path)
    text = _decoded(path, where)
    told = _TOLD.match(text)
    if told:
        text = text[told.end() :]
    delimiter = told[1] if told else _delimiter(text, names)
    try:
        records = list(_records(text, delimiter))
    except csv.Error as error:
        raise InputError(f"{where}: cannot be read as CSV ({error})") from None
    rows = {
        number: [cell.strip() for cell in cells]
        for number, cells in enumerate(records, start=2 if told else 1)
        if any(cell.strip() for cell in cells)
    }
    if not rows:
        return pd.DataFrame()
    for number, cells in rows.items():
        _check_lines(number, cells, delimiter, where)
    head = rows.pop(next(iter(rows)))
    width = max((i for i, name in enumerate(head, start=1) if name), default=1)
    lengths = {len(cells) for cells in rows.values()}
    # A delimiter at the end of every row means nothing; one row alone may have a comma in a text.
    longest = max(len(head), *lengths) if len(lengths) == 1 else len(head)
    for number, cells in rows.items():
        if not width <= len(cells) <= longest or any(cells[width:]):
            raise InputError(
                f"{where}: cannot be read as CSV: row {number} has {len(cells)} cells; expected "
                f"{width}, one for each of {', '.join(head[:width])} (a text with "
                f"{delimiter!r} in it stands in quotes)"
            )
    columns = _columns(head[:width], names, where)
    cells = [cells[:width] for cells in rows.values()]
    index = pd.Index(list(rows), dtype="int64")
    return pd.DataFrame(cells, index=index, columns=columns, dtype=object)


def _decoded(path: str | os.PathLike, where: str) -> str:
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        raise InputError(f"{where}: there is no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{where}: cannot be read ({reason})") from None
    wide = content[:2] in (b"\xff\xfe", b"\xfe\xff")
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(
            f"{where}: cannot be read as CSV in UTF-8 (line {line}: {error.reason}); in Excel, "
            "save it as 'CSV UTF-8'"
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise InputError(f"{where}: cannot be read as CSV (line {line} has a zero byte)")
    return text


def _records(text: str, delimiter: str) -> "csv.reader":
    lines = io.StringIO(text, newline="")
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)


def _delimiter(text: str, names: Mapping[str, Sequence[str]]) -> str:
    """Find the delimiter that gives most of the columns looked for, else most cells."""
    known = set(names).union(*names.values())

    def found(delimiter: str) -> tuple[int, int]:
        try:
            head = next((cells for cells in _records(text, delimiter) if any(cells)), [])
        except csv.Error:
            return 0, 0
        return sum(_key(name) in known for name in head), len(head)

    return max(_DELIMITERS, key=found)


def _check_lines(number: int, cells: list[str], delimiter: str, where: str) -> None:
    """Refuse a cell with lines that look like rows: a quote was opened and never closed."""
    for position, cell in enumerate(cells):
        lines = cell.splitlines()[1:]
        if any(line.count(delimiter) >= max(position, 1) for line in lines):
            raise InputError(
                f"{where}: cannot be read as CSV: cell {position + 1} of row {number} goes on over "
                f"{len(lines)} more lines, {lines[0][:40]!r} ...; expected a quote at its end"
            )


def _key(name: str) -> str:
    """Bring the name of a column to the form in which names are compared."""
    return re.sub(r"[\s._-]+", "_", name.strip()).casefold()


def _columns(head: list[str], names: Mapping[str, Sequence[str]], where: str) -> list[str]:
    """Give columns the names that are looked for."""
    keys = [_key(name) for name in head]
    columns = [
        key if key in names else name or f"Unnamed: {position}"
        for position, (key, name) in enumerate(zip(keys, head, strict=True))
    ]
    for name in columns:
        if columns.count(name) > 1:
            raise InputError(f"{where}: the column {name} is there twice; expected it once")
    for name, others in names.items():
        same = [position for position, key in enumerate(keys) if key in others]
        if name in columns or not same:
            continue
        if len(same) > 1:
            found = " and ".join(repr(head[position]) for position in same)
            raise InputError(f"{where}: the columns {found} may both be the {name}; expected one")
        columns[same[0]] = name
    return columns


def two_spellings(values: Iterable[str]) -> list[tuple[str, str]]:
    """
    Find pairs of names that may well be one name, spelled in two ways.

    Such differ in nothing but case, leading zeros, spaces or underscores, or the encoding of
    accents.

    Examples
    --------
    >>> two_spellings(["Ann", "ann", "3", "03", "ben"])
    [('03', '3'), ('Ann', 'ann')]
    """
    known: dict[str, str] = {}
    pairs = []
    for value in sorted(set(values)):
        key = unicodedata.normalize("NFKC", value).casefold()
        key = re.sub(r"(?<!\d)0+(?=\d)|[\s_-]+", "", key)
        other = known.setdefault(key, value)
        if other != value:
            pairs.append((other, value))
    return pairs
