"""
Sentences under the figures of notebooks: what to see in each, computed from what was drawn.

Each function returns Markdown that is true of the data it is given, whatever the parameters of the
notebook were.
"""

from ser_lib.reporting.sentences.corpus import (
    class_sizes,
    durations,
    projection,
    separation,
    speaker_sizes,
    waveform,
)
from ser_lib.reporting.sentences.inputs import descriptors, spectrogram, windows
from ser_lib.reporting.sentences.networks import (
    attention,
    layers,
    network,
    right_segments,
    segments,
    training,
)
from ser_lib.reporting.sentences.recognition import attended, decided, over_time, recognised
from ser_lib.reporting.sentences.scores import (
    confusions,
    difference,
    on_real_speech,
    published,
    ranking,
    recalls,
    score,
    speakers,
)

__all__ = [
    "attended",
    "attention",
    "class_sizes",
    "confusions",
    "decided",
    "descriptors",
    "difference",
    "durations",
    "layers",
    "network",
    "on_real_speech",
    "over_time",
    "projection",
    "published",
    "ranking",
    "recalls",
    "recognised",
    "right_segments",
    "score",
    "segments",
    "separation",
    "speaker_sizes",
    "speakers",
    "spectrogram",
    "training",
    "waveform",
    "windows",
]
