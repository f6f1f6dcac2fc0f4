"""Features of a corpus are computed once, in parallel, resumably, and never taken for others."""

import dataclasses
import shutil
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from ser_lib import code_digest, paths
from ser_lib.errors import InputError, InputWarning
from ser_lib.features import (
    Descriptors,
    FrontEnd,
    Functionals,
    LogMel,
    Windows,
    cache,
    extract,
    storage,
)
from ser_lib.features.normalisation import standardise_by
from ser_lib.signal import WhiteNoise, decode

FRAMES = FrontEnd(analysis=LogMel(n_mels=8))
VECTORS = FrontEnd(analysis=Descriptors(), segmentation=Functionals())
NOISY = VECTORS.degraded(WhiteNoise(snr=(10, 20)))
COUNT = 40
PACKAGE = code_digest.PACKAGE


@pytest.fixture(scope="module")
def signals(speech):
    return [speech(0.1 + 0.01 * i, seed=i) for i in range(COUNT)]


@pytest.fixture
def corpus(tmp_path, monkeypatch, signals):
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    names = [f"u{i:02d}" for i in range(COUNT)]
    files = [tmp_path / f"{name}.wav" for name in names]
    for file, signal in zip(files, signals, strict=True):
        soundfile.write(file, signal, 16000)
    table = pd.DataFrame({"path": map(str, files)}, index=pd.Index(names, name="utterance"))
    return SimpleNamespace(name="tiny", fingerprint="f" * 64, table=table)


@pytest.fixture
def decoded(monkeypatch):
    """Paths decoded in this process, in order."""
    seen = []

    def counting(path, **options):
        seen.append(path)
        return decode(path, **options)

    monkeypatch.setattr(cache, "decode", counting)
    return seen


def assert_right(corpus, front_end, result):
    assert len(result) == len(corpus.table)
    for (utterance, path), row in zip(corpus.table["path"].items(), result, strict=True):
        np.testing.assert_array_equal(row, front_end(decode(path).signal, utterance))


def entries(tmp_path):
    return sorted(path for path in (tmp_path / "cache" / "features").iterdir())


def test_rows_are_those_of_the_front_end(corpus, tmp_path):
    result = FRAMES.extract(corpus)
    assert_right(corpus, FRAMES, result)
    assert isinstance(result.values, np.memmap)
    assert len(entries(tmp_path)) == 1


@pytest.mark.slow
def test_other_processes_compute_the_same_bits(corpus):
    expected = extract(corpus, [FRAMES, NOISY], jobs=1)
    corpus.fingerprint = "0" * 64
    for one, other in zip(extract(corpus, [FRAMES, NOISY], jobs=2), expected, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.offsets, other.offsets)


def test_one_decoding_serves_all_front_ends_that_miss(corpus, decoded):
    extract(corpus, [FRAMES], jobs=1)
    assert len(decoded) == COUNT
    results = extract(corpus, [VECTORS, FRAMES, NOISY, VECTORS], jobs=1)
    assert len(decoded) == 2 * COUNT
    for front_end, result in zip([VECTORS, FRAMES, NOISY, VECTORS], results, strict=True):
        assert_right(corpus, front_end, result)


def test_the_second_time_nothing_is_decoded(corpus, decoded):
    first = FRAMES.extract(corpus)
    del decoded[:]
    np.testing.assert_array_equal(FRAMES.extract(corpus).values, first.values)
    assert not decoded


@pytest.mark.parametrize(
    "change",
    [
        lambda corpus: setattr(corpus, "fingerprint", "0" * 64),
        lambda corpus: setattr(corpus, "table", corpus.table[::-1]),
        lambda corpus: setattr(corpus, "table", corpus.table[3:]),
    ],
    ids=["content", "order", "selection"],
)
def test_another_corpus_is_another_entry(corpus, decoded, change):
    FRAMES.extract(corpus)
    change(corpus)
    del decoded[:]
    assert_right(corpus, FRAMES, FRAMES.extract(corpus))
    assert len(decoded) == len(corpus.table)


@pytest.fixture
def edit(tmp_path, monkeypatch):
    """Replace text in a source file of a copy of the package, which the code digest then reads."""

    def edited(name, old, new):
        copy = tmp_path / f"source{len(list(tmp_path.glob('source*')))}"
        shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
        text = (copy / name).read_text()
        assert old in text
        (copy / name).write_text(text.replace(old, new, 1))
        monkeypatch.setattr(code_digest, "PACKAGE", copy)

    return edited


@pytest.fixture
def by_network(tmp_path):
    """A front end whose features a network with fixed weights computes."""
    from ser_lib.neural.segment_features import SegmentFeatures

    weights = tmp_path / "weights.h5"
    weights.touch()
    network = {"backbone": "squeezenet", "weights": weights, "side": 64}
    segments = SegmentFeatures(segments=Windows(length=32), **network)
    return FrontEnd(analysis=LogMel(n_mels=32), segmentation=segments)


def test_changed_code_is_another_entry_and_a_changed_comment_is_not(corpus, by_network, edit):
    def folders():
        return [cache.entry_folder(corpus, front_end) for front_end in (FRAMES, by_network)]

    before = folders()
    for name in ("neural/squeezenet.py", "features/log_mel.py", "features/front_end.py"):
        edit(name, "import", "# Why not.\nimport")
        assert folders() == before
    edit("neural/squeezenet.py", "def ", "COUNT = 1\n\n\ndef ")
    # Features that a network computes depend on its code, others do not.
    assert [one == other for one, other in zip(folders(), before, strict=True)] == [True, False]
    edit("features/log_mel.py", "def __call__", "COUNT = 1\n\n    def __call__")
    assert [one == other for one, other in zip(folders(), before, strict=True)] == [False, False]


def test_changed_code_of_a_normalisation_is_another_entry_of_normalised_features(corpus, edit):
    corpus.table = corpus.table[:4].assign(speaker=["a", "b"] * 2)

    def folders():
        return [
            *cache.extract_to_cache(corpus, [VECTORS], jobs=1),
            *cache.extract_to_cache(corpus, [VECTORS], normalisation="speaker", jobs=1),
        ]

    before = folders()
    edit("features/normalisation.py", "import numpy", "# Why not.\nimport numpy")
    assert folders() == before
    edit("features/normalisation.py", "def ", "COUNT = 1\n\n\ndef ")
    assert [one == other for one, other in zip(folders(), before, strict=True)] == [True, False]


def test_a_users_own_step_brings_its_source_along(corpus, decoded):
    def own():
        @dataclasses.dataclass(frozen=True)
        class Own:
            def __call__(self, signal, rate):
                return np.array([[signal.max()]])

        return FrontEnd(analysis=Own())

    own().extract(corpus, jobs=1)
    del decoded[:]
    own().extract(corpus, jobs=1)
    assert not decoded

    @dataclasses.dataclass(frozen=True)
    class Own:
        def __call__(self, signal, rate):
            return np.array([[signal.min()]])

    FrontEnd(analysis=Own()).extract(corpus, jobs=1)
    assert len(decoded) == COUNT


def test_a_killed_run_goes_on_where_it_stopped(corpus, decoded, monkeypatch, tmp_path):
    def killed(path, **options):
        if len(decoded) == 35:
            raise KeyboardInterrupt
        decoded.append(path)
        return decode(path, **options)

    with monkeypatch.context() as patch:
        patch.setattr(cache, "decode", killed)
        with pytest.raises(KeyboardInterrupt):
            extract(corpus, [FRAMES, VECTORS], jobs=1)
    assert all(path.name.endswith(".partial") for path in entries(tmp_path))
    del decoded[:]
    results = extract(corpus, [FRAMES, VECTORS], jobs=1)
    assert [path[-7:-4] for path in decoded] == [f"u{i}" for i in range(32, 40)]
    assert_right(corpus, FRAMES, results[0])
    assert_right(corpus, VECTORS, results[1])
    assert len(entries(tmp_path)) == 2
    assert not any(path.name.endswith(".partial") for path in entries(tmp_path))


def test_a_damaged_block_is_made_again(corpus, decoded, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        # The blocks are finished, and then the disk is full.
        patch.setattr(paths, "whole_folder", lambda path: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            FRAMES.extract(corpus, jobs=1)
    block = sorted(entries(tmp_path)[0].iterdir())[1]
    content = bytearray(block.read_bytes())
    content[len(content) // 2] ^= 1
    block.write_bytes(content)
    del decoded[:]
    assert_right(corpus, FRAMES, FRAMES.extract(corpus, jobs=1))
    assert len(decoded) == 16


def test_a_block_whose_lengths_do_not_fit_its_values_is_damaged(tmp_path):
    path = tmp_path / "000000.npz"
    storage.write_block(path, [np.zeros((2, 1)), np.zeros((3, 1))], {})
    with np.load(path) as arrays:
        np.savez(path, **dict(arrays) | {"lengths": np.array([2, 4])})
    with pytest.raises(InputError, match="lengths and values do not fit"):
        storage.read_block(path)


@pytest.mark.parametrize("name", ["values.npy", "offsets.npy", "meta.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "other", "a bit", "zeros"])
def test_a_damaged_entry_is_made_again(corpus, tmp_path, name, damage):
    FRAMES.extract(corpus)
    file = entries(tmp_path)[0] / name
    content = file.read_bytes()
    file.unlink()
    if damage == "other":
        VECTORS.extract(corpus)
        (folder,) = set(entries(tmp_path)) - {file.parent}
        file.write_bytes((folder / name).read_bytes())
    elif damage != "missing":
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 16]) + content[middle + 1 :]
        forms = {"empty": b"", "half": content[:middle], "a bit": flipped}
        file.write_bytes(forms.get(damage, bytes(len(content))))
    with pytest.warns(InputWarning, match=rf"made again: .*{file.parent.name}") as said:
        assert_right(corpus, FRAMES, FRAMES.extract(corpus))
    assert len(said) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_right(corpus, FRAMES, FRAMES.extract(corpus))


@pytest.mark.parametrize("name", ["values.npy", "offsets.npy", "meta.json"])
def test_damaged_normalised_features_are_made_again(corpus, name):
    corpus.table = corpus.table.assign(speaker=["a", "b"] * (COUNT // 2))

    def normalised():
        (folder,) = cache.extract_to_cache(corpus, [FRAMES], normalisation="speaker")
        return folder

    folder = normalised()
    expected = {path.name: path.read_bytes() for path in folder.iterdir()}
    # In the last byte, which no header and no length gives away.
    (folder / name).write_bytes(expected[name][:-1] + bytes([expected[name][-1] ^ 16]))
    with pytest.warns(InputWarning, match=rf"made again: .*{folder.name}") as said:
        assert normalised() == folder
    assert len(said) == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == expected


def test_features_that_the_disk_has_no_room_for_are_refused_before_they_are_written(
    corpus, tmp_path, monkeypatch
):
    sizes = []

    def refuse(folder, size):
        sizes.append(size)
        raise InputError("0.0 MB are free on this disk")

    with monkeypatch.context() as patch:
        patch.setattr(paths, "require_space", refuse)
        with pytest.raises(InputError, match=r"0\.0 MB are free"):
            VECTORS.extract(corpus, jobs=1)
    assert all(path.name.endswith(".partial") for path in entries(tmp_path))
    values = VECTORS.extract(corpus, jobs=1).values
    assert sizes == [values.nbytes]


def test_blocks_of_a_run_that_came_second_are_removed(corpus, tmp_path):
    FRAMES.extract(corpus)
    (entry,) = entries(tmp_path)
    rest = entry.with_name(f"{entry.name}.partial")
    rest.mkdir()
    (rest / "000001.npz").touch()
    FRAMES.extract(corpus)
    assert entries(tmp_path) == [entry]


@pytest.mark.parametrize("jobs", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_bad_recording_is_named_and_nothing_half_written(corpus, tmp_path, jobs):
    bad = tmp_path / "u20.wav"
    bad.write_bytes(b"")
    with pytest.raises(InputError, match=r"u20\.wav: is empty"):
        FRAMES.extract(corpus, jobs=jobs)
    assert all(path.name.endswith(".partial") for path in entries(tmp_path))


@dataclasses.dataclass(frozen=True)
class Stumbling:
    def __call__(self, signal, rate):
        return np.zeros((1, 1)) if len(signal) < 5000 else {}["nothing"]


@dataclasses.dataclass(frozen=True)
class Uneven:
    def __call__(self, signal, rate):
        return np.zeros((1, 1 if len(signal) < 16000 * 0.255 else 2))


def test_a_step_that_stumbles_names_the_recording(corpus):
    with pytest.raises(InputError, match=r"u22\.wav: .* KeyError: 'nothing'"):
        FrontEnd(analysis=Stumbling()).extract(corpus, jobs=1)


def test_items_of_different_shapes_are_refused(corpus, tmp_path):
    with pytest.raises(InputError, match="expected a front end that gives the same"):
        FrontEnd(analysis=Uneven()).extract(corpus, jobs=1)
    assert all(path.name.endswith(".partial") for path in entries(tmp_path))


def test_what_was_handled_is_said_once(corpus, tmp_path, speech):
    soundfile.write(tmp_path / "u03.wav", np.stack([speech(1)] * 2, axis=1), 16000)
    soundfile.write(tmp_path / "u17.wav", np.stack([speech(1)] * 2, axis=1), 16000)
    soundfile.write(tmp_path / "u30.wav", speech(1, 48000), 48000)
    soundfile.write(tmp_path / "u31.wav", np.zeros(16000), 16000)
    with pytest.warns(InputWarning) as record:
        extract(corpus, [FRAMES, VECTORS], jobs=1)
    assert len(record) == 1
    assert str(record[0].message) == (
        "handled among the 40 recordings of tiny: "
        f"2 channels, averaged to one: 2, the first {tmp_path}/u03.wav; "
        f"48000 Hz, resampled to 16000 Hz: 1, the first {tmp_path}/u30.wav; "
        f"silent: 1, the first {tmp_path}/u31.wav"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        FRAMES.extract(corpus)


def test_a_corpus_without_utterances_is_refused(corpus):
    corpus.table = corpus.table[:0]
    with pytest.raises(InputError, match="corpus tiny has no utterances"):
        FRAMES.extract(corpus)


@pytest.mark.parametrize("how", ["speaker", "utterance"])
def test_normalised_features_are_entries_of_their_own(corpus, tmp_path, how):
    corpus.table = corpus.table.assign(speaker=["a", "b"] * (COUNT // 2))
    groups = corpus.table["speaker"] if how == "speaker" else range(COUNT)
    (folder,) = cache.extract_to_cache(corpus, [FRAMES], normalisation=how)
    features = cache.open_features(folder)
    assert isinstance(features.values, np.memmap)
    expected = standardise_by(FRAMES.extract(corpus), list(groups))
    np.testing.assert_array_equal(features.values, expected.values)
    written = (folder / "values.npy").stat().st_mtime_ns
    assert cache.extract_to_cache(corpus, [FRAMES], normalisation=how) == [folder]
    assert (folder / "values.npy").stat().st_mtime_ns == written
    # What needs no scaling is not stored twice.
    cache.extract_to_cache(corpus, [FRAMES], normalisation="utterance", per_utterance=True)
    assert len(entries(tmp_path)) == 2
    corpus.table = corpus.table.assign(speaker=["a", "a", "b", "b"] * (COUNT // 4))
    again = cache.extract_to_cache(corpus, [FRAMES], normalisation=how)
    assert (again == [folder]) == (how == "utterance")


def test_a_process_that_does_not_see_the_cache_says_so(tmp_path):
    with pytest.raises(InputError, match=r"does not see .*elsewhere; expected a cache"):
        cache.open_features(tmp_path / "elsewhere")
