"""From a file to a waveform, and from a waveform to another: decode, condition, degrade."""

from ser_lib.signal.condition import FixedLength, Offset, PeakNormalise, PreEmphasis, Standardise
from ser_lib.signal.decode import Recording, decode
from ser_lib.signal.degrade import Reverberation, WhiteNoise

__all__ = [
    "FixedLength",
    "Offset",
    "PeakNormalise",
    "PreEmphasis",
    "Recording",
    "Reverberation",
    "Standardise",
    "WhiteNoise",
    "decode",
]
