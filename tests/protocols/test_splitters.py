"""Protocols are splitters of scikit-learn: ``cross_validate(..., cv=protocol, groups=...)``."""

from dataclasses import dataclass

import numpy as np
import pytest
import sklearn
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_validate

from ser_lib import protocols
from ser_lib.errors import InputError
from ser_lib.protocols import (
    LeaveOnePairOut,
    LeaveOneSessionOut,
    LeaveOneSpeakerOut,
    Predefined,
    Random8020,
    Shuffled8020,
    SpeakerFolds,
    SplitFile,
)
from ser_lib.protocols.base import fold_of_groups


def features(table):
    """Three random features of every row."""
    return np.random.default_rng(0).normal(size=(len(table), 3))


def expected(protocol, table):
    """Training (with development) and test rows as `Protocol.folds` gives them."""
    return [(np.union1d(fold.train, fold.development), fold.test) for fold in protocol.folds(table)]


def same(splits, others):
    rows, others = ([rows for split in s for rows in split] for s in (splits, others))
    return len(rows) == len(others) and all(map(np.array_equal, rows, others))


@pytest.mark.parametrize(
    ("protocol", "corpus", "column"),
    [
        (SpeakerFolds(k=4), "emodb", "speaker"),
        (LeaveOneSessionOut(), "iemocap", "session"),
        (Predefined(speaker_disjoint=False), "ravdess", "split"),
        (Random8020(), "emodb", None),
        (Shuffled8020(), "emodb", None),
    ],
)
def test_a_vector_of_groups_is_enough(protocol, corpus, column, request):
    table = request.getfixturevalue(corpus)
    if column == "speaker":
        table = table.assign(sex=None)
    splits = expected(protocol, table)
    for kind in (np.asarray, list):
        groups = None if column is None else kind(table[column])
        given = features(table), table["emotion"], groups
        assert same(protocol.split(*given), splits)
        assert protocol.get_n_splits(*given) == len(splits)


@pytest.mark.parametrize(
    ("protocol", "corpus"),
    [
        (LeaveOneSpeakerOut(), "emodb"),
        (LeaveOnePairOut(), "emodb"),
        (LeaveOneSessionOut(), "iemocap"),
        (Predefined(), "ravdess"),
        (Random8020(), "emodb"),
    ],
)
def test_groups_may_be_a_whole_corpus_table(protocol, corpus, request):
    table = request.getfixturevalue(corpus)
    assert same(protocol.split(features(table), groups=table), expected(protocol, table))
    unlabelled = table.drop(columns="emotion")
    splits = protocol.split(features(table), table["emotion"], unlabelled)
    assert same(splits, expected(protocol, table))


def test_development_rows_join_the_training_rows(emodb):
    for train, test in LeaveOneSpeakerOut().split(emodb, emodb["emotion"], emodb["speaker"]):
        assert len(train) + len(test) == len(emodb)
        assert not np.intersect1d(train, test).size
        assert (np.diff(train) > 0).all()


def test_a_split_file_takes_the_names_of_utterances(emodb):
    rows = protocols.split_table(LeaveOneSpeakerOut().folds(emodb), emodb)
    protocol = SplitFile(rows, speaker_disjoint=False)
    splits = protocol.split(features(emodb), emodb["emotion"], emodb.index)
    assert same(splits, expected(protocol, emodb))


def test_cross_validate_scores_every_fold(emodb):
    scores = cross_validate(
        *(DummyClassifier(), features(emodb), emodb["emotion"].to_numpy()),
        groups=emodb["speaker"].to_numpy(),
        cv=LeaveOneSpeakerOut(),
        return_indices=True,
    )
    # The most frequent class is always predicted.
    anger = (emodb["emotion"] == "anger").groupby(emodb["speaker"]).mean()
    np.testing.assert_allclose(scores["test_score"], anger)
    speakers = [set(emodb["speaker"].iloc[rows]) for rows in scores["indices"]["test"]]
    assert speakers == [{speaker} for speaker in sorted(set(emodb["speaker"]))]


def test_classes_may_be_numbers(emodb):
    y = emodb["emotion"].astype("category").cat.codes.to_numpy()
    predicted = cross_val_predict(
        DummyClassifier(), features(emodb), y, groups=emodb["speaker"], cv=SpeakerFolds()
    )
    assert set(predicted) <= set(y)


def test_a_grid_search_chooses_on_speakers(iemocap):
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=LeaveOneSpeakerOut())
    search.fit(features(iemocap), iemocap["emotion"], groups=iemocap["speaker"].to_numpy())
    assert search.n_splits_ == 10
    assert search.best_params_["C"] in (0.1, 1.0)


def test_scikit_learns_metadata_routing_hands_the_groups_on(iemocap):
    with sklearn.config_context(enable_metadata_routing=True):
        scores = cross_validate(
            DummyClassifier(),
            features(iemocap),
            iemocap["emotion"],
            params={"groups": iemocap["session"]},
            cv=LeaveOneSessionOut(),
        )
    assert len(scores["test_score"]) == 5


@pytest.mark.parametrize(
    ("protocol", "given", "message"),
    [
        (LeaveOneSpeakerOut(), {"y": True}, "leave_one_speaker_out needs groups: the speaker of"),
        (LeaveOneSessionOut(), {"y": True}, "needs groups: the session of every row"),
        (LeaveOneSpeakerOut(), {"groups": "speaker"}, "needs y, the class of every row"),
        (LeaveOnePairOut(), {"y": True, "groups": "speaker"}, "column 'sex' .* unknown of 01"),
        (Predefined(), {"y": True, "groups": "split"}, "groups names no speakers"),
    ],
)
def test_what_is_missing_is_named(protocol, given, message, ravdess):
    y = ravdess["emotion"] if "y" in given else None
    groups = ravdess[given["groups"]] if "groups" in given else None
    with pytest.raises(InputError, match=message):
        next(protocol.split(features(ravdess), y, groups))


def test_lengths_must_agree(ravdess):
    with pytest.raises(InputError, match="equally many rows; found X 96, y 95, groups 96"):
        LeaveOneSpeakerOut().get_n_splits(
            features(ravdess), ravdess["emotion"][1:], ravdess["speaker"]
        )


@dataclass(frozen=True)
class FirstSpeaker(protocols.Protocol):
    """Test the first speaker, develop on the second."""

    name = "first_speaker"
    title = "first speaker"
    description = "The first speaker is tested."
    speaker_disjoint = True

    second: str = "b"

    def _folds(self, table, seed):
        yield fold_of_groups("first", table["speaker"].to_numpy(), ["a"], [self.second])


def test_a_new_protocol_is_one_class(small):
    table = small("abcd")
    (fold,) = FirstSpeaker().folds(table)
    assert set(table["speaker"].iloc[fold.train]) == {"c", "d"}
    assert FirstSpeaker("c").identity() == {"name": "first_speaker", "second": "c"}
    assert FirstSpeaker().get_n_splits(table, table["emotion"], table["speaker"]) == 1
    with pytest.raises(InputError, match="utterances in both dev and test: u0000"):
        FirstSpeaker("a").folds(table)
