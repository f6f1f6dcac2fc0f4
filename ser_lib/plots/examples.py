"""Utterances to look at: the best and the worst predictions of a fold, and what was attended to."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from ser_lib.errors import InputError, unknown
from ser_lib.evaluation.resampling import classes_of
from ser_lib.plots.layout import clean_test_rows

if TYPE_CHECKING:
    import os

    from ser_lib.corpora import Corpus
    from ser_lib.features import FrontEnd

_UNITS = {"decibels": "dB", "log1p": "ln(1 + 10⁶ power)", "log": "ln(magnitude)"}
_DERIVATIVES = ("level", "first derivative", "second derivative")


class Spectrogram(NamedTuple):
    """
    The spectrogram that a front end computes, before it is cut into segments.

    Its fields are the arguments of `spectrogram_channels`:
    ``plots.spectrogram_channels(**spectrogram._asdict())``.

    Parameters
    ----------
    values : np.ndarray [shape=(frames, bands, channels)]
        Lowest band first.
    hop : float
        Seconds from one frame to the next.
    frequencies : np.ndarray [shape=(bands,)]
        Centre of each band in Hz, in ascending order.
    unit : str
        Unit of the levels.
    channels : tuple of str
        Names of the channels.
    """

    values: np.ndarray
    hop: float
    frequencies: np.ndarray
    unit: str = "dB"
    channels: tuple[str, ...] = ("level",)


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Example:
    """
    An utterance with the attention of a system to it.

    Parameters
    ----------
    levels : np.ndarray [shape=(frames, bands)]
        Its spectrogram, lowest band first.
    weights : np.ndarray [shape=(steps,) or (steps, cells)]
        Attention, lowest cell first, which sums to one over all of them. Steps that are NaN are
        padding and left out.
    hop : float
        Seconds from one frame to the next.
    frequencies : sequence of float [shape=(bands,)], optional
        Centre of each band in Hz, in ascending order. Without it bands are numbered.
    unit : str
        Unit of the levels.
    prediction : mapping, optional
        A row of a table of predictions, with ``utterance, emotion, predicted`` and
        ``p_<emotion>``, as far as they are known.
    title : str
        Written instead of the prediction, which then is written beside it.
    """

    levels: np.ndarray
    weights: np.ndarray
    hop: float
    frequencies: np.ndarray | None = None
    unit: str = "dB"
    prediction: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    title: str = ""


def choose_examples(
    predictions: pd.DataFrame, *, fold: str | None = None, seed: int | None = None
) -> tuple[pd.Series, pd.Series]:
    """
    Choose the surest right prediction and the surest wrong one.

    Parameters
    ----------
    predictions : pd.DataFrame
        Columns ``emotion, predicted`` and ``p_<emotion>``; of several parts and conditions the
        clean test rows are taken.
    fold, seed : optional
        Choose among the predictions of this fold and seed only.

    Returns
    -------
    best, worst : pd.Series
        The rows with the highest posterior of a right and of a wrong prediction. Where all are
        right, the second is the least sure one; where all are wrong, the first.

    Raises
    ------
    InputError
        If there are no such rows or columns are missing.
    """
    rows = clean_test_rows(predictions)
    for column, wanted in (("fold", fold), ("seed", seed)):
        if wanted is not None:
            present = list(rows[column].unique())
            if wanted not in present:
                raise unknown(f"{column} of these predictions", wanted, present)
            rows = rows[rows[column] == wanted]
    classes = classes_of(rows)
    chosen = pd.Index(classes).get_indexer(rows["predicted"])
    if (chosen < 0).any():
        raise InputError(
            f"predictions have the posteriors of {', '.join(classes) or 'no emotion'}; "
            "expected a column p_<emotion> for every predicted emotion"
        )
    posteriors = rows[[f"p_{name}" for name in classes]].to_numpy(float)
    posterior = posteriors[np.arange(len(rows)), chosen]
    right = (rows["emotion"] == rows["predicted"]).to_numpy()
    return tuple(
        rows.iloc[np.where(among, posterior, -np.inf).argmax() if among.any() else least]
        for among, least in ((right, posterior.argmin()), (~right, posterior.argmin()))
    )


def compute_spectrogram(
    front_end: "FrontEnd", signal: "np.ndarray | str | os.PathLike", utterance: str = ""
) -> Spectrogram:
    """
    Compute the spectrogram on which a front end rests.

    Parameters
    ----------
    front_end : FrontEnd
        That of a system. If it computes no spectrogram (but descriptors), a log-mel spectrogram of
        64 bands after the same preprocessing is taken.
    signal : np.ndarray [shape=(samples,)] or path
        Mono, at the sample rate of the front end; or a recording.
    utterance : str
        Name of the utterance, which seeds random preprocessing; of a file, its name by default.

    Returns
    -------
    Spectrogram
    """
    from ser_lib.features import Frames, LogMel, WithDeltas

    analysis = getattr(front_end.analysis, "analysis", front_end.analysis)
    whole = dataclasses.replace(front_end, segmentation=Frames(), dtype="float32")
    if not hasattr(analysis, "frequencies"):
        analysis = LogMel(n_mels=64)
        whole = dataclasses.replace(whole, analysis=analysis)
    frequencies = analysis.frequencies(front_end.sample_rate)
    frames = whole(signal, utterance)
    values = frames.reshape(len(frames), len(frequencies), -1)
    names = ("level", *(f"level, channel {i}" for i in range(2, values.shape[2] + 1)))
    names = _DERIVATIVES if isinstance(whole.analysis, WithDeltas) else names
    return Spectrogram(
        values,
        getattr(analysis, "hop", None) or analysis.hop_length / front_end.sample_rate,
        frequencies,
        _UNITS[getattr(analysis, "compression", "decibels")],
        getattr(whole.analysis, "channels", names),
    )


def make_example(
    prediction: Mapping[str, Any], corpus: "Corpus", front_end: "FrontEnd", classifier: object
) -> Example:
    """
    Look up an utterance, and ask a trained network for its attention to it.

    Parameters
    ----------
    prediction : mapping
        A row of a table of predictions; ``utterance`` names the recording.
    corpus : Corpus
        Where it is from.
    front_end : FrontEnd
        That of the system.
    classifier : NeuralClassifier
        A trained one, whose network has attention. If it classifies segments by themselves, the
        first segment is shown.

    Returns
    -------
    Example

    Raises
    ------
    InputError
        If the corpus has no such utterance, or the network no attention.
    """
    from ser_lib.features import RaggedArray
    from ser_lib.signal import decode

    utterance = prediction["utterance"]
    if utterance not in corpus.table.index:
        raise unknown(f"utterance of {corpus.name}", utterance, corpus.table.index)
    path = corpus.table["path"][utterance]
    signal = decode(path, sample_rate=front_end.sample_rate).signal
    items = front_end(signal, utterance)
    weights = classifier.attention(RaggedArray.from_list([items]))[0]
    values, hop, frequencies, unit, _ = compute_spectrogram(front_end, signal, utterance)
    levels = values[..., 0]
    if classifier.pool:
        levels, weights = levels[: items.shape[1]], weights[0]
    return Example(
        levels=levels,
        weights=weights,
        hop=hop,
        frequencies=frequencies,
        unit=unit,
        prediction=prediction,
    )
