"""
Every figure of the study, from tables and arrays.

Each function returns a matplotlib figure that a notebook shows as the value of a cell. All share
one style (`STYLE`) and one colour-blind-safe colour for each emotion (`EMOTION_COLOURS`).
"""

from ser_lib.plots.answers import (
    condition_curve,
    confusion_matrix,
    per_class_recall,
    scores_by_fold,
    scores_by_speaker,
)
from ser_lib.plots.attention import attention_map, attention_over_time, well_and_badly
from ser_lib.plots.comparison import leaderboard, published_comparison
from ser_lib.plots.corpus import class_counts, durations, speaker_counts
from ser_lib.plots.features import (
    feature_distributions,
    projection,
    waveform_and_spectrogram,
    windows,
)
from ser_lib.plots.frames import descriptors, spectrogram
from ser_lib.plots.learning import learning_curves
from ser_lib.plots.segments import segment_posteriors
from ser_lib.plots.style import EMOTION_COLOURS, STYLE, style
from ser_lib.plots.tuning import recipes

__all__ = [
    "EMOTION_COLOURS",
    "STYLE",
    "attention_map",
    "attention_over_time",
    "class_counts",
    "condition_curve",
    "confusion_matrix",
    "descriptors",
    "durations",
    "feature_distributions",
    "leaderboard",
    "learning_curves",
    "per_class_recall",
    "projection",
    "published_comparison",
    "recipes",
    "scores_by_fold",
    "scores_by_speaker",
    "segment_posteriors",
    "speaker_counts",
    "spectrogram",
    "style",
    "waveform_and_spectrogram",
    "well_and_badly",
    "windows",
]
