import io
import itertools
from dataclasses import dataclass

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ser_lib import plots
from ser_lib.errors import InputError
from ser_lib.evaluation import Evaluation, intervals, metrics
from ser_lib.plots.style import text_colour

EMOTIONS = ("anger", "fear", "happiness", "neutral")


@dataclass
class Published:
    metric: str = "uar"
    value: float = 0.771
    corpus: str = "emodb"
    classes: int = 4
    protocol: str = "leave one speaker out"
    source: str = "Somebody et al. 2018"
    speaker_disjoint: bool = True


def corpus():
    rows = [
        {"speaker": s, "sex": sex, "emotion": e}
        for s, sex in (("03", "male"), ("08", "female"), ("09", None))
        for i, e in enumerate(EMOTIONS)
        for _ in range(i + 2)
    ]
    return pd.DataFrame(rows)


def predictions(conditions=("clean",), seeds=(0,)):
    rng = np.random.default_rng(0)
    rows = []
    for condition, seed, s, i in itertools.product(conditions, seeds, range(5), range(24)):
        emotion = EMOTIONS[i % 4]
        answer = emotion if rng.random() < 0.7 else EMOTIONS[rng.integers(4)]
        rows.append(
            {
                "utterance": f"s{s}-{i}",
                "speaker": f"s{s}",
                "fold": f"fold {s // 2}",
                "seed": seed,
                "part": "test",
                "condition": condition,
                "emotion": emotion,
                "predicted": answer,
                **{f"p_{e}": 0.7 if e == answer else 0.1 for e in EMOTIONS},
            }
        )
    return pd.DataFrame(rows)


def histories(epochs=(6, 9, 12)):
    return [
        [
            {
                "epoch": e,
                "loss": 2 / e,
                "accuracy": 0.5,
                "uar": 1 - 1 / e,
                "dev_loss": 2.5 / e + 0.1,
                "dev_uar": 0.6 - abs(e - 4) / 20,
                "seconds": 0.1,
            }
            for e in range(1, n + 1)
        ]
        for n in epochs
    ]


def results():
    columns = ["system", "setting", "variant", "protocol", "normalisation", "classes"]
    rows = [
        ("svm", "ours", "", "leave_one_speaker_out", "train", 7, 0.70, 0.64, 0.76),
        ("cnn_lstm", "ours", "", "leave_one_speaker_out", "utterance", 7, 0.61, 0.54, 0.68),
        ("svm", "source", "k 5", "leave_one_speaker_out", "train", 7, 0.72, np.nan, np.nan),
    ]
    return pd.DataFrame(rows, columns=[*columns, "uar", "uar_low", "uar_high"])


def comparison(**changes):
    options = {"system": "SVM", "corpus": "emodb", "classes": 4, "protocol": "speaker folds"}
    published = [Published(), Published(metric="wa", corpus="ravdess", speaker_disjoint=False)]
    scores = Evaluation(predictions()).scores()
    return plots.published_comparison(scores, published, **options | changes)


def sine():
    return 0.5 * np.sin(2 * np.pi * 2000 * np.arange(8000) / 16000)


def heard(cells=(), **answer):
    """An utterance of 0.8 s with attention to its 10 steps, or to cells in each of them."""
    rng = np.random.default_rng(0)
    weights = rng.random((10, *cells))
    named = {"utterance": "u1", "emotion": "fear", "predicted": "fear", "p_fear": 0.9}
    return {
        "spectrogram": -80 * rng.random((80, 16)),
        "weights": weights / weights.sum(),
        "answer": named | answer,
    }


TIMES = {"hop": 0.01, "step": 0.08}
TRIED = pd.DataFrame(
    {
        "recipe": ["default", "larger"],
        "dev_uar": [0.7, 0.72],
        "dev_uar_low": [0.6, np.nan],
        "dev_uar_high": [0.8, np.nan],
        "differs": ["", "units 128"],
    }
)

FIGURES = {
    "attention_map": lambda: plots.attention_map(**heard((3,)), **TIMES),
    "attention_over_time": lambda: plots.attention_over_time(**heard(), **TIMES),
    "well_and_badly": lambda: plots.well_and_badly(heard(), heard(predicted="anger"), **TIMES),
    "segment_posteriors": lambda: plots.segment_posteriors(
        [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]], EMOTIONS, seconds=1.0, hop=0.5
    ),
    "recipes": lambda: plots.recipes(TRIED),
    "spectrogram": lambda: plots.spectrogram(np.eye(20), hop=0.01, title="u1"),
    "descriptors": lambda: plots.descriptors(
        np.eye(5, 3), ["zcr", "energy", "delta zcr"], step=0.01
    ),
    "class_counts": lambda: plots.class_counts(corpus()),
    "speaker_counts": lambda: plots.speaker_counts(corpus()),
    "durations": lambda: plots.durations(np.linspace(1, 4, 42), corpus()["emotion"]),
    "waveform_and_spectrogram": lambda: plots.waveform_and_spectrogram(sine(), 16000, "a tone"),
    "windows": lambda: plots.windows(np.random.default_rng(0).normal(size=(3, 8, 6)), "u1"),
    "feature_distributions": lambda: plots.feature_distributions(
        np.random.default_rng(0).normal(size=(42, 5)), corpus()["emotion"], list("abcde")
    ),
    "projection": lambda: plots.projection(
        np.random.default_rng(0).normal(size=(42, 2)), corpus()["emotion"], corpus()["speaker"]
    ),
    "learning_curves": lambda: plots.learning_curves(histories()),
    "confusion_matrix": lambda: plots.confusion_matrix(predictions()),
    "per_class_recall": lambda: plots.per_class_recall(predictions()),
    "scores_by_fold": lambda: plots.scores_by_fold(predictions()),
    "scores_by_speaker": lambda: plots.scores_by_speaker(predictions()),
    "condition_curve": lambda: plots.condition_curve(predictions(("clean", "noise"))),
    "published_comparison": comparison,
    "leaderboard": lambda: plots.leaderboard(results()),
}


def texts(figure):
    """All that is written in a figure."""
    return [t.get_text() for t in figure.findobj(mpl.text.Text) if t.get_text()]


def png(figure):
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def test_every_figure_is_tested_here():
    drawing = set(plots.__all__) - {"EMOTION_COLOURS", "STYLE", "style"}
    assert drawing == set(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_returned_closed_the_same_each_time_and_changes_no_setting(name):
    before = mpl.rcParams.copy()
    figure = FIGURES[name]()
    assert isinstance(figure, Figure)
    assert plt.get_fignums() == []
    assert mpl.rcParams == before
    assert texts(figure)
    assert png(figure) == png(FIGURES[name]())


def test_the_figures_of_others_are_left_open():
    mine = plt.figure()
    plots.class_counts(corpus())
    assert plt.get_fignums() == [mine.number]
    plt.close(mine)


# ---- colours ------------------------------------------------------------------------------------

# Machado, Oliveira, Fernandes 2009, severity 1, for linear RGB.
EYES = {
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


def seen(colour, eye):
    """OKLab coordinates of a colour as an eye sees it (B. Ottosson 2020)."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(EYES[eye]) @ linear, 0, 1)
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


@pytest.mark.parametrize("eye", EYES)
def test_emotions_can_be_told_apart_by_every_eye(eye):
    usual = {"anger", "boredom", "calm", "disgust", "fear", "happiness", "neutral", "sadness"}
    for one, other in itertools.combinations(plots.EMOTION_COLOURS, 2):
        colours = [plots.EMOTION_COLOURS[e] for e in (one, other)]
        distance = np.linalg.norm(seen(colours[0], eye) - seen(colours[1], eye))
        least = USUAL if {one, other} <= usual | {"surprise"} else ALL
        assert distance > least[eye], (one, other)


@pytest.mark.parametrize("emotion", plots.EMOTION_COLOURS)
def test_names_in_colour_can_be_read_on_white(emotion):
    rgb = np.array(text_colour(plots.EMOTION_COLOURS[emotion]))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    assert 1.05 / (linear @ (0.2126, 0.7152, 0.0722) + 0.05) >= 4.5


# ---- what figures say ---------------------------------------------------------------------------


def test_class_counts_say_how_many():
    bars = plots.class_counts(corpus()).axes[0].patches
    assert [bar.get_width() for bar in bars] == [6, 9, 12, 15]
    expected = [to_rgb(plots.EMOTION_COLOURS[e]) for e in EMOTIONS]
    assert [bar.get_facecolor()[:3] for bar in bars] == expected


def test_speakers_are_labelled_with_their_sex():
    table = corpus()
    table.loc[0, "speaker"] = None
    labels = [t.get_text() for t in plots.speaker_counts(table).axes[0].get_yticklabels()]
    assert labels == ["03  male", "08  female", "09", "unknown"]


def test_the_spectrogram_shows_a_tone_where_it_is():
    top, below, _ = plots.waveform_and_spectrogram(sine(), 16000).axes
    level = below.collections[0].get_array()
    row = int(np.argmax(level.mean(axis=1)))
    frequency = np.linspace(0, 8, level.shape[0])[row]
    assert frequency == pytest.approx(2.0, abs=0.02)
    assert level.max() == pytest.approx(0)
    assert top.get_xlim() == below.get_xlim() == (0, 0.5)
    assert (below.get_xlabel(), below.get_ylabel()) == ("time (s)", "frequency (kHz)")


def test_silence_can_be_shown():
    assert plots.waveform_and_spectrogram(np.zeros(1600), 16000)


def test_constant_and_missing_features_can_be_shown():
    values = np.ones((42, 2))
    values[:5, 1] = np.nan
    assert plots.feature_distributions(values, corpus()["emotion"], ["constant", "gaps"])


def test_learning_curves_mark_the_epoch_of_the_best_development_score():
    figure = plots.learning_curves(histories())
    dots = [line for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert [float(line.get_xdata()[0]) for line in dots] == [4, 4, 4]
    assert any("3 folds; epoch kept: 4" in text for text in texts(figure))
    chosen = plots.learning_curves(histories(), chosen=[2, 5, 9])
    assert any("epochs kept: 2 to 9" in text for text in texts(chosen))


def test_learning_curves_need_no_development_rows_and_take_columns():
    plain = [{"epoch": [1, 2, 3], "loss": [3.0, 2.0, 1.0], "uar": [0.2, 0.5, 0.7]}]
    figure = plots.learning_curves(plain)
    assert "one fold" in texts(figure)
    assert "development speakers" not in texts(figure)


def test_the_mean_curve_ends_where_half_of_the_folds_have_stopped():
    axes = plots.learning_curves(histories()).axes[0]
    (mean, *_) = [line for line in axes.lines if line.get_alpha() is None]
    assert list(mean.get_xdata()) == list(range(1, 10))


def test_the_confusion_matrix_shows_per_cent_and_counts():
    rows = pd.DataFrame(
        {
            "emotion": ["anger"] * 4 + ["fear"] * 250,
            "predicted": ["anger"] * 3 + ["fear"] * 250 + ["anger"],
        }
    )
    written = texts(plots.confusion_matrix(rows))
    for expected in ("75 %", "25 %", "< 1 %", "100 %", "3", "249"):
        assert expected in written
    uar = metrics.uar(rows["emotion"], rows["predicted"])
    assert f"UAR {uar:.3f}, WA {252 / 254:.3f}, 254 answers" in written


def test_the_clean_test_rows_are_taken_of_several_conditions_and_parts():
    clean = predictions()
    noisy = predictions(("noise",))
    mixed = pd.concat([clean, noisy, clean.assign(part="dev")])
    for draw in (plots.confusion_matrix, plots.per_class_recall, plots.scores_by_fold):
        assert png(draw(mixed)) == png(draw(clean))
    # Where there is but one condition, it was chosen.
    assert any("120 answers" in text for text in texts(plots.confusion_matrix(noisy)))


def test_recalls_and_scores_are_those_of_the_evaluation():
    rows = predictions(seeds=(0, 1))
    evaluation = Evaluation(rows)
    written = texts(plots.per_class_recall(rows))
    for recall in evaluation.per_class()["recall"]:
        assert f"{recall:.2f}" in written
    written = texts(plots.scores_by_fold(rows, metric="macro_f1"))
    for score in evaluation.by_fold()["macro_f1"]:
        assert f"{score:.2f}" in written
    low, high = intervals.interval(rows, "macro_f1")
    pooled = evaluation.scores()["macro_f1"]
    assert f"pooled {pooled:.3f} [{low:.3f}, {high:.3f}]" in written


def test_without_speakers_figures_have_no_intervals():
    rows = predictions().assign(speaker=None)
    assert plots.per_class_recall(rows)
    assert any(
        text == f"pooled {metrics.uar(rows['emotion'], rows['predicted']):.3f}"
        for text in texts(plots.scores_by_fold(rows))
    )
    assert plots.condition_curve(rows)
    with pytest.raises(InputError, match="predictions name no speaker"):
        plots.scores_by_speaker(rows)


def test_conditions_stand_in_their_order_and_systems_are_named():
    conditions = ("clean", "noise 10 dB", "noise 0 dB")
    figure = plots.condition_curve({"SVM": predictions(conditions), "CNN": predictions(conditions)})
    assert [t.get_text() for t in figure.axes[0].get_xticklabels()] == list(conditions)
    assert {"SVM", "CNN"} <= set(texts(figure))


def test_published_figures_stand_with_their_protocols_and_are_not_ranked():
    figure = comparison()
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert labels == ["SVM, here", "SVM, here", "Somebody et al. 2018", "Somebody et al. 2018"]
    written = " ".join(texts(figure)).replace("\n", " ")
    assert "emodb, 4 classes; leave one speaker out" in written
    assert "ravdess, 4 classes; leave one speaker out (test speakers heard in training)" in written
    assert "protocols differ: not a ranking" in written
    hollow = [
        line.get_markerfacecolor() == "white"
        for line in figure.axes[0].lines
        if line.get_marker() in ("o", "D")
    ]
    assert hollow == [False, False, False, True]


def test_the_leaderboard_ranks_within_protocol_and_normalisation():
    figure = plots.leaderboard(results())
    labels = [t.get_text() for t in figure.axes[0].get_yticklabels()]
    assert labels == ["svm  (source, k 5)", "svm  (ours)", "cnn_lstm  (ours)"]
    heads = [text for text in texts(figure) if "scaled by" in text]
    assert heads == [
        "leave one speaker out, scaled by training statistics",
        "leave one speaker out, scaled by each utterance's own statistics",
    ]


def test_the_leaderboard_keeps_speaker_dependent_protocols_below():
    dependent = results().assign(protocol="random_80_20", speaker_disjoint=False, uar=0.95)
    table = pd.concat([dependent, results().assign(speaker_disjoint=True)])
    heads = [text for text in texts(plots.leaderboard(table)) if "scaled by" in text]
    assert [head.startswith("leave one speaker out,") for head in heads] == [
        True,
        True,
        False,
        False,
    ]
    assert heads[2] == "random 80 20 (speaker-dependent), scaled by training statistics"


def test_a_long_title_moves_what_stands_beside_it():
    title = "A title so long that the scores beside it would be written upon it"
    figure = plots.confusion_matrix(predictions(), title=title)
    figure.draw_without_rendering()
    boxes = {
        t.get_text(): t.get_window_extent()
        for t in figure.findobj(mpl.text.Text)
        if t.get_text() == title or t.get_text().startswith("UAR")
    }
    assert len(boxes) == 2
    heading, aside = boxes[title], boxes[next(t for t in boxes if t != title)]
    assert aside.y1 < heading.y0


# ---- what cannot be drawn -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (
            lambda: plots.class_counts(corpus().replace("fear", "faer")),
            "'faer'; did you mean 'fear'",
        ),
        (lambda: plots.class_counts(corpus().iloc[:0]), "nothing to draw"),
        (lambda: plots.durations([1.0], ["fear", "fear"]), "2 emotions but 1 durations"),
        (lambda: plots.waveform_and_spectrogram(np.zeros(10), 16000), "shape .10,.; expected one"),
        (lambda: plots.waveform_and_spectrogram(np.zeros((2, 800)), 16000), "expected one channel"),
        (
            lambda: plots.feature_distributions(np.zeros((3, 2)), ["fear"] * 3, ["a"]),
            r"\(3, 2\); expected .utterances, 1.",
        ),
        (
            lambda: plots.projection(np.zeros((3, 3)), ["fear"] * 3),
            r"\(3, 3\); expected .utterances, 2.",
        ),
        (
            lambda: plots.projection(np.zeros((3, 2)), ["fear"] * 3, ["a"]),
            "1 speakers but 3 points",
        ),
        (lambda: plots.learning_curves([]), "at least one epoch"),
        (lambda: plots.learning_curves([{"epoch": [1]}]), "no column loss"),
        (lambda: plots.learning_curves(histories(), chosen=[1]), "1 chosen epochs but 3 histories"),
        (
            lambda: plots.confusion_matrix(predictions().drop(columns="emotion")),
            "no column emotion",
        ),
        (lambda: plots.confusion_matrix(predictions().iloc[:0]), "nothing to draw"),
        (lambda: plots.scores_by_fold(predictions(), metric="uarr"), "unknown metric 'uarr'"),
        (
            lambda: plots.condition_curve(predictions().drop(columns="condition")),
            "no column condition",
        ),
        (lambda: plots.leaderboard(results().drop(columns="uar")), "results have no column uar"),
        (lambda: plots.leaderboard(results().assign(normalisation="tain")), "mean 'train'"),
        (lambda: plots.leaderboard(results().iloc[:0]), "table of results has no rows"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_leaves_no_figure(draw, message):
    with pytest.raises(InputError, match=message):
        draw()
    assert plt.get_fignums() == []
