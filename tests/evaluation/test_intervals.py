import numpy as np
import pandas as pd
import pytest
from made_up import EMODB
from scipy import stats
from scipy.special import expit, logit

from ser_lib.errors import InputError
from ser_lib.evaluation import intervals, metrics

# ---- what the jackknife is -------------------------------------------------------------------


def frame(answers, **columns):
    """Predictions of (speaker, right answers, utterances) for a single class, and another one."""
    rows = [
        {"speaker": speaker, "emotion": "fear", "predicted": "fear" if i < right else "anger"}
        for speaker, right, n in answers
        for i in range(n)
    ]
    return pd.DataFrame(rows).assign(**columns)


ANSWERS = [("a", 6, 10), ("b", 8, 10), ("c", 5, 10), ("d", 9, 10)]


def test_with_equal_speakers_it_is_the_standard_error_of_their_mean():
    counts, _ = intervals.counts_by_speaker(frame(ANSWERS))
    score, without = intervals.jackknife(counts, metrics.wa_of)
    shares = np.array([0.6, 0.8, 0.5, 0.9])
    assert score == pytest.approx(shares.mean())
    np.testing.assert_allclose(without, (shares.sum() - shares) / 3)
    assert intervals.standard_error(without) == pytest.approx(stats.sem(shares))


def test_the_interval_is_students_on_the_logit_scale():
    shares = np.array([0.6, 0.8, 0.5, 0.9])
    half = stats.t.ppf(0.975, 3) * stats.sem(shares) / (0.7 * 0.3)
    expected = expit(logit(0.7) + np.array([-half, half]))
    assert intervals.interval(frame(ANSWERS), "wa") == pytest.approx(tuple(expected))
    low, high = intervals.interval(frame(ANSWERS), "wa", confidence=0.5)
    assert expected[0] < low < 0.7 < high < expected[1]


def test_pseudo_values_of_a_ratio_equal_leaving_speakers_out_by_hand(predictions):
    rows = predictions(speakers=5, n=20)
    rows = rows.drop(rows.index[(rows["speaker"] == "s1") & (rows["emotion"] == "fear")])
    counts, speakers = intervals.counts_by_speaker(rows)
    for name, statistic in metrics.STATISTICS.items():
        score, without = intervals.jackknife(counts, statistic)
        by_hand = getattr(metrics, name)
        assert score == pytest.approx(by_hand(rows["emotion"], rows["predicted"]))
        for speaker, value in zip(speakers, without, strict=True):
            rest = rows[rows["speaker"] != speaker]
            assert value == pytest.approx(by_hand(rest["emotion"], rest["predicted"]))


def test_seeds_are_scored_one_by_one_and_averaged(predictions):
    rows = predictions(seeds=(0, 1, 2))
    counts, _ = intervals.counts_by_speaker(rows)
    score, without = intervals.jackknife(counts, metrics.macro_f1_of)
    each = [metrics.macro_f1(s["emotion"], s["predicted"]) for _, s in rows.groupby("seed")]
    assert score == pytest.approx(np.mean(each))
    rest = rows[rows["speaker"] != "s0"].groupby("seed")
    each = [metrics.macro_f1(s["emotion"], s["predicted"]) for _, s in rest]
    assert without[0] == pytest.approx(np.mean(each))


def test_the_same_answers_under_several_seeds_are_no_more_evidence(predictions):
    rows = predictions()
    thrice = pd.concat([rows.assign(seed=seed) for seed in range(3)])
    assert intervals.interval(thrice) == pytest.approx(intervals.interval(rows))


def test_a_speaker_in_several_folds_is_one_speaker(predictions):
    rows = predictions()
    twice = pd.concat([rows, rows.assign(fold="again")])
    assert intervals.interval(twice) == pytest.approx(intervals.interval(rows))


@pytest.mark.parametrize(("right", "expected"), [(10, (0.025**0.25, 1)), (0, (0, 1 - 0.025**0.25))])
def test_speakers_without_any_difference_at_the_limit(right, expected):
    rows = frame([(speaker, right, 10) for speaker in "abcd"])
    assert intervals.interval(rows, "wa") == pytest.approx(expected)


def test_without_speakers_there_is_no_interval():
    assert np.isnan(intervals.interval(frame(ANSWERS, speaker=None))).all()
    assert np.isnan(intervals.interval(frame(ANSWERS, speaker="only one"))).all()
    some = frame(ANSWERS)
    some.loc[some["speaker"] == "b", "speaker"] = None
    assert np.isnan(intervals.interval(some)).all()


def test_a_statistic_of_ones_own():
    rows = frame(ANSWERS)
    mine = intervals.interval(rows, lambda counts: metrics.wa_of(counts))
    assert mine == intervals.interval(rows, "wa")


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_that_is_none(confidence):
    with pytest.raises(InputError, match=f"confidence is {confidence}; expected .* 0 and 1"):
        intervals.interval(frame(ANSWERS), confidence=confidence)


# ---- how often it holds the truth ------------------------------------------------------------

# (standard deviation over speakers, over speakers and classes, all in logits; shift of all classes)
SETTINGS = [
    (speaker, cell, level)
    for level in (0.0, 2.0)
    for speaker, cell in ((0.0, 0.0), (0.5, 0.5), (1.0, 0.5), (0.3, 1.2))
]
CORPORA = {
    10: np.array(list(EMODB.values())),
    24: np.tile([4, 8, 8, 8, 8, 8, 8, 8], (24, 1)),  # RAVDESS
}
LOGITS = np.array([2.0, 1.2, 0.3, 0.2, -0.3, 1.8, 0.9, 0.4])


def simulate(speakers, setting, corpora, rng):
    """
    Draw speakers, and what a system answers to them.

    The chance of a right answer to class k of speaker s is expit(mu_k + a_s + b_sk), with normal a
    and b; speakers have as many utterances of each class as those of EmoDB or RAVDESS.

    Returns the confusion matrices (corpora, 1, speakers, k, k) and the true recall of each class.
    """
    n = CORPORA[speakers]
    k = n.shape[1]
    over_speakers, over_cells, level = setting
    mu = LOGITS[:k] + level
    a = over_speakers * rng.standard_normal((corpora, speakers, 1))
    b = over_cells * rng.standard_normal((corpora, speakers, k))
    right = rng.binomial(n, expit(mu + a + b))
    counts = np.zeros((corpora, 1, speakers, k, k), dtype=np.int32)
    i = np.arange(k)
    counts[:, 0, :, i, i] = np.moveaxis(right, -1, 0)
    counts[:, 0, :, i, (i + 1) % k] = np.moveaxis(n - right, -1, 0)
    z = np.linspace(-6, 6, 1001)[:, None]
    weights = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    truth = (weights * expit(mu + np.hypot(over_speakers, over_cells) * z)).sum(axis=0)
    return counts, truth


def bootstrap(counts, rng, draws=500):
    """Limits by the percentile bootstrap over speakers."""
    n = counts.shape[2]
    weights = rng.multinomial(n, np.full(n, 1 / n), draws)
    right = np.diagonal(counts[:, 0], axis1=-2, axis2=-1)
    support = counts[0, 0].sum(axis=-1)
    values = (np.tensordot(right, weights, (1, 1)).swapaxes(1, 2) / (weights @ support)).mean(-1)
    return np.percentile(values, [2.5, 97.5], axis=1)


def over_utterances(counts):
    """Limits by the normal approximation, as if utterances were independent."""
    pooled = counts.sum(axis=(1, 2))
    recall, support = metrics.recall_of(pooled), pooled.sum(axis=-1)
    error = np.sqrt((recall * (1 - recall) / support).sum(axis=-1)) / recall.shape[-1]
    return recall.mean(axis=-1) + np.array([-1.96, 1.96])[:, None] * error


def coverage(speakers, setting, corpora, seed=0):
    """Share of intervals that hold the true UAR, by method."""
    rng = np.random.default_rng(seed)
    counts, truth = simulate(speakers, setting, corpora, rng)
    score, without = intervals.jackknife(counts, metrics.uar_of)
    half = stats.t.ppf(0.975, speakers - 1) * intervals.standard_error(without)
    found = {
        "ours": intervals.limits(score, without),
        "jackknife": (score - half, score + half),
        "bootstrap": bootstrap(counts, rng),
        "utterances": over_utterances(counts),
    }
    uar = truth.mean()
    return {
        name: float(((low <= uar) & (uar <= high)).mean()) for name, (low, high) in found.items()
    }


# With 3,000 corpora a coverage of 0.95 is measured with a standard error of 0.004.
@pytest.mark.parametrize("setting", SETTINGS[2:6:3], ids=str)
@pytest.mark.parametrize("speakers", CORPORA)
def test_about_95_of_100_intervals_hold_the_true_score(speakers, setting):
    found = coverage(speakers, setting, corpora=3000)
    assert 0.93 < found["ours"] < 0.97
    # The same simulation tells intervals that are too narrow from those that are not.
    assert found["bootstrap"] < 0.94 - 0.2 / speakers
    assert found["utterances"] < 0.85


def test_intervals_of_single_recalls_hold_the_truth_as_well():
    counts, truth = simulate(10, (0.5, 0.5, 0.0), 2000, np.random.default_rng(1))
    for k, recall in enumerate(truth):
        have = counts[0, 0, :, k].sum(axis=-1) > 0
        score, without = intervals.jackknife(
            counts[:, :, have], lambda c, k=k: metrics.recall_of(c)[..., k]
        )
        low, high = intervals.limits(score, without)
        assert 0.93 < ((low <= recall) & (recall <= high)).mean() < 0.985
