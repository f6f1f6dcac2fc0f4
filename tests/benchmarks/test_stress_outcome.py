"""The table of trials: what is run again replaces its rows."""

import pandas as pd

from benchmarks.stress import outcome


def test_rows_of_other_trials_stay_in_their_order(tmp_path):
    path = tmp_path / "stress.csv"
    first, second = outcome.Outcome("first", 10, wrong=1), outcome.Outcome("second", 20)
    outcome.save([first, second], path)
    outcome.save([outcome.Outcome("first", 30), outcome.Outcome("third", 40)], path)
    table = pd.read_csv(path)
    assert table["trial"].tolist() == ["first", "second", "third"]
    assert table["count"].tolist() == [30, 20, 40]
    assert table["wrong"].tolist() == [0, 0, 0]
    assert table.columns.tolist() == [*outcome.COLUMNS]


def test_examples_of_each_way_to_go_wrong_are_kept():
    found = outcome.Outcome("trial")
    for number in range(7):
        found.note("wrong", str(number))
    found.note("lost", "last")
    assert (found.wrong, found.lost) == (7, 1)
    assert found.examples == [*(f"wrong: {number}" for number in range(5)), "lost: last"]
    assert not found.passed
