"""
Short-term descriptors of all frames of an utterance.

There are two published sets. Both derive from pyAudioAnalysis (Giannakopoulos 2015, PLoS ONE
10(12): e0144610) and share these formulas. A frame has L samples x and a magnitude spectrum
``X = |FFT_L(x)| / c`` of ``n = L // 2`` bins from 0 Hz (without the last bin, at half the sampling
rate r); bin k is assigned the frequency ``f_k = (k + 1) r / (2 n)`` Hz, one bin too high.

=================  =========================================================================
zcr                sign changes / (L - 1); a change to or from zero counts half
energy             mean of x squared
energy_entropy     energies E_j of 10 equal parts (the remainder of L / 10 is dropped),
                   ``s_j = E_j / (E + eps)``, ``-sum s_j log2(s_j + eps)``
spectral_centroid  mean of f_k weighted by ``X / max X``, divided by r / 2
spectral_spread    root of the weighted mean squared distance from it, divided by r / 2
spectral_entropy   energy_entropy of the spectrum: 10 equal parts of X squared
spectral_flux      ``sum (X / sum X - X' / sum X')**2``, X' of the frame before; 0 in the first
spectral_rolloff   first bin at which the cumulative energy exceeds 90 %, divided by n
=================  =========================================================================

``pyaudioanalysis``
    The 34 descriptors of pyAudioAnalysis 0.3.14: the mean is removed and the utterance's peak
    scaled to 1; no window; ``c = n``; eps is the machine epsilon. In the versions of 2018 it was
    1e-8, which in quiet frames brings the roll-off down, and the peak was that before the mean is
    removed, which makes next to no difference.
    ``mfcc_1`` to ``mfcc_13`` are the cepstral coefficients 0 to 12 of ``log10(X @ filters + eps)``
    (magnitudes, not powers), followed by 12 chroma and their standard deviation. Its errors are
    reproduced, because results published with this set depend on them: filters an octave too low,
    chroma that omit bins and look up an index twice (see `ser_lib.features.filters`).
``audiolibrary``
    The 20 descriptors of the SVM system of maelfabien/Multimodal-Emotion-Recognition: amplitudes
    of 16-bit samples (which its eps of 1e-7 assumes); symmetric Hamming window, also for the
    energies; ``c = L``. ``mfcc_1`` to ``mfcc_12`` are the coefficients 1 to 12 of
    ``20 log10(P @ filters)``, ``P = |rfft(x, n_fft)|**2 / n_fft``, with empty bands at the machine
    epsilon. Corrected: the source transforms 512 samples whatever the length of a frame, and so
    ignores 54 % of its frames of 1,102 samples; here the transform is at least as long as the frame
    (``truncate=True`` restores the error; at 16 kHz there is no difference).
"""

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
import scipy.fft

from ser_lib.errors import InputError
from ser_lib.features.filters import binned_mel_filters, chroma_matrix, talkbox_filters
from ser_lib.params import as_choices, as_real, check_choice, check_flag

# Frames analysed at a time: a block fits the processor's cache, and an hour of audio the memory.
_BLOCK = 128
_MACHINE_EPS = np.finfo(float).eps
_TIME = ("zcr", "energy", "energy_entropy")
_SPECTRAL = (
    "spectral_centroid",
    "spectral_spread",
    "spectral_entropy",
    "spectral_flux",
    "spectral_rolloff",
)


def _cepstra(count: int) -> tuple[str, ...]:
    return tuple(f"mfcc_{i}" for i in range(1, count + 1))


# From frames and their magnitude spectra to cepstral coefficients, shape (frames, coefficients).
Cepstra = Callable[[np.ndarray, np.ndarray], np.ndarray]

_CHROMA = (*(f"chroma_{i}" for i in range(1, 13)), "chroma_std")
SETS = {
    "audiolibrary": (*_TIME, *_SPECTRAL, *_cepstra(12)),
    "pyaudioanalysis": (*_TIME, *_SPECTRAL, *_cepstra(13), *_CHROMA),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShortTerm:
    """What short-term analyses share: `Descriptors` documents the parameters."""

    subset: tuple[str, ...] | None = None
    deltas: bool = False
    frame: float = 0.025
    hop: float = 0.010

    def __post_init__(self):
        if self.subset is None:
            object.__setattr__(self, "subset", SETS[self.convention])
        as_choices(self, "subset", SETS[self.convention])
        as_real(self, "frame", above=0)
        as_real(self, "hop", above=0)
        check_flag(self, "deltas")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the descriptors, in order."""
        deltas = tuple(f"delta {name}" for name in self.subset) if self.deltas else ()
        return self.subset + deltas

    def framing(self, signal: np.ndarray, sample_rate: int) -> tuple[np.ndarray, int, int]:
        """Return the signal (float64, at least one frame), and frame and hop in samples."""
        # Rounded first: 0.010 s at 44.1 kHz is 441 samples, whatever the floating-point product.
        frame, hop = (int(round(seconds * sample_rate, 6)) for seconds in (self.frame, self.hop))
        if frame < 20 or hop < 1:
            raise InputError(
                f"{type(self).__name__}: frame and hop are {frame} and {hop} samples at "
                f"{sample_rate} Hz; expected at least 20 and 1"
            )
        signal = np.asarray(signal, dtype=np.float64)
        return np.pad(signal, (0, max(0, frame - len(signal)))), frame, hop


@dataclasses.dataclass(frozen=True, kw_only=True)
class Descriptors(ShortTerm):
    """
    Compute short-term descriptors.

    Parameters
    ----------
    convention : {"audiolibrary", "pyaudioanalysis"}
        Which of the two sets; see the text of this module.
    subset : tuple of str, optional
        Which descriptors of the set, in this order; by default all.
    deltas : bool
        Append the difference of each descriptor to the frame before, 0 in the first frame.
    frame, hop : float
        Length of a frame and distance between frames in seconds, truncated to samples.
    truncate : bool
        Compute the cepstra of ``"audiolibrary"`` from the first 512 samples of a longer frame, as
        the source does by mistake.
    epsilon : float, optional
        The eps of ``"pyaudioanalysis"``, above 0; by default the machine epsilon.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> Descriptors(convention="pyaudioanalysis")(noise, 16000).shape
    (98, 34)
    >>> Descriptors(subset=("zcr", "energy"), deltas=True).names
    ('zcr', 'energy', 'delta zcr', 'delta energy')
    """

    convention: str = "audiolibrary"
    truncate: bool = False
    epsilon: float | None = None

    def __post_init__(self):
        check_choice(self, "convention", tuple(SETS))
        super().__post_init__()
        check_flag(self, "truncate")
        if self.truncate and self.convention != "audiolibrary":
            raise InputError(
                f"Descriptors: truncate is True with convention {self.convention!r}; "
                "expected 'audiolibrary', whose error it reproduces"
            )
        if self.epsilon is not None:
            as_real(self, "epsilon", above=0)
            if self.convention != "pyaudioanalysis":
                raise InputError(
                    f"Descriptors: epsilon is {self.epsilon} with convention {self.convention!r}; "
                    "expected 'pyaudioanalysis', whose versions differ in it"
                )

    def __call__(self, signal: np.ndarray, sample_rate: int) -> np.ndarray:
        """
        Analyse a signal of at least one sample, nominally in [-1, 1].

        Returns
        -------
        ndarray of float64, shape (1 + (samples - L) // hop, descriptors)
            For frames of L samples; finite, also for silence. A signal shorter than one frame is
            padded with zeros.

        Raises
        ------
        InputError
            If a frame has too few samples for the descriptors.
        """
        signal, length, hop = self.framing(signal, sample_rate)
        bins = length // 2
        mfcc, chroma = (any(n.startswith(k) for n in self.subset) for k in ("mfcc", "chroma"))
        if self.convention == "pyaudioanalysis":
            signal = signal - signal.mean()
            signal /= np.abs(signal).max() + 1e-10
            eps = _MACHINE_EPS if self.epsilon is None else self.epsilon
            cepstra = _talkbox_cepstra(sample_rate, bins, eps) if mfcc else None
            matrix = chroma_matrix(sample_rate, bins) if chroma else None
            table = _analyse(signal, length, hop, None, bins, eps, cepstra, matrix, flux_eps=eps)
        else:
            signal = signal * 2.0**15
            cepstra = _mel_cepstra(sample_rate, length, self.truncate) if mfcc else None
            table = _analyse(signal, length, hop, np.hamming(length), length, 1e-7, cepstra, None)
        values = np.stack([table[name] for name in self.subset], axis=1)
        if not self.deltas:
            return values
        return np.concatenate([values, np.diff(values, axis=0, prepend=values[:1])], axis=1)


def _dct(bands: int) -> np.ndarray:
    """Return the matrix of the orthonormal DCT-II, shape (bands, coefficients)."""
    return scipy.fft.dct(np.eye(bands), type=2, norm="ortho", axis=1)


@functools.lru_cache
def _talkbox_cepstra(sample_rate: int, bins: int, eps: float) -> Cepstra:
    """Return the function from frames and magnitudes to the cepstra of pyAudioAnalysis."""
    filters, dct = talkbox_filters(sample_rate, bins).T, _dct(40)[:, :13]
    return lambda frames, magnitude: np.log10(magnitude @ filters + eps) @ dct


@functools.lru_cache
def _mel_cepstra(sample_rate: int, length: int, truncate: bool) -> Cepstra:
    """Return the function from frames and magnitudes to the cepstra of the audio library."""
    n_fft = 512
    while n_fft < length and not truncate:
        n_fft *= 2
    filters = binned_mel_filters(sample_rate, n_fft, 40).T / n_fft
    # 20 log10 by the natural logarithm, which NumPy computes faster.
    dct = _dct(40)[:, 1:13] * (20 / np.log(10))

    def cepstra(frames: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
        spectrum = scipy.fft.rfft(frames[:, :n_fft], n_fft, axis=1)
        power = (np.square(spectrum.real) + np.square(spectrum.imag)) @ filters
        return np.log(np.maximum(power, _MACHINE_EPS)) @ dct

    return cepstra


def _analyse(
    signal: np.ndarray,
    length: int,
    hop: int,
    window: np.ndarray | None,
    scale: int,
    eps: float,
    cepstra: Cepstra | None,
    chroma: np.ndarray | None,
    flux_eps: float = _MACHINE_EPS,
) -> dict[str, np.ndarray]:
    """Compute all descriptors of all frames, block by block; each of shape (frames,)."""
    frames = np.lib.stride_tricks.sliding_window_view(signal, length)[::hop]
    blocks, previous = [], None
    for start in range(0, len(frames), _BLOCK):
        block = frames[start : start + _BLOCK]
        block = np.ascontiguousarray(block) if window is None else block * window
        spectrum = scipy.fft.rfft(block, axis=1)[:, : length // 2]
        square = np.square(spectrum.real)
        square += np.square(spectrum.imag)
        magnitude = np.sqrt(square)
        magnitude /= scale
        square /= scale**2
        table = _time(block, eps)
        spectral, previous = _spectral(magnitude, square, previous, eps, flux_eps)
        table |= spectral
        if cepstra is not None:
            values = cepstra(block, magnitude)
            table |= zip(_cepstra(values.shape[1]), values.T, strict=True)
        if chroma is not None:
            table |= _chroma(square, chroma)
        blocks.append(table)
    result = {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}
    return result | {"zcr": _zero_crossing_rate(signal, length, hop, len(frames))}


def _zero_crossing_rate(signal: np.ndarray, length: int, hop: int, count: int) -> np.ndarray:
    # A positive window changes no sign: crossings are counted once, in the signal.
    changes = np.abs(np.diff(np.sign(signal).astype(np.int8)))
    before = np.concatenate([[0], np.cumsum(changes, dtype=np.int64)])
    starts = np.arange(count) * hop
    return (before[starts + length - 1] - before[starts]) / 2 / (length - 1)


def _time(frames: np.ndarray, eps: float) -> dict[str, np.ndarray]:
    square = np.square(frames)
    total = square.sum(axis=1)
    return {"energy": total / frames.shape[1], "energy_entropy": _entropy(square, total, eps)}


def _entropy(energies: np.ndarray, total: np.ndarray, eps: float) -> np.ndarray:
    """Compute the entropy of the energies of ten equal parts of each row, in bits."""
    part = energies.shape[1] // 10
    parts = energies[:, : 10 * part].reshape(len(energies), 10, part).sum(axis=2)
    fractions = parts / (total[:, None] + eps)
    return -np.sum(fractions * np.log2(fractions + eps), axis=1)


def _spectral(
    magnitude: np.ndarray,
    square: np.ndarray,
    previous: np.ndarray | None,
    eps: float,
    flux_eps: float,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Compute the spectral descriptors, and return the last frame's normalised spectrum."""
    bins = magnitude.shape[1]
    # In units of half the sampling rate, like centroid and spread.
    frequency = np.arange(1, bins + 1) / bins
    peak = magnitude.max(axis=1)
    weight = magnitude / np.where(peak > 0, peak, 1)[:, None]
    mass = weight.sum(axis=1) + eps
    centroid = weight @ frequency / mass
    distance = frequency - centroid[:, None]
    distance *= distance
    distance *= weight
    spread = np.sqrt(distance.sum(axis=1) / mass)
    shape = magnitude / (magnitude.sum(axis=1) + bins * flux_eps)[:, None]
    change = np.diff(shape, axis=0, prepend=shape[:1] if previous is None else previous)
    cumulated = np.cumsum(square, axis=1)
    total = cumulated[:, -1]
    beyond = cumulated + eps > 0.9 * total[:, None]
    return {
        "spectral_centroid": centroid,
        "spectral_spread": spread,
        "spectral_entropy": _entropy(square, total, eps),
        "spectral_flux": np.einsum("ij,ij->i", change, change),
        "spectral_rolloff": beyond.argmax(axis=1) / bins,
    }, shape[-1:]


def _chroma(square: np.ndarray, matrix: np.ndarray) -> dict[str, np.ndarray]:
    total = square.sum(axis=1)
    chroma = (square @ matrix) / np.where(total > 0, total, 1)[:, None]
    return dict(zip(_CHROMA, [*chroma.T, chroma.std(axis=1)], strict=True))
