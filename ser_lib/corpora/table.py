"""The table of a corpus: one row per utterance, with the same columns in every corpus."""

import numbers
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from ser_lib.corpora.emotions import canonical_emotion
from ser_lib.errors import InputError, unknown

COLUMNS = (
    *("path", "speaker", "sex", "emotion", "language", "sentence", "session", "intensity"),
    "split",
)
"""The columns that every table has."""
SEXES = ("female", "male")
LISTENERS = "recognised"
"""
Column of the fraction of listeners who recognised the emotion, where a corpus knows it.

It is a judgement of the recordings, no part of them: it does not enter the fingerprint.
"""


def make_table(rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """
    Build the table of a corpus.

    Parameters
    ----------
    rows : iterable of mapping
        One per utterance: ``utterance``, what is known of `COLUMNS`, and any further columns. None,
        NaN, "" and absent keys are missing values. Synonyms of emotions are replaced by the names
        in `ser_lib.corpora.EMOTIONS`.

    Returns
    -------
    DataFrame
        Sorted by ``utterance``. The columns `COLUMNS` hold Python strings or None (dtype object,
        which is the same in every version of pandas); further columns follow in the order in which
        they first occur, as numbers if all their values are.
    """
    rows = list(rows)
    standard = ("utterance", *COLUMNS)
    extra = list(dict.fromkeys(key for row in rows for key in row if key not in standard))
    cells = [
        [str(row["utterance"]), *(_text(row.get(column)) for column in COLUMNS)] for row in rows
    ]
    table = pd.DataFrame(cells, columns=standard, dtype=object)
    table["emotion"] = pd.Series(
        [word if word is None else canonical_emotion(word) for word in table["emotion"]],
        dtype=object,
    )
    for column in extra:
        values = [None if (value := row.get(column)) == "" else value for row in rows]
        numeric = all(isinstance(value, numbers.Real) for value in values if value is not None)
        table[column] = pd.Series(values, dtype=None if numeric else object)
    return table.set_index("utterance").sort_index()


def _text(value: object) -> str | None:
    """Read a value of a standard column: labels and speakers may be numbers, 0 as well."""
    return None if value is None or value == "" or pd.isna(value) else str(value)


def check_table(name: str, table: pd.DataFrame, classes: Sequence[str]) -> None:
    """Refuse a table that is not as `ser_lib.corpora.Corpus` says; emotions are these classes."""
    columns = tuple(table.columns)
    if table.index.name != "utterance" or columns[: len(COLUMNS)] != COLUMNS:
        raise InputError(
            f"{name}: the table has the index {table.index.name!r} and the columns "
            f"{', '.join(map(str, columns))}; expected the index 'utterance' and the columns "
            f"{', '.join(COLUMNS)}, then any others"
        )
    if len(set(columns)) < len(columns) or not all(isinstance(column, str) for column in columns):
        raise InputError(
            f"{name}: the table has the columns {', '.join(map(str, columns))}; expected "
            "names that are strings, each only once"
        )
    if not (table.index.is_unique and table.index.is_monotonic_increasing):
        raise InputError(
            f"{name}: utterances of the table are repeated or not in order; expected them to be "
            "unique and sorted"
        )
    if table.empty:
        raise InputError(f"{name}: the table has no utterances; expected at least one")
    for column, known in {"emotion": classes, "sex": (*SEXES, None)}.items():
        values = distinct(table[column])
        values += (None,) if table[column].isna().any() else ()
        for value in values:
            if value not in known:
                raise unknown(f"{column} in {name}:", value, filter(None, known))


def distinct(values: pd.Series) -> tuple:
    """Return the distinct known values of a column, sorted; as strings, unless it is numeric."""
    present = values[values.notna()]
    numeric = pd.api.types.is_numeric_dtype(values)
    return tuple(sorted(set(present.tolist() if numeric else map(str, present))))
