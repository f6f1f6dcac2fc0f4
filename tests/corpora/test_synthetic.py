"""The synthetic corpus: its content, and that it is neither trivial nor impossible to classify."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectFpr, VarianceThreshold, f_classif
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import LeaveOneGroupOut, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ser_lib import paths
from ser_lib.corpora import load_corpus, synthetic
from ser_lib.corpora.synthesis import expression
from ser_lib.errors import InputError, InputWarning
from ser_lib.features import Descriptors, FrontEnd, Functionals
from ser_lib.signal import PreEmphasis


@pytest.fixture(scope="module")
def corpus():
    return load_corpus("synthetic")


@pytest.fixture(scope="module")
def small():
    return load_corpus("synthetic", speakers=2, takes=1)


def predicted_uar(corpus, features, machine, folds):
    """Predict each fold from the others; return the UAR."""
    emotion, speaker = corpus.table["emotion"].to_numpy(), corpus.table["speaker"]
    predicted = cross_val_predict(machine, features, emotion, groups=speaker, cv=folds)
    return balanced_accuracy_score(emotion, predicted)


@pytest.mark.slow
def test_every_speaker_says_every_sentence_twice_in_every_emotion(corpus):
    hours = sum(soundfile.info(path).duration for path in corpus.table["path"]) / 3600
    assert (len(corpus.table), len(corpus.speakers), round(hours, 2)) == synthetic.KNOWN
    table = corpus.table
    assert len(table) == 10 * 7 * 4 * 2
    assert set(table.groupby(["speaker", "emotion", "sentence"]).size()) == {2}
    assert table.groupby("sex")["speaker"].nunique().to_dict() == {"female": 5, "male": 5}
    assert corpus.classes == tuple(sorted(expression.EMOTIONS))
    assert "f01-anger-s2-t1" in table.index
    assert table[["session", "intensity"]].isna().all(axis=None)
    assert corpus.protocol == "leave_one_speaker_out"


def test_recordings_are_short_16_bit_files_that_are_not_clipped(small):
    for path in small.table["path"]:
        samples, rate = soundfile.read(path, dtype="int16")
        assert (rate, samples.ndim) == (16_000, 1)
        assert 1 <= len(samples) / rate <= 3
        assert 300 < np.abs(samples).max() < 32_700
    assert soundfile.info(path).subtype == "PCM_16"
    assert Path(path).is_relative_to(paths.cache())


def test_it_is_rendered_once(small):
    files = [Path(path) for path in small.table["path"]]
    before = [path.stat().st_mtime_ns for path in files]
    assert load_corpus("synthetic", speakers=2, takes=1).table.equals(small.table)
    assert [path.stat().st_mtime_ns for path in files] == before


@pytest.mark.parametrize("damage", ["a bit", "missing", "no checksums"])
def test_damaged_recordings_are_rendered_again(damage, tmp_path, monkeypatch):
    monkeypatch.setenv("SER_CACHE", str(tmp_path))
    before = load_corpus("synthetic", speakers=1, takes=1)
    path = Path(before.table["path"].iloc[3])
    content = path.read_bytes()
    if damage == "a bit":
        path.write_bytes(content[:5000] + bytes([content[5000] ^ 1]) + content[5001:])
    else:
        (path if damage == "missing" else path.with_name("checksums.json")).unlink()
    with pytest.warns(InputWarning, match=r"corpus synthetic in the cache is rendered again: .*/"):
        again = load_corpus("synthetic", speakers=1, takes=1)
    assert again.table.equals(before.table)
    assert path.read_bytes() == content
    assert [entry.name[0] for entry in (tmp_path / "synthetic").iterdir()] != ["."]


def test_the_fingerprint_is_that_of_earlier_results():
    # Of the smallest corpus; stored results are found by it, so the sound must not change.
    smallest = load_corpus("synthetic", speakers=1, takes=1)
    assert (
        smallest.fingerprint == "a85e7d06a97577634c4d073eb277615c9d1fd52d353bae32c214e03e2890ac54"
    )


@pytest.mark.slow
def test_the_recordings_do_not_depend_on_which_process_renders_them(corpus, tmp_path, monkeypatch):
    def contents(table):
        return {
            name: hashlib.sha256(Path(path).read_bytes()).hexdigest()
            for name, path in table["path"].items()
        }

    monkeypatch.setenv("SER_CACHE", str(tmp_path))
    # Fewer speakers are rendered in this process, and are some of more speakers.
    alone = contents(load_corpus("synthetic", speakers=2).table)
    among_others = contents(corpus.table)
    assert len(alone) == 112
    assert alone == {name: among_others[name] for name in alone}


def test_another_seed_is_another_corpus(small, tmp_path, monkeypatch):
    monkeypatch.setenv("SER_CACHE", str(tmp_path))
    other = load_corpus("synthetic", speakers=1, takes=1, seed=7)
    assert len(other.table) == 28
    path = other.table["path"].iloc[0]
    assert Path(path).read_bytes() != Path(small.table.at[Path(path).stem, "path"]).read_bytes()


@pytest.mark.parametrize("option", ["speakers", "takes", "seed"])
@pytest.mark.parametrize("value", [-1, 2.5, "2", True])
def test_numbers_out_of_range_are_refused_and_leave_nothing(option, value, tmp_path, monkeypatch):
    monkeypatch.setenv("SER_CACHE", str(tmp_path))
    with pytest.raises(InputError, match=f"synthetic: {option} is {value!r}; expected an integer"):
        load_corpus("synthetic", **{option: value})
    assert not any(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("family", expression.FAMILIES)
def test_no_family_of_cues_is_enough(corpus, family):
    parts = [name.split("-") for name in corpus.table.index]
    names = [name for name, cue in expression.CUES.items() if cue.family == family]
    meant = []
    for who, emotion, sentence, take in parts:
        speaker = expression.speaker(int(who[1:]))
        cues = expression.cues(speaker, emotion, int(sentence[1:]), int(take[1:]))
        meant.append([cues[name] for name in names])
    # Far from chance (0.14), so that each is worth looking at.
    machine = make_pipeline(StandardScaler(), SVC(C=3))
    assert 0.35 < predicted_uar(corpus, np.array(meant), machine, LeaveOneGroupOut()) < 0.60


@pytest.mark.slow
def test_the_svm_is_challenged_and_profits_from_knowing_the_speaker(corpus):
    front_end = FrontEnd(
        preprocessing=(PreEmphasis(0.97),),
        analysis=Descriptors(deltas=True),
        segmentation=Functionals(),
    )
    statistics = front_end.extract(corpus, progress=False).compact().values
    selection = (VarianceThreshold(), StandardScaler(), SelectFpr(f_classif, alpha=0.01))
    machine = make_pipeline(*selection, PCA(0.98), SVC(C=3, gamma=0.003))
    unknown = predicted_uar(corpus, statistics, machine, LeaveOneGroupOut())
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    known = predicted_uar(corpus, statistics, machine, folds)
    assert 0.60 < unknown < 0.95
    assert known > unknown + 0.03
