"""A trained system on new recordings: posteriors per recording or over time, and more."""

import copy
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ser_lib import identity
from ser_lib.console import progress as progress_bar
from ser_lib.errors import InputError, warn
from ser_lib.evaluation.calibration import apply_temperature
from ser_lib.features.normalisation import FEW, moments, scale, standardise_by
from ser_lib.features.ragged import RaggedArray
from ser_lib.recognition.classifiers import item_shape_of, read_fitted
from ser_lib.recognition.folder import read_description
from ser_lib.recognition.front_ends import made_front_end
from ser_lib.recognition.outcome import (
    TEXTS,
    InProgress,
    Result,
    columns_of,
    is_shorter,
    ready,
    row_of,
    shorter,
)
from ser_lib.recognition.reading import (
    HOP,
    LONGEST,
    WINDOW,
    Piece,
    Recording,
    blocks_of,
    check_window,
    each_of,
    holds_speech,
    name_of,
    pieces_of,
    recordings_of,
    seconds_of,
)
from ser_lib.recognition.threads import one_thread

if TYPE_CHECKING:
    import pandas as pd

MODELS = Path(__file__).parent / "models"
"""Folder of the models that come with the package."""
SHIPPED = MODELS / "ours_discriminant-emodb"
"""The one that recognises where none is named."""

# Pieces that are classified together, and numbers in their features at most (128 MB).
_PIECES, _NUMBERS = 64, 2**25


class Recogniser:
    """
    A trained system, ready for new recordings.

    Made by `ser_lib.recognition.load`. A recording is a path, or a pair of a waveform, shape
    (samples,) or (samples, channels), and its sampling rate in hertz. One longer than 60 s is
    recognised in windows of 3 s, one after the other, and its posteriors are the mean of those of
    the windows that hold speech. A model whose features are scaled by each speaker's own statistics
    needs these first: `for_speaker`.

    Attributes
    ----------
    folder : Path
        Where the model lies; its card is ``README.md`` there.
    description : dict
        Content of its ``model.json``: corpus and how often it has each emotion
        (``description["corpus"]["emotions"]``), expected scores, calibration, versions.
    classes : tuple of str
        Emotions, in the order of the posteriors.
    front_end : FrontEnd
    classifier : object
        ``predict_proba`` without the temperature.
    """

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder).expanduser()
        self.description = read_description(self.folder)
        self.classes = tuple(self.description["classes"])
        self.front_end = made_front_end(self.description["front_end"])
        self.classifier = read_fitted(self.folder, self.description["classifier"])
        self._item_shape = item_shape_of(self.classifier)
        # Whether it takes hardly longer over pieces one by one than together.
        self._singly = self.description["classifier"]["kind"] == "discriminant"
        self._column = [self._emotion(target) for target in self.classifier.classes_]
        # Mean and standard deviation of the features of a speaker.
        self._moments: tuple[np.ndarray, np.ndarray] | None = None

    def _emotion(self, target: str) -> int:
        """Return the class that a target such as ``"female/anger"`` stands for."""
        emotion = str(target).rsplit("/", 1)[-1]
        if emotion not in self.classes:
            raise InputError(
                f"{self.folder}: the classifier gives {target!r}; expected one of "
                f"{', '.join(self.classes)}"
            )
        return self.classes.index(emotion)

    def __repr__(self) -> str:
        return f"Recogniser({self.name}: {', '.join(self.classes)})"

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.description["name"]

    @property
    def digest(self) -> str:
        """64 hexadecimal digits of what determines the output of the model."""
        kept = {k: v for k, v in self.description.items() if k not in ("name", "evaluations")}
        if self._moments is not None:
            kept["speaker"] = [values.tolist() for values in self._moments]
        return identity.digest(kept)

    @property
    def by_speaker(self) -> bool:
        """Whether features are scaled by the statistics of each speaker (see `for_speaker`)."""
        return self.description["normalisation"] == "speaker"

    def for_speaker(
        self, recordings: Recording | Sequence[Recording], *, progress: bool = False
    ) -> "Recogniser":
        """
        Compute the statistics of a speaker, by which the model scales their recordings.

        Parameters
        ----------
        recordings : path, (waveform, rate), or sequence of these
            Of one speaker, without labels: those to be recognised, or others from the same
            microphone. Ten or more in which several emotions occur are better than a few of one.
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        Recogniser
            The same model for this speaker.

        Raises
        ------
        InputError
            If the model does not scale by speaker, or there is speech in fewer than two of the
            recordings (of one longer than 60 s, in windows of 3 s).

        Warns
        -----
        InputWarning
            If there are fewer than ten, or some cannot be read.
        """
        if not self.by_speaker:
            raise InputError(
                f"{self.name} does not scale features by speaker; expected a model trained with "
                "normalisation 'speaker'"
            )
        recordings, rows, failures = recordings_of(recordings), [], []
        with progress_bar(recordings, unit="file", disable=not progress) as bar:
            for number, recording in enumerate(bar, start=1):
                job = InProgress(name_of(recording, number))
                pieces = self._analysed(recording, job, None, None)
                rows += [items for _, items in job.follow(pieces) if items is not None]
                failures += [job.failure] if job.failure else []
        if failures:
            warn(
                f"{len(failures)} of {len(recordings)} recordings of the speaker cannot be read, "
                f"the first: {failures[0]}"
            )
        if len(rows) < 2:
            raise InputError(
                f"there is speech in {len(rows)} of {len(recordings)} recordings of the speaker; "
                "expected two at least"
            )
        if len(rows) < FEW:
            warn(
                f"the statistics of the speaker are those of {len(rows)} recordings; expected "
                f"{FEW} or more in which several emotions occur"
            )
        adapted = copy.copy(self)
        adapted._moments = moments(RaggedArray.from_list(rows))
        return adapted

    @property
    def scores(self) -> str:
        """Scores to be expected on unseen speakers of the corpus it was trained on, in words."""
        expected = self.description.get("expected")
        return expected["summary"] if expected else "UAR on unseen speakers: not measured"

    def predict(
        self, recordings: Recording | Sequence[Recording], *, progress: bool = False
    ) -> "pd.DataFrame":
        """
        Recognise recordings as wholes.

        Parameters
        ----------
        recordings : path, (waveform, rate), or sequence of these
        progress : bool
            Whether to show a progress bar.

        Returns
        -------
        DataFrame
            One row per recording: ``recording, start, end`` (seconds), ``emotion`` with the largest
            posterior, this ``posterior``, a column ``p_<emotion>`` for each class, and ``remark``:
            empty, "no speech", or why a recording could not be read. Where nothing was recognised,
            ``emotion`` is None and posteriors are NaN.
        """
        recordings = recordings_of(recordings)
        with progress_bar(total=len(recordings), unit="file", disable=not progress) as bar:
            found = self.results(recordings, read=bar.move_to)
            return self._table(result for results in found for result in results)

    def timeline(
        self, recording: Recording, *, window: float = WINDOW, hop: float = HOP
    ) -> "pd.DataFrame":
        """
        Recognise the windows of a recording one after the other.

        Parameters
        ----------
        recording : path or (waveform, rate)
        window, hop : float
            Seconds of a window, from 0.025 to 60, and from one to the next, at most `window`. All
            windows are equally long; the last ends where the recording does.

        Returns
        -------
        DataFrame
            As of `predict`, one row per window.

        Raises
        ------
        InputError
            If the recording cannot be read, or for a window or hop that is not allowed.

        Warns
        -----
        InputWarning
            If the recording is shorter than a window; it is then recognised as a whole.
        """
        window, hop = check_window(window, hop)
        parts = self.results([recording], window=window, hop=hop)
        results = [result for part in parts for result in part]
        if results[-1].failed:
            raise InputError(results[-1].remark)
        if is_shorter(results, window):
            warn(shorter(window, 1))
        return self._table(results)

    def results(
        self,
        recordings: Recording | Iterable[Recording],
        *,
        window: float | None = None,
        hop: float | None = None,
        skip: int = 0,
        read: Callable[[float], object] | None = None,
    ) -> Iterator[list[Result]]:
        """
        Recognise recordings one after the other: what `predict` and `timeline` make tables of.

        Parameters
        ----------
        recordings : path, (waveform, rate), or iterable of these
            Read as they come; memory does not depend on their number or length. Networks and
            support vector machines take longer over pieces (recordings, or windows of them) one by
            one than together: their results come when up to 64 pieces have been read, or all.
            Those of discriminant analysis come when the recording has been read, or 64 windows of
            it.
        window, hop : float, optional
            As for `timeline`; without `window` recordings are recognised as wholes. The hop is by
            default the window.
        skip : int
            How many windows are left out at the beginning of the first recording (its last one
            never is).
        read : callable, optional
            Is told after each piece how many recordings have been read, the last one as a fraction.

        Yields
        ------
        list of Result
            Those of one recording, in the order of the recordings; with `window`, those of a long
            one in parts as they come. Where it cannot be read to its end, the last one says so.
        """
        self._check_speaker()
        if hop is not None and window is None:
            raise InputError(f"hop is {hop!r} without a window; expected a window in seconds")
        if window is not None:
            window, hop = check_window(window, window if hop is None else hop)
        waiting: list[InProgress] = []
        pending: list[tuple[InProgress, int, np.ndarray]] = []
        for number, recording in enumerate(each_of(recordings), start=1):
            job = InProgress(name_of(recording, number))
            waiting.append(job)
            seconds = None
            pieces = self._analysed(recording, job, window, hop, skip if number == 1 else 0)
            for place, items in job.follow(pieces):
                if read is not None and place:
                    seconds = seconds or seconds_of(recording)
                    read(number - 1 + min(job.spans[place][1] / seconds, 1.0))
                if items is None:
                    continue
                pending.append((job, place, self._scaled(items)))
                job.open += 1
                numbers = sum(waiting_items.size for *_, waiting_items in pending)
                if len(pending) >= _PIECES or numbers >= _NUMBERS:
                    self._classify(pending)
                    yield from ready(waiting)
            job.is_read = True
            if self._singly:
                self._classify(pending)
            if read is not None:
                read(number)
            yield from ready(waiting)
        self._classify(pending)
        yield from ready(waiting)

    def _analysed(
        self,
        recording: Recording,
        job: "InProgress",
        window: float | None,
        hop: float | None,
        skip: int = 0,
    ) -> Iterator[tuple[float, float, np.ndarray | None]]:
        """Yield start, end and features of each piece; None for those where no one speaks."""
        for start, end, signal in self._pieces(recording, job, window, hop, skip):
            speech = holds_speech(signal, self.front_end.sample_rate)
            yield start, end, self._features(signal, job.name) if speech else None

    def _pieces(
        self,
        recording: Recording,
        job: "InProgress",
        window: float | None,
        hop: float | None,
        skip: int,
    ) -> Iterator[Piece]:
        """Read a recording as a whole or in windows, as is asked for or its length demands."""
        rate = self.front_end.sample_rate
        blocks = blocks_of(recording, rate)
        if window is None:
            first = next(blocks)
            second = next(blocks, None)
            if second is None and len(first) <= LONGEST * rate:
                return pieces_of([first], rate, None, None)
            job.averaged, window, hop = True, WINDOW, WINDOW
            begun = [first] if second is None else [first, second]
            blocks = itertools.chain(begun, blocks)
        return pieces_of(blocks, rate, window, hop, skip=skip)

    def _features(self, signal: np.ndarray, name: str) -> np.ndarray:
        with one_thread():
            items = self.front_end(signal, Path(name).stem)
        how = self.description["normalisation"]
        if how == "utterance" and not self.description["normalised_by_front_end"]:
            items = standardise_by(RaggedArray.from_list([items]), [0])[0]
        return items

    def _check_speaker(self) -> None:
        if self.by_speaker and self._moments is None:
            raise InputError(
                f"{self.name} scales features by the statistics of their speaker; expected "
                "recordings of the speaker (--speaker, or in Python Recogniser.for_speaker)"
            )

    def _scaled(self, items: np.ndarray) -> np.ndarray:
        """Scale features by the statistics of their speaker, where the model does."""
        return items if self._moments is None else scale(items, *self._moments)

    def _classify(self, pending: list[tuple["InProgress", int, np.ndarray]]) -> None:
        """Give pieces their posteriors, and empty the list."""
        if pending:
            posteriors = self.posteriors(RaggedArray.from_list([items for *_, items in pending]))
            for (job, place, _), row in zip(pending, posteriors, strict=True):
                job.posteriors[place] = row
                job.open -= 1
        pending.clear()

    def posteriors(self, features: RaggedArray) -> np.ndarray:
        """
        Compute the posteriors of rows of features, scaled by the temperature of the model.

        Parameters
        ----------
        features : RaggedArray
            Of n recordings, from `front_end`, normalised as the model asks for.

        Returns
        -------
        ndarray of float64, shape (n, classes)
            In the order of `classes`; rows sum to one.

        Raises
        ------
        InputError
            If they are none of the front end, or not finite.
        """
        self._check_features(features)
        with one_thread():
            predicted = np.asarray(self.classifier.predict_proba(features), dtype=np.float64)
        summed = np.zeros((len(features), len(self.classes)))
        for column, values in zip(self._column, predicted.T, strict=True):
            summed[:, column] += values
        return apply_temperature(summed, self.description["temperature"])

    def _check_features(self, features: RaggedArray) -> None:
        expected = f"expected a RaggedArray with items of shape {self._item_shape}, of front_end"
        if not isinstance(features, RaggedArray):
            raise InputError(f"features is of type {type(features).__name__}; {expected}")
        if features.item_shape != self._item_shape:
            raise InputError(f"features has items of shape {features.item_shape}; {expected}")
        for number, items in enumerate(features):
            if not np.isfinite(items).all():
                raise InputError(
                    f"features of row {number} are not finite; expected finite numbers"
                )

    def read(self, recording: Recording) -> np.ndarray:
        """
        Read a recording as the model does.

        Returns
        -------
        ndarray of float32, shape (samples,)
            One channel at ``front_end.sample_rate``.

        Raises
        ------
        InputError
            If it cannot be read, or is no recording.
        """
        name_of(recording, 1)  # refuses what is none
        return np.concatenate(list(blocks_of(recording, self.front_end.sample_rate)))

    def attention(self, recording: Recording) -> "pd.DataFrame":
        """
        Compute where in a recording the network's attention lies.

        Parameters
        ----------
        recording : path or (waveform, rate)
            Up to 60 s, read as a whole. Where the front end cuts off what precedes the voice, time
            is counted from the voice on.

        Returns
        -------
        DataFrame
            One row per step of the attention: ``start, end`` (seconds), ``weight``; and for a
            network that attends to frequencies as well ``weight_1, weight_2, ...`` from low to
            high. All weights together sum to one.

        Raises
        ------
        InputError
            If the network has no attention over the whole recording, or the recording is longer.
        """
        import pandas as pd

        grid = self.description.get("attention_grid")
        if grid is None or not hasattr(self.classifier, "attention"):
            raise InputError(
                f"{self.name}: the system {self.description['system']} has no attention"
            )
        (weights,) = self._applied("attention", recording)
        if getattr(self.classifier, "pool", None):
            raise InputError(
                f"{self.name}: the attention of {self.description['system']} is within segments; "
                "expected a network that reads recordings as wholes"
            )
        starts = grid["start"] + grid["seconds_per_step"] * np.arange(len(weights))
        table = pd.DataFrame({"start": starts, "end": starts + grid["seconds_per_step"]})
        table["weight"] = weights if weights.ndim == 1 else weights.sum(axis=1)
        for cell in range(weights.shape[1] if weights.ndim == 2 else 0):
            table[f"weight_{cell + 1}"] = weights[:, cell]
        return table

    def contributions(self, recording: Recording) -> "pd.DataFrame":
        """
        Compute how much each feature of a recording speaks for each emotion.

        Parameters
        ----------
        recording : path or (waveform, rate)
            Up to 60 s, read as a whole.

        Returns
        -------
        DataFrame
            One row per feature, under its name, and a column per emotion: by how much the feature
            raises the logarithm of the emotion's posterior above the mean over emotions, beside a
            recording all of whose features are the medians of the training recordings. See
            `ser_lib.recognition.discriminants.StoredDiscriminant.contributions`.

        Raises
        ------
        InputError
            If the model is not linear in its features, or the recording is longer.
        """
        import pandas as pd

        if not hasattr(self.classifier, "contributions"):
            raise InputError(
                f"{self.name}: {self.description['system']} is not linear in its features; "
                "expected discriminant analysis"
            )
        (found,) = self._applied("contributions", recording)
        found = found / self.description["temperature"]
        names = pd.Index(self.front_end.feature_names, name="feature")
        return pd.DataFrame(found.T, names, columns=[str(c) for c in self.classifier.classes_])

    def embed(self, recordings: Recording | Sequence[Recording]) -> np.ndarray:
        """
        Compute what the last step of the classifier is given, as features for other methods.

        That is the output of the network's layer ``bottleneck``, the rows from which a support
        vector machine decides, or those along the directions of discriminant analysis.

        Returns
        -------
        ndarray of float32, shape (n, units)

        Raises
        ------
        InputError
            If a network has no such layer, or a recording cannot be read or is longer than 60 s.
        """
        if not hasattr(self.classifier, "embed"):
            raise InputError(f"{self.name}: {self.description['system']} has no bottleneck")
        # One by one: features of many recordings need not fit into memory.
        numbered = enumerate(recordings_of(recordings), start=1)
        return np.concatenate([self._applied("embed", each, number) for number, each in numbered])

    def _applied(self, method: str, recording: Recording, number: int = 1) -> np.ndarray | list:
        """Give a method of the classifier the features of a recording of up to `LONGEST`."""
        self._check_speaker()
        name, rate = name_of(recording, number), self.front_end.sample_rate
        blocks = blocks_of(recording, rate)
        signal = next(blocks)
        if len(signal) > LONGEST * rate or next(blocks, None) is not None:
            raise InputError(f"{name}: is longer than {LONGEST:.0f} s; expected a shorter one")
        items = self._scaled(self._features(signal, name))
        with one_thread():
            return getattr(self.classifier, method)(RaggedArray.from_list([items]))

    def _table(self, results: Iterable[Result]) -> "pd.DataFrame":
        import pandas as pd

        rows = [row_of(result, self.classes) for result in results]
        # As objects first, so that None stays None in texts in every version of pandas.
        table = pd.DataFrame(rows, columns=list(columns_of(self.classes)), dtype=object)
        return table.astype({column: float for column in table if column not in TEXTS})


def load(model: str | os.PathLike | None = None) -> Recogniser:
    """
    Load a trained model.

    Parameters
    ----------
    model : path, optional
        Folder that `ser train` wrote, or the name of a model that comes with this package (see
        `shipped`); by default `SHIPPED`.

    Raises
    ------
    InputError
        If a file is missing, damaged, altered or not allowed in a model, or a newer version of this
        package wrote it. Nothing in the folder is run.
    """
    if model is not None:
        return Recogniser(folder_of(model))
    if not SHIPPED.is_dir():
        raise InputError(
            "no model came with this installation; expected the folder of one "
            "(`ser train SYSTEM --corpus NAME -o FOLDER` trains one)"
        )
    return Recogniser(SHIPPED)


def folder_of(model: str | os.PathLike) -> Path:
    """
    Return the folder of a model: the one that is named, or that of a model of the package.

    Raises
    ------
    InputError
        If it is no name and no path.
    """
    if not isinstance(model, str | os.PathLike):
        raise InputError(
            f"model is {model!r}; expected a folder that `ser train` wrote, or one of "
            f"{', '.join(shipped())}"
        )
    folder = Path(model).expanduser()
    return MODELS / folder if os.fspath(model) in shipped() and not folder.exists() else folder


def shipped() -> tuple[str, ...]:
    """Return the names of the models that come with this package."""
    return tuple(sorted(path.name for path in MODELS.glob("*") if path.is_dir()))
