"""Decode a recording of any container and sampling rate to one channel at a given rate."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr

from ser_lib.errors import InputError
from ser_lib.signal.preprocess import SHORTEST

# Samples per channel read at a time: an hour at 96 kHz in stereo is never in memory at once.
_BLOCK = 2**20
# Lengths that programs write into a header when they write to a pipe.
_UNKNOWN_SIZE = (0, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF, 0xFFFFF000)
# What libsndfile returns for a FLAC stream of unknown length.
UNKNOWN_FRAMES = 2**62
# A resampler may return a few samples more than the ratio of the rates implies.
_SLACK = 64


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
        Samples per second of the result; soxr resamples at high quality.

    Returns
    -------
    Recording
        At least 25 ms long.

    Raises
    ------
    InputError
        For a missing, empty, corrupt or truncated file, one shorter than 25 ms, or one with
        samples that are not finite. The message names the file and what is expected.
    """
    path = Path(path)
    if not path.is_file():
        problem = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{path}: {problem}; expected a recording")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: is empty (0 bytes); expected a recording")
    refuse_truncated_chunks(path)
    try:
        with soundfile.SoundFile(path) as file:
            return _read(path, file, sample_rate)
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"{path}: cannot be decoded ({error.error_string}); expected a complete recording in "
            "a format that libsndfile reads (WAV, FLAC, Ogg, MP3, AIFF, ...)"
        ) from error


def _read(path: Path, file: soundfile.SoundFile, sample_rate: int) -> Recording:
    if file.frames >= UNKNOWN_FRAMES:
        raise InputError(
            f"{path}: its header does not give its length; expected a length "
            "(copying it with any audio tool adds one)"
        )
    if file.frames < SHORTEST * file.samplerate:
        raise InputError(
            f"{path}: has {file.frames} samples at {file.samplerate} Hz "
            f"({1000 * file.frames / file.samplerate:.1f} ms); "
            f"expected at least {1000 * SHORTEST:.0f} ms"
        )
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
    notes = []
    if file.channels > 1:
        notes.append(f"{file.channels} channels, averaged to one")
    if file.samplerate != sample_rate:
        notes.append(f"{file.samplerate} Hz, resampled to {sample_rate} Hz")
    if signal.max() == signal.min():
        notes.append("silent")
    return Recording(signal, sample_rate, tuple(notes))


def mono_blocks(path: Path, file: soundfile.SoundFile) -> Iterator[np.ndarray]:
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
        if block.ndim == 2:
            block = block.mean(axis=1)
        bad = np.count_nonzero(~np.isfinite(block))
        if bad:
            raise InputError(
                f"{path}: {bad} of the first {position} samples are not finite (NaN or infinite); "
                "expected finite samples"
            )
        yield block


def resampled(blocks: Iterator[np.ndarray], rate: int, new_rate: int) -> Iterator[np.ndarray]:
    """Resample the blocks of a signal as if they were one."""
    stream = soxr.ResampleStream(rate, new_rate, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def refuse_truncated_chunks(path: Path) -> None:
    """
    Refuse a WAV or AIFF file that is shorter than its header announces.

    libsndfile silently reads it as a shorter recording, so that half an upload would be accepted
    as an utterance.
    """
    size = path.stat().st_size
    with open(path, "rb") as file:
        form, kind = struct.unpack("4s4x4s", file.read(12).ljust(12, b"\0"))
        if form == b"RIFF" and kind == b"WAVE":
            layout, sound = "<4sI", b"data"
        elif form == b"FORM" and kind in (b"AIFF", b"AIFC"):
            layout, sound = ">4sI", b"SSND"
        else:
            return
        while len(header := file.read(8)) == 8:
            name, announced = struct.unpack(layout, header)
            present = size - file.tell()
            if name == sound:
                if announced > present and announced not in _UNKNOWN_SIZE:
                    raise InputError(
                        f"{path}: is truncated: its header announces {announced} bytes of sound, "
                        f"found {present}; expected a complete recording"
                    )
                return
            # Chunks are padded to an even length.
            file.seek(announced + announced % 2, os.SEEK_CUR)
