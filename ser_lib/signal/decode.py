"""Read a recording: any container and rate that libsndfile knows, to one channel at one rate."""

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

# Samples per channel read at a time: an hour at 96 kHz in stereo must not lie in memory at once.
_BLOCK = 2**20
# Lengths that writers to a pipe put into a header because they do not know better.
_UNKNOWN_SIZE = (0, 0x7FFFFFFF, 0x7FFFF000, 0xFFFFFFFF, 0xFFFFF000)
# What libsndfile says of a FLAC stream that does not know its own length.
_UNKNOWN_FRAMES = 2**62
# A resampler may give a few samples more than the ratio of the rates promises.
_SLACK = 64


class Recording(NamedTuple):
    """
    A decoded recording.

    Parameters
    ----------
    signal : ndarray of float32, shape (samples,)
        One channel, nominally within [-1, 1].
    rate : int
        Samples per second.
    notes : tuple of str
        What was unusual and was handled, for example ``"2 channels, averaged to one"``.
    """

    signal: np.ndarray
    rate: int
    notes: tuple[str, ...]


def decode(path: str | os.PathLike, *, rate: int = 16000) -> Recording:
    """
    Read a recording, average its channels and bring it to `rate`.

    Parameters
    ----------
    path : path
        An audio file: WAV, FLAC, Ogg, MP3, AIFF and what else libsndfile reads.
    rate : int
        Samples per second wanted; resampling is soxr's, high quality.

    Returns
    -------
    Recording
        Of at least 25 ms.

    Raises
    ------
    InputError
        Naming the file, what was found and what was expected: a missing, empty, corrupt or
        truncated file, one that is shorter than 25 ms, or one with samples that are not finite.
    """
    path = Path(path)
    if not path.is_file():
        found = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{path}: {found}; expected a recording")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: is empty (0 bytes); expected a recording")
    _refuse_truncated_chunks(path)
    try:
        with soundfile.SoundFile(path) as file:
            return _read(path, file, rate)
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"{path}: cannot be decoded ({error.error_string}); expected a whole recording in a "
            "format that libsndfile reads (WAV, FLAC, Ogg, MP3, AIFF, ...)"
        ) from error


def _read(path: Path, file: soundfile.SoundFile, rate: int) -> Recording:
    if file.frames >= _UNKNOWN_FRAMES:
        raise InputError(
            f"{path}: its header does not say how long it is; expected a length "
            "(copying it with any audio tool writes one)"
        )
    if file.frames < SHORTEST * file.samplerate:
        raise InputError(
            f"{path}: holds {file.frames} samples at {file.samplerate} Hz "
            f"({1000 * file.frames / file.samplerate:.1f} ms); "
            f"expected at least {1000 * SHORTEST:.0f} ms"
        )
    blocks = _mono_blocks(path, file)
    if file.samplerate != rate:
        blocks = _resampled(blocks, file.samplerate, rate)
    # Filled in place: a list of blocks to join would take twice the memory of a long recording.
    signal = np.empty(-(-file.frames * rate // file.samplerate) + _SLACK, np.float32)
    done = 0
    for block in blocks:
        signal[done : done + len(block)] = block
        done += len(block)
    signal = signal[:done]
    notes = []
    if file.channels > 1:
        notes.append(f"{file.channels} channels, averaged to one")
    if file.samplerate != rate:
        notes.append(f"{file.samplerate} Hz, resampled to {rate} Hz")
    if signal.max() == signal.min():
        notes.append("silent")
    return Recording(signal, rate, tuple(notes))


def _mono_blocks(path: Path, file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """Read `file` to the end it promises, block by block, channels averaged."""
    done = 0
    while done < file.frames:
        block = file.read(_BLOCK, dtype="float32")
        if len(block) == 0:
            raise InputError(
                f"{path}: is truncated: its header promises {file.frames} samples, "
                f"found {done}; expected a whole recording"
            )
        done += len(block)
        if block.ndim == 2:
            block = block.mean(axis=1)
        bad = np.count_nonzero(~np.isfinite(block))
        if bad:
            raise InputError(
                f"{path}: {bad} of the first {done} samples are not finite (NaN or infinite); "
                "expected finite samples"
            )
        yield block


def _resampled(blocks: Iterator[np.ndarray], found: int, wanted: int) -> Iterator[np.ndarray]:
    stream = soxr.ResampleStream(found, wanted, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.empty(0, np.float32), last=True)


def _refuse_truncated_chunks(path: Path) -> None:
    """
    Compare the length that the header of a WAV or AIFF file promises with the file's.

    libsndfile silently takes one that ends too early for a shorter recording; half an upload would
    pass for an utterance.
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
            name, promised = struct.unpack(layout, header)
            found = size - file.tell()
            if name == sound:
                if promised > found and promised not in _UNKNOWN_SIZE:
                    raise InputError(
                        f"{path}: is truncated: its header promises {promised} bytes of sound, "
                        f"found {found}; expected a whole recording"
                    )
                return
            # Chunks are padded to an even length.
            file.seek(promised + promised % 2, os.SEEK_CUR)
