import pytest

from plots.gallery import EMOTIONS, built, labels, predictions
from ser_lib import plots
from ser_lib.errors import InputError
from ser_lib.evaluation import Evaluation


def test_each_system_has_a_row_and_each_emotion_a_column():
    axes = built("recall_by_system").axes[0]
    assert labels(axes) == ["svm", "cnn"]
    assert labels(axes, "x") == list(EMOTIONS)
    written = iter([t.get_text() for t in axes.texts])
    for seeds in ((0,), (0, 1)):
        recalls = Evaluation(predictions(seeds=seeds)).per_class()["recall"]
        assert [next(written) for _ in EMOTIONS] == [f"{100 * recall:.0f}" for recall in recalls]


def test_without_systems_there_is_nothing_to_draw():
    with pytest.raises(InputError, match="no predictions"):
        plots.recall_by_system({})
