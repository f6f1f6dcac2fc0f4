import numpy as np
import pytest
from matplotlib.colors import to_hex

from plots.gallery import built, corpus, labels, random
from ser_lib import plots
from ser_lib.errors import InputError
from ser_lib.plots.style import FAINT


def test_derivatives_of_descriptors_are_left_out():
    axes = built("descriptors").axes[0]
    assert labels(axes) == ["zcr", "energy"]
    assert axes.images[0].get_array().shape == (2, 5)
    assert axes.images[0].get_clim() == (-3, 3)


def test_the_scale_of_colours_is_pointed_where_values_lie_beyond():
    def ends(extreme):
        values = np.tile([[1.0], [-1.0]], (50, 1))
        values[10 : 10 + len(extreme), 0] = extreme
        image = plots.descriptors(values, ["zcr"], hop=0.01).axes[0].images[0]
        return image.colorbar.extend, image.colorbar.ax.get_ylabel()

    assert [ends(e)[0] for e in ([], [20], [-20], [20, -20])] == ["neither", "max", "min", "both"]
    assert "beyond ±3" in ends([20])[1]


def test_six_features_leave_no_panel_empty():
    axes = built("feature_distributions").axes
    assert [ax.get_xlabel() for ax in axes] == list("abcdef")


def test_violins_are_said_to_be_cut():
    assert "what lies beyond is not shown" in built("feature_distributions").get_supxlabel()


def test_large_features_are_written_without_powers_of_ten():
    values = 1e6 * random(42, 1)
    axes = plots.feature_distributions(values, corpus()["emotion"], ["energy"]).axes[0]
    assert any(label.endswith(" M") for label in labels(axes, "x"))
    assert axes.xaxis.get_offset_text().get_text() == ""


def test_constant_and_missing_features_can_be_shown():
    values = np.ones((42, 2))
    values[:5, 1] = np.nan
    assert plots.feature_distributions(values, corpus()["emotion"], ["constant", "gaps"])


def test_a_projection_names_its_axes_and_every_emotion_and_speaker():
    by_emotion, by_speaker = built("projection").axes
    for axes in (by_emotion, by_speaker):
        assert axes.get_xlabel() == "first component"
        assert axes.xaxis.label.get_visible()
    assert by_emotion.get_ylabel() == "second component"
    assert [t.get_text() for t in by_speaker.get_legend().get_texts()] == ["03", "08", "09"]
    # Nothing is written over the points.
    assert not by_emotion.texts


def test_one_coordinate_puts_the_points_on_a_line():
    figure = plots.projection(np.arange(4.0)[:, None], ["anger", "fear"] * 2)
    (points,) = (c for c in figure.axes[0].collections if len(c.get_offsets()) == 4)
    assert sorted(map(tuple, points.get_offsets().tolist())) == [(i, 0) for i in range(4)]


def test_as_many_speakers_as_colours_can_tell_apart_are_named():
    speakers = [f"{i:02d}" for i in range(42)]
    axes = plots.projection(random(42, 2), corpus()["emotion"], speakers).axes[1]
    named = [text.get_text() for text in axes.get_legend().get_texts()]
    assert named == ["00", "01", "02", "03", "04", "05", "36 others"]
    (points,) = (c for c in axes.collections if len(c.get_offsets()) == 42)
    colours = [to_hex(colour) for colour in points.get_facecolors()]
    assert colours[:36] == [FAINT] * 36, "the others lie below"
    assert len(set(colours[36:])) == 6


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda: plots.feature_distributions(np.zeros((3, 2)), ["fear"] * 3, ["a"]),
            r"\(3, 2\); expected .utterances, 1.",
        ),
        (
            lambda: plots.projection(random(3, 3), ["fear"] * 3),
            r"\(3, 3\); expected .utterances, 2",
        ),
        (lambda: plots.projection(random(3, 2), ["fear"] * 3, ["a"]), "1 speakers for 3 points"),
        (lambda: plots.descriptors(random(3, 2), ["a"], hop=0.01), "1 names for 2 descriptors"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(InputError, match=message):
        draw()
