"""Every figure is drawn in one style, changes nothing outside, and is saved whole."""

import io

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from plots.gallery import FIGURES, built, predictions, texts
from ser_lib import plots
from ser_lib.plots.style import EMOTION_COLOURS

NO_FIGURES = {
    *("EMOTION_COLOURS", "STYLE", "Example", "Spectrogram", "save"),
    *("choose_examples", "compute_spectrogram", "deviations", "make_example", "recall_table"),
    *("emotion_colours", "show"),
    # These need Keras, and have a file of tests.
    *("layer_table", "network"),
}


def png(figure, **options):
    buffer = io.BytesIO()
    plots.save(figure, buffer, **options)
    return buffer.getvalue()


def test_every_figure_is_tested_here():
    assert set(plots.__all__) - NO_FIGURES == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_returned_closed_and_changes_no_setting_and_no_random_numbers(name):
    settings, numbers = mpl.rcParams.copy(), np.random.get_state()[1].copy()  # noqa: NPY002
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == []
    assert mpl.rcParams == settings
    np.testing.assert_array_equal(np.random.get_state()[1], numbers)  # noqa: NPY002
    assert texts(figure)


@pytest.mark.parametrize("name", ["projection", "learning_curves"])
def test_a_figure_is_the_same_each_time(name):
    assert png(FIGURES[name](), dpi=40) == png(FIGURES[name](), dpi=40)


def test_the_figures_of_others_are_left_open():
    mine = plt.figure()
    FIGURES["class_counts"]()
    assert plt.get_fignums() == [mine.number]
    plt.close(mine)


def test_a_saved_figure_shows_all_that_is_written_and_keeps_its_notes():
    figure = FIGURES["class_counts"]()
    figure.text(1.2, 0.5, "beside the figure")
    image = Image.open(io.BytesIO(png(figure, dpi=50, metadata={"Drawn of": "a table"})))
    assert image.info["Drawn of"] == "a table"
    assert "Software" not in image.info
    # What is written is wider than the figure.
    width = 50 * figure.get_tightbbox().width
    assert width > 50 * figure.get_figwidth()
    assert image.width >= width - 10


def test_a_long_title_moves_the_note_beside_it_below():
    title = "A title so long that the scores beside it would be written upon it"
    figure = plots.confusion_matrix(predictions(), title=title)
    figure.draw_without_rendering()
    boxes = {t.get_text()[:3]: t.get_window_extent() for t in figure.findobj(mpl.text.Text)}
    assert boxes["UAR"].y1 < boxes["A t"].y0


def test_a_title_wider_than_its_figure_is_wrapped_and_the_figure_made_higher():
    short, long = (plots.per_class_recall(predictions(), title="a title " * n) for n in (2, 16))
    assert max(text.count("\n") for text in texts(long)) == 1
    assert long.get_figheight() > short.get_figheight()
    assert long.get_tightbbox().x1 <= long.get_figwidth()


def test_a_title_of_many_times_the_width_of_a_small_figure_leaves_the_axes_their_room():
    small = predictions()[lambda rows: rows["emotion"].isin(["anger", "fear"])]
    figure = plots.confusion_matrix(small, title="a title " * 40)
    short = plots.confusion_matrix(small, title="a title")
    figure.draw_without_rendering()
    short.draw_without_rendering()
    boxes = [each.axes[0].get_window_extent() for each in (figure, short)]
    assert boxes[0].width == pytest.approx(boxes[1].width, rel=0.05)


@pytest.mark.parametrize("name", ["speaker_counts", "projection"])
def test_emotions_that_share_axes_are_named_in_their_colours(name):
    legend = (built(name).legends or [built(name).axes[0].get_legend()])[0]
    assert [t.get_text() for t in legend.get_texts()] == ["anger", "fear", "happiness", "neutral"]
    handles = legend.legend_handles
    colours = [h.get_facecolor() if name == "speaker_counts" else h.get_color() for h in handles]
    expected = [mpl.colors.to_rgb(EMOTION_COLOURS[t.get_text()]) for t in legend.get_texts()]
    assert [mpl.colors.to_rgb(colour) for colour in colours] == expected
