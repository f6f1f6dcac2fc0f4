"""A corpus: who said what, in which emotion, and where the recordings lie."""

import dataclasses
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ser_lib import identity
from ser_lib.corpora import hashing as content
from ser_lib.corpora import validation
from ser_lib.corpora.discovery import Recordings
from ser_lib.corpora.validation import Validation
from ser_lib.download import Remote
from ser_lib.errors import InputError, unknown

EMOTIONS = (
    *("anger", "boredom", "calm", "disgust", "excitement", "fear", "frustration", "happiness"),
    *("neutral", "sadness", "surprise", "other"),
)
COLUMNS = (
    *("path", "speaker", "sex", "emotion", "language", "sentence", "session", "intensity"),
    "split",
)
SEXES = ("female", "male")

_SHOWN = 30  # values that an error lists; of more than these it lists the nearest


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """
    A corpus of emotional speech.

    Parameters
    ----------
    name, title, version, licence : str
        What it is called here, what it is called elsewhere, which release it is, and under which
        licence its recordings are published.
    citation : str
        The BibTeX entry to cite.
    table : DataFrame
        One row per utterance, sorted by the index ``utterance`` (unique strings), with the columns
        `COLUMNS`: absolute ``path`` of the recording; ``speaker``; ``sex`` ("female" or "male");
        ``emotion`` (one of `EMOTIONS`); ``language`` (ISO 639-1); ``sentence``, a code shared by
        those who say the same words; recording ``session``; ``intensity`` of the emotion;
        ``split``, the part or fold that the publisher or a published study puts it in. All are
        strings; what the corpus does not know is missing.
    subset : str
        Which part of the corpus this is, and what was done to its labels.
    protocol : str
        Name of the evaluation protocol that suits it.
    remotes : tuple of Remote
        What there is to download.
    reference : DataFrame, optional
        What was published: index ``utterance``, columns ``sha256``, ``rate`` (Hz), ``channels``,
        ``samples``; missing where unknown.
    recordings : Recordings, optional
        What lies on the disk, whether selected or not.

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
        if table.index.name != "utterance" or tuple(table.columns) != COLUMNS:
            raise InputError(
                f"{self.name}: the table has the index {table.index.name!r} and the columns "
                f"{', '.join(map(str, table.columns))}; expected the index 'utterance' and the "
                f"columns {', '.join(COLUMNS)}"
            )
        if not (table.index.is_unique and table.index.is_monotonic_increasing):
            raise InputError(f"{self.name}: utterances must be unique and sorted")
        if table.empty:
            raise InputError(f"{self.name}: there are no utterances in it")
        for column, known in {"emotion": EMOTIONS, "sex": (*SEXES, None)}.items():
            strange = [value for value in _distinct(table[column], keep=True) if value not in known]
            if strange:
                raise unknown(f"{column} in {self.name}:", strange[0], filter(None, known))

    def __repr__(self) -> str:
        count = f"{len(self.table)} utterances, {len(self.speakers)} speakers"
        emotions = ", ".join(self.classes)
        return f"Corpus {self.name} {self.version} ({self.subset}): {count}; {emotions}"

    @property
    def classes(self) -> tuple[str, ...]:
        """The emotions that occur, in the order of `EMOTIONS`."""
        present = set(self.table["emotion"])
        return tuple(emotion for emotion in EMOTIONS if emotion in present)

    @property
    def speakers(self) -> tuple[str, ...]:
        """The speakers that are known by name, sorted."""
        return _distinct(self.table["speaker"])

    @property
    def fingerprint(self) -> str:
        """
        What identifies this very content: 64 hexadecimal digits.

        The SHA-256 over the sorted rows, that is the utterance, everything the table says of it
        but its path, and the hash of its decoded samples. The same recordings in another folder or
        another lossless container have the same fingerprint; a changed sample or label changes it.
        The hashes are remembered in the cache folder as long as a file keeps size and time.

        Raises
        ------
        InputError
            If a recording is missing or cannot be decoded.
        """
        hashes = content.sample_hashes(list(self.table["path"]))
        labels = self.table.drop(columns="path").astype(object)
        labels = labels.where(labels.notna(), None)
        rows = zip(labels.index, labels.to_numpy().tolist(), hashes, strict=True)
        return identity.digest([[utterance, *row, value] for utterance, row, value in rows])

    def validate(self, *, progress: bool = True) -> Validation:
        """
        Name the recordings that are missing, extra, altered or undecodable.

        All recordings of the corpus are looked at, also those that were not selected; see
        `ser_lib.corpora.validation.validate` for what is compared.
        """
        return validation.validate(self, progress=progress)

    def select(self, query: str | None = None, **equals: object) -> "Corpus":
        """
        Take some of the utterances.

        Parameters
        ----------
        query : str, optional
            A condition on the columns and on ``utterance`` in the language of
            `pandas.DataFrame.query`, for example ``"sex == 'female' and emotion != 'calm'"``.
            Variables of the caller (``@name``) are not known, because `subset` is to say what was
            selected.
        **equals
            Column = value, or a list of values that are taken.

        Returns
        -------
        Corpus
            The same corpus with the rows that fulfil all conditions; `subset` says which.

        Raises
        ------
        InputError
            For a column or value that the corpus does not have, a query that does not make sense,
            or if nothing is left.

        Examples
        --------
        >>> corpus.select(emotion=["anger", "sadness"], sex="female")       # doctest: +SKIP
        """
        table, keep, done = self.table, np.ones(len(self.table), dtype=bool), []
        if query is not None:
            try:
                rows = table.eval(query, engine="python", local_dict={}, global_dict={})
            except pd.errors.UndefinedVariableError as error:
                name = re.search("'(.*)'", str(error))[1]
                raise unknown(
                    f"name in the query {query!r}:", name, ("utterance", *COLUMNS)
                ) from error
            except Exception as error:
                raise InputError(
                    f"{self.name}: query {query!r} cannot be evaluated ({error}); expected a "
                    f"condition on utterance, {', '.join(COLUMNS)}"
                ) from error
            if not (isinstance(rows, pd.Series) and rows.isin([True, False]).all()):
                raise InputError(
                    f"{self.name}: query {query!r} is no condition; expected one that is true or "
                    "false for each utterance, such as \"emotion == 'anger'\""
                )
            keep &= rows.to_numpy(dtype=bool)
            done.append(query)
        for column, wanted in equals.items():
            values = self._values(column, wanted)
            keep &= table[column].isin(values).to_numpy()
            done.append(f"{column} in {', '.join(values)}")
        if not keep.any():
            raise InputError(f"{self.name}: no utterance is left by {'; '.join(done)}")
        return self._derived(table[keep], done)

    def relabel(self, mapping: Mapping[str, str]) -> "Corpus":
        """
        Call emotions by other names.

        Parameters
        ----------
        mapping : mapping of str to str
            New name by old name, both from `EMOTIONS`. Names that the corpus does not have are
            passed over, so that one mapping serves several corpora.

        Returns
        -------
        Corpus
            The same utterances; `subset` says what was renamed.

        Raises
        ------
        InputError
            For a name that is not in `EMOTIONS`.

        Examples
        --------
        >>> corpus.relabel({"excitement": "happiness"})                     # doctest: +SKIP
        """
        for emotion in (*mapping.keys(), *mapping.values()):
            if emotion not in EMOTIONS:
                raise unknown("emotion", emotion, EMOTIONS)
        table = self.table.copy()
        table["emotion"] = [mapping.get(emotion, emotion) for emotion in table["emotion"]]
        changed = {old: mapping[old] for old in self.classes if mapping.get(old, old) != old}
        return self._derived(table, [f"{old} -> {new}" for old, new in changed.items()])

    def _values(self, column: str, wanted: object) -> list[str]:
        if column not in COLUMNS:
            raise unknown(f"column of {self.name}", column, COLUMNS)
        several = isinstance(wanted, Iterable) and not isinstance(wanted, str)
        values = [str(value) for value in (wanted if several else [wanted])]
        present = _distinct(self.table[column])
        for value in values:
            if value not in present:
                near = difflib.get_close_matches(value, present, n=5, cutoff=0)
                known = present if len(present) <= _SHOWN else near
                raise unknown(f"{column} in {self.name}:", value, known)
        return values

    def _derived(self, table: pd.DataFrame, done: list[str]) -> "Corpus":
        parts = [part for part in (self.subset, *done) if part != "all"]
        return dataclasses.replace(self, table=table, subset="; ".join(parts) or "all")


def make_table(rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """
    Make a corpus's table.

    Parameters
    ----------
    rows : iterable of mapping
        One per utterance: ``utterance`` and what is known of `COLUMNS`; None, "" and what is left
        out are missing.

    Returns
    -------
    DataFrame
        Sorted by ``utterance``. All columns hold Python strings or None (dtype object, which means
        the same in every version of pandas).
    """
    cells = [
        [row["utterance"], *(str(row[c]) if row.get(c) else None for c in COLUMNS)] for row in rows
    ]
    table = pd.DataFrame(cells, columns=["utterance", *COLUMNS], dtype=object)
    return table.set_index("utterance").sort_index()


def _distinct(values: pd.Series, *, keep: bool = False) -> tuple:
    """Sort the distinct values; the missing ones are left out, or kept as None at the end."""
    missing = values.isna()
    found = sorted({str(value) for value in values[~missing]})
    return (*found, None) if keep and missing.any() else tuple(found)
