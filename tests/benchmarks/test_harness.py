"""Rounds become rows, rows a table, a CSV file and figures."""

import itertools

import pandas as pd
import pytest

from benchmarks import harness, scale
from benchmarks.__main__ import main

MACHINE = {"cpu": "an abacus", "cores": "2", "versions": "python 3"}


def test_alternatives_take_turns_and_rounds_of_warm_up_do_not_count():
    calls, clock = [], itertools.count()
    alternatives = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    seconds = harness.interleaved(alternatives, 3, warm_up=1, clock=lambda: next(clock))
    assert "".join(calls) == "abababab"
    assert {name: times.tolist() for name, times in seconds.items()} == {
        "a": [1, 1, 1],
        "b": [1, 1, 1],
    }


@pytest.mark.parametrize(
    ("values", "target", "at_most", "met"),
    [([1, 5, 3], 3, False, "yes"), ([1, 2, 9], 3, False, "no"), ([1, 2, 9], 3, True, "yes")],
)
def test_the_median_is_compared_with_the_target(values, target, at_most, met):
    row = harness.row("what", "against", values, "unit", target=target, at_most=at_most)
    assert (row["low"], row["high"]) == (min(values), max(values))
    assert (row["rounds"], row["met"]) == (3, met)


def rows(question, factor):
    ratio = harness.row("fast", "slow", [3 * factor, 4 * factor], harness.TIMES_AS_FAST)
    return [r | {"question": question} for r in (ratio, harness.row("other", "", [1 / 3], "s"))]


def sizes():
    return [
        harness.row(f"{work}{suffix}", f"{n:,} utterances", [n / 7], unit) | {"question": "scale"}
        for work in (scale.EXTRACTION, scale.TRAINING)
        for suffix, unit in (("", harness.PER_SECOND), (": peak memory", harness.MEGABYTES))
        for n in (500, 5_000)
    ]


def test_a_question_measured_again_replaces_its_rows_only(tmp_path):
    harness.save([*rows("one", 1), *rows("two", 1)], MACHINE, tmp_path)
    files = harness.save([*rows("two", 2), *sizes()], MACHINE, tmp_path)
    assert [file.name for file in files] == ["benchmarks.csv", "ratios.png", "scale.png"]
    assert all(file.stat().st_size > 500 for file in files)
    table = pd.read_csv(files[0])
    fast = table[table["what"] == "fast"].set_index("question")
    assert fast["value"].to_dict() == {"one": 3.5, "two": 7}
    assert set(table["cpu"]) == {"an abacus"}


def test_sizes_are_written_as_numbers():
    figure = harness.scale_curves(pd.DataFrame(sizes()))
    figure.draw_without_rendering()
    for ax in figure.axes:
        assert "1,000" in [label.get_text() for label in ax.get_xticklabels()]


def test_numbers_have_three_significant_digits():
    numbers = (1234.5, 12.345, 0.0012345, 0.0)
    assert [harness.short(n) for n in numbers] == ["1230", "12.3", "0.00123", "0"]
    assert "0.333" in harness.text(rows("one", 1))


def test_growth_compares_the_largest_corpus_with_the_second_largest():
    growth = scale.growth(sizes())
    assert [row["value"] for row in growth] == pytest.approx([0.1, 10, 0.1, 10])


def test_an_unknown_benchmark_is_named_with_the_nearest(capsys):
    with pytest.raises(SystemExit):
        main(["trainig"])
    assert "training" in capsys.readouterr().err
