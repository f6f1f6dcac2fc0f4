"""Hash the decoded samples of recordings, and store the hashes between runs."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ser_lib import checksums, paths
from ser_lib.console import progress as progress_bar
from ser_lib.errors import InputError
from ser_lib.signal import decoding

_BLOCK = 1 << 18  # samples per channel decoded at a time, so that long recordings need no memory


def sample_hash(path: str | os.PathLike) -> str:
    """
    Hash the samples of a recording, independent of the container.

    Samples are decoded to float32, which represents integers of up to 24 bits exactly: 16-bit PCM
    has the same hash in WAV and in FLAC. Sampling rate and number of channels are hashed as well.

    Returns
    -------
    str
        SHA-256, 64 hexadecimal digits.

    Raises
    ------
    InputError
        If the file is missing or cannot be decoded.
    """
    with decoding.opened(path) as (file, _):
        digest = hashlib.sha256(f"{file.samplerate} Hz, {file.channels} channels\n".encode())
        # Of a damaged file, blocks end where it ends; `SoundFile.blocks` would return uninitialised
        # memory for what is missing.
        while len(block := file.read(_BLOCK, dtype="float32")):
            digest.update(block.astype("<f4", copy=False))
    return digest.hexdigest()


def sample_hashes(files: Sequence[str | os.PathLike], *, progress: bool = True) -> list[str]:
    """
    Hash the samples of many recordings, reusing stored hashes of files that did not change.

    Hashes are stored in one file in the cache folder, with path, size, times of modification and
    status change, and inode number of each recording: files that exchange their names may agree in
    all but the last. It can be deleted at any time. Errors are those of `sample_hash`.
    """
    known = _stored()
    states = {os.path.abspath(file): None for file in files}
    for file in states:
        try:
            status = os.stat(file)
        except OSError as error:
            raise InputError(f"{file}: the recording is missing ({error.strerror})") from error
        states[file] = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    new = [file for file, state in states.items() if known.get(file, [])[:-1] != state]
    if new:
        hashes = in_threads(sample_hash, new, "hashing recordings", progress=progress)
        # Another process may have stored hashes in the meantime; these are kept.
        fresh = {file: [*states[file], value] for file, value in zip(new, hashes, strict=True)}
        known |= fresh
        settled = time.time_ns() - checksums.SETTLED
        lasting = {file: entry for file, entry in fresh.items() if entry[1] < settled}
        if lasting:
            with paths.whole(_store()) as out:
                json.dump(checksums.sealed(_stored() | lasting), out, indent=0)
    return [known[os.path.abspath(file)][-1] for file in files]


def in_threads(function: Callable, items: Iterable, description: str, *, progress: bool) -> list:
    """
    Call `function` on each item in threads, one per core, and return the results in order.

    Decoding and hashing release the global interpreter lock.
    """
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
    with decoding.opened(path) as (file, _):
        return file.frames / file.samplerate


def _store() -> Path:
    return paths.cache() / "recordings.json"


def _stored() -> dict[str, list]:
    try:
        return checksums.read_sealed(_store())
    except InputError:
        # Missing or damaged: it is written again.
        return {}
