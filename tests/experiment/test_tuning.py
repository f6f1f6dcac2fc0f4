"""Recipes are compared on development speakers, and nothing else is ever shown to them."""

import dataclasses
import sys

import numpy as np
import pandas as pd
import pytest
from tiny import NearestMean, make_system

from ser_lib import identity, paths, protocols
from ser_lib.errors import InputError
from ser_lib.experiment import trials as recipes
from ser_lib.experiment import tune
from ser_lib.protocols.base import Fold
from ser_lib.signal import WhiteNoise

CANDIDATES = {"default": {}, "blunt": {"sharpness": 1e-4}, "half": {"sharpness": 0.5}}


def tiny(*, sharpness=1.0):
    return make_system(sharpness=sharpness)


def trained():
    """How many trainings there were since last asked."""
    count = len(NearestMean.taught)
    NearestMean.taught.clear()
    return count


@pytest.fixture
def written():
    return paths.reports() / "folder" / "recipes" / "tiny.csv"


@pytest.fixture
def asked(monkeypatch):
    """The rows that the classifiers were asked about."""
    rows = []
    answer = NearestMean.predict_proba

    def spy(self, X):
        rows.extend(X)
        return answer(self, X)

    monkeypatch.setattr(NearestMean, "predict_proba", spy)
    return rows


@pytest.mark.parametrize("development", [True, False], ids=["early stopping", "none needed"])
def test_no_classifier_ever_sees_a_test_row(corpus, asked, development):
    def system():
        noisy = make_system().front_end.degraded(WhiteNoise(snr=10))
        return make_system(training_copies=(noisy,), needs_development=development)

    fold = protocols.make(corpus.protocol).folds(corpus.table)[1]
    features = system().front_end.extract(corpus)
    copies = system().training_copies[0].extract(corpus)
    tune(system, corpus, {"default": {}}, folds=["s1"])

    (taught,) = NearestMean.taught
    assert set(taught["groups"]) == set(corpus.table["speaker"].iloc[fold.train])
    shown = [*taught["X"], *taught["copies"][0], *asked]
    if development:
        shown += list(taught["validation"][0])
    else:
        assert taught["validation"] is None
    seen = {row.tobytes() for row in map(np.asarray, shown)}

    def among(rows, array):
        return [np.asarray(array[i]).tobytes() in seen for i in rows]

    assert all(among(fold.train, features))
    assert all(among(fold.development, features))
    assert not any(among(fold.test, features))
    assert not any(among(fold.test, copies))


def test_recipes_are_ranked_by_what_they_answer_to_development_speakers(corpus, written):
    table = tune(tiny, corpus, CANDIDATES)
    assert tuple(table.columns) == recipes.COLUMNS
    # All are right about every tone; the surer one loses less.
    assert table["recipe"].tolist() == ["default", "half", "blunt"]
    assert (table["dev_uar"] == 1).all()
    assert table["dev_loss"].is_monotonic_increasing
    blunt = table.iloc[-1]
    assert blunt["dev_loss"] == pytest.approx(np.log(3), abs=0.01)
    assert (blunt["folds"], blunt["development"]) == ("s0, s1, s2", "s1, s2, s3")
    assert (blunt["best_epoch"], blunt["parameters"]) == (2, 24)
    pd.testing.assert_frame_equal(table, recipes.read(written))


class Fixed(NearestMean):
    """Answers anger to everything."""

    def predict_proba(self, X):
        return np.tile([1.0, 0.0, 0.0], (len(X), 1))


def _fixed(seed):
    return Fixed(seed=seed)


def test_scores_pool_the_rows_of_all_folds_and_average_over_seeds(corpus):
    def system():
        return make_system(classifier=_fixed)

    (row,) = tune(system, corpus, {"default": {}}, seeds=(0, 1)).to_dict("records")
    assert row["dev_uar"] == pytest.approx(1 / 3, abs=5e-5)
    # One in three has nothing to lose; half a millionth stands for the others' nothing.
    assert row["dev_loss"] == pytest.approx(-2 / 3 * np.log(5e-7), abs=5e-5)
    assert row["seeds"] == "0, 1"
    assert trained() == 6


def test_an_interval_needs_three_speakers(corpus):
    def limits(folds):
        return tune(tiny, corpus, {"a": {}}, folds=folds)[["dev_uar_low", "dev_uar_high"]]

    assert limits(2).isna().all(axis=None)
    assert limits(3).notna().all(axis=None)


def test_more_folds_than_there_are_means_all(corpus):
    assert tune(tiny, corpus, {"a": {}}, folds=9)["folds"].item() == "s0, s1, s2, s3"


def test_a_second_call_trains_nothing_and_a_further_recipe_joins_the_table(corpus, written):
    tune(tiny, corpus, CANDIDATES)
    assert trained() == 9
    before = written.stat().st_mtime_ns
    tune(tiny, corpus, CANDIDATES)
    assert (trained(), written.stat().st_mtime_ns) == (0, before)
    assert len(tune(tiny, corpus, {"sharp": {"sharpness": 9.0}})) == 1
    assert trained() == 3
    assert set(recipes.read(written)["recipe"]) == {"sharp", *CANDIDATES}
    tune(tiny, corpus, {"default": {}}, fresh=True)
    assert trained() == 3
    assert len(recipes.read(written)) == 4


def test_an_interrupted_run_keeps_what_is_finished(corpus, written, monkeypatch):
    fit = NearestMean.fit

    def killed(self, *args, **kwargs):
        if len(NearestMean.taught) == 5:
            raise KeyboardInterrupt
        return fit(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(NearestMean, "fit", killed)
        with pytest.raises(KeyboardInterrupt):
            tune(tiny, corpus, CANDIDATES)
    assert recipes.read(written)["recipe"].tolist() == ["default"]
    trained()
    assert len(tune(tiny, corpus, CANDIDATES)) == 3
    assert trained() == 4


def test_a_recipe_that_diverges_is_said_and_the_others_go_on(corpus, written, capsys):
    with np.errstate(invalid="ignore"):
        candidates = {"wild": {"sharpness": float("inf")}, "default": {}}
        assert tune(tiny, corpus, candidates)["recipe"].tolist() == ["default"]
        assert "recipe 'wild': the classifier's posteriors" in capsys.readouterr().err
        assert recipes.read(written)["recipe"].tolist() == ["default"]
        with pytest.raises(InputError, match="no recipe could be trained; recipe 'wild'"):
            tune(tiny, corpus, {"wild": {"sharpness": float("inf")}})


def test_a_changed_default_keeps_its_predecessor(corpus, written):
    tune(tiny, corpus, CANDIDATES)
    tune(lambda *, sharpness=2.0: make_system(sharpness=sharpness), corpus, {"default": {}})
    table = recipes.read(written)
    says = dict(zip(table["recipe"], recipes.differences(table), strict=True))
    assert says == {
        "default": "",
        "default (earlier)": "sharpness 1.0",
        "half": "sharpness 0.5",
        "blunt": "sharpness 0.0001",
    }


def test_without_a_default_the_commonest_values_stand_for_it():
    rows = [{"a": 1, "b": [1, 2]}, {"a": 1, "b": [3]}, {"a": 2, "b": [1, 2]}]
    table = pd.DataFrame(
        {"recipe": list("xyz"), "arguments": [identity.canonical(r) for r in rows]}
    )
    assert recipes.differences(table) == ["", "b [3]", "a 2"]


def test_older_code_is_used_and_said_so(corpus, written, capsys, monkeypatch):
    module = sys.modules["ser_lib.code_digest"]
    now = module.code
    other = {"digest": "0" * 64, "files": {"experiment/fold.py": "0" * 12}}
    with monkeypatch.context() as patch:
        patch.setattr(module, "code", lambda *a: now(*a)._replace(**other))
        tune(tiny, corpus, {"default": {}})
    trained()
    assert "*older code*" in "\n".join(recipes.section(written.parent.parent, {}))
    tune(tiny, corpus, {"default": {}})
    assert trained() == 0
    assert "tiny, default: 3 of 3 folds were made by older code" in capsys.readouterr().err
    tune(tiny, corpus, {"default": {}}, fresh=True)
    assert "older code" not in "\n".join(recipes.section(written.parent.parent, {}))


BAD = {
    "no recipe": ({}, {}, "no recipes"),
    "a misspelt argument": ({"a": {"sharpnes": 1}}, {}, "recipe 'a': .* mean 'sharpness'"),
    "the same twice": ({"a": {}, "b": {"sharpness": 1.0}}, {}, "'a' and 'b' are the same"),
    "a misspelt fold": ({"a": {}}, {"folds": ["s9"]}, "unknown fold .*'s9'"),
    "no fold": ({"a": {}}, {"folds": 0}, "folds 0"),
    "a misspelt normalisation": ({"a": {}}, {"normalisation": "spekaer"}, "mean 'speaker'"),
    "the same seed twice": ({"a": {}}, {"seeds": (1, 1)}, "different whole numbers"),
}


@pytest.mark.parametrize(("candidates", "options", "message"), BAD.values(), ids=BAD)
def test_what_cannot_be_is_refused_before_anything_is_trained(corpus, candidates, options, message):
    with pytest.raises(InputError, match=message):
        tune(tiny, corpus, candidates, **options)
    assert trained() == 0
    assert not paths.reports().exists()


def test_a_fold_without_development_speakers_is_refused(corpus, monkeypatch):
    nobody = np.arange(0)

    class Undeveloped:
        name = "undeveloped"

        def folds(self, table, *, seed=0):
            return [Fold("one", np.arange(12), nobody, np.arange(12, 24))]

    monkeypatch.setattr(protocols, "make", lambda name: Undeveloped())
    with pytest.raises(InputError, match="fold one of undeveloped has no development rows"):
        tune(tiny, corpus, {"default": {}})


def test_a_damaged_table_is_named_before_anything_is_trained(corpus, written):
    tune(tiny, corpus, {"default": {}})
    trained()
    good = written.read_text()
    for bad in (good.replace("dev_uar,", "uar,", 1), good.replace("{", "", 1), "\x00", ""):
        written.write_text(bad)
        with pytest.raises(InputError, match=r"tiny\.csv"):
            tune(tiny, corpus, {"half": {"sharpness": 0.5}})
    assert trained() == 0


def test_unknown_speakers_give_no_interval(corpus):
    table = corpus.table.assign(speaker=None)
    nameless = dataclasses.replace(corpus, table=table, protocol="random_80_20")
    row = tune(tiny, nameless, {"default": {}}).iloc[0]
    assert (row["development"], np.isnan(row["dev_uar_low"])) == ("", True)
    assert len(recipes.section(paths.reports() / "folder", {})) > 2


def test_the_recipes_of_a_system_are_those_of_its_file(monkeypatch):
    module = sys.modules["ser_lib.systems.svm"]
    monkeypatch.setattr(module, "CANDIDATES", {"default": {}, "flat": {"deltas": False}}, False)
    function, chosen = recipes.listed("svm")
    assert function.__name__ == "svm"
    assert list(chosen) == ["default", "flat"]
    assert recipes.listed("svm", ["flat"])[1] == {"flat": {"deltas": False}}
    with pytest.raises(InputError, match="recipe of svm 'flatt'; did you mean 'flat'"):
        recipes.listed("svm", ["flatt"])
    monkeypatch.setattr(module, "CANDIDATES", {})
    with pytest.raises(InputError, match="'svm' lists no recipes; expected CANDIDATES"):
        recipes.listed("svm")
    with pytest.raises(InputError, match="unknown system 'smv'"):
        recipes.listed("smv")
