"""Hashes of decoded samples, and how they are stored."""

import hashlib
import json
import os

import numpy as np
import pytest
import soundfile
from tiny_corpora import change_one_sample, write_recording

from ser_lib import checksums, paths
from ser_lib.corpora import hashing
from ser_lib.errors import InputError
from ser_lib.signal import decode


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def count(monkeypatch):
    """Record which files are hashed."""
    seen = []

    def counted(path, original=hashing.sample_hash):
        seen.append(os.path.basename(path))
        return original(path)

    monkeypatch.setattr(hashing, "sample_hash", counted)
    return seen


def aged(path):
    """Make a file look as if nobody had touched it for a minute."""
    status = os.stat(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns - 60_000_000_000))
    return path


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [(suffix, "PCM_16") for suffix in ("flac", "aiff", "w64", "caf", "au")]
    + [("wav", subtype) for subtype in ("PCM_24", "FLOAT", "DOUBLE")],
)
def test_a_lossless_container_or_depth_does_not_matter(tmp_path, suffix, subtype):
    wav = write_recording(tmp_path / "a.wav")
    samples, rate = soundfile.read(wav)
    soundfile.write(tmp_path / f"b.{suffix}", samples, rate, subtype=subtype)
    assert hashing.sample_hash(tmp_path / f"b.{suffix}") == hashing.sample_hash(wav)


def test_samples_rate_and_channels_count(tmp_path):
    samples = np.arange(-50, 50, dtype=np.int16)
    variants = [(samples, 16_000), (samples + 1, 16_000), (samples, 8_000)]
    variants.append((np.stack([samples, samples], axis=1), 16_000))
    variants.append((np.repeat(samples, 2), 16_000))  # the same numbers, told apart by channels
    hashes = set()
    for number, (values, rate) in enumerate(variants):
        soundfile.write(tmp_path / f"{number}.wav", values, rate)
        hashes.add(hashing.sample_hash(tmp_path / f"{number}.wav"))
    assert len(hashes) == len(variants)


def test_the_hash_is_that_of_all_samples_of_a_long_recording(tmp_path):
    path = write_recording(tmp_path / "a.flac", seconds=40)
    samples, _ = soundfile.read(path, dtype="float32")
    expected = hashlib.sha256(b"16000 Hz, 1 channels\n" + samples.astype("<f4").tobytes())
    assert hashing.sample_hash(path) == expected.hexdigest()


def test_hashes_are_stored_in_one_file(tmp_path, count):
    files = [aged(write_recording(tmp_path / f"{name}.wav", name)) for name in range(3)]
    first = hashing.sample_hashes(files)
    assert sorted(count) == ["0.wav", "1.wav", "2.wav"]
    assert hashing.sample_hashes(files[::-1]) == first[::-1]
    assert len(count) == 3
    files = [path.name for path in paths.cache().iterdir() if not path.name.startswith(".")]
    assert files == ["recordings.json"]


def test_only_what_changed_is_hashed_again(tmp_path, count):
    files = [aged(write_recording(tmp_path / f"{name}.wav", name)) for name in range(3)]
    before = hashing.sample_hashes(files)
    count.clear()
    change_one_sample(files[1])
    after = hashing.sample_hashes(files)
    assert count == ["1.wav"]
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True]


def test_the_hash_of_a_file_that_was_just_written_is_not_stored(tmp_path, count):
    # It may change once more within the resolution of its time stamp.
    file = write_recording(tmp_path / "a.wav")
    os.utime(file)
    hashing.sample_hashes([file])
    hashing.sample_hashes([file])
    assert count == ["a.wav", "a.wav"]


@pytest.mark.parametrize("text", ["", "{", "[]", json.dumps({"version": 0})])
def test_a_damaged_store_is_written_again(tmp_path, text):
    file = aged(write_recording(tmp_path / "a.wav"))
    before = hashing.sample_hashes([file])
    (paths.cache() / "recordings.json").write_text(text)
    assert hashing.sample_hashes([file]) == before
    assert str(file) in json.loads((paths.cache() / "recordings.json").read_text())


def test_a_hash_with_one_other_digit_is_not_used(tmp_path):
    file = aged(write_recording(tmp_path / "a.wav"))
    (right,) = hashing.sample_hashes([file])
    store = paths.cache() / "recordings.json"
    text = store.read_text()
    store.write_text(text.replace(right, ("0" if right[0] != "0" else "1") + right[1:]))
    assert hashing.sample_hashes([file]) == [right]
    assert store.read_text() == text


def test_hashes_stored_by_another_process_are_kept(tmp_path):
    files = [aged(write_recording(tmp_path / f"{name}.wav", name)) for name in range(2)]
    for file in files:
        hashing.sample_hashes([file])
    known = json.loads((paths.cache() / "recordings.json").read_text())
    assert set(known) - {checksums.KEY} == {str(file) for file in files}


def test_what_cannot_be_decoded_is_named(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"no sound")
    with pytest.raises(InputError, match=r"a\.wav: cannot be decoded"):
        hashing.sample_hashes([tmp_path / "a.wav"])
    with pytest.raises(InputError, match=r"b\.wav: the recording is missing"):
        hashing.sample_hashes([tmp_path / "b.wav"])
    assert not (paths.cache() / "recordings.json").exists()


def test_two_files_of_one_length_and_time_that_exchange_their_names_are_hashed_again(tmp_path):
    one, other = (aged(write_recording(tmp_path / f"{name}.wav", name)) for name in range(2))
    status = os.stat(one)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    before = hashing.sample_hashes([one, other])
    one.rename(tmp_path / "kept")
    other.rename(one)
    (tmp_path / "kept").rename(other)
    assert os.stat(one).st_mtime_ns == status.st_mtime_ns
    assert hashing.sample_hashes([one, other]) == before[::-1]


def test_new_content_of_the_same_length_and_time_is_hashed_again(tmp_path):
    file = aged(write_recording(tmp_path / "a.wav", 0))
    status = os.stat(file)
    before = hashing.sample_hashes([file])
    file.write_bytes(write_recording(tmp_path / "b.wav", 1).read_bytes())
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert hashing.sample_hashes([file]) != before


@pytest.mark.parametrize("entry", [None, 7, "x", [], [1, 2], [1, 2, 3, 4, 5], {"size": 1}])
def test_an_entry_of_another_form_is_written_again(tmp_path, entry):
    file = aged(write_recording(tmp_path / "a.wav"))
    before = hashing.sample_hashes([file])
    store = paths.cache() / "recordings.json"
    store.write_text(json.dumps({str(file): entry, "other": entry}))
    assert hashing.sample_hashes([file]) == before
    assert set(json.loads(store.read_text())) == {checksums.KEY, str(file)}


def test_nobody_waits_for_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "a.wav")
    for read in (hashing.sample_hash, hashing.seconds):
        with pytest.raises(InputError, match=r"a\.wav: is no regular file"):
            read(tmp_path / "a.wav")


def test_of_an_mp3_without_a_length_all_is_hashed(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 32000)
    quiet = np.zeros(32000)
    soundfile.write(tmp_path / "a.mp3", np.r_[quiet, noise], 16000, bitrate_mode="VARIABLE")
    content = (tmp_path / "a.mp3").read_bytes()
    (tmp_path / "b.mp3").write_bytes(content[content.index(content[:2], 2) :])
    assert hashing.seconds(tmp_path / "b.mp3") == pytest.approx(4, abs=0.15)
    whole = decode(tmp_path / "b.mp3").signal
    expected = hashlib.sha256(b"16000 Hz, 1 channels\n" + whole.tobytes()).hexdigest()
    assert hashing.sample_hash(tmp_path / "b.mp3") == expected
