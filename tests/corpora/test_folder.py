"""Any folder of recordings, by a manifest or by the names of the files."""

import contextlib
import json
import os
import re
import shutil
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_corpora import MANIFEST, write_recording

from ser_lib.corpora import EMOTIONS, load_corpus
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
    validation = corpus.validate()
    assert validation.unused_files == ("anna/2.wav", "ben/1.wav")
    assert validation.ok


@pytest.mark.parametrize("where", ["{data}/", "../outside/../data/", "./", "{link}/"])
def test_utterances_are_named_relative_to_the_folder_however_their_paths_are_written(
    tree, tmp_path, where
):
    os.symlink(tree.data, tmp_path / "link", target_is_directory=True)
    expected = tree.load()
    where = where.format(data=tree.data, link=tmp_path / "link")
    manifest = tree.data / "manifest.csv"
    lines = manifest.read_text().splitlines()
    manifest.write_text("\n".join([lines[0], *(where + line for line in lines[1:])]))
    corpus = tree.load()
    assert list(corpus.table.index) == ["anna/1", "anna/2", "ben/1", "ben/2"]
    assert corpus.fingerprint == expected.fingerprint
    assert corpus.validate().unused_files == ()


@pytest.mark.parametrize("where", ["{tmp}/outside", "../outside", "{data}/../outside"])
def test_recordings_outside_the_folder_are_refused(tree, tmp_path, where):
    write_recording(tmp_path / "outside/x.wav")
    path = f"{where.format(tmp=tmp_path, data=tree.data)}/x.wav"
    (tree.data / "manifest.csv").write_text(
        f"path,emotion\nanna/1.wav,fear\n{path},anger\n{path}.flac,fear\n"
    )
    with pytest.raises(InputError) as error:
        tree.load()
    assert str(error.value) == (
        f"{tree.data}/manifest.csv: 2 of 3 recordings lie outside the folder {tree.data}: "
        f"{path} (row 3), {path}.flac (row 4); expected paths relative to that folder, or absolute "
        "ones below it (--data names the folder that holds all of them)"
    )


def test_a_copy_of_a_folder_does_not_read_the_recordings_of_the_first_one(tree, tmp_path):
    manifest = tree.data / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("anna/", f"{tree.data}/anna/"))
    shutil.copytree(tree.data, tmp_path / "copy")
    with pytest.raises(InputError, match=rf"2 of 4 .* outside the folder {tmp_path}/copy: "):
        load_corpus("folder", data=tmp_path / "copy")


def test_a_pattern(tree):
    write_recording(tree.data / "carla/angry_01_f.flac")
    write_recording(tree.data / "carla/sad_02.wav")
    write_recording(tree.data / "carla/test.wav")
    pattern = r"(?P<speaker>\w+)/(?P<emotion>[a-z]+)_\d+(_(?P<sex>[fm]))?$"
    with (
        pytest.warns(InputWarning, match=r"does not match 5 of 7 recordings; .* 'anna/1'"),
        pytest.warns(InputWarning, match=r"pattern .* several kinds: 1 \*\.flac, 1 \*\.wav;"),
    ):
        corpus = tree.load(pattern=pattern, emotions={"sad": "sadness"})
    rows = corpus.table[["speaker", "sex", "emotion"]].to_dict("index")
    assert rows == {
        "carla/angry_01_f": {"speaker": "carla", "sex": "female", "emotion": "anger"},
        "carla/sad_02": {"speaker": "carla", "sex": None, "emotion": "sadness"},
    }


# What the manifest is, the options, and what the error says.
BAD = {
    "no manifest": (None, {}, "the manifest .*manifest.csv does not exist; expected a CSV file"),
    "long name": (None, {"manifest": "x" * 300}, "xxx does not exist"),
    "nobody's home": (None, {"manifest": "~nobody-here/m.csv"}, "m.csv does not exist"),
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
    "folder": ("path,emotion\nanna,anger\n", {}, r"1 of 1 .* exist: anna \(row 2, a folder\)"),
    "duplicate": ("path,emotion\nben/1.wav,fear\nben/1.wav,fear\n", {}, r"\(row 3\) and .*row 2"),
    "two spellings": ("path,emotion\nben/1.wav,fear\n./ben/1.wav,fear\n", {}, "same utterance"),
    "emotion": ("path,emotion\nanna/1.wav,angr\n", {}, "row 2 .*'angr'; did you mean 'anger'"),
    "no emotion": ("path,emotion\nanna/1.wav,\n", {}, "row 2: there is no emotion; exp"),
    "sex": ("path,emotion,sex\nanna/1.wav,fear,femal\n", {}, "row 2: 'femal'; .* 'female'"),
    "mapping": (MANIFEST, {"emotions": {"Wut": "angr"}}, "parameter emotions: 'angr'; did you"),
    "no mapping": (MANIFEST, {"emotions": ["anger"]}, "expected the emotion of each label"),
    "two keys": (MANIFEST, {"emotions": {0: "fear", "0": "anger"}}, "'0' has two emotions"),
    "column twice": ("path,emotion, Emotion\n", {}, "the column emotion is there twice"),
    "alike": ("path,emotion,spk,actor\n", {}, "'spk' and 'actor' may both be the speaker"),
    "dot": ("path,emotion\n.,anger\n", {}, r"do not exist: \. \(row 2, a folder\)"),
    "root": ("path,emotion\n/,anger\n", {}, r"1 of 1 .* outside the folder .*: / \(row 2\); exp"),
    "above": ("path,emotion\n..,anger\n", {}, r"1 of 1 .* outside .*: \.\. \(row 2\); expected"),
    "long": (f"path,emotion\n{'x' * 300}.wav,anger\n", {}, "1 of 1 recordings do not exist"),
    "both": (MANIFEST, {"manifest": "m.csv", "pattern": "x"}, "manifest=m.csv and pattern='x'"),
    "number": (None, {"pattern": 3}, "'?3'? has the groups none"),
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


def test_missing_recordings_are_named_up_to_ten(tree):
    lines = "".join(f"gone/{n}.wav,anger\n" for n in range(12))
    (tree.data / "manifest.csv").write_text(f"path,emotion\nanna/1.wav,fear\n{lines}")
    with pytest.raises(InputError) as error:
        tree.load()
    names = ", ".join(f"gone/{n}.wav (row {n + 3})" for n in range(10))
    assert str(error.value) == (
        f"{tree.data}/manifest.csv: 12 of 13 recordings do not exist: {names} and 2 more; "
        f"expected paths relative to the folder {tree.data}"
    )


def test_unknown_labels_are_all_named_with_the_option_that_translates_them(tree):
    text = "path,emotion\nanna/1.wav,hapy\nanna/2.wav,Angst\nben/1.wav,hapy\nben/2.wav,sad\n"
    (tree.data / "manifest.csv").write_text(text)
    with pytest.raises(InputError) as error:
        tree.load()
    first, known, labels, option, others = str(error.value).split("; ")
    assert first == f"unknown emotion in row 2 of {tree.data}/manifest.csv: 'hapy'"
    assert known == f"did you mean 'happiness'? Known: {', '.join(EMOTIONS)}"
    assert labels == "2 labels are unknown: hapy, Angst"
    # What only looks alike ("anger") is left to the user.
    mapping = '{"hapy": "happiness", "Angst": "..."}'
    assert f"--corpus-option emotions '{mapping}' (in Python the argument emotions)" in option
    assert others.startswith("a label that means itself, such as 'stressed': 'stressed', adds ")
    emotions = json.loads(mapping.replace("...", "fear"))
    assert tree.load(emotions=emotions).table["emotion"].tolist() == [
        *("happiness", "fear", "happiness", "sadness")
    ]


def test_a_label_that_means_itself_adds_a_class(tree):
    text = "path,emotion\nanna/1.wav,Stressed\nanna/2.wav,3\nben/1.wav,sad\nben/2.wav,at ease\n"
    (tree.data / "manifest.csv").write_text(text)
    emotions = {"stressed": "Stressed", 3: "stressed", "at ease": "at ease", "rushed": "rushed"}
    corpus = tree.load(emotions=emotions)
    assert corpus.table["emotion"].tolist() == ["stressed", "stressed", "sadness", "at ease"]
    assert corpus.classes == ("sadness", "at ease", "stressed")
    assert corpus.added == ("at ease", "rushed", "stressed")
    # A slip in the name of an emotion adds none.
    with pytest.raises(InputError, match="'stresed'; did you mean 'stressed'"):
        tree.load(emotions=emotions | {3: "stresed"})
    with pytest.raises(InputError, match="class 'a,b' in the parameter emotions: expected at most"):
        tree.load(emotions={"a,b": "a,b"})


def test_the_guide_lists_the_emotions():
    guide = (Path(__file__).parents[2] / "docs/own_recordings.md").read_text(encoding="utf-8")
    listed = guide.split("The classes are twelve emotions")[1].split(". Labels of your own")[0]
    assert re.findall(r"`(\w+)`", listed) == list(EMOTIONS)


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


def test_usual_names_of_columns_are_understood_and_their_cells_too(tree):
    text = "File Name;Label;Speaker ID;Gender;Split_Set\nanna/1.wav;ANG;7;W;Train\n"
    (tree.data / "manifest.csv").write_text(text)
    known = tree.load().table.loc["anna/1"].drop("path").dropna().to_dict()
    expected = {"emotion": "anger", "speaker": "7", "sex": "female", "split": "Train"}
    assert known == expected


def test_a_column_that_may_be_meant_for_another_one_is_named(tree):
    (tree.data / "manifest.csv").write_text("path,emotion,subject,fold\nanna/1.wav,fear,7,1\n")
    with pytest.warns(InputWarning) as said:
        table = tree.load().table
    assert [str(warning.message).partition(": ")[2] for warning in said] == [
        "no column 'speaker'; columns subject are kept but not used as such",
        "no column 'split'; columns fold are kept but not used as such",
    ]
    assert table[["subject", "fold"]].to_numpy().tolist() == [[7, 1]]


def test_what_programs_write_for_missing_values_is_missing(tree):
    text = "path,emotion,speaker,sex\nanna/1.wav,fear,NA,n/a\nben/1.wav,anger,ben,NaN\n"
    (tree.data / "manifest.csv").write_text(text)
    table = tree.load().table
    assert table["speaker"].tolist() == [None, "ben"]
    assert table["sex"].isna().all()


def test_parts_of_recordings_are_said_to_be_read_as_a_whole(tree):
    text = "path,emotion,start,end\nanna/1.wav,fear,0.5,1.0\n"
    (tree.data / "manifest.csv").write_text(text)
    with pytest.warns(InputWarning, match="columns start, end kept but not used: every recording"):
        tree.load()


def test_columns_that_are_left_out_are_named(tree):
    (tree.data / "manifest.csv").write_text("utterance,path,emotion,x\nu1,anna/1.wav,fear,7\n")
    with pytest.warns(InputWarning, match="columns utterance left out; recordings are named by"):
        table = tree.load().table
    assert list(table.index) == ["anna/1"]
    assert table["x"].tolist() == [7]


@pytest.mark.parametrize("emotions", [{0: "anger", 1: "sadness"}, {"0": "anger", "1": "sadness"}])
def test_labels_and_speakers_that_are_numbers_are_text(tree, emotions):
    (tree.data / "manifest.csv").write_text(
        "path,emotion,speaker\nanna/1.wav,0,0\nben/1.wav,1,01\n"
    )
    table = tree.load(emotions=emotions).table
    assert table["emotion"].tolist() == ["anger", "sadness"]
    assert table["speaker"].tolist() == ["0", "01"]


@pytest.mark.parametrize(("one", "other"), [("Ann", "ann"), ("03", "3"), ("s1", "s01")])
def test_a_speaker_under_two_spellings_is_named(tree, one, other):
    text = f"path,emotion,speaker\nanna/1.wav,fear,{one}\nben/1.wav,anger,{other}\n"
    (tree.data / "manifest.csv").write_text(text)
    with pytest.warns(
        InputWarning, match="1 speakers may be there under two spellings .*'"
    ) as said:
        assert set(tree.load().speakers) == {one, other}
    assert {one, other} <= set(re.findall(r"'([^']+)'", str(said[0].message)))


def test_links_to_one_content_are_recordings_of_their_own(tree, tmp_path):
    blob = tree.data / "anna/1.wav"
    blob.rename(tmp_path / "c0ffee")
    for name in ("anna/1.wav", "anna/3.wav", "anna/4.wav"):
        os.symlink(tmp_path / "c0ffee", tree.data / name)
    (tree.data / "manifest.csv").write_text("path,emotion\nanna/1.wav,fear\nanna/3.wav,anger\n")
    corpus = tree.load()
    assert list(corpus.table.index) == ["anna/1", "anna/3"]
    assert corpus.validate().unused_files == (
        "anna/2.wav",
        "anna/4.wav",
        "ben/1.wav",
        "ben/2.wav",
    )


def test_a_folder_reached_by_a_link_holds_the_same_recordings(tree, tmp_path):
    os.symlink(tree.data, tmp_path / "link", target_is_directory=True)
    lines = [f"{tmp_path}/link/{name}.wav,fear\n" for name in ("anna/1", "anna/2")]
    (tree.data / "manifest.csv").write_text("path,emotion\n" + "".join(lines))
    assert tree.load().recordings.unexpected_files == tuple(
        tree.data / f"ben/{n}.wav" for n in (1, 2)
    )


def test_only_the_suffix_of_a_recording_is_no_part_of_its_name(tree):
    names = ("rec.000", "rec.001", "v1.2 take.WAV", "x.y.wav")
    for seed, name in enumerate(names):
        write_recording(tree.data / f"{seed}.wav", seed).rename(tree.data / name)
    lines = "".join(f"{name},fear\n" for name in names)
    (tree.data / "manifest.csv").write_text("path,emotion\n" + lines)
    message = r"manifest\.csv: .* several kinds: 2 \*\.wav, 2 without a suffix; all are read"
    with pytest.warns(InputWarning, match=message):
        table = tree.load().table
    assert list(table.index) == ["rec.000", "rec.001", "v1.2 take", "x.y"]


@pytest.mark.parametrize("suffix", ["", ".wav", ".WAV"])
def test_recordings_of_one_kind_are_not_mentioned(tree, suffix):
    for name in ("dora_1", "dora_2"):
        write_recording(tree.data / f"{name}.wav").rename(tree.data / f"{name}{suffix}")
    (tree.data / "manifest.csv").write_text(
        f"path,emotion\ndora_1{suffix},fear\ndora_2{suffix},fear\n"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(tree.load().table) == 2


@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(
            st.tuples(
                st.sampled_from(
                    ("anna/1.wav", "ben/1.wav", "./anna/1.wav", ".", "/", "", "\u00b2")
                ),
                st.sampled_from(("anger", "Angry", "0", "", "\u00b2")),
                st.text("aA01\u00b2 ,;\"'\n\t", max_size=4),
                st.sampled_from(("m", "F", "", "1e999", "0x1", "nan", "9" * 40)),
            )
        ),
    )
)
@settings(derandomize=True, deadline=None, database=None, max_examples=60)
def test_any_manifest_is_a_table_or_refused(tmp_path_factory, content):
    data = tmp_path_factory.getbasetemp() / "fuzzed"
    for name in ("anna/1", "ben/1"):
        if not (data / f"{name}.wav").exists():
            write_recording(data / f"{name}.wav")
    if isinstance(content, list):
        rows = [("path", "emotion", "speaker", "more"), *content]
        content = "\n".join(",".join(row) for row in rows).encode()
    (data / "manifest.csv").write_bytes(content)
    with warnings.catch_warnings(), contextlib.suppress(InputError):
        warnings.simplefilter("ignore", InputWarning)
        table = load_corpus("folder", data=data).table
        assert set(table.index) <= {"anna/1", "ben/1"}
        assert set(table["emotion"]) == {"anger"}
