import pytest

from plots.gallery import built, histories, texts
from ser_lib import plots
from ser_lib.errors import InputError

PLAIN = [{"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "uar": [0.2, 0.5, 0.7]}]


def dots(axes):
    return [line for line in axes.lines if line.get_marker() == "o"]


def test_learning_curves_mark_the_epoch_of_the_best_development_score():
    figure = built("learning_curves")
    assert [list(line.get_xdata()) for line in dots(figure.axes[1])] == [[4, 4, 4]]
    assert "3 trainings; epoch chosen: 4" in texts(figure)
    chosen = plots.learning_curves(histories(), chosen=[2, 5, 8])
    assert "3 trainings; epochs chosen: 2 to 8" in texts(chosen)
    # The development loss is 2.5 / epoch + 0.1, the development UAR 0.6 less 0.05 per epoch from 4.
    for axes, expected in zip(chosen.axes, ([1.35, 0.6, 0.4125], [0.5, 0.55, 0.4]), strict=True):
        (points,) = dots(axes)
        assert points.get_xdata().tolist() == [2, 5, 8]
        assert points.get_ydata().tolist() == pytest.approx(expected)


def test_learning_curves_need_no_development_rows_and_take_columns():
    figure = plots.learning_curves(PLAIN)
    assert {"one training", "Training UAR", "training"} <= set(texts(figure))
    assert "development speakers" not in texts(figure)
    assert not dots(figure.axes[1])


def test_the_mean_curve_ends_where_half_of_the_folds_have_stopped():
    axes = built("learning_curves").axes[0]
    means = [line for line in axes.lines if line.get_alpha() is None and line not in dots(axes)]
    assert [list(mean.get_xdata()) for mean in means] == [list(range(1, 10))] * 2


def test_one_curve_per_fold_is_shown():
    thin = [line for line in built("learning_curves").axes[0].lines if line.get_linewidth() < 1]
    curves = [line for line in thin if line.get_alpha()]
    assert sorted(len(line.get_xdata()) for line in curves) == [6, 6, 9, 9, 12, 12]


def test_the_pooled_score_of_the_test_speakers_can_be_shown():
    figure = built("learning_curves")
    written = "test speakers, pooled: 0.500 [0.400, 0.600]"
    assert written in texts(figure)
    (line,) = [line for line in figure.axes[1].lines if line.get_label() == written]
    assert list(line.get_ydata()) == [0.5, 0.5]
    (band,) = figure.axes[1].patches
    assert (band.get_y(), band.get_height()) == pytest.approx((0.4, 0.2))
    assert not any("test speakers" in text for text in texts(plots.learning_curves(PLAIN)))
    without = {"uar": 0.5, "uar_low": float("nan"), "uar_high": float("nan")}
    assert "test speakers, pooled: 0.500" in texts(plots.learning_curves(PLAIN, scores=without))


@pytest.mark.parametrize(
    ("histories", "options", "message"),
    [
        ([], {}, "histories have no epochs; expected one or more"),
        ([{"epoch": [1]}], {}, "histories have no column loss; found epoch"),
        (histories(), {"chosen": [1]}, "1 chosen epochs for 3 histories"),
    ],
)
def test_what_cannot_be_drawn_is_refused(histories, options, message):
    with pytest.raises(InputError, match=message):
        plots.learning_curves(histories, **options)
