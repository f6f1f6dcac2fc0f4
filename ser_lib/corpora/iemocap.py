"""
IEMOCAP, the Interactive Emotional Dyadic Motion Capture database.

Five sessions, in each a woman and a man improvise scenes and play scripts: 10,039 utterances, each
labelled by several annotators. An utterance is called by its dialogue and turn, for example
``Ses01F_impro01_M003``: session 1, the woman wears the markers, improvisation 1, the man speaks.
Its label, on which most annotators agreed, is in ``SessionN/dialog/EmoEvaluation/<dialogue>.txt``,
in a line such as ``[6.29 - 8.24]  Ses01F_impro01_F000  neu  [2.5, 2.5, 2.5]``.

The licence does not allow passing it on: registration is at https://sail.usc.edu/iemocap/.
"""

import os
import re
from pathlib import Path

from ser_lib.corpora import discovery as find
from ser_lib.corpora.corpus import Corpus, make_table
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
OBTAIN = (
    "It cannot be downloaded here: register at https://sail.usc.edu/iemocap/ and unpack what you "
    "are given below the data folder."
)
PROTOCOL = "leave_one_session_out"

PATTERN = re.compile(
    r"(?P<dialogue>Ses0(?P<session>[1-5])[FM]_(?P<kind>impro|script)\d\d[a-z]?(_\d[a-z]?)?)"
    r"_(?P<speaker>[FM])\d{3}"
)
DIALOGUE = re.compile(r"Ses0[1-5][FM]_(impro|script)\d\d[a-z]?(_\d[a-z]?)?")
LINE = re.compile(
    r"^\[[^\]\n]*\][ \t]+(?P<utterance>\S+)[ \t]+(?P<label>\S+)[ \t]+\[", re.MULTILINE
)
UTTERANCES = 10_039
NO_AGREEMENT = "xxx"
EMOTION_OF = {
    "ang": "anger",
    "dis": "disgust",
    "exc": "excitement",
    "fea": "fear",
    "fru": "frustration",
    "hap": "happiness",
    "neu": "neutral",
    "oth": "other",
    "sad": "sadness",
    "sur": "surprise",
}
_FOUR = {label: EMOTION_OF[label] for label in ("ang", "hap", "neu", "sad")}
# Per subset: emotion by label, and whether scripted dialogues belong to it.
SUBSETS = {
    "excitement_merged_4": (_FOUR | {"exc": "happiness"}, True),
    "improvised_4": (_FOUR, False),
    "all": (EMOTION_OF, True),
}


def load(data: str | os.PathLike, *, subset: str = "excitement_merged_4") -> Corpus:
    """
    Load IEMOCAP from its official folders (``SessionN/dialog``, ``SessionN/sentences``).

    Parameters
    ----------
    data : path
        Where corpora lie.
    subset : {"excitement_merged_4", "improvised_4", "all"}
        "excitement_merged_4": anger, happiness, neutral and sadness, with excitement counted as
        happiness (5,531 utterances); "improvised_4": the same four without excitement, improvised
        dialogues only; "all": every utterance on which the annotators agreed, in ten classes.
        Utterances without agreement ("xxx") have no label and belong to none of them; "other" are
        those whose annotators agreed that no category fits.

    Returns
    -------
    Corpus
        ``speaker`` is session and sex ("1F"), ``session`` "1" to "5"; the words differ from
        utterance to utterance and ``sentence`` is missing.

    Raises
    ------
    InputError
        For an unknown subset or label, or if recordings or EmoEvaluation files are not there.
    """
    if subset not in SUBSETS:
        raise unknown("subset of iemocap", subset, SUBSETS)
    example = "Ses01F_impro01_F000.wav"
    folder, files = find.locate(data, NAME, PATTERN, example=example, obtain=OBTAIN)
    labels = _labels(folder, files)
    # The recordings of whole dialogues belong to the corpus as well, but are no utterances.
    turns = [path for path in files if not DIALOGUE.fullmatch(path.stem)]
    recordings = find.choose(NAME, folder, turns, PATTERN, labels)
    find.warn_if_incomplete(NAME, len(recordings.files), UTTERANCES)
    emotion_of, scripted = SUBSETS[subset]
    rows = [
        _row(utterance, path, emotion_of[labels[utterance]])
        for utterance, path in recordings.files.items()
        if labels[utterance] in emotion_of and (scripted or "_impro" in utterance)
    ]
    if not rows:
        raise InputError(
            f"{NAME}: none of the {len(recordings.files)} labelled recordings in {folder} belongs "
            f"to the subset {subset!r}; expected labels {', '.join(emotion_of)}"
        )
    return Corpus(
        name=NAME,
        title=TITLE,
        version=VERSION,
        licence=LICENCE,
        citation=BIBTEX,
        table=make_table(rows),
        subset=subset,
        protocol=PROTOCOL,
        remotes=REMOTES,
        reference=find.names_only(list(labels)),
        recordings=recordings,
    )


def _labels(folder: Path, files: list[Path]) -> dict[str, str]:
    """Read the label of each utterance from the evaluation files of the dialogues."""
    labels: dict[str, str] = {}
    for path in files:
        # Folders below hold the votes of single annotators, under longer names.
        if path.suffix.lower() != ".txt" or path.parent.name.lower() != "emoevaluation":
            continue
        if not DIALOGUE.fullmatch(path.stem):
            continue
        for line in LINE.finditer(path.read_text(encoding="latin-1")):
            utterance, label = line["utterance"], line["label"]
            if label not in EMOTION_OF and label != NO_AGREEMENT:
                raise unknown(
                    f"label of {utterance} in {path}:", label, [*EMOTION_OF, NO_AGREEMENT]
                )
            if labels.setdefault(utterance, label) != label:
                raise InputError(
                    f"{path}: {utterance} is labelled {label!r}, and {labels[utterance]!r} in "
                    "another copy of this file; expected one label per utterance"
                )
    if not labels:
        raise InputError(
            f"{NAME}: no labels found below {folder}; expected files such as "
            "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"
        )
    return labels


def _row(utterance: str, path: Path, emotion: str) -> dict[str, object]:
    fields = PATTERN.fullmatch(utterance)
    return {
        "utterance": utterance,
        "path": path,
        "speaker": fields["session"] + fields["speaker"],
        "sex": {"F": "female", "M": "male"}[fields["speaker"]],
        "emotion": emotion,
        "language": "en",
        "session": fields["session"],
    }
