"""What the benchmarks work on."""

import os

import numpy as np
import pytest
import soundfile

from benchmarks import material
from ser_lib.corpora import Corpus, make_table
from ser_lib.errors import InputWarning


def test_a_tiled_corpus_has_new_names_for_the_same_recordings(tmp_path):
    rows = []
    for number, name in enumerate(("a", "b", "c"), start=1):
        soundfile.write(tmp_path / f"{name}.wav", np.full(160, number / 10), 16000)
        path = str(tmp_path / f"{name}.wav")
        rows.append({"utterance": name, "path": path, "speaker": "s", "emotion": "anger"})
    texts = dict.fromkeys(("name", "title", "version", "licence", "citation"), "small")
    small = Corpus(**texts, table=make_table(rows))
    large = material.tiled(small, 7)
    assert len(large.table) == 7
    assert set(large.table["path"]) == set(small.table["path"])
    with pytest.warns(InputWarning, match="4 of 7 recordings have the same samples"):
        assert large.fingerprint != small.fingerprint


def test_cache_and_reports_are_temporary_and_come_back():
    before = [os.environ.get(name) for name in ("SER_CACHE", "SER_REPORTS")]
    with material.temporary_folders():
        assert "ser_lib-bench-" in os.environ["SER_CACHE"]
        assert "ser_lib-bench-" in os.environ["SER_REPORTS"]
    assert [os.environ.get(name) for name in ("SER_CACHE", "SER_REPORTS")] == before
