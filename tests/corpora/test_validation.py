"""What a copy may look like, and what validation says."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
from tiny_corpora import publish, write_recording

from ser_lib.corpora import Validation
from ser_lib.errors import InputError, InputWarning
from ser_lib.features import FrontEnd, LogMel
from ser_lib.signal import decode, decoding


def transcode(tree, utterance, suffix, rate, *, cut=0):
    """Replace a recording by a copy in another container, at another rate, without its end."""
    path = next(path for path in tree.files if path.stem == utterance)
    samples, old = soundfile.read(path)
    path.unlink()
    copy = soxr.resample(samples, old, rate)
    soundfile.write(path.with_suffix(suffix), copy[: len(copy) - cut], rate)


@pytest.mark.parametrize(
    ("suffix", "rate"), [(".flac", 16_000), (".wav", 8_000), (".ogg", 16_000), (".mp3", 44_100)]
)
def test_a_transcoded_copy_is_compared_by_its_duration(make_tree, suffix, rate):
    tree = make_tree("emodb")
    transcode(tree, "08a01Fd", suffix, rate)
    validation = tree.load().validate()
    assert validation.ok, str(validation)
    assert (validation.checked, validation.by_checksum, validation.by_duration) == (6, 5, 1)


def test_resampling_may_round_the_duration_to_its_own_sample_period(make_tree, tmp_path):
    tree = make_tree("ravdess")
    utterance = tree.files[0].stem
    write_recording(tree.files[0], seconds=4803 / 48_000, rate=48_000)
    publish(tmp_path / "index", tree.files)
    transcode(tree, utterance, ".flac", 8_000)  # of 800.5 samples it can hold 800 or 801
    validation = tree.load().validate()
    assert validation.ok, str(validation)


@pytest.mark.parametrize(("rate", "cut"), [(16_000, 1), (8_000, 2), (48_000, 3)])
def test_a_copy_that_lacks_a_sample_is_altered(make_tree, rate, cut):
    tree = make_tree("emodb")
    transcode(tree, "08a01Fd", ".flac", rate, cut=cut)
    assert tree.load().validate().altered == ("08a01Fd",)


@pytest.mark.parametrize("suffix", [".flac", ".wav"])
def test_a_truncated_file_is_noticed(make_tree, suffix):
    tree = make_tree("emodb")
    transcode(tree, "03b02Na", suffix, 16_000)
    path = next(path for path in tree.files if path.stem == "03b02Na")
    os.truncate(path, path.stat().st_size // 2)
    validation = tree.load().validate()
    assert validation.altered + validation.undecodable == ("03b02Na",)


@pytest.mark.parametrize("suffix", [".flac", ".mp3"])
def test_a_truncated_file_is_noticed_though_nothing_was_published(make_tree, suffix):
    tree = make_tree("folder")
    path = write_recording(tree.data / f"x{suffix}", seconds=1)
    os.truncate(path, path.stat().st_size - 1000)
    (tree.data / "manifest.csv").write_text(f"path,emotion\nx{suffix},anger\n")
    corpus = tree.load()
    assert corpus.validate().undecodable == ("x",)


def test_a_file_without_samples_is_undecodable(make_tree):
    tree = make_tree("emodb")
    write_recording(tree.files[0], seconds=0)
    assert tree.load().validate().undecodable == ("03a01Fa",)


def test_a_long_list_is_cut():
    text = str(Validation(missing=tuple(f"u{i:02}" for i in range(25)), checked=3))
    assert "25 missing: u00, " in text
    assert text.endswith("u09 and 15 more")
    assert "3 can be decoded; no checksum was published" in text


def test_each_undecodable_recording_has_its_reason_in_a_line_up_to_ten(make_tree):
    tree = make_tree("folder")
    names = [f"broken/{n:02}" for n in range(12)]
    (tree.data / "broken").mkdir()
    for name in names:
        (tree.data / f"{name}.wav").write_bytes(b"")
    lines = "".join(f"{name}.wav,anger\n" for name in names)
    (tree.data / "manifest.csv").write_text(f"path,emotion\nanna/1.wav,fear\n{lines}")
    validation = tree.load().validate()
    assert validation.undecodable == tuple(names)
    assert len(validation.reasons) == 12
    lines = str(validation).splitlines()
    start = lines.index(f"  12 undecodable: {', '.join(names[:10])} and 2 more") + 1
    assert lines[start : start + 10] == [
        f"    {tree.data}/{name}.wav: is empty (0 bytes); expected a recording"
        for name in names[:10]
    ]
    assert lines[start + 10 :] == ["    and 2 more"]


def test_what_decoding_converts_is_counted_and_each_recording_is_read_once(make_tree, monkeypatch):
    tree = make_tree("folder")
    noise, rng = decode(tree.data / "anna/1.wav").signal, np.random.default_rng(0)
    stereo = np.stack([noise, rng.permutation(noise)], axis=1)
    soundfile.write(tree.data / "anna/1.wav", stereo, 16000)
    soundfile.write(tree.data / "anna/2.wav", np.stack([noise, -noise], axis=1), 16000)
    soundfile.write(tree.data / "ben/1.wav", np.zeros(8000), 48000)
    corpus, read = tree.load(), []
    opened = decoding.opened
    monkeypatch.setattr(decoding, "opened", lambda path: read.append(path) or opened(path))
    validation = corpus.validate()
    assert sorted(read) == sorted(corpus.table["path"].map(Path))
    assert validation.ok
    assert (validation.silent, validation.silenced) == (("ben/1",), ("anna/2",))
    assert validation.converted == {
        "2 channels, averaged to one": ("anna/1", "anna/2"),
        "48000 Hz, resampled to 16000 Hz": ("ben/1",),
    }
    assert str(validation).splitlines() == [
        "4 recordings checked",
        "  4 can be decoded; no checksum was published",
        "  2 channels, averaged to one: 2, the first anna/1",
        "  48000 Hz, resampled to 16000 Hz: 1, the first ben/1",
        "  1 silent: ben/1",
        "  1 silent after averaging the channels: anna/2",
    ]
    # Training says the same of them.
    with pytest.warns(InputWarning) as said:
        FrontEnd(analysis=LogMel()).extract(corpus, jobs=1)
    for note, own in validation.converted.items():
        assert f"{note}: {len(own)}, the first {tree.data}/{own[0]}.wav" in str(said[0].message)


REFUSED = {
    "half a WAV": lambda path: os.truncate(path, path.stat().st_size // 2),
    "not a number": lambda path: soundfile.write(path, np.full(800, np.nan), 16000, "FLOAT"),
    "10 ms": lambda path: soundfile.write(path, np.ones(160) / 2, 16000),
    "integers as floats": lambda path: soundfile.write(path, np.full(800, 900.0), 16000, "FLOAT"),
    "no sound": lambda path: path.write_bytes(b"version https://git-lfs.github.com/spec/v1"),
    "joined": lambda path: path.write_bytes(path.read_bytes() * 2),
    "empty": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("damage", REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("name", ["emodb", "folder"])
def test_what_decoding_refuses_is_undecodable(make_tree, name, damage):
    tree = make_tree(name)
    path = tree.files[0]
    damage(path)
    with pytest.raises(InputError, match=re.escape(str(path))):
        decode(path)
    validation = tree.load().validate()
    (undecodable,) = validation.undecodable
    (reason,) = validation.reasons
    assert reason.startswith(f"{path}: ")
    assert path.with_suffix("").as_posix().endswith(undecodable)
    assert validation.altered == ()
