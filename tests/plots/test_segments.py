import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle, StepPatch

from plots.gallery import labels, texts
from ser_lib import plots
from ser_lib.errors import InputError

CLASSES = ("neutral", "anger")
SEGMENTS = [[0.2, 0.8], [0.7, 0.3], [0.9, 0.1]]


def segments(posteriors=SEGMENTS, classes=CLASSES, **options):
    return plots.segment_posteriors(posteriors, classes, **{"length": 1.0, "hop": 0.5} | options)


def test_each_emotion_has_a_row_and_each_segment_is_drawn_around_its_centre():
    axes = segments().axes[0]
    anger = to_rgb(plots.EMOTION_COLOURS["anger"])
    ((values, edges, bottom),) = [
        p.get_data()
        for p in axes.patches
        if isinstance(p, StepPatch) and p.get_fill() and p.get_facecolor()[:3] == anger
    ]
    # Centres are 0.5, 1.0 and 1.5 s.
    np.testing.assert_allclose(edges, [0, 0.75, 1.25, 2])
    np.testing.assert_allclose((values - bottom) / 0.8, [0.8, 0.3, 0.1])
    assert labels(axes) == ["anger", "neutral"]
    assert axes.get_xlabel() == "time (s); 3 segments of 1 s, one every 0.5 s"


def test_without_a_prediction_the_mean_over_the_segments_is_given():
    assert {"mean", "0.60", "0.40"} <= set(texts(segments()))


def test_the_prediction_is_that_of_the_utterance_and_the_true_emotion_is_marked():
    # A system need not predict the mean over its segments.
    prediction = {"emotion": "neutral", "predicted": "anger", "p_anger": 0.55, "p_neutral": 0.45}
    written = set(texts(segments(prediction=prediction)))
    assert {"utterance", "0.55  predicted", "0.45", "neutral (true)"} <= written


def test_utterances_that_follow_each_other_are_outlined_where_they_are_right():
    (axes,) = segments(hop=1.0, parts=[("neutral", 1.0), ("anger", 3.0)]).axes
    outlines = [p for p in axes.patches if isinstance(p, Rectangle) and not p.get_fill()]
    assert [(p.get_x(), p.get_y(), p.get_width()) for p in outlines] == [(0, 0, 1), (1, 1, 2)]
    assert not [text for text in texts(axes.figure) if text in ("mean", "0.60")]


def test_a_single_segment_is_not_stretched():
    figure = segments(SEGMENTS[:1], length=3.0, hop=3.0)
    assert figure.axes[0].get_xlim() == (0, 3)
    assert figure.axes[0].get_xlabel() == "time (s); one segment of 3 s"
    assert figure.get_figwidth() < segments().get_figwidth()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"posteriors": SEGMENTS[0]}, r"\(2,\); expected .segments, classes"),
        ({"posteriors": [[0.5, 0.6]]}, "of a segment sum to 1.1, the least is 0.5; expected"),
        ({"posteriors": [[1.5, -0.5]]}, "the least is -0.5"),
        ({"classes": ["anger"]}, "1 classes for 2 columns"),
        ({"classes": ["anger", float("nan")]}, "an emotion is missing"),
        ({"hop": 0.0}, "hop is 0.0; expected seconds, more than 0"),
    ],
)
def test_what_cannot_be_drawn_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        segments(**options)
