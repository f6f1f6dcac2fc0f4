"""Filter banks and other matrices that turn a spectrum into few numbers, by their sources."""

import numpy as np

from ser_lib.errors import InputError


def hz_to_mel(frequency: np.ndarray | float) -> np.ndarray:
    """
    Convert Hz to the mel scale of Slaney's Auditory Toolbox (1998).

    Linear up to 1 kHz (15 mel of 200/3 Hz), logarithmic above (27 mel to 6.4 kHz).
    """
    frequency = np.asarray(frequency, dtype=np.float64)
    logarithmic = 15 + 27 * np.log(np.maximum(frequency, 1000) / 1000) / np.log(6.4)
    return np.where(frequency < 1000, frequency * 3 / 200, logarithmic)


def mel_to_hz(mel: np.ndarray | float) -> np.ndarray:
    """Convert the mel scale of Slaney's Auditory Toolbox to Hz."""
    mel = np.asarray(mel, dtype=np.float64)
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def mel_filters(
    rate: int, n_fft: int, n_mels: int, fmin: float = 0.0, fmax: float | None = None
) -> np.ndarray:
    """
    Make triangular filters, evenly spaced on Slaney's mel scale and normalised to equal area.

    Parameters
    ----------
    rate : int
        Samples per second.
    n_fft : int
        Length of the Fourier transform.
    n_mels : int
        Number of filters.
    fmin, fmax : float
        Outer edges in Hz; `fmax` is half the rate by default.

    Returns
    -------
    ndarray of float64, shape (n_mels, 1 + n_fft // 2)
        Equal to ``librosa.filters.mel``.

    Raises
    ------
    InputError
        If the edges are not ``0 <= fmin < fmax <= rate / 2``.
    """
    fmax = rate / 2 if fmax is None else fmax
    if not 0 <= fmin < fmax <= rate / 2:
        raise InputError(
            f"mel filters from fmin = {fmin:g} Hz to fmax = {fmax:g} Hz; "
            f"expected 0 <= fmin < fmax <= half the rate, {rate / 2:g} Hz"
        )
    edges = mel_to_hz(np.linspace(hz_to_mel(fmin), hz_to_mel(fmax), n_mels + 2))
    ramps = edges[:, None] - np.arange(1 + n_fft // 2) * (rate / n_fft)
    width = np.diff(edges)[:, None]
    filters = np.maximum(0, np.minimum(-ramps[:-2] / width[:-1], ramps[2:] / width[1:]))
    return filters * (2 / (edges[2:] - edges[:-2]))[:, None]


def binned_mel_filters(rate: int, n_fft: int, n_mels: int) -> np.ndarray:
    """
    Make triangular filters of height 1 whose corners lie on whole bins of the transform.

    The mel scale is ``2595 log10(1 + f / 700)``, from 0 to half the rate; an edge at f Hz lies on
    bin ``floor((n_fft + 1) f / rate)``. This is the bank of the SVM system of
    maelfabien/Multimodal-Emotion-Recognition, with 40 filters and ``n_fft = 512``.

    Returns
    -------
    ndarray of float64, shape (n_mels, 1 + n_fft // 2)
        Filters whose corners fall on one bin are empty (at low frequencies of a short transform).
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, n_mels + 2) / 2595) - 1)
    corners = np.floor((n_fft + 1) * edges / rate)[:, None]
    low, centre, high = corners[:-2], corners[1:-1], corners[2:]
    bins = np.arange(1 + n_fft // 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = np.where((low <= bins) & (bins < centre), (bins - low) / (centre - low), 0)
        falling = np.where((centre <= bins) & (bins < high), (high - bins) / (high - centre), 0)
    return rising + falling


def talkbox_filters(rate: int, bins: int) -> np.ndarray:
    """
    Make the 40 triangular filters of pyAudioAnalysis (from scikits.talkbox; Slaney 1998).

    13 edges every 200/3 Hz from 133.33 Hz, then 29 edges each 1.0711703 times the one before;
    unit area. pyAudioAnalysis places the filters as if its `bins` spanned the whole rate, while
    they span half of it: every filter sits an octave below its nominal frequency. That is kept
    here, because models and published figures rest on it.

    Returns
    -------
    ndarray of float64, shape (40, bins)
    """
    edges = np.empty(42)
    edges[:13] = 133.33 + np.arange(13) * (200 / 3)
    edges[13:] = edges[12] * 1.0711703 ** np.arange(1, 30)
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    first, middle, last = (np.floor(edge * bins / rate) for edge in (low, centre, high))
    k = np.arange(bins)
    frequencies = k / bins * rate
    rising = np.where((first < k) & (k <= middle), (frequencies - low) / (centre - low), 0)
    falling = np.where((middle < k) & (k <= last), (high - frequencies) / (high - centre), 0)
    return (rising + falling) * 2 / (high - low)


def chroma_matrix(rate: int, bins: int) -> np.ndarray:
    """
    Make the matrix that sums a power spectrum to the 12 chroma of pyAudioAnalysis.

    Bin k, taken as ``(k + 1) * rate / (2 * bins)`` Hz, belongs to semitone n_k above A0 (27.5 Hz).
    Two quirks of pyAudioAnalysis are kept: of several bins of one semitone only the last counts,
    not their sum, and semitone n is divided by the number of bins that share the semitone of *bin
    n* (an index is looked up twice).

    Returns
    -------
    ndarray of float64, shape (bins, 12)

    Raises
    ------
    InputError
        If there are fewer bins than semitones, where pyAudioAnalysis fails too.
    """
    frequencies = (np.arange(bins) + 1) * rate / (2 * bins)
    semitones = np.round(12 * np.log2(frequencies / 27.5)).astype(int)
    if semitones.max() >= bins:
        raise InputError(
            f"chroma of {bins} bins at {rate} Hz; expected more than {semitones.max()} bins "
            "(a longer frame), one at least per semitone"
        )
    sharing = np.bincount(semitones - semitones.min())[semitones - semitones.min()]
    # Negative semitones (below 27 Hz, in long frames) wrap around to the end, as in the library.
    source = np.full(bins, -1)
    source[semitones] = np.arange(bins)
    filled = np.flatnonzero(source >= 0)
    matrix = np.zeros((bins, 12))
    matrix[source[filled], filled % 12] = 1 / sharing[semitones[filled]]
    return matrix


def dct_matrix(bands: int, coefficients: range) -> np.ndarray:
    """
    Make the matrix of the orthonormal DCT-II.

    Parameters
    ----------
    bands : int
        Length of the input.
    coefficients : range
        Which coefficients to compute; 0 is the (scaled) mean.

    Returns
    -------
    ndarray of float64, shape (bands, len(coefficients))
    """
    k = np.asarray(coefficients)
    matrix = np.cos(np.pi / bands * np.outer(np.arange(bands) + 0.5, k)) * np.sqrt(2 / bands)
    matrix[:, k == 0] /= np.sqrt(2)
    return matrix
