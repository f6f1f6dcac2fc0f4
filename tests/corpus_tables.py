"""Corpus tables without any audio, shaped like the corpora of the literature."""

import pandas as pd

EMOTIONS = ("anger", "boredom", "disgust", "fear", "happiness", "sadness", "neutral")
# Utterances of each EmoDB speaker by emotion, in the order above.
EMODB = {
    ("03", "male"): (14, 5, 1, 4, 7, 7, 11),
    ("08", "female"): (12, 10, 0, 6, 11, 9, 10),
    ("09", "female"): (13, 4, 8, 1, 4, 4, 9),
    ("10", "male"): (10, 8, 1, 8, 4, 3, 4),
    ("11", "male"): (11, 8, 2, 10, 8, 7, 9),
    ("12", "male"): (12, 5, 2, 6, 2, 4, 4),
    ("13", "female"): (12, 10, 8, 7, 10, 5, 9),
    ("14", "female"): (16, 8, 8, 12, 8, 10, 7),
    ("15", "male"): (13, 9, 5, 8, 6, 4, 11),
    ("16", "female"): (14, 14, 11, 7, 11, 9, 5),
}


def table_of(rows):
    """Make a corpus table of dictionaries; utterances are numbered if they have no name."""
    table = pd.DataFrame(rows)
    if "utterance" not in table:
        table.insert(0, "utterance", [f"u{i:04d}" for i in range(len(table))])
    for column in ("speaker", "sex", "emotion", "session", "split"):
        if column not in table:
            table[column] = None
    return table.set_index("utterance")
