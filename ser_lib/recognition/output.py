"""The file that `ser predict` writes: whole rows at any time, continued where it was left."""

import csv
import errno
import io
import itertools
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ser_lib import paths
from ser_lib.console import progress
from ser_lib.errors import InputError, unknown
from ser_lib.recognition.reading import seconds_of, spans

_FORMAT_OF = {".csv": "csv", ".txt": "csv", "": "csv", ".json": "json", ".jsonl": "json"}
FORMATS = ("csv", "json")
"""Formats of files: comma-separated values, or a JSON object per line."""

# Seconds by which a time may differ from its three decimals that are written, and by which a
# resampled recording may be longer or shorter.
_ROUNDING, _RESAMPLING = 0.0005, 0.005
# What the rows of a recording are to the recording that is there now.
_DONE, _BEGUN, _CHANGED, _FAILED = "done", "begun", "changed", "failed"
# A value in a JSON object, text or number or null, wherever it is cut off.
_VALUE = re.compile(r'"(?:[^"\\]|\\.?)*"?|[-+.\w]*')
# What `one_line` may write for a character.
_WRITTEN = re.compile(r"\\(?:[\\nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


def one_line(value: object) -> object:
    r"""
    Write a text without line breaks and control characters, and so that UTF-8 can hold it.

    No two texts are written alike: backslashes are doubled where they could be taken for those of
    the characters that are written as ``\n`` or ``\x1b``. On Windows, where they are no part of a
    file's name, they stay.
    """
    if not isinstance(value, str):
        return value
    doubled = os.sep != "\\" and (not value.isprintable() or _WRITTEN.search(value))
    return "".join(
        c if c.isprintable() and not (doubled and c == "\\") else repr(c)[1:-1] for c in value
    )


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
    """Return the format of a file: as asked for, or else by its suffix."""
    if asked_for is None:
        found = _FORMAT_OF.get(path.suffix.lower())
        if found is None:
            raise InputError(
                f"{path}: a file called {path.suffix} is not written; expected "
                f"{', '.join(filter(None, _FORMAT_OF))}, or --format {' or '.join(FORMATS)}"
            )
        return found
    if asked_for not in FORMATS:
        raise unknown("format of a file", asked_for, FORMATS)
    return asked_for


class _Replaced(Exception):
    """The file at the path is another one than was opened."""


class _Kept(NamedTuple):
    """
    What is kept of a file.

    Attributes
    ----------
    content : bytes
    done : set of str
        Recordings of which nothing is left to do.
    last : str
        Whose rows are the last.
    begins : int
        Byte at which these begin.
    begun : int
        How many of its windows there are, if more are left to do.
    """

    content: bytes
    done: set[str]
    last: str = ""
    begins: int = 0
    begun: int = 0


class RowFile:
    """
    A file of results to which recordings are added one by one.

    A file that is there already is continued, if the same model wrote it with the same window: at
    the window with which it ends. Rows of recordings that are to be recognised and could not be
    read are removed; all other rows stay. A file of something else is left as it is. While another
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
    recordings : sequence of paths
        What is to be recognised.

    Attributes
    ----------
    waiting : list of paths
        Those of `recordings` that are left to do.
    begun : int
        How many windows of the first of these the file holds already.
    newer : list of paths
        Those of `recordings` that the file holds, but that were changed after it was.

    Raises
    ------
    InputError
        If the file cannot be written, holds something else, or has rows of a recording that is now
        shorter or longer, and so another one.
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
        recordings: Sequence[str | os.PathLike],
    ):
        self.path, self.form, self.columns = Path(path), form, list(columns)
        self.waiting, self.begun, self.newer = list(recordings), 0, []
        # Whose rows are the last, and where they begin.
        self._last: tuple[object, int] = (None, 0)
        windows = (window, hop, sample_rate)
        while not self._begin(model, windows, {one_line(os.fspath(r)): r for r in recordings}):
            pass

    def _begin(self, model: str, windows: tuple, recordings: Mapping[object, object]) -> bool:
        """Open the file and keep what is done; False if it was replaced: then begin again."""
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
            self._file.seek(0)
            content = self._file.read()
            kept = self._kept(content, model, windows, recordings)
            if not paths.is_at(self._file.fileno(), self.path):
                raise _Replaced
            if not content.startswith(kept.content):
                # Rows in between go: all at once, so that no other row can be lost with them.
                with paths.whole(self.path.resolve(), "wb") as file:
                    file.write(kept.content)
                raise _Replaced
            written = os.fstat(self._file.fileno()).st_mtime
            done = [recordings[name] for name in recordings if name in kept.done]
            self.newer = [each for each in done if _changed(each) > written]
            self._size = len(kept.content)
            self._file.truncate(self._size)
        except _Replaced:
            self._file.close()
            return False
        except BaseException:
            self._file.close()
            raise
        if not self._size:
            self._write(header_of(self.columns, self.form))
        self._last, self.begun = (kept.last, kept.begins), kept.begun
        left = [name for name in recordings if name not in kept.done]
        # What was begun goes on where its rows end.
        left.sort(key=lambda name: not kept.begun or name != kept.last)
        self.waiting = [recordings[name] for name in left]
        return True

    def __enter__(self) -> "RowFile":
        return self

    def __exit__(self, *exception: object) -> None:
        self._file.close()

    def add(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Add rows of a recording; one that says that it cannot be read replaces its others."""
        name = one_line(rows[0]["recording"])
        if name != self._last[0]:
            self._last = (name, self._size)
        elif rows[0]["start"] is None:
            self._size = self._last[1]
            self._file.truncate(self._size)
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

    def _kept(
        self, content: bytes, model: str, windows: tuple, recordings: Mapping[object, object]
    ) -> "_Kept":
        """Choose what stays of the content, and tell which recordings are done."""
        lines = content.splitlines(keepends=True)
        cut = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        header = header_of(self.columns, self.form).encode()
        if not lines:
            # What was interrupted so early is told from other files by how it begins.
            if header:
                self._check(header.startswith(cut), "other columns")
            else:
                self._check(_begins_object(cut, self.columns), "other rows")
            return _Kept(b"", set())
        if header:
            self._check(lines.pop(0) == header, "other columns")
        rows = [(line, self._row(line)) for line in lines]
        groups = [list(g) for _, g in itertools.groupby(rows, lambda each: each[1]["recording"])]
        kept, done, changed = bytearray(header), set(), []
        last, begins, begun = "", 0, 0
        for group in progress(groups, description=f"reading {self.path.name}", unit="recording"):
            read = [row for _, row in group]
            self._check_model(read, model)
            times = _times(read)
            self._check(times is not None and _fits(times, *windows), "rows of other windows")
            name, state = str(read[0]["recording"]), _DONE
            if name in recordings:
                state = _state(times, seconds_of(recordings[name]), *windows)
            if state == _FAILED or (state == _BEGUN and group is not groups[-1]):
                continue
            if state == _CHANGED:
                changed.append(name)
            if state == _DONE:
                done.add(name)
            last, begins, begun = name, len(kept), len(group) if state == _BEGUN else 0
            kept += b"".join(line for line, _ in group)
        if changed:
            more = f", and {len(changed) - 1} more" if len(changed) > 1 else ""
            raise InputError(
                f"{self.path}: holds rows of {changed[0]}{more}, which is not as long as the "
                "recording that was recognised; expected the same recording, or another file for "
                "another one of that name (or delete the rows of one that was replaced)"
            )
        return _Kept(bytes(kept), done, last, begins, begun)

    def _check_model(self, rows: Sequence[Mapping], model: str) -> None:
        for row in rows:
            alike = str(row["model"]).split(" ")[0] == model.split(" ")[0]
            other = (
                f"rows of {model.split(' ')[0]} as it was before it was trained again, or scaled "
                "by other recordings of a speaker"
            )
            self._check(row["model"] == model, other if alike else "rows of another model")

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


def _changed(path: str | os.PathLike) -> float:
    """Return when a file was changed, long ago where that cannot be told."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


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


def _times(rows: Sequence[Mapping]) -> np.ndarray | None:
    """Read start and end of the rows of a recording, in seconds; None if they are no numbers."""
    try:
        return np.array([[_number(row[name]) for name in ("start", "end")] for row in rows], float)
    except (TypeError, ValueError):
        return None


def _expected(
    seconds: float, window: float | None, hop: float | None, sample_rate: int
) -> np.ndarray:
    """Compute start and end of the rows of a recording of that length, in seconds."""
    if window is None:
        return np.array([[0.0, seconds]])
    samples = round(seconds * sample_rate)
    return np.divide(spans(samples, sample_rate, window, hop), sample_rate)


def _agree(times: np.ndarray, expected: np.ndarray, tolerance: float) -> bool:
    return len(times) == len(expected) and np.abs(times - expected).max() < tolerance


def _fits(times: np.ndarray, window: float | None, hop: float | None, sample_rate: int) -> bool:
    """Tell whether the rows of a recording are those of its windows, or of the first of them."""
    if np.isnan(times[0, 0]):
        return len(times) == 1
    if not np.isfinite(times).all():
        return False
    # A recording that is a little longer than its rounded end may have one more window.
    ends = (times[-1, 1] + rounding for rounding in (-_ROUNDING, _ROUNDING))
    return any(
        _agree(times, _expected(end, window, hop, sample_rate), 4 * _ROUNDING) for end in ends
    )


def _state(
    times: np.ndarray, seconds: float, window: float | None, hop: float | None, sample_rate: int
) -> str:
    """
    Tell what the rows of a recording are to it, by its length: all, the first, or of another one.

    Where the length cannot be told, as the recording is not there any more, they are all.
    """
    if np.isnan(times[0, 0]):
        return _FAILED
    if np.isnan(seconds) or abs(times[-1, 1] - seconds) < _RESAMPLING:
        return _DONE
    if window is None or times[-1, 1] > seconds:
        return _CHANGED
    first = _expected(seconds, window, hop, sample_rate)[: len(times)]
    return _BEGUN if _agree(times, first, 4 * _ROUNDING) else _CHANGED
