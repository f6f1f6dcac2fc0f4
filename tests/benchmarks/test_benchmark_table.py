"""Rounds become rows, rows a table, a CSV and figures."""

import itertools

import pandas as pd
import pytest

from benchmarks import harness, material, report, scale
from benchmarks.__main__ import main

MACHINE = {"cpu": "an abacus", "cores": "2", "versions": "python 3"}


def test_ways_take_turns_and_only_what_follows_the_warming_counts():
    calls, clock = [], itertools.count()
    ways = {"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}
    seconds = harness.interleaved(ways, 3, warm=1, clock=lambda: next(clock))
    assert "".join(calls) == "abababab"
    assert {name: times.tolist() for name, times in seconds.items()} == {
        "a": [1, 1, 1],
        "b": [1, 1, 1],
    }


@pytest.mark.parametrize(
    ("values", "target", "at_most", "met"),
    [([1, 5, 3], 3, False, "yes"), ([1, 2, 9], 3, False, "no"), ([1, 2, 9], 3, True, "yes")],
)
def test_the_median_is_held_against_the_target(values, target, at_most, met):
    row = harness.row("q", "w", "a", values, "u", target=target, at_most=at_most)
    assert (row.low, row.high, row.rounds, row.met) == (min(values), max(values), 3, met)


def rows(question, factor):
    return [
        harness.row(question, "fast", "slow", [3 * factor, 4 * factor], harness.TIMES_AS_FAST),
        harness.row(question, "other", "", [1 / 3], "GFLOPS"),
    ]


def growth():
    return [
        harness.row(scale.QUESTION, f"{work}{suffix}", f"{n:,} utterances", [n / 7], unit)
        for work in (scale.EXTRACTION, scale.TRAINING)
        for suffix, unit in (("", scale.PER_SECOND), (": peak memory", scale.MEGABYTES))
        for n in (500, 5_000)
    ]


def test_a_question_asked_again_replaces_its_rows_only(tmp_path):
    report.save([*rows("one", 1), *rows("two", 1)], MACHINE, tmp_path)
    written = report.save([*rows("two", 2), *growth()], MACHINE, tmp_path)
    assert [file.name for file in written] == ["benchmarks.csv", "ratios.png", "scale.png"]
    assert all(file.stat().st_size > 500 for file in written)
    table = pd.read_csv(written[0])
    fast = table[table["what"] == "fast"].set_index("question")
    assert fast["value"].to_dict() == {"one": 3.5, "two": 7}
    assert set(table["cpu"]) == {"an abacus"}


def test_numbers_have_three_digits():
    numbers = (1234.5, 12.345, 0.0012345, 0.0)
    assert [harness.rounded(n) for n in numbers] == [1230, 12.3, 0.00123, 0]
    assert "0.333" in report.text(rows("one", 1))


def test_growth_is_time_per_utterance_and_memory_of_the_largest_corpus_beside_the_one_before():
    found = scale._growth(growth())
    assert [row.value for row in found] == pytest.approx([0.1, 10, 0.1, 10])


def test_a_tiled_corpus_has_new_names_for_the_same_recordings():
    small = material.corpus(3)
    large = material.tiled(small, 7)
    assert len(large.table) == 7
    assert set(large.table["path"]) == set(small.table["path"])
    assert large.fingerprint != small.fingerprint


def test_an_unknown_benchmark_is_named_with_the_nearest(capsys):
    with pytest.raises(SystemExit):
        main(["trainig"])
    assert "training" in capsys.readouterr().err
