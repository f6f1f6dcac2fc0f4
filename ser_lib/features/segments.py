"""Cut a sequence of frames into items: the frames themselves, or windows of many frames."""

import dataclasses

import numpy as np

from ser_lib.errors import InputError
from ser_lib.signal.parameters import as_count, as_real


@dataclasses.dataclass(frozen=True)
class Frames:
    """
    Take the frames as they are: one item per frame.

    Examples
    --------
    >>> Frames()(np.zeros((7, 40))).shape
    (7, 40)
    """

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Return `frames`, shape (frames, features)."""
        return frames


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
    pad : "floor" or float
        Value of the padding. ``"floor"`` is the lowest value of the utterance, which is the floor
        of a spectrogram in decibels; a spectrogram for which zero means silence wants 0. (Padding
        decibels relative to the maximum with zeros would paint the padded part as loudest.)

    Raises
    ------
    InputError
        Naming the parameter, what was found and what is expected.

    Examples
    --------
    >>> Windows(length=128, hop=64)(np.zeros((384, 40))).shape
    (5, 128, 40)
    """

    length: int
    hop: int | None = None
    pad: str | float = "floor"

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
        if isinstance(self.pad, str):
            if self.pad != "floor":
                raise InputError(f"Windows: pad is {self.pad!r}; expected 'floor' or a number")
        else:
            as_real(self, "pad")

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """
        Cut.

        Parameters
        ----------
        frames : ndarray, shape (frames, features)

        Returns
        -------
        ndarray, shape (windows, length, features)
            ``1 + ceil(max(0, frames - length) / hop)`` windows.
        """
        windows = 1 - (-max(0, len(frames) - self.length) // self.hop)
        missing = (windows - 1) * self.hop + self.length - len(frames)
        if missing:
            value = frames.min() if self.pad == "floor" else self.pad
            filler = np.full((missing, *frames.shape[1:]), value, frames.dtype)
            frames = np.concatenate([frames, filler])
        view = np.lib.stride_tricks.sliding_window_view(frames, self.length, axis=0)
        return np.ascontiguousarray(np.moveaxis(view[:: self.hop], -1, 1))
