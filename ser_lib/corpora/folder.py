r"""
Any folder of recordings, for corpora without a module of their own.

The emotion and speaker of each recording come from a table (a *manifest*, CSV in UTF-8) or from the
file names (a *pattern*, a regular expression with named groups).

Manifest::

    path,emotion,speaker,sex
    anna/angry_1.wav,anger,anna,female
    ben/sad_1.wav,sadness,ben,male

Pattern, for the same files: ``r"(?P<speaker>\w+)/(?P<emotion>[a-z]+)_\d+"``. Common words for
emotions, such as *angry* and *sad*, are understood; others are translated by ``emotions``, for
example ``emotions={"wuetend": "anger"}``.
"""

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePath

import pandas as pd

from ser_lib.corpora import discovery
from ser_lib.corpora.corpus import Contents
from ser_lib.corpora.emotions import find_emotion
from ser_lib.corpora.table import COLUMNS, SEXES
from ser_lib.errors import InputError, unknown

NAME = "folder"
TITLE = "A folder of recordings"
VERSION = "unversioned"
LICENCE = "that of the recordings"
BIBTEX = """@misc{folder,
  title = {A folder of recordings},
  note  = {cite here where the recordings come from}
}"""
REMOTES = ()
HOW_TO_GET = "It is a folder of your own: --corpus folder --data FOLDER (in Python data=FOLDER)."
PROTOCOL = "leave_one_speaker_out"

MANIFEST = "manifest.csv"
REQUIRED = ("path", "emotion")
_SEX_OF = {"female": "female", "f": "female", "male": "male", "m": "male"}


def load(
    data: str | os.PathLike,
    *,
    manifest: str | os.PathLike | None = None,
    pattern: str | None = None,
    emotions: Mapping[str, str] | None = None,
) -> Contents:
    r"""
    Load the recordings in the folder `data`.

    Parameters
    ----------
    manifest : path, optional
        CSV with the columns ``path`` and ``emotion`` and, where known, ``speaker``, ``sex``,
        ``language``, ``sentence``, ``session``, ``intensity``, ``split``. Other columns are kept,
        as numbers if all their values are. The file is searched for in `data`, then in the working
        directory; paths in it are relative to `data`. By default ``manifest.csv``.
    pattern : str, optional
        Regular expression with a named group for each column that file names contain, at least
        ``emotion``. It is searched for in each recording's path relative to `data`, with forward
        slashes and without suffix. Recordings that do not match are left out, with one
        `InputWarning`.
    emotions : mapping of str to str, optional
        Emotion, as in `ser_lib.corpora.EMOTIONS`, of each label that is no common word for it.

    Returns
    -------
    Contents
        An utterance is named by its path relative to `data`, without suffix.

    Raises
    ------
    InputError
        If manifest and pattern are both given or neither exists; for missing columns or groups,
        unknown emotions or sexes, and recordings that are missing or listed twice; or if there are
        no recordings.
    """
    data = Path(data).expanduser().absolute()
    if not data.is_dir():
        raise InputError(f"{NAME}: the folder {data} does not exist. {HOW_TO_GET}")
    if manifest is not None and pattern is not None:
        raise InputError(f"{NAME}: manifest={manifest} and pattern={pattern!r} given; expected one")
    emotions = {
        label: find_emotion(emotion, where="in the parameter emotions")
        for label, emotion in (emotions or {}).items()
    }
    audio = [path for path in discovery.walk(data) if discovery.is_audio(path)]
    if pattern is not None:
        rows, where = _from_names(data, audio, pattern), f"pattern {pattern!r}"
    else:
        source = _manifest(data, manifest)
        rows, where = _from_manifest(data, source), str(source)
    files = _files(rows, where)
    for row in rows:
        place, label, sex = f"{where}, {row.pop('where')}", row.get("emotion") or "", row.get("sex")
        hint = f"in {place} (emotions={{label: name}} translates other labels)"
        row["emotion"] = emotions.get(label) or find_emotion(label, where=hint)
        if sex:
            if sex.lower() not in _SEX_OF:
                raise unknown(f"sex in {place}:", sex, SEXES)
            row["sex"] = _SEX_OF[sex.lower()]
    listed = {os.path.realpath(path) for path in files.values()}
    unexpected = tuple(path for path in audio if os.path.realpath(path) not in listed)
    return Contents(rows=rows, recordings=discovery.Recordings(data, files, unexpected))


def _manifest(data: Path, manifest: str | os.PathLike | None) -> Path:
    name = Path(MANIFEST if manifest is None else manifest).expanduser()
    places = [data / name] if manifest is None else [data / name, name.absolute()]
    for place in places:
        if place.is_file():
            return place
    raise InputError(
        f"{NAME}: the manifest {' or '.join(map(str, dict.fromkeys(places)))} does not exist; "
        f"expected a CSV file with at least the columns {', '.join(REQUIRED)}, or pattern=REGEX"
    )


def _from_manifest(data: Path, source: Path) -> list[dict[str, object]]:
    try:
        # All values are text at first: "NA" may be the name of a speaker.
        table = pd.read_csv(source, dtype=object, keep_default_na=False)
    except pd.errors.EmptyDataError:
        table = pd.DataFrame()
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise InputError(f"{source}: cannot be read as CSV in UTF-8 ({error})") from error
    table = table.rename(columns=str.strip)
    missing = [column for column in REQUIRED if column not in table.columns]
    if missing:
        raise InputError(
            f"{source}: missing {_columns(missing)}; found {_columns(table.columns)}; expected "
            f"comma-separated {', '.join(REQUIRED)} and, where known, "
            f"{', '.join(c for c in COLUMNS if c not in REQUIRED)}"
        )
    others = [column for column in table.columns if column not in COLUMNS]
    for column in others:
        # Other columns are allowed, but a misspelt standard column must not go unnoticed.
        if difflib.get_close_matches(column.lower(), set(COLUMNS) - set(table.columns), 1, 0.8):
            raise unknown(f"column in {source}:", column, COLUMNS)
        numbers = pd.to_numeric(table[column].replace("", None), errors="coerce")
        if (numbers.notna() | (table[column] == "")).all() and numbers.notna().any():
            table[column] = numbers
    rows = []
    for number, cells in enumerate(table.to_dict("records"), start=2):
        known = {c: str(cells[c]).strip() for c in COLUMNS if not pd.isna(cells.get(c))}
        if not known.get("path"):
            raise InputError(f"{source}: row {number} has no path; expected that of a recording")
        path = known["path"].replace("\\", "/")
        name = PurePath(os.path.normpath(path)).with_suffix("").as_posix()
        known |= {"path": os.path.abspath(data / path), "utterance": name, "where": f"row {number}"}
        rows.append({column: cells[column] for column in others} | known)
    return rows


def _from_names(data: Path, audio: list[Path], pattern: str) -> list[dict[str, object]]:
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise InputError(
            f"pattern: {pattern!r} is not a valid regular expression ({error}); expected one with "
            "named groups such as (?P<emotion>[a-z]+)"
        ) from error
    groups = set(expression.groupindex)
    known = [column for column in COLUMNS if column != "path"]
    for group in sorted(groups.difference(known)):
        raise unknown("named group in the pattern", group, known)
    if "emotion" not in groups:
        raise InputError(
            f"pattern: {pattern!r} has the groups {', '.join(sorted(groups)) or 'none'}; expected "
            "at least (?P<emotion>...)"
        )
    rows, left_out = [], []
    for path in audio:
        name = path.relative_to(data).with_suffix("").as_posix()
        match = expression.search(name)
        if match:
            rows.append({"utterance": name, "path": path, "where": path.name} | match.groupdict())
        else:
            left_out.append(name)
    if left_out and rows:
        discovery.warn(
            f"{NAME}: the pattern {pattern!r} does not match {len(left_out)} of {len(audio)} "
            f"recordings; they are left out, the first is {left_out[0]!r}"
        )
    if left_out and not rows:
        raise InputError(
            f"pattern: {pattern!r} matches none of {len(audio)} recordings below {data}; "
            f"expected one that matches names such as {left_out[0]!r}"
        )
    return rows


def _files(rows: list[dict[str, object]], where: str) -> dict[str, Path]:
    """Check that there are recordings, that they exist, and that each is listed only once."""
    if not rows:
        raise InputError(f"{where}: no recordings; expected at least one")
    seen: dict[str, dict[str, object]] = {}
    places: dict[str, dict[str, object]] = {}
    for row in rows:
        for known, key in ((seen, row["utterance"]), (places, os.path.realpath(row["path"]))):
            other = known.setdefault(key, row)
            if other is not row:
                raise InputError(
                    f"{where}: {row['path']} ({row['where']}) and {other['path']} "
                    f"({other['where']}) are the same utterance; expected each only once"
                )
    missing = [row for row in rows if not Path(row["path"]).is_file()]
    if missing:
        raise InputError(
            f"{where}: {len(missing)} of {len(rows)} recordings do not exist, the first is "
            f"{missing[0]['path']} ({missing[0]['where']}); expected paths relative to the data "
            "folder"
        )
    return {utterance: Path(row["path"]) for utterance, row in seen.items()}


def _columns(names: object) -> str:
    names = [str(name) for name in names]
    return f"columns {', '.join(names)}" if names else "no columns"
