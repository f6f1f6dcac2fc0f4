"""A sample of the trial of damaged recordings."""

from benchmarks.stress.recordings import recordings


def test_damaged_recordings_are_read_whole_or_refused(tmp_path):
    outcome = recordings(200, tmp_path)
    assert outcome.count == 200
    assert outcome.passed, outcome.examples
