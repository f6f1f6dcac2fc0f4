import time

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from plots.gallery import (
    CONTRIBUTIONS,
    WEIGHTS,
    Recogniser,
    built,
    labels,
    recognised,
    sine,
    texts,
)
from ser_lib import plots
from ser_lib.errors import InputError
from ser_lib.signal import TrimToVoice

RATE = 16000


def areas(axes, emotion):
    """The outlines of the areas of an emotion, as (points, 2) each."""
    colour = to_rgb(plots.EMOTION_COLOURS[emotion])
    drawn = [c for c in axes.collections if tuple(c.get_facecolor()[0][:3]) == colour]
    return [c.get_paths()[0].vertices for c in drawn]


def heights(outline, x):
    """Between which heights an area lies at a time."""
    return sorted({round(float(b), 6) for a, b in outline if abs(a - x) < 1e-9})


def test_posteriors_are_stacked_at_the_centres_of_windows_and_reach_to_the_ends():
    axes = built("timeline").axes[0]
    first, last = areas(axes, "neutral")
    # Anger, fear and neutral are stacked in this order.
    assert heights(first, 1.5) == [0.8, 1]
    assert heights(first, 2.5) == [0.5, 1]
    assert heights(last, 4.5) == [0.9, 1]
    assert (first[:, 0].min(), first[:, 0].max()) == (0, 3)
    assert (last[:, 0].min(), last[:, 0].max()) == (4, 6)
    assert axes.get_xlim() == (0, 6)
    assert axes.get_xlabel() == "time (s); windows of 3 s, one every 1 s"


def test_windows_without_speech_are_left_out_and_said_to_be():
    assert "grey: no speech" in texts(built("timeline"))
    whole = plots.timeline(recognised([(0.2, 0.7, 0.1)]))
    assert "grey: no speech" not in texts(whole)
    assert whole.axes[0].get_xlabel() == "time (s); one window of 3 s"
    ((outline),) = areas(whole.axes[0], "anger")
    assert (outline[:, 0].min(), outline[:, 0].max()) == (0, 3)


def test_the_true_emotions_stand_where_they_are_spoken():
    table = recognised([(0.2, 0.7, 0.1), (0.5, 0.4, 0.1)])
    axes = plots.timeline(table, parts=[("anger", 1.0), ("fear", 3.0)]).axes[0]
    assert [line.get_xdata()[0] for line in axes.lines] == [1, 3]
    assert [(t.get_text(), t.xy[0]) for t in axes.texts] == [("anger", 0.5), ("fear", 2)]


def test_the_last_window_ends_with_the_recording():
    table = recognised([(0.2, 0.7, 0.1), (0.5, 0.4, 0.1)])
    table.loc[1, ["start", "end"]] = (0.4, 3.4)
    axes = plots.timeline(table, width=4.2).axes[0]
    assert axes.get_xlim() == (0, 3.4)
    assert axes.get_xlabel().endswith("one every 0.4 s")


def bars(figure):
    return [[bar.get_width() for bar in container] for container in figure.axes[0].containers]


def test_the_mean_of_the_windows_with_speech_stands_beside_the_shares_of_the_corpus():
    figure = built("distribution")
    own, corpus = bars(figure)
    assert labels(figure.axes[0]) == ["anger", "fear", "neutral"]
    np.testing.assert_allclose(own, [1.2 / 3, 1 / 3, 0.8 / 3])
    np.testing.assert_allclose(corpus, [0.75, 0, 0.25])
    assert {"grey: the corpus, 40 recordings", "0.40", "0.75"} <= set(texts(figure))
    bold = [t.get_text() for t in figure.axes[0].get_yticklabels() if t.get_weight() == "bold"]
    assert bold == ["anger"]


def test_an_emotion_of_the_corpus_that_the_model_does_not_know_has_a_posterior_of_zero():
    figure = plots.distribution(recognised(), {"anger": 1, "sadness": 1})
    assert labels(figure.axes[0]) == ["anger", "fear", "neutral", "sadness"]
    assert bars(figure)[0][3] == 0


def test_contributions_are_summed_by_descriptor_and_the_largest_come_first():
    figure = built("contributions")
    (sums,) = bars(figure)
    np.testing.assert_allclose(sums, [-1, 0.625, -0.5, 0.3125])
    assert labels(figure.axes[0]) == ["pitch", "mfcc", "gap length", "2 others"]
    assert {"What speaks for anger", "sum −0.56", "+0.62", "−1.00"} <= set(texts(figure))
    # Colour stands for the sign as well.
    colours = [bar.get_facecolor() for bar in figure.axes[0].patches]
    assert (colours[0] == colours[2]) != (colours[0] == colours[1])
    all_of_them = plots.contributions(CONTRIBUTIONS, "fear").axes[0]
    assert labels(all_of_them) == ["mfcc", "energy", "gap length", "pitch", "slope"]
    with pytest.raises(InputError, match="contributions have no column joy; found anger, fear"):
        plots.contributions(CONTRIBUTIONS, "joy")


def drawn(axes):
    """From and to which second a spectrogram is drawn."""
    (mesh,) = [c for c in axes.collections if c.get_array() is not None]
    times = mesh.get_coordinates()[..., 0]
    return times.min(), times.max()


def test_waveform_spectrogram_and_attention_have_one_time():
    top, spectrogram, attention = built("recording").axes[:3]
    assert top.get_xlim() == spectrogram.get_xlim() == attention.get_xlim() == (0, 0.5)
    values, edges, _ = attention.patches[0].get_data()
    np.testing.assert_allclose(values, 10 * WEIGHTS)
    np.testing.assert_allclose(edges, 0.08 * np.arange(11))
    assert drawn(spectrogram) == pytest.approx((0, 0.5), abs=0.03)


def test_without_attention_there_are_waveform_and_spectrogram():
    figure = plots.recording(Recogniser(), (sine(), RATE))
    assert "uniform" not in texts(figure)
    assert [a.get_ylabel() for a in figure.axes[:2]] == ["amplitude", "frequency (kHz)"]
    assert figure.axes[1].get_xlabel() == "time (s)"


def voiced():
    """One second that voice activity detection takes for voice, with silence around it."""
    t = np.arange(RATE) / RATE
    voice = sum(np.sin(2 * np.pi * 120 * k * t) / k for k in range(1, 20)) / 10
    return np.concatenate([np.zeros(RATE // 2), voice, np.zeros(RATE)])


class CopyOfVoice(TrimToVoice):
    def __call__(self, signal, sample_rate, rng):
        return super().__call__(signal, sample_rate, rng).copy()


@pytest.mark.parametrize("step", [TrimToVoice(), CopyOfVoice()], ids=["view", "copy"])
def test_what_is_left_after_trimming_is_shown_at_its_place(step):
    recogniser = Recogniser((step,), WEIGHTS)
    figure = plots.recording(recogniser, (voiced(), RATE))
    start, end = drawn(figure.axes[1])
    trimmed = TrimToVoice()(voiced().astype(np.float32), RATE, None)
    assert start == pytest.approx(0.5, abs=0.1)
    assert end - start == pytest.approx(len(trimmed) / RATE, abs=0.03)
    assert figure.axes[2].patches[0].get_data().edges[0] == start
    assert figure.axes[0].get_xlim() == (0, 2.5)


def test_a_recording_that_begins_with_digital_silence_is_drawn_at_once():
    signal = np.concatenate([np.zeros(25 * RATE), *[voiced()] * 12])
    recogniser = Recogniser((TrimToVoice(),))
    begun = time.process_time()
    figure = plots.recording(recogniser, (signal, RATE))
    assert time.process_time() - begun < 10
    assert drawn(figure.axes[1])[0] == pytest.approx(25.5, abs=0.1)


def test_a_long_recording_is_drawn_whole_in_few_columns():
    signal = np.tile(voiced(), 30)
    figure = plots.recording(Recogniser((TrimToVoice(),)), (signal, RATE))
    assert drawn(figure.axes[1]) == pytest.approx((0, 75), abs=0.1)
    (mesh,) = [c for c in figure.axes[1].collections if c.get_array() is not None]
    assert 750 <= mesh.get_array().shape[1] <= 1500
    # Voice is louder than the pauses between: 0.5 to 1.5 s of every 2.5 s.
    level = mesh.get_array().mean(axis=0)
    time = np.linspace(0, 75, len(level)) % 2.5
    assert level[(time > 0.7) & (time < 1.3)].min() > level[(time > 1.8) & (time < 2.3)].max()


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda: plots.timeline(recognised()[["start", "end"]]),
            "no posteriors; expected columns p_<emotion>, found",
        ),
        (lambda: plots.timeline(recognised().drop(columns="end")), "have no column end"),
        (lambda: plots.timeline(recognised([(np.nan,) * 3])), "none of the 1 rows has posteriors"),
        (lambda: plots.timeline(recognised([])), "none of the 0 rows has posteriors"),
        (lambda: plots.timeline(recognised().assign(end=0, start=0)), "length is 0.0; expected"),
        (lambda: plots.distribution(recognised(), {}), "corpus_emotions is {}; expected"),
        (lambda: plots.distribution(pd.DataFrame(), {"anger": 1}), "has no posteriors"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(InputError, match=message):
        draw()
