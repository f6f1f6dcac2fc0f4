"""The network of a fold, to look into: the one whose answers the evaluation holds."""

import numpy as np
import pytest
from tiny import NearestMean

from ser_lib import evaluate
from ser_lib.errors import InputError
from ser_lib.experiment import trained


def test_it_answers_as_the_evaluation_does(corpus, system):
    rows = evaluate(system, corpus).rows()
    features = system.front_end.extract(corpus)
    for name in ("s0", "s2"):
        classifier, fold = trained(system, corpus, features=features, fold=name)
        assert fold.name == name
        assert set(corpus.table["speaker"].iloc[fold.test]) == {name}
        expected = rows[rows["fold"] == name].set_index("utterance")
        expected = expected.loc[corpus.table.index[fold.test]]
        found = classifier.predict_proba(features.take(fold.test))
        columns = [f"p_{emotion}" for emotion in classifier.classes_]
        np.testing.assert_allclose(found, expected[columns], atol=1e-6)


def test_the_first_fold_by_default_and_no_answer_is_asked_of_test_rows(corpus, system):
    NearestMean.taught.clear()
    _, fold = trained(system, corpus)
    (call,) = NearestMean.taught
    assert fold.name == "s0"
    assert "s0" not in set(call["groups"])


def test_a_misspelt_fold_is_named(corpus, system):
    with pytest.raises(InputError, match="unknown fold of leave_one_speaker_out 's7'"):
        trained(system, corpus, fold="s7")
