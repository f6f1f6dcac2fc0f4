"""The file that `ser predict` writes: whole rows at any time, continued where it was left."""

import csv
import errno
import io
import itertools
import json
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ser_lib import paths
from ser_lib.errors import InputError, unknown
from ser_lib.recognition.reading import spans

FORMATS = ("csv", "json")
"""Formats of files: comma-separated values, or a JSON object per line."""

# Seconds by which a time may differ from its three decimals that are written.
_ROUNDING = 0.0005
# A value in a JSON object, text or number or null, wherever it is cut off.
_VALUE = re.compile(r'"(?:[^"\\]|\\.?)*"?|[-+.\w]*')


def one_line(value: object) -> object:
    """Write a text without line breaks and control characters, and so that UTF-8 can hold it."""
    if not isinstance(value, str):
        return value
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in value)
    return shown.encode("utf-8", "backslashreplace").decode("utf-8")


def line_of(row: Mapping[str, object], form: str) -> str:
    """
    Write a row as a line.

    Parameters
    ----------
    row : dict
        Texts, numbers, None and NaN, which are empty cells or null.
    form : {"csv", "json"}
    """
    row = {key: None if value != value else one_line(value) for key, value in row.items()}
    if form == "json":
        return json.dumps(row, ensure_ascii=False) + "\n"
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(row.values())
    return out.getvalue()


def header_of(columns: Sequence[str], form: str) -> str:
    """Write the line of column names; JSON has none."""
    return line_of({c: c for c in columns}, form) if form == "csv" else ""


def format_of(path: Path, asked_for: str | None) -> str:
    """Return the format of a file: as asked for, else JSON by its suffix, else CSV."""
    if asked_for is None:
        return "json" if path.suffix.lower() in (".json", ".jsonl") else "csv"
    if asked_for not in FORMATS:
        raise unknown("format of a file", asked_for, FORMATS)
    return asked_for


class RowFile:
    """
    A file of results to which recordings are added one by one.

    A file that is there already is continued, if the same model wrote it with the same window: rows
    that an interruption left incomplete are removed. Any other file is left as it is. While another
    process writes the file, this one waits, and says so.

    Parameters
    ----------
    path : path
        The file; its folder is made if need be.
    form : {"csv", "json"}
    columns : sequence of str
        Of its rows.
    model : str
        What the column ``model`` of all rows must hold.
    window, hop : float or None
        As for `ser_lib.recognition.Recogniser.results`.
    sample_rate : int
        Of the model, in hertz: windows begin and end at samples.

    Attributes
    ----------
    done : set of str
        Recordings that the file holds already.
    failed : int
        How many of them could not be read.

    Raises
    ------
    InputError
        If the file cannot be written, or holds something else.
    """

    def __init__(
        self,
        path: str | os.PathLike,
        form: str,
        columns: Sequence[str],
        model: str,
        window: float | None,
        hop: float | None,
        sample_rate: int,
    ):
        self.path, self.form, self.columns = Path(path), form, list(columns)
        self.done: set[str] = set()
        self.failed = 0
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists() and not self.path.is_file():
                raise OSError(errno.EINVAL, "is no file")
            # Not buffered: what is written is there when the process ends, however it ends.
            self._file = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror})") from None
        try:
            if not paths.lock(self._file.fileno()):
                print(f"{self.path}: another process writes it; waiting", file=sys.stderr)
                paths.lock(self._file.fileno(), wait=True)
            self._size = self._keep(model, window, hop, sample_rate)
            self._file.truncate(self._size)
        except BaseException:
            self._file.close()
            raise
        if not self._size:
            self._write(header_of(self.columns, form))

    def __enter__(self) -> "RowFile":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def add(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Add all rows of a recording."""
        self._write("".join(line_of(row, self.form) for row in rows))

    def _write(self, text: str) -> None:
        data = text.encode()
        try:
            written = self._file.write(data)
            if written < len(data):
                raise OSError(0, "no space left")
            self._size += written
        except OSError as error:
            self._file.truncate(self._size)
            raise InputError(f"{self.path}: cannot be written ({error.strerror})") from None

    def _keep(self, model: str, window: float | None, hop: float | None, sample_rate: int) -> int:
        """Read what is there; return the size of what is kept of it."""
        self._file.seek(0)
        lines = self._file.read().splitlines(keepends=True)
        cut = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        header = header_of(self.columns, self.form).encode()
        if not lines:
            # What was interrupted so early is told from other files by how it begins.
            if header:
                self._check(header.startswith(cut), "other columns")
            else:
                self._check(_begins_object(cut, self.columns), "other rows")
            return 0
        if header:
            self._check(lines.pop(0) == header, "other columns")
        kept = len(header)
        rows = [(line, self._row(line)) for line in lines]
        groups = [list(g) for _, g in itertools.groupby(rows, lambda each: each[1]["recording"])]
        for group in groups:
            read = [row for _, row in group]
            self._check(all(row["model"] == model for row in read), "rows of another model")
            self._check(_fits(read, window, hop, sample_rate), "rows of other windows")
            if window is not None and group is groups[-1]:
                # Its windows may have been written in part only.
                break
            self.done.add(str(read[0]["recording"]))
            self.failed += _number(read[0]["start"]) is None
            kept += sum(len(line) for line, _ in group)
        return kept

    def _row(self, line: bytes) -> dict[str, object]:
        try:
            text = line.decode("utf-8")
            if self.form == "json":
                row = json.loads(text)
                if list(row) == self.columns:
                    return row
            else:
                (cells,) = csv.reader([text])
                if len(cells) == len(self.columns):
                    return dict(zip(self.columns, cells, strict=True))
        except (ValueError, TypeError, csv.Error):
            pass
        raise self._other("other rows")

    def _check(self, fits: bool, found: str) -> None:
        if not fits:
            raise self._other(found)

    def _other(self, found: str) -> InputError:
        return InputError(
            f"{self.path}: exists and holds {found}; expected a new file, or one that the same "
            "`ser predict` began"
        )


def _begins_object(cut: bytes, columns: Sequence[str]) -> bool:
    """Tell whether a line without an end is the beginning of a JSON object with these columns."""
    # A character of several bytes may be cut off as well.
    rest = cut.decode("utf-8", "replace")
    for number, column in enumerate(columns):
        key = f"{', ' if number else '{'}{json.dumps(column, ensure_ascii=False)}: "
        if not rest.startswith(key):
            return key.startswith(rest)
        rest = rest.removeprefix(key)
        rest = rest[_VALUE.match(rest).end() :]
    return "}".startswith(rest)


def _number(cell: object) -> float | None:
    return None if cell in (None, "") else float(cell)


def _fits(
    rows: Sequence[Mapping], window: float | None, hop: float | None, sample_rate: int
) -> bool:
    """Tell whether the rows of a recording are those of its windows, or of the first of them."""
    try:
        times = np.array([[_number(row[name]) for name in ("start", "end")] for row in rows], float)
    except (TypeError, ValueError):
        return False
    if np.isnan(times[0, 0]):
        return len(times) == 1
    if not np.isfinite(times).all():
        return False
    if window is None:
        return len(times) == 1 and times[0, 0] == 0
    # A recording that is a little longer than its rounded end may have one more window.
    for rounding in (-_ROUNDING, _ROUNDING):
        samples = round((times[-1, 1] + rounding) * sample_rate)
        expected = np.divide(spans(samples, sample_rate, window, hop), sample_rate)
        if len(times) == len(expected) and np.abs(times - expected).max() < 4 * _ROUNDING:
            return True
    return False
