import numpy as np
import pytest
from matplotlib.colors import to_rgb

from plots.gallery import EMOTIONS, built, corpus, labels, texts
from ser_lib import plots
from ser_lib.errors import InputError


def test_class_counts_are_bars_in_the_colours_of_the_emotions():
    axes = built("class_counts").axes[0]
    assert [bar.get_width() for bar in axes.patches] == [6, 9, 12, 15]
    expected = [to_rgb(plots.EMOTION_COLOURS[e]) for e in EMOTIONS]
    assert [bar.get_facecolor()[:3] for bar in axes.patches] == expected
    assert labels(axes) == list(EMOTIONS)
    assert {"6", "9", "12", "15"} <= {t.get_text() for t in axes.texts}


def test_speakers_are_labelled_with_their_sex():
    table = corpus()
    table.loc[0, "speaker"] = None
    figure = plots.speaker_counts(table)
    assert labels(figure.axes[0]) == ["03  male", "08  female", "09", "unknown"]
    assert "3 speakers, 42 utterances" in texts(figure)
    assert {"13", "14", "1"} <= set(texts(figure))


def test_durations_are_violins_with_their_medians():
    figure = built("durations")
    seconds, emotions = np.linspace(1, 4, 42), corpus()["emotion"]
    for emotion in EMOTIONS:
        assert f"{np.median(seconds[emotions == emotion]):.1f}" in texts(figure)
    assert figure.axes[0].get_xlabel() == "duration (s)"
    assert labels(figure.axes[0]) == list(EMOTIONS)


def test_a_single_utterance_of_an_emotion_has_a_duration():
    assert plots.durations([1.0, 2.0, 3.0], ["anger", "fear", "fear"])


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.durations([1.0, 2.0], ["fear", None]), "an emotion is missing"),
        (lambda: plots.class_counts(corpus().iloc[:0]), "nothing to draw"),
        (lambda: plots.durations([1.0], ["fear", "fear"]), "2 emotions for 1 durations; expected"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(InputError, match=message):
        draw()
