import io
import itertools

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ser_lib.errors import InputError
from ser_lib.evaluation import intervals, metrics, significance


def of_sum(terms, **options):
    """Test a difference to which each speaker adds one of the terms."""
    return significance.sign_flip_p(lambda signs: signs @ terms, len(terms), **options)


def test_the_exact_p_value_equals_scipys_permutation_test():
    terms = np.random.default_rng(0).normal(0.4, 1, 9)
    reference = stats.permutation_test(
        (terms, np.zeros(9)),
        lambda a, b: np.mean(a - b),
        permutation_type="samples",
        n_resamples=np.inf,
    )
    p, exact = of_sum(terms)
    assert exact
    assert p == pytest.approx(reference.pvalue)


def test_drawn_signs_come_near_the_exact_p_value():
    rng = np.random.default_rng(1)
    terms = rng.normal(0.35, 1, 16)
    signs = np.array(list(itertools.product((1, -1), repeat=16)))
    exact = (np.abs(signs @ terms) >= abs(terms.sum()) - 1e-12).mean()
    p, was_exact = of_sum(terms)
    assert not was_exact
    assert p == pytest.approx(exact, abs=0.005)
    assert (p, False) == of_sum(terms)
    assert of_sum(np.ones(40), permutations=99) == (1 / 100, False)


def test_the_seed_says_which_signs_are_drawn(predictions):
    pair = [predictions(speakers=20, right=right) for right in (0.7, 0.65)]
    ps = [significance.compare(*pair, permutations=1000, seed=seed).p for seed in (0, 0, 1)]
    assert ps[0] == ps[1] != ps[2]


def test_fewer_signs_are_drawn_where_a_metric_is_computed_from_all_posteriors(
    predictions, monkeypatch
):
    def accuracy(y, posteriors):
        return (posteriors.argmax(axis=1) == y).mean()

    slow = metrics.Metric("accuracy", "accuracy", accuracy, "posteriors")
    monkeypatch.setitem(metrics.METRICS, "accuracy", slow)
    right, wrong = (predictions(speakers=30, n=1, right=r) for r in (1, 0))
    # Of 2^30 ways none is as extreme but one and its mirror, and they are not drawn.
    assert significance.compare(right, wrong).p == 1 / 100_001
    assert significance.compare(right, wrong, "accuracy").p == 1 / 10_001


def score(metric, rows):
    if metric == "cross_entropy":
        classes = ("anger", "fear", "neutral")
        true = sum(rows[f"p_{name}"] * (rows["emotion"] == name) for name in classes)
        return -np.log(true).mean()
    return getattr(metrics, metric)(rows["emotion"], rows["predicted"])


@pytest.mark.parametrize("metric", ["uar", "wa", "macro_f1", "cross_entropy"])
def test_all_ways_of_swapping_the_predictions_for_speakers_are_tried(predictions, metric):
    first, second = (
        predictions(speakers=5, right=r, random_state=i) for i, r in enumerate((0.8, 0.6))
    )
    differences = []
    for swapped in itertools.product((False, True), repeat=5):
        swap = first["speaker"].map(dict(zip([f"s{i}" for i in range(5)], swapped, strict=True)))
        one, other = first.where(~swap, second), second.where(~swap, first)
        differences.append(score(metric, one) - score(metric, other))
    observed = abs(differences[0])
    comparison = significance.compare(first, second, metric)
    assert comparison.difference == pytest.approx(differences[0])
    assert comparison.p == np.mean(np.abs(differences) >= observed - 1e-12)
    assert (comparison.exact, comparison.speakers) == (True, 5)


def test_the_interval_is_that_of_paired_differences(predictions):
    first, second = (predictions(right=r, random_state=i) for i, r in enumerate((0.8, 0.6)))
    comparison = significance.compare(first, second, "wa")
    # All speakers have as many utterances, so that WA is the mean over speakers.
    paired = (first["predicted"] == first["emotion"]).astype(float) - (
        second["predicted"] == second["emotion"]
    )
    reference = stats.ttest_1samp(paired.groupby(first["speaker"]).mean(), 0)
    low, high = reference.confidence_interval(0.95)
    assert (comparison.low, comparison.high) == pytest.approx((low, high))
    turned = significance.compare(second, first, "wa")
    assert (turned.low, turned.high) == pytest.approx((-high, -low))
    assert turned.p == comparison.p
    assert str(comparison).startswith(f"WA {comparison.difference:+.3f} [")


def test_the_interval_ends_at_the_largest_difference_that_there_can_be(predictions):
    first, second = predictions(right=1), predictions(right=0.05)
    comparison = significance.compare(first, second, "wa")
    assert 0.9 < comparison.difference < comparison.high == 1
    assert significance.compare(second, first, "wa").low == -1


def test_equal_systems_do_not_differ(predictions):
    comparison = significance.compare(predictions(), predictions())
    assert (comparison.difference, comparison.low, comparison.high, comparison.p) == (0, 0, 0, 1)


@pytest.mark.parametrize("metric", ["uar", "wa", "macro_f1", "cross_entropy"])
def test_seeds_are_averaged_whatever_their_number(predictions, metric):
    two = predictions(seeds=(0, 1), random_state=4)
    three = predictions(seeds=(0, 1, 2), right=0.5, random_state=5)
    means = [np.mean([score(metric, s) for _, s in t.groupby("seed")]) for t in (two, three)]
    comparison = significance.compare(two, three, metric)
    assert comparison.difference == pytest.approx(means[0] - means[1])
    turned = significance.compare(three, two, metric)
    assert (turned.difference, turned.p) == (-comparison.difference, comparison.p)


def test_under_the_null_hypothesis_few_p_values_are_small(predictions):
    ps = [
        significance.compare(
            predictions(speakers=8, random_state=i), predictions(speakers=8, random_state=999 - i)
        ).p
        for i in range(100)
    ]
    assert sum(p <= 0.05 for p in ps) <= 11  # 5 are expected, more than 11 come once in 200 times
    assert 0.35 < np.mean(ps) < 0.7


def test_holms_correction_by_hand():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1, never less than the one before.
    comparison = significance.holm([0.01, 0.04, 0.03, 0.005])
    assert comparison == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert significance.holm([0.6, 0.7]) == pytest.approx([1, 1])


@pytest.fixture
def systems(predictions):
    """Predictions of three systems, the first the best."""
    rights = {"a": 0.9, "b": 0.6, "c": 0.5}
    return {name: predictions(right=right, random_state=3) for name, right in rights.items()}


def test_all_pairs_of_systems(systems):
    table = significance.compare_all(systems)
    assert list(table) == [
        *("first", "second", "difference", "low", "high", "p", "p_holm", "speakers"),
    ]
    assert (table["first"] + table["second"]).tolist() == ["ab", "ac", "bc"]
    assert table["p_holm"].tolist() == pytest.approx(significance.holm(table["p"]).tolist())
    single = significance.compare(systems["a"], systems["c"])
    assert table.loc[1, ["difference", "low", "high", "p"]].tolist() == pytest.approx(
        [single.difference, single.low, single.high, single.p]
    )


def test_systems_beside_one_reference(systems):
    table = significance.compare_all(systems, reference="b")
    assert (table["first"] + table["second"]).tolist() == ["ab", "cb"]
    assert table["p_holm"].tolist() == pytest.approx(significance.holm(table["p"]).tolist())
    with pytest.raises(InputError, match="unknown reference 'd'"):
        significance.compare_all(systems, reference="d")


def test_up_to_thirteen_speakers_all_ways_of_swapping_are_tried():
    assert significance.smallest_p(13) == 1 / 4096
    assert of_sum(np.ones(13)) == (1 / 4096, True)
    assert significance.smallest_p(14) == 1 / 100_001
    assert not of_sum(np.ones(14), permutations=9)[1]


@pytest.mark.parametrize("speakers", [2, 5, 10])
def test_the_smallest_p_is_that_of_a_system_that_is_always_right(predictions, speakers):
    right, wrong = (predictions(speakers=speakers, right=r) for r in (1, 0))
    smallest = significance.smallest_p(speakers)
    assert significance.compare(right, wrong).p == pytest.approx(smallest)


def test_the_conclusion_is_written_from_the_comparisons(predictions):
    systems = {
        "a": predictions(speakers=10, right=0.9, random_state=3),
        "b": predictions(speakers=10, right=0.5, random_state=3),
        "c": predictions(speakers=10, right=0.52, random_state=4),
    }
    comparison = significance.compare_all(systems, reference="b")
    row = comparison.iloc[0]
    assert significance.conclude(comparison) == (
        f"a is ahead of b by {row['difference']:.3f} UAR [{row['low']:.3f}, {row['high']:.3f}] "
        f"(corrected p = {row['p_holm']:.2g}). No other of 2 differences can be told from "
        "chance."
    )
    behind = significance.compare_all({"b": systems["b"], "a": systems["a"]})
    assert significance.conclude(behind).startswith(
        f"b is behind a by {row['difference']:.3f} UAR [{row['low']:.3f}, {row['high']:.3f}]"
    )


def test_of_a_metric_that_is_better_when_lower_the_lower_system_is_ahead(predictions):
    systems = {"good": 0.9, "poor": 0.5}
    systems = {name: predictions(speakers=10, right=r) for name, r in systems.items()}
    table = significance.compare_all(systems, "cross_entropy")
    assert table.loc[0, "high"] < 0
    assert significance.conclude(table, "cross_entropy").startswith("good is ahead of poor by ")
    turned = significance.compare_all(dict(reversed(systems.items())), "cross_entropy")
    assert significance.conclude(turned, "cross_entropy").startswith("poor is behind good by ")


def test_several_systems_on_one_side_share_a_sentence(predictions):
    systems = {
        "good": predictions(speakers=10, right=1.0, random_state=3),
        "better": predictions(speakers=10, right=0.9, random_state=4),
        "middle": predictions(speakers=10, right=0.4, random_state=5),
        "poor": predictions(speakers=10, right=0.0, random_state=6),
    }
    table = significance.compare_all(systems, reference="middle").set_index("first")
    ahead = table.loc[["good", "better"], ["difference", "p_holm"]].abs()
    conclusion = significance.conclude(table.reset_index())
    assert conclusion.startswith(
        f"good, better are ahead of middle by {ahead['difference'].min():.3f} to "
        f"{ahead['difference'].max():.3f} UAR (corrected p at most {ahead['p_holm'].max():.2g}). "
        "poor is behind middle by "
    )


def test_the_conclusion_says_where_nothing_could_have_been_found(predictions):
    systems = {"a": predictions(speakers=4, right=1), "b": predictions(speakers=4, right=0.2)}
    assert significance.conclude(significance.compare_all(systems)) == (
        "No difference can be told from chance (of 1); the clearest is that of a and b "
        "(p = 0.12, corrected 0.12). None could have been: with that many comparisons over "
        "4 speakers no corrected p is below 0.12."
    )
    # The smallest p of 5 speakers is 1/16, and the smallest corrected p of three pairs 3/16.
    systems = {
        name: predictions(speakers=5, right=r) for name, r in (("a", 1), ("b", 0.5), ("c", 0))
    }
    table = significance.compare_all(systems)
    assert significance.conclude(table).endswith(
        "with that many comparisons over 5 speakers no corrected p is below 0.19."
    )
    # A corrected p that is just as large counts.
    assert significance.conclude(table, alpha=3 / 16).startswith("a is ahead of b by ")
    assert "None could" not in significance.conclude(table, alpha=3 / 16)


def test_what_cannot_be_compared_is_refused(predictions):
    rows = predictions()
    with pytest.raises(InputError, match=r"same utterances.*1 differ, such as .'s0-00', 's0'"):
        significance.compare(rows, rows.iloc[1:])
    with pytest.raises(InputError, match="same utterances"):
        significance.compare(rows, rows.assign(emotion="fear"))
    with pytest.raises(InputError, match="found rows without a speaker"):
        significance.compare(rows.assign(speaker=None), rows)
    one = predictions(speakers=1)
    with pytest.raises(InputError, match="at least two; found one speaker"):
        significance.compare(one, one)
    with pytest.raises(InputError, match="unknown metric 'macro_f'; did you mean 'macro_f1'"):
        significance.compare(rows, rows, "macro_f")
    with pytest.raises(InputError, match="confidence is 95; expected a number between 0 and 1"):
        significance.compare(rows, rows, confidence=95)
    with pytest.raises(InputError, match="needs predictions of both systems"):
        significance.compare(rows[:0], rows[:0])
    other = rows.rename(columns={"p_fear": "p_boredom"})
    with pytest.raises(InputError, match=r"needs the same classes .* and anger, boredom, neutral"):
        significance.compare(rows, other, "cross_entropy")
    with pytest.raises(InputError, match="at least two systems; found 1"):
        significance.compare_all({"a": rows})


def test_the_interval_holds_the_seeds_of_both_systems(predictions):
    first, second = (
        predictions(seeds=seeds, right=right, random_state=seeds[-1])
        for seeds, right in (((0, 1, 2), 0.8), ((0, 1), 0.6))
    )
    comparison = significance.compare(first, second, "wa")

    def right(rows, column):
        return (rows["emotion"] == rows["predicted"]).groupby(rows[column]).mean()

    # All speakers have as many utterances, so that WA is the mean over speakers.
    paired = right(first, "speaker") - right(second, "speaker")
    parts = [(stats.sem(paired) ** 2, 5)]
    parts += [(stats.sem(right(rows, "seed")) ** 2, n - 1) for rows, n in ((first, 3), (second, 2))]
    variance = sum(v for v, _ in parts)
    degrees = variance**2 / sum(v**2 / n for v, n in parts)
    half = stats.t.ppf(0.975, degrees) * np.sqrt(variance)
    assert comparison.difference == pytest.approx(paired.mean())
    assert (comparison.high - comparison.low) / 2 == pytest.approx(half)
    student = 2 * stats.t.sf(paired.mean() / np.sqrt(variance), degrees)
    assert comparison.p == pytest.approx(max(student, 1 / 2**5))


def test_the_same_predictions_under_all_seeds_are_compared_as_those_of_one(predictions):
    first, second = (predictions(right=r, random_state=i) for i, r in enumerate((0.8, 0.6)))
    thrice = [pd.concat([rows.assign(seed=seed) for seed in range(3)]) for rows in (first, second)]
    many, single = significance.compare(*thrice), significance.compare(first, second)
    assert vars(many) == pytest.approx(vars(single))


POSTERIORS = ["p_anger", "p_fear", "p_neutral"]


def put(rows, utterances, **values):
    """Put values into the rows of some utterances."""
    rows = rows.astype(dict.fromkeys(values, object))
    for column, value in values.items():
        rows.loc[rows["utterance"].isin(utterances), column] = value
    return rows


def test_missing_posteriors_are_no_finding(predictions):
    rows = predictions(speakers=10)
    silent = put(rows, ["s0-03", "s1-04"], **dict.fromkeys(POSTERIORS, np.nan))
    message = (
        r"predictions of the {} system: missing posteriors .* in 2 rows, first utterance 's0-03', "
        "fold 's0', seed 0"
    )
    with pytest.raises(InputError, match=message.format("first")):
        significance.compare(silent, rows, "cross_entropy")
    with pytest.raises(InputError, match=message.format("second")):
        significance.compare(rows, silent, "cross_entropy")
    with pytest.raises(
        InputError, match=rf"^a \(first\) and b \(sec.*: {message.format('second')}"
    ):
        significance.compare_all({"a": rows, "b": silent}, "cross_entropy")
    with pytest.raises(InputError, match=r"missing posteriors .* in 2 rows"):
        intervals.interval(silent, "cross_entropy")
    # UAR needs no posteriors.
    assert significance.compare(silent, rows).p == 1


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("metric", ["uar", "wa", "macro_f1"])
def test_missing_predictions_are_refused(predictions, metric, missing):
    rows = predictions()
    silent = put(rows, ["s1-04"], predicted=missing)
    with pytest.raises(InputError, match=r"second system: `predicted` is .* in 1 rows, .* 's1-04'"):
        significance.compare(rows, silent, metric)
    with pytest.raises(InputError, match=r"predictions: `predicted` is missing .* 's1-04'"):
        intervals.interval(silent, metric)
    with pytest.raises(InputError, match=r"first system: `emotion` is missing .* 's1-04'"):
        significance.compare(put(rows, ["s1-04"], emotion=missing), rows, metric)
    with pytest.raises(InputError, match=r"`seed` is missing .* in 1 rows, first .* 's1-04'"):
        intervals.interval(put(rows, ["s1-04"], seed=missing), metric)
    # The cross-entropy needs no predictions.
    assert significance.compare(rows, silent, "cross_entropy").p == 1


@pytest.mark.parametrize("column", ["utterance", "speaker", "emotion", "predicted"])
def test_missing_columns_are_named(predictions, column):
    rows = predictions()
    with pytest.raises(InputError, match=f"second system: columns {column} are missing; found .*"):
        significance.compare(rows, rows.drop(columns=column))


def test_an_observed_difference_that_is_no_number_is_refused(predictions, monkeypatch):
    for value in (np.nan, np.inf):
        with pytest.raises(InputError, match=f"observed difference is {value}; expected a number"):
            of_sum(np.array([0.5, value, 0.5]))
    nothing = metrics.Metric("nothing", "nothing", lambda y, posteriors: np.nan, "posteriors")
    monkeypatch.setitem(metrics.METRICS, "nothing", nothing)
    with pytest.raises(InputError, match="observed difference is nan"):
        significance.compare(predictions(), predictions(random_state=1), "nothing")


def test_p_values_are_probabilities():
    for strange in (np.nan, -0.1, 1.1):
        with pytest.raises(InputError, match=r"p is \[0.01, .*\]; expected numbers from 0 to 1"):
            significance.holm([0.01, strange])


@pytest.mark.parametrize("columns", [["utterance", "speaker", "emotion", "predicted"], slice(None)])
def test_speakers_are_those_of_the_same_utterances(predictions, columns):
    rows = predictions(speakers=10).replace({"speaker": {f"s{i}": f"{i:02d}" for i in range(10)}})
    rows = rows.assign(fold=rows["speaker"]).loc[:, columns]
    other = rows.sample(frac=1, random_state=0)
    assert significance.compare(rows, other).speakers == 10
    differ = "classes and speakers in both systems and all seeds; {} differ, such as .'s0-00'"
    # Speakers in the order of other utterances.
    moved = other.assign(speaker=rows["speaker"].to_numpy())
    with pytest.raises(InputError, match=differ.format(r"\d+")) as raised:
        significance.compare(rows, moved)
    assert "dtype=str" not in str(raised.value)
    one = put(rows, ["s0-00"], speaker="05")
    with pytest.raises(InputError, match=differ.format(2)):
        significance.compare(rows, one)
    # As pandas reads "03" from a CSV, as Excel writes it, and as a column with gaps is read.
    read = pd.read_csv(io.StringIO(rows.to_csv(index=False)))
    assert read["speaker"].dtype == int
    for written in (
        read,
        rows.assign(speaker=rows["speaker"].astype(int).astype(str)),
        read.assign(speaker=read["speaker"].astype(float)),
    ):
        with pytest.raises(InputError, match=r"differ only in how they are written.*`dtype=str`"):
            significance.compare(rows, written)
    read = pd.read_csv(io.StringIO(rows.to_csv(index=False)), dtype={"speaker": str, "fold": str})
    assert significance.compare(rows, read).speakers == 10
    assert significance.compare(rows, rows.astype({"speaker": "category"})).speakers == 10


def test_every_utterance_counts_once_under_a_seed(predictions):
    rows = predictions(seeds=(0, 1))
    right = rows[(rows["emotion"] == rows["predicted"]) & (rows["seed"] == 1)]
    message = rf"repeated predictions \(equal in utterance, fold, seed\) in {len(right)} rows, .*1$"
    for tables in ((rows, pd.concat([rows, right])), (pd.concat([rows, right]), rows)):
        with pytest.raises(InputError, match=message):
            significance.compare(*tables)
    twice = pd.concat([rows, rows.assign(condition="noise")])
    with pytest.raises(InputError, match=r"repeated predictions .* in 144 rows"):
        significance.compare(twice, twice)
    # A speaker may be tested in several folds.
    folds = pd.concat([rows, rows.assign(fold="again")])
    assert significance.compare(folds, folds).p == 1
    # Without names of the folds it is not known which prediction belongs to which.
    with pytest.raises(InputError, match=r"repeated predictions \(equal in utterance, seed\)"):
        significance.compare(folds, rows.drop(columns="fold"))


@pytest.mark.slow
def test_seeds_alone_do_not_make_a_difference():
    from test_intervals import SETTINGS, simulate_seeds

    counts, _ = simulate_seeds(10, 6, SETTINGS[2], 100, np.random.default_rng(0))
    alarms, without_seeds = [], []
    for drawn in counts:
        first, second = map(table_of_counts, (drawn[:3], drawn[3:]))
        alarms.append(significance.compare(first, second).p <= 0.05)
        pooled = [rows.assign(seed=0) for rows in (first, second)]
        pooled = [rows.assign(utterance=np.arange(len(rows))) for rows in pooled]
        without_seeds.append(significance.compare(*pooled).p <= 0.05)
    assert np.mean(alarms) < 0.05
    assert np.mean(without_seeds) > 0.08


def table_of_counts(counts):
    """Predictions that have these confusion matrices (seeds, speakers, k, k)."""
    repeated = np.repeat(np.indices(counts.shape).reshape(4, -1), counts.ravel(), axis=1)
    seed, speaker, true, predicted = repeated
    rows = pd.DataFrame({"seed": seed, "speaker": speaker, "emotion": true, "predicted": predicted})
    number = rows.groupby(["seed", "speaker", "emotion"]).cumcount().astype(str)
    names = rows["speaker"].astype(str) + "-" + rows["emotion"].astype(str) + "-" + number
    return rows.assign(utterance=names)
