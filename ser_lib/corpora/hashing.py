"""What is in a recording: a hash of its decoded samples, remembered from one run to the next."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

from ser_lib import paths
from ser_lib.console import progress as progress_bar
from ser_lib.errors import InputError

_BLOCK = 1 << 18  # samples per channel that are decoded at once: an hour of speech needs no memory
# A file that changes within the resolution of its own time stamp (two seconds on FAT) keeps size
# and stamp. A hash is therefore remembered only for a file that was left alone that long.
_SETTLED = 2_000_000_000  # ns


def decoded_blocks(file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """
    Decode a file to float32, in blocks.

    `soundfile.SoundFile.blocks` would fill up what a damaged file lacks with whatever the memory
    held; here it just ends early.
    """
    while len(block := file.read(_BLOCK, dtype="float32")):
        yield block


def sample_hash(path: str | os.PathLike) -> str:
    """
    Hash the samples of a recording, whatever container they lie in.

    The samples are decoded to float32, which holds every integer of up to 24 bits exactly: 16-bit
    PCM has the same hash as WAV and as FLAC. Sampling rate and number of channels count as well.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.

    Raises
    ------
    InputError
        If the file is missing or cannot be decoded.
    """
    try:
        with soundfile.SoundFile(path) as file:
            digest = hashlib.sha256(f"{file.samplerate} Hz, {file.channels} channels\n".encode())
            for block in decoded_blocks(file):
                digest.update(block.astype("<f4", copy=False))
    except (OSError, soundfile.SoundFileError) as error:
        raise InputError(
            f"{path}: cannot be decoded ({error}); expected an audio file that libsndfile reads"
        ) from error
    return digest.hexdigest()


def sample_hashes(files: Sequence[str | os.PathLike], *, progress: bool = True) -> list[str]:
    """
    Hash the samples of many recordings; what was hashed before and did not change is remembered.

    The memory is one file in the cache folder: path, size and modification time of each recording
    with its hash. It can be deleted at any time.

    Parameters
    ----------
    files : sequence of path
        The recordings.
    progress : bool
        Whether a bar is shown when it takes longer than a second.

    Returns
    -------
    list of str
        `sample_hash` of each file, in the same order.
    """
    known = _remembered()
    states = {os.path.abspath(file): None for file in files}
    for file in states:
        try:
            status = os.stat(file)
        except OSError as error:
            raise InputError(f"{file}: the recording is missing ({error.strerror})") from error
        states[file] = [status.st_size, status.st_mtime_ns]
    new = [file for file, state in states.items() if known.get(file, [])[:2] != state]
    if new:
        hashes = in_threads(sample_hash, new, "hashing recordings", progress=progress)
        # Another process may have added to the file in the meantime: what it found is kept.
        fresh = {file: [*states[file], value] for file, value in zip(new, hashes, strict=True)}
        known |= fresh
        settled = time.time_ns() - _SETTLED
        lasting = {file: entry for file, entry in fresh.items() if entry[1] < settled}
        if lasting:
            with paths.whole(_memory()) as out:
                json.dump(_remembered() | lasting, out, indent=0)
    return [known[os.path.abspath(file)][2] for file in files]


def in_threads(function: Callable, items: Iterable, description: str, *, progress: bool) -> list:
    """Call `function` on each item, on all cores (decoding and hashing release the interpreter)."""
    items = list(items)
    executor = ThreadPoolExecutor(os.cpu_count())
    try:
        results = executor.map(function, items)
        bar = progress_bar(
            results, total=len(items), description=description, unit="file", disable=not progress
        )
        return list(bar)
    finally:
        executor.shutdown(cancel_futures=True)


def seconds(path: str | os.PathLike) -> float:
    """Read the duration of a recording from its header, in seconds."""
    try:
        return soundfile.info(str(path)).duration
    except (OSError, soundfile.SoundFileError) as error:
        raise InputError(f"{path}: cannot be read ({error})") from error


def _memory() -> Path:
    return paths.cache() / "recordings.json"


def _remembered() -> dict[str, list]:
    try:
        known = json.loads(_memory().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        # Missing, or cut short by a full disk: it is made again.
        return {}
    return known if isinstance(known, dict) else {}
