"""The way from a waveform to an array, as one value that is its own name."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from ser_lib.errors import InputError
from ser_lib.features.ragged import RaggedArray
from ser_lib.features.segments import Frames
from ser_lib.identity import describe
from ser_lib.params import as_count, check_choice, generator

if TYPE_CHECKING:
    from ser_lib.corpora import Corpus


@dataclasses.dataclass(frozen=True, kw_only=True)
class FrontEnd:
    """
    Turn a signal into an array of shape (n, *item): condition it, analyse it, cut it up.

    It keeps no state, and what is random in it is seeded by the utterance, so that its output can
    be computed once per corpus and shared by every fold.

    Parameters
    ----------
    analysis : callable
        ``analysis(signal, rate)`` gives frames, shape (frames, features): `LogMel`, `Descriptors`.
    segmentation : callable
        ``segmentation(frames)`` gives (n, *item): `Frames`, `Windows` or `Functionals`.
    conditioning : tuple of steps
        Each called as ``step(signal, rate, rng)`` and giving a signal; see `ser_lib.signal`.
    rate : int
        Samples per second to which recordings are brought.
    dtype : {"float32", "float16", "float64"}
        Type of the result.

    Raises
    ------
    InputError
        If a part cannot be called or is not a frozen dataclass (and so has no lasting identity), or
        if rate or type make no sense.

    Examples
    --------
    >>> from ser_lib.features import LogMel, Windows
    >>> front_end = FrontEnd(analysis=LogMel(), segmentation=Windows(length=64))
    >>> front_end(np.zeros(16000)).shape
    (2, 64, 128)
    """

    analysis: object
    segmentation: object = dataclasses.field(default_factory=Frames)
    conditioning: tuple = ()
    rate: int = 16000
    dtype: str = "float32"

    def __post_init__(self):
        if not isinstance(self.conditioning, tuple | list):
            raise InputError(
                f"FrontEnd: conditioning is {self.conditioning!r}; expected a tuple of steps"
            )
        object.__setattr__(self, "conditioning", tuple(self.conditioning))
        for part in (*self.conditioning, self.analysis, self.segmentation):
            frozen = dataclasses.is_dataclass(part) and part.__dataclass_params__.frozen
            if not (frozen and callable(part)) or isinstance(part, type):
                raise InputError(
                    f"FrontEnd: found {part!r} among its parts; expected an instance of a frozen "
                    "dataclass that can be called, for example LogMel()"
                )
        as_count(self, "rate", low=1000)
        check_choice(self, "dtype", ("float16", "float32", "float64"))

    def __call__(self, signal: np.ndarray, utterance: str = "") -> np.ndarray:
        """
        Compute the features of one signal.

        Parameters
        ----------
        signal : array of float, shape (samples,)
            Mono, at `rate`, nominally within [-1, 1].
        utterance : str
            Name of the utterance; seeds what is random.

        Returns
        -------
        ndarray, shape (n, *item)
            Always finite.

        Raises
        ------
        InputError
            If the signal is not a finite vector, or the result does not fit `dtype`.
        """
        signal = np.asarray(signal, dtype=np.float32)
        if signal.ndim != 1 or len(signal) == 0 or not np.isfinite(signal).all():
            raise InputError(
                f"signal of shape {signal.shape}, finite: {np.isfinite(signal).all()}; "
                "expected one channel of at least one sample, all finite"
            )
        for step in self.conditioning:
            signal = step(signal, self.rate, generator(utterance, step))
        items = self.segmentation(self.analysis(signal, self.rate))
        with np.errstate(over="ignore"):
            items = np.ascontiguousarray(items, dtype=self.dtype)
        if not np.isfinite(items).all():
            raise InputError(
                f"features of {utterance or 'the signal'} are not finite in {self.dtype}; "
                "expected finite numbers (a wider dtype may hold them)"
            )
        return items

    def identity(self) -> dict:
        """Describe the front end by class names and parameters, nested, as JSON knows them."""
        return describe(self)

    def degraded(self, *steps: object) -> "FrontEnd":
        """
        Return the same front end on altered signals.

        Parameters
        ----------
        *steps : steps
            Put before all other conditioning: the recording itself is degraded.

        Returns
        -------
        FrontEnd
        """
        return dataclasses.replace(self, conditioning=(*steps, *self.conditioning))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names along the last axis of an item (the feature axis), in order."""
        names = self.analysis.names
        rename = getattr(self.segmentation, "names", None)
        return tuple(names if rename is None else rename(names))

    def extract(
        self, corpus: "Corpus", *, jobs: int | None = None, progress: bool = True
    ) -> RaggedArray:
        """
        Compute the features of every utterance of a corpus, or find them in the cache.

        Parameters
        ----------
        corpus : Corpus
            Whose utterances; row i of the result is row i of ``corpus.table``.
        jobs : int, optional
            Number of processes; by default as many as pay.
        progress : bool
            Whether to show a bar.

        Returns
        -------
        RaggedArray
            Memory-mapped from the cache.

        See Also
        --------
        ser_lib.features.extract : several front ends at once, each recording decoded only once.
        """
        from ser_lib.features.cache import extract

        return extract(corpus, [self], jobs=jobs, progress=progress)[0]
