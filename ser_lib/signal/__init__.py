"""From a file to a waveform, and from a waveform to another: decode, condition, degrade."""

from ser_lib.signal.decode import Recording, decode
from ser_lib.signal.degrade import AddedNoise, Reverberation, SpeedPerturbation, WhiteNoise
from ser_lib.signal.preprocess import FixedLength, Offset, PeakNormalise, PreEmphasis, Standardise
from ser_lib.signal.voice_activity import TrimToVoice, Wiener

__all__ = [
    "AddedNoise",
    "FixedLength",
    "Offset",
    "PeakNormalise",
    "PreEmphasis",
    "Recording",
    "Reverberation",
    "SpeedPerturbation",
    "Standardise",
    "TrimToVoice",
    "WhiteNoise",
    "Wiener",
    "decode",
]
