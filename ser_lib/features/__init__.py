"""Compute features: spectrograms, descriptors, functionals and segments, cached per corpus."""

from ser_lib.features.cache import extract
from ser_lib.features.channels import Variants, WithDeltas
from ser_lib.features.description import describe_shape, variance_between
from ser_lib.features.descriptors import Descriptors
from ser_lib.features.front_end import FrontEnd
from ser_lib.features.functionals import Functionals
from ser_lib.features.log_mel import LogMel
from ser_lib.features.log_spectrogram import LogSpectrogram
from ser_lib.features.normalisation import moments, normalise, standardise_by
from ser_lib.features.pitch import pitch_track
from ser_lib.features.pyaudioanalysis import PyAudioAnalysis
from ser_lib.features.ragged import RaggedArray
from ser_lib.features.segments import Frames, Windows

__all__ = [
    "Descriptors",
    "Frames",
    "FrontEnd",
    "Functionals",
    "LogMel",
    "LogSpectrogram",
    "PyAudioAnalysis",
    "RaggedArray",
    "Variants",
    "Windows",
    "WithDeltas",
    "describe_shape",
    "extract",
    "moments",
    "normalise",
    "pitch_track",
    "standardise_by",
    "variance_between",
]
