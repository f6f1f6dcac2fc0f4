"""Fusions are averages of what the members say, weighted by development rows alone."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize
from scipy.special import softmax
from scipy.stats import gmean
from sklearn.metrics import log_loss

from ser_lib.errors import InputError
from ser_lib.evaluation import Evaluation, fusion

COLUMNS = ["p_anger", "p_fear", "p_neutral"]


def soft(predictions, seed, sharpness=1.0, **options):
    """Predictions whose posteriors are noise around the true class."""
    rows = predictions(random_state=seed, **options)
    rng = np.random.default_rng(seed)
    true = np.eye(3)[rows["emotion"].map({"anger": 0, "fear": 1, "neutral": 2})]
    p = softmax(sharpness * (true + rng.normal(0, 1, true.shape)), axis=1).round(6)
    rows[COLUMNS] = p
    return rows.assign(predicted=np.array(["anger", "fear", "neutral"])[p.argmax(axis=1)])


def with_development(predictions, seed, sharpness=1.0, **options):
    parts = [soft(predictions, seed, sharpness, part=part, **options) for part in ("test", "dev")]
    # The development rows of a fold are those of the next speaker.
    parts[1]["fold"] = parts[1]["fold"].map({f"s{i}": f"s{(i + 1) % 6}" for i in range(6)})
    return pd.concat(parts, ignore_index=True)


def test_equal_weights_are_the_mean_of_the_posteriors(predictions):
    members = {name: soft(predictions, i) for i, name in enumerate("abc")}
    fused, weights = fusion.fuse(members)
    expected = np.mean([rows[COLUMNS] for rows in members.values()], axis=0)
    np.testing.assert_allclose(fused[COLUMNS], expected, atol=2e-6)
    assert np.allclose(weights, 1 / 3)
    assert list(weights) == ["a", "b", "c"]
    mean = np.mean([Evaluation(rows).scores()["uar"] for rows in members.values()])
    assert Evaluation(fused).scores()["uar"] > mean


def test_weights_of_logarithms_are_a_geometric_mean():
    posteriors = softmax(np.random.default_rng(0).normal(size=(4, 20, 3)), axis=-1)
    expected = gmean(posteriors, axis=0)
    expected /= expected.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(fusion.pool(posteriors, np.full(4, 0.25)), expected)
    # A posterior of zero is no veto for ever, and no warning.
    certain = np.array([[[1.0, 0.0]], [[0.01, 0.99]]])
    assert np.isfinite(fusion.pool(certain, [0.5, 0.5])).all()


def test_a_pool_sums_to_one_where_its_members_were_rounded():
    rounded = np.full((2, 1, 3), 0.333333)
    np.testing.assert_allclose(fusion.pool(rounded), [[1 / 3] * 3], rtol=1e-12)


def test_the_fused_prediction_is_that_of_the_posteriors_as_they_are_written(predictions):
    rows = predictions(speakers=1, n=3)
    rows[COLUMNS] = [0.4, 0.4, 0.2]
    # The mean of fear is 0.40000033: of six decimals it is as large as that of anger.
    more = rows.assign(p_fear=0.400001, p_neutral=0.199999)
    fused, _ = fusion.fuse({"a": rows, "b": rows, "c": more})
    assert fused[COLUMNS].to_numpy().tolist() == [[0.4, 0.4, 0.2]] * 3
    assert set(fused["predicted"]) == {"anger"}


def test_fitted_weights_make_the_true_classes_most_likely():
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 4000)
    scores = np.eye(3)[y] * np.array([2.0, 1.0, 0.0])[:, None, None]
    scores = scores + rng.normal(0, 1, (3, 4000, 3))
    posteriors = softmax(scores * np.array([3.0, 1.0, 1.0])[:, None, None], axis=-1)
    found = fusion.fit_weights(posteriors, y)

    def loss(weights):
        return log_loss(y, fusion.pool(posteriors, np.abs(weights)))

    reference = minimize(loss, np.full(3, 0.3), method="Nelder-Mead", options={"xatol": 1e-5})
    np.testing.assert_allclose(found, np.abs(reference.x), atol=0.02)
    # The first is right most often but three times too sure; the last knows nothing.
    assert found == pytest.approx([2 / 3, 1, 0], abs=0.1)


def test_few_rows_leave_weights_near_equal_and_finite():
    certain = np.tile([[1.0, 0.0]], (2, 3, 1))
    weights = fusion.fit_weights(certain, np.zeros(3, dtype=int))
    assert np.allclose(weights[0], weights[1])
    assert 0.5 <= weights[0] < 2
    assert fusion.fit_weights(certain[:, :0], np.zeros(0, dtype=int)) == pytest.approx([0.5, 0.5])


def test_the_prior_holds_weights_near_equal_as_documented():
    y = np.array([0, 1])
    # The first member knows both classes, the second is sure of one and mistaken in the other.
    posteriors = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.99, 0.01], [0.6, 0.4]]])

    def loss(weights):
        pooled = fusion.pool(posteriors, np.abs(weights))[[0, 1], y]
        # Of a normal prior around 1 / 2 with a standard deviation of 1 / 2.
        return -np.log(pooled).sum() + (((np.abs(weights) - 0.5) / 0.5) ** 2).sum() / 2

    reference = minimize(loss, [0.5, 0.5], method="Nelder-Mead", options={"xatol": 1e-6})
    assert fusion.fit_weights(posteriors, y) == pytest.approx(reference.x, abs=1e-3)


def test_test_rows_have_no_say_in_the_weights(predictions):
    members = {name: with_development(predictions, i, 1 + i) for i, name in enumerate("ab")}
    fused, weights = fusion.fuse(members, "fitted")
    assert len(weights) == 6
    assert weights.nunique().min() == 6, "each fold has its own"
    other = {}
    for name, rows in members.items():
        rows = rows.copy()
        test = rows["part"] == "test"
        rows.loc[test, "emotion"] = rows.loc[test, "emotion"].map(
            {"anger": "fear", "fear": "neutral", "neutral": "anger"}
        )
        other[name] = rows
    pd.testing.assert_frame_equal(fusion.fuse(other, "fitted")[1], weights)
    development = fused[(fused["part"] == "dev") & (fused["fold"] == "s2")]
    by_hand = [rows.loc[development.index, COLUMNS].to_numpy() for rows in members.values()]
    y = development["emotion"].map({"anger": 0, "fear": 1, "neutral": 2}).to_numpy()
    np.testing.assert_allclose(
        weights.loc[(0, "s2")], fusion.fit_weights(np.stack(by_hand), y), atol=1e-6
    )


def test_seeds_are_paired_and_a_single_one_counts_for_all(predictions):
    members = {
        "network": soft(predictions, 0, seeds=(0, 1, 2)),
        "other": soft(predictions, 1, seeds=(1, 2, 3)),
        "machine": soft(predictions, 2, seeds=(7,)),
    }
    fused, weights = fusion.fuse(members)
    assert sorted(fused["seed"].unique()) == [1, 2]
    assert len(weights) == 2 * 6
    parts = [rows[rows["seed"] == 2] for rows in (members["network"], members["other"])]
    expected = np.mean([rows[COLUMNS] for rows in (*parts, members["machine"])], axis=0)
    np.testing.assert_allclose(fused.loc[fused["seed"] == 2, COLUMNS], expected, atol=2e-6)


def test_the_seeds_of_one_system_become_one(predictions):
    rows = soft(predictions, 0, seeds=(3, 4, 5))
    averaged = fusion.average_seeds(rows)
    assert set(averaged["seed"]) == {0}
    assert len(averaged) == len(rows) // 3
    expected = rows.groupby("utterance")[COLUMNS].mean().loc[averaged["utterance"]]
    np.testing.assert_allclose(averaged[COLUMNS], expected, atol=2e-6)
    once = rows[rows["seed"] == 4]
    assert fusion.average_seeds(once)[COLUMNS].to_numpy() == pytest.approx(once[COLUMNS].to_numpy())


def test_the_order_of_the_rows_of_a_member_does_not_matter(predictions):
    first, second = (soft(predictions, i) for i in range(2))
    fused, _ = fusion.fuse({"a": first, "b": second})
    shuffled, _ = fusion.fuse({"a": first, "b": second.sample(frac=1, random_state=0)})
    pd.testing.assert_frame_equal(shuffled, fused)


def test_only_what_all_members_have_is_fused(predictions):
    noisy = soft(predictions, 3, condition="noise")
    first = pd.concat([with_development(predictions, 0), noisy])
    second = pd.concat([soft(predictions, 1), noisy])
    fused, _ = fusion.fuse({"a": first, "b": second})
    assert set(fused["part"]) == {"test"}
    assert set(fused["condition"]) == {"clean", "noise"}
    fused, _ = fusion.fuse({"a": first, "b": soft(predictions, 1)})
    assert set(fused["condition"]) == {"clean"}


def test_what_cannot_be_fused_is_refused(predictions):
    rows = soft(predictions, 0)
    with pytest.raises(InputError, match="at least two members; found 1"):
        fusion.fuse({"a": rows})
    with pytest.raises(InputError, match="unknown kind of weights 'fited'; did you mean 'fitted'"):
        fusion.fuse({"a": rows, "b": rows}, "fited")
    with pytest.raises(InputError, match=r"a and b differ in 1, such as test, clean, 0, s0, s0-00"):
        fusion.fuse({"a": rows, "b": rows.iloc[1:]})
    with pytest.raises(InputError, match="same utterances, folds, true classes and speakers"):
        fusion.fuse({"a": rows, "b": rows.assign(emotion="fear")})
    with pytest.raises(InputError, match=r"same classes; found .* in a and anger, boredom"):
        fusion.fuse({"a": rows, "b": rows.rename(columns={"p_fear": "p_boredom"})})
    seeds = [soft(predictions, 0, seeds=own) for own in ((0, 1), (2, 3))]
    with pytest.raises(InputError, match=r"no seed in common: a \[0, 1\]; b \[2, 3\]"):
        fusion.fuse(dict(zip("ab", seeds, strict=True)))
    with pytest.raises(InputError, match="found none that all members predict in fold 's0'"):
        fusion.fuse({"a": rows, "b": with_development(predictions, 1)}, "fitted")


def test_members_without_rows_in_common_are_refused(predictions):
    rows = soft(predictions, 0)
    with pytest.raises(InputError, match=r"no condition in common: a \['clean'\]; b \['noise'\]"):
        fusion.fuse({"a": rows, "b": rows.assign(condition="noise")})
    with pytest.raises(InputError, match=r"no part in common: a \['test'\]; b \['dev'\]"):
        fusion.fuse({"a": rows, "b": rows.assign(part="dev")})
    with pytest.raises(InputError, match=r"no condition in common: a \['clean'\]; b \[\]"):
        fusion.fuse({"a": rows, "b": rows[:0]})


def test_members_with_repeated_rows_are_refused(predictions):
    rows, seeds = soft(predictions, 0), soft(predictions, 1, seeds=(0, 1))
    twice = pd.concat([rows, rows[3:5]])
    message = r"predictions of b: repeated predictions .* in 2 rows, first utterance 's0-03'"
    for members in ({"a": rows, "b": twice}, {"b": twice, "a": rows}, {"a": seeds, "b": twice}):
        with pytest.raises(InputError, match=message):
            fusion.fuse(members)
    # Of a condition that is not fused nothing is asked.
    noise = pd.concat([rows, *[rows[:2].assign(condition="noise")] * 2])
    assert len(fusion.fuse({"a": rows, "b": noise})[0]) == len(rows)


def test_members_need_the_same_speakers_known_or_not(predictions):
    rows = soft(predictions, 0)
    moved = rows.assign(speaker=np.roll(rows["speaker"], 1))
    with pytest.raises(InputError, match=r"true classes and speakers .* a and b differ in 6, such"):
        fusion.fuse({"a": rows, "b": moved})
    with pytest.raises(InputError, match="differ in 72"):
        fusion.fuse({"a": rows, "b": rows.assign(speaker=None)})
    for missing in (None, np.nan, pd.NA):
        fused, _ = fusion.fuse({"a": rows.assign(speaker=None), "b": rows.assign(speaker=missing)})
        assert fused["speaker"].isna().all()


def test_members_need_posteriors_and_columns(predictions):
    rows = soft(predictions, 0)
    silent = rows.copy()
    silent.loc[[4, 5], COLUMNS] = np.nan
    with pytest.raises(InputError, match=r"of b: missing posteriors .* in 2 rows, first .*'s0-04'"):
        fusion.fuse({"a": rows, "b": silent})
    with pytest.raises(InputError, match="predictions of b: columns fold, seed are missing"):
        fusion.fuse({"a": rows, "b": rows.drop(columns=["fold", "seed"])})


@pytest.mark.parametrize("weights", [[1], [1, -1], [1, np.nan], [1, np.inf], [1, 1, 1]])
def test_a_pool_needs_a_weight_for_each_member(weights):
    posteriors = np.array([[[0.9, 0.1]], [[0.5, 0.5]]])
    with pytest.raises(InputError, match="expected a number of at least 0 for each of 2 members"):
        fusion.pool(posteriors, weights)
    with pytest.raises(InputError, match=r"of 1 of 2 rows .* first \[9.0, 1.0\] in row \(0, 0\)"):
        fusion.pool(posteriors * [[[10]], [[1]]])
