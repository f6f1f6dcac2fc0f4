"""Recordings are found by official names, in any container and folder."""

import os
import re
import warnings

import pytest
from tiny_corpora import EMODB, write_recording

from ser_lib.corpora import discovery
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
