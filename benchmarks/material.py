"""What the benchmarks work on: EmoDB where it is at hand, else the synthetic corpus."""

import contextlib
import dataclasses
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import ser_lib
from ser_lib.corpora import Corpus
from ser_lib.errors import InputError


def corpus(utterances: int | None = None) -> Corpus:
    """
    Load EmoDB, or the synthetic corpus in its place.

    Parameters
    ----------
    utterances : int, optional
        How many, evenly from all speakers; all by default.
    """
    try:
        found = ser_lib.load_corpus("emodb")
    except InputError:
        found = ser_lib.load_corpus("synthetic")
    rows = np.linspace(0, len(found.table) - 1, utterances or len(found.table)).astype(int)
    return dataclasses.replace(found, table=found.table.iloc[rows])


def tiled(small: Corpus, utterances: int) -> Corpus:
    """
    Make a corpus of any size, whose rows point to the same recordings over and over.

    Nothing that computes features knows, as every row has a name of its own.
    """
    take = np.arange(utterances) % len(small.table)
    table = small.table.iloc[take].copy()
    copies = np.arange(utterances) // len(small.table)
    names = [f"{c:06d}-{name}" for c, name in zip(copies, table.index, strict=True)]
    table.index = table.index.__class__(names, name="utterance")
    return dataclasses.replace(small, table=table.sort_index())


@contextlib.contextmanager
def own_folders() -> Iterator[Path]:
    """Work in an empty cache and empty reports, which are gone afterwards."""
    before = {name: os.environ.get(name) for name in ("SER_CACHE", "SER_REPORTS")}
    with tempfile.TemporaryDirectory(prefix="ser_lib-bench-") as folder:
        os.environ.update(SER_CACHE=f"{folder}/cache", SER_REPORTS=f"{folder}/reports")
        try:
            yield Path(folder)
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
