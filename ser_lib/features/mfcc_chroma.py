"""
Mel-frequency cepstral coefficients and chroma of the same frames.

The formulas are those of ``librosa.feature.mfcc`` and ``librosa.feature.chroma_stft`` (McFee et al.
2015, librosa: Audio and music signal analysis in Python), both from one short-time Fourier
transform; the filters are librosa's.
"""

import dataclasses
import functools
import warnings

import numpy as np
import scipy.fft

from ser_lib.errors import InputError
from ser_lib.features.short_time import check_transform, count_frames, decibels, powers
from ser_lib.params import as_count, as_real


@dataclasses.dataclass(frozen=True, kw_only=True)
class MfccChroma:
    """
    Compute cepstral coefficients, then chroma.

    The cepstral coefficients are the orthonormal DCT-II of the levels of `n_mels` mel bands in dB
    (of a power of 1, at least 80 dB below the loudest of the utterance), coefficient 0, the mean
    level, included. Chroma are the powers of the 12 pitch classes of the equal-tempered scale with
    an A at 440 Hz, divided by the largest of the frame; a silent frame has zeros.

    Parameters
    ----------
    n_fft : int
        Length of the Fourier transform in samples; even.
    win_length : int, optional
        Length of the window in samples, at most `n_fft`, which is the default.
    hop_length : int
        Samples from one frame to the next.
    window : {"hann", "hamming"}
        Periodic.
    n_mels : int
        Number of mel bands.
    n_mfcc : int
        Number of cepstral coefficients, at most `n_mels`.
    fmax : float, optional
        Upper edge of the last band in Hz; by default half the sampling rate.
    n_chroma : int
        Number of pitch classes in an octave; 0 for no chroma.
    warp : float
        Factor by which the frequencies of all mel bands are multiplied, which moves the formants
        as another length of the vocal tract does (Jaitly & Hinton 2013, Vocal tract length
        perturbation (VTLP) improves speech recognition); chroma stay.
    pad_mode : {"constant", "reflect"}
        How the signal is padded by half a transform on both sides.

    Examples
    --------
    >>> noise = np.random.default_rng(0).standard_normal(16000).astype("float32")
    >>> MfccChroma()(noise, 16000).shape
    (24, 46)
    """

    n_fft: int = 1360
    win_length: int | None = None
    hop_length: int = 680
    window: str = "hann"
    n_mels: int = 128
    n_mfcc: int = 34
    fmax: float | None = None
    n_chroma: int = 12
    warp: float = 1.0
    pad_mode: str = "constant"

    def __post_init__(self):
        check_transform(self)
        as_count(self, "n_mels")
        as_count(self, "n_mfcc")
        as_count(self, "n_chroma", low=0)
        as_real(self, "warp", low=0.5, high=2)
        if self.fmax is not None:
            as_real(self, "fmax", above=0)
        if self.n_mfcc > self.n_mels:
            raise InputError(
                f"MfccChroma: n_mfcc is {self.n_mfcc}; expected at most n_mels, {self.n_mels}"
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features, in order."""
        mfcc = (f"mfcc_{number}" for number in range(self.n_mfcc))
        return (*mfcc, *(f"chroma_{number}" for number in range(1, self.n_chroma + 1)))

    def __call__(self, signal: np.ndarray, sample_rate: int) -> np.ndarray:
        """
        Analyse a signal of at least one sample.

        Returns
        -------
        ndarray of float32, shape (1 + samples // hop_length, n_mfcc + n_chroma)

        Raises
        ------
        InputError
            If the upper edge of the last band, once warped, is above half the sampling rate.
        """
        filters = _filters(
            sample_rate, self.n_fft, self.n_mels, self.fmax, self.n_chroma, self.warp
        )
        bands = np.empty((count_frames(self, signal), filters.shape[1]), np.float32)
        for rows, power in powers(self, signal):
            np.matmul(power, filters, out=bands[rows])
        mel, chroma = bands[:, : self.n_mels], bands[:, self.n_mels :]
        # Decibels are relative to the loudest band: its level is added again.
        loudest = 10 * np.log10(max(float(mel.max()), 1e-10))
        levels = decibels(mel, top_db=80.0) + np.float32(loudest)
        mfcc = scipy.fft.dct(levels, type=2, norm="ortho", axis=1)[:, : self.n_mfcc]
        if self.n_chroma:
            largest = chroma.max(axis=1, keepdims=True)
            # As in librosa, what is too small to divide by stays as it is.
            chroma = chroma / np.where(largest > np.finfo(np.float32).tiny, largest, 1)
        return np.concatenate([mfcc, chroma], axis=1)


@functools.lru_cache
def _filters(
    sample_rate: float, n_fft: int, n_mels: int, fmax: float | None, n_chroma: int, warp: float
) -> np.ndarray:
    """Build the matrix from power spectra to mel bands and chroma, float32."""
    # Imported here: librosa's filters take a second to import, and cached features need none.
    import librosa

    fmax = sample_rate / 2 if fmax is None else fmax
    if fmax * warp > sample_rate / 2:
        raise InputError(
            f"MfccChroma: fmax is {fmax:g} Hz and warp {warp:g}; expected a product of at most "
            f"half the sampling rate, {sample_rate / 2:g} Hz"
        )
    with warnings.catch_warnings():
        # The lowest of many bands of a short transform contain no bin: they stay at the floor.
        warnings.filterwarnings("ignore", message="Empty filters")
        # At another sampling rate, a bin has its frequency divided by `warp`.
        mel = librosa.filters.mel(sr=sample_rate / warp, n_fft=n_fft, n_mels=n_mels, fmax=fmax)
    parts = [mel]
    if n_chroma:
        parts.append(
            librosa.filters.chroma(sr=sample_rate, n_fft=n_fft, tuning=0.0, n_chroma=n_chroma)
        )
    return np.ascontiguousarray(np.concatenate(parts).T, dtype=np.float32)
