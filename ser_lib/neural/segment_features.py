"""Steps of front ends for backbones: a frozen one over segments, and the analysis of a source."""

import dataclasses
import functools
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.errors import InputError
from ser_lib.features.segments import Windows
from ser_lib.neural.imagenet import (
    add_backbone,
    check_backbone,
    give_weights,
    weights_of,
)
from ser_lib.params import as_count

if TYPE_CHECKING:
    import keras

# Segments that the backbone sees at a time.
_MOST = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmentFeatures:
    """
    Cut frames into segments, and let a backbone with fixed weights make a vector of each.

    Stands where a segmentation stands in a `ser_lib.features.FrontEnd`, so that what the backbone
    gives is computed once per corpus and kept like any other features. Each channel is brought to
    mean 0 and standard deviation 1 over the recording and then to the range of the backbone's
    photographs (see `ser_lib.neural.imagenet`).

    Parameters
    ----------
    segments : Windows
        How frames are cut.
    backbone : {"squeezenet", "alexnet", "resnet50v2"}
        The network.
    weights : "imagenet", path or Weights
        The published weights, or those of a file. Identity holds their checksum, no path.
    side : int
        To which the segments are resized, in both directions.
    modules : int, optional
        The fire module with which SqueezeNet ends.

    Raises
    ------
    InputError
        Naming the parameter, what was found and what is expected.
    """

    segments: Windows
    backbone: str
    weights: str
    side: int
    modules: int | None = None
    # To be raised by whoever changes what is computed: features that are kept depend on it.
    version: int = dataclasses.field(default=1, init=False)

    def __post_init__(self):
        as_count(self, "side")
        check_backbone(self.backbone, self.side, self.modules)
        if self.weights is None:
            raise InputError(
                "SegmentFeatures: weights is None; expected 'imagenet' or a file, as a backbone "
                "that has learnt nothing and learns nothing has nothing to say"
            )
        object.__setattr__(self, "weights", weights_of(self.backbone, self.weights))

    @property
    def hop(self) -> int:
        """Frames from one segment to the next."""
        return self.segments.hop

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """
        Cut, and describe every segment.

        Parameters
        ----------
        frames : ndarray, shape (frames, bands, 3)

        Returns
        -------
        ndarray of float32, shape (segments, features)

        Raises
        ------
        InputError
            If frames have other than three channels, or the file of weights is a wrong one.
        """
        if frames.ndim != 3 or frames.shape[2] != 3:
            raise InputError(
                f"SegmentFeatures: frames of shape {frames.shape}; expected (frames, bands, 3), "
                "as WithDeltas gives them"
            )
        pictures = standardised(self.segments(frames), frames)
        model = _extractor(self.backbone, self.weights, self.side, self.modules, pictures.shape[1:])
        result = np.empty((len(pictures), model.output_shape[1]), np.float32)
        for start in range(0, len(pictures), _MOST):
            part = pictures[start : start + _MOST]
            # Few distinct shapes: a network is traced, or compiled, for each.
            batch = np.zeros((_round(len(part)), *part.shape[1:]), np.float32)
            batch[: len(part)] = part
            result[start : start + _MOST] = model.predict_on_batch(batch)[: len(part)]
        return result


def standardised(segments: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """
    Bring each channel of segments to the mean 0 and standard deviation 1 of a recording's frames.

    Parameters
    ----------
    segments : ndarray, shape (segments, length, bands, channels)
        Cut from the frames; padding is scaled like them, and does not count.
    frames : ndarray, shape (frames, bands, channels)

    Returns
    -------
    ndarray of float32
        Of the shape of the segments; a channel that does not change becomes 0.
    """
    mean = frames.mean(axis=(0, 1), dtype=np.float64)
    deviation = frames.std(axis=(0, 1), dtype=np.float64)
    factor = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 1e-6)
    return ((segments - mean) * factor).astype(np.float32)


def _round(count: int) -> int:
    """Round up to a power of two."""
    return 1 << (count - 1).bit_length()


@functools.cache
def _extractor(
    backbone: str, weights: str, side: int, modules: int | None, shape: tuple[int, int, int]
) -> "keras.Model":
    """Build the backbone, once per process."""
    import keras

    from ser_lib.neural.inference import ready

    pictures = keras.Input(shape)
    vectors = add_backbone(backbone, pictures, side=side, modules=modules, as_photographs=True)
    model = keras.Model(pictures, vectors)
    give_weights(model, backbone, weights)
    return ready(model)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RolledLogMel:
    """
    Analyse as AnkushMalaker/pretrained-dcnn-attention-ser does: differences that wrap around.

    Frames of 25 ms every 10 ms that lie within the signal, Hamming window; magnitudes of
    a transform of 1,024 samples in 64 triangular bands of height 1, evenly spaced from 20 to
    8,000 Hz on the scale ``1127 ln(1 + f / 700)``; ``ln(x + 1e-6)``. The second channel is each
    frame less the one after it, the third the same of the second.

    Raises
    ------
    InputError
        If the rate is too low for 8,000 Hz.
    """

    # To be raised by whoever changes what is computed: features that are kept depend on it.
    version: int = dataclasses.field(default=1, init=False)

    def __call__(self, signal: np.ndarray, rate: int) -> np.ndarray:
        """
        Analyse.

        Parameters
        ----------
        signal : array of float, shape (samples,)
            One shorter than a frame is padded with zeros.
        rate : int
            Samples per second.

        Returns
        -------
        ndarray of float32, shape (frames, 64, 3)
        """
        length, step = int(0.025 * rate), int(0.010 * rate)
        signal = np.pad(signal, (0, max(0, length - len(signal))))
        frames = np.lib.stride_tricks.sliding_window_view(signal, length)[::step]
        # What TensorFlow calls periodic is symmetric where the length is odd, as it is here.
        window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(length) / (length - length % 2))
        magnitudes = np.abs(np.fft.rfft(frames * window, 1024, axis=1))
        static = np.log(magnitudes @ _bands(rate) + 1e-6)
        first = static - np.roll(static, -1, axis=0)
        second = first - np.roll(first, -1, axis=0)
        return np.stack([static, first, second], axis=-1).astype(np.float32)


@functools.lru_cache
def _bands(rate: int) -> np.ndarray:
    """Triangles whose sides are straight on the mel scale, shape (513, 64)."""
    if rate < 16000:
        raise InputError(f"rate is {rate}; expected at least 16,000 Hz, for bands up to 8,000 Hz")

    def mel(frequency):
        return 1127 * np.log1p(np.asarray(frequency) / 700)

    edges = np.linspace(mel(20), mel(8000), 66)
    place = mel(np.linspace(0, rate / 2, 513))[:, np.newaxis]
    rising = (place - edges[:-2]) / np.diff(edges[:-1])
    falling = (edges[2:] - place) / np.diff(edges[1:])
    return np.maximum(0, np.minimum(rising, falling))
