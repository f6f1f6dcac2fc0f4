"""Of several files of one name the published one is used; where nothing tells, both are named."""

import pytest
import soundfile
from tiny_corpora import EMODB, change_one_sample, write_recording

from ser_lib.errors import InputError, InputWarning


@pytest.fixture
def tree(make_tree):
    """EmoDB in emodb/wav, as published."""
    return make_tree("emodb")


def taken(tree):
    """Of each file that is used, folder and name."""
    with pytest.warns(InputWarning, match="have more than one file"):
        corpus = tree.load()
    return {u: str(p.relative_to(tree.data)) for u, p in corpus.recordings.files.items()}


def other_recordings(tree, place, names=EMODB, *, seconds=0.1, suffix=".wav"):
    """Write other noise under the same names."""
    for seed, name in enumerate(names, start=50):
        file = write_recording(tree.data / place / f"{name}.wav", seed, seconds=seconds)
        if suffix != ".wav":
            samples, rate = soundfile.read(file, dtype="int16")
            soundfile.write(file.with_suffix(suffix), samples, rate)
            file.unlink()


# Before the publisher's folder by name, and nearer to the top.
@pytest.mark.parametrize("place", ["emodb/laryngo", "emodb"])
@pytest.mark.parametrize("seconds", [0.1, 0.2])
def test_the_published_recording_goes_before_others_of_its_name(tree, place, seconds):
    other_recordings(tree, place, seconds=seconds)
    assert taken(tree) == {name: f"emodb/wav/{name}.wav" for name in EMODB}


def transcode(tree, suffix):
    for file in tree.files:
        samples, rate = soundfile.read(file, dtype="int16")
        soundfile.write(file.with_suffix(suffix), samples, rate)
        file.unlink()


def test_a_transcoded_copy_goes_before_an_altered_file_in_the_publishers_form(tree):
    transcode(tree, ".flac")
    other_recordings(tree, "emodb/laryngo")
    assert taken(tree) == {name: f"emodb/wav/{name}.flac" for name in EMODB}


def test_of_a_folder_with_published_files_one_with_another_header_is_used_too(tree):
    saved = tree.data / f"emodb/wav/{EMODB[0]}.wav"
    # The same samples: only the chunks of the file are others.
    samples, rate = soundfile.read(saved, dtype="int16")
    soundfile.write(saved, samples, rate, format="WAVEX")
    other_recordings(tree, "emodb/laryngo")
    assert taken(tree) == {name: f"emodb/wav/{name}.wav" for name in EMODB}


@pytest.mark.parametrize("name", ["emodb", "iemocap"])
def test_different_recordings_of_one_name_are_refused_and_named(make_tree, name):
    tree = make_tree(name)
    # As if published, or with labels only: nothing tells which one is meant.
    own = next(file for file in tree.files if "dialog" not in file.parts)
    change_one_sample(own)
    copy = write_recording(own.parent / "again" / own.name, 99)
    with pytest.raises(InputError) as error:
        tree.load()
    for words in (str(own), str(copy), "different recordings of one name"):
        assert words in str(error.value)


def test_different_recordings_in_another_container_are_refused(tree):
    transcode(tree, ".flac")
    other_recordings(tree, "emodb/laryngo", suffix=".flac")
    with pytest.raises(InputError, match=r"laryngo.*wav.* are different recordings of one name"):
        tree.load()


@pytest.mark.parametrize("name", ["emodb", "iemocap"])
def test_of_equal_copies_either_will_do(make_tree, name):
    tree = make_tree(name)
    own = next(file for file in tree.files if "dialog" not in file.parts)
    change_one_sample(own)
    (own.parent / "again").mkdir()
    (own.parent / "again" / own.name).write_bytes(own.read_bytes())
    assert taken(tree)[own.stem] == str(own.relative_to(tree.data))


def test_what_lies_only_beside_files_that_are_passed_over_is_left_out(tree):
    other_recordings(tree, "emodb/laryngo")
    (tree.data / f"emodb/wav/{EMODB[2]}.wav").unlink()
    with pytest.warns(InputWarning) as said:
        corpus = tree.load()
    assert list(corpus.table.index) == sorted(set(EMODB) - {EMODB[2]})
    assert any("5 of 6 utterances found" in str(w.message) for w in said)
    assert corpus.validate().missing == (EMODB[2],)
