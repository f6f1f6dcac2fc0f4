"""Estimate the fundamental frequency of a recording, for display."""

import numpy as np

from ser_lib.errors import InputError


def pitch_track(
    signal: np.ndarray, sample_rate: int, *, fmin: float = 60.0, fmax: float = 600.0
) -> tuple[np.ndarray, np.ndarray]:
    """
    Estimate the fundamental frequency by probabilistic YIN.

    This is ``librosa.pyin`` with frames of 64 ms every 16 ms (Mauch & Dixon 2014, pYIN: A
    fundamental frequency estimator using probabilistic threshold distributions, ICASSP, 659-663).

    Parameters
    ----------
    signal : array of float, shape (samples,)
        Mono.
    sample_rate : int
        Samples per second.
    fmin, fmax : float
        Lowest and highest frequency considered, in Hz. The defaults include the voices of men,
        women and children.

    Returns
    -------
    seconds : ndarray of float64, shape (frames,)
        Time of the middle of each frame.
    hertz : ndarray of float64, shape (frames,)
        Fundamental frequency in Hz; NaN where the frame is unvoiced.

    Raises
    ------
    InputError
        If the signal is not one channel of finite samples, or the frequencies are not
        ``0 < fmin < fmax <= sample_rate / 2``.

    Examples
    --------
    >>> seconds, hertz = pitch_track(np.sin(2 * np.pi * 220 * np.arange(8000) / 16000), 16000)
    >>> round(float(np.nanmedian(hertz)))
    220
    """
    import librosa

    signal = np.asarray(signal, dtype=np.float32)
    if signal.ndim != 1 or len(signal) == 0 or not np.isfinite(signal).all():
        raise InputError(f"signal has shape {signal.shape}; expected one channel of finite samples")
    if not 0 < fmin < fmax <= sample_rate / 2:
        raise InputError(
            f"pitch range is {fmin:g} to {fmax:g} Hz; expected 0 < fmin < fmax <= half the "
            f"sampling rate, {sample_rate / 2:g} Hz"
        )
    # A frame must hold two periods of the lowest frequency.
    frame_length = max(round(0.064 * sample_rate), 2 * int(np.ceil(sample_rate / fmin)) + 2)
    hop_length = max(1, round(0.016 * sample_rate))
    hertz, _, _ = librosa.pyin(
        signal,
        fmin=fmin,
        fmax=fmax,
        sr=sample_rate,
        frame_length=frame_length,
        hop_length=hop_length,
    )
    return np.arange(len(hertz)) * hop_length / sample_rate, hertz
