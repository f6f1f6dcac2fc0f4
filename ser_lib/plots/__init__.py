"""
Every figure of the study, from tables and arrays.

Each function that draws returns a `matplotlib.figure.Figure`, which a notebook shows as the value
of a cell. It raises an InputError if a table lacks columns or has no rows, shapes do not fit each
other, a metric is unknown, an emotion is missing, or a duration is not more than 0. All figures
share one style (`STYLE`) and one colour-blind-safe colour for each emotion (`EMOTION_COLOURS`).
seaborn draws scores and distributions, librosa.display waveforms and spectrograms; intervals are
those of `ser_lib.evaluation`, over speakers and seeds.
"""

from ser_lib.plots.attention import attention_over_time, best_and_worst
from ser_lib.plots.captions import show
from ser_lib.plots.comparison import leaderboard, published_comparison
from ser_lib.plots.corpus import class_counts, durations, speaker_counts
from ser_lib.plots.examples import (
    Example,
    Spectrogram,
    choose_examples,
    compute_spectrogram,
    make_example,
)
from ser_lib.plots.features import descriptors, deviations, feature_distributions, projection
from ser_lib.plots.layout import save
from ser_lib.plots.learning import learning_curves
from ser_lib.plots.networks import layer_table, network
from ser_lib.plots.recalls import recall_by_system, recall_table
from ser_lib.plots.recognition import contributions, distribution, recording, timeline
from ser_lib.plots.scores import (
    condition_curve,
    confusion_matrix,
    per_class_recall,
    scores_by_fold,
    scores_by_speaker,
)
from ser_lib.plots.segments import segment_posteriors
from ser_lib.plots.spectrograms import (
    spectrogram,
    spectrogram_channels,
    waveform_and_spectrogram,
    windows,
)
from ser_lib.plots.style import EMOTION_COLOURS, STYLE, emotion_colours
from ser_lib.plots.tuning import trials

__all__ = [
    "EMOTION_COLOURS",
    "STYLE",
    "Example",
    "Spectrogram",
    "attention_over_time",
    "best_and_worst",
    "choose_examples",
    "class_counts",
    "compute_spectrogram",
    "condition_curve",
    "confusion_matrix",
    "contributions",
    "descriptors",
    "deviations",
    "distribution",
    "durations",
    "emotion_colours",
    "feature_distributions",
    "layer_table",
    "leaderboard",
    "learning_curves",
    "make_example",
    "network",
    "per_class_recall",
    "projection",
    "published_comparison",
    "recall_by_system",
    "recall_table",
    "recording",
    "save",
    "scores_by_fold",
    "scores_by_speaker",
    "segment_posteriors",
    "show",
    "speaker_counts",
    "spectrogram",
    "spectrogram_channels",
    "timeline",
    "trials",
    "waveform_and_spectrogram",
    "windows",
]
