"""
Low-level descriptors of speech: energy, spectrum, mel bands, cepstra, pitch and voice quality.

Formulas are those of Eyben et al. (2016), The Geneva minimalistic acoustic parameter set (IEEE
Trans. Affective Computing 7(2), 190-202), and Eyben (2016), Real-time speech and music
classification by large audio feature space extraction (Springer), chapter 2. A frame has the
samples x, under a Hamming window the power spectrum P over the frequencies f, and the mel powers M
(26 triangular filters over the whole range, O'Shaughnessy's mel scale).

====================  =========================================================================
energy                ``10 log10(mean x**2)``, dB
zcr                   changes of sign per sample
loudness              sum of ``M**0.3``, a compression like the ear's
spectral_centroid     mean of f weighted by P, kHz; its ``spread`` (root of the second central
                      moment), ``skewness`` and ``kurtosis`` are the further moments
spectral_entropy      ``-sum p log2 p`` of ``p = P / sum P``, bits
spectral_flatness     geometric over arithmetic mean of P, dB
spectral_flux         root of the sum of squared differences of the normalised magnitudes
                      ``sqrt(P / sum P)`` of two successive frames
spectral_sharpness    centroid of ``M**0.3`` over the bands, weighted towards high bands as by
                      Zwicker & Fastl (1999): from band 16 of 24 on by ``0.066 exp(0.171 z)``
spectral_harmonicity  mean distance between successive maxima and minima of ``sqrt P``, over its
                      mean
rolloff_25 .. _90     frequencies below which so many percent of the power lie, kHz
band_250_650          power from 250 to 650 Hz over all power, dB
band_1000_4000        power from 1 to 4 kHz over all power, dB
slope_0_500           slope of the regression line of ``10 log10 P`` over f up to 500 Hz, dB per kHz
slope_500_1500        the same from 500 to 1500 Hz
alpha_ratio           power of 50 to 1000 Hz over that of 1 to 5 kHz, dB
hammarberg            highest level of 0 to 2 kHz less that of 2 to 5 kHz, dB
mel_1 .. mel_26       ``log M``
mfcc_1 .. mfcc_14     orthonormal DCT-II of ``log M``
periodicity           highest maximum of the normalised autocorrelation
====================  =========================================================================

The descriptors of voiced frames are those of `ser_lib.features.voicing`; further descriptors,
called ``voiced ...``, are kept in voiced frames only.
"""

import dataclasses
import functools

import numpy as np
import scipy.fft

from ser_lib.errors import InputError
from ser_lib.features import voicing
from ser_lib.params import as_real, check_flag

_BANDS = 26
_CEPSTRA = 14
_ROLLOFF = (0.25, 0.5, 0.75, 0.9)
_SPECTRAL = (
    *("spectral_centroid", "spectral_spread", "spectral_skewness", "spectral_kurtosis"),
    *("spectral_entropy", "spectral_flatness", "spectral_flux", "spectral_sharpness"),
    *("spectral_harmonicity", *(f"rolloff_{round(100 * part)}" for part in _ROLLOFF)),
    *("band_250_650", "band_1000_4000", "slope_0_500", "slope_500_1500"),
    *("alpha_ratio", "hammarberg"),
)
_MEL = tuple(f"mel_{i}" for i in range(1, _BANDS + 1))
_MFCC = tuple(f"mfcc_{i}" for i in range(1, _CEPSTRA + 1))
ALWAYS = ("energy", "zcr", "loudness", *_SPECTRAL, *_MEL, *_MFCC, "periodicity")
"""Descriptors of every frame."""
_ALSO_VOICED = (
    *("energy", "spectral_flux", "slope_0_500", "slope_500_1500", "alpha_ratio", "hammarberg"),
    *_MFCC[:4],
)
VOICED = (*voicing.NAMES, *(f"voiced {name}" for name in _ALSO_VOICED))
"""Descriptors of voiced frames."""
_FLOOR = 1e-10


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpeechDescriptors:
    """
    Compute low-level descriptors of speech; see the text of this module.

    Parameters
    ----------
    deltas : bool
        Append the difference of each descriptor to the frame before: 0 in the first frame, and in
        the first of a voiced stretch.
    smooth : bool
        Average each descriptor over three frames; within its stretch, where it is of voiced frames.
    frame, hop : float
        Length of a frame and distance between frames, in seconds.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal(16000)
    >>> SpeechDescriptors(deltas=False)(noise, 16000).shape
    (98, 82)
    """

    deltas: bool = True
    smooth: bool = True
    frame: float = 0.025
    hop: float = 0.010

    def __post_init__(self):
        check_flag(self, "deltas")
        check_flag(self, "smooth")
        as_real(self, "frame", above=0)
        as_real(self, "hop", above=0)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the descriptors, in order."""
        names = ALWAYS + VOICED
        return names + tuple(f"delta {name}" for name in names) if self.deltas else names

    def __call__(self, signal: np.ndarray, sample_rate: int) -> np.ndarray:
        """
        Analyse a signal of at least one sample, nominally in [-1, 1].

        Returns
        -------
        ndarray of float64, shape (1 + (samples - L) // hop, descriptors)
            For frames of L samples; descriptors of voiced frames are NaN in unvoiced ones, all
            others finite. A signal shorter than one frame is padded with zeros.

        Raises
        ------
        InputError
            For a sampling rate below 10 kHz: the bands reach up to 5 kHz.
        """
        if sample_rate < 10_000:
            raise InputError(
                f"SpeechDescriptors: the sampling rate is {sample_rate} Hz; expected 10000 or more"
            )
        length, hop = (round(seconds * sample_rate) for seconds in (self.frame, self.hop))
        signal = np.asarray(signal, dtype=np.float64)
        signal = np.pad(signal, (0, max(0, length - len(signal))))
        frames = np.lib.stride_tricks.sliding_window_view(signal, length)[::hop]
        centres = length // 2 + hop * np.arange(len(frames))
        voice, periodicity = voicing.voice_descriptors(signal, sample_rate, centres)
        always = np.column_stack([_spectral(frames, sample_rate), periodicity])
        voiced = np.isfinite(voice[:, :1])
        also = always[:, [ALWAYS.index(name) for name in _ALSO_VOICED]]
        values = np.column_stack([always, voice, np.where(voiced, also, np.nan)])
        if self.smooth:
            values = _smooth(values)
        if self.deltas:
            change = np.diff(values, axis=0, prepend=values[:1])
            starts = np.isnan(change) & np.isfinite(values)
            values = np.column_stack([values, np.where(starts, 0, change)])
        return values


def _smooth(values: np.ndarray) -> np.ndarray:
    """Average each value with its neighbours, as far as they are defined."""
    known = np.isfinite(values)
    filled = np.pad(np.where(known, values, 0), ((1, 1), (0, 0)))
    count = np.pad(known.astype(float), ((1, 1), (0, 0)))
    total, count = (x[:-2] + x[1:-1] + x[2:] for x in (filled, count))
    return np.where(known, total / np.maximum(count, 1), np.nan)


@functools.lru_cache
def _tables(length: int, sample_rate: int) -> tuple:
    """Return the length of the transform, window, frequencies (kHz), mel filters and DCT."""
    import librosa

    n_fft = max(512, 1 << (length - 1).bit_length())
    mel = librosa.filters.mel(
        sr=sample_rate, n_fft=n_fft, n_mels=_BANDS, htk=True, norm=None, dtype=np.float64
    )
    dct = scipy.fft.dct(np.eye(_BANDS), type=2, norm="ortho", axis=1)[:, 1 : _CEPSTRA + 1]
    frequency = np.arange(n_fft // 2 + 1) * sample_rate / n_fft / 1000
    return n_fft, np.hamming(length), frequency, mel.T, dct


def _spectral(frames: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return all of `ALWAYS` but the periodicity, shape (frames, descriptors)."""
    n_fft, window, f, mel, dct = _tables(frames.shape[1], sample_rate)
    spectrum = scipy.fft.rfft(frames * window, n_fft, axis=1)
    power = np.square(spectrum.real) + np.square(spectrum.imag) + _FLOOR
    total = power.sum(axis=1, keepdims=True)
    share = power / total
    log_power = np.log(power)
    decibels = 10 / np.log(10) * log_power
    nats = np.log(total[:, 0]) - np.einsum("ij,ij->i", share, log_power)
    magnitude = np.sqrt(power)
    bands = power @ mel
    log_bands = np.log(bands)
    compressed = bands**0.3
    columns = [
        10 * np.log10(np.mean(frames**2, axis=1) + _FLOOR),
        np.mean(np.diff(np.signbit(frames), axis=1), axis=1),
        compressed.sum(axis=1),
        *_moments(share, f),
        nats / np.log(2),
        decibels.mean(axis=1) - 10 * np.log10(total[:, 0] / len(f)),
        _flux(magnitude / np.sqrt(total)),
        compressed @ _sharpness() / compressed.sum(axis=1),
        _harmonicity(magnitude),
        *_rolloff(share, f),
        *(
            10 * np.log10(share[:, _within(f, *band)].sum(axis=1))
            for band in ((0.25, 0.65), (1, 4))
        ),
        *(_slope(decibels, f, *band) for band in ((0, 0.5), (0.5, 1.5))),
        10 * np.log10(_sum(power, f, 0.05, 1) / _sum(power, f, 1, 5)),
        decibels[:, _within(f, 0, 2)].max(axis=1) - decibels[:, _within(f, 2, 5)].max(axis=1),
        *log_bands.T,
        *(log_bands @ dct).T,
    ]
    return np.stack(columns, axis=1)


def _within(f: np.ndarray, low: float, high: float) -> slice:
    return slice(int(np.searchsorted(f, low)), int(np.searchsorted(f, high)))


def _sum(power: np.ndarray, f: np.ndarray, low: float, high: float) -> np.ndarray:
    return power[:, _within(f, low, high)].sum(axis=1)


def _moments(share: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return centroid, spread, skewness and kurtosis, by the raw moments."""
    m1, m2, m3, m4 = (share @ np.stack([f, f**2, f**3, f**4], axis=1)).T
    variance = np.maximum(m2 - m1**2, 1e-6)
    third = m3 - 3 * m1 * m2 + 2 * m1**3
    fourth = m4 - 4 * m1 * m3 + 6 * m1**2 * m2 - 3 * m1**4
    return m1, np.sqrt(variance), third / variance**1.5, fourth / variance**2


def _flux(magnitude: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(np.diff(magnitude, axis=0, prepend=magnitude[:1])).sum(axis=1))


def _sharpness() -> np.ndarray:
    """Return the weight of each band, whose position is taken as one of 24 critical bands."""
    z = np.linspace(1, 24, _BANDS)
    return 0.11 * z * np.where(z > 16, 0.066 * np.exp(0.171 * z), 1)


def _harmonicity(magnitude: np.ndarray) -> np.ndarray:
    inner = magnitude[:, 1:-1]
    maximum = (inner > magnitude[:, :-2]) & (inner >= magnitude[:, 2:])
    minimum = (inner < magnitude[:, :-2]) & (inner <= magnitude[:, 2:])
    difference = (inner * maximum).sum(axis=1) - (inner * minimum).sum(axis=1)
    return difference / np.maximum(maximum.sum(axis=1), 1) / magnitude.mean(axis=1)


def _rolloff(share: np.ndarray, f: np.ndarray) -> list[np.ndarray]:
    reached = np.cumsum(share, axis=1)
    return [f[np.minimum((reached < part).sum(axis=1), len(f) - 1)] for part in _ROLLOFF]


def _slope(decibels: np.ndarray, f: np.ndarray, low: float, high: float) -> np.ndarray:
    part = _within(f, low, high)
    distance = f[part] - f[part].mean()
    return decibels[:, part] @ (distance / np.sum(distance**2))
