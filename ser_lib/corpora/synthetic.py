"""
Synthetic emotional speech, so that everything can be tried out offline.

It is for trying things out, not for claims: a formant synthesiser whose cues change in the
directions reported in the literature (see `ser_lib.corpora.synthesis.expression`) is no evidence
about people. Recordings are rendered when the corpus is first used, as WAV files of 16 kHz in the
cache, and are then used like those of any other corpus.
"""

import contextlib
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import soundfile

from ser_lib import checksums, code_digest, console, executor, identity, paths
from ser_lib.corpora.corpus import Contents
from ser_lib.corpora.discovery import Recordings
from ser_lib.corpora.synthesis import expression, phones
from ser_lib.errors import InputError, warn

NAME = "synthetic"
TITLE = "Synthetic emotional speech (for trying things out, not for claims)"
VERSION = "1"
LICENCE = "MIT"
BIBTEX = """@misc{ser_lib_synthetic,
  title = {Synthetic emotional speech},
  author = {{The ser\\_lib authors}},
  year  = {2026},
  note  = {Embedded in ser\\_lib; for trying things out, not for claims}
}"""
REMOTES = ()
HOW_TO_GET = "It is part of the package and is rendered when it is first used."
PROTOCOL = "leave_one_speaker_out"
SPEECH = "synthetic"

# Utterances, speakers and hours of the default corpus, which are known without rendering it.
KNOWN = (560, 10, 0.28)

# Utterances that are rendered in one call, and seconds that starting processes costs.
_CHUNK = 28
_START_UP = 4.0
# File of the checksums of the recordings, and the name under which they stand in it.
_SUMS = "checksums.json"
_FILES = "crc32"


def load(
    data: str | os.PathLike | None = None, *, speakers: int = 10, takes: int = 2, seed: int = 0
) -> Contents:
    """
    Load the synthetic corpus from the cache, after rendering it if necessary.

    Parameters
    ----------
    speakers : int
        Number of speakers, female and male in turn; at least 1.
    takes : int
        Number of repetitions of each sentence in each emotion; at least 1.
    seed : int
        Seed of speakers and utterances; at least 0.

    Returns
    -------
    Contents
        ``speakers * takes * 28`` utterances of 1 to 3 s: 7 emotions, 4 sentences.
    """
    for name, value, low in (("speakers", speakers, 1), ("takes", takes, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
            raise InputError(f"{NAME}: {name} is {value!r}; expected an integer of at least {low}")
    cast = [expression.speaker(number, seed=seed) for number in range(1, speakers + 1)]
    script = [
        (who, emotion, sentence, take)
        for who in cast
        for emotion in expression.EMOTIONS
        for sentence in range(1, len(phones.SENTENCES) + 1)
        for take in range(1, takes + 1)
    ]
    # A changed synthesiser never uses old recordings.
    code = code_digest.folder("corpora/synthesis")
    folder = paths.cache() / NAME / identity.digest([speakers, takes, seed, code])[:16]
    if not _intact(folder):
        _render(script, seed, folder)
    rows = [
        {
            "utterance": (name := f"{who.name}-{emotion}-s{sentence}-t{take}"),
            "path": folder / f"{name}.wav",
            "speaker": who.name,
            "sex": who.sex,
            "emotion": emotion,
            "language": "artificial",
            "sentence": f"s{sentence}",
        }
        for who, emotion, sentence, take in script
    ]
    return Contents(
        rows=rows,
        version=f"{VERSION} ({speakers} speakers, {takes} takes, seed {seed})",
        recordings=Recordings(folder, {row["utterance"]: row["path"] for row in rows}),
    )


def _intact(folder: Path) -> bool:
    """Tell whether recordings are there as they were rendered; remove damaged ones."""
    if not folder.is_dir():
        return False
    try:
        checksums.check(folder, checksums.read_sealed(folder / _SUMS)[_FILES])
    except (InputError, KeyError) as error:
        warn(f"corpus {NAME} in the cache is rendered again: {error}")
        shutil.rmtree(folder, ignore_errors=True)
        return False
    return True


def _render(script: list[tuple], seed: int, folder: Path) -> None:
    """Render all utterances into a folder, which appears when it is complete."""
    with paths.whole_folder(folder) as new:
        calls = [
            (script[start : start + _CHUNK], seed, new) for start in range(0, len(script), _CHUNK)
        ]
        results = executor.run(_render_chunk, calls, start_up=_START_UP, warm_up=1)
        bar = console.progress(total=len(script), description="rendering", unit="file")
        with contextlib.closing(results), bar:
            for _, count in results:
                bar.update(count)
        sums = {file.name: checksums.crc32(file) for file in sorted(new.glob("*.wav"))}
        text = json.dumps(checksums.sealed({_FILES: sums}), indent=0)
        (new / _SUMS).write_text(text, encoding="utf-8")


def _render_chunk(chunk: list[tuple], seed: int, folder: Path) -> int:
    # Imported here: SciPy's filters are needed for rendering only.
    from ser_lib.corpora.synthesis import prosody, source_filter

    for who, emotion, sentence, take in chunk:
        plan = prosody.plan(who, emotion, sentence, take, seed=seed)
        samples = np.round(source_filter.render(plan) * 32767).astype(np.int16)
        # Not by libsndfile, which does not say why a file cannot be written.
        content = io.BytesIO()
        soundfile.write(content, samples, source_filter.SAMPLE_RATE, "PCM_16", format="WAV")
        (folder / f"{plan.utterance}.wav").write_bytes(content.getvalue())
    return len(chunk)
