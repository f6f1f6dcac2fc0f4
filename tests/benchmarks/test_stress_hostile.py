"""Files, names and parameters from elsewhere do no harm."""

from benchmarks.stress.hostile import hostile


def test_nothing_from_elsewhere_runs_writes_or_marks_up(tmp_path):
    outcome = hostile(30, tmp_path)
    assert outcome.count == 30
    assert outcome.passed, outcome.examples
