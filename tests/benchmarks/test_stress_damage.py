"""What is damaged is noticed, and made again or refused."""

from benchmarks.stress.damage import damage


def test_a_damaged_file_is_made_again_or_refused_by_name(tmp_path):
    outcome = damage(12, tmp_path)
    assert outcome.count == 12
    assert outcome.passed, outcome.examples
