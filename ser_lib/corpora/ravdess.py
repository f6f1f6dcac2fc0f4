"""
RAVDESS, the Ryerson Audio-Visual Database of Emotional Speech and Song (audio only).

24 actors (odd numbers: men, even numbers: women) speak, and 23 of them sing, two English statements
in eight (sung: six) emotions, at two intensities (neutral: one), twice each: 1,440 spoken and 1,012
sung recordings (48 kHz, 16 bit; a few are stereo with equal channels). File names have seven
two-digit fields: modality (03 audio), channel (01 speech, 02 song), emotion, intensity, statement,
repetition, actor. There are 96 neutral recordings and 192 of each other spoken emotion.

Two published files have identical samples, ``03-01-03-01-02-01-07`` and ``03-01-03-01-02-02-07``;
both are of actor 07, so that a speaker-disjoint protocol never separates them.

The speech can be downloaded. The songs cannot, because their archive has no known checksum; they
are found if they are on this machine.
"""

import dataclasses
import os
import re
from itertools import product

import pandas as pd

from ser_lib.corpora import discovery
from ser_lib.corpora.corpus import Contents
from ser_lib.download import Remote
from ser_lib.errors import InputError, unknown

NAME = "ravdess"
TITLE = "Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS)"
VERSION = "1.0.0"
LICENCE = "CC BY-NC-SA 4.0"
BIBTEX = """@article{livingstone2018ryerson,
  title   = {The {Ryerson Audio-Visual Database of Emotional Speech and Song} ({RAVDESS}): A
             dynamic, multimodal set of facial and vocal expressions in {North American English}},
  author  = {Livingstone, Steven R. and Russo, Frank A.},
  journal = {PLoS ONE},
  volume  = {13},
  number  = {5},
  pages   = {e0196391},
  year    = {2018},
  doi     = {10.1371/journal.pone.0196391}
}"""
REMOTES = (
    Remote(
        url="https://zenodo.org/records/1188976/files/Audio_Speech_Actors_01-24.zip",
        checksum="md5:bc696df654c87fed845eb13823edef8a",
        filename="Audio_Speech_Actors_01-24.zip",
        size=208_468_073,
    ),
)
HOW_TO_GET = (
    "Get the speech with `ser fetch ravdess`; the songs are Audio_Song_Actors_01-24.zip on "
    "https://zenodo.org/records/1188976, to be unpacked by hand."
)
PROTOCOL = "speaker_folds"
SPEECH = "acted"

PATTERN = re.compile(
    r"03-(?P<channel>0[12])-(?P<emotion>0[1-8])-(?P<intensity>0[12])-(?P<statement>0[12])"
    r"-0[12]-(?P<actor>[01]\d|2[0-4])"
)
CHANNELS = {"speech": ("01",), "song": ("02",), "both": ("01", "02")}
SUBSETS = ("all", "calm_as_neutral")
EMOTIONS = ("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise")
EMOTION_OF = {f"{number:02d}": emotion for number, emotion in enumerate(EMOTIONS, start=1)}
INTENSITY_OF = {"01": "normal", "02": "strong"}
SENTENCES = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
# The actor-disjoint partition of EmoBox (https://github.com/emo-box/EmoBox), data/ravdess.
FOLDS = {
    "1": ("01", "11", "20", "21"),
    "2": ("04", "10", "12", "14"),
    "3": ("08", "09", "19", "23"),
    "4": ("03", "05", "07", "24"),
    "5": ("02", "15", "16", "18"),
    "6": ("06", "13", "17", "22"),
}
FOLD_OF = {actor: fold for fold, actors in FOLDS.items() for actor in actors}


def load(data: str | os.PathLike, *, channel: str = "speech", subset: str = "all") -> Contents:
    """
    Load RAVDESS, in actor folders or flattened.

    Parameters
    ----------
    channel : {"speech", "song", "both"}
        Spoken or sung recordings, or both.
    subset : {"all", "calm_as_neutral"}
        "calm_as_neutral" gives the seven classes of maelfabien/Multimodal-Emotion-Recognition:
        neutral recordings are left out and calm is labelled neutral (1,344 spoken utterances).

    Returns
    -------
    Contents
        1,440 spoken, 1,012 sung utterances; ``sentence`` is the code of `SENTENCES`, ``intensity``
        "normal" or "strong", ``split`` the published fold "1" to "6" of the actor.
    """
    if channel not in CHANNELS:
        raise unknown("channel of ravdess", channel, CHANNELS)
    if subset not in SUBSETS:
        raise unknown("subset of ravdess", subset, SUBSETS)
    published = pd.concat([discovery.read_index(NAME), discovery.names_only(_songs())])
    example = "03-01-01-01-01-01-01.wav"
    all_recordings = discovery.find_recordings(
        data, NAME, PATTERN, published, example=example, how_to_get=HOW_TO_GET
    )
    wanted = tuple(f"03-{code}-" for code in CHANNELS[channel])
    files = {name: path for name, path in all_recordings.files.items() if name.startswith(wanted)}
    if not files:
        raise InputError(
            f"{NAME}: no recordings of channel {channel!r} in {all_recordings.folder}, only of the "
            f"other; expected files named like {wanted[0]}01-01-01-01-01.wav. {HOW_TO_GET}"
        )
    reference = published[published.index.str.startswith(wanted)]
    discovery.warn_if_incomplete(NAME, len(files), len(reference))
    rows = [_row(name, path) for name, path in files.items()]
    if subset == "calm_as_neutral":
        rows = [row for row in rows if row["emotion"] != "neutral"]
        for row in rows:
            row["emotion"] = row["emotion"].replace("calm", "neutral")
    parts = [part for part in (channel, subset) if part not in ("speech", "all")]
    return Contents(
        rows=rows,
        subset="; ".join(parts).replace("both", "speech and song") or "all",
        reference=reference,
        recordings=dataclasses.replace(all_recordings, files=files),
    )


def _songs() -> list[str]:
    """Return the names of the songs: no disgust, surprise or strong neutral, and no actor 18."""
    fields = product(range(1, 7), (1, 2), (1, 2), (1, 2), (n for n in range(1, 25) if n != 18))
    return [
        f"03-02-{emotion:02d}-{intensity:02d}-{statement:02d}-{repetition:02d}-{actor:02d}"
        for emotion, intensity, statement, repetition, actor in fields
        if (emotion, intensity) != (1, 2)
    ]


def _row(utterance: str, path: os.PathLike) -> dict[str, object]:
    fields = PATTERN.fullmatch(utterance)
    actor = fields["actor"]
    return {
        "utterance": utterance,
        "path": path,
        "speaker": actor,
        "sex": "male" if int(actor) % 2 else "female",
        "emotion": EMOTION_OF[fields["emotion"]],
        "language": "en",
        "sentence": fields["statement"],
        "intensity": INTENSITY_OF[fields["intensity"]],
        "split": FOLD_OF[actor],
    }
