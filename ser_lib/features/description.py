"""Describe features: what their shape means, and how much of them depends on the speaker."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ser_lib.features.front_end import FrontEnd
from ser_lib.features.ragged import RaggedArray
from ser_lib.features.segments import Frames


def describe_shape(features: RaggedArray, front_end: FrontEnd, part: str = "segment") -> str:
    """
    Say how many items the utterances have, and what an item is, given the output of a front end.

    `part` is what an item is called that is a stretch of a spectrogram.

    Examples
    --------
    >>> import numpy as np
    >>> from ser_lib.features import LogMel, Windows
    >>> front_end = FrontEnd(analysis=LogMel(n_mels=40), segmentation=Windows(length=64))
    >>> features = RaggedArray.from_list([front_end(np.zeros(n)) for n in (8000, 16000)])
    >>> describe_shape(features, front_end)
    '2 utterances of 1 to 2 segments of 640 ms, one every 640 ms; a segment: 64 frames x 40 bands'
    """
    segmentation, analysis = front_end.segmentation, front_end.analysis
    analysis = getattr(analysis, "analysis", analysis)
    dimensions = [*features.item_shape]
    if not isinstance(segmentation, Frames) and not hasattr(segmentation, "hop"):
        return f"{len(features)} utterances of {dimensions[0]} statistics"
    hop = getattr(analysis, "hop", None) or analysis.hop_length / front_end.sample_rate
    spectral = hasattr(analysis, "frequencies")
    if isinstance(segmentation, Frames):
        name, every, of = "frame", hop * segmentation.average, ""
        if spectral:
            bands = len(analysis.frequencies(front_end.sample_rate))
            dimensions = [bands, dimensions[0] // bands][: 1 + (dimensions[0] > bands)]
        units = ["bands" if spectral else "descriptors", "channels"]
    else:
        windows = getattr(segmentation, "segments", segmentation)
        name, every, of = part, hop * windows.hop, f" of {1000 * hop * windows.length:g} ms"
        units = ["frames", "bands" if spectral else "descriptors", "channels"]
        if windows is not segmentation:
            units = ["features"]
    shape = " x ".join(f"{n} {unit}" for n, unit in zip(dimensions, units, strict=False))
    least, most = features.lengths.min(), features.lengths.max()
    count = (f"{least} to {most}" if least < most else f"{least}") + f" {name}"
    count += "" if most == 1 else "s"
    every = f"one every {1000 * every:g} ms"
    return f"{len(features)} utterances of {count}{of}, {every}; a {name}: {shape}"


def variance_between(values: np.ndarray, groups: Sequence) -> float:
    """
    Compute the fraction of the variance of features that lies between groups of utterances.

    Parameters
    ----------
    values : ndarray, shape (utterances, features)
        On one scale, since the variances of all features are added.
    groups : sequence, shape (utterances,)
        Emotion or speaker of each, say. Missing ones are left out.

    Returns
    -------
    float
        In [0, 1]: eta squared, the variance of the means of the groups over that of all.

    Examples
    --------
    >>> variance_between(np.array([[0.0], [0.0], [1.0], [1.0]]), ["a", "a", "b", "b"])
    1.0
    """
    table = pd.DataFrame(np.asarray(values, dtype=float))
    groups = pd.Series(np.asarray(groups, dtype=object))
    table, groups = table[groups.notna()], groups.dropna()
    means = table.groupby(groups).transform("mean")
    return float(means.var().sum() / table.var().sum())
