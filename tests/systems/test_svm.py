"""The support vector machine learns every step inside the training rows."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import log_loss

from ser_lib.errors import InputError
from ser_lib.features import RaggedArray
from ser_lib.systems import Svm
from ser_lib.systems.statistics_svm import StatisticsSVM

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
TRAIN, TEST = SPEAKERS != "s4", SPEAKERS == "s4"


@pytest.fixture(scope="module")
def fitted():
    return StatisticsSVM().fit(ROWS[TRAIN], LABELS[TRAIN], groups=SPEAKERS[TRAIN])


def test_a_new_speaker_is_recognised_with_calibrated_posteriors(fitted):
    posteriors, predicted = fitted.predict_proba(ROWS[TEST]), fitted.predict(ROWS[TEST])
    assert (predicted == LABELS[TEST]).mean() > 0.85
    np.testing.assert_allclose(posteriors.sum(axis=1), 1)
    # The temperature changes no ranking.
    decisions = fitted.pipeline_.decision_function(ROWS[TEST])
    for values in (posteriors, decisions):
        assert (fitted.classes_[values.argmax(axis=1)] == predicted).all()
    # Far better than a guess by the class frequencies.
    assert log_loss(LABELS[TEST], posteriors, labels=fitted.classes_) < 0.6 * np.log(3)


def test_selection_drops_what_tells_nothing_apart(fitted):
    kept = fitted.pipeline_["select"].get_support()
    assert kept[:10].all()
    assert kept[10:].sum() < 5


def test_inner_folds_keep_speakers_apart():
    # Every speaker has centres of their own for the classes, which tell nothing of other speakers.
    centres = {key: rng.normal(size=40) * 3 for key in zip(SPEAKERS, LABELS, strict=True)}
    rows = np.stack([centres[key] for key in zip(SPEAKERS, LABELS, strict=True)])
    rows += rng.normal(size=rows.shape)
    options = {"alpha": 1.0, "C": (3,), "gamma": (0.003,)}
    inner_uar = {
        by_speaker: StatisticsSVM(by_speaker=by_speaker, **options)
        .fit(rows, LABELS, groups=SPEAKERS)
        .search_["inner_uar"]
        for by_speaker in (True, False)
    }
    assert inner_uar[False] > 0.95
    assert inner_uar[True] < 0.6


def test_the_seed_divides_the_speakers_anew():
    groups = np.repeat([f"s{i}" for i in range(12)], 10)
    # The temperature is learnt on the inner folds.
    temperatures = {
        StatisticsSVM(seed=seed, C=(1,), gamma=(0.01,), folds=3)
        .fit(ROWS, LABELS, groups=groups)
        .temperature_
        for seed in (0, 0, 1, 2)
    }
    assert len(temperatures) == 3


def test_the_grid_can_be_scored_by_accuracy():
    # The small penalty gives a rare class up, which costs accuracy little, and UAR a lot.
    own = np.random.default_rng(0)
    y = np.where(np.arange(120) % 5 == 0, "anger", "neutral")
    rows = own.normal(size=(120, 5)) + 0.5 * (y == "anger")[:, None]
    options = {"alpha": 1.0, "C": (0.01, 100), "gamma": (0.1,), "balanced": False}
    by_uar, by_wa = (
        StatisticsSVM(scoring=scoring, **options).fit(rows, y, groups=SPEAKERS).search_
        for scoring in ("uar", "wa")
    )
    assert by_wa == {"svc__C": 0.01, "svc__gamma": 0.1, "inner_wa": pytest.approx(0.8)}
    assert by_uar == {"svc__C": 100, "svc__gamma": 0.1, "inner_uar": pytest.approx(0.6, abs=0.09)}


def test_the_grid_is_scored_by_the_decisions_that_are_taken():
    # Where labels are random, the votes of pairs of classes often run in a circle.
    own = np.random.default_rng(0)
    machine = StatisticsSVM(alpha=1.0, C=(3,), gamma=(0.1,))
    machine.fit(own.normal(size=(120, 5)), LABELS, groups=SPEAKERS)
    rows = own.normal(size=(500, 5))
    assert (machine.pipeline_.predict(rows) == machine.predict(rows)).all()


def test_copies_stay_on_the_side_of_their_originals():
    # Whoever has a copy of an utterance recognises it; of the others, labels tell nothing.
    rows = rng.normal(size=(120, 40))
    copies = RaggedArray.from_list(list((rows + 0.01)[:, None]))
    machine = StatisticsSVM(by_speaker=False, alpha=1.0, C=(3,), gamma=(0.1,))
    machine.fit(rows, rng.permutation(LABELS), copies=[copies])
    assert machine.search_["inner_uar"] < 0.6
    assert machine.pipeline_["svc"].support_vectors_.shape[0] > 120


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


def test_more_components_than_rows_are_refused():
    with pytest.raises(
        InputError, match=r"components is 140; n_components=140 .* 60 training rows"
    ):
        StatisticsSVM(components=140, alpha=1).fit(ROWS[:60], LABELS[:60])


def test_as_published_the_statistics_are_those_of_the_original():
    published, default = Svm.as_published(), Svm()
    signal = rng.normal(size=44100).astype(np.float32)
    assert published.front_end.sample_rate == 44100
    assert published.front_end(signal).shape == (1, 200)
    assert len(published.front_end.feature_names) == 200
    assert published.front_end.feature_names[20] == "zcr std"
    assert published.target_prefix == "sex"
    assert default.front_end(signal[:16000]).shape == (1, 400)
    assert default.front_end.preprocessing
    assert not published.front_end.preprocessing


def test_the_machine_has_the_parameters_of_the_system():
    published = Svm.as_published(components=12)
    parameters = published.classifier(3).get_params()
    assert parameters.pop("seed") == 3
    assert parameters == {name: published.parameters[name] for name in parameters}
    assert parameters["components"] == 12
    assert not parameters["by_speaker"]
