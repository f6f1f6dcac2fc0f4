import itertools

import pandas as pd
import pytest
from matplotlib.text import Text

from plots.gallery import (
    Published,
    built,
    comparison,
    labels,
    predictions,
    results,
    segments,
    texts,
)
from ser_lib import plots
from ser_lib.errors import InputError
from ser_lib.evaluation import Evaluation


def words(figure):
    return " ".join(texts(figure)).replace("\n", " ")


def test_published_scores_stand_with_their_protocols_and_are_not_ranked():
    figure = built("published_comparison")
    # UAR and WA of one source were measured together.
    assert labels(figure.axes[0]) == ["SVM, here", "Somebody et al. 2018", "Others 2020"]
    written = words(figure)
    assert "emodb, 4 classes; leave one speaker out" in written
    assert "ravdess, 4 classes; leave one speaker out (speaker-dependent)" in written
    assert "protocols differ: not a ranking" in written
    points = [line for line in figure.axes[0].lines if line.get_marker() in ("o", "D")]
    assert [p.get_markerfacecolor() == "white" for p in points] == [False] * 4 + [True]
    scores = Evaluation(predictions()).scores()
    expected = [scores["uar"], scores["wa"], 0.771, 0.74, 0.771]
    assert [float(p.get_xdata()[0]) for p in points] == pytest.approx(expected)
    assert len(segments(figure.axes[0])) == 2


def test_published_scores_are_written_with_three_decimals():
    assert {"WA 0.740", "UAR 0.771"} <= set(texts(built("published_comparison")))


def test_measurements_of_one_source_are_told_apart_by_their_remarks():
    published = [Published(remark="five layers"), Published(remark="six layers", value=0.6)]
    written = words(comparison(published=published))
    assert "leave one speaker out; five layers" in written
    assert "leave one speaker out; six layers" in written


def test_scores_of_other_corpora_or_classes_are_called_not_comparable():
    both = {"published": [Published(classes=5, corpus="iemocap")]}
    for changes, other in (
        ({"corpus": "synthetic"}, "another corpus"),
        ({"published": [Published(classes=5)]}, "other classes"),
        (both, "another corpus and other classes"),
    ):
        assert f"{other}: not comparable" in texts(comparison(**changes))


def test_the_name_of_a_repository_is_broken_at_its_slash():
    source = "README of somebody/A-Repository-Of-A-Long-Name, folder"
    written = labels(comparison(published=[Published(source=source)]).axes[0])[1]
    assert written == "README of somebody/\nA-Repository-Of-A-Long-Name,\nfolder"


def test_a_system_without_published_scores_stands_alone():
    assert labels(comparison(published=[]).axes[0]) == ["SVM, here"]


def written(axes, gid):
    """The labels or the scores of a panel of the leaderboard, from top to bottom."""
    return [t.get_text().replace("\n", " ") for t in axes.texts if t.get_gid() == gid]


def test_the_leaderboard_has_a_panel_for_each_protocol_and_normalisation():
    train, utterance = built("leaderboard").axes
    assert train.get_title(loc="left") == "leave one speaker out, normalisation train"
    assert utterance.get_title(loc="left") == "leave one speaker out, normalisation utterance"
    assert written(train, "label") == ["svm (as published, k 5)", "svm"]
    assert written(utterance, "label") == ["cnn_lstm"]
    # One has no interval.
    assert written(train, "score") == ["0.720", "0.700 [0.640, 0.760]"]
    assert [len(segments(axes)) for axes in (train, utterance)] == [1, 1]
    points = [axes.collections[-1].get_offsets()[:, 0].tolist() for axes in (train, utterance)]
    assert points == [[0.72, 0.7], [0.61]]
    assert train.get_xlim() == utterance.get_xlim() == (0.5, 0.8)


def test_speaker_dependent_protocols_and_other_classes_stand_apart():
    table = results().assign(
        protocol=["random_80_20", "leave_one_speaker_out", "leave_one_speaker_out"],
        speaker_disjoint=[False, True, True],
        classes=[7, 7, 4],
    )
    heads = [axes.get_title(loc="left") for axes in plots.leaderboard(table).axes]
    assert [head.split(",")[0] for head in heads] == [
        "leave one speaker out",
        "leave one speaker out",
        "random 80 20 (speaker-dependent)",
    ]
    assert [head[-9:].replace("\n", " ") for head in heads] == [
        *("4 classes", "7 classes", "7 classes")
    ]


@pytest.mark.parametrize(("metric", "best"), [("wa", 0.8), ("cross_entropy", 0.5)])
def test_the_leaderboard_takes_any_metric_and_puts_the_best_on_top(metric, best):
    table = results().assign(normalisation="train", **{metric: [0.6, 0.5, 0.8]})
    (axes,) = plots.leaderboard(table, metric=metric).axes
    assert written(axes, "score")[0] == f"{best:.3f}"
    assert segments(axes) == []


def test_what_the_leaderboard_writes_does_not_touch_and_fits_a_telephone():
    table = pd.concat([results()] * 2).assign(
        system="a_system_with_a_long_name", changes='weights "imagenet", learning_rate 0.0003'
    )
    figure = plots.leaderboard(table, title="A corpus with a very long name " * 3)
    figure.draw_without_rendering()
    for axes in figure.axes:
        boxes = [t.get_window_extent() for t in axes.texts]
        assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
        points = axes.transData.transform(axes.collections[-1].get_offsets())
        assert not any(box.contains(*point) for box in boxes for point in points)
    drawn = figure.get_tightbbox()
    assert drawn.x0 >= 0
    assert drawn.x1 <= figure.get_figwidth()
    # On a screen of 390 points, of which 350 are left for the figure.
    sizes = [t.get_fontsize() for t in figure.findobj(Text) if t.get_text()]
    assert min(sizes) * 350 / (72 * figure.get_figwidth()) > 9


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.leaderboard(results().drop(columns="uar")), "results have no column uar"),
        (lambda: plots.leaderboard(results(), metric="uarr"), "unknown metric 'uarr'"),
        (lambda: plots.leaderboard(results().assign(normalisation="tain")), "mean 'train'"),
        (lambda: plots.leaderboard(results().iloc[:0]), "table of results has no rows"),
        (lambda: comparison(published=[Published(metric="f2")]), "unknown metric 'f2'"),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw, message):
    with pytest.raises(InputError, match=message):
        draw()


def test_one_training_stands_below_three_however_good():
    table = pd.DataFrame(
        {
            "system": ["a", "lucky", "b"],
            "protocol": "leave_one_speaker_out",
            "normalisation": "train",
            "uar": [0.6, 0.9, 0.7],
            "seeds": [3, 1, 3],
        }
    )
    (axes,) = plots.leaderboard(table).axes
    assert written(axes, "label") == ["b", "a", "lucky (1 seed only)"]
    assert [tuple(colour[:3]) == (1, 1, 1) for colour in axes.collections[-1].get_facecolors()] == [
        *(False, False, True)
    ]
