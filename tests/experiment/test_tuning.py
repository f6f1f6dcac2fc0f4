"""Trials are compared on development speakers, and nothing else is ever shown to them."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import NearestMean, Tiny, interrupt_after, trained

from ser_lib import code_digest, experiment, load_corpus, paths, protocols
from ser_lib.errors import DivergenceError, InputError
from ser_lib.evaluation.metrics import SMALLEST_POSTERIOR
from ser_lib.experiment import trials
from ser_lib.protocols import Fold, LeaveOneSpeakerOut
from ser_lib.signal import WhiteNoise


def tune(*arguments, seeds=(0,), **options):
    """Tune with one seed, to be quick."""
    return experiment.tune(*arguments, seeds=seeds, **options)


@pytest.fixture
def written():
    return paths.reports() / "folder" / "trials" / "tiny.csv"


@pytest.fixture
def asked(monkeypatch):
    """The rows that the classifiers predicted."""
    rows = []
    answer = NearestMean.predict_proba

    def spy(self, X):
        rows.extend(X)
        return answer(self, X)

    monkeypatch.setattr(NearestMean, "predict_proba", spy)
    return rows


@pytest.mark.parametrize("development", [True, False], ids=["early stopping", "none needed"])
def test_no_classifier_ever_sees_a_test_row(corpus, asked, development):
    noisy = Tiny().front_end.degraded(WhiteNoise(snr=10))
    changes = {"training_copies": (noisy,), "needs_development": development}
    fold = protocols.make(corpus.protocol).folds(corpus.table)[1]
    features, copies = Tiny().front_end.extract(corpus), noisy.extract(corpus)
    tune(Tiny, corpus, {"default": changes}, folds=["s1"])

    (trained_on,) = NearestMean.trained_on
    assert set(trained_on["groups"]) == set(corpus.table["speaker"].iloc[fold.train])
    shown = [*trained_on["X"], *trained_on["copies"][0], *asked]
    if development:
        shown += list(trained_on["validation"][0])
    else:
        assert trained_on["validation"] is None
    seen = {row.tobytes() for row in map(np.asarray, shown)}

    def among(rows, array):
        return [np.asarray(array[i]).tobytes() in seen for i in rows]

    assert all(among(fold.train, features))
    assert all(among(fold.development, features))
    assert not any(among(fold.test, features))
    assert not any(among(fold.test, copies))


def test_trials_are_ranked_by_their_predictions_of_development_speakers(corpus, written):
    table = tune(Tiny, corpus)
    assert tuple(table.columns) == trials.COLUMNS
    # All are right about every tone; the surer one loses less.
    assert table["trial"].tolist() == ["default", "half", "blunt"]
    assert (table["dev_uar"] == 1).all()
    assert table["dev_loss"].is_monotonic_increasing
    blunt = table.iloc[-1]
    assert blunt["dev_loss"] == pytest.approx(np.log(3), abs=0.01)
    assert (blunt["folds"], blunt["development"]) == ("s0, s1, s2", "s1, s2, s3")
    assert (blunt["best_epoch"], blunt["n_parameters"]) == (2, 24)
    pd.testing.assert_frame_equal(table, trials.read(written))


class Fixed(NearestMean):
    """Predicts anger for everything; the best epoch is 4 where s0 is in the training, else 1."""

    def fit(self, X, y, *, groups=None, **options):
        super().fit(X, y, groups=groups, **options)
        self.best_epoch_ = 4 if "s0" in groups else 1
        return self

    def predict_proba(self, X):
        return np.tile([1.0, 0.0, 0.0], (len(X), 1))


class FixedSystem(Tiny):
    def classifier(self, seed=0):
        return Fixed(seed=seed)


def test_scores_pool_the_rows_of_all_folds_and_average_over_seeds(unbalanced):
    (row,) = tune(FixedSystem, unbalanced, {"default": {}}, seeds=(0, 1)).to_dict("records")
    assert row["dev_uar"] == pytest.approx(1 / 3, abs=5e-5)
    # One in five has nothing to lose.
    assert row["dev_loss"] == pytest.approx(-4 / 5 * np.log(SMALLEST_POSTERIOR), abs=5e-5)
    # 1 in the first of the three folds, 4 in the others.
    assert row["best_epoch"] == 3
    assert row["seeds"] == "0, 1"
    assert trained() == 6


@pytest.mark.parametrize("folds", [2, 3])
def test_an_interval_needs_three_speakers(corpus, folds):
    row = tune(Tiny, corpus, {"a": {}}, folds=folds).iloc[0]
    assert row[["dev_uar_low", "dev_uar_high"]].notna().tolist() == [folds == 3] * 2


def test_more_folds_than_there_are_means_all_and_trials_are_chosen_by_name(corpus):
    table = tune(Tiny, corpus, ["half", "default"], folds=9)
    assert table["trial"].tolist() == ["default", "half"]
    assert set(table["folds"]) == {"s0, s1, s2, s3"}
    assert trained() == 8


def test_a_second_call_trains_nothing_and_a_further_trial_joins_the_table(corpus, written):
    tune(Tiny, corpus)
    assert trained() == 9
    before = written.stat().st_mtime_ns
    tune(Tiny, corpus)
    assert (trained(), written.stat().st_mtime_ns) == (0, before)
    assert len(tune(Tiny, corpus, {"sharp": {"sharpness": 9.0}})) == 1
    assert trained() == 3
    assert set(trials.read(written)["trial"]) == {"sharp", *Tiny.search_space}
    tune(Tiny, corpus, {"default": {}}, fresh=True)
    assert trained() == 3
    assert len(trials.read(written)) == 4


def test_an_interrupted_run_keeps_what_is_finished(corpus, written, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupt_after(5, patch)
        tune(Tiny, corpus)
    assert trials.read(written)["trial"].tolist() == ["default"]
    trained()
    assert len(tune(Tiny, corpus)) == 3
    assert trained() == 4


def test_a_trial_that_diverges_is_named_and_the_others_go_on(corpus, written, capsys):
    with np.errstate(invalid="ignore"):
        candidates = {"wild": {"sharpness": float("inf")}, "default": {}}
        assert tune(Tiny, corpus, candidates)["trial"].tolist() == ["default"]
        assert capsys.readouterr().err.count("trial 'wild': the classifier's posteriors") == 1
        assert trials.read(written)["trial"].tolist() == ["default"]
        with pytest.raises(DivergenceError, match="no trial could be trained; trial 'wild'"):
            tune(Tiny, corpus, {"wild": {"sharpness": float("inf")}})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sharper(Tiny):
    """The same system after its default was changed."""

    sharpness: float = 2.0


def test_a_changed_default_keeps_its_predecessor(corpus, written):
    tune(Tiny, corpus)
    tune(Sharper, corpus, {"default": {}})
    table = trials.read(written).set_index("trial")
    assert set(table.index) == {"default", "default (earlier)", "half", "blunt"}
    assert '"sharpness": 2.0' in table.loc["default", "parameters"]
    assert '"sharpness": 1.0' in table.loc["default (earlier)", "parameters"]


def test_older_code_is_used_and_said_so(corpus, written, capsys, monkeypatch):
    now = code_digest.code
    other = {"digest": "0" * 64, "files": {"experiment/fold.py": "0" * 12}}
    with monkeypatch.context() as patch:
        patch.setattr(code_digest, "code", lambda *a: now(*a)._replace(**other))
        tune(Tiny, corpus, {"default": {}})
    trained()
    assert not trials.is_current(trials.read(written).iloc[0])
    tune(Tiny, corpus, {"default": {}})
    assert trained() == 0
    message = "tiny on folder, default: 3 of 3 folds were made by older code"
    assert message in capsys.readouterr().err
    tune(Tiny, corpus, {"default": {}}, fresh=True)
    assert trials.is_current(trials.read(written).iloc[0])


def test_groups_that_may_be_compared_come_apart(corpus, written):
    tune(Tiny, corpus, {"default": {}}, folds=2)
    tune(Tiny, corpus)
    groups = trials.comparable(written.parent.parent)["tiny"]
    assert [rows["folds"].unique().tolist() for rows in groups] == [["s0, s1, s2"], ["s0, s1"]]
    assert [len(rows) for rows in groups] == [3, 1]


def test_tables_from_before_the_options_of_the_corpus_were_kept_are_read_and_go_on(corpus, written):
    tune(Tiny, corpus, {"default": {}})
    earlier = pd.read_csv(written, dtype=str).drop(columns="corpus_options")
    earlier.to_csv(written, index=False)
    table = trials.read(written)
    assert (tuple(table.columns), table["corpus_options"].tolist()) == (trials.COLUMNS, [""])
    tune(Tiny, corpus, {"half": {"sharpness": 0.5}})
    table = trials.read(written).set_index("trial")
    assert table["corpus_options"].to_dict() == {"default": "", "half": "{}"}
    earlier.drop(columns="subset").to_csv(written, index=False)
    with pytest.raises(InputError, match=r"columns trial, .*; expected trial, .*corpus_options"):
        trials.read(written)


def test_a_trial_knows_the_options_of_its_corpus(recordings, written):
    options = {"manifest": recordings / "manifest.csv", "emotions": {7: "fear"}}
    corpus = load_corpus("folder", data=recordings, **options)
    row = tune(Tiny, corpus.select(sex=["female", "male"]), {"a": {}}).iloc[0]
    assert json.loads(row["corpus_options"]) == {
        "manifest": str(recordings / "manifest.csv"),
        "emotions": {"7": "fear"},
    }
    text = written.read_text()
    for bad in (text.replace('""emotions""', '"emotions"', 1), text.replace('"{""mani', '"3{')):
        written.write_text(bad)
        with pytest.raises(InputError, match=r"tiny\.csv"):
            trials.read(written)


NAMES = ["Dana", "Müller, Anna", "08", 'the "one"', "O'Neil", "a,\nb"]


@pytest.mark.parametrize("comma", [",", ", "])
def test_names_with_commas_are_joined_and_divided_again(comma):
    assert trials.join_names(["Dana", "08"], ",") == "Dana,08"
    assert trials.join_names(["Müller, Anna", "Dana"]) == '"Müller, Anna", Dana'
    for names in (NAMES, *([name] for name in NAMES)):
        assert trials.split_names(trials.join_names(names, comma)) == names
    for text in ('"Müller, Anna', '"Müller" Anna'):
        with pytest.raises(InputError, match="cannot be divided at its commas; expected names"):
            trials.split_names(text)


def test_folds_and_speakers_with_commas_stay_apart(corpus):
    names = {speaker: f"{speaker}, Anna" for speaker in corpus.speakers}
    table = corpus.table.assign(speaker=corpus.table["speaker"].map(names))
    corpus = dataclasses.replace(corpus, table=table)
    row = tune(Tiny, corpus, {"a": {}}, folds=["s0, Anna", "s2, Anna"]).iloc[0]
    assert (row["folds"], row["development"]) == (
        '"s0, Anna", "s2, Anna"',
        '"s1, Anna", "s3, Anna"',
    )


TABLES = sorted((Path(__file__).parents[2] / "reports").glob("*/trials/*.csv"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_the_tables_of_this_study_are_read(path):
    table = trials.read(path)
    assert tuple(table.columns) == trials.COLUMNS
    assert len(table)
    assert all('"variant": ' in text for text in table["parameters"])
    assert (table["n_parameters"].dropna() > 100).all()


BAD = {
    "no trial": ({}, {}, "no trials of tiny"),
    "a misspelt trial": (["bluntt"], {}, "unknown trial of tiny 'bluntt'; did you mean 'blunt'"),
    "a misspelt parameter": ({"a": {"sharpnes": 1}}, {}, "trial 'a': .* mean 'sharpness'"),
    "the same twice": ({"a": {}, "b": {"sharpness": 1.0}}, {}, "'a' and 'b' have the same"),
    "a misspelt fold": ({"a": {}}, {"folds": ["s9"]}, "unknown fold .*'s9'"),
    "no fold": ({"a": {}}, {"folds": 0}, "folds is 0"),
    "a misspelt normalisation": ({"a": {}}, {"normalisation": "spekaer"}, "mean 'speaker'"),
    "the same seed twice": ({"a": {}}, {"seeds": (1, 1)}, "different integers"),
}


@pytest.mark.parametrize(("candidates", "options", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_is_refused_before_anything_is_trained(corpus, candidates, options, message):
    with pytest.raises(InputError, match=message):
        tune(Tiny, corpus, candidates, **options)
    assert trained() == 0
    assert not paths.reports().exists()


def test_a_fold_without_development_speakers_is_refused(corpus, monkeypatch):
    fold = Fold("one", np.arange(12), np.arange(0), np.arange(12, 24))
    monkeypatch.setattr(LeaveOneSpeakerOut, "folds", lambda self, table, *, seed=0: [fold])
    message = "fold one of leave_one_speaker_out has no development rows"
    with pytest.raises(InputError, match=message):
        tune(Tiny, corpus, {"default": {}})


def test_a_damaged_table_is_named_before_anything_is_trained(corpus, written):
    tune(Tiny, corpus, {"default": {}})
    trained()
    good = written.read_text()
    for bad in (good.replace("dev_uar,", "uar,", 1), good.replace("{", "", 1), "\x00", ""):
        written.write_text(bad)
        with pytest.raises(InputError, match=r"tiny\.csv"):
            tune(Tiny, corpus, {"half": {"sharpness": 0.5}})
    assert trained() == 0


def test_unknown_speakers_give_no_interval(corpus):
    table = corpus.table.assign(speaker=None)
    nameless = dataclasses.replace(corpus, table=table, protocol="random_80_20")
    row = tune(Tiny, nameless, {"default": {}}).iloc[0]
    assert (row["development"], np.isnan(row["dev_uar_low"])) == ("", True)


def test_a_system_is_known_by_its_name(corpus):
    with pytest.raises(InputError, match="unknown system 'smv'; did you mean 'svm'"):
        tune("smv", corpus)
    with pytest.raises(InputError, match="unknown trial of svm 'flatt'"):
        tune("svm", corpus, ["flatt"])


def test_a_trial_is_averaged_over_three_seeds_by_default(corpus):
    row = experiment.tune(Tiny, corpus, ["default"], folds=1).iloc[0]
    assert row["seeds"] == "0, 1, 2"
    assert trained() == 3


def test_of_two_processes_that_add_trials_at_once_neither_loses_any(written):
    row = dict.fromkeys(trials.COLUMNS, 0) | {"parameters": '{"variant": "default"}'}
    row["corpus_options"] = "{}"
    code = (
        "import sys; from pathlib import Path; from ser_lib.experiment import trials\n"
        f"for i in range(8): trials.add(Path({str(written)!r}), {row!r} | "
        "{'trial': f'{sys.argv[1]} {i}', 'digest': f'{sys.argv[1]} {i}'})"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "ab"]
    assert [process.wait() for process in processes] == [0, 0]
    expected = [f"{name} {i}" for name in "ab" for i in range(8)]
    assert sorted(trials.read(written)["trial"]) == expected
