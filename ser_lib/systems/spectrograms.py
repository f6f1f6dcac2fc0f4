"""The spectrograms of samsudinng/speech_emo_recognition, which two systems read."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ser_lib.features import (
    Frames,
    FrontEnd,
    LogMel,
    LogSpectrogram,
    Variants,
    Windows,
    WithDeltas,
)
from ser_lib.neural.imagenet_weights import Weights, resolve_weights, weights_file
from ser_lib.neural.torchvision import alexnet_weights
from ser_lib.params import Check, choice, flag, integer, optional, param, real
from ser_lib.signal import AddedNoise, PreEmphasis, Reverberation
from ser_lib.systems.base import NeuralSystem

if TYPE_CHECKING:
    import keras

CONVOLUTIONS = ("conv1", "conv2", "conv3", "conv4", "conv5")
"""Names of the convolutions of `ser_lib.neural.backbones.alexnet_convolutions`."""

# Bands below which AlexNet's convolutions leave nothing.
_FEWEST = 63
_WEIGHTS = Check(
    "str or path", '"imagenet" or a file', functools.partial(resolve_weights, "alexnet")
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpectrogramSystem(NeuralSystem):
    """A network on one of the four kinds of spectrograms, whole or in segments."""

    kind: str = param(
        "logmelspec",
        choice("logspec", "logmelspec", "logmeldeltaspec", "lognrevspec"),
        "200 bins up to 4 kHz; mel bands; those with their first and second derivatives; or "
        "200 bins of the recording, of it with white noise and of it with reverberation.",
        as_published="logspec",
    )
    bands: int = param(
        128, integer(low=_FEWEST), "Mel bands, of the kinds that have them: at least 63."
    )
    hop: float = param(
        0.020,
        real(low=0.001, high=0.040),
        "Seconds from one frame of 40 ms to the next.",
        as_published=0.010,
    )
    segment: int = param(
        0,
        integer(low=0),
        "Frames per segment, each of which is classified by itself; 0 reads a recording whole.",
        as_published=300,
    )
    pad_with_maximum: bool = param(
        False,
        flag(),
        "Pad the last segment with 0 dB, the loudest value, instead of the recording's floor.",
        as_published=True,
    )
    weights: Weights | None = param(
        None,
        optional(_WEIGHTS),
        '"imagenet" starts from the weights that torchvision\'s AlexNet learnt on ImageNet (a '
        "download of 244 MB the first time); a path from such a file (``.pth``), offline; None "
        "from random weights.",
    )
    keep_first_filters: bool = param(
        True, flag(), "Whether the first convolution, too, starts from these weights."
    )
    noise: float = param(
        0.002,
        real(low=0),
        'Standard deviation of the noise of kind "lognrevspec", relative to full scale.',
    )
    reverberation: float = param(
        0.5,
        real(above=0),
        'Seconds in which the reverberation of kind "lognrevspec" decays by 60 dB.',
    )

    @property
    def channels(self) -> int:
        """Channels of the spectrogram."""
        return 3 if self.kind in ("logmeldeltaspec", "lognrevspec") else 1

    @property
    def segmented(self) -> bool:
        """Whether recordings are cut into segments."""
        return self.segment > 0

    @property
    def front_end(self) -> FrontEnd:
        """Pre-emphasis, and the spectrogram of the kind asked for."""
        segmentation = Frames()
        if self.segmented:
            segmentation = Windows(length=self.segment, pad=self._padding())
        return FrontEnd(
            preprocessing=(*self.trimming, PreEmphasis()),
            analysis=self._analysis(),
            segmentation=segmentation,
            dtype="float16",
        )

    def _padding(self) -> object:
        """Decibels of the padding; where nothing changes, derivatives are 0."""
        if self.pad_with_maximum:
            return 0.0
        return ("floor", 0, 0) if self.kind == "logmeldeltaspec" else "floor"

    def _analysis(self) -> object:
        hop = round(self.hop * 16000)
        if self.kind.startswith("logmel"):
            mel = LogMel(
                n_fft=800, win_length=640, hop_length=hop, window="hamming", n_mels=self.bands
            )
            return WithDeltas(analysis=mel) if self.kind == "logmeldeltaspec" else mel
        spectrogram = LogSpectrogram(hop_length=hop)
        if self.kind == "logspec":
            return spectrogram
        noise, room = AddedNoise(sd=self.noise), Reverberation(rt60=self.reverberation)
        return Variants(analysis=spectrogram, variants=((), (noise,), (room,)))

    def load_weights(self, network: "keras.Model", dense: Sequence[str] = ()) -> None:
        """
        Load the weights that are asked for, if any, into a network that begins like AlexNet.

        Parameters
        ----------
        network : keras.Model
            With layers of the names `CONVOLUTIONS`.
        dense : sequence of str
            Names of the dense layers that are AlexNet's first.

        Raises
        ------
        InputError
            If the file is not available or does not fit.
        """
        if self.weights is None:
            return
        pairs = alexnet_weights(weights_file("alexnet", self.weights), dense=len(dense))
        for name, (kernel, bias) in zip([*CONVOLUTIONS, *dense], pairs, strict=True):
            layer = network.get_layer(name)
            if name == "conv1" and not self.keep_first_filters:
                continue
            if name == "conv1" and layer.kernel.shape[2] == 1:
                # The response to the same image in each of three colours.
                kernel = kernel.sum(axis=2, keepdims=True)
            layer.set_weights([kernel, bias])
