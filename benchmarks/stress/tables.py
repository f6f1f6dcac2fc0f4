"""Manifests and split files as people and spreadsheets save them, and damaged in their ways."""

import csv
import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.stress.outcome import Outcome
from ser_lib import console, protocols
from ser_lib.corpora import folder as folder_corpus
from ser_lib.corpora import load_corpus
from ser_lib.errors import InputError, InputWarning

Rows = list[list[str]]

_TEXTS = ("loud", "oh no, really", "a; b", 'she said "no"', "", "tief, heiß", "1.5")
_HEAD = ["path", "emotion", "speaker", "sex", "split", "remark"]
_EMOTIONS = ("anger", "sadness", "neutral")
# Other words for the cells of a column.
_WORDS = {
    "emotion": {"anger": ("Angry", "ANG"), "sadness": ("sad", "Sadness"), "neutral": ("neu",)},
    "sex": {"female": ("F", "female"), "male": ("M", "Male")},
    "split": {"train": ("Train", "training"), "dev": ("Val",), "test": ("TEST", "Test1")},
    "part": {"train": ("Train", "training"), "dev": ("Val",), "test": ("TEST", "Test1")},
}


def tables(count: int, folder: Path) -> Outcome:
    """
    Load tables in right forms, damaged forms and with random bytes.

    A right form gives the right table, however it is written. A damaged one gives the right table
    or an `InputError`. With random bytes nobody knows what is right: only tracebacks count.
    """
    outcome = Outcome("manifests and split files", count)
    manifest = _manifest(folder)
    truth = _loaded(folder, _written(manifest))
    split = _split(truth)
    folds = _divided(folder, truth, _written(split))
    kinds = list(_KINDS)
    for number in console.progress(range(count), description="tables", unit="table"):
        rng = np.random.default_rng(number)
        kind = kinds[number % len(kinds)]
        if number // len(kinds) % 2:
            case, right, rows = f"split file, {kind}", folds, split

            def load(content: bytes) -> dict:
                return _divided(folder, truth, content)
        else:
            case, right, rows = f"manifest, {kind}", truth.to_dict("index"), manifest

            def load(content: bytes) -> dict:
                return _loaded(folder, content).to_dict("index")

        _try(outcome, f"{case} ({number})", load, _KINDS[kind](rng, rows), kind, right)
    return outcome


def _try(
    outcome: Outcome, case: str, load: Callable, content: bytes, kind: str, right: dict
) -> None:
    try:
        found = load(content)
    except InputError as error:
        if kind in _RIGHT:
            outcome.note("wrong", f"{case}: refused: {error}")
        return
    except Exception as error:
        outcome.note_exception(error, case)
        return
    if kind == "cut off":
        # What is missing behind a whole row cannot be known, nor the end of its last text.
        right = {key: right[key] for key in found if key in right}
        for row in [*found.values(), *right.values()]:
            row.pop("remark", None)
    if kind != "random bytes" and found != right:
        key = next((k for k in right if found.get(k) != right[k]), "a row too many")
        outcome.note("wrong", f"{case}: {key} is {found.get(key)}; expected {right.get(key)}")


# The tables and what is read of them


def _manifest(folder: Path) -> Rows:
    """Write files, whose content nothing looks at, and describe them."""
    rows = [_HEAD]
    parts = {"ann": "train", "ben": "train", "Zoë": "train", "dan": "dev", "007": "test"}
    for i, (speaker, part) in enumerate(parts.items()):
        for j, emotion in enumerate(_EMOTIONS):
            path = folder / speaker / f"{emotion}.{j}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            sex = "female" if i % 2 else "male"
            text = _TEXTS[(3 * i + j) % len(_TEXTS)]
            rows.append([path.relative_to(folder).as_posix(), emotion, speaker, sex, part, text])
    return rows


def _split(table: pd.DataFrame) -> Rows:
    folds = protocols.make("leave_one_speaker_out").folds(table)
    rows = protocols.split_table(folds, table)
    return [list(rows.columns), *rows.to_numpy().tolist()]


def _loaded(folder: Path, content: bytes) -> pd.DataFrame:
    (folder / folder_corpus.MANIFEST).write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputWarning)
        table = load_corpus("folder", data=folder, emotions={0: "anger", "1": "sadness"}).table
    known = [name for name in _HEAD if name in table]
    return table[known].assign(split=table["split"].map(_part, na_action="ignore"))


def _part(value: str) -> str:
    """Name a part as in the truth: a table keeps the words, which protocols understand."""
    words = {word: part for part, words in _WORDS["split"].items() for word in (part, *words)}
    return words.get(value, value)


def _divided(folder: Path, table: pd.DataFrame, content: bytes) -> dict:
    """Return the utterances in each part of each fold."""
    path = folder / "split.csv"
    path.write_bytes(content)
    return {
        fold.name: {part: list(table.index[rows]) for part, rows in fold.parts().items()}
        for fold in protocols.read_split(path).folds(table)
    }


# Right forms


def _one(rng: np.random.Generator, values: Sequence) -> object:
    return values[int(rng.integers(len(values)))]


def _written(rows: Rows, delimiter: str = ",", end: str = "\n", **options: object) -> bytes:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter, lineterminator=end, **options).writerows(rows)
    return file.getvalue().encode()


def _form(rng: np.random.Generator, rows: Rows) -> bytes:
    """Save as a spreadsheet or script might: delimiter, line ends, encoding, quotes."""
    delimiter, end = _one(rng, ",;\t|"), _one(rng, ("\n", "\r\n", "\r"))
    quoting = _one(rng, (csv.QUOTE_MINIMAL, csv.QUOTE_ALL))
    text = _written(rows, delimiter, end, quoting=quoting).decode()
    if rng.random() < 0.2:
        text = f"sep={delimiter}{end}{text}"
    return text.encode(_one(rng, ("utf-8", "utf-8-sig", "utf-16")))


def _spaces(rng: np.random.Generator, rows: Rows) -> bytes:
    """Add spaces around names and cells, and empty lines."""
    lines = []
    for row in rows:
        cells = [
            f' "{cell.replace(chr(34), 2 * chr(34))}"'
            if set(cell) & set(',"')
            else " " * rng.integers(3) + cell + " " * rng.integers(3)
            for cell in row
        ]
        lines += [",".join(cells), *[""] * int(rng.random() < 0.2)]
    return "\n".join(lines).encode()


def _surplus(rng: np.random.Generator, rows: Rows) -> bytes:
    """End every row, and perhaps the first as well, with delimiters; add empty rows."""
    more = [""] * int(rng.integers(1, 4))
    head = rows[0] + more * int(rng.integers(2))
    return _written([head, *(row + more for row in rows[1:]), [""] * len(rows[1] + more)])


def _names(rng: np.random.Generator, rows: Rows) -> bytes:
    """Write names of columns in capitals, or other usual names; turn the columns round."""
    aliases = folder_corpus.ALIASES | {"part": ("split", "partition"), "utterance": ("utt_id",)}
    head = [
        _one(rng, (name.upper(), name.title(), *aliases.get(name, ())))
        if name != "remark"
        else name
        for name in rows[0]
    ]
    order = rng.permutation(len(head))
    return _written([[row[i] for i in order] for row in [head, *rows[1:]]])


def _words(rng: np.random.Generator, rows: Rows) -> bytes:
    """Write everyday words, or numbers, in cells."""
    chosen = {
        name: {word: _one(rng, others) for word, others in words.items()}
        for name, words in _WORDS.items()
    }
    if rng.random() < 0.3:
        chosen["emotion"] |= {"anger": "0", "sadness": "1"}
    cells = [
        [chosen.get(name, {}).get(cell, cell) for name, cell in zip(rows[0], row, strict=True)]
        for row in rows[1:]
    ]
    return _written([rows[0], *cells])


# Damage


def _place(rng: np.random.Generator, rows: Rows) -> tuple[Rows, int, int]:
    """Copy a table, and choose a row and a cell in it."""
    copy = [list(row) for row in rows]
    return copy, int(rng.integers(1, len(rows))), int(rng.integers(len(rows[0])))


def _cell_lost(rng: np.random.Generator, rows: Rows) -> bytes:
    copy, row, cell = _place(rng, rows)
    del copy[row][cell]
    return _written(copy)


def _cell_added(rng: np.random.Generator, rows: Rows) -> bytes:
    copy, row, cell = _place(rng, rows)
    copy[row].insert(cell, _one(rng, [*copy[row], "x"]))
    return _written(copy)


def _unquoted(rng: np.random.Generator, rows: Rows) -> bytes:
    """Write commas in texts without quotes, in all rows or in one."""
    copy, row, cell = _place(rng, rows)
    for number in range(1, len(rows)) if rng.random() < 0.5 else [row]:
        copy[number][cell] += ", really"
    return "\n".join(",".join(cells) for cells in copy).encode()


def _column_twice(rng: np.random.Generator, rows: Rows) -> bytes:
    """Add a column of the same name, perhaps in other letters, with the cells of another row."""
    copy, _, cell = _place(rng, rows)
    name = rows[0][cell]
    others = [row[cell] for row in [*rows[2:], rows[1]]]
    copy[0].append(_one(rng, [name, f" {name} ", name.upper() if name != "remark" else name]))
    return _written([copy[0], *([*row, x] for row, x in zip(copy[1:], others, strict=True))])


def _open_quote(rng: np.random.Generator, rows: Rows) -> bytes:
    """Open one or two quotes that nothing closes."""
    lines = [",".join(cells).replace('"', "") for cells in rows]
    for number in rng.choice(np.arange(1, len(lines)), int(rng.integers(1, 3)), replace=False):
        cells = [f'"{cell}"' if "," in cell else cell for cell in rows[number]]
        place = int(rng.integers(len(cells)))
        cells[place] = '"' + cells[place].strip('"')
        lines[number] = ",".join(cells)
    return "\n".join(lines).encode()


def _lines_joined(rng: np.random.Generator, rows: Rows) -> bytes:
    lines = _written(rows).split(b"\n")
    number = int(rng.integers(len(rows) - 1))
    lines[number : number + 2] = [_one(rng, (b"", b",", b";")).join(lines[number : number + 2])]
    return b"\n".join(lines)


def _other_delimiter(rng: np.random.Generator, rows: Rows) -> bytes:
    """Write one row with another delimiter."""
    copy, number, _ = _place(rng, rows)
    lines = [_written([row]).decode() for row in copy]
    lines[number] = _written([copy[number]], _one(rng, ";\t|")).decode()
    return "".join(lines).encode()


def _row_twice(rng: np.random.Generator, rows: Rows) -> bytes:
    """Repeat a row, with another value in one cell that does not name what it is about."""
    copy, row, _ = _place(rng, rows)
    again = list(copy[row])
    again[2] = copy[1 + row % (len(rows) - 1)][2]
    return _written([*copy, again])


def _cut_off(rng: np.random.Generator, rows: Rows) -> bytes:
    content = _written(rows)
    return content[: int(rng.integers(len(content)))]


def _random_bytes(rng: np.random.Generator, rows: Rows) -> bytes:
    content = bytearray(_form(rng, rows))
    for _ in range(int(rng.integers(1, 9))):
        place = int(rng.integers(len(content)))
        content[place : place + int(rng.integers(3))] = rng.bytes(int(rng.integers(4)))
    return bytes(content)


_RIGHT = {
    "form": _form,
    "spaces": _spaces,
    "delimiters at the end": _surplus,
    "names of columns": _names,
    "words": _words,
}
_KINDS = {
    **_RIGHT,
    "a cell lost": _cell_lost,
    "a cell added": _cell_added,
    "commas without quotes": _unquoted,
    "a column twice": _column_twice,
    "a quote open": _open_quote,
    "lines joined": _lines_joined,
    "another delimiter": _other_delimiter,
    "a row twice": _row_twice,
    "cut off": _cut_off,
    "random bytes": _random_bytes,
}
