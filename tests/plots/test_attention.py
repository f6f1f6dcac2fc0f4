import numpy as np
import pandas as pd
import pytest
from matplotlib.contour import ContourSet
from matplotlib.patches import StepPatch

from plots.gallery import FRIGHT, LEVELS, MAP, WEIGHTS, built, example, texts
from ser_lib import plots
from ser_lib.errors import InputError


def draw(levels=LEVELS, weights=WEIGHTS, *, seconds_per_step=0.08, start=0.0, cells=(), **options):
    return plots.attention_over_time(
        example(levels, weights, **options),
        seconds_per_step=seconds_per_step,
        start=start,
        **dict(cells),
    )


def stairs(axes):
    return next(p.get_data() for p in axes.patches if isinstance(p, StepPatch))


def outlines(axes):
    return [c for c in axes.collections if isinstance(c, ContourSet)]


def test_attention_over_time_is_shown_in_multiples_of_uniform_attention():
    top, below, _ = draw(start=0.02).axes
    values, edges, _ = stairs(below)
    np.testing.assert_allclose(values, [0.5, 0.5, 1, 3, 2, 1, 1, 0.5, 0.5, 0])
    np.testing.assert_allclose(edges, 0.02 + 0.08 * np.arange(11))
    # Its mean is one, however long the recording.
    assert values.mean() == pytest.approx(1)
    assert below.get_ylim()[0] == 0
    assert below.get_ylim()[1] > 3
    assert below.get_xlim() == top.get_xlim() == pytest.approx((0, 0.82))
    assert below.get_xlabel() == "time (s)"


def test_uniform_attention_is_a_line_at_one_and_not_magnified():
    assert draw(weights=np.full(10, 0.1)).axes[1].get_ylim() == (0, 2)
    assert draw(weights=np.full((10, 3), 1 / 30))


def test_padding_has_no_attention():
    padded = np.append(WEIGHTS, [np.nan] * 5)
    with_padding, without = (stairs(draw(weights=w).axes[1]) for w in (padded, WEIGHTS))
    np.testing.assert_array_equal(with_padding.values, without.values)


def test_the_map_lies_over_the_bands_that_its_cells_cover():
    cells = {"first_band": 2, "bands_per_cell": 4}
    figure = draw(weights=MAP, start=0.01, cells=cells)
    (shade,) = figure.axes[1].images
    np.testing.assert_allclose(shade.get_extent(), [0.01, 0.81, 2, 14])
    np.testing.assert_allclose(shade.get_array(), 30 * MAP.T)
    assert shade.norm(0) == 0
    assert "attention\n(× uniform),\nsquare-root scale" in texts(figure)


def test_the_map_lies_above_the_grey_spectrogram():
    axes = built("best_and_worst").axes[2]
    assert axes.images[0].get_zorder() > max(
        c.get_zorder() for c in axes.collections if c not in outlines(axes)
    )


def test_without_a_number_of_bands_the_cells_divide_them_evenly():
    (shade,) = draw(weights=MAP).axes[1].images
    assert shade.get_extent() == [0, pytest.approx(0.8), 0, 16]


def test_the_outline_surrounds_what_is_above_uniform():
    weights = np.full((4, 2), 0.1)
    weights[1, 0] = 0.3
    (outline,) = outlines(draw(weights=weights, seconds_per_step=0.2).axes[1])
    box = outline.get_paths()[0].get_extents()
    assert (box.x0, box.x1, box.y0, box.y1) == pytest.approx((0.2, 0.4, 0, 8), abs=1e-4)


def test_of_many_steps_outlines_are_left_out_and_ticks_are_far_apart():
    weights = np.random.default_rng(0).dirichlet(np.ones(192)).reshape(64, 3)
    axes = draw(np.tile(LEVELS[:1], (64, 1)), weights, hop=1.0, seconds_per_step=1.0).axes[1]
    assert set(np.diff(axes.get_xticks())) == {10}
    assert not outlines(axes)


def test_a_figure_says_which_utterance_was_taken_for_what_and_how_surely():
    written = texts(draw(prediction=FRIGHT))
    assert "fear, taken for anger" in written
    assert "u1   p(anger) = 0.70, p(fear) = 0.20" in written
    row = pd.Series(FRIGHT | {"predicted": "fear"})
    written = texts(draw(prediction=row, title="A title"))
    assert "A title" in written
    assert "fear, recognised   u1   p(fear) = 0.20" in written
    assert "anger" in texts(draw(prediction={"predicted": "anger"}))


def test_the_best_and_the_worst_utterance_share_their_scales():
    best = example(LEVELS - 5, prediction=FRIGHT | {"predicted": "fear"})
    worst = example(LEVELS[:40], [0.9, 0.1, 0, 0, 0], prediction=FRIGHT)
    figure = plots.best_and_worst(best, worst, seconds_per_step=0.08)
    (one, other), (below, beside) = figure.axes[:2], figure.axes[2:4]
    assert one.collections[0].get_clim() == other.collections[0].get_clim()
    assert below.get_ylim() == beside.get_ylim()
    assert {"fear, recognised", "fear, taken for anger"} <= set(texts(figure))
    # A second is as wide in both.
    figure.draw_without_rendering()
    widths = [ax.get_window_extent().width / ax.get_xlim()[1] for ax in (below, beside)]
    assert widths[0] == pytest.approx(widths[1], rel=0.02)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": np.zeros((2, 2, 2))}, r"\(2, 2, 2\); expected .steps,. or .steps, cells"),
        ({"weights": 2 * WEIGHTS}, "weights sum to 2, the least is 0; expected"),
        ({"weights": [1.5, -0.5]}, "the least is -0.5; expected"),
        ({"weights": [np.nan]}, "expected numbers from 0 that sum to 1"),
        ({"seconds_per_step": -0.1}, "seconds_per_step is -0.1"),
        (
            {"weights": MAP, "cells": {"first_band": 2, "bands_per_cell": 5}},
            "3 cells of 5 bands from band 2 end at 17; expected a range within 0 to 16",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        draw(**options)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"levels": LEVELS[:, :9]}, r"differ in bands, shapes \(80, 16\) and \(80, 9\)"),
        ({"weights": MAP}, r"differ in cells, shapes \(10,\) and \(10, 3\)"),
    ],
)
def test_examples_of_different_systems_cannot_be_compared(other, message):
    with pytest.raises(InputError, match=message):
        plots.best_and_worst(example(), example(**other), seconds_per_step=0.08)
