"""A tiny corpus and system, and a cache of its own for every test."""

import math

import pytest
from tiny import NearestMean, Tiny, make_corpus

from ser_lib import paths
from ser_lib.experiment import training


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    # Trainings are counted and interrupted in this process: they stay in it on a slow machine too.
    monkeypatch.setattr(training, "_START_UP", math.inf)
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
def unbalanced(tmp_path):
    """Three neutral recordings of each speaker, and one of each other emotion."""
    return make_corpus(tmp_path / "unbalanced", takes=1, neutral=3)


@pytest.fixture
def system():
    return Tiny()


@pytest.fixture
def predictions_folder(tmp_path):
    return paths.reports() / "folder" / "predictions"
