"""Recordings with the same samples are said, with their number, where samples are hashed anyway."""

import shutil
import warnings

import numpy as np
import pytest
import soundfile
from tiny_corpora import RAVDESS, write_recording

from ser_lib import protocols
from ser_lib.corpora import load_corpus
from ser_lib.corpora.duplicates import warn_of_divided_duplicates
from ser_lib.errors import InputWarning

PATTERN = r"(?P<speaker>[a-z]+)_(?P<emotion>[a-z]+)_\d+$"


@pytest.fixture
def data(tmp_path):
    """Two speakers, two emotions, two takes each."""
    names = [
        f"{who}_{what}_{i}" for who in ("ann", "ben") for what in ("angry", "sad") for i in (1, 2)
    ]
    for seed, name in enumerate(names):
        write_recording(tmp_path / f"data/{name}.wav", seed)
    return tmp_path / "data"


def test_every_file_twice_is_said_with_the_count(data):
    shutil.copytree(data, data.parent / "copy")
    shutil.move(data.parent / "copy", data / "data")
    corpus = load_corpus("folder", data=data, pattern=PATTERN)
    with pytest.warns(
        InputWarning, match=r"8 of 16 recordings have the same .* ann_angry_1 and"
    ) as said:
        assert corpus.fingerprint
    assert len(said) == 1


def test_one_recording_under_two_names_in_two_containers_is_said(data):
    samples, rate = soundfile.read(data / "ann_sad_1.wav", dtype="int16")
    soundfile.write(data / "ben_sad_3.flac", samples, rate)
    with pytest.warns(InputWarning, match=r"several kinds: 1 \*\.flac, 8 \*\.wav; all are read"):
        corpus = load_corpus("folder", data=data, pattern=PATTERN)
    with pytest.warns(InputWarning, match="1 of 9 recordings .* ann_sad_1 and ben_sad_3"):
        assert corpus.fingerprint


def test_the_same_samples_under_several_emotions_are_said(data):
    shutil.copy(data / "ann_sad_1.wav", data / "ann_angry_1.wav")
    shutil.copy(data / "ann_sad_2.wav", data / "ben_sad_2.wav")
    corpus = load_corpus("folder", data=data, pattern=PATTERN)
    said = r"2 of 8 .*; 1 of them with several emotions, for example ann_angry_1 \(anger\) and "
    with pytest.warns(InputWarning, match=said + r"ann_sad_1 \(sadness\); expected each"):
        assert corpus.fingerprint


def test_different_recordings_are_not_mentioned(data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_corpus("folder", data=data, pattern=PATTERN).fingerprint


def test_recordings_that_were_published_twice_are_not_mentioned(make_tree):
    from tiny_corpora import publish

    from ser_lib.corpora import discovery

    tree = make_tree("ravdess")
    one, other = (next(tree.data.rglob(f"{name}.wav")) for name in RAVDESS[:2])
    other.write_bytes(one.read_bytes())
    publish(discovery.INDICES, tree.files, "ravdess")
    corpus = tree.load()
    assert corpus.fingerprint
    assert corpus.select(speaker="01").fingerprint


def test_duplicates_on_both_sides_of_a_fold_are_named(data):
    shutil.copy(data / "ann_sad_1.wav", data / "ben_sad_3.wav")
    table = load_corpus("folder", data=data, pattern=PATTERN).table
    rows = np.arange(len(table))
    divided = protocols.Fold("f", rows[:6], rows[6:7], rows[7:])
    assert list(table.index[rows[7:]]) == ["ben_sad_2", "ben_sad_3"]
    with pytest.warns(InputWarning, match="fold 'f': 1 of 2 tested .* ben_sad_3 as ann_sad_1"):
        warn_of_divided_duplicates("folder", table, [divided])
    together = protocols.Fold("g", rows[[0, 1, 4, 5]], rows[[6, 7]], rows[[2, 3, 8]])
    warn_of_divided_duplicates("folder", table, [together])
