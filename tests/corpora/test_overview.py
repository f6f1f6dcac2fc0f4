"""The list of corpora that are known and found."""

import os
import warnings

import pytest
from tiny_corpora import TREES

from ser_lib import corpora, paths


def test_each_corpus_with_what_is_found_of_it(tree):
    rows = {row.name: row for row in corpora.overview(tree.data)}
    assert tuple(rows) == corpora.names()
    corpus, row = tree.load(), rows[tree.name]
    assert (row.title, row.licence) == (corpus.title, corpus.licence)
    assert (row.utterances, row.speakers) == (len(corpus.table), len(corpus.speakers))
    assert row.where == str(corpus.recordings.folder)
    for name in set(TREES) - {tree.name}:
        assert rows[name].utterances == 0
        assert rows[name].where == corpora.get(name).HOW_TO_GET


def test_the_synthetic_corpus_is_listed_without_rendering_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    row = next(row for row in corpora.overview(tmp_path) if row.name == "synthetic")
    assert (row.utterances, row.speakers) == (560, 10)
    assert "rendered when it is first used" in row.where
    assert not (tmp_path / "cache").exists()


def test_an_incomplete_corpus_is_listed_without_a_warning(make_tree):
    tree = make_tree("emodb")
    tree.files[0].unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = corpora.overview(tree.data)
    assert next(row for row in rows if row.name == "emodb").utterances == 5


def test_hours_of_the_real_corpora(real_data):
    rows = {row.name: row for row in corpora.overview(real_data)}
    for name, hours in {"emodb": 0.41, "ravdess": 1.48}.items():
        if rows[name].utterances == 0:
            pytest.skip(f"no {name} in {real_data}")
        assert rows[name].hours == hours


def test_the_data_folder_is_the_default(make_tree, monkeypatch):
    tree = make_tree("emodb")
    monkeypatch.setenv("SER_DATA", str(tree.data))
    assert paths.data() == tree.data
    assert len(corpora.load_corpus("emodb").table) == 6


BAD = {
    "a link to nothing": lambda path: (path.unlink(), path.symlink_to("nowhere.wav")),
    "a pointer": lambda path: path.write_text("version https://git-lfs.github.com/spec/v1"),
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-100]),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
}


@pytest.mark.parametrize("spoil", BAD.values(), ids=BAD)
@pytest.mark.parametrize("name", ["emodb", "folder"])
def test_one_bad_recording_does_not_hide_the_list(make_tree, name, spoil):
    tree = make_tree(name)
    spoil(tree.files[0])
    rows = {row.name: row for row in corpora.overview(tree.data)}
    assert tuple(rows) == corpora.names()
    assert " ! " in f" {rows[name].where}"
    assert tree.files[0].name in rows[name].where
    assert rows["synthetic"].utterances == 560
