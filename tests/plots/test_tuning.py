import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from plots.gallery import TRIALS, built, labels, segments, texts
from ser_lib import plots
from ser_lib.errors import InputError


def test_trials_stand_best_on_top_with_what_was_changed():
    figure = built("trials")
    axes = figure.axes[0]
    assert labels(axes) == ["larger", "default", "slow"]
    weights = [t.get_fontweight() for t in axes.get_yticklabels()]
    assert weights == ["normal", "bold", "normal"]
    assert axes.yaxis_inverted()
    # One has no interval; the note says that the others' are intervals.
    assert len(segments(axes)) == 2
    assert {"0.720", "units 128", "learning_rate 0.0001"} <= set(texts(figure))
    assert any("model selection only; lines: 95 % intervals" in text for text in texts(figure))


def test_only_the_default_is_filled():
    points = [
        c for c in built("trials").axes[0].collections if len(c.get_offsets()) and not c.get_gid()
    ]
    scores = {
        float(x): to_rgb(c.get_facecolor()[0]) == (1, 1, 1)
        for c in points
        for x, _ in c.get_offsets()
    }
    assert scores == {0.61: True, 0.7: False, 0.72: True}


def test_trials_close_to_each_other_are_not_magnified():
    table = pd.DataFrame({"trial": ["a", "b"], "dev_uar": [0.701, 0.702]})
    figure = plots.trials(table)
    low, high = figure.axes[0].get_xlim()
    assert low < 0.68
    assert high > 0.72
    assert "for model selection only; too few speakers for intervals" in texts(figure)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (TRIALS.drop(columns="dev_uar"), "trials have no column dev_uar; found trial"),
        (TRIALS.assign(dev_uar=np.nan), "no trial has a development score"),
        (
            TRIALS.assign(folds=["03", "03", "08"]),
            "different folds: 03 and 08|different folds: 08 and 03",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(table, message):
    with pytest.raises(InputError, match=message):
        plots.trials(table)
