"""The model that comes with the package."""

from pathlib import Path

import numpy as np
import pytest

from ser_lib import load_corpus
from ser_lib.experiment import results
from ser_lib.recognition import load
from ser_lib.recognition.recogniser import SHIPPED

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def recogniser():
    return load()


def test_it_is_small_and_says_what_it_was_trained_on(recogniser):
    size = sum(path.stat().st_size for path in SHIPPED.rglob("*") if path.is_file())
    assert size < 2e6
    assert recogniser.folder == SHIPPED
    assert sum(recogniser.description["corpus"]["emotions"].values()) == 535
    card = (SHIPPED / "README.md").read_text()
    for said in ("acted", "language: de", "10 speakers", "CC BY 4.0", "Must not be used for"):
        assert said in card


def test_its_scores_are_those_of_the_committed_evaluation(recogniser):
    expected = recogniser.description["expected"]
    predictions = ROOT / "reports" / "emodb" / "predictions"
    (record,) = predictions.glob(
        f"{recogniser.description['system']}-{expected['digest'][:8]}.json"
    )
    scores = results.read(record.with_suffix(".csv")).scores()
    for name in ("uar", "uar_low", "uar_high", "wa"):
        assert expected[name] == pytest.approx(scores[name], abs=1e-4)


def test_its_scores_on_another_corpus_are_those_of_the_committed_evaluation(recogniser):
    predictions = ROOT / "reports" / "ravdess" / "predictions"
    found = [results.read(path.with_suffix(".csv")) for path in results.records(predictions.parent)]
    (other,) = (e for e in found if e.record["protocol_title"].startswith("trained on"))
    (entry,) = recogniser.description["evaluations"]
    assert entry["uar"] == pytest.approx(other.scores()["uar"], abs=1e-4)


def test_the_readme_quotes_its_scores(recogniser):
    readme = (ROOT / "README.md").read_text()
    (entry,) = recogniser.description["evaluations"]
    assert f"UAR is {recogniser.description['expected']['uar']:.3f} on speakers" in readme
    assert f"{entry['uar']:.3f} on English actors" in readme


def test_it_recognises_a_recording(recogniser):
    table = load_corpus("synthetic", speakers=1, takes=1).table
    found = recogniser.predict([table["path"].iloc[0]])
    posteriors = found[[f"p_{name}" for name in recogniser.classes]].to_numpy(float)
    assert found["emotion"].iloc[0] in recogniser.classes
    np.testing.assert_allclose(posteriors.sum(), 1, atol=1e-6)
    attention = recogniser.attention(table["path"].iloc[0])
    assert attention["weight"].sum() == pytest.approx(1, abs=1e-5)
