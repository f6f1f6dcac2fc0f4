import numpy as np
import pytest

from plots.gallery import MEL, built, labels, random, texts
from ser_lib import plots
from ser_lib.errors import InputError

TIMES = {"hop": 0.01, "window_hop": 0.04}


def mesh(axes):
    (drawn,) = [c for c in axes.collections if c.get_array() is not None]
    return drawn


def box(axes):
    """Left, right, bottom and top of a drawn spectrogram."""
    corners = mesh(axes).get_coordinates().reshape(-1, 2)
    return [*corners[:, 0].min(keepdims=True), corners[:, 0].max(), *np.ptp(corners[:, 1:], axis=0)]


def test_the_spectrogram_shows_a_tone_where_it_is():
    top, below, _ = built("waveform_and_spectrogram").axes
    level = mesh(below).get_array()
    row = int(np.argmax(level.mean(axis=1)))
    assert np.linspace(0, 8000, len(level))[row] == pytest.approx(2000, abs=20)
    assert level.max() == pytest.approx(0, abs=1e-6)
    assert level.min() >= -80
    assert top.get_xlim() == below.get_xlim() == (0, 0.5)
    assert (below.get_xlabel(), below.get_ylabel()) == ("time (s)", "frequency (Hz)")
    assert top.get_ylabel() == "amplitude"


def test_the_fundamental_frequency_has_an_axis_on_which_its_course_is_seen():
    times, hertz = np.array([0.1, 0.2, 0.3]), np.array([200.0, np.nan, 220.0])
    figure = plots.waveform_and_spectrogram(np.zeros(8000), 16000, pitch=(times, hertz))
    waveform, spectrogram, pitch, _ = figure.axes
    assert not spectrogram.lines
    (line,) = pitch.lines
    np.testing.assert_array_equal(line.get_xydata(), np.column_stack([times, hertz]))
    low, high = pitch.get_ylim()
    assert 0.8 * (high - low) < 20 < high - low
    assert waveform.get_xlim() == spectrogram.get_xlim() == pitch.get_xlim() == (0, 0.5)
    assert (pitch.get_xlabel(), spectrogram.get_xlabel()) == ("time (s)", "")
    assert "(Hz)" in pitch.get_ylabel()


def test_a_recording_without_voice_can_be_shown():
    unvoiced = np.array([0.1, 0.2]), np.full(2, np.nan)
    assert plots.waveform_and_spectrogram(np.zeros(8000), 16000, pitch=unvoiced)


def test_silence_can_be_shown():
    assert plots.waveform_and_spectrogram(np.zeros(1600), 16000)


def test_a_spectrogram_is_shown_in_seconds_and_the_right_way_up():
    levels = random(80, 16)
    axes = plots.spectrogram(levels, hop=0.01).axes[0]
    assert box(axes) == [0, pytest.approx(0.8), 16]
    np.testing.assert_array_equal(mesh(axes).get_array(), levels.T)
    assert not axes.yaxis_inverted()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("time (s)", "band")


@pytest.mark.parametrize(
    ("frequencies", "expected"),
    [
        (MEL, ["0.125", "0.25", "0.5", "1", "2", "4"]),
        (250 * np.arange(16), ["0", "1", "2", "3"]),
    ],
    ids=["mel", "linear"],
)
def test_bands_are_labelled_with_their_frequencies(frequencies, expected):
    axes = plots.spectrogram(random(8, 16), hop=0.01, frequencies=frequencies).axes[0]
    assert labels(axes) == expected
    assert axes.get_ylabel() == "frequency (kHz)"
    for position, label in zip(axes.get_yticks(), labels(axes), strict=True):
        # The centre of a band lies half-way up its row.
        hertz = np.interp(position - 0.5, np.arange(16), frequencies)
        assert hertz == pytest.approx(1000 * float(label), abs=1e-6)


def test_derivatives_share_one_diverging_scale_around_zero():
    level, first, second = (mesh(axes) for axes in built("spectrogram_channels").axes[:3])
    assert first.get_clim() == second.get_clim()
    assert sum(first.get_clim()) == 0
    assert first.get_cmap().name == second.get_cmap().name != level.get_cmap().name
    names = {
        "level",
        "first derivative",
        "second derivative",
        "level (dB)",
        "dB per frame",
        "dB per frame²",
    }
    assert names <= set(texts(built("spectrogram_channels")))


def test_channels_that_are_no_derivatives_share_the_scale_of_levels():
    names = ("level", "level, channel 2")
    figure = plots.spectrogram_channels(random(20, 8, 2), hop=0.01, channels=names)
    one, other = (mesh(axes) for axes in figure.axes[:2])
    assert one.get_clim() == other.get_clim()
    assert one.get_cmap().name == other.get_cmap().name


def test_windows_are_shown_at_their_times():
    figure = built("windows")
    for i, axes in enumerate(figure.axes[:3]):
        assert box(axes)[:2] == [pytest.approx(0.04 * i), pytest.approx(0.04 * i + 0.08)]
    assert "time (s); 3 windows of 0.08 s" in texts(figure)


def test_of_many_windows_the_first_eight_are_shown():
    figure = plots.windows(random(20, 8, 6), **TIMES)
    assert len(figure.axes) == 9
    assert "time (s); the first 8 of 20 windows of 0.08 s" in texts(figure)
    figure.draw_without_rendering()
    widths = [axes.get_window_extent().width for axes in figure.axes[:8]]
    assert max(widths) == pytest.approx(min(widths), rel=0.01)


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.waveform_and_spectrogram(np.zeros(10), 16000), "shape .10,.; expected one"),
        (lambda: plots.waveform_and_spectrogram(np.zeros((2, 800)), 16000), "expected one channel"),
        (lambda: plots.spectrogram(random(3), hop=0.01), r"shape \(3,\).*expected .frames, bands"),
        (lambda: plots.spectrogram(np.full((3, 2), np.nan), hop=0.01), "are not all finite"),
        (lambda: plots.spectrogram(random(3, 2), hop=0), "hop is 0; expected seconds, more than 0"),
        (
            lambda: plots.spectrogram(random(3, 16), hop=0.01, frequencies=MEL[:3]),
            "3 frequencies for 16 bands",
        ),
        (
            lambda: plots.spectrogram(random(3, 16), hop=0.01, frequencies=MEL[::-1]),
            "frequencies do not ascend",
        ),
        (lambda: plots.spectrogram_channels(random(3, 2, 2), hop=0.01), "3 names for 2 channels"),
        (lambda: plots.windows(random(0, 8, 6), **TIMES), "one or more"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(InputError, match=message):
        draw()
