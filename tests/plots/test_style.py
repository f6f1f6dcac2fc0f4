"""Emotions can be told apart by every reader, and text can be read."""

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from ser_lib import plots
from ser_lib.plots.style import FRACTIONS, contrast, text_colour, text_on

# Machado, Oliveira, Fernandes 2009, severity 1, for linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# In OKLab a step of about 0.02 can just be seen.
USUAL = {"normal": 0.14, "protanopia": 0.11, "deuteranopia": 0.11, "tritanopia": 0.09}
ALL = {"normal": 0.11, "protanopia": 0.075, "deuteranopia": 0.075, "tritanopia": 0.065}


def oklab(colour, vision):
    """OKLab coordinates of a colour as it is seen (B. Ottosson 2020)."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(VISION[vision]) @ linear, 0, 1)
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lab = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    return lab @ np.cbrt(cones @ linear)


@pytest.mark.parametrize("vision", VISION)
def test_emotions_can_be_told_apart_by_every_reader(vision):
    usual = {"anger", "boredom", "calm", "disgust", "fear", "happiness", "neutral", "sadness"}
    for one, other in itertools.combinations(plots.EMOTION_COLOURS, 2):
        colours = [oklab(plots.EMOTION_COLOURS[e], vision) for e in (one, other)]
        least = USUAL if {one, other} <= usual | {"surprise"} else ALL
        assert np.linalg.norm(colours[0] - colours[1]) > least[vision], (one, other)


def test_contrast_is_that_of_the_guidelines():
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("white", "black") == pytest.approx(21)
    # The lightest grey that WCAG 2.1 allows for text on white.
    assert contrast("#767676", "white") == pytest.approx(4.54, abs=0.005)


def test_classes_that_are_no_emotions_have_colours_that_no_emotion_beside_them_has():
    colours = plots.emotion_colours(["stressed", "anger", "at ease", "anger"])
    assert list(colours) == ["anger", "at ease", "stressed"]
    assert colours["anger"] == plots.EMOTION_COLOURS["anger"]
    assert len(set(colours.values())) == 3
    assert set(colours.values()) < set(plots.EMOTION_COLOURS.values())
    # Of more classes than there are colours, every one has a colour.
    assert len(plots.emotion_colours([*plots.EMOTION_COLOURS, "stressed"])) == 13


@pytest.mark.parametrize("emotion", plots.EMOTION_COLOURS)
def test_names_in_colour_can_be_read_on_white(emotion):
    assert contrast(text_colour(plots.EMOTION_COLOURS[emotion]), "white") >= 4.5


def test_text_can_be_read_on_every_grey_every_cell_and_every_emotion():
    greys = [(level, level, level) for level in np.linspace(0, 1, 101)]
    cells = map(FRACTIONS, np.linspace(0, 1, 1001))
    for colour in (*greys, *cells, *plots.EMOTION_COLOURS.values()):
        assert contrast(text_on(colour), colour) >= 4.5
