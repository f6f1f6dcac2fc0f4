"""Tables as people save them: each kind of form and damage once, as manifest and as split file."""

from benchmarks.stress import tables


def test_tables_are_read_rightly_or_refused(tmp_path):
    outcome = tables.tables(2 * len(tables._KINDS), tmp_path)
    assert outcome.passed, outcome.examples
