"""Process waveforms: decode, preprocess and degrade recordings."""

from ser_lib.signal.decoding import Recording, decode
from ser_lib.signal.degrade import (
    AddedNoise,
    PitchShift,
    Reverberation,
    SpeedPerturbation,
    TimeStretch,
    WhiteNoise,
)
from ser_lib.signal.preprocess import FixedLength, Offset, PeakNormalise, PreEmphasis, Standardise
from ser_lib.signal.voice_activity import TrimToVoice, Wiener

__all__ = [
    "AddedNoise",
    "FixedLength",
    "Offset",
    "PeakNormalise",
    "PitchShift",
    "PreEmphasis",
    "Recording",
    "Reverberation",
    "SpeedPerturbation",
    "Standardise",
    "TimeStretch",
    "TrimToVoice",
    "WhiteNoise",
    "Wiener",
    "decode",
]
