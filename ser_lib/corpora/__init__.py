"""
Corpora: one module per corpus, imported when it is used.

The module of a corpus is called like the corpus and defines these constants, in this order:

``NAME``
    Name of the corpus and of the module.
``TITLE``, ``VERSION``, ``LICENCE``
    Full title, release, and licence of the recordings.
``BIBTEX``
    The entry to cite.
``REMOTES``
    Tuple of `Remote`: the files that can be downloaded, with checksums; empty if there are none.
``HOW_TO_GET``
    How to obtain the corpus, for messages.
``PROTOCOL``
    Name of the recommended evaluation protocol.

Where it is known, ``SPEECH`` says in a word or two how the speech came about ("acted"), for the
cards of models.

It also defines a function ``load(data, *, ...)`` that finds the recordings below the folder `data`
and returns `Contents`; its keyword-only parameters are the options of the corpus. To add a corpus,
add such a module.
"""

import inspect
import os
import shlex
import warnings
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ser_lib import download, paths
from ser_lib.corpora import discovery, hashing
from ser_lib.corpora.corpus import Contents, Corpus
from ser_lib.corpora.emotions import EMOTIONS, find_emotion
from ser_lib.corpora.table import COLUMNS, make_table
from ser_lib.corpora.validation import Validation
from ser_lib.download import Remote
from ser_lib.errors import InputError, InputWarning, unknown
from ser_lib.registry import Registry

__all__ = [
    "COLUMNS",
    "EMOTIONS",
    "Contents",
    "Corpus",
    "Overview",
    "Remote",
    "Validation",
    "fetch",
    "find_emotion",
    "get",
    "load_corpus",
    "make_table",
    "names",
    "overview",
]

_REGISTRY = Registry("corpus", __name__)


class Overview(NamedTuple):
    """
    A corpus, and what was found of it on this machine.

    Numbers and hours are 0 if the corpus was not found; `where` is then how to get it, otherwise
    the folder of the recordings. After an exclamation mark `where` says what is wrong with what was
    found; hours are those of the recordings that can be read.
    """

    name: str
    title: str
    utterances: int
    speakers: int
    hours: float
    where: str
    licence: str


def names() -> tuple[str, ...]:
    """Return the names of all corpora, in alphabetical order, without importing their modules."""
    return _REGISTRY.names()


def get(name: str) -> ModuleType:
    """
    Import the module of a corpus, one of `names`.

    The `InputError` for an unknown name suggests the nearest one and, where it is that of a folder,
    how the recordings in it are loaded.
    """
    try:
        return _REGISTRY.get(name)
    except InputError as error:
        if not os.path.isdir(os.path.expanduser(name)):
            raise
        data = shlex.quote(str(name))
        raise InputError(
            f"{error}; recordings in the folder {name} are the corpus 'folder': --corpus folder "
            f"--data {data}, or ser validate folder --data {data} (in Python "
            f'load_corpus("folder", data={str(name)!r}))'
        ) from None


def load_corpus(
    corpus: str | Corpus, *, data: str | os.PathLike | None = None, **options: object
) -> Corpus:
    """
    Load a corpus that is on this machine.

    Parameters
    ----------
    corpus : str or Corpus
        One of `names`. A `Corpus` is returned as it is, whatever else is given, so that a cell of
        a notebook can be run twice.
    data : path, optional
        Folder of the corpora; by default `ser_lib.paths.data`, which ``SER_DATA`` sets. Recordings
        are found by their official names, in any audio container and any folder below it.
    **options
        Options of this corpus: the keyword-only parameters of its module's ``load``.

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        For an unknown corpus or option, or if the corpus is not found; the message says where it
        was searched for and how to get it.

    Examples
    --------
    >>> load_corpus("ravdess", channel="song")                              # doctest: +SKIP
    """
    if isinstance(corpus, Corpus):
        return corpus
    module = get(corpus)
    known = [
        parameter.name
        for parameter in inspect.signature(module.load).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    for option in options:
        if option not in known:
            raise unknown(f"option of {corpus}", option, known)
    try:
        contents = module.load(paths.data() if data is None else Path(data), **options)
    except OSError as error:
        raise InputError(
            f"{corpus}: {error.filename} cannot be read ({error.strerror}); expected a folder, "
            "tables and recordings that can"
        ) from error
    return Corpus.of(module, contents, options)


def overview(data: str | os.PathLike | None = None) -> list[Overview]:
    """
    List all corpora, loaded with their default options, and what is found of each below `data`.

    Nothing is rendered or downloaded: the counts of the synthetic corpus are known beforehand.
    """
    return [_overview(get(name), data) for name in names()]


def _overview(module: ModuleType, data: str | os.PathLike | None) -> Overview:
    name, title, licence = module.NAME, module.TITLE, module.LICENCE
    if hasattr(module, "KNOWN"):
        return Overview(name, title, *module.KNOWN, module.HOW_TO_GET, licence)
    try:
        corpus = _load_quietly(name, data)
    except discovery.AbsentError:
        return Overview(name, title, 0, 0, 0.0, module.HOW_TO_GET, licence)
    except InputError as error:
        return Overview(name, title, 0, 0, 0.0, f"! {error}", licence)
    files = list(corpus.table["path"])
    lengths = hashing.in_threads(
        _seconds_or_error, files, f"reading headers of {name}", progress=True
    )
    errors = [length for length in lengths if isinstance(length, InputError)]
    hours = round(sum(length for length in lengths if isinstance(length, float)) / 3600, 2)
    where = str(_folder(corpus))
    if errors:
        where += f" ! {len(errors)} recordings cannot be read: {errors[0]}"
    return Overview(name, title, len(files), len(corpus.speakers), hours, where, licence)


def _seconds_or_error(path: str) -> float | InputError:
    try:
        return hashing.seconds(path)
    except InputError as error:
        return error


def fetch(name: str, *, data: str | os.PathLike | None = None, progress: bool = True) -> Path:
    """
    Download a corpus from its publisher, verify its checksum and unpack it.

    A corpus that is already complete on this machine is not downloaded again.

    Parameters
    ----------
    name, data
        As for `load_corpus`. The corpus is put into the folder ``data/<name>``, which appears when
        it is complete.
    progress : bool
        Whether to show progress bars.

    Returns
    -------
    Path
        The folder of the corpus.

    Raises
    ------
    InputError
        If the corpus cannot be downloaded, if its folder exists and is incomplete, or if the
        download fails; nothing is left behind.
    """
    module = get(name)
    if not module.REMOTES:
        raise InputError(f"{name}: there is nothing to download. {module.HOW_TO_GET}")
    corpus = _load_if_present(name, data)
    if corpus is not None and corpus.reference.index.isin(list(corpus.recordings.files)).all():
        return _folder(corpus)
    data = paths.data() if data is None else Path(data).expanduser().absolute()
    for folder in discovery.named(data, name) if data.is_dir() else ():
        if any(folder.iterdir()):
            count = 0 if corpus is None else len(corpus.recordings.files)
            raise InputError(
                f"{folder}: the folder exists and has {count} recordings of {name}; expected all "
                "of them or none; move it away to download the corpus again"
            )
    return download.fetch(module.REMOTES, data / name, progress=progress)


def _load_if_present(name: str, data: str | os.PathLike | None) -> Corpus | None:
    try:
        return _load_quietly(name, data)
    except InputError:
        return None


def _load_quietly(name: str, data: str | os.PathLike | None) -> Corpus:
    with warnings.catch_warnings():
        # The count shows that a corpus is incomplete.
        warnings.simplefilter("ignore", InputWarning)
        return load_corpus(name, data=data)


def _folder(corpus: Corpus) -> Path:
    if corpus.recordings is not None:
        return corpus.recordings.folder
    return Path(os.path.commonpath([Path(path).parent for path in corpus.table["path"]]))
