"""
EmoDB, the Berlin Database of Emotional Speech.

Ten actors (five women, five men) say ten German sentences in seven emotions. Published are the 535
recordings that listeners recognised and judged natural (16 kHz, 16 bit, mono). Files are named
``SSTTTEv.wav``: two digits for the speaker, three characters for the sentence, one letter for the
emotion (of the German word), one letter for the take. All speakers say the same sentences, so that
the words of a test speaker occur in the training set under every protocol.

The archive that can be downloaded is the audformat edition, which has a published checksum. The
original archive (``http://emodb.bilderbar.info/download/download.zip``) has none; unpacked by hand
it is found as well, and `Corpus.validate` compares each of its files. EmoDB 2.0 is another release
with other files; of its recordings and laryngograms, which share their names, the published
recordings are taken.

The original archive has ``erkennung.txt``: of each utterance, the percentage of the twenty
listeners who recognised the emotion, and of those who found it natural. Where it lies beside the
recordings, the table has the first as a fraction in the column ``recognised``.

The edition is published under CC BY 4.0; another catalogue lists it as CC0-1.0. Cite the paper.
"""

import os
import re
from pathlib import Path

from ser_lib.corpora import discovery
from ser_lib.corpora.corpus import Contents
from ser_lib.corpora.table import LISTENERS
from ser_lib.download import Remote
from ser_lib.errors import InputError

NAME = "emodb"
TITLE = "Berlin Database of Emotional Speech (EmoDB)"
VERSION = "1.3.0"
LICENCE = "CC BY 4.0"
BIBTEX = """@inproceedings{burkhardt2005database,
  title     = {A database of {German} emotional speech},
  author    = {Burkhardt, Felix and Paeschke, Astrid and Rolfes, Miriam and Sendlmeier, Walter F.
               and Weiss, Benjamin},
  booktitle = {Proc. Interspeech 2005},
  pages     = {1517--1520},
  year      = {2005},
  doi       = {10.21437/Interspeech.2005-446}
}"""
REMOTES = (
    Remote(
        url="https://zenodo.org/records/7447302/files/emodb.zip",
        checksum="md5:9d21362dbc5676ef3ab4745d83ced0db",
        filename="emodb.zip",
    ),
)
HOW_TO_GET = "Get it with `ser fetch emodb`."
PROTOCOL = "leave_one_speaker_out"
SPEECH = "acted"

PATTERN = re.compile(r"(?P<speaker>\d\d)(?P<sentence>[ab]\d\d)(?P<emotion>[WLEAFTN])[a-z]")
EMOTION_OF = {
    "W": "anger",  # Wut
    "L": "boredom",  # Langeweile
    "E": "disgust",  # Ekel
    "A": "fear",  # Angst
    "F": "happiness",  # Freude
    "T": "sadness",  # Trauer
    "N": "neutral",
}
SEX_OF = dict.fromkeys(("08", "09", "13", "14", "16"), "female")
SEX_OF |= dict.fromkeys(("03", "10", "11", "12", "15"), "male")
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
JUDGEMENTS = "erkennung.txt"


def load(data: str | os.PathLike) -> Contents:
    """
    Load EmoDB: original layout (``wav/``), audformat edition (``emodb/wav/``) or any other.

    Returns
    -------
    Contents
        535 utterances; ``sentence`` is the code of `SENTENCES`, ``recognised`` the fraction of
        listeners, in [0, 1], who recognised the emotion.

    Raises
    ------
    InputError
        If there are no recordings, or `JUDGEMENTS` is not as published.
    """
    reference = discovery.read_index(NAME)
    recordings = discovery.find_recordings(
        data, NAME, PATTERN, reference, example="03a01Fa.wav", how_to_get=HOW_TO_GET
    )
    discovery.warn_if_incomplete(NAME, len(recordings.files), len(reference))
    rows = [_row(name, path) for name, path in recordings.files.items()]
    judgements = [path for path in discovery.walk(recordings.folder) if path.name == JUDGEMENTS]
    if judgements:
        recognised = read_recognition(judgements[0])
        rows = [row | {LISTENERS: recognised.get(row["utterance"])} for row in rows]
    return Contents(rows=rows, reference=reference, recordings=recordings)


def _row(utterance: str, path: os.PathLike) -> dict[str, object]:
    fields = PATTERN.fullmatch(utterance)
    return {
        "utterance": utterance,
        "path": path,
        "speaker": fields["speaker"],
        "sex": SEX_OF[fields["speaker"]],
        "emotion": EMOTION_OF[fields["emotion"]],
        "language": "de",
        "sentence": fields["sentence"],
    }


def read_recognition(path: Path) -> dict[str, float]:
    """
    Read the fraction of listeners, in [0, 1], who recognised each utterance.

    The file has a line per recording, published or not, after a heading: number, file name, and two
    percentages with a decimal comma, separated by tabs and padded with no-break spaces, in Latin-1.
    """
    recognised = {}
    for number, line in enumerate(path.read_text(encoding="latin-1").splitlines()[1:], start=2):
        fields = [field.strip() for field in line.split("\t")]
        if fields == [""]:
            continue
        try:
            utterance, percentage = (
                fields[1].removesuffix(".wav"),
                float(fields[2].replace(",", ".")),
            )
            if not (PATTERN.fullmatch(utterance) and 0 <= percentage <= 100):
                raise ValueError
        except (IndexError, ValueError):
            raise InputError(
                f"{path}: line {number} is {line!r}; expected a number, a file name such as "
                "03a01Fa.wav and percentages such as 90,00, separated by tabs"
            ) from None
        recognised[utterance] = percentage / 100
    return recognised
