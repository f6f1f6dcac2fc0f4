"""Records, predictions and folds that were altered: an error that names the file, or no change."""

import json
import string

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ser_lib import identity
from ser_lib.errors import InputError
from ser_lib.evaluation import Evaluation
from ser_lib.experiment import record_form, results
from ser_lib.experiment.fold import FoldResult

QUICK = settings(derandomize=True, deadline=None, database=None, max_examples=60)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(string.printable),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def record():
    specification = {
        "corpus": {
            "version": "1",
            "subset": "all",
            "fingerprint": "f",
            "classes": ["anger", "fear"],
        },
        "normalisation": "train",
        "conditions": {},
        "seeds": [0],
        "folds": ["1"],
    }
    texts = ("system", "title", "backend", "corpus", "corpus_title", "corpus_licence", "protocol")
    return {
        "digest": identity.digest(specification),
        **dict.fromkeys((*texts, "protocol_title"), "x"),
        "variant": "default",
        **{"utterances": 2, "speakers": 2, "n_folds": 1},
        **{"speaker_disjoint": True, "partial": False},
        "specification": specification,
        **{"parameters": {}, "deviations": [], "published": []},
        "environments": [{"versions": {}, "hardware": {"cpu": "a", "cores": None, "gpu": None}}],
        "code": [{"roots": ["ser_lib.systems.svm"], "files": {}}],
        "runs": [
            {"seed": 0, "fold": "1", "fit_seconds": 1, "predict_seconds": 1, "n_parameters": 1}
        ],
    }


def table(posterior=0.7):
    return pd.DataFrame(
        {
            "utterance": ["u1", "u2"], "speaker": ["a", "b"], "fold": "1", "seed": 0,
            "part": "test", "condition": "clean", "emotion": ["anger", "fear"],
            "predicted": "anger", "p_anger": posterior, "p_fear": round(1 - posterior, 6),
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("reports") / "c" / "predictions" / "x-12345678.csv"
    results.write(Evaluation(table(), record()), path)
    return path


def test_other_posteriors_beside_a_record_are_an_error_that_names_both(path, tmp_path):
    other = tmp_path / path.name
    results.write(Evaluation(table(0.9), record()), other)
    other.with_suffix(".json").write_bytes(path.with_suffix(".json").read_bytes())
    with pytest.raises(InputError, match=rf"{path.name}: not the predictions of x-12345678\.json"):
        results.read(other)


@pytest.mark.parametrize("key", ["sha256", "predictions_sha256"])
def test_a_record_that_lost_one_of_its_checksums_was_altered(path, tmp_path, key):
    content = json.loads(path.with_suffix(".json").read_text())
    del content[key]
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"x\.json: .*its checksum is not that of its content"):
        results.read_record(tmp_path / "x.json")


@QUICK
@given(data=st.data())
def test_a_changed_byte_is_noticed_or_changes_nothing(path, tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("changed")
    for suffix in (".csv", ".json"):
        (folder / path.name).with_suffix(suffix).write_bytes(path.with_suffix(suffix).read_bytes())
    file = (folder / path.name).with_suffix(data.draw(st.sampled_from([".csv", ".json"])))
    content = bytearray(file.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    file.write_bytes(content)
    found, said = None, ""
    try:
        found = results.read(file)
    except InputError as error:
        said = str(error)
    if found is None:
        assert file.name in said
    else:
        assert (found.record, found.predictions.equals(table())) == (record(), True)


@QUICK
@given(content=st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_stands_in_the_place_of_a_record_is_an_input_error(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("other") / "x.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.json"):
        results.read_record(file)


def test_a_digest_of_another_specification_is_refused_however_it_is_sealed(tmp_path):
    results.write(Evaluation(table(), record() | {"digest": "0" * 64}), tmp_path / "x.csv")
    with pytest.raises(InputError, match=r"x\.json: the digest 00000000 is not that of the spec"):
        results.read(tmp_path / "x.csv")


def test_something_else_that_is_sealed_is_no_record(tmp_path):
    results.save_fold(tmp_path / "x.json", FoldResult(table(), {"history": []}))
    with pytest.raises(InputError, match=r"x\.json: no digest; expected the record"):
        results.read_record(tmp_path / "x.json")


@QUICK
@given(key=st.sampled_from(sorted(record())), value=JSON)
def test_any_value_in_a_record_has_the_right_form_or_is_named(key, value):
    problem = record_form.problem(record() | {key: value})
    assert problem is None or isinstance(problem, str)
    if type(value) is not type(record()[key]) and value is not None:
        assert problem is not None


@QUICK
@given(rows=st.lists(st.text(string.printable, max_size=60), max_size=5), data=st.booleans())
def test_whatever_stands_in_the_place_of_predictions_is_an_input_error(path, rows, data):
    head = path.read_text().splitlines()[0]
    file = path.with_name("y-12345678.csv")
    file.with_suffix(".json").write_bytes(path.with_suffix(".json").read_bytes())
    file.write_text("\n".join([head, *rows] if data else rows))
    with pytest.raises(InputError, match=r"y-12345678\.csv"):
        results.read(file)


@QUICK
@given(content=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_whatever_stands_in_the_place_of_a_fold_is_an_input_error(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("folds") / "seed0-1-123.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match="seed0-1-123"):
        results.load_fold(file)


def test_a_fold_is_read_as_it_was_stored(tmp_path):
    results.save_fold(tmp_path / "fold.json", FoldResult(table(), {"history": []}))
    again = results.load_fold(tmp_path / "fold.json")
    assert again.predictions.equals(table())
    assert again.record == {"history": []}
