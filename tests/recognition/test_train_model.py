"""A model is what `fit_fold` trains on all speakers, with what can be said of it."""

import dataclasses
import json

import numpy as np
import pytest
from small_models import QUICK_NETWORK, QUICK_SVM

from ser_lib import evaluate, systems
from ser_lib.errors import InputError
from ser_lib.evaluation.calibration import calibrate
from ser_lib.experiment.fold import FoldData, fit_fold
from ser_lib.experiment.plan import prepare
from ser_lib.features import extract, standardise_by
from ser_lib.protocols import Fold, SpeakerFolds
from ser_lib.recognition import load, train
from ser_lib.recognition.expected import matching_evaluation


def all_rows(corpus):
    nothing = np.empty(0, int)
    return Fold("all", np.arange(len(corpus.table)), nothing, nothing)


def test_posteriors_are_those_of_the_system_fitted_on_everybody(recogniser, corpus):
    system = systems.Svm(**QUICK_SVM)
    (features,) = extract(corpus, [system.front_end])
    data = FoldData(corpus.table, corpus.classes, features)
    classifier = fit_fold(system, data, all_rows(corpus), 0)
    assert recogniser.classifier.predict_proba(features) == pytest.approx(
        classifier.predict_proba(features), abs=1e-12
    )


def test_the_description_says_what_it_was_trained_on(recogniser, corpus):
    known = recogniser.description["corpus"]
    assert known["emotions"] == corpus.table["emotion"].value_counts().to_dict()
    assert (known["speakers"], known["utterances"]) == (3, len(corpus.table))
    assert known["licence"] == corpus.licence
    assert recogniser.description["parameters"]["C"] == [3.0]
    assert recogniser.description["normalisation"] == "train"
    # No folder of this machine and no name of a recording.
    text = (recogniser.folder / "model.json").read_text()
    assert not any(path in text for path in corpus.table["path"])
    assert corpus.table.index[0] not in text


def test_without_an_evaluation_speakers_are_held_out_for_the_temperature(recogniser, corpus):
    calibration = recogniser.description["calibration"]
    assert calibration["source"] == "further training"
    assert calibration["groups"] == 1
    assert calibration["rows"] == len(corpus.table) // 3
    assert calibration["after"] is None
    assert recogniser.description["expected"] is None
    assert recogniser.description["temperature"] == pytest.approx(
        calibration["temperature"], abs=1e-3
    )


def test_an_evaluation_of_the_same_specification_gives_scores_and_temperature(corpus, tmp_path):
    system = systems.Svm(**QUICK_SVM)
    other = systems.Svm(**QUICK_SVM | {"components": 3})
    evaluation = evaluate(system, corpus, progress=False)
    evaluate(other, corpus, progress=False)
    evaluate(system, corpus, folds=2, progress=False)
    folder = train(system, corpus, tmp_path / "model", progress=False)
    description = load(folder).description
    assert description["expected"]["digest"] == evaluation.record["digest"]
    assert description["expected"]["uar"] == pytest.approx(evaluation.scores()["uar"], abs=1e-4)
    assert evaluation.summary() in description["expected"]["summary"]
    rows = evaluation.rows()
    y = [corpus.classes.index(emotion) for emotion in rows["emotion"]]
    p = rows[[f"p_{c}" for c in corpus.classes]].to_numpy()
    fitted = calibrate(np.array(y), p, rows["speaker"])
    assert description["temperature"] == pytest.approx(fitted.temperature)
    assert description["calibration"]["source"] == "evaluation"
    assert description["calibration"]["after"] == pytest.approx(fitted.after, abs=1e-4)


def test_an_evaluation_under_another_specification_is_not_taken(corpus, tmp_path):
    evaluate(systems.Svm(**QUICK_SVM | {"components": 3}), corpus, progress=False)
    fewer = corpus.select(emotion=["anger", "sadness"])
    evaluate(systems.Svm(**QUICK_SVM), fewer, progress=False)
    folder = train(systems.Svm(**QUICK_SVM), corpus, tmp_path / "model", progress=False)
    assert load(folder).description["expected"] is None


@pytest.mark.slow
def test_only_whole_evaluations_on_unseen_speakers_say_what_to_expect(corpus):
    system = systems.Svm(**QUICK_SVM)
    plan = prepare(system, corpus)
    evaluate(system, corpus, protocol="random_80_20", progress=False)
    evaluate(system, corpus, folds=1, progress=False)
    assert matching_evaluation(plan) is None
    # More seeds are better, and the protocol of the plan is better than these.
    for options in (
        {"protocol": SpeakerFolds(k=3)},
        {"protocol": SpeakerFolds(k=3), "seeds": (1, 2)},
        {"protocol": SpeakerFolds(k=3), "seeds": (3, 4, 5)},
        {"seeds": (0,)},
    ):
        evaluation = evaluate(system, corpus, **options, progress=False)
        assert matching_evaluation(plan).record["digest"] == evaluation.record["digest"]


def test_the_training_for_the_temperature_is_not_done_twice(corpus, tmp_path, monkeypatch):
    system = systems.Svm(**QUICK_SVM | {"C": (2,)})
    train(system, corpus, tmp_path / "one", progress=False)
    seen = []

    def counted(system, data, fold, seed, checkpoint):
        seen.append(fold.name)
        return fit_fold(system, data, fold, seed, checkpoint)

    monkeypatch.setattr("ser_lib.experiment.fold.fit_fold", counted)
    monkeypatch.setattr("ser_lib.recognition.training.fit_fold", counted)
    train(system, corpus, tmp_path / "two", progress=False)
    assert seen == ["all speakers"]


def test_the_same_seed_gives_the_same_model(corpus, svm_folder, tmp_path):
    folder = train(systems.Svm(**QUICK_SVM), corpus, tmp_path / "small_svm", progress=False)
    one, other = (json.loads((f / "model.json").read_text()) for f in (svm_folder, folder))
    assert one["temperature"] == other["temperature"]
    assert one["classifier"] == other["classifier"]


def test_sums_over_the_targets_of_an_emotion(corpus, tmp_path):
    """Where women and men are learnt apart, posteriors of an emotion are summed."""
    system = systems.Svm(**QUICK_SVM, sex_labels=True, by_speaker=False)
    recogniser = load(train(system, corpus, tmp_path / "model", progress=False))
    targets = recogniser.description["classifier"]["targets"]
    assert {t.split("/")[0] for t in targets} == {"female", "male"}
    table = recogniser.predict(corpus.table["path"].iloc[0])
    assert table[[f"p_{c}" for c in corpus.classes]].sum(axis=1)[0] == pytest.approx(1, abs=1e-5)


def test_what_is_refused(corpus, tmp_path):
    folder = tmp_path / "model"
    nobody = dataclasses.replace(corpus, table=corpus.table.assign(speaker=None))
    with pytest.raises(
        InputError, match="normalisation 'speaker': the speaker of 84 utterances is"
    ):
        train(systems.Svm(), nobody, folder, normalisation="speaker")
    with pytest.raises(InputError, match="at least two emotions"):
        train(systems.Svm(), corpus.select(emotion="anger"), folder)
    assert not list(tmp_path.glob(".*"))
    assert not folder.exists()


def test_a_failed_training_leaves_nothing(corpus, tmp_path, monkeypatch):
    def broken(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("ser_lib.recognition.training.write_fitted", broken)
    with pytest.raises(KeyboardInterrupt):
        train(systems.Svm(**QUICK_SVM), corpus, tmp_path / "model", progress=False)
    assert [p.name for p in tmp_path.iterdir() if p.name != "reports"] == []


@pytest.mark.slow
def test_features_that_training_normalises_by_utterance_are_so_when_recognising(corpus, tmp_path):
    """The front end does not scale by itself: louder or quieter, the posteriors are the same."""
    corpus = corpus.select(emotion=["anger", "sadness"], speaker=corpus.speakers[:1])
    system = systems.CrnnAttention(**QUICK_NETWORK)
    folder = train(system, corpus, tmp_path / "model", normalisation="utterance", progress=False)
    recogniser = load(folder)
    (features,) = extract(corpus, [system.front_end])
    scaled = standardise_by(features, np.arange(len(features)))
    expected = recogniser.posteriors(scaled)
    table = recogniser.predict(list(corpus.table["path"]))
    columns = [f"p_{c}" for c in corpus.classes]
    assert table[columns].to_numpy() == pytest.approx(expected, abs=2e-6)


def test_a_corpus_too_small_to_hold_speakers_out_gives_a_model_without_temperature(
    corpus, tmp_path, capsys
):
    two = corpus.select(speaker=corpus.speakers[:2])
    recogniser = load(train(systems.Svm(**QUICK_SVM), two, tmp_path / "model", progress=False))
    assert recogniser.description["temperature"] == 1
    assert recogniser.description["calibration"] is None
    assert "expected two or more to search the grid over" in recogniser.description["uncalibrated"]
    assert "not calibrated" in capsys.readouterr().err


def test_a_corpus_that_was_made_in_python_can_train_a_model(corpus, tmp_path):
    made = dataclasses.replace(corpus, name="mine", recordings=None, reference=None)
    recogniser = load(train(systems.Svm(**QUICK_SVM), made, tmp_path / "model", progress=False))
    assert recogniser.description["corpus"]["name"] == "mine"
    assert recogniser.description["corpus"]["speech"] is None


def test_where_selection_leaves_no_feature_it_is_said(corpus, tmp_path):
    system = systems.Svm(**QUICK_SVM | {"alpha": 1e-300})
    with pytest.raises(InputError, match="svm, fold 'all speakers': no feature tells the emotions"):
        train(system, corpus, tmp_path / "model", progress=False)
    assert not (tmp_path / "model").exists()
