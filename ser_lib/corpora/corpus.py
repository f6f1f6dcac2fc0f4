"""A corpus: utterances with their speakers and emotions, and the files of the recordings."""

import dataclasses
import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd

from ser_lib import identity
from ser_lib.corpora import hashing, validation
from ser_lib.corpora.discovery import Recordings
from ser_lib.corpora.emotions import EMOTIONS, find_emotion
from ser_lib.download import Remote
from ser_lib.errors import InputError, unknown

COLUMNS = (
    *("path", "speaker", "sex", "emotion", "language", "sentence", "session", "intensity"),
    "split",
)
"""The columns that every table has."""
SEXES = ("female", "male")

_SHOWN = 30  # values that an error lists; of more than these it lists the nearest


@dataclass(frozen=True, kw_only=True)
class Contents:
    """
    What the module of a corpus found on this machine: the result of its ``load``.

    Parameters
    ----------
    rows : iterable of mapping
        One per utterance, as for `make_table`.
    subset : str
        Which part of the corpus this is.
    version : str, optional
        Version, if it depends on options; by default the module's ``VERSION``.
    reference : DataFrame, optional
        Published checksums and durations, see `Corpus`.
    recordings : Recordings, optional
        All recordings found, selected or not.
    """

    rows: Iterable[Mapping[str, object]]
    subset: str = "all"
    version: str | None = None
    reference: pd.DataFrame | None = None
    recordings: Recordings | None = None


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """
    A corpus of emotional speech.

    Parameters
    ----------
    name, title, version, licence : str
        Name in this package, full title, release, and licence of the recordings.
    citation : str
        The BibTeX entry to cite.
    table : DataFrame
        One row per utterance, sorted by the index ``utterance`` (unique strings), with the columns
        `COLUMNS`: absolute ``path`` of the recording; ``speaker``; ``sex`` ("female" or "male");
        ``emotion`` (one of `EMOTIONS`); ``language`` (ISO 639-1); ``sentence``, a code shared by
        utterances with the same words; recording ``session``; ``intensity`` of the emotion;
        ``split``, the part or fold assigned by the publisher or a published study. These are
        strings; what is unknown is missing (None). Further columns hold whatever else the corpus
        knows, such as arousal, valence, age or votes, as strings or numbers.
    subset : str
        Which part of the corpus this is, and how its labels were changed.
    protocol : str
        Name of the recommended evaluation protocol.
    remotes : tuple of Remote
        Files that can be downloaded.
    reference : DataFrame, optional
        What was published: index ``utterance``, columns ``sha256``, ``rate`` (Hz), ``channels``,
        ``samples``; missing where unknown.
    recordings : Recordings, optional
        All recordings found on the disk, selected or not.

    Raises
    ------
    InputError
        If the table is not as described above.
    """

    name: str
    title: str
    version: str
    licence: str
    citation: str
    table: pd.DataFrame
    subset: str = "all"
    protocol: str = "leave_one_speaker_out"
    remotes: tuple[Remote, ...] = ()
    reference: pd.DataFrame | None = None
    recordings: Recordings | None = None

    def __post_init__(self) -> None:
        table = self.table
        columns = tuple(table.columns)
        if table.index.name != "utterance" or columns[: len(COLUMNS)] != COLUMNS:
            raise InputError(
                f"{self.name}: the table has the index {table.index.name!r} and the columns "
                f"{', '.join(map(str, columns))}; expected the index 'utterance' and the columns "
                f"{', '.join(COLUMNS)}, then any others"
            )
        if len(set(columns)) < len(columns) or not all(isinstance(name, str) for name in columns):
            raise InputError(
                f"{self.name}: the table has the columns {', '.join(map(str, columns))}; expected "
                "names that are strings, each only once"
            )
        if not (table.index.is_unique and table.index.is_monotonic_increasing):
            raise InputError(f"{self.name}: utterances must be unique and sorted")
        if table.empty:
            raise InputError(f"{self.name}: the table has no utterances; expected at least one")
        for column, known in {"emotion": EMOTIONS, "sex": (*SEXES, None)}.items():
            values = _distinct(table[column])
            values += (None,) if table[column].isna().any() else ()
            for value in values:
                if value not in known:
                    raise unknown(f"{column} in {self.name}:", value, filter(None, known))

    @classmethod
    def of(cls, module: ModuleType, contents: Contents) -> "Corpus":
        """
        Combine the constants of a corpus's module with what it found on this machine.

        Parameters
        ----------
        module : module
            With the constants that `ser_lib.corpora` describes.
        contents : Contents
            Result of the module's ``load``.

        Returns
        -------
        Corpus
        """
        return cls(
            name=module.NAME,
            title=module.TITLE,
            version=contents.version or module.VERSION,
            licence=module.LICENCE,
            citation=module.BIBTEX,
            table=make_table(contents.rows),
            subset=contents.subset,
            protocol=module.PROTOCOL,
            remotes=module.REMOTES,
            reference=contents.reference,
            recordings=contents.recordings,
        )

    def __repr__(self) -> str:
        count = f"{len(self.table)} utterances, {len(self.speakers)} speakers"
        emotions = ", ".join(self.classes)
        return f"Corpus {self.name} {self.version} ({self.subset}): {count}; {emotions}"

    @property
    def classes(self) -> tuple[str, ...]:
        """The emotions of the table, in the order of `EMOTIONS`."""
        present = set(self.table["emotion"])
        return tuple(emotion for emotion in EMOTIONS if emotion in present)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The known speakers, sorted."""
        return _distinct(self.table["speaker"])

    @property
    def fingerprint(self) -> str:
        """
        Identifier of the exact content: 64 hexadecimal digits.

        The SHA-256 over the sorted rows: the utterance, all columns of the table but ``path``, and
        the hash of the decoded samples. The same recordings in another folder or another lossless
        container have the same fingerprint; a changed sample or label changes it. Hashes of samples
        are stored in the cache folder and reused while a file keeps its size and time.

        Raises
        ------
        InputError
            If a recording is missing or cannot be decoded.
        """
        hashes = hashing.sample_hashes(list(self.table["path"]))
        table = self.table.astype(object)
        table = table.where(table.notna(), None)
        labels = table[list(COLUMNS[1:])].to_numpy().tolist()
        rows = [[u, *row, value] for u, row, value in zip(table.index, labels, hashes, strict=True)]
        if len(table.columns) > len(COLUMNS):
            # Columns that not every corpus has enter with their names.
            further = table.drop(columns=list(COLUMNS)).to_dict("records")
            rows = [[*row, values] for row, values in zip(rows, further, strict=True)]
        return identity.digest(rows)

    def validate(self, *, progress: bool = True) -> validation.Validation:
        """
        Compare the recordings on the disk with what was published.

        All recordings of the corpus are checked, also those that were not selected; see
        `ser_lib.corpora.validation.validate`.

        Parameters
        ----------
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        Validation
            Names the recordings that are missing, unexpected, altered or undecodable.
        """
        recordings = self.recordings
        if recordings is None:
            files = {utterance: Path(path) for utterance, path in self.table["path"].items()}
            recordings = Recordings(None, files)
        return validation.validate(self.name, recordings, self.reference, progress=progress)

    def select(self, query: str | None = None, **equals: object) -> "Corpus":
        """
        Select utterances.

        Parameters
        ----------
        query : str, optional
            A condition on the columns and on ``utterance`` in the language of
            `pandas.DataFrame.query`, for example ``"sex == 'female' and emotion != 'calm'"``.
            Variables of the caller (``@name``) are not available, because `subset` records the
            condition.
        **equals
            Column = value, or a list of values.

        Returns
        -------
        Corpus
            The same corpus with the rows that fulfil all conditions, which `subset` records.

        Raises
        ------
        InputError
            For an unknown column or value, an invalid query, or if no utterance is left.

        Examples
        --------
        >>> corpus.select(emotion=["anger", "sadness"], sex="female")       # doctest: +SKIP
        """
        table, keep, conditions = self.table, np.ones(len(self.table), dtype=bool), []
        if query is not None:
            keep &= self._matches(query)
            conditions.append(query)
        for column, wanted in equals.items():
            values = self._values(column, wanted)
            keep &= table[column].isin(values).to_numpy()
            conditions.append(f"{column} in {', '.join(map(str, values))}")
        if not keep.any():
            raise InputError(
                f"{self.name}: no utterance fulfils {'; '.join(conditions)}; expected at least one"
            )
        return self._derived(table[keep], conditions)

    def _matches(self, query: str) -> np.ndarray:
        """Evaluate a condition; bool, shape (utterances,)."""
        table = self.table
        try:
            matches = table.eval(query, engine="python", local_dict={}, global_dict={})
        except pd.errors.UndefinedVariableError as error:
            name = re.search("'(.*)'", str(error))[1]
            known = ("utterance", *table.columns)
            raise unknown(f"name in the query {query!r}:", name, known) from error
        except Exception as error:
            raise InputError(
                f"{self.name}: query {query!r} cannot be evaluated ({error}); expected a "
                f"condition on utterance, {', '.join(table.columns)}"
            ) from error
        if not (isinstance(matches, pd.Series) and matches.isin([True, False]).all()):
            raise InputError(
                f"{self.name}: query {query!r} is not a condition; expected one that is true or "
                "false for each utterance, such as \"emotion == 'anger'\""
            )
        return matches.to_numpy(dtype=bool)

    def relabel(self, mapping: Mapping[str, str]) -> "Corpus":
        """
        Rename or merge emotions.

        Parameters
        ----------
        mapping : mapping of str to str
            New name by old name, both from `EMOTIONS` or synonyms of these. Emotions that do not
            occur are ignored, so that one mapping can be used for several corpora.

        Returns
        -------
        Corpus
            The same utterances; `subset` records the changes.

        Raises
        ------
        InputError
            For an unknown emotion.

        Examples
        --------
        >>> corpus.relabel({"excitement": "happiness"})                     # doctest: +SKIP
        """
        mapping = {find_emotion(old): find_emotion(new) for old, new in mapping.items()}
        table = self.table.copy()
        table["emotion"] = [mapping.get(emotion, emotion) for emotion in table["emotion"]]
        changed = {old: mapping[old] for old in self.classes if mapping.get(old, old) != old}
        return self._derived(table, [f"{old} -> {new}" for old, new in changed.items()])

    def _values(self, column: str, wanted: object) -> list:
        """Check the values that a column is to have."""
        if column not in self.table.columns:
            raise unknown(f"column of {self.name}", column, self.table.columns)
        several = isinstance(wanted, Iterable) and not isinstance(wanted, str)
        values = list(wanted) if several else [wanted]
        present = _distinct(self.table[column])
        if not pd.api.types.is_numeric_dtype(self.table[column]):
            values = [str(value) for value in values]
        for i, value in enumerate(values):
            if column == "emotion" and value not in present:
                values[i] = value = _canonical(value)
            if value not in present:
                names = [str(name) for name in present]
                near = difflib.get_close_matches(str(value), names, n=5, cutoff=0)
                known = names if len(names) <= _SHOWN else near
                raise unknown(f"{column} in {self.name}:", value, known)
        return values

    def _derived(self, table: pd.DataFrame, changes: Sequence[str]) -> "Corpus":
        parts = [part for part in (self.subset, *changes) if part != "all"]
        return dataclasses.replace(self, table=table, subset="; ".join(parts) or "all")


def make_table(rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """
    Build the table of a corpus.

    Parameters
    ----------
    rows : iterable of mapping
        One per utterance: ``utterance``, what is known of `COLUMNS`, and any further columns. None,
        "" and absent keys are missing values. Synonyms of emotions are replaced by the names in
        `EMOTIONS`.

    Returns
    -------
    DataFrame
        Sorted by ``utterance``. The columns `COLUMNS` hold Python strings or None (dtype object,
        which is the same in every version of pandas); further columns follow in the order in which
        they first occur, with the type of their values.
    """
    rows = list(rows)
    standard = ("utterance", *COLUMNS)
    extra = list(dict.fromkeys(key for row in rows for key in row if key not in standard))
    cells = [
        [row["utterance"], *(str(row[c]) if row.get(c) else None for c in COLUMNS)] for row in rows
    ]
    table = pd.DataFrame(cells, columns=standard, dtype=object)
    table["emotion"] = pd.Series(
        [word if word is None else _canonical(word) for word in table["emotion"]], dtype=object
    )
    for column in extra:
        values = [row.get(column) for row in rows]
        table[column] = pd.Series([None if value == "" else value for value in values])
    return table.set_index("utterance").sort_index()


def _canonical(word: str) -> str:
    """Return the name of an emotion for a synonym, and any other word unchanged."""
    try:
        return find_emotion(word)
    except InputError:
        return word


def _distinct(values: pd.Series) -> tuple:
    """Sort the distinct known values; those of columns without numbers become strings."""
    present = values[values.notna()]
    numeric = pd.api.types.is_numeric_dtype(values)
    return tuple(sorted(set(present.tolist() if numeric else map(str, present))))
