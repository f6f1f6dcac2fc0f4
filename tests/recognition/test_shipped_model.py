"""The models that come with the package."""

import copy
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from ser_lib import load_corpus
from ser_lib.evaluation.predictions import describe_all_outputs, score_all_outputs
from ser_lib.experiment import results
from ser_lib.features import RaggedArray
from ser_lib.recognition import load
from ser_lib.recognition.recogniser import MODELS, SHIPPED, shipped

ROOT = Path(__file__).resolve().parents[2]
LARGEST = 2e6  # bytes


@pytest.fixture(scope="module", params=shipped())
def recogniser(request):
    return load(request.param)


def test_each_is_small_and_says_what_it_was_trained_on(recogniser):
    folder = MODELS / recogniser.name
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < LARGEST
    assert recogniser.folder == folder
    assert sum(recogniser.description["corpus"]["emotions"].values()) == 535
    card = (folder / "README.md").read_text()
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


def on_ravdess(recogniser):
    """Return the committed evaluation of a model on RAVDESS."""
    records = results.records(ROOT / "reports" / "ravdess")
    found = [results.read(path.with_suffix(".csv")) for path in records]
    (evaluation,) = (
        e
        for e in found
        if e.record["protocol_title"].startswith("trained on")
        and e.record["specification"]["model"] == recogniser.digest
    )
    return evaluation


def nested_score(system):
    """Return the committed UAR on EmoDB with the parameters chosen inside each fold."""
    table = pd.read_csv(ROOT / "reports" / "emodb" / "results.csv")
    own = (table["system"] == system) & (table["changes"] == "nested choice")
    (uar,) = table.loc[own, "uar"]
    return uar


def test_its_scores_on_another_corpus_are_those_of_the_committed_evaluation(recogniser):
    elsewhere = on_ravdess(recogniser)
    (entry,) = recogniser.description["evaluations"]
    assert entry["uar"] == pytest.approx(elsewhere.scores()["uar"], abs=1e-4)
    assert entry["all_outputs"] == describe_all_outputs(elsewhere.rows())


def test_the_pages_quote_the_scores(recogniser):
    readme, guide = (
        " ".join((ROOT / name).read_text().split()) for name in ("README.md", "docs/recognise.md")
    )
    expected, (entry,) = recogniser.description["expected"], recogniser.description["evaluations"]
    scores = [re.match(r"UAR (.*?\])", each["summary"])[1] for each in (expected, entry)]
    elsewhere = score_all_outputs(on_ravdess(recogniser).rows())
    if recogniser.by_speaker:
        said = f"with the 60 recordings of each actor it reaches {elsewhere['uar']:.3f} there"
        assert said in readme
    all_outputs = "{uar:.3f} [{uar_low:.3f}, {uar_high:.3f}]".format_map(elsewhere)
    assert f"| {' | '.join(scores)} | {all_outputs} |" in guide
    if recogniser.folder == SHIPPED:
        assert f"is {expected['uar']:.3f}, measured by training without them" in readme
        assert f"it is only {elsewhere['uar']:.3f}, where guessing gives 0.143" in readme
        sure, right = f"{elsewhere['largest_posterior']:.2f}", f"{100 * elsewhere['wa']:.0f} %"
        said = (
            f"{right} of these recordings are recognised, and yet the largest posterior is {sure}"
        )
        assert f"{said} on average" in readme
        assert f"largest posterior is {sure} on average, and {right} of" in guide
        nested = nested_score(recogniser.description["system"])
        among = "chosen inside each fold, among the trials of its search space"
        assert f"{among}, they reach {nested:.3f}" in guide
        after = recogniser.description["calibration"]["after"]
        assert f"calibration error of {after:.2f}" in guide


def test_the_guide_quotes_which_emotions_the_default_recognises_elsewhere():
    rows = on_ravdess(load(SHIPPED.name)).rows()
    recall = (rows["predicted"] == rows["emotion"]).groupby(rows["emotion"]).mean()
    of = {emotion: f"{100 * share:.0f} % of {emotion}" for emotion, share in recall.items()}
    guide = " ".join((ROOT / "docs" / "recognise.md").read_text().split())
    assert (
        f"the default recognises {of['disgust']} and {of['anger']}, but {of['happiness']} and "
        f"{of['fear']}, most of which it takes for these two"
    ) in guide
    missed = rows[
        rows["emotion"].isin(["happiness", "fear"]) & (rows["predicted"] != rows["emotion"])
    ]
    assert missed["predicted"].isin(["disgust", "anger"]).mean() > 0.5


def test_the_guide_quotes_which_emotions_are_recognised_by_the_statistics_of_a_speaker():
    rows = on_ravdess(load("ours_discriminant-emodb-speaker")).rows()
    recall = (rows["predicted"] == rows["emotion"]).groupby(rows["emotion"]).mean()
    of = {emotion: f"{100 * share:.0f} % of {emotion}" for emotion, share in recall.items()}
    assert (
        f"it recognises {of['neutral']} and {of['anger']}, but {of['sadness']}, most of which it "
        "takes for neutral"
    ) in " ".join((ROOT / "docs" / "recognise.md").read_text().split())
    missed = rows[(rows["emotion"] == "sadness") & (rows["predicted"] != "sadness")]
    assert (missed["predicted"] == "neutral").mean() > 0.5


def test_the_default_is_the_one_with_the_best_score():
    # Of those that need nothing but the recording.
    models = [model for model in map(load, shipped()) if not model.by_speaker]
    scores = {model.name: model.description["expected"]["uar"] for model in models}
    assert max(scores, key=scores.get) == SHIPPED.name


@pytest.fixture(scope="module")
def recordings():
    return list(load_corpus("synthetic", speakers=1, takes=1).table["path"])


def test_a_copy_recognises_the_same(recogniser, recordings, tmp_path, monkeypatch):
    if recogniser.by_speaker:
        recogniser = recogniser.for_speaker(recordings)
    expected = recogniser.predict(recordings[:5])
    stored = pickle.dumps(recogniser)
    # Wherever it is read.
    monkeypatch.chdir(tmp_path)
    for other in (copy.deepcopy(recogniser), copy.copy(recogniser), pickle.loads(stored)):
        pd.testing.assert_frame_equal(other.predict(recordings[:5]), expected)
        assert other.digest == recogniser.digest
    pd.testing.assert_frame_equal(recogniser.predict(recordings[:5]), expected)


# Of anger, boredom, disgust, fear, happiness, neutral and sadness.
POSTERIORS = {
    "crnn_attention-emodb": (0.0146, 0.1192, 0.0126, 0.0323, 0.0114, 0.0239, 0.7859),
    "ours_discriminant-emodb": (0.0000, 0.6540, 0.0002, 0.0110, 0.0000, 0.2002, 0.1347),
    "ours_discriminant-emodb-speaker": (0.0021, 0.0000, 0.0049, 0.0280, 0.8712, 0.0939, 0.0000),
}


def test_what_it_says_of_a_recording_does_not_change(recogniser, corpus):
    # With noise and of a low voice: descriptors of a perfectly periodic, high one are alike in so
    # many frames that rounding decides where their maxima are.
    rng = np.random.default_rng(0)
    voice = corpus.select(speaker="m02", emotion=["boredom", "neutral", "sadness"])
    signals = [soundfile.read(path, dtype="int16")[0] // 2 for path in voice.table["path"]]
    waveforms = [
        (signal + rng.integers(-100, 101, len(signal), dtype=np.int16), 16000) for signal in signals
    ]
    if recogniser.by_speaker:
        recogniser = recogniser.for_speaker(waveforms)
    ((result,),) = recogniser.results(waveforms[6:7])
    np.testing.assert_allclose(result.posteriors, POSTERIORS[recogniser.name], rtol=0, atol=2e-3)


def test_it_recognises_a_recording(recogniser, recordings):
    if recogniser.by_speaker:
        recogniser = recogniser.for_speaker(recordings)
    # One of which no posterior is so small that it was raised to the smallest that is given.
    results = {
        path: row[0].posteriors
        for path, row in zip(recordings, recogniser.results(recordings), strict=True)
    }
    recording = max(results, key=lambda path: results[path].min())
    found = recogniser.predict([recording])
    posteriors = found[[f"p_{name}" for name in recogniser.classes]].to_numpy(float)
    assert found["emotion"].iloc[0] in recogniser.classes
    np.testing.assert_allclose(posteriors.sum(), 1, atol=1e-6)
    if recogniser.description["attention_grid"]:
        assert recogniser.attention(recording)["weight"].sum() == pytest.approx(1, abs=1e-5)
    else:
        contributions = recogniser.contributions(recording)
        assert list(contributions) == list(recogniser.classes)
        assert tuple(contributions.index) == recogniser.front_end.feature_names
        # They sum to what the posteriors say, but for a constant.
        classifier, temperature = recogniser.classifier, recogniser.description["temperature"]
        medians = np.median(classifier.references, axis=0)[None]
        (result,) = next(recogniser.results([recording]))
        neutral = recogniser.posteriors(RaggedArray.from_list([medians]))
        logs = np.log(np.concatenate([result.posteriors[None], neutral]))
        above = logs - logs.mean(axis=1, keepdims=True)
        sums = contributions.sum() - classifier.contributions(medians)[0].sum(axis=1) / temperature
        np.testing.assert_allclose(sums, above[0] - above[1], atol=1e-6)
