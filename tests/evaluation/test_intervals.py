import numpy as np
import pandas as pd
import pytest
from corpus_tables import EMODB
from scipy import stats
from scipy.special import expit, logit

from ser_lib.errors import InputError
from ser_lib.evaluation import intervals, metrics, resampling

# ---- what the jackknife is -------------------------------------------------------------------


def frame(correct, **columns):
    """Predictions of a single class: (speaker, correct predictions, utterances)."""
    rows = [
        {"speaker": speaker, "emotion": "fear", "predicted": "fear" if i < right else "anger"}
        for speaker, right, n in correct
        for i in range(n)
    ]
    return pd.DataFrame(rows).assign(**columns)


CORRECT = [("a", 6, 10), ("b", 8, 10), ("c", 5, 10), ("d", 9, 10)]


def test_with_equal_speakers_it_is_the_standard_error_of_their_mean():
    counts, _ = resampling.counts_by_speaker(frame(CORRECT))
    score, without = resampling.jackknife(counts, metrics.wa_of)
    recalls = np.array([0.6, 0.8, 0.5, 0.9])
    assert score == pytest.approx(recalls.mean())
    np.testing.assert_allclose(without, (recalls.sum() - recalls) / 3)
    assert intervals.standard_error(without) == pytest.approx(stats.sem(recalls))


# The second are near the limit and near each other.
@pytest.mark.parametrize(
    ("right", "n", "score"), [([6, 8, 5, 9], 10, 0.7), ([994, 995, 995, 996], 1000, 0.995)]
)
def test_the_interval_is_students_on_the_logit_scale(right, n, score):
    rows = frame([(speaker, correct, n) for speaker, correct in zip("abcd", right, strict=True)])
    half = stats.t.ppf(0.975, 3) * stats.sem(np.array(right) / n) / (score * (1 - score))
    expected = expit(logit(score) + np.array([-half, half]))
    assert intervals.interval(rows, "wa") == pytest.approx(tuple(expected))
    low, high = intervals.interval(rows, "wa", confidence=0.5)
    assert expected[0] < low < score < high < expected[1]


def test_pseudo_values_of_a_ratio_equal_leaving_speakers_out_by_hand(predictions):
    rows = predictions(speakers=5, n=20)
    rows = rows.drop(rows.index[(rows["speaker"] == "s1") & (rows["emotion"] == "fear")])
    counts, speakers = resampling.counts_by_speaker(rows)
    for name in ("uar", "wa", "macro_f1"):
        score, without = resampling.jackknife(counts, metrics.METRICS[name].function)
        by_hand = getattr(metrics, name)
        assert score == pytest.approx(by_hand(rows["emotion"], rows["predicted"]))
        for speaker, value in zip(speakers, without, strict=True):
            rest = rows[rows["speaker"] != speaker]
            assert value == pytest.approx(by_hand(rest["emotion"], rest["predicted"]))


def test_seeds_are_scored_one_by_one_and_averaged(predictions):
    rows = predictions(seeds=(0, 1, 2))
    counts, _ = resampling.counts_by_speaker(rows)
    score, without = resampling.jackknife(counts, metrics.macro_f1_of)
    each = [metrics.macro_f1(s["emotion"], s["predicted"]) for _, s in rows.groupby("seed")]
    assert score == pytest.approx(np.mean(each))
    rest = rows[rows["speaker"] != "s0"].groupby("seed")
    each = [metrics.macro_f1(s["emotion"], s["predicted"]) for _, s in rest]
    assert without[0] == pytest.approx(np.mean(each))


def test_the_same_predictions_under_several_seeds_are_no_more_evidence(predictions):
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


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (0.0, np.inf), (-np.inf, np.inf)])
def test_speakers_who_are_alike_give_no_interval(bounds):
    alike = intervals.limits(np.array(0.75), np.full(4, 0.75), bounds=bounds)
    assert np.isnan(alike).all()
    # Unless seeds differ.
    seeds = np.array([0.7, 0.75, 0.8])
    low, high = intervals.limits(np.array(0.75), np.full(4, 0.75), by_seed=seeds, bounds=bounds)
    assert low < 0.75 < high


def test_the_scale_of_an_interval_follows_the_bounds_of_the_metric():
    without = np.array([0.9, 1.1, 1.2, 0.8])
    half = stats.t.ppf(0.975, 3) * intervals.standard_error(without)
    low, high = intervals.limits(1.0, without, bounds=(0, np.inf))
    assert (low, high) == pytest.approx((np.exp(-half), np.exp(half)))
    assert intervals.limits(1.0, without, bounds=(-np.inf, np.inf)) == (1 - half, 1 + half)
    # Bounds -1 and 1, as of correlations: the logit scale of (score + 1) / 2.
    low, high = intervals.limits(0.2, without - 0.8, bounds=(-1, 1))
    expected = expit(logit(0.6) + np.array([-half, half]) / 2 / (0.6 * 0.4)) * 2 - 1
    assert (low, high) == pytest.approx(tuple(expected))
    assert intervals.limits(0.0, np.zeros(4), bounds=(0, np.inf)) == (0, np.inf)


def test_without_speakers_there_is_no_interval():
    assert np.isnan(intervals.interval(frame(CORRECT, speaker=None))).all()
    assert np.isnan(intervals.interval(frame(CORRECT, speaker="only one"))).all()
    some = frame(CORRECT)
    some.loc[some["speaker"] == "b", "speaker"] = None
    assert np.isnan(intervals.interval(some)).all()


def test_a_function_of_confusion_matrices_of_ones_own():
    rows = frame(CORRECT)
    mine = intervals.interval(rows, lambda counts: metrics.wa_of(counts))
    assert mine == intervals.interval(rows, "wa")


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_that_is_none(confidence):
    with pytest.raises(InputError, match=f"confidence is {confidence}; expected .* 0 and 1"):
        intervals.interval(frame(CORRECT), confidence=confidence)


# ---- how often it contains the true score ---------------------------------------------------

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
    Draw speakers, and what a system predicts for them.

    The probability that class k of speaker s is expit(mu_k + a_s + b_sk), with normal a
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
    """Return the fraction of intervals that contain the true UAR, by method."""
    rng = np.random.default_rng(seed)
    counts, truth = simulate(speakers, setting, corpora, rng)
    score, without = resampling.jackknife(counts, metrics.uar_of)
    half = stats.t.ppf(0.975, speakers - 1) * intervals.standard_error(without)
    limits = {
        "ours": intervals.limits(score, without),
        "jackknife": (score - half, score + half),
        "bootstrap": bootstrap(counts, rng),
        "utterances": over_utterances(counts),
    }
    uar = truth.mean()
    return {
        name: float(((low <= uar) & (uar <= high)).mean()) for name, (low, high) in limits.items()
    }


# With 3,000 corpora a coverage of 0.95 is measured with a standard error of 0.004.
@pytest.mark.parametrize("setting", SETTINGS[2:6:3], ids=str)
@pytest.mark.parametrize("speakers", CORPORA)
def test_about_95_of_100_intervals_contain_the_true_score(speakers, setting):
    covered = coverage(speakers, setting, corpora=3000)
    assert 0.93 < covered["ours"] < 0.97
    # The same simulation tells intervals that are too narrow from those that are not.
    assert covered["bootstrap"] < 0.94 - 0.2 / speakers
    assert covered["utterances"] < 0.85


def simulate_cross_entropy(speakers, over_speakers, corpora, rng, utterances=54, classes=7):
    """
    Draw speakers, and the cross-entropy of a system on their utterances.

    The logit of the true class exceeds those of the others, which are equal, by 2 + a_s + e_su,
    with a and e normal and standard deviations `over_speakers` and 2.

    Returns sums and numbers of utterances (corpora, 1, speakers, 1, 2), and the true value.
    """

    def cross_entropy(margin):
        return np.minimum(np.log1p((classes - 1) * np.exp(-margin)), -np.log(1e-6))

    a = over_speakers * rng.standard_normal((corpora, speakers, 1))
    e = 2 * rng.standard_normal((corpora, speakers, utterances))
    total = cross_entropy(2 + a + e).sum(axis=-1)
    sums = np.stack([total, np.full_like(total, utterances)], axis=-1)
    z = np.linspace(-8, 8, 2001)
    weights = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    truth = (weights * cross_entropy(2 + np.hypot(over_speakers, 2) * z)).sum()
    return sums[:, None, :, None, :], truth


def test_intervals_of_cross_entropy_are_better_on_the_logarithmic_scale():
    sums, truth = simulate_cross_entropy(10, 2.0, 3000, np.random.default_rng(0))
    score, without = resampling.jackknife(sums, lambda s: s[..., 0, 0] / s[..., 0, 1])
    covered = []
    for bounds in ((0, np.inf), (-np.inf, np.inf)):
        low, high = intervals.limits(score, without, bounds=bounds)
        covered.append(((low <= truth) & (truth <= high)).mean())
    assert 0.93 < covered[0] < 0.96
    assert covered[1] < 0.935


def test_intervals_of_single_recalls_contain_the_true_recall_as_well():
    counts, truth = simulate(10, (0.5, 0.5, 0.0), 2000, np.random.default_rng(1))
    for k, recall in enumerate(truth):
        have = counts[0, 0, :, k].sum(axis=-1) > 0
        score, without = resampling.jackknife(
            counts[:, :, have], lambda c, k=k: metrics.recall_of(c)[..., k]
        )
        low, high = intervals.limits(score, without)
        assert 0.93 < ((low <= recall) & (recall <= high)).mean() < 0.985


# ---- seeds -----------------------------------------------------------------------------------


def test_seeds_add_the_variance_of_a_new_training_to_that_of_the_speakers(predictions):
    rows = predictions(seeds=(0, 1, 2))
    counts, _ = resampling.counts_by_speaker(rows)
    score, without = resampling.jackknife(counts, metrics.uar_of)
    seeds = [metrics.uar(s["emotion"], s["predicted"]) for _, s in rows.groupby("seed")]
    over_speakers = intervals.standard_error(without) ** 2
    over_seeds = np.var(seeds, ddof=1) * (1 + 1 / 3)
    degrees = (over_speakers + over_seeds) ** 2 / (over_speakers**2 / 5 + over_seeds**2 / 2)
    half = stats.t.ppf(0.975, degrees) * np.sqrt(over_speakers + over_seeds)
    expected = expit(logit(score) + np.array([-half, half]) / (score * (1 - score)))
    assert intervals.interval(rows) == pytest.approx(tuple(expected))


def test_satterthwaites_formula_by_hand():
    error, degrees = intervals.combined_error([3.0, 4.0], [9, 2])
    assert error == 5
    assert degrees == pytest.approx(25**2 / (9**2 / 9 + 16**2 / 2))
    # Without any error, and without any of one part.
    assert intervals.combined_error([0.0, 0.0], [9, 2]) == (0, 9)
    assert intervals.combined_error([3.0, 0.0], [9, 2]) == pytest.approx((3, 9))


# Standard deviations in logits of what one training changes: all speakers alike, each speaker. On
# 10 speakers shaped like EmoDB's, UAR then has a standard deviation of about 0.03 over seeds.
SEED_EFFECT = (0.12, 0.3)
# Fraction of the utterances that are as hard under every seed; the others are drawn anew.
SAME_UTTERANCES = 0.7


def simulate_seeds(speakers, seeds, setting, corpora, rng, effect=SEED_EFFECT):
    """
    Draw speakers, trainings, and what each training predicts for them.

    As `simulate`, with g_t + h_st added to the logit under seed t.

    Returns the confusion matrices (corpora, seeds, speakers, k, k) and the true UAR of each
    training over all speakers that there could be (corpora, seeds).
    """
    n = CORPORA[speakers]
    k = n.shape[1]
    over_speakers, over_cells, level = setting
    over_seeds, over_both = effect
    mu = LOGITS[:k] + level
    a = over_speakers * rng.standard_normal((corpora, 1, speakers, 1))
    b = over_cells * rng.standard_normal((corpora, 1, speakers, k))
    g = over_seeds * rng.standard_normal((corpora, seeds, 1, 1))
    h = over_both * rng.standard_normal((corpora, seeds, speakers, 1))
    cells = (mu + a + b + g + h).reshape(corpora, seeds, -1)
    per_cell = n.ravel()
    of_cell = np.repeat(np.arange(n.size), per_cell)
    same = rng.random((corpora, 1, len(of_cell))) < SAME_UTTERANCES
    hard = np.where(
        same,
        rng.logistic(size=(corpora, 1, len(of_cell))),
        rng.logistic(size=(corpora, seeds, len(of_cell))),
    )
    hits = (cells[..., of_cell] > hard).cumsum(axis=-1, dtype=np.int32)
    ends = np.concatenate([[0], per_cell.cumsum()])
    hits = np.concatenate([np.zeros_like(hits[..., :1]), hits], axis=-1)[..., ends]
    right = np.diff(hits, axis=-1).reshape(corpora, seeds, speakers, k)
    counts = np.zeros((corpora, seeds, speakers, k, k), dtype=np.int32)
    i = np.arange(k)
    counts[..., i, i] = right
    counts[..., i, (i + 1) % k] = n - right
    z = np.linspace(-6, 6, 101)
    weights = stats.norm.pdf(z) / stats.norm.pdf(z).sum()
    apart = np.sqrt(over_speakers**2 + over_cells**2 + over_both**2) * z
    truth = expit(g[..., 0, 0, None, None] + mu[:, None] + apart).mean(axis=-2) @ weights
    return counts, truth


def coverage_of_a_new_seed(speakers, seeds, setting, corpora, seed=0, **options):
    """
    Return how often intervals of some seeds contain the UAR of a training with another one.

    By method: the true UAR of that training, and the one measured with the same test speakers.
    """
    rng = np.random.default_rng(seed)
    counts, truth = simulate_seeds(speakers, seeds + 1, setting, corpora, rng, **options)
    score, without = resampling.jackknife(counts[:, :-1], metrics.uar_of)
    by_seed = resampling.scores_by_seed(counts, metrics.uar_of)
    new = {"true": truth[:, -1], "measured": by_seed[:, -1]}
    methods = {
        "ours": intervals.limits(score, without, by_seed=by_seed[:, :-1]),
        "speakers alone": intervals.limits(score, without),
    }
    return {
        (method, what): float(((low <= uar) & (uar <= high)).mean())
        for method, (low, high) in methods.items()
        for what, uar in new.items()
    }


def test_the_simulated_trainings_differ_as_much_as_real_ones():
    # crnn_attention on EmoDB under seeds 0, 1 and 2: UAR 0.764, 0.700, 0.725, standard deviation
    # 0.032; speaker 16 alone 0.62, 0.52, 0.41.
    counts, _ = simulate_seeds(10, 3, SETTINGS[2], 300, np.random.default_rng(0))
    over_seeds = resampling.scores_by_seed(counts, metrics.uar_of).std(axis=1, ddof=1)
    assert 0.025 < np.sqrt((over_seeds**2).mean()) < 0.04
    one_speaker = metrics.uar_of(counts[:, :, -1]).std(axis=1, ddof=1)
    assert 0.05 < np.sqrt((one_speaker**2).mean()) < 0.1


# With 1,000 corpora a coverage of 0.95 is measured with a standard error of 0.007.
@pytest.mark.parametrize(("speakers", "seeds"), [(10, 3), (10, 5), (24, 3)])
def test_a_training_with_another_seed_falls_inside(speakers, seeds):
    covered = coverage_of_a_new_seed(speakers, seeds, SETTINGS[2], corpora=1000)
    assert 0.93 < covered["ours", "true"] < 0.99
    assert covered["ours", "measured"] > 0.93
    # Speakers are not the only chance: without the seeds the intervals are too narrow.
    assert covered["speakers alone", "true"] < 0.93
