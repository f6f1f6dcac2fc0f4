"""What the benchmarks work on."""

import os

import numpy as np
import soundfile

from benchmarks import material
from ser_lib.corpora import Corpus, make_table


def test_a_tiled_corpus_has_new_names_for_the_same_recordings(tmp_path):
    rows = []
    for name in ("a", "b", "c"):
        soundfile.write(tmp_path / f"{name}.wav", np.full(160, 0.1), 16000)
        path = str(tmp_path / f"{name}.wav")
        rows.append({"utterance": name, "path": path, "speaker": "s", "emotion": "anger"})
    texts = dict.fromkeys(("name", "title", "version", "licence", "citation"), "small")
    small = Corpus(**texts, table=make_table(rows))
    large = material.tiled(small, 7)
    assert len(large.table) == 7
    assert set(large.table["path"]) == set(small.table["path"])
    assert large.fingerprint != small.fingerprint


def test_cache_and_reports_are_temporary_and_come_back():
    before = os.environ.get("SER_CACHE")
    with material.temporary_folders():
        assert "ser_lib-bench-" in os.environ["SER_CACHE"]
    assert os.environ.get("SER_CACHE") == before
