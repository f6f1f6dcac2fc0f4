"""The support vector machine learns every step inside the training rows."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss

from ser_lib.errors import InputError
from ser_lib.features import RaggedArray
from ser_lib.systems.svm import StatisticsSVM, svm

rng = np.random.default_rng(0)
SPEAKERS = np.repeat(["s1", "s2", "s3", "s4"], 30)
LABELS = np.tile(["anger", "neutral", "sadness"], 40)
CENTRES = {"anger": 0.0, "neutral": 1.0, "sadness": 2.0}
# Ten features that tell the classes apart, thirty that do not, one that is constant.
ROWS = np.column_stack(
    [
        rng.normal(size=(120, 10)) + np.array([CENTRES[y] for y in LABELS])[:, None],
        rng.normal(size=(120, 30)),
        np.ones(120),
    ]
)
HEARD, UNHEARD = SPEAKERS != "s4", SPEAKERS == "s4"


@pytest.fixture(scope="module")
def fitted():
    return StatisticsSVM().fit(ROWS[HEARD], LABELS[HEARD], groups=SPEAKERS[HEARD])


def test_it_recognises_a_speaker_it_never_heard(fitted):
    assert (fitted.predict(ROWS[UNHEARD]) == LABELS[UNHEARD]).mean() > 0.85


def test_posteriors_are_probabilities_and_calibrated(fitted):
    posteriors = fitted.predict_proba(ROWS[UNHEARD])
    assert posteriors.shape == (30, 3)
    np.testing.assert_allclose(posteriors.sum(axis=1), 1)
    assert (fitted.classes_[posteriors.argmax(axis=1)] == fitted.predict(ROWS[UNHEARD])).all()
    # Worse than a guess by the class frequencies would be overconfident nonsense.
    assert log_loss(LABELS[UNHEARD], posteriors, labels=fitted.classes_) < 0.6 * np.log(3)


def test_the_temperature_changes_no_ranking(fitted):
    decisions = fitted.pipeline_.decision_function(ROWS[UNHEARD])
    assert (decisions.argmax(axis=1) == fitted.predict_proba(ROWS[UNHEARD]).argmax(axis=1)).all()


def test_selection_drops_what_tells_nothing_apart(fitted):
    kept = fitted.pipeline_["select"].get_support()
    assert kept[:10].all()
    assert kept[10:].sum() < 5


def test_every_inner_fold_keeps_speakers_apart():
    splits = StatisticsSVM(folds=3)._inner_folds(LABELS, SPEAKERS)
    assert len(splits) == 3
    for train, held in splits:
        assert not set(SPEAKERS[train]) & set(SPEAKERS[held])


def test_copies_stay_on_the_side_of_their_originals():
    copies = RaggedArray.from_list(list((ROWS + 0.01)[:, None]))
    machine = StatisticsSVM(by_speaker=False, C=(1,), gamma=(0.001,)).fit(
        ROWS, LABELS, copies=[copies]
    )
    assert machine.pipeline_["vary"].n_features_in_ == ROWS.shape[1]
    units = np.tile(np.arange(120), 2)
    for train, held in machine._inner_folds(np.tile(LABELS, 2), units):
        assert not set(units[train]) & set(units[held])


def test_ragged_rows_and_two_classes_work_and_the_seed_decides():
    two = LABELS != "sadness"
    ragged = RaggedArray.from_list(list(ROWS[two][:, None]))
    machine = StatisticsSVM(C=(1,), gamma=(0.01,))
    first = clone(machine).fit(ragged, LABELS[two], groups=SPEAKERS[two]).predict_proba(ragged)
    again = clone(machine).fit(ROWS[two], LABELS[two], groups=SPEAKERS[two])
    np.testing.assert_array_equal(first, again.predict_proba(ROWS[two]))
    assert first.shape == (80, 2)


@pytest.mark.parametrize(
    ("rows", "labels", "groups", "message"),
    [
        (ROWS[:5], LABELS, None, "5 rows of features, 120 labels"),
        (ROWS[:1], LABELS[:1], None, "expected two classes"),
        (ROWS[:30], LABELS[:30], SPEAKERS[:30], "one speaker, 's1'"),
        (ROWS[:60], [*["anger"] * 30, *["neutral"] * 30], SPEAKERS[:60], "lacks a class"),
    ],
)
def test_what_cannot_be_learnt_from_is_refused(rows, labels, groups, message):
    with pytest.raises(InputError, match=message):
        StatisticsSVM().fit(rows, labels, groups=groups)


def test_the_source_setting_has_the_statistics_of_the_original():
    source, ours = svm(setting="source"), svm()
    signal = rng.normal(size=44100).astype(np.float32)
    assert source.front_end.sample_rate == 44100
    assert source.front_end(signal).shape == (1, 200)
    assert len(source.front_end.feature_names) == 200
    assert source.front_end.feature_names[20] == "zcr std"
    assert source.prefix == "sex"
    assert not source.classifier(0).by_speaker
    assert ours.front_end(signal[:16000]).shape == (1, 400)
    assert ours.front_end.preprocessing


def test_an_argument_wins_over_the_setting():
    assert svm(setting="source", components=12).classifier(3).get_params()["components"] == 12
    assert svm(setting="source").classifier(3).seed == 3
