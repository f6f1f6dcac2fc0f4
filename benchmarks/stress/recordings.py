"""Damaged recordings: read with all that they hold, or refused by a clear error."""

import contextlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from benchmarks.stress.outcome import Outcome
from ser_lib.console import progress
from ser_lib.corpora.discovery import Recordings
from ser_lib.corpora.validation import validate
from ser_lib.errors import InputError
from ser_lib.signal import decode

_SECONDS = 0.6
_BATCH = 100  # files that are validated together
# Suffix, container, sample type, sampling rates; MP3 twice, of constant and of varying bit rate.
_FORMATS = (
    ("wav", "WAV", "PCM_16", (8000, 16000, 44100)),
    ("wav", "WAV", "PCM_24", (16000, 48000)),
    ("wav", "WAV", "PCM_U8", (8000,)),
    ("wav", "WAV", "FLOAT", (16000, 44100)),
    ("wav", "WAV", "ULAW", (8000,)),
    ("wav", "WAV", "IMA_ADPCM", (16000,)),
    ("wav", "WAVEX", "PCM_16", (16000,)),
    ("rf64", "RF64", "PCM_16", (16000,)),
    ("w64", "W64", "PCM_16", (16000,)),
    ("aiff", "AIFF", "PCM_16", (16000, 44100)),
    ("aiff", "AIFF", "FLOAT", (16000,)),
    ("au", "AU", "PCM_16", (8000, 16000)),
    ("caf", "CAF", "PCM_16", (16000,)),
    ("caf", "CAF", "ALAC_16", (44100,)),
    ("nist", "NIST", "PCM_16", (16000,)),
    ("flac", "FLAC", "PCM_16", (8000, 16000, 44100)),
    ("flac", "FLAC", "PCM_24", (48000,)),
    ("ogg", "OGG", "VORBIS", (16000, 44100)),
    ("opus", "OGG", "OPUS", (16000, 48000)),
    ("mp3", "MP3", "CONSTANT", (16000, 44100)),
    ("mp3", "MP3", "VARIABLE", (16000, 44100)),
)
# Where the number of bytes stands that the header counts: after which mark, how wide, which order.
_FIELDS = {
    "WAV": (b"data", 0, 4, "little"),
    "WAVEX": (b"data", 0, 4, "little"),
    "AIFF": (b"SSND", 0, 4, "big"),
    "AU": (b".snd", 4, 4, "big"),
    "CAF": (b"data", 0, 8, "big"),
    "RF64": (b"ds64", 12, 8, "little"),
    "W64": (b"data", 12, 8, "little"),
}
# What many programs put behind the sound; a container has to be read as before.
_LIST = b"LIST" + (26).to_bytes(4, "little") + b"INFOISFT" + (14).to_bytes(4, "little") + bytes(14)
_TAG = b"TAG" + b"title".ljust(125, b"\0")
_HARMLESS = {
    "WAV": (_LIST, b"\0" * 1000, b"\n", _TAG),
    "WAVEX": (_LIST, b"\0" * 1000, b"\n", _TAG),
    "AIFF": (b"NAME\0\0\0\4name", b"\0" * 1000, _TAG),
    "FLAC": (_TAG, b"\0" * 1000),
    "MP3": (_TAG, b"\0" * 1000),
}


class _Original(NamedTuple):
    """An undamaged recording: its bytes, and what decoding makes of them."""

    suffix: str
    container: str
    subtype: str
    rate: int
    channels: int
    content: bytes
    samples: int

    @property
    def slack(self) -> int:
        """Samples by which a length may differ: those by which MP3 delays and fills the sound."""
        return (4608 if self.rate >= 32000 else 2304) if self.container == "MP3" else 0


class _Case(NamedTuple):
    """A damaged file, and the numbers of samples that decoding may give; none: refuse it."""

    name: str
    content: bytes
    right: tuple[int, ...]
    must_be_read: bool = False


def recordings(count: int, folder: Path) -> Outcome:
    """Damage recordings of every container in every way; decode and validate them."""
    outcome = Outcome("recordings")
    originals = _originals(folder)
    rng = np.random.default_rng(0)
    damages = itertools.cycle(_DAMAGES.items())
    place = folder / "damaged"
    place.mkdir()
    with progress(total=count, description="damaged recordings") as bar:
        while outcome.count < count:
            batch: dict[str, tuple[_Original, _Case, Path]] = {}
            for number in range(min(_BATCH, count - outcome.count)):
                kind, damage = next(damages)
                original = originals[rng.integers(len(originals))]
                case = damage(original, rng)
                if case is None:
                    case = _cut(original, rng)
                    kind = "cut"
                suffix = original.suffix
                if kind == "suffix":
                    suffix = _FORMATS[rng.integers(len(_FORMATS))][0]
                name = f"{outcome.count + number}-{original.container}-{original.subtype}-{kind}"
                path = place / f"{name}.{suffix}"
                path.write_bytes(case.content)
                batch[name] = (original, case, path)
            with _without_messages():
                _judge(outcome, batch, place)
            bar.update(len(batch))
            for _, _, path in batch.values():
                path.unlink()
    return outcome


@contextlib.contextmanager
def _without_messages() -> Iterator[None]:
    """Leave out what the decoder of MP3 writes about damage, past Python, to standard error."""
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _judge(outcome: Outcome, batch: dict[str, tuple[_Original, _Case, Path]], place: Path) -> None:
    """Decode and validate a batch, and note what is not as it should be."""
    found = Recordings(place, {name: path for name, (_, _, path) in batch.items()})
    try:
        refused = set(validate("damaged", found, progress=False).undecodable)
    except Exception as error:
        outcome.note_exception(error, "validation of a batch")
        refused = set(batch)
    for name, (original, case, path) in batch.items():
        outcome.count += 1
        words = f"{name} ({case.name}, {original.rate} Hz, {original.channels} channels)"
        try:
            recording = decode(path, sample_rate=original.rate)
        except InputError as error:
            if name not in refused:
                outcome.note("wrong", f"{words}: only validation accepts it: {error}")
            elif str(path) not in str(error):
                outcome.note("wrong", f"{words}: the error does not name the file: {error}")
            elif case.must_be_read:
                outcome.note("wrong", f"{words}: refused: {error}")
            continue
        except Exception as error:
            outcome.note_exception(error, words)
            continue
        length = len(recording.signal)
        if name in refused:
            outcome.note("wrong", f"{words}: only validation refuses it")
        elif not _is_known(path, original):
            continue
        elif not any(abs(length - right) <= original.slack for right in case.right):
            told = any("does not give its length" in note for note in recording.notes)
            if not told:
                outcome.note("wrong", f"{words}: {length} samples, expected {case.right}")


def _is_known(path: Path, original: _Original) -> bool:
    """Tell whether the file still says the same of each sample, so that their number is known."""
    info = soundfile.info(path)
    same = (info.samplerate, info.channels) == (original.rate, original.channels)
    return same and (info.subtype == original.subtype or original.container == "MP3")


def _originals(folder: Path) -> list[_Original]:
    """Write noise in every container."""
    rng = np.random.default_rng(1)
    originals = []
    for suffix, container, subtype, rates in _FORMATS:
        for rate, channels in itertools.product(rates, (1, 2)):
            noise = rng.uniform(-0.3, 0.3, (int(_SECONDS * rate), channels))
            options = {"subtype": subtype}
            if container == "MP3":
                options = {"bitrate_mode": subtype, "compression_level": 0.5}
            path = folder / f"original.{suffix}"
            soundfile.write(path, noise, rate, format=container, **options)
            samples = len(decode(path, sample_rate=rate).signal)
            originals.append(
                _Original(suffix, container, subtype, rate, channels, path.read_bytes(), samples)
            )
            path.unlink()
    return originals


# ---- damages: each takes an original and a random generator; None where it does not apply --------


def _cut(original: _Original, rng: np.random.Generator) -> _Case:
    length = int(rng.integers(1, len(original.content)))
    right = (original.samples,)
    if original.container in ("WAV", "WAVEX", "AIFF", "RF64", "CAF"):
        # Behind the sound there may be a chunk that is not needed.
        right = (original.samples, original.samples - 1)
    return _Case(f"cut at byte {length}", original.content[:length], right)


def _flip(original: _Original, rng: np.random.Generator) -> _Case:
    content = bytearray(original.content)
    # Half of them in the header, where they do most harm.
    end = len(content) if rng.integers(2) else 100
    places = rng.integers(0, end, rng.integers(1, 9))
    for place in places:
        content[place] ^= 1 << rng.integers(8)
    return _Case(f"bits flipped in bytes {places.tolist()}", bytes(content), (original.samples,))


def _suffix(original: _Original, rng: np.random.Generator) -> _Case:
    return _Case("another suffix", original.content, (original.samples,), must_be_read=True)


def _field(original: _Original, rng: np.random.Generator) -> _Case | None:
    if original.container not in _FIELDS:
        return None
    mark, skip, width, order = _FIELDS[original.container]
    content = bytearray(original.content)
    place = content.index(mark) + len(mark) + skip
    true = int.from_bytes(content[place : place + width], order)
    values = (0, 1, true // 2, true - 16, true + 16, 2 * true, 2**31 - 44, 2**32 - 1, 2**32 - 101)
    value = values[rng.integers(len(values))]
    content[place : place + width] = value.to_bytes(width, order)
    return _Case(f"{value} bytes for {true}", bytes(content), (original.samples,))


def _tiny(original: _Original, rng: np.random.Generator) -> _Case:
    length = int(rng.integers(0, 50))
    return _Case(f"{length} bytes", original.content[:length], ())


def _values(original: _Original, rng: np.random.Generator) -> _Case | None:
    if original.subtype != "FLOAT":
        return None
    order = ">f4" if original.container == "AIFF" else "<f4"
    value = (np.nan, np.inf, -np.inf, 32767.0, -20000.0)[rng.integers(5)]
    content = bytearray(original.content)
    place = len(content) - 4 * int(rng.integers(20, 1000))
    start = content.index(b"SSND") + 16 if order == ">f4" else content.index(b"data") + 8
    place -= (place - start) % 4
    content[place : place + 4] = np.array(value, order).tobytes()
    return _Case(f"a sample of {value}", bytes(content), ())


def _append(original: _Original, rng: np.random.Generator) -> _Case:
    length = int(rng.integers(1, 3000))
    added = (rng.bytes(length), b"\r\n", b"<html>" * (length // 6 + 1))[rng.integers(3)]
    return _Case(f"{len(added)} bytes after it", original.content + added, (original.samples,))


def _append_harmless(original: _Original, rng: np.random.Generator) -> _Case | None:
    if original.container not in _HARMLESS:
        return None
    choices = _HARMLESS[original.container]
    added = choices[rng.integers(len(choices))]
    return _Case(
        f"{added[:4]!r} after it", original.content + added, (original.samples,), must_be_read=True
    )


def _prepend(original: _Original, rng: np.random.Generator) -> _Case:
    length = int(rng.integers(1, 1000))
    tag = b"ID3\3\0\0\0\0" + bytes((length >> 7, length & 127)) + bytes(length)
    added = (rng.bytes(length), bytes(length), tag)[rng.integers(3)]
    return _Case(f"{len(added)} bytes before it", added + original.content, (original.samples,))


def _join(original: _Original, rng: np.random.Generator) -> _Case:
    right = 2 * original.samples + original.slack // 2
    return _Case("joined with itself", original.content * 2, (right,))


_DAMAGES: dict[str, Callable[[_Original, np.random.Generator], _Case | None]] = {
    "cut": _cut,
    "flip": _flip,
    "suffix": _suffix,
    "field": _field,
    "tiny": _tiny,
    "values": _values,
    "append": _append,
    "append_harmless": _append_harmless,
    "prepend": _prepend,
    "join": _join,
}
