"""Segment a sequence of frames into items: single frames, or windows of several frames."""

import dataclasses
import math
import numbers

import numpy as np

from ser_lib.errors import InputError
from ser_lib.params import as_count, check_flag


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frames:
    """
    Use single frames: one item per frame.

    Parameters
    ----------
    standardise : bool
        Scale each feature to mean 0 and standard deviation 1 over the utterance; a constant
        feature becomes 0.
    average : int
        Number of successive frames that are averaged into one; the last average may be over fewer.
    max_frames : int, optional
        Number of frames kept at most: the last frames of a longer recording.

    Examples
    --------
    >>> Frames()(np.zeros((7, 40))).shape
    (7, 40)
    >>> Frames(average=2)(np.zeros((7, 40, 3))).shape
    (4, 120)
    """

    standardise: bool = False
    average: int = 1
    max_frames: int | None = None

    def __post_init__(self):
        check_flag(self, "standardise")
        as_count(self, "average")
        if self.max_frames is not None:
            as_count(self, "max_frames")

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Return the frames, shape (frames, features, ...), as (items, features)."""
        frames = frames.reshape(len(frames), -1)
        if self.average > 1:
            starts = np.arange(0, len(frames), self.average)
            counts = np.diff([*starts, len(frames)])[:, np.newaxis]
            frames = np.add.reduceat(frames, starts) / counts.astype(frames.dtype)
        if self.standardise:
            frames = frames.astype(np.float64)
            deviation = frames.std(axis=0)
            frames = frames - frames.mean(axis=0)
            frames /= np.where(deviation > 1e-10, deviation, np.inf)
        return frames if self.max_frames is None else frames[-self.max_frames :]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Windows:
    """
    Cut the frames into windows of fixed length; every frame is in at least one window.

    A recording shorter than one window gives one window. Where the last window reaches past the
    end, it is padded with the value of silence.

    Parameters
    ----------
    length : int
        Frames per window.
    hop : int, optional
        Frames from one window to the next, at most `length`; by default `length`, so that windows
        do not overlap.
    pad : "floor", float, or a tuple of these
        Value of the padding. ``"floor"`` is the lowest value of the utterance, which is the floor
        of a spectrogram in decibels; use 0 for a spectrogram in which silence is 0. (In decibels
        relative to the maximum, zeros would be the loudest values.) If frames have channels, the
        floor is that of each channel, and a tuple gives a value for each: ``("floor", 0, 0)`` for
        decibels with their deltas, which are 0 in silence.
    max_windows : int, optional
        Number of windows kept at most: the first windows of a longer recording. The frames after
        them are not used.

    Examples
    --------
    >>> Windows(length=128, hop=64)(np.zeros((384, 40))).shape
    (5, 128, 40)
    >>> Windows(length=300, pad=("floor", 0, 0))(np.zeros((384, 40, 3))).shape
    (2, 300, 40, 3)
    """

    length: int
    hop: int | None = None
    pad: str | float | tuple[str | float, ...] = "floor"
    max_windows: int | None = None

    def __post_init__(self):
        as_count(self, "length")
        if self.hop is None:
            object.__setattr__(self, "hop", self.length)
        as_count(self, "hop")
        if self.hop > self.length:
            raise InputError(
                f"Windows: hop is {self.hop}; expected at most the length, {self.length} frames, "
                "so that no frame between windows is left out"
            )
        if self.max_windows is not None:
            as_count(self, "max_windows")
        pads = self.pad if isinstance(self.pad, tuple | list) else (self.pad,)
        checked = tuple(self._checked(pad) for pad in pads)
        object.__setattr__(self, "pad", checked if pads is self.pad else checked[0])

    def _checked(self, pad: object) -> str | float:
        real = isinstance(pad, numbers.Real) and not isinstance(pad, bool) and math.isfinite(pad)
        if not real and pad != "floor":
            raise InputError(f"Windows: pad is {self.pad!r}; expected 'floor' or a number")
        return float(pad) if real else pad

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """
        Cut frames, shape (frames, features) or (frames, features, channels).

        Returns
        -------
        ndarray, shape (windows, length, features) or (windows, length, features, channels)
            ``1 + ceil(max(0, frames - length) / hop)`` windows, at most `max_windows`.

        Raises
        ------
        InputError
            If the number of values in `pad` is not the number of channels.
        """
        windows = 1 - (-max(0, len(frames) - self.length) // self.hop)
        missing = (windows - 1) * self.hop + self.length - len(frames)
        filler = np.empty((missing, *frames.shape[1:]), frames.dtype)
        filler[:] = self._padding(frames)
        frames = np.concatenate([frames, filler])
        view = np.lib.stride_tricks.sliding_window_view(frames, self.length, axis=0)
        return np.ascontiguousarray(np.moveaxis(view[:: self.hop][: self.max_windows], -1, 1))

    def _padding(self, frames: np.ndarray) -> np.ndarray:
        """Return the value of the padding, or one value per channel."""
        channels = [frames] if frames.ndim < 3 else list(np.moveaxis(frames, 2, 0))
        pads = self.pad if isinstance(self.pad, tuple) else (self.pad,) * len(channels)
        if len(pads) != len(channels):
            raise InputError(
                f"Windows: pad is {self.pad!r} for frames of shape {frames.shape}; expected one "
                f"value for each of {len(channels)} channels, or one for all"
            )
        pairs = zip(channels, pads, strict=True)
        return np.array([channel.min() if pad == "floor" else pad for channel, pad in pairs])
