"""Cut a sequence of frames into items: the frames themselves, or windows of many frames."""

import dataclasses
import math
import numbers

import numpy as np

from ser_lib.errors import InputError
from ser_lib.params import as_count, check_flag


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frames:
    """
    Take the frames as they are: one item per frame.

    Parameters
    ----------
    standardise : bool
        Bring each feature to mean 0 and standard deviation 1 over the utterance; one that does not
        change becomes 0.
    every : int
        Average so many frames into one; the last may be of fewer.
    most : int, optional
        Frames kept at most, the last ones of a longer recording.

    Raises
    ------
    InputError
        Naming the parameter, what was found and what is expected.

    Examples
    --------
    >>> Frames()(np.zeros((7, 40))).shape
    (7, 40)
    >>> Frames(every=2)(np.zeros((7, 40, 3))).shape
    (4, 120)
    """

    standardise: bool = False
    every: int = 1
    most: int | None = None

    def __post_init__(self):
        check_flag(self, "standardise")
        as_count(self, "every")
        if self.most is not None:
            as_count(self, "most")

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Return the frames, shape (frames, features, ...), as (items, features)."""
        frames = frames.reshape(len(frames), -1)
        if self.every > 1:
            starts = np.arange(0, len(frames), self.every)
            counts = np.diff([*starts, len(frames)])[:, np.newaxis]
            frames = np.add.reduceat(frames, starts) / counts.astype(frames.dtype)
        if self.standardise:
            frames = frames.astype(np.float64)
            deviation = frames.std(axis=0)
            frames = frames - frames.mean(axis=0)
            frames /= np.where(deviation > 1e-10, deviation, np.inf)
        return frames if self.most is None else frames[-self.most :]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Windows:
    """
    Roll a window of fixed length over the frames; every frame is in at least one window.

    A recording shorter than one window gives one window; where the last window reaches past the
    end, the rest of it is padded with what means silence.

    Parameters
    ----------
    length : int
        Frames per window.
    hop : int, optional
        Frames from one window to the next, at most `length`; `length` by default, which gives
        blocks that do not overlap.
    pad : "floor", float, or a tuple of these
        Value of the padding. ``"floor"`` is the lowest value of the utterance, which is the floor
        of a spectrogram in decibels; a spectrogram for which zero means silence wants 0. (Padding
        decibels relative to the maximum with zeros would paint the padded part as loudest.) Where
        frames have channels, the floor is each channel's own, and a tuple has a value for each:
        decibels with their deltas want ``("floor", 0, 0)``, as in silence nothing changes.
    most : int, optional
        Windows kept at most, the first ones of a longer recording; only then are frames lost.

    Raises
    ------
    InputError
        Naming the parameter, what was found and what is expected.

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
    most: int | None = None

    def __post_init__(self):
        as_count(self, "length")
        if self.hop is None:
            object.__setattr__(self, "hop", self.length)
        as_count(self, "hop")
        if self.hop > self.length:
            raise InputError(
                f"Windows: hop is {self.hop}; expected at most the length, {self.length} frames, "
                "so that no frame is lost between windows"
            )
        if self.most is not None:
            as_count(self, "most")
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
        Cut.

        Parameters
        ----------
        frames : ndarray, shape (frames, features) or (frames, features, channels)

        Returns
        -------
        ndarray, shape (windows, length, features) or (windows, length, features, channels)
            ``1 + ceil(max(0, frames - length) / hop)`` windows, or `most`.

        Raises
        ------
        InputError
            If `pad` has not as many values as there are channels.
        """
        windows = 1 - (-max(0, len(frames) - self.length) // self.hop)
        missing = (windows - 1) * self.hop + self.length - len(frames)
        filler = np.empty((missing, *frames.shape[1:]), frames.dtype)
        filler[:] = self._padding(frames)
        frames = np.concatenate([frames, filler])
        view = np.lib.stride_tricks.sliding_window_view(frames, self.length, axis=0)
        return np.ascontiguousarray(np.moveaxis(view[:: self.hop][: self.most], -1, 1))

    def _padding(self, frames: np.ndarray) -> np.ndarray:
        """Value of the padding, or values, one per channel."""
        channels = [frames] if frames.ndim < 3 else list(np.moveaxis(frames, 2, 0))
        pads = self.pad if isinstance(self.pad, tuple) else (self.pad,) * len(channels)
        if len(pads) != len(channels):
            raise InputError(
                f"Windows: pad is {self.pad!r} for frames of shape {frames.shape}; expected one "
                f"value for each of {len(channels)} channels, or one for all"
            )
        return np.array(
            [
                channel.min() if pad == "floor" else pad
                for channel, pad in zip(channels, pads, strict=True)
            ]
        )
