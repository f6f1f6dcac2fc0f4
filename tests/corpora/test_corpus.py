"""Corpus: selecting, relabelling, further columns, and invalid tables."""

import numpy as np
import pytest
from tiny_corpora import write_recording

from ser_lib.corpora import COLUMNS, Corpus, make_table
from ser_lib.errors import InputError


def corpus(**changes):
    rows = [
        {"utterance": "b1", "path": "/b1.wav", "emotion": "sadness", "speaker": "b", "sex": "male"},
        {"utterance": "a2", "path": "/a2.wav", "emotion": "anger", "speaker": "a", "sex": "female"},
        {"utterance": "a1", "path": "/a1.wav", "emotion": "fear", "speaker": "a", "sex": ""},
        {"utterance": "x1", "path": "/x1.wav", "emotion": "calm", "speaker": None},
    ]
    return Corpus("toy", "Toy", "1", "MIT", "@misc{t}", **({"table": make_table(rows)} | changes))


def test_make_table_sorts_and_leaves_out_what_is_not_known():
    table = corpus().table
    assert list(table.index) == ["a1", "a2", "b1", "x1"]
    assert table.loc["a1", "sex"] is None
    assert table.loc["x1", ["speaker", "language", "split"]].isna().all()
    assert set(table.dtypes) == {np.dtype(object)}


def test_the_options_that_a_corpus_was_loaded_with_stay_known(make_tree):
    tree = make_tree("folder")
    options = {"manifest": "manifest.csv", "emotions": {"Wut": "anger"}}
    loaded = tree.load(**options)
    assert loaded.options == loaded.select(speaker="anna").options == options
    # They say how it was found, not what it is.
    assert loaded.fingerprint == tree.load().fingerprint
    assert (tree.load().options, corpus().options) == ({}, {})


def test_select_by_column_by_query_and_by_both():
    toy = corpus()
    assert list(toy.select(speaker="a").table.index) == ["a1", "a2"]
    assert list(toy.select(emotion=("calm", "fear")).table.index) == ["a1", "x1"]
    assert list(toy.select("sex == 'female' or speaker == 'b'").table.index) == ["a2", "b1"]
    assert list(toy.select("utterance.str.endswith('1')", speaker="a").table.index) == ["a1"]
    assert toy.select("sex != 'male'", speaker=["a"]).subset == "sex != 'male'; speaker in a"


def test_select_takes_numbers_for_the_strings_they_are_written_as():
    toy = corpus(table=make_table([{"utterance": "u", "emotion": "anger", "session": 3}]))
    assert len(toy.select(session=3).table) == 1


@pytest.mark.parametrize(
    ("query", "equals", "message"),
    [
        (None, {"emotion": "angr"}, "unknown emotion in toy: 'angr'; did you mean 'anger'"),
        (None, {"emotion": "angy"}, "unknown emotion in toy: 'angy'; did you mean 'anger'"),
        (None, {"emotion": "hapy"}, r"unknown emotion in toy: 'hapy'\. Known"),
        (None, {"emotion": "boredom"}, "Known: anger, calm, fear, sadness"),
        (None, {"speakers": "a"}, "unknown column of toy 'speakers'; did you mean 'speaker'"),
        (None, {"speaker": ["a", "c"]}, "unknown speaker in toy: 'c'"),
        ("speeker == 'a'", {}, "'speeker'; did you mean 'speaker'"),
        ("speaker", {}, "is not a condition"),
        ("speaker ==", {}, "cannot be evaluated"),
        ("speaker == @somebody", {}, "somebody"),
        ("speaker == 'a'", {"emotion": "calm"}, "no utterance fulfils speaker == 'a'; emotion"),
    ],
)
def test_select_refuses_what_it_does_not_know(query, equals, message):
    with pytest.raises(InputError, match=message):
        corpus().select(query, **equals)


def test_an_error_lists_the_nearest_of_many_values():
    rows = [{"utterance": f"u{i:03}", "emotion": "anger", "speaker": f"{i:03}"} for i in range(100)]
    with pytest.raises(InputError, match="did you mean '017'") as error:
        corpus(table=make_table(rows)).select(speaker="O17")
    assert len(str(error.value)) < 150


def test_relabel_ignores_what_does_not_occur():
    toy = corpus().relabel({"calm": "neutral", "boredom": "neutral"})
    assert toy.classes == ("anger", "fear", "neutral", "sadness")
    assert toy.subset == "calm -> neutral"
    assert corpus().relabel({"boredom": "neutral"}).subset == "all"


def test_relabel_exchanges_names():
    table = corpus().relabel({"anger": "fear", "fear": "anger"}).table
    assert table.loc[["a1", "a2"], "emotion"].tolist() == ["anger", "fear"]


def test_relabel_adds_a_class_whose_name_means_itself():
    mapping = dict.fromkeys(("anger", "fear", "Negative"), "negative")
    toy = corpus().relabel(mapping)
    assert toy.classes == ("calm", "sadness", "negative")
    assert toy.subset == "anger -> negative; fear -> negative"
    # It stays known: to select, and to rename.
    assert set(toy.select(emotion="negative").table["emotion"]) == {"negative"}
    again = toy.select("emotion != 'calm'").relabel({"sad": "negative"})
    assert again.classes == ("negative",)
    assert corpus().classes == ("anger", "calm", "fear", "sadness")


def test_common_words_for_emotions_are_understood():
    assert corpus().relabel({"Angry": "sad"}).classes == ("calm", "fear", "sadness")
    rows = [{"utterance": f"u{i}", "emotion": word} for i, word in enumerate(("hap", "Fearful"))]
    toy = corpus(table=make_table(rows))
    assert toy.classes == ("fear", "happiness")
    assert list(toy.select(emotion="happy").table.index) == ["u0"]


def test_further_columns_are_kept_and_can_be_selected():
    rows = [
        {"utterance": "b", "emotion": "anger", "valence": 1.5, "accent": "north"},
        {"utterance": "a", "emotion": "fear", "valence": 2, "votes": {"fear": 3}},
        {"utterance": "c", "emotion": "fear", "accent": ""},
    ]
    toy = corpus(table=make_table(rows))
    assert list(toy.table.columns) == [*COLUMNS, "valence", "accent", "votes"]
    assert toy.table.loc[["a", "b"], "valence"].tolist() == [2, 1.5]
    assert toy.table["accent"].isna().tolist() == [True, False, True]
    assert list(toy.select(valence=2).table.index) == ["a"]
    assert list(toy.select("valence < 2").table.index) == ["b"]
    assert list(toy.select(accent="north").table.index) == ["b"]
    with pytest.raises(InputError, match=r"unknown valence in toy: '3'. Known: 1.5, 2.0"):
        toy.select(valence=3)
    with pytest.raises(InputError, match="did you mean 'valence'"):
        toy.select("valense > 1")


def test_further_columns_change_the_fingerprint_and_their_absence_does_not(tmp_path):
    path = write_recording(tmp_path / "a.wav")
    row = {"utterance": "a", "path": path, "emotion": "fear"}

    def fingerprint(**further):
        return corpus(table=make_table([row | further])).fingerprint

    assert (
        len({fingerprint(), fingerprint(age=30), fingerprint(age=31), fingerprint(score=30)}) == 4
    )
    assert fingerprint(age=30) == fingerprint(age=30)
    # As it was computed when this test was written: results on the disk are found by it.
    assert fingerprint().startswith("621732a61fe2db72")


@pytest.mark.parametrize("mapping", [{"angr": "anger"}, {"anger": "angr"}])
def test_relabel_refuses_names_that_are_no_emotions(mapping):
    with pytest.raises(InputError, match=r"unknown emotion .*'angr'; did you mean 'anger'"):
        corpus().relabel(mapping)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda table: table.drop(columns="sex"), "expected the index 'utterance' and the columns"),
        (lambda table: table.rename_axis("file"), "the table has the index 'file'"),
        (lambda table: table[::-1], "unique and sorted"),
        (lambda table: table.iloc[[0, 0]], "unique and sorted"),
        (lambda table: table.assign(emotion="joy"), "unknown emotion in toy: 'joy'"),
        (lambda table: table.assign(emotion=None), "unknown emotion in toy: 'None'"),
        (lambda table: table.assign(sex="f"), "unknown sex in toy: 'f'"),
        (lambda table: table[:0], "the table has no utterances"),
        (lambda table: table.assign(age=1)[["age", *table]], "then any others"),
        (lambda table: table.assign(**{"a": 1}).rename(columns={"a": 7}), "names that are strings"),
    ],
)
def test_an_invalid_table_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        corpus(table=change(corpus().table))
