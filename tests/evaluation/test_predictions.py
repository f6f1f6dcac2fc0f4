import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import log_loss

from ser_lib.errors import InputError
from ser_lib.evaluation import Evaluation, intervals, metrics
from ser_lib.evaluation.predictions import COLUMNS, score_groups


@pytest.fixture
def evaluation(predictions):
    """Two seeds; test rows clean and noisy, development rows."""
    parts = [
        predictions(seeds=(0, 1)),
        predictions(seeds=(0, 1), right=0.4, condition="noise 10 dB", random_state=1),
        predictions(seeds=(0, 1), right=0.8, part="dev", random_state=2),
    ]
    record = {"system": "svm", "corpus": "emodb"}
    return Evaluation(pd.concat(parts, ignore_index=True), record)


def test_scores_are_pooled_over_folds_and_averaged_over_seeds(evaluation):
    scores = evaluation.scores()
    rows = evaluation.rows()
    assert set(rows["condition"]) == {"clean"}
    assert set(rows["part"]) == {"test"}
    by_hand = {
        name: lambda s, name=name: getattr(metrics, name)(s["emotion"], s["predicted"])
        for name in ("uar", "wa", "macro_f1")
    }
    columns = [f"p_{name}" for name in evaluation.classes]
    by_hand["cross_entropy"] = lambda s: log_loss(s["emotion"], s[columns])
    for name, function in by_hand.items():
        each = [function(s) for _, s in rows.groupby("seed")]
        assert scores[name] == pytest.approx(np.mean(each))
        limits = intervals.interval(rows, name)
        assert (scores[f"{name}_low"], scores[f"{name}_high"]) == pytest.approx(limits)
    columns = [f"{name}{limit}" for name in metrics.METRICS for limit in ("", "_low", "_high")]
    assert list(scores.index) == columns
    assert columns[:7] == ["uar", "uar_low", "uar_high", "wa", "wa_low", "wa_high", "macro_f1"]
    assert "cross_entropy_high" in columns


def test_parts_and_conditions_are_scored_apart(evaluation):
    assert evaluation.scores()["uar"] > evaluation.scores(condition="noise 10 dB")["uar"] + 0.1
    assert evaluation.scores(part="dev")["uar"] > evaluation.scores()["uar"]
    table = evaluation.by_condition()
    assert list(table.index) == ["clean", "noise 10 dB"]
    pd.testing.assert_series_equal(table.loc["clean"], evaluation.scores(), check_names=False)


def test_folds_are_scored_over_the_classes_present(predictions):
    rows = predictions(seeds=(0, 1))
    rows = rows[(rows["fold"] != "s2") | (rows["emotion"] != "fear")]
    table = Evaluation(rows).by_fold()
    assert list(table.index) == [f"s{i}" for i in range(6)]
    assert table["classes"].tolist() == [3, 3, 2, 3, 3, 3]
    assert table.loc["s2", ["utterances", "speakers"]].tolist() == [8, "s2"]
    fold = rows[rows["fold"] == "s2"]
    each = [metrics.uar(s["emotion"], s["predicted"]) for _, s in fold.groupby("seed")]
    assert table.loc["s2", "uar"] == pytest.approx(np.mean(each))
    posteriors = fold[[f"p_{name}" for name in Evaluation(rows).classes]]
    each = log_loss(fold["emotion"], posteriors, labels=list(Evaluation(rows).classes))
    assert table.loc["s2", "cross_entropy"] == pytest.approx(each)
    # Here folds are speakers.
    by_speaker = Evaluation(rows).by_speaker()
    pd.testing.assert_frame_equal(
        by_speaker.drop(columns="folds"), table.drop(columns="speakers"), check_names=False
    )


def test_folds_keep_their_order_and_speakers_are_sorted(predictions):
    rows = predictions(speakers=4)
    fold = rows["speaker"].map({"s3": "fold 1", "s1": "fold 1", "s0": "fold 2", "s2": "fold 10"})
    rows = rows.assign(fold=fold).sort_values("fold", key=lambda f: f.str[5:].astype(int))
    evaluation = Evaluation(rows)
    assert list(evaluation.by_fold().index) == ["fold 1", "fold 2", "fold 10"]
    assert evaluation.by_fold().loc["fold 1", "speakers"] == "s1, s3"
    assert evaluation.by_speaker()["folds"].tolist() == ["fold 2", "fold 1", "fold 10", "fold 1"]


def test_without_posteriors_only_their_metrics_have_no_value(predictions):
    rows = predictions()
    full, bare = (
        score_groups(rows[rows.columns[:n]], "speaker") for n in (len(rows.columns), len(COLUMNS))
    )
    assert bare.pop("cross_entropy").isna().all()
    pd.testing.assert_frame_equal(bare, full.drop(columns="cross_entropy"))
    with pytest.raises(InputError, match="computed from posteriors; found no column p_<emotion>"):
        intervals.interval(rows[list(COLUMNS)], "cross_entropy")


def test_classes_have_recall_precision_and_count(evaluation):
    table = evaluation.per_class()
    rows = evaluation.rows()
    assert list(table.index) == ["anger", "fear", "neutral"] == list(evaluation.classes)
    assert table["count"].tolist() == [24, 24, 24]
    right = rows["emotion"] == rows["predicted"]
    for name, row in table.iterrows():
        assert row["recall"] == pytest.approx(right[rows["emotion"] == name].mean())
        each = right[rows["predicted"] == name].groupby(rows["seed"]).mean()
        assert row["precision"] == pytest.approx(each.mean())
        own = rows[rows["emotion"] == name]
        low, high = intervals.interval(own, "wa")
        assert (row["recall_low"], row["recall_high"]) == pytest.approx((low, high))


def test_speakers_without_a_class_say_nothing_of_its_recall(predictions):
    rows = predictions()
    rows = rows[~rows["speaker"].isin(["s0", "s1"]) | (rows["emotion"] != "fear")]
    table = Evaluation(rows).per_class()
    low, high = intervals.interval(rows[rows["emotion"] == "fear"], "wa")
    assert table.loc["fear", ["recall_low", "recall_high"]].tolist() == pytest.approx([low, high])
    # Nor does it matter who they are, unlike where one of the class is not known.
    unknown = Evaluation(rows.replace({"speaker": {"s0": None}})).per_class()
    pd.testing.assert_series_equal(unknown.loc["fear"], table.loc["fear"])
    assert np.isnan(unknown.loc["anger", "recall_low"])


def test_the_confusion_matrix_counts_all_folds_and_seeds(evaluation):
    matrix = evaluation.confusion()
    assert matrix.to_numpy().sum() == len(evaluation.rows()) == 2 * 72
    assert matrix.loc["anger"].sum() == 48


def test_without_speakers_scores_have_no_intervals(predictions):
    evaluation = Evaluation(predictions().assign(speaker=None))
    scores = evaluation.scores()
    assert scores.filter(regex="low|high").isna().all()
    assert scores[list(metrics.METRICS)].notna().all()
    assert evaluation.per_class()["recall_low"].isna().all()
    assert "[" not in evaluation.summary("wa")


def test_a_class_that_no_utterance_has_is_not_scored(predictions):
    rows = predictions().assign(p_boredom=0.0)
    evaluation = Evaluation(rows)
    assert evaluation.classes[-1] == "boredom"
    assert evaluation.scores()["uar"] == pytest.approx(Evaluation(predictions()).scores()["uar"])
    row = evaluation.per_class().loc["boredom"]
    assert row["count"] == 0
    assert row.drop("count").isna().all()


def test_posteriors_rounded_to_six_decimals_are_accepted(evaluation):
    rows = evaluation.predictions.copy()
    rows[[c for c in rows if c.startswith("p_")]] = 0.333333
    assert Evaluation(rows).scores()["cross_entropy"] == pytest.approx(np.log(3), rel=1e-5)


def test_its_text_names_system_corpus_and_size(evaluation):
    expected = "Evaluation(svm on emodb: 72 utterances, 6 folds, 2 seeds, 3 classes)"
    assert repr(evaluation) == expected
    assert repr(Evaluation(evaluation.rows())).startswith("Evaluation(72 utterances")


def put(column, value):
    def change(rows):
        rows = rows.astype({column: object})
        rows.loc[3, column] = value
        return rows

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.drop(columns=["fold", "seed"]), "columns fold, seed are missing; found"),
        (lambda rows: rows.drop(columns=["p_anger", "p_fear"]), "at least two classes; found 1"),
        (lambda rows: rows.iloc[:0], "has no rows"),
        (put("part", "train"), "part 'train' .expected test, dev. in 1 rows, first .* 's0-03'"),
        (put("emotion", "joy"), "emotion 'joy' .expected anger, fear, neutral"),
        (put("predicted", None), "predicted None .expected"),
        (put("p_fear", 0.61), r"posteriors that sum to 1\.010000 instead of 1 in 1 rows"),
        (put("p_fear", np.nan), r"posteriors outside \[0, 1\] in 1 rows"),
        (put("p_fear", -0.2), r"posteriors outside \[0, 1\] in 1 rows"),
        (put("p_fear", "high"), "posteriors are not numbers"),
        (
            put("utterance", "s0-04"),
            r"repeated predictions \(equal in .*\) in 1 rows, .* 's0-04', fold 's0'",
        ),
    ],
)
def test_a_table_that_does_not_have_the_form_of_predictions_is_refused(
    predictions, change, message
):
    with pytest.raises(InputError, match=f"predictions: .*{message}"):
        Evaluation(change(predictions()))


def test_a_prediction_must_be_the_arg_max(predictions):
    rows = predictions()
    rows.loc[0, ["predicted", "p_anger", "p_fear", "p_neutral"]] = ["fear", 0.45, 0.4, 0.15]
    with pytest.raises(InputError, match="not the arg max of its posteriors in 1 rows"):
        Evaluation(rows)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"part": "tset"}, "unknown part of this evaluation 'tset'; did you mean 'test'"),
        ({"condition": "noise 10"}, "condition of this evaluation .* mean 'noise 10 dB'"),
        ({"part": "dev", "condition": "noise 10 dB"}, "unknown condition"),
    ],
)
def test_parts_and_conditions_that_do_not_exist_are_refused(predictions, given, message):
    rows = [predictions(), predictions(condition="noise 10 dB"), predictions(part="dev")]
    with pytest.raises(InputError, match=message):
        Evaluation(pd.concat(rows, ignore_index=True)).scores(**given)


def test_the_summary_says_what_the_score_is_of(predictions):
    evaluation = Evaluation(predictions(speakers=3))
    score, low, high = evaluation.scores()[["uar", "uar_low", "uar_high"]]
    written = f"UAR {score:.3f} [{low:.3f}, {high:.3f}]"
    assert evaluation.summary() == (
        f"{written}: 3 classes, 36 utterances of 3 speakers; 3 folds; "
        "1 seed (interval over speakers alone)"
    )
    evaluation.record = {
        "corpus": "emodb",
        "protocol_title": "leave one speaker out",
        "n_folds": 10,
        "specification": {"normalisation": "train", "corpus": {"version": "1.3.0"}},
    }
    assert evaluation.summary() == (
        f"{written} on emodb 1.3.0: 3 classes, 36 utterances of 3 speakers; leave one speaker "
        "out, 3 of 10 folds; normalisation train; "
        "1 seed (interval over speakers alone)"
    )


def test_each_seed_has_its_scores_and_the_summary_their_spread(predictions):
    rows = predictions(seeds=(0, 3))
    evaluation = Evaluation(rows)
    table = evaluation.by_seed()
    assert list(table.index) == [0, 3]
    for seed, own in rows.groupby("seed"):
        assert table.loc[seed, "uar"] == pytest.approx(
            metrics.uar(own["emotion"], own["predicted"])
        )
    spread = sorted(table["uar"])
    assert evaluation.summary().endswith(
        f"2 seeds ({spread[0]:.3f} to {spread[1]:.3f}, standard deviation "
        f"{np.std(spread, ddof=1):.3f})"
    )
    assert Evaluation(predictions()).summary().endswith("1 seed (interval over speakers alone)")
    # Two speakers give no interval.
    assert Evaluation(predictions(speakers=2)).summary().endswith("; 1 seed")
