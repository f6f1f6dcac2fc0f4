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
from ser_lib.corpora.duplicates import warn_of_duplicates
from ser_lib.corpora.emotions import (
    EMOTION_OF,
    EMOTIONS,
    canonical_emotion,
    find_emotion,
    translation,
)
from ser_lib.corpora.table import COLUMNS, LISTENERS, check_table, distinct, make_table
from ser_lib.download import Remote
from ser_lib.errors import InputError, unknown
from ser_lib.places import plain_name

# What a query may call: a table has methods that write files.
_CALLED = re.compile(r"(\w+)[`\s]*\(")
_METHODS = (
    *("abs", "between", "contains", "endswith", "fullmatch", "isin", "isna", "isnull", "len"),
    *("lower", "match", "notna", "notnull", "startswith", "strip", "upper"),
    # Words of a condition, before a parenthesis.
    *("and", "in", "not", "or"),
)
_SHOWN = 30  # values that an error lists; of more than these it lists the nearest


@dataclass(frozen=True, kw_only=True)
class Contents:
    """
    What the module of a corpus found on this machine: the result of its ``load``.

    Parameters
    ----------
    rows : iterable of mapping
        One per utterance, as for `make_table`.
    version : str, optional
        Version, if it depends on options; by default the module's ``VERSION``.
    subset, added, reference, recordings
        As for `Corpus`.
    """

    rows: Iterable[Mapping[str, object]]
    subset: str = "all"
    added: tuple[str, ...] = ()
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
        ``emotion`` (one of `EMOTIONS` or `added`); ``language`` (ISO 639-1); ``sentence``, a code
        shared by utterances with the same words; recording ``session``; ``intensity`` of the
        emotion; ``split``, the part or fold assigned by the publisher or a published study. These
        are strings; what is unknown is missing (None). Further columns hold whatever else the
        corpus knows, such as arousal, valence, age or votes, as strings or numbers.
    subset : str
        Which part of the corpus this is, and how its labels were changed.
    added : tuple of str
        Classes of the corpus that are no `EMOTIONS`, in alphabetical order.
    protocol : str
        Name of the recommended evaluation protocol.
    remotes : tuple of Remote
        Files that can be downloaded.
    reference : DataFrame, optional
        What was published: index ``utterance``, columns ``sha256``, ``rate`` (Hz), ``channels``,
        ``samples``; missing where unknown.
    recordings : Recordings, optional
        All recordings found on the disk, selected or not.
    options : mapping of str to object
        The options of the corpus that it was loaded with, as for `ser_lib.load_corpus`.

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
    added: tuple[str, ...] = ()
    protocol: str = "leave_one_speaker_out"
    remotes: tuple[Remote, ...] = ()
    reference: pd.DataFrame | None = None
    recordings: Recordings | None = None
    options: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        # It becomes the name of a folder of the reports.
        plain_name("corpus", self.name)
        check_table(self.name, self.table, (*EMOTIONS, *self.added))

    @classmethod
    def of(cls, module: ModuleType, contents: Contents, options: Mapping[str, object]) -> "Corpus":
        """Combine the constants of a corpus's module with what it found by these options."""
        return cls(
            name=module.NAME,
            title=module.TITLE,
            version=contents.version or module.VERSION,
            licence=module.LICENCE,
            citation=module.BIBTEX,
            table=make_table(contents.rows),
            subset=contents.subset,
            added=contents.added,
            protocol=module.PROTOCOL,
            remotes=module.REMOTES,
            reference=contents.reference,
            recordings=contents.recordings,
            options=options,
        )

    def __repr__(self) -> str:
        count = f"{len(self.table)} utterances, {len(self.speakers)} speakers"
        emotions = ", ".join(self.classes)
        return f"Corpus {self.name} {self.version} ({self.subset}): {count}; {emotions}"

    @property
    def classes(self) -> tuple[str, ...]:
        """The emotions of the table, in the order of `EMOTIONS`, then those `added`."""
        present = set(self.table["emotion"])
        return tuple(emotion for emotion in (*EMOTIONS, *self.added) if emotion in present)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The known speakers, sorted."""
        return distinct(self.table["speaker"])

    @property
    def fingerprint(self) -> str:
        """
        Identifier of the exact content: 64 hexadecimal digits.

        The SHA-256 over the sorted rows: the utterance, all columns of the table but ``path`` and
        ``recognised``, and the hash of the decoded samples. The same recordings in another folder
        or another lossless container have the same fingerprint; a changed sample or label changes
        it. Hashes of samples are stored in the cache folder and reused while a file keeps its size
        and time. Recordings with the same samples, unless they were published so, are named in an
        `InputWarning`.

        Raises
        ------
        InputError
            If a recording is missing or cannot be decoded.
        """
        hashes = hashing.sample_hashes(list(self.table["path"]))
        warn_of_duplicates(self.name, self.table["emotion"], hashes, self.reference)
        table = self.table.drop(columns=LISTENERS, errors="ignore").astype(object)
        table = table.where(table.notna(), None)
        labels = table[list(COLUMNS[1:])].to_numpy().tolist()
        rows = [[u, *row, value] for u, row, value in zip(table.index, labels, hashes, strict=True)]
        if len(table.columns) > len(COLUMNS):
            # Columns that not every corpus has enter with their names.
            further = table.drop(columns=list(COLUMNS)).to_dict("records")
            rows = [[*row, values] for row, values in zip(rows, further, strict=True)]
        return identity.digest(rows)

    @property
    def listeners(self) -> dict[str, float] | None:
        """
        How well listeners recognised the emotions: the mean of ``recognised`` in each class.

        None where it is unknown for some class, and for a part of the corpus or changed labels:
        listeners chose among all emotions.
        """
        if LISTENERS not in self.table or self.subset != "all":
            return None
        means = self.table.groupby("emotion")[LISTENERS].mean()
        if means.isna().any():
            return None
        return {emotion: float(means[emotion]) for emotion in self.classes}

    def validate(self, *, progress: bool = True) -> validation.Validation:
        """
        Compare the recordings on the disk with what was published.

        All recordings of the corpus are checked, also those that were not selected; the result
        names those that are missing, unexpected, altered or undecodable. See
        `ser_lib.corpora.validation.validate`.
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
            present = table[column]
            if not pd.api.types.is_numeric_dtype(present):
                present = present.map(str, na_action="ignore")
            keep &= present.isin(values).to_numpy()
            conditions.append(f"{column} in {', '.join(map(str, values))}")
        if not keep.any():
            raise InputError(
                f"{self.name}: no utterance fulfils {'; '.join(conditions)}; expected at least one"
            )
        return self._derived(table[keep], conditions)

    def _matches(self, query: str) -> np.ndarray:
        """Evaluate a condition; bool, shape (utterances,)."""
        table = self.table
        other = [name for name in _CALLED.findall(query) if name not in _METHODS]
        if other or "__" in query:
            raise InputError(
                f"{self.name}: query {query!r} uses {other[0] if other else '__'}; expected a "
                f"condition on columns with no methods but {', '.join(_METHODS)}"
            )
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
            occur are ignored, so that one mapping can be used for several corpora. A name that
            means itself adds a class that is no emotion.

        Returns
        -------
        Corpus
            The same utterances; `subset` records the changes.

        Examples
        --------
        >>> corpus.relabel({"excitement": "happiness"})                     # doctest: +SKIP
        >>> negative = dict.fromkeys(["anger", "fear", "negative"], "negative")
        >>> corpus.relabel(negative)                                        # doctest: +SKIP
        """
        emotions, added = translation(mapping, name="mapping", added=self.added)
        mapping = {find_emotion(old, added=added): new for old, new in emotions.items()}
        table = self.table.copy()
        table["emotion"] = [mapping.get(emotion, emotion) for emotion in table["emotion"]]
        changed = {old: mapping[old] for old in self.classes if mapping.get(old, old) != old}
        changes = [f"{old} -> {new}" for old, new in changed.items()]
        return dataclasses.replace(self, added=added)._derived(table, changes)

    def _values(self, column: str, wanted: object) -> list:
        """Check the values that a column is to have."""
        if column not in self.table.columns:
            raise unknown(f"column of {self.name}", column, self.table.columns)
        several = isinstance(wanted, Iterable) and not isinstance(wanted, str)
        values = list(wanted) if several else [wanted]
        present = distinct(self.table[column])
        if not pd.api.types.is_numeric_dtype(self.table[column]):
            values = [str(value) for value in values]
        for i, value in enumerate(values):
            if column == "emotion":
                values[i] = value = canonical_emotion(value)
            if value not in present:
                names = [str(name) for name in present]
                near = difflib.get_close_matches(str(value), names, n=5, cutoff=0)
                known = names if len(names) <= _SHOWN else near
                words = None
                if column == "emotion":
                    words = {word: own for word, own in EMOTION_OF.items() if own in present}
                raise unknown(f"{column} in {self.name}:", value, known, words)
        return values

    def _derived(self, table: pd.DataFrame, changes: Sequence[str]) -> "Corpus":
        parts = [part for part in (self.subset, *changes) if part != "all"]
        return dataclasses.replace(self, table=table, subset="; ".join(parts) or "all")
