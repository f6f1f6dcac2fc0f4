"""A corpus is downloaded only if it is not there, and completely or not at all."""

import warnings

import pytest
from file_server import offer, serving, zipped
from tiny_corpora import EMODB, emodb_tree, publish

from ser_lib.corpora import discovery, emodb, fetch, load_corpus
from ser_lib.errors import InputError


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Offer a tiny EmoDB for download; gives the handler, which counts requests."""
    with serving(tmp_path / "served", monkeypatch) as server:
        yield _offer_emodb(server, tmp_path, monkeypatch)


def _offer_emodb(server, tmp_path, monkeypatch):
    emodb_tree(tmp_path / "origin")
    files = sorted((tmp_path / "origin/emodb/wav").iterdir())
    publish(tmp_path / "index", files)
    monkeypatch.setattr(discovery, "INDICES", tmp_path / "index")
    members = {f"emodb/wav/{path.name}": path.read_bytes() for path in files}
    zipped(server.folder / "emodb.zip", members | {"emodb/db.yaml": b"name: emodb"})
    monkeypatch.setattr(emodb, "REMOTES", (offer(server, "emodb.zip"),))
    return server.handler


def test_fetch_gives_a_corpus_that_validates(published, tmp_path):
    data = tmp_path / "data"
    assert fetch("emodb", data=data) == data / "emodb"
    corpus = load_corpus("emodb", data=data)
    assert list(corpus.table.index) == sorted(EMODB)
    assert corpus.validate().ok
    assert corpus.validate().by_checksum == len(EMODB)


def test_fetch_leaves_a_complete_corpus_as_it_is(published, tmp_path):
    fetch("emodb", data=tmp_path / "data")
    emodb_folder = fetch("emodb", data=tmp_path / "data")
    assert emodb_folder == tmp_path / "data/emodb"
    assert published.requests == 1
    # Also where it lies under another name.
    assert fetch("emodb", data=tmp_path / "origin") == tmp_path / "origin/emodb"
    assert published.requests == 1


def test_fetch_does_not_touch_an_incomplete_corpus(published, tmp_path):
    fetch("emodb", data=tmp_path / "data")
    next((tmp_path / "data").rglob("*.wav")).unlink()
    with pytest.raises(InputError, match="has 5 recordings of emodb; expected all of them or"):
        fetch("emodb", data=tmp_path / "data")
    assert published.requests == 1


def test_fetch_fills_an_empty_folder(published, tmp_path):
    (tmp_path / "data/emodb").mkdir(parents=True)
    fetch("emodb", data=tmp_path / "data")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_corpus("emodb", data=tmp_path / "data")


@pytest.mark.parametrize(
    ("name", "message"),
    [("iemocap", "register at https://sail.usc.edu"), ("folder", "a folder of your own")],
)
def test_what_cannot_be_downloaded_says_how_to_get_it(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        fetch(name, data=tmp_path / "data")
    assert not (tmp_path / "data").exists()
