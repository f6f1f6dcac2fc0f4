"""What is written is what is read, and what was altered is found out."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ser_lib import evaluate, identity
from ser_lib.errors import InputError
from ser_lib.experiment import results
from ser_lib.signal import WhiteNoise


@pytest.fixture
def written(corpus, system, predictions_folder):
    noise = {"noisy": WhiteNoise(snr=0)}
    evaluation = evaluate(system, corpus, seeds=(0, 1), conditions=noise)
    return evaluation, next(predictions_folder.glob("*.csv"))


def test_an_evaluation_is_read_as_it_was_written(written):
    evaluation, path = written
    for name in (path, path.with_suffix(".json"), str(path)):
        again = results.read(name)
        pd.testing.assert_frame_equal(again.predictions, evaluation.predictions, check_dtype=False)
        assert again.record == json.loads(json.dumps(evaluation.record))
    pd.testing.assert_series_equal(again.scores(), evaluation.scores())


def test_the_table_has_the_columns_order_and_posteriors_that_were_agreed(written):
    table = pd.read_csv(written[1])
    names = "utterance,speaker,fold,seed,part,condition,emotion,predicted"
    assert ",".join(table) == f"{names},p_anger,p_neutral,p_sadness"
    order = table[["seed", "fold", "part", "condition", "utterance"]].assign(
        part=table["part"].map({"test": 0, "dev": 1}),
        condition=table["condition"].map({"clean": 0, "noisy": 1}),
    )
    assert order.equals(order.sort_values(list(order.columns)))
    p = table.filter(like="p_")
    assert np.abs(p.sum(axis=1) - 1).max() <= 3e-6
    assert (p.idxmax(axis=1).str.removeprefix("p_") == table["predicted"]).all()
    assert p.map(lambda v: len(repr(v))).max().max() <= 8


def test_names_that_look_like_numbers_or_gaps_stay_names(written):
    evaluation, path = written
    table = evaluation.predictions.assign(fold="03", speaker="NA")
    results.write(type(evaluation)(table, evaluation.record), path)
    again = results.read(path).predictions
    assert set(again["fold"]) == {"03"}
    assert set(again["speaker"]) == {"NA"}


ALTERED = {
    "a row that is not sure": ("csv", ",0.", ",1.", "posteriors"),
    "a column of another name": ("csv", "p_anger", "p_angst", "expected utterance, speaker"),
    "an unknown part": ("csv", ",test,", ",exam,", "part 'exam'"),
    "no table": ("csv", "utterance", '"utterance', "not readable as CSV|columns"),
    "another specification": ("json", '"sharpness": 1', '"sharpness": 2', "altered: its checksum"),
    "no record": ("json", "{", "[", "cannot be read"),
    "a record of something else": ("json", '"runs"', '"walks"', "altered: its checksum"),
}


@pytest.mark.parametrize(("kind", "old", "new", "message"), ALTERED.values(), ids=ALTERED)
def test_altered_files_are_named(written, kind, old, new, message):
    path = written[1].with_suffix(f".{kind}")
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new) if "sharpness" in old else text.replace(old, new, 1))
    with pytest.raises(InputError, match=message) as caught:
        results.read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_missing_half_is_named(written, kind):
    path = written[1].with_suffix(f".{kind}")
    path.unlink()
    with pytest.raises(InputError, match=rf"{path.name}: no such file"):
        results.read(path)


def test_records_are_json_for_people():
    value = {"a": [1, 2], "b": {"long": "x" * 80, "longer": "y" * 80}, "c": list(range(100))}
    text = results.readable(value)
    assert json.loads(text) == value
    assert text.splitlines()[1] == '  "a": [1, 2],'
    assert len(text.splitlines()) == 8


RECORDS = sorted((Path(__file__).parents[2] / "reports").glob("*/predictions/*.json"))


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_the_records_of_this_study_are_read(path):
    record = results.read_record(path)
    assert record["variant"] in ("default", "as_published")
    assert record["digest"] == identity.digest(record["specification"])
    assert isinstance(record["parameters"], dict)
