"""Small models that the tests share, and recordings for them."""

import shutil

import numpy as np
import pytest
import soundfile
from small_models import QUICK_NETWORK, QUICK_SVM

from ser_lib import load_corpus, systems
from ser_lib.recognition import load, train


@pytest.fixture(scope="session")
def corpus():
    return load_corpus("synthetic", speakers=3, takes=1)


@pytest.fixture(scope="session")
def svm_folder(corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "small_svm"
    return train(systems.Svm(**QUICK_SVM), corpus, folder, progress=False)


@pytest.fixture(scope="session")
def speaker_folder(corpus, tmp_path_factory):
    """A model that scales features by the statistics of each speaker."""
    folder = tmp_path_factory.mktemp("models") / "by_speaker"
    system = systems.Svm(**QUICK_SVM)
    return train(system, corpus, folder, normalisation="speaker", progress=False)


@pytest.fixture(scope="session")
def network_folder(corpus, tmp_path_factory):
    import tensorflow as tf

    folder = tmp_path_factory.mktemp("models") / "small_network"
    # So little is computed that tracing the network for each shape would take nearly all the time.
    tf.config.run_functions_eagerly(True)
    try:
        few = corpus.select(emotion=["anger", "neutral", "sadness"])
        return train(systems.CrnnAttention(**QUICK_NETWORK), few, folder, progress=False)
    finally:
        tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def recogniser(svm_folder):
    return load(svm_folder)


@pytest.fixture
def model(svm_folder, tmp_path):
    """A model of its own, to be damaged."""
    return shutil.copytree(svm_folder, tmp_path / "model")


@pytest.fixture(scope="session")
def speech(corpus):
    """Signal of some seconds of speech at 16 kHz: recordings of the corpus end to end."""
    parts = [soundfile.read(path, dtype="float32")[0] for path in corpus.table["path"]]
    assert soundfile.info(corpus.table["path"].iloc[0]).samplerate == 16000
    return np.concatenate(parts)


@pytest.fixture
def recordings(corpus, tmp_path):
    """A folder with four recordings, one of them in a folder below, and other files."""
    folder = tmp_path / "recordings"
    (folder / "below").mkdir(parents=True)
    for name, path in zip(("a", "b", "c", "below/d"), corpus.table["path"], strict=False):
        shutil.copy(path, folder / f"{name}.wav")
    (folder / "notes.txt").write_text("no recording")
    return folder
