"""
Filter banks of published descriptors that librosa does not have.

The mel filters of `ser_lib.features.LogMel` are those of ``librosa.filters.mel``.
"""

import numpy as np

from ser_lib.errors import InputError


def binned_mel_filters(sample_rate: int, n_fft: int, n_mels: int) -> np.ndarray:
    """
    Build triangular filters of height 1 whose corners lie on bins of the transform.

    The mel scale is ``2595 log10(1 + f / 700)``, from 0 to half the sampling rate; an edge at f Hz
    lies on bin ``floor((n_fft + 1) f / sample_rate)``. This is the filter bank of the SVM system of
    maelfabien/Multimodal-Emotion-Recognition, with 40 filters and ``n_fft = 512``.

    Returns
    -------
    ndarray of float64, shape (n_mels, 1 + n_fft // 2)
        Filters whose corners fall on one bin are empty (at low frequencies of a short transform).
    """
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, n_mels + 2) / 2595) - 1)
    corners = np.floor((n_fft + 1) * edges / sample_rate)[:, None]
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    bins = np.arange(1 + n_fft // 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = np.where((low <= bins) & (bins < centre), (bins - low) / (centre - low), 0)
        falling = np.where((centre <= bins) & (bins < high), (high - bins) / (high - centre), 0)
    return rising + falling


def talkbox_filters(sample_rate: int, bins: int) -> np.ndarray:
    """
    Build the 40 triangular filters of pyAudioAnalysis (from scikits.talkbox; Slaney 1998).

    13 edges lie every 200/3 Hz from 133.33 Hz, then 29 edges each at 1.0711703 times the one
    before; the filters have unit area. pyAudioAnalysis places them as if its bins covered the
    range up to the sampling rate, whereas they cover half of it: every filter lies an octave below
    its nominal frequency. This is reproduced, because models and published figures depend on it.

    Returns
    -------
    ndarray of float64, shape (40, bins)
        For a magnitude spectrum from 0 to half the sampling rate.
    """
    edges = np.empty(42)
    edges[:13] = 133.33 + np.arange(13) * (200 / 3)
    edges[13:] = edges[12] * 1.0711703 ** np.arange(1, 30)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    first, middle, last = (np.floor(edge * bins / sample_rate) for edge in (low, centre, high))
    k = np.arange(bins)
    frequencies = k / bins * sample_rate
    rising = np.where((first < k) & (k <= middle), (frequencies - low) / (centre - low), 0)
    falling = np.where((middle < k) & (k <= last), (high - frequencies) / (high - centre), 0)
    return (rising + falling) * 2 / (high - low)


def chroma_matrix(sample_rate: int, bins: int) -> np.ndarray:
    """
    Build the matrix that sums a power spectrum to the 12 chroma of pyAudioAnalysis.

    Bin k, taken as ``(k + 1) * sample_rate / (2 * bins)`` Hz, belongs to semitone n_k above A0
    (27.5 Hz). Two errors of pyAudioAnalysis are reproduced: of several bins of one semitone only
    the last is used, not their sum, and semitone n is divided by the number of bins that share the
    semitone of *bin n* (an index is looked up twice). ``librosa.filters.chroma`` has neither.

    Returns
    -------
    ndarray of float64, shape (bins, 12)
        For a power spectrum from 0 to half the sampling rate.

    Raises
    ------
    InputError
        If there are fewer bins than semitones, where pyAudioAnalysis fails too.
    """
    frequencies = (np.arange(bins) + 1) * sample_rate / (2 * bins)
    semitones = np.round(12 * np.log2(frequencies / 27.5)).astype(int)
    if semitones.max() >= bins:
        raise InputError(
            f"chroma of {bins} bins at {sample_rate} Hz; expected more than {semitones.max()} bins "
            "(a longer frame), at least one per semitone"
        )
    sharing = np.bincount(semitones - semitones.min())[semitones - semitones.min()]
    # Negative semitones (below 27 Hz, in long frames) wrap around to the end, as in the library.
    source = np.full(bins, -1)
    source[semitones] = np.arange(bins)
    filled = np.flatnonzero(source >= 0)
    matrix = np.zeros((bins, 12))
    matrix[source[filled], filled % 12] = 1 / sharing[semitones[filled]]
    return matrix
