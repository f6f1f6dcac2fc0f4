"""A tiny corpus and system, and a cache of its own for every test."""

import pytest
from tiny import NearestMean, Tiny, make_corpus, write_notebook

from ser_lib import paths
from ser_lib.errors import InputError


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    for variable in ("SER_FRESH", "SER_COMMAND"):
        monkeypatch.delenv(variable, raising=False)
    NearestMean.trained_on.clear()


@pytest.fixture(scope="session")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tones")
    make_corpus(folder)
    return folder


@pytest.fixture
def corpus(recordings):
    from ser_lib.corpora import load_corpus

    return load_corpus("folder", data=recordings)


@pytest.fixture
def system():
    return Tiny()


@pytest.fixture
def predictions_folder(tmp_path):
    return paths.reports() / "folder" / "predictions"


@pytest.fixture
def notebooks(tmp_path, monkeypatch):
    """A folder of notebooks, and a corpus of which only the fingerprint is looked at."""
    folder = tmp_path / "notebooks"
    monkeypatch.setenv("SER_NOTEBOOKS", str(folder))
    monkeypatch.setenv("SER_DATA", str(tmp_path / "data"))

    class Stub:
        fingerprint = "f" * 64

    def load(name, data=None):
        if name not in ("emodb", "synthetic"):
            raise InputError(f"no corpus {name} in {data}")
        return Stub

    from ser_lib import notebooks as runner

    monkeypatch.setattr(runner.corpora, "load_corpus", load)
    return folder


@pytest.fixture
def names(notebooks):
    for name in ("00_explore", "01_train_svm", "02_train_net", "05_listen", "09_compare"):
        write_notebook(notebooks, name)
    return notebooks
