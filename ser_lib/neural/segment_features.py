"""Steps of front ends for backbones: features of segments, and a published log-mel analysis."""

import dataclasses
import functools
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ser_lib.errors import InputError
from ser_lib.features.segments import Windows
from ser_lib.neural.imagenet import add_backbone, check_backbone
from ser_lib.neural.imagenet_weights import Weights, load_weights, resolve_weights
from ser_lib.params import as_count

if TYPE_CHECKING:
    import keras

_BATCH_SIZE = 16


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmentFeatures:
    """
    Cut frames into segments, and compute a vector of each by a backbone whose weights are fixed.

    Takes the place of the segmentation of a `ser_lib.features.FrontEnd`, so that the vectors are
    computed once per corpus and cached like other features. Each channel is brought to mean 0 and
    standard deviation 1 over the recording, and then scaled as the backbone's training images were
    (see `ser_lib.neural.imagenet`).

    Parameters
    ----------
    segments : Windows
        How frames are cut into segments.
    backbone : {"squeezenet", "alexnet", "resnet50v2"}
        The network.
    weights : "imagenet", path or Weights
        The published weights, or those of a file; kept as
        `ser_lib.neural.imagenet_weights.Weights`, which are identified by their checksum.
    side : int
        Height and width, in pixels, to which segments are resized.
    fire_modules : int, optional
        The fire module after which SqueezeNet ends, 2 to 9.
    """

    segments: Windows
    backbone: str
    weights: str
    side: int
    fire_modules: int | None = None

    def __post_init__(self):
        as_count(self, "side")
        check_backbone(self.backbone, self.side, self.fire_modules)
        if self.weights is None:
            raise InputError(
                "SegmentFeatures: weights is None; expected 'imagenet' or a file, as this backbone "
                "is not trained"
            )
        object.__setattr__(self, "weights", resolve_weights(self.backbone, self.weights))

    @property
    def hop(self) -> int:
        """Frames from one segment to the next."""
        return self.segments.hop

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """
        Turn frames, shape (frames, bands, 3), into vectors, float32, shape (segments, features).

        Raises
        ------
        InputError
            If frames do not have three channels, or the weights are not available or not those of
            the backbone.
        """
        if frames.ndim != 3 or frames.shape[2] != 3:
            raise InputError(
                f"SegmentFeatures: frames of shape {frames.shape}; expected (frames, bands, 3), "
                "as WithDeltas gives them"
            )
        images = standardise(self.segments(frames), frames)
        model = _extractor(
            self.backbone, self.weights, self.side, self.fire_modules, images.shape[1:]
        )
        vectors = np.empty((len(images), model.output_shape[1]), np.float32)
        for start in range(0, len(images), _BATCH_SIZE):
            part = images[start : start + _BATCH_SIZE]
            # Sizes are powers of two, as a network is traced, or compiled, for each.
            batch = np.zeros((1 << (len(part) - 1).bit_length(), *part.shape[1:]), np.float32)
            batch[: len(part)] = part
            vectors[start : start + _BATCH_SIZE] = model.predict_on_batch(batch)[: len(part)]
        return vectors


def standardise(segments: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """
    Scale segments so that each channel of their recording has mean 0 and standard deviation 1.

    Segments have the shape (segments, length, bands, channels), and the frames that they are cut
    from (frames, bands, channels). Padding is scaled like them, and does not count in the
    statistics; a constant channel becomes 0.
    """
    mean = frames.mean(axis=(0, 1), dtype=np.float64)
    deviation = frames.std(axis=(0, 1), dtype=np.float64)
    factor = np.divide(1.0, deviation, out=np.zeros_like(deviation), where=deviation > 1e-6)
    return ((segments - mean) * factor).astype(np.float32)


@functools.cache
def _extractor(
    backbone: str, weights: Weights, side: int, fire_modules: int | None, shape: tuple[int, ...]
) -> "keras.Model":
    """Build the backbone, once per process."""
    import keras

    from ser_lib.neural.inference import compile_for_inference

    images = keras.Input(shape)
    vectors = add_backbone(
        backbone, images, side=side, fire_modules=fire_modules, imagenet_preprocessing=True
    )
    model = keras.Model(images, vectors)
    load_weights(model, backbone, weights)
    return compile_for_inference(model)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RolledLogMel:
    """
    Log-mel spectrogram with differences, as AnkushMalaker/pretrained-dcnn-attention-ser has it.

    Frames of 25 ms every 10 ms that lie within the signal, Hamming window; magnitudes of
    a transform of 1,024 samples in 64 triangular bands of height 1, evenly spaced from 20 to
    8,000 Hz on the scale ``1127 ln(1 + f / 700)``; ``ln(x + 1e-6)``. The second channel is each
    frame minus the one after it, where the first frame follows the last; the third channel is the
    same of the second.
    """

    # What figures and descriptions of the features need.
    hop: ClassVar[float] = 0.010
    compression: ClassVar[str] = "log"
    channels: ClassVar[tuple[str, ...]] = (
        "level",
        "first derivative, negative",
        "second derivative",
    )

    def frequencies(self, sample_rate: int) -> np.ndarray:
        """Return the centre of each band in hertz, shape (64,), whatever the sample rate."""
        del sample_rate
        edges = np.linspace(*1127 * np.log1p(np.array([20, 8000]) / 700), 66)
        return 700 * np.expm1(edges[1:-1] / 1127)

    def __call__(self, signal: np.ndarray, sample_rate: int) -> np.ndarray:
        """
        Compute the three channels, float32, shape (frames, 64, 3).

        A signal shorter than a frame is padded with zeros.

        Raises
        ------
        InputError
            If the sample rate is below 16,000 samples per second, too low for 8,000 Hz.
        """
        length, step = int(0.025 * sample_rate), int(0.010 * sample_rate)
        signal = np.pad(signal, (0, max(0, length - len(signal))))
        frames = np.lib.stride_tricks.sliding_window_view(signal, length)[::step]
        # TensorFlow's periodic window is symmetric where the length is odd, as it is here.
        window = 0.54 - 0.46 * np.cos(2 * np.pi * np.arange(length) / (length - length % 2))
        magnitudes = np.abs(np.fft.rfft(frames * window, 1024, axis=1))
        static = np.log(magnitudes @ _mel_bands(sample_rate) + 1e-6)
        first = static - np.roll(static, -1, axis=0)
        second = first - np.roll(first, -1, axis=0)
        return np.stack([static, first, second], axis=-1).astype(np.float32)


@functools.lru_cache
def _mel_bands(sample_rate: int) -> np.ndarray:
    """Triangular filters with sides that are straight on the mel scale, shape (513, 64)."""
    if sample_rate < 16000:
        raise InputError(
            f"RolledLogMel: sample_rate is {sample_rate}; expected at least 16,000 Hz, as bands "
            "reach 8,000 Hz"
        )

    def mel(frequency):
        return 1127 * np.log1p(np.asarray(frequency) / 700)

    edges = np.linspace(mel(20), mel(8000), 66)
    bins = mel(np.linspace(0, sample_rate / 2, 513))[:, np.newaxis]
    rising = (bins - edges[:-2]) / np.diff(edges[:-1])
    falling = (edges[2:] - bins) / np.diff(edges[1:])
    return np.maximum(0, np.minimum(rising, falling))
