"""The classifier of one fold, to look into: the one whose predictions the evaluation holds."""

import shutil

import joblib
import numpy as np
import pandas as pd
import pytest
from tiny import NearestMean, Tiny

from ser_lib import evaluate, paths
from ser_lib.errors import InputError
from ser_lib.experiment import train_fold
from ser_lib.signal import WhiteNoise


def test_it_predicts_what_the_evaluation_holds(corpus, system):
    rows = evaluate(system, corpus).rows()
    features = system.front_end.extract(corpus)
    for name in ("s0", "s2"):
        classifier, fold = train_fold(system, corpus, fold=name)
        assert fold.name == name
        assert set(corpus.table["speaker"].iloc[fold.test]) == {name}
        expected = rows[rows["fold"] == name].set_index("utterance")
        expected = expected.loc[corpus.table.index[fold.test]]
        posteriors = classifier.predict_proba(features.take(fold.test))
        columns = [f"p_{emotion}" for emotion in classifier.classes_]
        np.testing.assert_allclose(posteriors, expected[columns], atol=1e-6)


@pytest.mark.parametrize("folds", [None, 2, ["s0", "s1"], "s0"])
def test_the_first_of_the_folds_and_never_on_its_test_rows(corpus, system, folds):
    _, fold = train_fold(system, corpus, fold=folds)
    (call,) = NearestMean.trained_on
    assert fold.name == "s0"
    assert "s0" not in set(call["groups"])


@pytest.mark.parametrize("options", [{}, {"conditions": {"noisy": WhiteNoise(snr=0)}}])
def test_an_evaluation_does_not_train_its_fold_again(corpus, system, options):
    expected = evaluate(system, corpus, **options)
    NearestMean.trained_on.clear()
    train_fold(system, corpus, seed=1, fold="s2", **options)
    evaluation = evaluate(system, corpus, seeds=(0, 1), **options)
    assert len(NearestMean.trained_on) == 1 + 3
    first = evaluation.predictions[evaluation.predictions["seed"] == 0]
    pd.testing.assert_frame_equal(first, expected.predictions)


def test_what_an_evaluation_wrote_stays_as_it_is(corpus, system, predictions_folder):
    evaluate(system, corpus)
    before = {path: path.read_bytes() for path in predictions_folder.iterdir()}
    train_fold(system, corpus)
    evaluate(system, corpus)
    assert {path: path.read_bytes() for path in predictions_folder.iterdir()} == before


def test_a_fold_that_the_reports_have_stays_as_it_is_on_another_machine(corpus, monkeypatch):
    expected = evaluate(Tiny(), corpus).predictions
    shutil.rmtree(paths.cache() / "evaluations")
    predict = NearestMean.predict_proba
    # Another machine: other last digits.
    monkeypatch.setattr(
        NearestMean, "predict_proba", lambda machine, X: (predict(machine, X) + 0.001) / 1.003
    )
    train_fold(Tiny(), corpus)
    pd.testing.assert_frame_equal(evaluate(Tiny(), corpus).predictions, expected)


def test_a_misspelt_fold_is_named(corpus, system):
    with pytest.raises(InputError, match="unknown fold of leave_one_speaker_out 's7'"):
        train_fold(system, corpus, fold="s7")


class Refusing(joblib.parallel.SequentialBackend):
    def configure(self, *arguments, **options):
        raise AssertionError("left this process")


class Searching(NearestMean):
    def fit(self, X, y, **options):
        joblib.Parallel()(joblib.delayed(abs)(i) for i in range(2))
        return super().fit(X, y, **options)


class SearchingSystem(Tiny):
    def classifier(self, seed=0):
        return Searching(seed=seed)


def test_the_search_of_a_grid_stays_in_this_process(corpus):
    with joblib.parallel_config(backend=Refusing()):
        train_fold(SearchingSystem(), corpus)
