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
import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath

import pandas as pd

from ser_lib.corpora import discovery
from ser_lib.corpora.corpus import Contents
from ser_lib.corpora.emotions import EMOTION_OF, find_emotion, translation
from ser_lib.corpora.table import COLUMNS, SEXES
from ser_lib.csv_table import read_csv, two_spellings
from ser_lib.errors import InputError, listed, nearest, unknown, warn

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
ALIASES = {
    "path": ("file", "filename", "file_name", "filepath", "file_path", "wav", "audio", "recording"),
    "emotion": ("label", "emotion_label", "class", "emotion_class", "emoclass", "emo"),
    "speaker": (
        *("spk", "spkr", "spk_id", "spkr_id", "spkid", "spkrid", "speaker_id", "speakerid"),
        *("speaker_name", "actor", "actor_id", "actorid"),
    ),
    "sex": ("gender",),
    "language": ("lang",),
    "split": ("split_set", "partition"),
}
"""Other names by which columns of a manifest are understood, where those are not there."""
# Columns that may be meant for one that a manifest lacks, which only its author knows.
_PERHAPS = {
    "speaker": ("subject", "subject_id", "participant", "participant_id", "person", "client_id"),
    "session": ("sess", "session_id", "dialogue", "dialog"),
    "split": ("fold", "folds", "set", "subset", "part"),
}
_MISSING = ("na", "n/a", "nan", "null", "none", "?")
"""What programs write for a value that is missing, in any case of letters."""
_PART = ("start", "end", "begin", "onset", "offset")
"""Columns that may say which part of a recording is meant."""
_SHOWN = 10  # unknown labels that an error shows how to translate
_NO_EMOTION = "a label that means itself, such as 'stressed': 'stressed', adds a class of its own"
# Keys of rows that are made here.
_OWN = ("utterance", "where")
_SEX_OF = {
    **dict.fromkeys(("female", "f", "woman", "w"), "female"),
    **dict.fromkeys(("male", "m", "man"), "male"),
}


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
        ``language``, ``sentence``, ``session``, ``intensity``, ``split``; usual other names
        (`ALIASES`) and what spreadsheets save (`ser_lib.csv_table.read_csv`) are understood. Other
        columns are kept, as numbers if all their values are. The file is searched for in `data`,
        then in the working directory; paths in it are relative to `data`, or absolute and below it.
        By default ``manifest.csv``.
    pattern : str, optional
        Regular expression with a named group for each column that file names contain, at least
        ``emotion``. It is searched for in each recording's path relative to `data`, with forward
        slashes and without suffix. Recordings that do not match are left out, with one
        `InputWarning`.
    emotions : mapping of str to str, optional
        Emotion, as in `ser_lib.corpora.EMOTIONS`, of each label that is no common word for it.
        Labels that are numbers may be written as numbers. A label that means itself adds a class
        that is no emotion: ``{"1": "stressed", "stressed": "stressed"}``.

    Returns
    -------
    Contents
        An utterance is named by its path relative to `data`, without the suffix of a recording. A
        speaker who seems to be there under two spellings is named in an `InputWarning`.

    Raises
    ------
    InputError
        If manifest and pattern are both given or neither exists; for missing columns or groups,
        unknown emotions or sexes, and recordings that are missing, listed twice or outside of
        `data`; or if there are no recordings.
    """
    data = Path(os.path.expanduser(data)).absolute()
    if not os.path.isdir(data):
        raise discovery.AbsentError(f"{NAME}: the folder {data} does not exist. {HOW_TO_GET}")
    if manifest is not None and pattern is not None:
        raise InputError(f"{NAME}: manifest={manifest} and pattern={pattern!r} given; expected one")
    emotions, added = _translations(emotions)
    visible = list(discovery.walk(data))
    audio = [path for path in visible if discovery.is_audio(path)]
    if pattern is not None:
        rows, where = _from_names(data, visible, audio, pattern), f"pattern {pattern!r}"
    else:
        source = _manifest(data, manifest)
        rows, where = _from_manifest(data, source, visible), str(source)
    files = _files(rows, where, data)
    discovery.warn_of_mixture(where, files.values())
    _translate(rows, where, emotions, added)
    for row in rows:
        place, sex = f"{where}, {row.pop('where')}", row.get("sex")
        if sex:
            if sex.lower() not in _SEX_OF:
                raise unknown(f"sex in {place}:", sex, SEXES)
            row["sex"] = _SEX_OF[sex.lower()]
    _warn_of_spellings(rows, where)
    listed = {_place(path) for path in files.values()}
    unexpected = tuple(path for path in audio if _place(path) not in listed)
    recordings = discovery.Recordings(data, files, unexpected)
    return Contents(rows=rows, added=added, recordings=recordings)


def _translations(emotions: object) -> tuple[dict[str, str], tuple[str, ...]]:
    """Check the emotions of labels, and list the classes that are none."""
    if not isinstance(emotions or {}, Mapping):
        raise InputError(
            f'emotions: {emotions!r}; expected the emotion of each label, such as {{"0": "anger"}}'
        )
    try:
        return translation(emotions or {}, name="emotions")
    except InputError as error:
        raise InputError(f"{error}; {_NO_EMOTION}") from None


def _translate(
    rows: list[dict[str, object]], where: str, emotions: Mapping[str, str], added: Sequence[str]
) -> None:
    """Put emotions in the place of labels; one error names every label that is not understood."""
    errors: dict[str, InputError] = {}
    for row in rows:
        label = row.get("emotion") or ""
        if not label and not emotions.get(label):
            raise InputError(
                f"{where}, {row['where']}: there is no emotion; expected one for every recording "
                "that is listed (recordings that are not listed are not used)"
            )
        try:
            row["emotion"] = emotions.get(label) or find_emotion(
                label, where=f"in {row['where']} of {where}", added=added
            )
        except InputError as error:
            errors.setdefault(label, error)
    if errors:
        first, labels = next(iter(errors.values())), list(errors)
        others = f"; {len(labels)} labels are unknown: {listed(labels)}" if len(labels) > 1 else ""
        # Only what is hardly more than a slip is filled in: "Angst" is near "anger" and means fear.
        meant = {label: nearest(label, EMOTION_OF, 0.8) or "..." for label in labels[:_SHOWN]}
        option = shlex.quote(json.dumps(meant, ensure_ascii=False))
        raise InputError(
            f"{first}{others}; the option emotions translates labels to these: --corpus-option "
            f"emotions {option} (in Python the argument emotions); {_NO_EMOTION}"
        )


def _warn_of_spellings(rows: list[dict[str, object]], where: str) -> None:
    """Name what may be one speaker or session: no protocol could keep it apart from itself."""
    for column in ("speaker", "session"):
        pairs = two_spellings(str(row[column]) for row in rows if row.get(column))
        if pairs:
            names = ", ".join(f"{one!r} and {other!r}" for one, other in pairs[:5])
            warn(
                f"{where}: {len(pairs)} {column}s may be there under two spellings and then count "
                f"as two: {names}; expected one spelling of each {column}"
            )


def _place(path: str | os.PathLike) -> str:
    """Identify a file by its folder and name, whatever a link with that name leads to."""
    folder, name = os.path.split(os.path.abspath(path))
    return os.path.join(os.path.realpath(folder), name)


def _relative(path: str, data: Path) -> PurePath | None:
    """Return a path of a manifest relative to the folder; None if it leads out of that."""
    place = os.path.abspath(data / path)
    # The one folder may be reached by two ways.
    for inside, folder in ((place, data), (_place(place), os.path.realpath(data))):
        inside, folder = (PurePath(discovery.composed(str(each))) for each in (inside, folder))
        if inside.is_relative_to(folder):
            return inside.relative_to(folder)
    return None


def _utterance(path: PurePath) -> str:
    """Name the utterance of a relative path: "b/rec.wav" is "b/rec", and "b/rec.001" itself."""
    name = path.with_suffix("") if path.suffix and discovery.is_audio(path) else path
    return discovery.composed(name.as_posix())


def _manifest(data: Path, manifest: str | os.PathLike | None) -> Path:
    name = Path(os.path.expanduser(MANIFEST if manifest is None else str(manifest)))
    places = [data / name] if manifest is None else [data / name, name.absolute()]
    for place in places:
        if os.path.isfile(place):
            return place
    raise discovery.AbsentError(
        f"{NAME}: the manifest {' or '.join(map(str, dict.fromkeys(places)))} does not exist; "
        f"expected a CSV file with at least the columns {', '.join(REQUIRED)}, or pattern=REGEX"
    )


def _from_manifest(data: Path, source: Path, visible: list[Path]) -> list[dict[str, object]]:
    table = read_csv(source, {column: ALIASES.get(column, ()) for column in COLUMNS})
    missing = [column for column in REQUIRED if column not in table.columns]
    if missing:
        raise InputError(
            f"{source}: missing {_columns(missing)}; found {_columns(table.columns)}; expected "
            f"{', '.join(REQUIRED)} and, where known, "
            f"{', '.join(c for c in COLUMNS if c not in REQUIRED)}"
        )
    others = [column for column in table.columns if column not in COLUMNS]
    taken = [column for column in others if column in _OWN]
    if taken:
        others = [column for column in others if column not in _OWN]
        warn(f"{source}: {_columns(taken)} left out; recordings are named by their paths")
    absent = set(COLUMNS) - set(table.columns)
    for column in others:
        # Other columns are allowed, but a misspelt standard column must not go unnoticed.
        if difflib.get_close_matches(column.lower(), absent, 1, 0.8):
            raise unknown(f"column in {source}:", column, COLUMNS)
        numbers = pd.to_numeric(table[column].replace("", None), errors="coerce")
        if (numbers.notna() | (table[column] == "")).all() and numbers.notna().any():
            table[column] = numbers
    for column, words in _PERHAPS.items():
        meant = [name for name in others if name.lower() in words]
        if column in absent and meant:
            warn(f"{source}: no column {column!r}; {_columns(meant)} are kept but not used as such")
    part = [name for name in others if name.lower() in _PART]
    if part:
        warn(f"{source}: {_columns(part)} kept but not used: every recording is read as a whole")
    # A table and a disk may write one letter in two ways.
    places = {discovery.composed(str(path)): str(path) for path in visible}
    rows, outside = [], []
    for number, cells in zip(table.index, table.to_dict("records"), strict=True):
        known = {c: discovery.composed(cells[c]) for c in COLUMNS if c in cells}
        if not known.get("path"):
            raise InputError(f"{source}: row {number} has no path; expected that of a recording")
        known |= {c: "" for c in known if c not in REQUIRED and known[c].lower() in _MISSING}
        path = cells["path"].replace("\\", "/")
        inside = _relative(path, data)
        if inside is None:
            outside.append(f"{cells['path']} (row {number})")
            continue
        place = os.path.abspath(data / path)
        if not os.path.exists(place):
            place = places.get(discovery.composed(place), place)
        known |= {"path": place, "utterance": _utterance(inside), "where": f"row {number}"}
        rows.append({column: cells[column] for column in others} | known)
    if outside:
        raise InputError(
            f"{source}: {len(outside)} of {len(table)} recordings lie outside the folder {data}: "
            f"{listed(outside)}; expected paths relative to that folder, or absolute ones below it "
            "(--data names the folder that holds all of them)"
        )
    return rows


def _from_names(
    data: Path, visible: list[Path], audio: list[Path], pattern: str
) -> list[dict[str, object]]:
    try:
        expression = re.compile(str(pattern))
    except (re.error, OverflowError, RecursionError) as error:
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
    if not audio:
        raise InputError(
            f"{NAME}: no recordings; expected at least one below {data}; "
            f"{discovery.nothing_read(visible)}"
        )
    rows, left_out = [], []
    for path in audio:
        name = _utterance(path.relative_to(data))
        match = expression.search(name)
        if match:
            rows.append({"utterance": name, "path": path, "where": path.name} | match.groupdict())
        else:
            left_out.append(name)
    present = {row["utterance"] for row in rows}
    others = ((p, p.relative_to(data).with_suffix("").as_posix()) for p in visible)
    others = ((path, discovery.composed(name)) for path, name in others)
    discovery.warn_of_unread(
        NAME, [path for path, name in others if expression.search(name) and name not in present]
    )
    if left_out and rows:
        warn(
            f"{NAME}: the pattern {pattern!r} does not match {len(left_out)} of {len(audio)} "
            f"recordings; they are left out, the first is {left_out[0]!r}"
        )
    if left_out and not rows:
        raise InputError(
            f"pattern: {pattern!r} matches none of {len(audio)} recordings below {data}; "
            f"expected one that matches names such as {left_out[0]!r}"
        )
    return rows


def _files(rows: list[dict[str, object]], where: str, data: Path) -> dict[str, Path]:
    """Check that there are recordings, that they exist, and that each is listed only once."""
    if not rows:
        raise InputError(f"{where}: no recordings; expected at least one")
    seen: dict[str, dict[str, object]] = {}
    places: dict[str, dict[str, object]] = {}
    for row in rows:
        for known, key in ((seen, row["utterance"]), (places, _place(row["path"]))):
            other = known.setdefault(key, row)
            if other is not row:
                raise InputError(
                    f"{where}: {row['path']} ({row['where']}) and {other['path']} "
                    f"({other['where']}) are the same utterance; expected each only once"
                )
    missing = [row for row in rows if not os.path.isfile(row["path"])]
    if missing:
        names = []
        for row in missing:
            path = Path(row["path"])
            name = path.relative_to(data) if path.is_relative_to(data) else path
            what = ", a folder" if os.path.isdir(path) else ""
            names.append(f"{name} ({row['where']}{what})")
        raise InputError(
            f"{where}: {len(missing)} of {len(rows)} recordings do not exist: {listed(names)}; "
            f"expected paths relative to the folder {data}"
        )
    return {utterance: Path(row["path"]) for utterance, row in seen.items()}


def _columns(names: object) -> str:
    names = [str(name) for name in names]
    return f"columns {', '.join(names)}" if names else "no columns"
