"""Systems are compared with one of them, within one normalisation."""

from stored_evaluations import store

from ser_lib import paths
from ser_lib.evaluation import compare
from ser_lib.reporting import read_rows
from ser_lib.reporting.comparisons import section
from ser_lib.reporting.rows import one_per_system


def rows():
    return read_rows(paths.reports() / "folder")


def test_each_system_is_compared_with_the_svm_and_the_smallest_p_is_stated(tmp_path):
    for system, accuracy in (("good", 1.0), ("svm", 0.7), ("poor", 0.3)):
        store(paths.reports(), system=system, accuracy=accuracy, seeds=(0, 1, 2))
    conclusion, table = section(rows())
    # Of four speakers: 2 of 16 ways of swapping.
    assert conclusion.startswith("**No difference can be told from chance (of 2); the clearest is")
    assert conclusion.endswith(
        "Over 4 speakers no p can be below 0.12, and no corrected p of 2 comparisons below 0.25."
    )
    head, _, *lines = table.splitlines()
    assert head == "| system | UAR less that of `svm` [95 %] | p | corrected p |"
    assert [line.split(" | ")[0] for line in lines] == ["| `good`", "| `poor`"]
    good, svm, _ = (row.evaluation.rows() for row in rows())
    assert lines[0].startswith(f"| `good` | {compare(good, svm).difference:+.3f} [")


def test_the_best_takes_the_place_of_a_missing_svm(tmp_path):
    for system, accuracy in (("good", 1.0), ("poor", 0.2)):
        store(paths.reports(), system=system, accuracy=accuracy)
    _, table = section(rows())
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
    (row,) = one_per_system(rows())
    assert (row.values["variant"], row.values["seeds"]) == ("default", 3)
    assert row is not rows()[0]
