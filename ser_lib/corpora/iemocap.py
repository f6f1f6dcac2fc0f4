"""
IEMOCAP, the Interactive Emotional Dyadic Motion Capture database.

In each of five sessions a woman and a man improvise scenes and act scripts: 10,039 utterances, each
labelled by several annotators. An utterance is named by dialogue and turn, for example
``Ses01F_impro01_M003``: session 1, the woman wears the markers, improvisation 1, the man speaks.
The label of the majority of annotators and the means of their ratings of valence, activation and
dominance (1 to 5) are in ``SessionN/dialog/EmoEvaluation/<dialogue>.txt``, in lines such as
``[6.29 - 8.24]  Ses01F_impro01_F000  neu  [2.5, 2.5, 2.5]``.

The licence does not permit redistribution: register at https://sail.usc.edu/iemocap/.
"""

import os
import re
from pathlib import Path

from ser_lib.corpora import discovery
from ser_lib.corpora.corpus import Contents
from ser_lib.corpora.emotions import find_emotion
from ser_lib.errors import InputError, unknown

NAME = "iemocap"
TITLE = "Interactive Emotional Dyadic Motion Capture database (IEMOCAP)"
VERSION = "full release"
LICENCE = "IEMOCAP licence of the University of Southern California: research, on application"
BIBTEX = """@article{busso2008iemocap,
  title   = {{IEMOCAP}: interactive emotional dyadic motion capture database},
  author  = {Busso, Carlos and Bulut, Murtaza and Lee, Chi-Chun and Kazemzadeh, Abe and
             Mower, Emily and Kim, Samuel and Chang, Jeannette N. and Lee, Sungbok and
             Narayanan, Shrikanth S.},
  journal = {Language Resources and Evaluation},
  volume  = {42},
  number  = {4},
  pages   = {335--359},
  year    = {2008},
  doi     = {10.1007/s10579-008-9076-6}
}"""
REMOTES = ()
HOW_TO_GET = (
    "It cannot be downloaded here: register at https://sail.usc.edu/iemocap/ and unpack what you "
    "are given below the data folder."
)
PROTOCOL = "leave_one_session_out"
SPEECH = "acted, partly improvised"

PATTERN = re.compile(
    r"(?P<dialogue>Ses0(?P<session>[1-5])[FM]_(?P<kind>impro|script)\d\d[a-z]?(_\d[a-z]?)?)"
    r"_(?P<speaker>[FM])\d{3}"
)
DIALOGUE = re.compile(r"Ses0[1-5][FM]_(impro|script)\d\d[a-z]?(_\d[a-z]?)?")
LINE = re.compile(
    r"^\[[^\]\n]*\][ \t]+(?P<utterance>\S+)[ \t]+(?P<label>\S+)"
    r"[ \t]+\[((?P<valence>[\d.]+), *(?P<arousal>[\d.]+), *(?P<dominance>[\d.]+)\])?",
    re.MULTILINE,
)
RATINGS = ("valence", "arousal", "dominance")
UTTERANCES = 10_039
NO_AGREEMENT = "xxx"
LABELS = ("ang", "dis", "exc", "fea", "fru", "hap", "neu", "oth", "sad", "sur")
EMOTION_OF = {label: find_emotion(label) for label in LABELS}
_FOUR = {label: EMOTION_OF[label] for label in ("ang", "hap", "neu", "sad")}
# Of each subset: the emotion of each label, and whether it includes scripted dialogues.
SUBSETS = {
    "excitement_merged_4": (_FOUR | {"exc": "happiness"}, True),
    "improvised_4": (_FOUR, False),
    "all": (EMOTION_OF, True),
}


def load(data: str | os.PathLike, *, subset: str = "excitement_merged_4") -> Contents:
    """
    Load IEMOCAP from its official folders (``SessionN/dialog``, ``SessionN/sentences``).

    Parameters
    ----------
    subset : {"excitement_merged_4", "improvised_4", "all"}
        "excitement_merged_4": anger, happiness, neutral and sadness, with excitement labelled
        happiness (5,531 utterances); "improvised_4": these four classes without excitement,
        improvised dialogues only; "all": all utterances with a majority label, in ten classes.
        Utterances without majority ("xxx") have no label and are in no subset; "other" means that
        the majority found no category suitable.

    Returns
    -------
    Contents
        ``speaker`` is session and sex ("1F"), ``session`` "1" to "5"; ``sentence`` is missing, as
        the words differ between utterances. Further columns are ``valence``, ``arousal``
        (activation) and ``dominance``, mean ratings from 1 to 5.
    """
    if subset not in tuple(SUBSETS):
        raise unknown("subset of iemocap", subset, SUBSETS)
    example = "Ses01F_impro01_F000.wav"
    folder, files = discovery.locate(data, NAME, PATTERN, example=example, how_to_get=HOW_TO_GET)
    labels, ratings = _annotations(folder, files)
    # The recordings of complete dialogues belong to the corpus, but are not utterances.
    turns = [path for path in files if not DIALOGUE.fullmatch(path.stem)]
    recordings = discovery.choose(NAME, folder, turns, PATTERN, labels)
    discovery.warn_if_incomplete(NAME, len(recordings.files), UTTERANCES)
    emotion_of, scripted = SUBSETS[subset]
    rows = [
        _row(utterance, path) | {"emotion": emotion_of[labels[utterance]]} | ratings[utterance]
        for utterance, path in recordings.files.items()
        if labels[utterance] in emotion_of and (scripted or "_impro" in utterance)
    ]
    if not rows:
        raise InputError(
            f"{NAME}: none of the {len(recordings.files)} labelled recordings in {folder} is in "
            f"the subset {subset!r}; expected labels {', '.join(emotion_of)}"
        )
    reference = discovery.names_only(list(labels))
    return Contents(rows=rows, subset=subset, reference=reference, recordings=recordings)


def _annotations(
    folder: Path, files: list[Path]
) -> tuple[dict[str, str], dict[str, dict[str, float]]]:
    """Read label and ratings of each utterance from the evaluation files of the dialogues."""
    labels: dict[str, str] = {}
    ratings: dict[str, dict[str, float]] = {}
    for path in files:
        # Folders below contain the votes of single annotators, in files with longer names.
        place = (path.parent.name.lower(), path.suffix.lower())
        if place != ("emoevaluation", ".txt") or not DIALOGUE.fullmatch(path.stem):
            continue
        for line in LINE.finditer(path.read_text(encoding="latin-1")):
            utterance, label = line["utterance"], line["label"]
            if label not in (known := (*EMOTION_OF, NO_AGREEMENT)):
                raise unknown(f"label of {utterance} in {path}:", label, known)
            if labels.setdefault(utterance, label) != label:
                raise InputError(
                    f"{path}: {utterance} is labelled {label!r}, but {labels[utterance]!r} in "
                    "another copy of this file; expected one label per utterance"
                )
            ratings[utterance] = {name: float(line[name]) for name in RATINGS if line[name]}
    if not labels:
        raise InputError(
            f"{NAME}: no labels found below {folder}; expected files such as "
            "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
        )
    return labels, ratings


def _row(utterance: str, path: Path) -> dict[str, object]:
    fields = PATTERN.fullmatch(utterance)
    return {
        "utterance": utterance,
        "path": path,
        "speaker": fields["session"] + fields["speaker"],
        "sex": {"F": "female", "M": "male"}[fields["speaker"]],
        "language": "en",
        "session": fields["session"],
    }
