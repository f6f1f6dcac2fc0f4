"""The recordings that benchmarks use: EmoDB where it is available, else the synthetic corpus."""

import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from unittest import mock

import numpy as np

import ser_lib
from ser_lib.corpora import Corpus
from ser_lib.errors import InputError


def load(utterances: int | None = None) -> Corpus:
    """Load so many utterances (all by default), evenly from all speakers."""
    try:
        corpus = ser_lib.load_corpus("emodb")
    except InputError:
        corpus = ser_lib.load_corpus("synthetic")
    rows = np.linspace(0, len(corpus.table) - 1, utterances or len(corpus.table)).astype(int)
    return dataclasses.replace(corpus, table=corpus.table.iloc[rows])


def tiled(corpus: Corpus, utterances: int) -> Corpus:
    """
    Make a corpus of any size whose rows point to the same recordings over and over.

    Each row has a name of its own, so that features are computed for every row.
    """
    rows = np.arange(utterances)
    table = corpus.table.iloc[rows % len(corpus.table)].copy()
    copies = rows // len(corpus.table)
    names = [f"{copy:06d}-{name}" for copy, name in zip(copies, table.index, strict=True)]
    table.index = table.index.__class__(names, name="utterance")
    return dataclasses.replace(corpus, table=table.sort_index())


@contextlib.contextmanager
def temporary_folders() -> Iterator[None]:
    """Use an empty cache and an empty folder of reports, which are removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="ser_lib-bench-") as folder:
        folders = {"SER_CACHE": f"{folder}/cache", "SER_REPORTS": f"{folder}/reports"}
        with mock.patch.dict("os.environ", folders):
            yield
