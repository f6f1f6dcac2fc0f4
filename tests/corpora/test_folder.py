"""Any folder of recordings, by a manifest or by the names of the files."""

import re

import pytest
from tiny_corpora import MANIFEST, write_recording

from ser_lib.corpora import load_corpus
from ser_lib.errors import InputError, InputWarning


@pytest.fixture
def tree(make_tree):
    return make_tree("folder")


def test_a_manifest(tree):
    table = tree.load().table
    assert list(table.index) == ["anna/1", "anna/2", "ben/1", "ben/2"]
    known = table.loc["ben/2"].drop("path").dropna().to_dict()
    assert known == {"speaker": "ben", "sex": "male", "emotion": "neutral"}
    assert table["split"].tolist() == ["train", "train", "test", None]


def test_a_manifest_elsewhere_with_labels_of_its_own(tree, tmp_path, monkeypatch):
    text = "\ufeffpath , emotion\n./anna/1.wav,Wut\nben\\2.wav,NA\n"
    (tmp_path / "mine.csv").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    corpus = tree.load(manifest="mine.csv", emotions={"Wut": "anger", "NA": "neutral"})
    assert corpus.table["emotion"].to_dict() == {"anna/1": "anger", "ben/2": "neutral"}
    assert corpus.validate().unexpected_files == ("anna/2.wav", "ben/1.wav")


def test_recordings_outside_the_folder_may_be_listed(tree, tmp_path):
    outside = write_recording(tmp_path / "outside/x.wav")
    listed = f"path,emotion\n{outside},anger\n../outside/../data/anna/1.wav,fear\n"
    (tree.data / "manifest.csv").write_text(listed)
    table = tree.load().table
    assert table["path"].tolist() == [str(tree.data / "anna/1.wav"), str(outside)]


def test_a_pattern(tree):
    write_recording(tree.data / "carla/angry_01_f.flac")
    write_recording(tree.data / "carla/sad_02.wav")
    write_recording(tree.data / "carla/test.wav")
    pattern = r"(?P<speaker>\w+)/(?P<emotion>[a-z]+)_\d+(_(?P<sex>[fm]))?$"
    with pytest.warns(InputWarning, match=r"does not match 5 of 7 recordings; .* 'anna/1'"):
        corpus = tree.load(pattern=pattern, emotions={"sad": "sadness"})
    rows = corpus.table[["speaker", "sex", "emotion"]].to_dict("index")
    assert rows == {
        "carla/angry_01_f": {"speaker": "carla", "sex": "female", "emotion": "anger"},
        "carla/sad_02": {"speaker": "carla", "sex": None, "emotion": "sadness"},
    }


# What the manifest is, the options, and what the error says.
BAD = {
    "no manifest": (None, {}, "the manifest .*manifest.csv does not exist; expected a CSV file"),
    "not that manifest": (MANIFEST, {"manifest": "other.csv"}, "other.csv or .* does not exist"),
    "empty": ("", {}, "manifest.csv: missing columns path, emotion; found no columns"),
    "head only": ("path,emotion\n", {}, "manifest.csv: no recordings; expected at least one"),
    "columns": ("name,emotion\n", {}, "missing columns path; found columns name, emotion"),
    "colons": ("path:emotion\n", {}, "found columns path:emotion; expected path, emotion"),
    "misspelt column": ("path,emotion,speeker\n", {}, "'speeker'; did you mean 'speaker'"),
    "ragged": (
        *("path,emotion\na,b\na,b,c,d\n", {}),
        "manifest.csv: cannot be read as CSV: row 3 has 4 cells; expected 2, one for each of path,",
    ),
    "not UTF-8": (b"path,emotion\n\xff\xfe,anger\n", {}, "cannot be read as CSV in UTF-8"),
    "no path": ("path,emotion\n,anger\n", {}, "row 2 has no path"),
    "missing file": ("path,emotion\nanna/9.wav,anger\n", {}, r"1 of 1 .*anna/9.wav \(row 2\)"),
    "folder": ("path,emotion\nanna,anger\n", {}, "1 of 1 recordings do not exist"),
    "duplicate": ("path,emotion\nben/1.wav,fear\nben/1.wav,fear\n", {}, r"\(row 3\) and .*row 2"),
    "two spellings": ("path,emotion\nben/1.wav,fear\n./ben/1.wav,fear\n", {}, "same utterance"),
    "emotion": ("path,emotion\nanna/1.wav,angr\n", {}, "row 2 .*'angr'; did you mean 'anger'"),
    "no emotion": ("path,emotion\nanna/1.wav,\n", {}, "row 2 .*''"),
    "sex": ("path,emotion,sex\nanna/1.wav,fear,femal\n", {}, "row 2: 'femal'; .* 'female'"),
    "mapping": (MANIFEST, {"emotions": {"Wut": "angr"}}, "parameter emotions: 'angr'; did you"),
    "both": (MANIFEST, {"manifest": "m.csv", "pattern": "x"}, "manifest=m.csv and pattern='x'"),
    "no regex": (None, {"pattern": "(?P<emotion>"}, "is not a valid regular expression"),
    "no emotion group": (None, {"pattern": "(?P<speaker>.)"}, "the groups speaker; expected at"),
    "no group": (None, {"pattern": "x"}, "has the groups none; expected at least"),
    "unknown group": (None, {"pattern": "(?P<emotions>.)"}, "'emotions'; did you mean 'emotion'"),
    "no match": (None, {"pattern": "(?P<emotion>zz)"}, "matches none of 4 .* such as 'anna/1'"),
    "pattern's emotion": (None, {"pattern": "(?P<emotion>n)"}, "1.wav .*: 'n'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(tree, case):
    manifest, options, message = BAD[case]
    path = tree.data / "manifest.csv"
    path.unlink()
    if manifest is not None:
        path.write_bytes(manifest if isinstance(manifest, bytes) else manifest.encode())
    with pytest.raises(InputError, match=message):
        tree.load(**options)


def test_the_same_name_in_two_containers_is_refused(tree):
    write_recording(tree.data / "ben/angry.wav")
    write_recording(tree.data / "ben/angry.flac")
    with (
        pytest.warns(InputWarning),
        pytest.raises(InputError, match=re.escape("(angry.wav) and ") + ".*same utterance"),
    ):
        tree.load(pattern="(?P<emotion>angry)", emotions={"angry": "anger"})


def test_a_folder_without_recordings_and_none_at_all(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no recordings; expected at least one"):
        load_corpus("folder", data=tmp_path / "empty", pattern="(?P<emotion>.)")
    with pytest.raises(InputError, match="nowhere does not exist"):
        load_corpus("folder", data=tmp_path / "nowhere")


def test_other_columns_of_a_manifest_are_kept_as_text_or_numbers(tree):
    table = tree.load().table
    assert table["remark"].to_dict()["anna/1"] == "loud"
    assert table["remark"].isna().sum() == 3
    text = "path,emotion,age,score\nanna/1.wav,anger,30,1.5\nben/1.wav,fear,41,\n"
    (tree.data / "manifest.csv").write_text(text)
    corpus = tree.load()
    assert list(corpus.select("age > 35").table.index) == ["ben/1"]
    assert corpus.table["score"].isna().tolist() == [False, True]
