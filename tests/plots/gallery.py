"""Small data for every figure, and each figure built once for all tests."""

import functools
import itertools
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd

from ser_lib import plots
from ser_lib.errors import InputError
from ser_lib.evaluation import Evaluation
from ser_lib.features import FrontEnd, LogMel

EMOTIONS = ("anger", "fear", "happiness", "neutral")
FRIGHT = {"utterance": "u1", "emotion": "fear", "predicted": "anger", "p_fear": 0.2, "p_anger": 0.7}
LEVELS = -80 * np.random.default_rng(0).random((80, 16))
WEIGHTS = np.array([0.05, 0.05, 0.1, 0.3, 0.2, 0.1, 0.1, 0.05, 0.05, 0.0])
MAP = np.outer(WEIGHTS, (0.7, 0.2, 0.1))
MEL = 100 * 1.3 ** np.arange(16)
TRIALS = pd.DataFrame(
    {
        "trial": ["slow", "default", "larger"],
        "dev_uar": [0.61, 0.7, 0.72],
        "dev_uar_low": [np.nan, 0.6, 0.62],
        "dev_uar_high": [np.nan, 0.8, 0.82],
        "changes": ["learning_rate 0.0001", "", "units 128"],
        "folds": "03, 08",
    }
)


@dataclass
class Published:
    metric: str = "uar"
    value: float = 0.771
    corpus: str = "emodb"
    classes: int = 4
    protocol: str = "leave one speaker out"
    source: str = "Somebody et al. 2018"
    speaker_disjoint: bool | None = True
    remark: str = ""


def corpus():
    rows = [
        {"speaker": s, "sex": sex, "emotion": e}
        for s, sex in (("03", "male"), ("08", "female"), ("09", None))
        for i, e in enumerate(EMOTIONS)
        for _ in range(i + 2)
    ]
    return pd.DataFrame(rows)


def predictions(conditions=("clean",), seeds=(0,)):
    """120 utterances of five speakers in three folds; seven in ten are recognised."""
    rng = np.random.default_rng(0)
    rows = []
    for condition, seed, s, i in itertools.product(conditions, seeds, range(5), range(24)):
        emotion = EMOTIONS[i % 4]
        predicted = emotion if rng.random() < 0.7 else EMOTIONS[rng.integers(4)]
        rows.append(
            {
                "utterance": f"s{s}-{i}",
                "speaker": f"s{s}",
                "fold": f"fold {s // 2}",
                "seed": seed,
                "part": "test",
                "condition": condition,
                "emotion": emotion,
                "predicted": predicted,
                **{f"p_{e}": 0.7 if e == predicted else 0.1 for e in EMOTIONS},
            }
        )
    return pd.DataFrame(rows)


def histories(epochs=(6, 9, 12)):
    return [
        [
            {
                "epoch": e,
                "loss": 2 / e,
                "uar": 1 - 1 / e,
                "dev_loss": 2.5 / e + 0.1,
                "dev_uar": 0.6 - abs(e - 4) / 20,
            }
            for e in range(1, n + 1)
        ]
        for n in epochs
    ]


def results():
    columns = ["system", "variant", "changes", "protocol", "normalisation", "classes"]
    rows = [
        ("svm", "default", "", "leave_one_speaker_out", "train", 7, 0.70, 0.64, 0.76),
        ("cnn_lstm", "default", "", "leave_one_speaker_out", "utterance", 7, 0.61, 0.54, 0.68),
        ("svm", "as_published", "k 5", "leave_one_speaker_out", "train", 7, 0.72, np.nan, np.nan),
    ]
    return pd.DataFrame(rows, columns=[*columns, "uar", "uar_low", "uar_high"])


def comparison(**changes):
    record = {"title": "SVM", "corpus": "emodb", "protocol_title": "speaker folds"}
    published = [
        Published(),
        Published(metric="wa", value=0.74),
        Published(corpus="ravdess", source="Others 2020", speaker_disjoint=False),
    ]
    published = changes.pop("published", published)
    record |= {"speaker_disjoint": True} | changes
    return plots.published_comparison(Evaluation(predictions(), record), published)


def example(levels=LEVELS, weights=WEIGHTS, **options):
    return plots.Example(levels=levels, weights=np.asarray(weights), **{"hop": 0.01} | options)


CONTRIBUTIONS = pd.DataFrame(
    {"anger": [0.5, 0.25, -0.125, 0.25, -1, 0.0625, -0.5], "fear": 1.0},
    index=[
        *("mfcc_1 mean", "delta mfcc_12 slope", "voiced mfcc_3 mean", "slope_0_500 std"),
        *("pitch mean", "energy max", "gap_length"),
    ],
)


class Recogniser:
    """What the figure of a recording asks a trained model for."""

    def __init__(self, preprocessing=(), weights=None):
        analysis = LogMel(n_fft=400, n_mels=16)
        self.front_end = FrontEnd(preprocessing=preprocessing, analysis=analysis)
        self.weights = weights

    def read(self, recording):
        return np.asarray(recording[0], dtype=np.float32)

    def attention(self, recording):
        if self.weights is None:
            raise InputError("no attention")
        start = 0.08 * np.arange(len(self.weights))
        return pd.DataFrame({"start": start, "end": start + 0.08, "weight": self.weights})


def recognised(posteriors=((0.2, 0.7, 0.1), (0.5, 0.4, 0.1), (np.nan,) * 3, (0.1, 0.1, 0.8))):
    """A table as a recogniser returns it: windows of 3 s every second."""
    columns = ["p_neutral", "p_anger", "p_fear"]
    start = np.arange(len(posteriors), dtype=float)
    times = pd.DataFrame({"recording": "u1", "start": start, "end": start + 3})
    return times.join(pd.DataFrame(list(posteriors), columns=columns))


def sine():
    return 0.5 * np.sin(2 * np.pi * 2000 * np.arange(8000) / 16000)


def random(*shape):
    return np.random.default_rng(0).normal(size=shape)


FIGURES = {
    "attention_over_time": lambda: plots.attention_over_time(example(), seconds_per_step=0.08),
    "best_and_worst": lambda: plots.best_and_worst(
        example(weights=MAP), example(weights=MAP, prediction=FRIGHT), seconds_per_step=0.08
    ),
    "segment_posteriors": lambda: plots.segment_posteriors(
        [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]], EMOTIONS, length=1.0, hop=0.5
    ),
    "timeline": lambda: plots.timeline(recognised()),
    "distribution": lambda: plots.distribution(recognised(), {"anger": 30, "neutral": 10}),
    "contributions": lambda: plots.contributions(CONTRIBUTIONS, "anger", largest=3),
    "recording": lambda: plots.recording(Recogniser(weights=WEIGHTS), (sine(), 16000), title="u1"),
    "trials": lambda: plots.trials(TRIALS),
    "spectrogram": lambda: plots.spectrogram(np.eye(20), hop=0.01, title="u1"),
    "spectrogram_channels": lambda: plots.spectrogram_channels(random(20, 8, 3), hop=0.01),
    "descriptors": lambda: plots.descriptors(
        np.eye(5, 3), ["zcr", "energy", "delta zcr"], hop=0.01
    ),
    "class_counts": lambda: plots.class_counts(corpus()),
    "speaker_counts": lambda: plots.speaker_counts(corpus()),
    "durations": lambda: plots.durations(np.linspace(1, 4, 42), corpus()["emotion"]),
    "waveform_and_spectrogram": lambda: plots.waveform_and_spectrogram(sine(), 16000, title="u1"),
    "windows": lambda: plots.windows(random(3, 8, 6), hop=0.01, window_hop=0.04),
    "feature_distributions": lambda: plots.feature_distributions(
        random(42, 6), corpus()["emotion"], list("abcdef")
    ),
    "projection": lambda: plots.projection(random(42, 2), corpus()["emotion"], corpus()["speaker"]),
    "learning_curves": lambda: plots.learning_curves(
        histories(), scores={"uar": 0.5, "uar_low": 0.4, "uar_high": 0.6}
    ),
    "confusion_matrix": lambda: plots.confusion_matrix(predictions()),
    "per_class_recall": lambda: plots.per_class_recall(predictions()),
    "recall_by_system": lambda: plots.recall_by_system(
        {"svm": predictions(), "cnn": predictions(seeds=(0, 1))}
    ),
    "scores_by_fold": lambda: plots.scores_by_fold(predictions()),
    "scores_by_speaker": lambda: plots.scores_by_speaker(predictions()),
    "condition_curve": lambda: plots.condition_curve(predictions(("clean", "noise"))),
    "published_comparison": comparison,
    "leaderboard": lambda: plots.leaderboard(results()),
}


@functools.cache
def built(name):
    """Build a figure of the gallery once; tests only look at it."""
    return FIGURES[name]()


def texts(figure):
    """All that is written in a figure."""
    return [t.get_text() for t in figure.findobj(mpl.text.Text) if t.get_text()]


def labels(axes, axis="y"):
    """The labels of the ticks of an axis."""
    return [t.get_text() for t in getattr(axes, f"get_{axis}ticklabels")()]


def segments(axes):
    """The intervals that are drawn as lines."""
    (lines,) = [c for c in axes.collections if c.get_gid() == "intervals"]
    return lines.get_segments()
