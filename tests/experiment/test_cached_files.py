"""Only what this package wrote into the cache is listed and removed."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from tiny import Tiny

from ser_lib import evaluate, paths
from ser_lib.errors import InputError
from ser_lib.experiment import cache
from ser_lib.neural.checkpoint import Checkpoint, TrainingState
from ser_lib.signal import WhiteNoise


@pytest.fixture
def filled(corpus):
    """A cache after an evaluation, with published weights that were put there by hand."""
    noisy = Tiny().front_end.degraded(WhiteNoise(snr=10))
    evaluate(Tiny(training_copies=(noisy,)), corpus, normalisation="speaker", folds=2)
    (paths.cache() / "weights").mkdir()
    (paths.cache() / "weights" / "alexnet-owt-7be5be79.pth").touch()
    (paths.cache() / "recordings.json").write_text("{}")
    return paths.cache()


def content(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_entries_come_by_part_corpus_and_content(filled):
    rows = [(e.part, e.corpus, e.content, e.files) for e in cache.entries()]
    assert rows == [
        ("evaluations", "", "", 2),
        ("features", "folder", "LogMel, Frames", 3),
        ("features", "folder", "LogMel, Frames, normalised by speaker", 3),
        ("features", "folder", "WhiteNoise, LogMel, Frames", 3),
        ("features", "folder", "WhiteNoise, LogMel, Frames, normalised by speaker", 3),
        ("recordings.json", "", "", 1),
        ("weights", "", "", 1),
    ]
    assert sum(e.size for e in cache.entries()) > 1000
    assert cache.foreign() == []


def test_all_of_it_is_removed_and_the_marker_stays(filled):
    cache.remove(cache.entries())
    assert content(filled) == {paths.CACHE_MARKER}
    assert cache.entries() == []
    cache.remove([])


def test_the_state_of_an_unfinished_training_is_removed_with_the_rest(filled):
    fold = next((filled / "evaluations").rglob("*.json"))
    state = Checkpoint(fold.with_suffix(".npz"), "of these rows")
    state.write(TrainingState([np.zeros(3)], [], 1, [], {}))
    assert state.file.is_file()
    assert cache.foreign() == []
    cache.remove(cache.select(cache.entries(), ["evaluations"]))
    assert not (filled / "evaluations").exists()


def test_parts_and_corpora_are_chosen_by_name(filled):
    chosen = cache.select(cache.entries(), ["folder", "weights"])
    cache.remove(chosen)
    assert content(filled) >= {"evaluations", "recordings.json"}
    assert not (filled / "features").exists()
    with pytest.raises(InputError, match=r"unknown part of the cache .*'evaluation'; did you mean"):
        cache.select(cache.entries(), ["evaluation"])


def test_foreign_files_in_a_cache_of_ours_are_named_and_stay(filled):
    theirs = ["notes.txt", "weights/mine.h5", "features/mine/values.npy", ".config/settings"]
    for name in theirs:
        (filled / name).parent.mkdir(exist_ok=True)
        (filled / name).write_text("mine")
    (filled / "evaluations" / "mine").symlink_to(filled / "features")
    named = {path.relative_to(filled).as_posix() for path in cache.foreign()}
    assert named == {"notes.txt", "weights/mine.h5", "features/mine", ".config", "evaluations/mine"}
    cache.remove(cache.entries())
    assert {name for name in content(filled) if (filled / name).is_file()} == {
        paths.CACHE_MARKER,
        *theirs,
    }


def test_an_entry_with_foreign_files_in_it_stays(filled, tmp_path):
    features, folds = (sorted((filled / part).iterdir())[0] for part in ("features", "evaluations"))
    (features / "notes.txt").write_text("mine")
    (folds / "own").mkdir()
    kept = content(features), content(folds)
    assert set(cache.foreign()) == {features, folds}
    cache.remove(cache.entries())
    assert (content(features), content(folds)) == kept
    assert content(filled / "features") == {
        features.name,
        *(f"{features.name}/{n}" for n in kept[0]),
    }


def test_a_cache_around_the_checkout_is_refused(monkeypatch):
    monkeypatch.setenv("SER_CACHE", str(Path(cache.__file__).parents[2]))
    with pytest.raises(InputError, match=r"it is or contains .*nothing was removed"):
        cache.remove([])


def test_a_folder_that_is_not_ours_is_refused_whole(filled, tmp_path, monkeypatch):
    (filled / paths.CACHE_MARKER).unlink()
    (filled / "thesis.tex").write_text("mine")
    before = content(filled)
    chosen = cache.entries()
    with pytest.raises(InputError, match=r"not made by ser_lib .* holds thesis\.tex"):
        cache.remove(chosen)
    assert content(filled) == before

    # Files of somebody else under names that we use, too.
    theirs = tmp_path / "theirs"
    (theirs / "weights").mkdir(parents=True)
    (theirs / "weights" / "alexnet-owt-7be5be79.pth").touch()
    monkeypatch.setenv("SER_CACHE", str(theirs))
    with pytest.raises(InputError, match=r"not made by ser_lib .* holds weights"):
        cache.remove(cache.entries())
    assert content(theirs) == {"weights", "weights/alexnet-owt-7be5be79.pth"}


def test_a_folder_without_the_marker_that_holds_only_ours_is_accepted(filled):
    (filled / paths.CACHE_MARKER).unlink()
    cache.remove(cache.entries())
    assert content(filled) == set()


@pytest.mark.parametrize("variable", ["HOME", "SER_DATA", "SER_REPORTS", "SER_NOTEBOOKS"])
@pytest.mark.parametrize("inside", [".", "deeper"])
def test_a_cache_that_holds_the_users_own_folders_is_refused(filled, monkeypatch, variable, inside):
    if variable == "HOME" and os.name == "nt":
        pytest.skip("the home folder is not told by HOME here")
    monkeypatch.setenv(variable, str(filled / inside))
    before = content(filled)
    with pytest.raises(InputError, match=r"it is or contains the .*nothing was removed"):
        cache.remove(cache.entries())
    assert content(filled) == before


def test_what_was_replaced_meanwhile_is_not_followed(filled, tmp_path):
    chosen = cache.entries()
    folder = chosen[1].paths[0]
    shutil.move(folder, tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    cache.remove(chosen)
    assert len(content(tmp_path / "elsewhere")) == 3


def test_no_cache_at_all_is_an_empty_one(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "none"))
    assert cache.entries() == []
    assert cache.foreign() == []
    cache.remove([])
    assert not (tmp_path / "none").exists()
