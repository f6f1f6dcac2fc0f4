"""Memory stays where it is, in a few of the trials."""

import pytest

from benchmarks.stress import memory


def test_memory_that_grows_is_noted(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_apart", lambda *arguments: [100] * 5 + [120])
    assert memory.trainings(6, tmp_path).leftover == 1
    assert memory.recordings(96, tmp_path).leftover == 1
    monkeypatch.setattr(memory, "_apart", lambda *arguments: [100] * 5 + [105])
    assert memory.trainings(6, tmp_path).passed


def test_many_recordings_take_no_more_memory_than_some(tmp_path):
    assert memory.recordings(400, tmp_path).examples == []


@pytest.mark.slow
def test_many_trainings_take_no_more_memory_than_five(tmp_path):
    assert memory.trainings(7, tmp_path).examples == []
