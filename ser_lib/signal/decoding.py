"""Decode a recording of any container and sampling rate to one channel at a given rate."""

import contextlib
import io
import numbers
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from ser_lib.errors import InputError
from ser_lib.signal import mpeg, streams
from ser_lib.signal.containers import check_length
from ser_lib.signal.preprocess import SHORTEST

AudioFile = soundfile.SoundFile | streams.ChainedFile
"""An open recording: ``frames``, ``samplerate``, ``channels``, and ``read(frames, dtype)``."""

# Samples per channel read at a time: an hour at 96 kHz in stereo is never in memory at once.
_BLOCK = 2**20
# What libsndfile returns for a FLAC stream of unknown length.
UNKNOWN_FRAMES = 2**62
# A resampler may return a few samples more than the ratio of the rates implies.
_SLACK = 64
# Full scale is 1. Decoding overshoots it a little; integers stored as floats exceed it a lot.
_LOUDEST = 16
_LOWEST_RATE = 1000
_EXPECTED = (
    "expected a complete recording in a format that libsndfile reads (WAV, FLAC, Ogg, MP3, AIFF, "
    "...)"
)


class Recording(NamedTuple):
    """
    A decoded recording.

    Parameters
    ----------
    signal : ndarray of float32, shape (samples,)
        One channel, nominally in [-1, 1].
    sample_rate : int
        Samples per second.
    notes : tuple of str
        What was converted or is unusual, for example ``"2 channels, averaged to one"``.
    """

    signal: np.ndarray
    sample_rate: int
    notes: tuple[str, ...]


def decode(path: str | os.PathLike, *, sample_rate: int = 16000) -> Recording:
    """
    Read a recording, average its channels and resample it.

    Parameters
    ----------
    path : path
        An audio file: WAV, FLAC, Ogg, MP3, AIFF or another format that libsndfile reads.
    sample_rate : int
        Samples per second of the result, 1000 or more; soxr resamples at high quality.

    Returns
    -------
    Recording
        At least 25 ms long.

    Raises
    ------
    InputError
        For a missing, empty, corrupt or truncated file, one shorter than 25 ms, or one with
        samples that are not finite; the message names the file and what is expected. For a sampling
        rate that is none.
    """
    if not (isinstance(sample_rate, numbers.Integral) and sample_rate >= _LOWEST_RATE):
        raise InputError(
            f"sample_rate is {sample_rate!r}; expected an integer of at least {_LOWEST_RATE}"
        )
    with opened(path) as (file, notes):
        return _read(Path(path), file, sample_rate, notes)


@contextlib.contextmanager
def opened(path: str | os.PathLike) -> Iterator[tuple[AudioFile, tuple[str, ...]]]:
    """
    Open a recording, and make sure that its header counts all that it holds.

    Yields
    ------
    file : AudioFile
        ``file.frames`` is the number of samples per channel.
    notes : tuple of str
        What is unusual about the file.

    Raises
    ------
    InputError
        For whatever goes wrong while it is open; names the file.
    """
    path = Path(path)
    try:
        status = _status(path)
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise InputError(f"{path}: is {kind}; expected a recording")
        if status.st_size == 0:
            raise InputError(f"{path}: is empty (0 bytes); expected a recording")
        with open(path, "rb") as raw, contextlib.ExitStack() as stack:
            notes = check_length(path, raw)
            # Names need not be text in any encoding.
            name = os.fsencode(path) if os.name == "posix" else path
            file = stack.enter_context(soundfile.SoundFile(name))
            if file.frames >= UNKNOWN_FRAMES:
                raise InputError(
                    f"{path}: its header does not give its length; expected a length "
                    "(copying it with any audio tool adds one)"
                )
            if file.samplerate < _LOWEST_RATE:
                raise InputError(
                    f"{path}: has a sampling rate of {file.samplerate} Hz; expected at least "
                    f"{_LOWEST_RATE} Hz"
                )
            if file.format == "FLAC":
                streams.check_flac(path, raw, file.frames)
            elif file.format == "OGG":
                file = streams.open_ogg(path, raw, file)
            elif file.format == "MP3":
                whole = mpeg.whole_stream(path, raw, file.frames)
                if whole is not None:
                    file = stack.enter_context(soundfile.SoundFile(io.BytesIO(whole)))
            yield file, notes
    except InputError:
        raise
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"{path}: cannot be decoded ({error.error_string}); {_EXPECTED}"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); {_EXPECTED}") from error
    except Exception as error:
        # Decoders of damaged files raise errors of many types, most without the name of the file.
        raise InputError(
            f"{path}: cannot be decoded ({type(error).__name__}: {error}); {_EXPECTED}"
        ) from error


def _status(path: Path) -> os.stat_result:
    try:
        return os.stat(path)
    except FileNotFoundError:
        problem = "is a link to nothing" if path.is_symlink() else "does not exist"
        raise InputError(f"{path}: {problem}; expected a recording") from None


def _refuse_short(path: Path, file: AudioFile) -> None:
    if file.frames < SHORTEST * file.samplerate:
        raise InputError(
            f"{path}: has {file.frames} samples at {file.samplerate} Hz "
            f"({1000 * file.frames / file.samplerate:.1f} ms); "
            f"expected at least {1000 * SHORTEST:.0f} ms"
        )


def _read(path: Path, file: AudioFile, sample_rate: int, notes: tuple[str, ...]) -> Recording:
    _refuse_short(path, file)
    blocks = mono_blocks(path, file)
    if file.samplerate != sample_rate:
        blocks = resampled(blocks, file.samplerate, sample_rate)
    # Filled in place: concatenating a list of blocks would take twice the memory.
    signal = np.empty(-(-file.frames * sample_rate // file.samplerate) + _SLACK, np.float32)
    length = 0
    for block in blocks:
        signal[length : length + len(block)] = block
        length += len(block)
    signal = signal[:length]
    notes = list(notes)
    if file.channels > 1:
        notes.append(f"{file.channels} channels, averaged to one")
    if file.samplerate != sample_rate:
        notes.append(f"{file.samplerate} Hz, resampled to {sample_rate} Hz")
    if signal.max() == signal.min():
        notes.append("silent")
    return Recording(signal, sample_rate, tuple(notes))


def mono_blocks(path: Path, file: AudioFile) -> Iterator[np.ndarray]:
    """Read all samples that the header of `file` announces, in blocks, channels averaged."""
    position = 0
    while position < file.frames:
        block = file.read(_BLOCK, dtype="float32")
        if len(block) == 0:
            raise InputError(
                f"{path}: is truncated: its header announces {file.frames} samples, "
                f"found {position}; expected a complete recording"
            )
        position += len(block)
        if position > file.frames:
            raise InputError(
                f"{path}: is damaged: its header announces {file.frames} samples, found at least "
                f"{position}; expected a complete recording"
            )
        if block.ndim == 2:
            block = block.mean(axis=1)
        refuse_values(path, block, position)
        yield block


def resampled(blocks: Iterator[np.ndarray], rate: int, new_rate: int) -> Iterator[np.ndarray]:
    """Resample the blocks of a signal as if they were one."""
    stream = soxr.ResampleStream(rate, new_rate, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def refuse_values(path: Path, block: np.ndarray, position: int) -> None:
    """Refuse samples that are no numbers, or integers stored as floats without being scaled."""
    peak = max(block.max(), -block.min())
    if peak <= _LOUDEST:  # NaN is not
        return
    bad = np.count_nonzero(~np.isfinite(block))
    if bad:
        raise InputError(
            f"{path}: {bad} of the first {position} samples are not finite (NaN or infinite); "
            "expected finite samples"
        )
    raise InputError(
        f"{path}: has samples of {peak:g}, where full scale is 1; expected samples between -1 and "
        "1 (divide integers that were stored as floats by their full scale, such as 32768)"
    )
