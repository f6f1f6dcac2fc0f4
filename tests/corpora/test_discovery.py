"""Recordings are found by official names, in any container and folder."""

import os
import re
import unicodedata
import warnings

import pytest
from tiny_corpora import EMODB, write_recording

from ser_lib.corpora import discovery, load_corpus
from ser_lib.errors import InputError, InputWarning

PATTERN = re.compile("u[0-9]+")


def found(data, official=None):
    return discovery.find_recordings(
        data, "toy", PATTERN, official, example="u1.wav", how_to_get="Get it with `ser fetch toy`."
    )


@pytest.mark.parametrize("place", ["emodb", "EmoDB/wav", "emodb/emodb/wav", "a/b/c", "."])
@pytest.mark.parametrize("suffix", [".wav", ".FLAC", ".ogg", ".aiff"])
def test_any_nesting_and_container_will_do(make_tree, place, suffix):
    tree = make_tree("emodb")
    for seed, path in enumerate(tree.files):
        path.unlink()
        file = write_recording(tree.data / place / f"{path.stem}.wav", seed)
        file.rename(file.with_suffix(suffix))
    assert list(tree.load().table.index) == sorted(EMODB)


def test_the_folder_called_like_the_corpus_goes_first(tmp_path):
    write_recording(tmp_path / "a/u1.wav")
    write_recording(tmp_path / "Toy/deep/u2.wav")
    recordings = found(tmp_path)
    assert recordings.files == {"u2": tmp_path / "Toy/deep/u2.wav"}
    assert recordings.folder == tmp_path / "Toy"


def test_an_empty_folder_called_like_the_corpus_does_not_hide_it(tmp_path):
    (tmp_path / "toy").mkdir()
    write_recording(tmp_path / "other/x/u2.wav")
    recordings = found(tmp_path)
    assert list(recordings.files) == ["u2"]
    assert recordings.folder == tmp_path / "other/x"


def test_hidden_files_and_loops_of_links_are_passed_over(tmp_path):
    for name in ("toy/u1.wav", "toy/._u1.wav", "toy/.hidden/u1.wav", "toy/.u2.wav"):
        write_recording(tmp_path / name)
    os.symlink(tmp_path, tmp_path / "toy/loop", target_is_directory=True)
    recordings = found(tmp_path)
    assert recordings == discovery.Recordings(tmp_path / "toy", {"u1": tmp_path / "toy/u1.wav"}, ())


def test_a_linked_folder_is_followed(tmp_path):
    write_recording(tmp_path / "disk/u1.wav")
    (tmp_path / "data").mkdir()
    os.symlink(tmp_path / "disk", tmp_path / "data/toy", target_is_directory=True)
    assert found(tmp_path / "data").files == {"u1": tmp_path / "data/toy/u1.wav"}


def test_of_several_copies_the_publishers_container_is_used_then_the_shallowest(tmp_path):
    for name in ("flat/u1.flac", "x/y/u1.wav", "x/u2.wav", "a/x/u2.wav", "u3.mp3", "u3.ogg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.warns(InputWarning, match="toy: 3 utterances have more than one file") as caught:
        recordings = found(tmp_path)
    assert len(caught) == 1
    taken = {name: path.relative_to(tmp_path).as_posix() for name, path in recordings.files.items()}
    assert taken == {"u1": "x/y/u1.wav", "u2": "x/u2.wav", "u3": "u3.ogg"}
    assert recordings.unexpected_files == ()


def test_what_only_looks_like_a_part_of_the_corpus_is_left_out_and_said(tmp_path):
    for name in ("u1.wav", "u2.wav", "u9.wav"):
        write_recording(tmp_path / name)
    with pytest.warns(InputWarning, match=r"toy: 1 recordings have names like those .*u9\.wav"):
        recordings = found(tmp_path, {"u1", "u2", "u3"})
    assert sorted(recordings.files) == ["u1", "u2"]
    assert recordings.unexpected_files == (tmp_path / "u9.wav",)


def test_another_corpus_beside_it_is_not_unexpected(tmp_path):
    write_recording(tmp_path / "one/u1.wav")
    write_recording(tmp_path / "two/v1.wav")
    assert found(tmp_path).unexpected_files == ()


def test_an_incomplete_corpus_is_loaded_and_said_once(make_tree):
    tree = make_tree("emodb")
    tree.files[0].unlink()
    with pytest.warns(InputWarning, match="emodb: 5 of 6 utterances found, 1 are miss") as caught:
        corpus = tree.load()
    assert len(caught) == 1
    # The warning points to whoever loaded the corpus, not into this package.
    assert not caught[0].filename.endswith(("discovery.py", "emodb.py", "__init__.py"))
    assert len(corpus.table) == 5
    assert corpus.validate().missing == ("03a01Fa",)


def test_a_complete_corpus_is_loaded_in_silence(tree):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tree.load()


@pytest.mark.parametrize(
    ("official", "place", "message"),
    [
        (None, "", "/toy nor anywhere else below .* like u1.wav .*Get it with `ser fetch toy`"),
        ({"u1"}, "other", "none of them was published with it"),
        (None, "nowhere", "nowhere does not exist; set SER_DATA"),
    ],
)
def test_an_error_says_where_a_corpus_was_searched_for_and_how_to_get_it(
    tmp_path, official, place, message
):
    write_recording(tmp_path / "song.wav")
    write_recording(tmp_path / "other/u9.wav") if official else None
    with pytest.raises(InputError, match=message):
        found(tmp_path / place, official)


def test_all_folders_are_walked_where_there_are_no_inode_numbers(tmp_path, monkeypatch):
    for name in ("toy/a/u1.wav", "toy/b/u2.wav", "toy/b/c/u3.wav"):
        write_recording(tmp_path / name)
    os.symlink(tmp_path / "toy", tmp_path / "toy/b/loop", target_is_directory=True)

    def without_numbers(path, *args, original=os.stat, **options):
        status = list(original(path, *args, **options))
        status[1] = 0
        return os.stat_result(status)

    monkeypatch.setattr(os, "stat", without_numbers)
    assert sorted(found(tmp_path).files) == ["u1", "u2", "u3"]


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    write_recording(tmp_path / "toy/a/u1.wav")
    write_recording(tmp_path / "toy/b/u2.wav")

    def scandir(path, original=os.scandir):
        if str(path).endswith("toy/b"):
            raise PermissionError(13, "Permission denied", path)
        return original(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(InputError, match=r"toy/b: the folder cannot be read \(Permission denied\)"):
        found(tmp_path)


def test_a_table_that_may_not_be_read_is_named(make_tree, monkeypatch):
    tree = make_tree("folder")

    def forbidden(self, *_, **__):
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("builtins.open", lambda *args, **_: forbidden(args[0]))
    monkeypatch.setattr("pathlib.Path.open", forbidden)
    monkeypatch.setattr("pathlib.Path.read_bytes", forbidden)
    with pytest.raises(InputError, match=r"manifest\.csv.* cannot be read \(Permission denied\)"):
        tree.load()


@pytest.mark.parametrize("suffix", [".wave", ".snd", ".bwf", ".WAVE", ""])
def test_what_libsndfile_reads_is_found_whatever_it_is_called(tmp_path, suffix):
    write_recording(tmp_path / "toy/u1.wav").rename(tmp_path / f"toy/u1{suffix}")
    (tmp_path / "toy/u2").write_text("no recording")
    assert found(tmp_path).files == {"u1": tmp_path / f"toy/u1{suffix}"}


@pytest.mark.parametrize("suffix", [".m4a", ".mp4", ".webm", ".amr", ".wma", ".M4A", ".aac"])
def test_recordings_in_other_containers_are_counted_and_said(tmp_path, suffix):
    write_recording(tmp_path / "u1.wav")
    # One of these is there in a container that is read, and one is none of the corpus.
    for name in ("u1", "u2", "u3", "song"):
        (tmp_path / f"{name}{suffix}").write_bytes(b"sound")
    message = rf"toy: .* left out because their containers are not read: 2 \*{suffix.lower()};"
    with pytest.warns(InputWarning, match=message):
        assert list(found(tmp_path).files) == ["u1"]


def test_where_all_are_in_other_containers_the_error_counts_them(tmp_path):
    for name in ("u1.m4a", "u2.m4a", "u3.wma", "song.amr"):
        (tmp_path / name).write_bytes(b"sound")
    with pytest.raises(
        InputError, match=r"found 2 \*\.m4a, 1 \*\.wma, which .* are \*\.wav, .*mp3"
    ):
        found(tmp_path)


def test_letters_may_be_composed_or_not(tmp_path):
    name = unicodedata.normalize("NFD", "uJ\u00f6rg")
    write_recording(tmp_path / f"toy/{name}.wav")
    recordings = discovery.find_recordings(
        tmp_path, "toy", re.compile("u[a-zA-Z\u00f6]+"), {"uJ\u00f6rg"}, example="", how_to_get=""
    )
    assert recordings.files == {"uJ\u00f6rg": tmp_path / f"toy/{name}.wav"}


@pytest.mark.parametrize(("disk", "table"), [("NFD", "NFC"), ("NFC", "NFD"), ("NFD", "NFD")])
def test_a_manifest_and_a_disk_may_write_letters_in_two_ways(tmp_path, disk, table):
    rows = ["path,emotion,speaker"]
    for take, form in enumerate((table, "NFC")):
        path = f"J\u00f6rg/{take}.wav"
        write_recording(tmp_path / unicodedata.normalize(disk, path), take)
        rows.append(unicodedata.normalize(form, f"{path},anger,J\u00f6rg"))
    (tmp_path / "manifest.csv").write_text("\n".join(rows), encoding="utf-8")
    corpus = load_corpus("folder", data=tmp_path)
    assert list(corpus.table.index) == ["J\u00f6rg/0", "J\u00f6rg/1"]
    assert corpus.speakers == ("J\u00f6rg",)
    pattern = r"(?P<speaker>[a-zA-Z\u00f6]+)/(?P<emotion>\d)"
    emotions = {"0": "anger", "1": "fear"}
    found = load_corpus("folder", data=tmp_path, pattern=pattern, emotions=emotions)
    assert found.speakers == ("J\u00f6rg",)
    assert found.fingerprint != corpus.fingerprint
