"""
Corpora: one module per corpus, found by what it defines, and imported when it is asked for.

A module that defines ``NAME`` is a corpus. It has the same constants in the same order, ``NAME``,
``TITLE``, ``VERSION``, ``LICENCE``, ``BIBTEX``, ``REMOTES``, ``OBTAIN`` and ``PROTOCOL``, and a
function ``load(data, *, ...)`` that returns a `Corpus` and whose keyword-only parameters are the
options of the corpus. To add a corpus, add such a module, called like the corpus.
"""

import functools
import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import warnings
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ser_lib import download as remote
from ser_lib import paths
from ser_lib.corpora import discovery as find
from ser_lib.corpora import hashing as content
from ser_lib.corpora.corpus import COLUMNS, EMOTIONS, Corpus, make_table
from ser_lib.corpora.validation import Validation
from ser_lib.download import Remote
from ser_lib.errors import InputError, InputWarning, unknown

__all__ = [
    "COLUMNS",
    "EMOTIONS",
    "Corpus",
    "Overview",
    "Remote",
    "Validation",
    "fetch",
    "load_corpus",
    "make_table",
    "module_of",
    "names",
    "overview",
]


class Overview(NamedTuple):
    """What is known of a corpus, and what of it was found."""

    name: str
    title: str
    utterances: int
    speakers: int
    hours: float
    where: str
    licence: str


@functools.cache
def names() -> tuple[str, ...]:
    """Name the corpora that can be loaded, in alphabetical order, without importing any."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if _is_corpus(m.name)))


def module_of(name: str) -> ModuleType:
    """
    Import the module of a corpus.

    Raises
    ------
    InputError
        If there is none of that name; the nearest is named.
    """
    if name not in names():
        raise unknown("corpus", name, names())
    return importlib.import_module(f"{__name__}.{name}")


def load_corpus(name: str, *, data: str | os.PathLike | None = None, **options: object) -> Corpus:
    """
    Load a corpus that lies on this machine.

    Parameters
    ----------
    name : str
        One of `names`.
    data : path, optional
        The folder that corpora lie in; by default `ser_lib.paths.data`, which ``SER_DATA`` sets.
        The recordings are found by their official names, in any audio container and any folder.
    **options
        Options of this corpus, the keyword-only parameters of its module's ``load``.

    Returns
    -------
    Corpus

    Raises
    ------
    InputError
        For an unknown corpus or option, or if the corpus is not found; the message says where it
        was looked for and how to get it.

    Examples
    --------
    >>> load_corpus("ravdess", channel="song")                              # doctest: +SKIP
    """
    module = module_of(name)
    known = [
        parameter.name
        for parameter in inspect.signature(module.load).parameters.values()
        if parameter.kind is parameter.KEYWORD_ONLY
    ]
    for option in options:
        if option not in known:
            raise unknown(f"option of {name}", option, known)
    return module.load(paths.data() if data is None else Path(data), **options)


def overview(data: str | os.PathLike | None = None) -> list[Overview]:
    """
    List the corpora that are known and what is found of each.

    Parameters
    ----------
    data : path, optional
        The folder that corpora lie in; by default `ser_lib.paths.data`.

    Returns
    -------
    list of Overview
        One row per corpus, loaded with its default options; hours to two decimals. What is not
        found has no utterances and, instead of a folder, says how to get it.
    """
    rows = []
    for name in names():
        module = module_of(name)
        corpus = _found(name, data)
        if corpus is None:
            rows.append(Overview(name, module.TITLE, 0, 0, 0.0, module.OBTAIN, module.LICENCE))
            continue
        files = list(corpus.table["path"])
        lengths = content.in_threads(
            content.seconds, files, f"reading headers of {name}", progress=True
        )
        count, hours = len(files), round(sum(lengths) / 3600, 2)
        where = str(_folder(corpus))
        speakers = len(corpus.speakers)
        rows.append(Overview(name, module.TITLE, count, speakers, hours, where, module.LICENCE))
    return rows


def fetch(name: str, *, data: str | os.PathLike | None = None, progress: bool = True) -> Path:
    """
    Download a corpus from its publisher, verify the checksum and unpack it.

    A corpus that is there already, with every utterance that was published, is left as it is.

    Parameters
    ----------
    name : str
        One of `names`.
    data : path, optional
        The folder that corpora lie in; by default `ser_lib.paths.data`. The corpus gets the folder
        `name` in it, when it is complete.
    progress : bool
        Whether bars are shown.

    Returns
    -------
    Path
        Where the corpus lies.

    Raises
    ------
    InputError
        If the corpus cannot be downloaded, if its folder exists and is not complete, or if the
        download fails; nothing is left behind.
    """
    module = module_of(name)
    if not module.REMOTES:
        raise InputError(f"{name}: there is nothing to download. {module.OBTAIN}")
    corpus = _found(name, data)
    if corpus is not None and corpus.reference.index.isin(list(corpus.recordings.files)).all():
        return _folder(corpus)
    data = paths.data() if data is None else Path(data).expanduser().absolute()
    for folder in find.named(data, name) if data.is_dir() else ():
        if any(folder.iterdir()):
            count = 0 if corpus is None else len(corpus.recordings.files)
            raise InputError(
                f"{folder}: the folder exists and holds {count} recordings of {name}, expected all "
                "of them or none; move it away to download the corpus anew"
            )
    return remote.fetch(module.REMOTES, data / name, progress=progress)


def _found(name: str, data: str | os.PathLike | None) -> Corpus | None:
    with warnings.catch_warnings():
        # Whoever asks what is there is told by the count.
        warnings.simplefilter("ignore", InputWarning)
        try:
            return load_corpus(name, data=data)
        except InputError:
            return None


def _folder(corpus: Corpus) -> Path:
    if corpus.recordings is not None:
        return corpus.recordings.folder
    return Path(os.path.commonpath([Path(path).parent for path in corpus.table["path"]]))


def _is_corpus(module: str) -> bool:
    spec = importlib.util.find_spec(f"{__name__}.{module}")
    return bool(re.search(r"^NAME = ", spec.loader.get_source(spec.name), re.MULTILINE))
