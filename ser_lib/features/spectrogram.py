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
from ser_lib.features.filters import mel_filters
from ser_lib.signal.parameters import as_count, as_real, check_choice

# Frames analysed at a time: the work stays in the processor's cache, and an hour in memory.
_BLOCK = 128
_WINDOWS = {"hamming": (0.54, 0.46), "hann": (0.5, 0.5)}


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

    def __post_init__(self):
        as_count(self, "n_fft", low=2)
        if self.n_fft % 2:
            raise InputError(f"LogMel: n_fft is {self.n_fft}; expected an even number of samples")
        if self.win_length is None:
            object.__setattr__(self, "win_length", self.n_fft)
        as_count(self, "win_length")
        if self.win_length > self.n_fft:
            raise InputError(
                f"LogMel: win_length is {self.win_length}; expected at most n_fft, {self.n_fft}"
            )
        as_count(self, "hop_length")
        as_count(self, "n_mels")
        as_real(self, "fmin", low=0)
        if self.fmax is not None:
            as_real(self, "fmax", above=self.fmin)
        as_real(self, "top_db", above=0)
        check_choice(self, "window", tuple(_WINDOWS))
        check_choice(self, "compression", ("decibels", "log1p"))
        check_choice(self, "pad_mode", ("reflect", "constant"))

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
            If `fmax` lies above half the rate, or no band holds a bin of the transform.
        """
        mel = self._power(signal, rate)
        if self.compression == "log1p":
            return np.log1p(mel * np.float32(1e6))
        # Below 1e-10 all is silence, as in librosa.
        decibels = np.log(np.maximum(mel, np.float32(1e-10), out=mel), out=mel)
        decibels *= np.float32(10 / np.log(10))
        decibels -= decibels.max()
        return np.maximum(decibels, np.float32(-self.top_db), out=decibels)

    def _power(self, signal: np.ndarray, rate: int) -> np.ndarray:
        """Power per band, float32, shape (frames, n_mels)."""
        bank, bins = _bank(rate, self.n_fft, self.n_mels, self.fmin, self.fmax)
        # A window shorter than the transform sits in its middle. Where the zeros around it lie
        # changes the phase only, so the frames are cut to the window and padded at their end.
        margin = self.n_fft // 2 - (self.n_fft - self.win_length) // 2
        before, after = margin, self.win_length - margin
        frames = 1 + len(signal) // self.hop_length
        padded = np.pad(signal.astype(np.float32, copy=False), (before, after), self.pad_mode)
        strided = np.lib.stride_tricks.sliding_window_view(padded, self.win_length)
        strided = strided[:: self.hop_length][:frames]
        window = _window(self.window, self.win_length)
        mel = np.empty((frames, self.n_mels), np.float32)
        # In single precision the transform's rounding would show in bands 80 dB below the loudest.
        buffer = np.zeros((min(frames, _BLOCK), self.n_fft))
        spectra = np.empty((len(buffer), 1 + self.n_fft // 2), np.complex128)
        for start in range(0, frames, _BLOCK):
            part = strided[start : start + _BLOCK]
            block = buffer[: len(part)]
            np.multiply(part, window, out=block[:, : self.win_length])
            np.fft.rfft(block, axis=1, out=spectra[: len(part)])
            spectrum = spectra[: len(part), bins].astype(np.complex64)
            power = np.square(spectrum.real)
            power += np.square(spectrum.imag)
            np.matmul(power, bank, out=mel[start : start + len(part)])
        return mel


@functools.lru_cache
def _window(name: str, length: int) -> np.ndarray:
    level, swing = _WINDOWS[name]
    phase = 2 * np.pi * np.arange(length) / length
    return level - swing * np.cos(phase)


@functools.lru_cache
def _bank(
    rate: int, n_fft: int, n_mels: int, fmin: float, fmax: float | None
) -> tuple[np.ndarray, slice]:
    """Make the filters a float32 matrix (bins, n_mels), without the bins that no filter touches."""
    filters = mel_filters(rate, n_fft, n_mels, fmin, fmax)
    used = np.flatnonzero(filters.any(axis=0))
    if len(used) == 0:
        raise InputError(
            f"mel bands from {fmin:g} to {fmax:g} Hz hold no bin of a transform of {n_fft} samples "
            f"at {rate} Hz; expected a wider range or a longer transform"
        )
    bins = slice(int(used[0]), int(used[-1]) + 1)
    return np.ascontiguousarray(filters[:, bins].T, dtype=np.float32), bins
