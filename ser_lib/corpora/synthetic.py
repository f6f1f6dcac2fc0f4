"""
Synthetic speech of our own, embedded so that everything can be tried out offline.

It is for trying things out, not for claims: a voice made of pulses and resonances that moves its
cues in the directions the literature reports (see `ser_lib.corpora.synthesis.expression`) is no evidence
about people. Recordings are rendered once, as 16 kHz WAVs in the cache, and then are files like
those of any other corpus.
"""

import hashlib
import os
from pathlib import Path

import joblib
import numpy as np
import soundfile

from ser_lib import console, identity, paths
from ser_lib.corpora.corpus import Corpus, make_table
from ser_lib.corpora.discovery import Recordings
from ser_lib.corpora.synthesis import expression, phones
from ser_lib.errors import InputError

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
OBTAIN = "It is part of the package and rendered when it is first loaded."
PROTOCOL = "leave_one_speaker_out"

# What the sound depends on.
_SOURCES = ("expression", "phones", "prosody", "vocoder")

# Utterances that a process renders at a time, and how many processes (-1: as many as cores).
_CHUNK = 28
_PROCESSES = -1


def load(
    data: str | os.PathLike | None = None, *, speakers: int = 10, takes: int = 2, seed: int = 0
) -> Corpus:
    """
    Load the synthetic corpus, rendering it if that has not been done.

    Parameters
    ----------
    data : path, optional
        Not looked at: the recordings lie in the cache.
    speakers : int
        Number of speakers, women and men in turn; at least 1.
    takes : int
        How often each speaker says each sentence in each emotion; at least 1.
    seed : int
        Another seed, another cast and other moods; from 0.

    Returns
    -------
    Corpus
        ``speakers * takes * 28`` utterances of 1 to 3 s: 7 emotions, 4 sentences.

    Raises
    ------
    InputError
        If a number is out of range.
    """
    for name, value, low in (("speakers", speakers, 1), ("takes", takes, 1), ("seed", seed, 0)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < low:
            raise InputError(
                f"{NAME}: {name} is {value!r}; expected a whole number of at least {low}"
            )
    cast = [expression.speaker(number, seed=seed) for number in range(1, speakers + 1)]
    script = [
        (who, emotion, sentence, take)
        for who in cast
        for emotion in expression.EMOTIONS
        for sentence in range(1, len(phones.SENTENCES) + 1)
        for take in range(1, takes + 1)
    ]
    folder = paths.cache() / NAME / identity.digest([speakers, takes, seed, _sources()])[:16]
    if not folder.is_dir():
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
    return Corpus(
        name=NAME,
        title=TITLE,
        version=f"{VERSION} ({speakers} speakers, {takes} takes, seed {seed})",
        licence=LICENCE,
        citation=BIBTEX,
        table=make_table(rows),
        protocol=PROTOCOL,
        remotes=REMOTES,
        recordings=Recordings(folder, {row["utterance"]: row["path"] for row in rows}, ()),
    )


def _sources() -> list[str]:
    """Hash what the sound depends on: a changed synthesiser never meets old recordings."""
    files = (Path(__file__).with_name("synthesis") / f"{name}.py" for name in _SOURCES)
    return [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]


def _render(script: list[tuple], seed: int, folder: Path) -> None:
    """Render all utterances into a folder that appears when it is complete."""
    chunks = [script[start : start + _CHUNK] for start in range(0, len(script), _CHUNK)]
    with paths.whole_folder(folder) as new:
        # Starting processes costs more than rendering a few utterances.
        work = joblib.Parallel(
            n_jobs=_PROCESSES if len(chunks) > 2 else 1, return_as="generator_unordered"
        )
        done = work(joblib.delayed(_render_chunk)(chunk, seed, new) for chunk in chunks)
        with console.progress(total=len(script), description="rendering", unit="file") as bar:
            for count in done:
                bar.update(count)


def _render_chunk(chunk: list[tuple], seed: int, folder: Path) -> int:
    # Only who renders waits for SciPy's filters; recordings that are there are looked up at once.
    from ser_lib.corpora.synthesis import prosody
    from ser_lib.corpora.synthesis import vocoder as synthesis

    for who, emotion, sentence, take in chunk:
        plan = prosody.plan(who, emotion, sentence, take, seed=seed)
        samples = np.round(synthesis.render(plan) * 32767).astype(np.int16)
        soundfile.write(folder / f"{plan.utterance}.wav", samples, synthesis.RATE, "PCM_16")
    return len(chunk)
