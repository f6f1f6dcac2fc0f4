"""Figures of attention, of the answers for segments and of the recipes that were tried."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from ser_lib import plots
from ser_lib.errors import InputError

TIMES = {"hop": 0.01, "step": 0.08}
LEVEL = -80 * np.random.default_rng(0).random((80, 16))
WEIGHTS = np.array([0.05, 0.05, 0.1, 0.3, 0.2, 0.1, 0.1, 0.05, 0.05, 0.0])
MAP = np.outer(WEIGHTS, (0.7, 0.2, 0.1))
FEAR = {"utterance": "u1", "emotion": "fear", "predicted": "anger", "p_fear": 0.2, "p_anger": 0.7}
MEL = 100 * 1.3 ** np.arange(16)


def texts(figure):
    return [t.get_text() for t in figure.findobj(mpl.text.Text) if t.get_text()]


def stairs(axes):
    return [p.get_data() for p in axes.patches if isinstance(p, mpl.patches.StepPatch)]


def over_time(level=LEVEL, weights=WEIGHTS, **options):
    return plots.attention_over_time(level, weights, **TIMES | options)


def over_map(level=LEVEL, weights=MAP, **options):
    return plots.attention_map(level, weights, **TIMES | options)


# ---- attention ----------------------------------------------------------------------------------


def test_attention_over_time_is_shown_in_multiples_of_an_even_share():
    top, below, _ = over_time(start=0.02).axes
    ((values, edges, _),) = stairs(below)
    np.testing.assert_allclose(values, [0.5, 0.5, 1, 3, 2, 1, 1, 0.5, 0.5, 0])
    np.testing.assert_allclose(edges, 0.02 + 0.08 * np.arange(11))
    # Its mean is one, however long the recording.
    assert values.mean() == pytest.approx(1)
    assert below.get_ylim()[0] == 0
    assert below.get_ylim()[1] > 3
    assert below.get_xlim() == top.get_xlim() == pytest.approx((0, 0.82))
    assert below.get_xlabel() == "time (s)"


def test_even_attention_is_a_line_at_one_and_not_blown_up():
    below = over_time(weights=np.full(10, 0.1)).axes[1]
    assert below.get_ylim() == (0, 2)
    assert over_map(weights=np.full((10, 3), 1 / 30))


def test_the_spectrogram_stands_where_it_was_in_time_and_the_right_way_up():
    image = over_time().axes[0].images[0]
    assert image.get_extent() == [0, pytest.approx(0.8), 0, 16]
    assert image.origin == "lower"
    np.testing.assert_array_equal(image.get_array(), LEVEL.T)


def test_padding_gets_no_share():
    padded = np.append(WEIGHTS, [np.nan] * 5)
    (with_padding,), (without,) = (stairs(over_time(weights=w).axes[1]) for w in (padded, WEIGHTS))
    np.testing.assert_array_equal(with_padding.values, without.values)


def test_the_map_lies_over_the_bands_that_its_cells_cover():
    figure = over_map(start=0.01, bands=(2, 14))
    grey, shade = figure.axes[1].images
    assert grey.get_extent() == [0, pytest.approx(0.8), 0, 16]
    np.testing.assert_allclose(shade.get_extent(), [0.01, 0.81, 2, 14])
    np.testing.assert_allclose(shade.get_array(), 30 * MAP.T)
    assert shade.norm(0) == 0
    assert "attention\n(times even share)" in texts(figure)


def test_the_outline_goes_around_what_gets_more_than_an_even_share():
    weights = np.full((4, 2), 0.1)
    weights[1, 0] = 0.3
    axes = over_map(weights=weights, step=0.2).axes[1]
    (outline,) = [c for c in axes.collections if isinstance(c, mpl.contour.ContourSet)]
    box = outline.get_paths()[0].get_extents()
    assert (box.x0, box.x1, box.y0, box.y1) == pytest.approx((0.2, 0.4, 0, 8), abs=1e-4)


def test_a_recording_of_minutes_can_be_shown():
    rng = np.random.default_rng(0)
    axes = over_map(np.tile(LEVEL, (150, 1)), rng.dirichlet(np.ones(2250)).reshape(750, 3)).axes[1]
    assert set(np.diff(axes.get_xticks())) == {20}
    # Outlines would be all that is seen.
    assert not axes.collections


@pytest.mark.parametrize(
    ("frequencies", "expected"),
    [
        (MEL, ["0.125", "0.25", "0.5", "1", "2", "4"]),
        (250 * np.arange(16), ["0", "1", "2", "3"]),
    ],
    ids=["mel", "linear"],
)
def test_bands_are_labelled_with_their_frequencies(frequencies, expected):
    axes = over_time(frequencies=frequencies).axes[0]
    labels = [t.get_text() for t in axes.get_yticklabels()]
    assert labels == expected
    assert axes.get_ylabel() == "frequency (kHz)"
    for at, label in zip(axes.get_yticks(), labels, strict=True):
        # A band's middle lies half-way up its row.
        heard = np.interp(at - 0.5, np.arange(16), frequencies)
        assert heard == pytest.approx(1000 * float(label), abs=1e-6)


def test_a_figure_says_of_whom_what_was_answered_and_how_surely():
    written = texts(over_time(answer=FEAR))
    assert "fear, taken for anger" in written
    assert "u1   p(anger) = 0.70, p(fear) = 0.20" in written
    row = pd.Series(FEAR | {"predicted": "fear"})
    written = texts(over_time(answer=row, title="A title"))
    assert "A title" in written
    assert "fear, recognised   u1   p(fear) = 0.20" in written
    assert "anger" in texts(over_time(answer={"predicted": "anger"}))


def test_a_well_and_a_badly_recognised_utterance_share_their_scales():
    well = {"spectrogram": LEVEL - 5, "weights": WEIGHTS, "answer": FEAR | {"predicted": "fear"}}
    badly = {"spectrogram": LEVEL[:40], "weights": [0.9, 0.1, 0, 0, 0], "answer": FEAR}
    figure = plots.well_and_badly(well, badly, **TIMES)
    (one, other), (below, beside) = figure.axes[:2], figure.axes[2:4]
    assert one.images[0].get_clim() == other.images[0].get_clim()
    assert below.get_ylim() == beside.get_ylim()
    assert {"fear, recognised", "fear, taken for anger"} <= set(texts(figure))
    # A second is as wide in both.
    figure.draw_without_rendering()
    wide = [ax.get_window_extent().width / ax.get_xlim()[1] for ax in (below, beside)]
    assert wide[0] == pytest.approx(wide[1], rel=0.02)


def test_two_maps_can_stand_side_by_side():
    utterance = {"spectrogram": LEVEL, "weights": MAP}
    figure = plots.well_and_badly(utterance, utterance, **TIMES, bands=(2, 14))
    assert [len(ax.images) for ax in figure.axes[:4]] == [1, 1, 2, 2]


# ---- segments -----------------------------------------------------------------------------------

CLASSES = ("neutral", "anger")
SEGMENTS = [[0.2, 0.8], [0.7, 0.3], [0.9, 0.1]]


def segments(posteriors=SEGMENTS, classes=CLASSES, **options):
    return plots.segment_posteriors(posteriors, classes, **{"seconds": 1.0, "hop": 0.5} | options)


def test_each_emotion_has_a_row_and_each_segment_stands_around_its_middle():
    axes = segments().axes[0]
    filled = [
        p.get_data()
        for p in axes.patches
        if isinstance(p, mpl.patches.StepPatch)
        and p.get_fill()
        and p.get_facecolor()[:3] == to_rgb(plots.EMOTION_COLOURS["anger"])
    ]
    ((values, edges, bottom),) = filled
    # Middles are 0.5, 1.0 and 1.5 s.
    np.testing.assert_allclose(edges, [0, 0.75, 1.25, 2])
    np.testing.assert_allclose((values - bottom) / 0.8, [0.8, 0.3, 0.1])
    assert [t.get_text() for t in axes.get_yticklabels()] == ["anger", "neutral"]
    assert axes.get_xlabel() == "time (s); 3 segments of 1 s, one every 0.5 s"


def test_without_an_answer_the_mean_over_the_segments_is_given():
    assert {"mean", "0.60  answer", "0.40"} <= set(texts(segments()))


def test_the_answer_is_that_of_the_utterance_and_the_truth_is_marked():
    # A system need not answer with the mean over its segments.
    answer = {"emotion": "neutral", "predicted": "anger", "p_anger": 0.55, "p_neutral": 0.45}
    written = set(texts(segments(answer=answer)))
    assert {"utterance", "0.55  answer", "0.45", "neutral (true)"} <= written


def test_one_segment_is_enough():
    figure = segments(SEGMENTS[:1], seconds=3.0, hop=3.0)
    assert figure.axes[0].get_xlim() == (0, 3)
    assert figure.axes[0].get_xlabel() == "time (s); one segment of 3 s"


# ---- recipes ------------------------------------------------------------------------------------

TRIED = pd.DataFrame(
    {
        "recipe": ["slow", "default", "larger"],
        "dev_uar": [0.61, 0.7, 0.72],
        "dev_uar_low": [np.nan, 0.6, 0.62],
        "dev_uar_high": [np.nan, 0.8, 0.82],
        "differs": ["learning_rate 0.0001", "", "units 128"],
        "folds": "03, 08",
    }
)


def test_recipes_stand_best_on_top_with_what_differs():
    figure = plots.recipes(TRIED)
    axes = figure.axes[0]
    labels = axes.get_yticklabels()
    assert [t.get_text() for t in labels] == ["larger", "default", "slow"]
    assert [t.get_fontweight() for t in labels] == ["normal", "bold", "normal"]
    assert axes.yaxis_inverted()
    dots = [line for line in axes.lines if line.get_marker() == "o"]
    assert [dot.get_xdata()[0] for dot in dots] == [0.72, 0.7, 0.61]
    assert [dot.get_markerfacecolor() == "white" for dot in dots] == [True, False, True]
    # One has no interval; the figure says that the others' are intervals.
    assert sum(len(line.get_xdata()) == 2 and line.get_alpha() == 0.45 for line in axes.lines) == 2
    assert {"0.720", "units 128", "learning_rate 0.0001"} <= set(texts(figure))
    assert any("no results; lines: 95 % intervals" in text for text in texts(figure))


def test_recipes_close_to_each_other_are_not_blown_up():
    table = pd.DataFrame({"recipe": ["a", "b"], "dev_uar": [0.701, 0.702]})
    low, high = plots.recipes(table).axes[0].get_xlim()
    assert low < 0.68
    assert high > 0.72
    assert "to choose by, no results" in texts(plots.recipes(table))


# ---- what cannot be drawn -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: over_time(level=LEVEL[0]), r"spectrogram has the shape \(16,\); expected .frames"),
        (lambda: over_time(level=LEVEL * np.nan), "expected .frames, bands. of finite levels"),
        (lambda: over_time(weights=MAP), r"weights have the shape \(10, 3\); expected .steps,"),
        (lambda: over_map(weights=WEIGHTS), r"\(10,\); expected .steps, cells"),
        (lambda: over_time(weights=2 * WEIGHTS), "weights sum to 2, the least is 0; expected"),
        (lambda: over_time(weights=[1.5, -0.5]), "the least is -0.5; expected"),
        (lambda: over_time(weights=[np.nan]), "expected numbers from 0 that sum to 1"),
        (lambda: over_time(hop=0), "hop is 0; expected seconds, more than 0"),
        (lambda: over_time(step=-0.1), "step is -0.1"),
        (lambda: over_time(frequencies=MEL[:3]), "3 frequencies but 16 bands"),
        (lambda: over_time(frequencies=MEL[::-1]), "frequencies do not ascend"),
        (lambda: over_map(bands=(2, 17)), "bands are 2 to 17; expected a range within 0 to 16"),
        (
            lambda: plots.well_and_badly({"weights": WEIGHTS}, {}, **TIMES),
            "well has no spectrogram; found weights",
        ),
        (
            lambda: plots.well_and_badly(
                {"spectrogram": LEVEL, "weights": WEIGHTS},
                {"spectrogram": LEVEL[:, :9], "weights": WEIGHTS},
                **TIMES,
            ),
            "9 bands in one spectrogram but 16 in the other",
        ),
        (lambda: segments(SEGMENTS[0]), r"\(2,\); expected .segments, classes"),
        (lambda: segments(np.zeros((0, 2))), "one or more"),
        (lambda: segments([[0.5, 0.6]]), "do not sum to 1"),
        (lambda: segments(classes=["anger"]), "1 classes but 2 columns"),
        (lambda: segments(classes=["anger", "faer"]), "did you mean 'fear'"),
        (lambda: segments(hop=0.0), "hop is 0.0; expected more than 0"),
        (lambda: plots.recipes(TRIED.drop(columns="dev_uar")), "recipes have no column dev_uar"),
        (lambda: plots.recipes(TRIED.assign(dev_uar=np.nan)), "no recipe has a development score"),
        (
            lambda: plots.recipes(TRIED.assign(folds=["03", "03", "08"])),
            "different folds: 03 and 08|different folds: 08 and 03",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_leaves_no_figure(draw, message):
    with pytest.raises(InputError, match=message):
        draw()
    assert plt.get_fignums() == []
