"""A few of the trials of kills, signals, races and full disks find nothing wrong."""

import os

import pytest

from benchmarks.stress import commands, disks, kills, races, signals

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")


@pytest.mark.parametrize(
    ("trial", "count"),
    [(kills.kills, 2), (races.races, 2), (disks.disks, 1)],
    ids=["kills", "races", "disks"],
)
def test_a_few_trials_pass(trial, count, tmp_path):
    assert trial(count, tmp_path).examples == []


@pytest.mark.slow
def test_a_signal_leaves_one_line(tmp_path):
    assert signals.signals(3, tmp_path).examples == []


def test_what_differs_is_named():
    found, expected = {"a": b"1", "b": b"2"}, {"b": b"3", "c": b"4"}
    assert commands.differences(found, expected) == ["a is left", "c is missing", "b differs"]


def test_leftovers_are_seen(tmp_path):
    home = commands.Home(tmp_path / "home")
    cache = home.folder / "cache"
    (cache / "features" / "abc.partial").mkdir(parents=True)
    (cache / "features" / ".abc.0123abcd").touch()
    (cache / "recordings.json").touch()
    (home.folder / "temporary" / "tmp1").touch()
    names = {"cache/features/abc.partial", "cache/features/.abc.0123abcd", "temporary/tmp1"}
    assert set(home.leftovers()) == names
