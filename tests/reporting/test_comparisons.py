"""Systems are compared with one of them, within one normalisation."""

from stored_evaluations import store

from ser_lib import paths
from ser_lib.evaluation import compare
from ser_lib.reporting import read_rows
from ser_lib.reporting.comparisons import section
from ser_lib.reporting.rows import one_per_system


def rows():
    return read_rows(paths.reports() / "folder")


def test_each_system_is_compared_with_the_svm_and_with_the_best(tmp_path):
    for system, accuracy in (("good", 1.0), ("svm", 0.7), ("poor", 0.3)):
        store(paths.reports(), system=system, accuracy=accuracy, seeds=(0, 1, 2))
    text, table = section(rows())
    with_svm, with_best, attainable = text.split("\n\n")
    # Of four speakers: 2 of 16 ways of swapping.
    assert attainable == (
        "Over 4 speakers no p can be below 0.12, and no corrected p of 2 comparisons below 0.25."
    )
    for sentence in (with_svm, with_best):
        assert sentence.startswith("**No difference can be told from chance (of 2); the clearest")
    assert "that of good and svm" in with_svm
    assert "that of svm and good" in with_best
    head, _, *lines = table.splitlines()
    assert head == (
        "| system | UAR less that of `svm` [95 %] | p | corrected p "
        "| UAR less that of `good` [95 %] | p | corrected p |"
    )
    assert [line.split(" | ")[0] for line in lines] == ["| `good`", "| `svm`", "| `poor`"]
    good, svm, poor = (row.evaluation.rows() for row in rows())
    assert lines[0].startswith(f"| `good` | {compare(good, svm).difference:+.3f} [")
    assert lines[0].endswith("|  |  |  |")
    assert lines[1].startswith(f"| `svm` |  |  |  | {compare(svm, good).difference:+.3f} [")
    assert f"| {compare(poor, svm).difference:+.3f} [" in lines[2]
    assert f"| {compare(poor, good).difference:+.3f} [" in lines[2]


def test_a_system_with_one_seed_is_named_as_such(tmp_path):
    store(paths.reports(), system="good", accuracy=1.0)
    store(paths.reports(), system="svm", accuracy=0.7, seeds=(0, 1, 2))
    text, _ = section(rows())
    assert "that of good (one seed) and svm (" in text


def test_without_an_svm_there_is_one_comparison(tmp_path):
    for system, accuracy in (("good", 1.0), ("poor", 0.2)):
        store(paths.reports(), system=system, accuracy=accuracy)
    _, table = section(rows())
    assert table.count("UAR less that of") == 1
    assert "UAR less that of `good`" in table
    assert "`poor`" in table.splitlines()[2]


def test_one_system_or_unknown_speakers_leave_nothing_to_compare(tmp_path):
    store(paths.reports(), system="svm")
    assert section(rows()) == []
    store(paths.reports(), system="other")
    read = rows()
    for row in read:
        row.evaluation.predictions["speaker"] = None
    assert section(read) == []


def test_a_system_is_represented_by_its_defaults_whatever_they_score(tmp_path):
    store(paths.reports(), system="svm", accuracy=0.5, seeds=(0, 1, 2))
    original = {"variant": "as_published", "sharpness": 2.0}
    store(paths.reports(), system="svm", accuracy=1.0, seeds=(0, 1, 2), **original)
    store(paths.reports(), system="svm", accuracy=1.0, sharpness=3.0)
    best = rows()[0]
    (row,) = one_per_system(rows())
    assert (row.values["variant"], row.values["seeds"]) == ("default", 3)
    assert row.record["digest"] != best.record["digest"]
