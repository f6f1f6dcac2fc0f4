"""The front end: from a waveform to an array of features, identified by its parameters."""

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.errors import InputError
from ser_lib.features.ragged import RaggedArray
from ser_lib.features.segments import Frames
from ser_lib.identity import describe
from ser_lib.params import as_count, check_choice
from ser_lib.signal.decoding import decode
from ser_lib.signal.seeding import generator

if TYPE_CHECKING:
    from ser_lib.corpora import Corpus


def check_parts(owner: object, parts: Iterable[object]) -> None:
    """Refuse a part of `owner` that is not a callable instance of a frozen dataclass."""
    for part in parts:
        frozen = dataclasses.is_dataclass(part) and part.__dataclass_params__.frozen
        if not (frozen and callable(part)) or isinstance(part, type):
            raise InputError(
                f"{type(owner).__name__}: one of its parts is {part!r}; expected a callable "
                "instance of a frozen dataclass, for example LogMel()"
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """
    Preprocess, analyse and segment a signal, giving an array of shape (n, *item).

    A front end is stateless and its random steps are seeded by the utterance, so that its output
    can be computed once per corpus and shared by every fold.

    Parameters
    ----------
    analysis : callable
        ``analysis(signal, sample_rate)`` returns frames, shape (frames, features); for example
        `LogMel` or `Descriptors`.
    segmentation : callable
        ``segmentation(frames)`` returns items, shape (n, *item): `Frames`, `Windows` or
        `Functionals`.
    preprocessing : tuple of steps
        Each called as ``step(signal, sample_rate, rng)`` and returning a signal; see
        `ser_lib.signal`.
    sample_rate : int
        Samples per second to which recordings are resampled.
    dtype : {"float32", "float16", "float64"}
        Type of the result.

    Raises
    ------
    InputError
        If a part is not a callable instance of a frozen dataclass (whose parameters are its
        identity), or for an invalid sampling rate or type.

    Examples
    --------
    >>> from ser_lib.features import LogMel, Windows
    >>> front_end = FrontEnd(analysis=LogMel(), segmentation=Windows(length=64))
    >>> front_end(np.zeros(16000)).shape
    (2, 64, 128)
    """

    analysis: object
    segmentation: object = dataclasses.field(default_factory=Frames)
    preprocessing: tuple = ()
    sample_rate: int = 16000
    dtype: str = "float32"

    def __post_init__(self):
        if not isinstance(self.preprocessing, tuple | list):
            raise InputError(
                f"FrontEnd: preprocessing is {self.preprocessing!r}; expected a tuple of steps"
            )
        object.__setattr__(self, "preprocessing", tuple(self.preprocessing))
        check_parts(self, (*self.preprocessing, self.analysis, self.segmentation))
        as_count(self, "sample_rate", low=1000)
        check_choice(self, "dtype", ("float16", "float32", "float64"))

    def __call__(self, signal: np.ndarray | str | os.PathLike, utterance: str = "") -> np.ndarray:
        """
        Compute the features of one signal or recording.

        Parameters
        ----------
        signal : array of float, shape (samples,), or path
            Mono, at `sample_rate`, nominally in [-1, 1]; or a file of any rate and number of
            channels that can be decoded.
        utterance : str
            Name of the utterance, which seeds random steps; of a file, its name by default.

        Returns
        -------
        ndarray, shape (n, *item)
            Finite.

        Raises
        ------
        InputError
            If the file cannot be decoded, the signal is not one channel of finite floats, the name
            is no text, or the result is not finite in `dtype`.
        """
        if not isinstance(utterance, str):
            raise InputError(
                f"utterance is {utterance!r}; expected the name of one (a waveform is taken to be "
                f"at {self.sample_rate} Hz; one at another rate must be resampled before)"
            )
        if isinstance(signal, str | os.PathLike):
            utterance = utterance or Path(signal).stem
            signal = decode(signal, sample_rate=self.sample_rate).signal
        signal = np.asarray(signal)
        if signal.dtype.kind != "f":
            raise InputError(
                f"signal is of {signal.dtype}; expected floats between -1 and 1 (integers divided "
                "by their full scale, such as 32768)"
            )
        signal = signal.astype(np.float32, copy=False)
        if signal.ndim != 1 or len(signal) == 0 or not np.isfinite(signal).all():
            raise InputError(
                f"signal has shape {signal.shape} and is "
                f"{'finite' if np.isfinite(signal).all() else 'not finite'}; expected one channel "
                "of at least one sample, all finite"
            )
        for step in self.preprocessing:
            signal = step(signal, self.sample_rate, generator(utterance, step))
        items = self.segmentation(self.analysis(signal, self.sample_rate))
        with np.errstate(over="ignore"):
            items = np.ascontiguousarray(items, dtype=self.dtype)
        if not np.isfinite(items).all():
            raise InputError(
                f"features of {utterance or 'the signal'} are not finite in {self.dtype}; "
                "expected finite numbers (a wider dtype may represent them)"
            )
        return items

    def identity(self) -> dict:
        """Return the class names and parameters of all parts, nested, as JSON types."""
        return describe(self)

    def degraded(self, *steps: object) -> "FrontEnd":
        """Return the same front end with these steps before all other preprocessing."""
        return dataclasses.replace(self, preprocessing=(*steps, *self.preprocessing))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """
        Names of what the analysis computes (of functionals where these follow), in order.

        Steps after it may repeat them, as derivatives do. AttributeError where the analysis names
        nothing, as one that reads spectrograms as pictures.
        """
        names = self.analysis.names
        rename = getattr(self.segmentation, "names", None)
        return tuple(names if rename is None else rename(names))

    def extract(
        self, corpus: "Corpus", *, jobs: int | None = None, progress: bool = True
    ) -> RaggedArray:
        """
        Compute the features of every utterance of a corpus, or open them from the cache.

        This is `ser_lib.features.extract`, which decodes each recording once for several front
        ends, for this one alone.
        """
        from ser_lib.features.cache import extract

        return extract(corpus, [self], jobs=jobs, progress=progress)[0]
