"""What is recognised in a recording: gathered piece by piece, then brought into rows of a table."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ser_lib.errors import InputError
from ser_lib.recognition.reading import WINDOW

TEXTS = ("recording", "emotion", "remark")
"""Columns of texts in a table of results; all others hold numbers."""
NO_SPEECH = "no speech"
"""Remark on a recording, or a part of it, in which voice activity detection finds no speech."""


class Result(NamedTuple):
    """
    What was recognised in a recording, or in a part of it.

    Attributes
    ----------
    recording : str
        Name as it was given, or ``"waveform 1"``.
    start, end : float or None
        In seconds; None where the recording could not be read.
    posteriors : ndarray, shape (classes,), or None
        None where there is no speech or nothing could be read.
    remark : str
        Empty, `NO_SPEECH`, how a long recording was recognised, or what was wrong.
    failed : bool
        Whether the recording could not be read.
    """

    recording: str
    start: float | None
    end: float | None
    posteriors: np.ndarray | None
    remark: str = ""
    failed: bool = False


class InProgress:
    """A recording while its pieces are recognised."""

    def __init__(self, name: str):
        self.name = name
        self.averaged = False
        self.failure: str | None = None
        self.open = 0  # pieces that wait for the classifier
        self.is_read = False  # whether no further pieces follow
        self.spans: list[tuple[float, float]] = []
        self.posteriors: list[np.ndarray | None] = []
        self._given = 0  # pieces whose results were returned

    def follow(
        self, pieces: Iterator[tuple[float, float, np.ndarray | None]]
    ) -> Iterator[tuple[int, np.ndarray | None]]:
        """
        Note each piece, and what goes wrong.

        Parameters
        ----------
        pieces : iterator of (start, end, features)
            Times in seconds; features are None where there is no speech.

        Yields
        ------
        place : int
            Where in `posteriors` those of the piece belong.
        features : ndarray, shape (n, *item), or None
        """
        while True:
            try:
                piece = next(pieces, None)
            except Exception as error:
                # Whatever decoding and analysis stumble over concerns this recording only.
                known = isinstance(error, InputError)
                self.failure = str(error) if known else f"{type(error).__name__}: {error}"
                return
            if piece is None:
                return
            start, end, items = piece
            self.spans.append((start, end))
            self.posteriors.append(None)
            yield len(self.spans) - 1, items

    def ready(self) -> list[Result]:
        """Return what was recognised since the last time; no piece may be open."""
        if self.is_read and self.failure is not None:
            return [Result(self.name, None, None, None, self.failure, failed=True)]
        if self.averaged:
            return [self._mean()] if self.is_read else []
        new = slice(self._given, None)
        self._given = len(self.spans)
        return [
            Result(self.name, start, end, p, NO_SPEECH if p is None else "")
            for (start, end), p in zip(self.spans[new], self.posteriors[new], strict=True)
        ]

    def _mean(self) -> Result:
        end, speech = self.spans[-1][1], [p for p in self.posteriors if p is not None]
        if not speech:
            return Result(self.name, 0.0, end, None, NO_SPEECH)
        remark = f"mean over {len(speech)} windows of {WINDOW:g} s with speech"
        return Result(self.name, 0.0, end, np.mean(speech, axis=0), remark)


def ready(waiting: list[InProgress]) -> Iterator[list[Result]]:
    """Yield what is recognised by now, in order, and remove the recordings that are done."""
    while waiting and not waiting[0].open:
        if results := waiting[0].ready():
            yield results
        if not waiting[0].is_read:
            return
        del waiting[0]


def columns_of(classes: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a table of results."""
    head = ("recording", "start", "end", "emotion", "posterior")
    return (*head, *(f"p_{emotion}" for emotion in classes), "remark")


def row_of(result: Result, classes: Sequence[str]) -> dict[str, object]:
    """Bring a result into the columns of a table; posteriors are rounded to six decimals."""
    p, emotion, largest = result.posteriors, None, float("nan")
    if p is None:
        p = np.full(len(classes), np.nan)
    else:
        emotion, largest = classes[int(p.argmax())], round(float(p.max()), 6)
    values = [round(float(each), 6) for each in p]
    times = [None if t is None else round(t, 3) for t in (result.start, result.end)]
    row = (result.recording, *times, emotion, largest, *values, result.remark)
    return dict(zip(columns_of(classes), row, strict=True))


def is_shorter(results: Sequence[Result], window: float) -> bool:
    """Tell whether a recording is shorter than the window by which it was recognised."""
    # Windows are rounded to samples, of which there are at least 1000 a second.
    return not results[0].failed and results[0].end < window - 0.0005


def shorter(window: float, count: int) -> str:
    """Say that recordings are shorter than the window."""
    what = "1 recording is" if count == 1 else f"{count} recordings are"
    return f"{what} shorter than the window of {window:g} s, and recognised as a whole"
