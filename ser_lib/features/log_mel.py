"""
Log-mel spectrograms in one vectorised pass over all frames.

The values are those of ``librosa.feature.melspectrogram`` followed by ``power_to_db`` (McFee et
al. 2015, librosa: Audio and music signal analysis in Python): periodic window, frames centred on
multiples of the hop, power, mel scale and area normalisation of Slaney's Auditory Toolbox (1998).
"""

import dataclasses
import functools

import numpy as np

from ser_lib.errors import InputError
from ser_lib.features.filters import hz_to_mel, mel_filters, mel_to_hz
from ser_lib.features.short_time import check_transform, count_frames, decibels, powers
from ser_lib.params import as_count, as_real, check_choice


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogMel:
    """
    Compute a log-mel spectrogram.

    Parameters
    ----------
    n_fft : int
        Length of the Fourier transform in samples; even.
    win_length : int, optional
        Length of the window in samples, at most `n_fft`, which is the default. A shorter window
        is centred in the transform and padded with zeros.
    hop_length : int
        Samples from one frame to the next.
    window : {"hamming", "hann"}
        Periodic.
    n_mels : int
        Number of mel bands. One so narrow that it falls between two bins of the transform (the
        lowest of many bands of a short one) holds nothing and stays at the floor.
    fmin, fmax : float
        Lower edge of the first and upper edge of the last band in Hz; `fmax` is half the rate by
        default.
    compression : {"decibels", "log1p"}
        ``"decibels"``: ``10 log10(power)``, 0 dB at the utterance's maximum, cut off `top_db`
        below it. ``"log1p"``: ``ln(1 + 1e6 * power)``, for which silence is zero.
    top_db : float
        Dynamic range in dB that ``"decibels"`` keeps.
    pad_mode : {"reflect", "constant"}
        How half a transform is added before and after the signal: by reflection, as librosa did
        up to version 0.8, or by zeros, as it does now.
    filter_rate : float, optional
        Lay the mel bands out over the bins as if the signal had this rate in Hz, instead of the
        one it has. ki4ai-skc/merc2020 does so by mistake: its bands are those of librosa's default
        of 22,050 Hz while its signals are at 16 kHz, which puts every band at 16,000 / 22,050 of
        its nominal frequency.

    Raises
    ------
    InputError
        Naming the parameter, what was found and what is expected.

    Examples
    --------
    >>> log_mel = LogMel(n_fft=512, win_length=256, hop_length=128, window="hamming", fmax=4000)
    >>> log_mel(np.random.default_rng(0).standard_normal(49100).astype("float32"), 16000).shape
    (384, 128)
    """

    n_fft: int = 512
    win_length: int | None = None
    hop_length: int = 160
    window: str = "hann"
    n_mels: int = 128
    fmin: float = 0.0
    fmax: float | None = None
    compression: str = "decibels"
    top_db: float = 80.0
    pad_mode: str = "reflect"
    filter_rate: float | None = None

    def __post_init__(self):
        check_transform(self)
        as_count(self, "n_mels")
        as_real(self, "fmin", low=0)
        if self.fmax is not None:
            as_real(self, "fmax", above=self.fmin)
        as_real(self, "top_db", above=0)
        check_choice(self, "compression", ("decibels", "log1p"))
        if self.filter_rate is not None:
            as_real(self, "filter_rate", above=0)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bands, from low to high."""
        return tuple(f"mel_{band}" for band in range(1, self.n_mels + 1))

    def __call__(self, signal: np.ndarray, rate: int) -> np.ndarray:
        """
        Analyse.

        Parameters
        ----------
        signal : array of float, shape (samples,)
            At least one sample.
        rate : int
            Samples per second.

        Returns
        -------
        ndarray of float32, shape (1 + samples // hop_length, n_mels)

        Raises
        ------
        InputError
            If `fmax` lies above half the rate for which the bands are laid out, or no band holds a
            bin of the transform.
        """
        mel = self._power(signal, rate)
        if self.compression == "log1p":
            return np.log1p(mel * np.float32(1e6))
        return decibels(mel, self.top_db)

    def frequencies(self, rate: int) -> np.ndarray:
        """
        Say where the bands lie.

        Parameters
        ----------
        rate : int
            Samples per second of the signal.

        Returns
        -------
        ndarray of float64, shape (n_mels,)
            Centre of each band in Hz, as the filters suppose it.
        """
        laid_out_for = rate if self.filter_rate is None else self.filter_rate
        top = laid_out_for / 2 if self.fmax is None else self.fmax
        edges = np.linspace(hz_to_mel(self.fmin), hz_to_mel(top), self.n_mels + 2)
        return mel_to_hz(edges[1:-1])

    def _power(self, signal: np.ndarray, rate: int) -> np.ndarray:
        """Power per band, float32, shape (frames, n_mels)."""
        laid_out_for = rate if self.filter_rate is None else self.filter_rate
        bank, bins = _bank(laid_out_for, self.n_fft, self.n_mels, self.fmin, self.fmax)
        mel = np.empty((count_frames(self, signal), self.n_mels), np.float32)
        for rows, power in powers(self, signal, bins):
            np.matmul(power, bank, out=mel[rows])
        return mel


@functools.lru_cache
def _bank(
    rate: float, n_fft: int, n_mels: int, fmin: float, fmax: float | None
) -> tuple[np.ndarray, slice]:
    """Make the filters a float32 matrix (bins, n_mels), without the bins that no filter touches."""
    filters = mel_filters(rate, n_fft, n_mels, fmin, fmax)
    used = np.flatnonzero(filters.any(axis=0))
    if len(used) == 0:
        raise InputError(
            f"mel bands from {fmin:g} to {fmax:g} Hz hold no bin of a transform of {n_fft} samples "
            f"at {rate:g} Hz; expected a wider range or a longer transform"
        )
    bins = slice(int(used[0]), int(used[-1]) + 1)
    return np.ascontiguousarray(filters[:, bins].T, dtype=np.float32), bins
