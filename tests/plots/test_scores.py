import numpy as np
import pandas as pd
import pytest

from plots.gallery import EMOTIONS, built, labels, predictions, segments, texts
from ser_lib import plots
from ser_lib.errors import InputError
from ser_lib.evaluation import Evaluation, interval, metrics
from ser_lib.plots.style import contrast


@pytest.fixture(scope="module")
def evaluation():
    return Evaluation(predictions(seeds=(0, 1)))


def written_in_cells(axes):
    """What is written in a matrix, by row and column."""
    cells = {}
    # The last text is the note below the title.
    *written, _ = [t for t in axes.texts if t.get_text()]
    for text in written:
        column, row = map(int, text.xy if hasattr(text, "xy") else text.get_position())
        cells.setdefault((row, column), []).append(text)
    return cells


def test_the_confusion_matrix_shows_per_cent_and_counts():
    rows = pd.DataFrame(
        {
            "emotion": ["anger"] * 4 + ["fear"] * 500,
            "predicted": ["anger"] * 3 + ["fear"] * 499 + ["anger"] * 2,
        }
    )
    figure = plots.confusion_matrix(rows)
    axes = figure.axes[0]
    written = {cell: [t.get_text() for t in own] for cell, own in written_in_cells(axes).items()}
    assert written == {
        (0, 0): ["75 %", "3"],
        (0, 1): ["25 %", "1"],
        (1, 0): ["< 1 %", "2"],
        (1, 1): ["100 %", "498"],
    }
    uar = (3 / 4 + 498 / 500) / 2
    assert f"UAR {uar:.3f}, WA {501 / 504:.3f}, 504 utterances" in texts(figure)
    assert "Confusions" in texts(figure)
    assert labels(axes, "x") == labels(axes) == ["anger", "fear"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted emotion", "true emotion")
    assert axes.yaxis_inverted()


def test_predictions_of_several_seeds_are_no_more_utterances(evaluation):
    (note,) = [t for t in texts(plots.confusion_matrix(evaluation.rows())) if "UAR" in t]
    assert note.endswith("120 utterances (240 predictions)")


def test_the_scores_of_a_confusion_matrix_are_means_over_seeds():
    # Seed 0 tests one utterance of each emotion, seed 1 three of anger: pooled, UAR would be 0.250.
    rows = pd.DataFrame(
        {
            "emotion": ["anger", "sadness", "anger", "anger", "anger", "sadness"],
            "predicted": ["anger", "sadness", "sadness", "sadness", "sadness", "anger"],
            "seed": [0, 0, 1, 1, 1, 1],
        }
    )
    (note,) = [t for t in texts(plots.confusion_matrix(rows)) if "UAR" in t]
    assert "UAR 0.500, WA 0.500" in note


def test_a_cell_of_the_confusion_matrix_is_empty_where_nothing_was_predicted():
    rows = pd.DataFrame({"emotion": ["anger", "fear"], "predicted": ["anger", "fear"]})
    written = [t.get_text() for t in plots.confusion_matrix(rows).axes[0].texts]
    assert sorted(filter(None, written))[:4] == ["1", "1", "100 %", "100 %"]


@pytest.mark.parametrize("fraction", [0.3, 0.55, 0.65, 0.75, 0.9])
def test_what_is_written_in_a_cell_can_be_read(fraction):
    n = round(100 * fraction)
    rows = pd.DataFrame({"emotion": "anger", "predicted": ["anger"] * n + ["fear"] * (100 - n)})
    axes = plots.confusion_matrix(rows).axes[0]
    cells = axes.collections[0].get_facecolors().reshape(2, 2, 4)
    written = written_in_cells(axes)
    assert [len(own) for own in written.values()] == [2, 2]
    for cell, own in written.items():
        for text in own:
            assert contrast(text.get_color(), cells[cell][:3]) >= 4.5


def test_the_clean_test_rows_are_taken_of_several_conditions_and_parts():
    clean, noisy = predictions(), predictions(("noise",))
    mixed = pd.concat([clean, noisy, clean.assign(part="dev")])
    for draw in (plots.confusion_matrix, plots.per_class_recall, plots.scores_by_fold):
        assert texts(draw(mixed)) == texts(draw(clean))
    # A single condition was chosen by the caller.
    assert any("120 utterances" in text for text in texts(plots.confusion_matrix(noisy)))


def test_recalls_are_those_of_the_evaluation_with_its_intervals(evaluation):
    table = evaluation.per_class()
    axes = plots.per_class_recall(evaluation.rows()).axes[0]
    assert {f"{recall:.2f}" for recall in table["recall"]} <= {t.get_text() for t in axes.texts}
    assert labels(axes) == [f"{emotion}  (30)" for emotion in EMOTIONS]
    for y, ((x0, y0), (x1, y1)) in enumerate(segments(axes)):
        assert (y0, y1) == (y, y)
        assert (x0, x1) == pytest.approx(tuple(table.iloc[y][["recall_low", "recall_high"]]))


def test_scores_of_folds_are_those_of_the_evaluation(evaluation):
    written = texts(plots.scores_by_fold(evaluation.rows(), metric="macro_f1"))
    for score in evaluation.by_fold()["macro_f1"]:
        assert f"{score:.2f}" in written
    low, high = interval(evaluation.rows(), "macro_f1")
    pooled = evaluation.scores()["macro_f1"]
    assert f"pooled {pooled:.3f} [{low:.3f}, {high:.3f}]" in written
    assert "macro F1 of each fold" in written
    assert "chance" not in written


@pytest.mark.parametrize("metric", metrics.METRICS)
def test_every_metric_can_be_shown(metric):
    title = metrics.METRICS[metric].title
    axes = plots.scores_by_speaker(predictions(), metric=metric).axes[0]
    assert axes.get_xlabel() == f"{title} of each speaker"
    assert labels(axes) == [f"s{i}" for i in range(5)]
    curve = plots.condition_curve(predictions(("clean", "noise")), metric=metric)
    assert curve.axes[0].get_ylabel() == title


def test_a_figure_says_where_speakers_are_scored_over_fewer_emotions_than_the_whole():
    rows = predictions()
    rows = rows[~((rows["speaker"] == "s0") & (rows["emotion"] == "fear"))]
    assert "over the emotions" not in built("scores_by_speaker").axes[0].get_xlabel()
    xlabel = plots.scores_by_speaker(rows).axes[0].get_xlabel()
    assert xlabel.startswith("UAR of each speaker, over the emotions in its utterances only")
    # The accuracy of all is a mean of the accuracies of the speakers.
    assert plots.scores_by_speaker(rows, metric="wa").axes[0].get_xlabel() == "WA of each speaker"


def test_without_speakers_figures_have_no_intervals():
    rows = predictions().assign(speaker=None)
    assert segments(plots.per_class_recall(rows).axes[0]) == []
    pooled = metrics.uar(rows["emotion"], rows["predicted"])
    assert f"pooled {pooled:.3f}" in texts(plots.scores_by_fold(rows))
    assert plots.condition_curve(rows)
    with pytest.raises(InputError, match="predictions have no speaker; expected one in each row"):
        plots.scores_by_speaker(rows)


def test_conditions_stand_in_their_order_and_systems_are_named():
    conditions = ("clean", "noise 10 dB", "noise 0 dB")
    systems = {"SVM": predictions(conditions), "CNN": predictions(conditions[:2], seeds=(0, 1))}
    axes = plots.condition_curve(systems).axes[0]
    assert labels(axes, "x") == list(conditions)
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["SVM", "CNN"]
    lines = [c.get_segments() for c in axes.collections if c.get_gid() == "intervals"]
    assert [len(intervals) for intervals in lines] == [3, 2]
    # Side by side, they can be told apart.
    assert 0 < lines[1][0][0, 0] - lines[0][0][0, 0] < 0.2
    for line, drawn, rows in zip(axes.lines, lines, systems.values(), strict=False):
        scores = Evaluation(rows).by_condition()
        points = line.get_ydata()[: len(scores)]
        assert points.tolist() == pytest.approx(scores["uar"].tolist())
        ends = [segment[:, 1].tolist() for segment in drawn]
        np.testing.assert_allclose(ends, scores[["uar_low", "uar_high"]])


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda: plots.confusion_matrix(predictions().drop(columns="emotion")),
            "predictions have no column emotion; found utterance, speaker",
        ),
        (lambda: plots.confusion_matrix(predictions().iloc[:0]), "nothing to draw"),
        (lambda: plots.scores_by_fold(predictions(), metric="uarr"), "unknown metric 'uarr'"),
        (
            lambda: plots.scores_by_fold(predictions().drop(columns="fold")),
            "predictions have no column fold",
        ),
        (
            lambda: plots.condition_curve({"SVM": predictions().drop(columns="condition")}),
            "predictions of SVM have no column condition",
        ),
        (lambda: plots.condition_curve(predictions().iloc[:0]), "have no test rows"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(InputError, match=message):
        draw()
