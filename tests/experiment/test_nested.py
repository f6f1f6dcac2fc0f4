"""Each fold chooses its parameters on its own training speakers, and tests once."""

import itertools
import json

import numpy as np
import pandas as pd
import pytest
from tiny import NearestMean, Tiny, interrupt_after, trained

from ser_lib import paths, protocols
from ser_lib.errors import DivergenceError, InputError
from ser_lib.experiment import evaluate, evaluate_nested, read
from ser_lib.experiment.nested import InnerFolds
from ser_lib.reporting import read_rows

TRIALS = {"default": {}, "blunt": {"sharpness": 1e-4}}


def nested(*arguments, seeds=(0,), **options):
    return evaluate_nested(*arguments, seeds=seeds, **options)


def test_inner_folds_are_of_the_training_speakers_alone(corpus):
    outer = protocols.make("leave_one_speaker_out")
    speakers = corpus.table["speaker"].to_numpy()
    inner = InnerFolds(outer, 3).folds(corpus.table)
    assert len(inner) == 4 * 3
    for fold in outer.folds(corpus.table):
        own = [f for f in inner if f.name.startswith(f"{fold.name}, inner ")]
        developed = np.concatenate([f.development for f in own])
        assert sorted(developed) == sorted([*fold.train, *fold.development])
        for each in own:
            np.testing.assert_array_equal(each.test, fold.test)
            parts = [set(speakers[rows]) for rows in each.parts().values()]
            assert sum(map(len, parts)) == len(set.union(*parts)) == 4


def test_inner_folds_divide_no_session_and_are_fewer_where_there_are_few(corpus):
    def with_sessions(**of):
        return corpus.table.assign(session=corpus.table["speaker"].map(of))

    outer = protocols.make("leave_one_speaker_out")
    table = with_sessions(s1="1", s2="1", s3="2")
    inner = InnerFolds(outer, 3).folds(table)
    assert len(inner) == 4 * 2
    for fold in inner:
        sessions = [set(table["session"].iloc[rows].dropna()) for rows in fold.parts().values()]
        assert not any(a & b for a, b in itertools.combinations(sessions, 2))
    with pytest.raises(InputError, match=r"fold s0 of leave_.* has one group: s2\+s3; speakers of"):
        InnerFolds(outer, 3).folds(with_sessions(s0="1", s1="1", s2="2", s3="2"))


def test_the_test_speaker_has_no_say_in_the_choice(corpus, monkeypatch):
    asked = []
    answer = NearestMean.predict_proba

    def spy(self, X):
        asked.append([np.asarray(row).tobytes() for row in X])
        return answer(self, X)

    monkeypatch.setattr(NearestMean, "predict_proba", spy)
    nested(Tiny, corpus, TRIALS, folds=["s1"])
    fold = next(f for f in protocols.make(corpus.protocol).folds(corpus.table) if f.name == "s1")
    features = Tiny().front_end.extract(corpus)
    tested = {np.asarray(features[i]).tobytes() for i in fold.test}
    groups = [set(own["groups"]) for own in NearestMean.trained_on]
    assert len(groups) == 2 * 3 + 1
    assert not any("s1" in own for own in groups)
    # The test rows are asked for once, by the last training.
    assert [bool(tested & set(rows)) for rows in asked[:-2]] == [False] * (len(asked) - 2)
    assert sum(bool(tested & set(rows)) for rows in asked) == 1


class ByFold(NearestMean):
    """Right with sharpness 2 where s1 is not in the training, elsewhere with sharpness 1."""

    def fit(self, X, y, *, groups=None, **options):
        super().fit(X, y, groups=groups, **options)
        self.right_ = self.sharpness == (1.0 if "s1" in groups else 2.0)
        return self

    def predict_proba(self, X):
        p = super().predict_proba(X)
        return p if self.right_ else np.roll(p, 1, axis=1)


class ByFoldSystem(Tiny):
    def classifier(self, seed=0):
        return ByFold(sharpness=self.sharpness, seed=seed)


def test_each_fold_takes_what_is_best_on_its_own_speakers(corpus):
    trials = {
        name: {"sharpness": sharpness, "needs_development": False}
        for name, sharpness in (("one", 1.0), ("two", 2.0))
    }
    evaluation = nested(ByFoldSystem, corpus, trials)
    choices = evaluation.record["choices"]
    assert {fold: own["trial"] for fold, own in choices.items()} == {
        **{"s0": "one", "s1": "two", "s2": "one", "s3": "one"}
    }
    assert choices["s1"]["development_uar"] == {"one": 0.0, "two": 1.0}
    # In one of its three inner folds s1 is not in the training.
    assert choices["s0"]["development_uar"] == pytest.approx({"one": 2 / 3, "two": 1 / 3}, abs=1e-4)
    assert evaluation.scores()["uar"] == 1
    runs = {run["fold"]: run["trial"] for run in evaluation.record["runs"]}
    assert runs == {fold: own["trial"] for fold, own in choices.items()}
    assert list(runs) == ["s0", "s1", "s2", "s3"]


class OneSided(NearestMean):
    """Says neutral of everything with sharpness 1, elsewhere never, and is right otherwise."""

    def predict_proba(self, X):
        right = super().predict_proba(X).argmax(axis=1)
        said = np.ones_like(right) if self.sharpness == 1 else np.where(right == 1, 0, right)
        return np.eye(3)[said]


class OneSidedSystem(Tiny):
    def classifier(self, seed=0):
        return OneSided(sharpness=self.sharpness, seed=seed)


def test_what_is_best_is_said_by_the_uar_not_by_the_accuracy(unbalanced):
    # Of five recordings of each speaker three are neutral: an accuracy of 0.6 against 0.4.
    candidates = {"neutral": {}, "never neutral": {"sharpness": 2.0}}
    evaluation = nested(OneSidedSystem, unbalanced, candidates, folds=["s0"])
    assert evaluation.record["choices"]["s0"] == {
        "trial": "never neutral",
        "development_uar": {"neutral": 0.3333, "never neutral": 0.6667},
    }


def test_of_equals_the_surer_is_taken_and_its_rows_are_those_of_an_evaluation(corpus):
    evaluation = nested(Tiny, corpus, TRIALS, seeds=(0, 1))
    assert {c["trial"] for c in evaluation.record["choices"].values()} == {"default"}
    assert {run["trial"] for run in evaluation.record["runs"]} == {"default"}
    trained()
    plain = evaluate(Tiny(), corpus, seeds=(0, 1))
    assert trained() == 0, "the chosen trainings are those of an evaluation"
    pd.testing.assert_frame_equal(evaluation.predictions, plain.predictions)
    assert evaluation.record["digest"] != plain.record["digest"]


def test_the_folds_of_a_table_are_divided_once_more_inside(corpus):
    protocol = protocols.make("leave_one_speaker_out")
    table = protocols.split_table(protocol.folds(corpus.table), corpus.table)
    split = protocols.SplitFile(table)
    evaluation = nested(Tiny, corpus, TRIALS, protocol=split)
    assert evaluation.record["protocol"] == "split_file"
    assert set(evaluation.record["choices"]) == set(table["fold"])
    # The same rows under another protocol's name are another evaluation; the same again is not.
    assert trained() > 0
    again = nested(Tiny, corpus, TRIALS, protocol=protocols.SplitFile(table.copy()))
    assert again.record["digest"] == evaluation.record["digest"]


def test_reports_that_cannot_be_written_are_refused_before_the_training(corpus, tmp_path):
    trained()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"file: is no folder; expected one for the reports"):
        nested(Tiny, corpus, TRIALS, reports=tmp_path / "file")
    assert trained() == 0


def test_it_is_stored_resumed_and_shown_as_what_it_is(corpus, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(5, patch)
        nested(Tiny, corpus, TRIALS)
    assert trained() == 5
    evaluation = nested(Tiny, corpus, TRIALS)
    assert trained() == 4 * (2 * 3 + 1) - 5
    again = nested(Tiny, corpus, TRIALS)
    assert trained() == 0
    assert again.record["digest"] == evaluation.record["digest"]
    (path,) = (paths.reports() / "folder" / "predictions").glob("tiny-*.json")
    assert read(path).record["choices"] == evaluation.record["choices"]
    assert read(path).record["trials"]["blunt"] == {"sharpness": 1e-4}
    evaluate(Tiny(), corpus)
    changes = {row.values["changes"] for row in read_rows(paths.reports() / "folder")}
    assert changes == {"", "nested choice"}


def test_other_trials_are_another_evaluation(corpus):
    one = nested(Tiny, corpus, TRIALS, folds=["s0"])
    other = nested(Tiny, corpus, {**TRIALS, "half": {"sharpness": 0.5}}, folds=["s0"])
    few = nested(Tiny, corpus, TRIALS, folds=["s0"], inner_folds=2)
    assert len({e.record["digest"] for e in (one, other, few)}) == 3
    assert one.record["partial"]


def test_a_trial_that_diverges_is_not_chosen(corpus, capsys):
    wild = {"wild": {"sharpness": float("inf")}}
    with np.errstate(invalid="ignore"):
        evaluation = nested(Tiny, corpus, {**wild, "default": {}}, folds=["s0"])
        assert evaluation.record["choices"]["s0"]["trial"] == "default"
        assert "fold s0, trial 'wild': the classifier's posteriors" in capsys.readouterr().err
        both = {**wild, "as wild": {"sharpness": float("-inf")}}
        with pytest.raises(DivergenceError, match="no trial could be trained; fold s0, trial"):
            nested(Tiny, corpus, both, folds=["s0"])


def test_what_cannot_be_chosen_is_refused_before_anything_is_trained(corpus, tmp_path):
    with pytest.raises(
        InputError, match="no trials of majority, whose search space is empty; expected"
    ):
        nested("majority", corpus)
    with pytest.raises(InputError, match="a choice needs two trials or more; found 'default'"):
        nested(Tiny, corpus, ["default"])
    with pytest.raises(InputError, match="random_80_20 lets speakers into training and test"):
        nested(Tiny, corpus, protocol="random_80_20")
    for bad in (1, True, 2.0):
        with pytest.raises(InputError, match=f"inner_folds is {bad!r}; expected an integer of at"):
            nested(Tiny, corpus, inner_folds=bad)
    with pytest.raises(InputError, match="unknown fold of leave_one_speaker_out 's9'"):
        nested(Tiny, corpus, folds=["s9"])
    assert trained() == 0


@pytest.mark.slow
def test_the_command_takes_trials_of_a_file(corpus, recordings, tmp_path, capsys, monkeypatch):
    from ser_lib.cli import main

    monkeypatch.setenv("SER_COMMAND", "")  # Restored afterwards.
    file = tmp_path / "trials.json"
    file.write_text(json.dumps({"default": {}, "looser": {"alpha": 0.5}}))
    where = ["--corpus", "folder", "--data", str(recordings)]
    command = ["evaluate", "svm", *where, "--nested", str(file), "--folds", "s0,", "--seeds", "0"]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert out.startswith("fold s0: ")
    assert "UAR " in out
    assert main([*command, "-p", "alpha", "0.5"]) == 2
    assert "--nested takes all parameters from its trials; found -p" in capsys.readouterr().err
    file.write_text("[]")
    assert main(command) == 2
    assert "expected trials as a JSON object" in capsys.readouterr().err


def test_more_seeds_take_the_place_of_fewer(corpus):
    nested(Tiny, corpus, TRIALS, folds=["s0"])
    plain = evaluate(Tiny(), corpus, folds=["s0"])
    both = nested(Tiny, corpus, TRIALS, seeds=(0, 1), folds=["s0", "s1"])
    files = (paths.reports() / "folder" / "predictions").glob("*.json")
    digests = {read(path).record["digest"] for path in files}
    assert digests == {plain.record["digest"], both.record["digest"]}
