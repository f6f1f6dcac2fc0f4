"""From a waveform to arrays: spectrograms, descriptors, functionals, segments, and their cache."""

from ser_lib.features.cache import extract
from ser_lib.features.channels import Variants, WithDeltas
from ser_lib.features.descriptors import Descriptors
from ser_lib.features.front_end import FrontEnd
from ser_lib.features.functionals import Functionals
from ser_lib.features.log_mel import LogMel
from ser_lib.features.log_spectrogram import LogSpectrogram
from ser_lib.features.pyaudioanalysis import PyAudioAnalysis
from ser_lib.features.ragged import RaggedArray, moments, standardise_by
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
    "extract",
    "moments",
    "standardise_by",
]
