"""What listeners reach on the recordings of a corpus, for comparison."""

from collections.abc import Mapping, Sequence

import numpy as np

from ser_lib.reporting.formatting import escape


def paragraph(records: Sequence[Mapping]) -> list[str]:
    """
    Say what UAR the listeners of a corpus reach, given the records of its evaluations.

    The recall of a class is the mean fraction of listeners who recognised its utterances. There is
    no paragraph if no record knows it.
    """
    for record in records:
        recalls = record.get("listeners")
        if recalls:
            each = ", ".join(
                f"{escape(emotion)} {recall:.3f}" for emotion, recall in recalls.items()
            )
            return [
                f"Listeners: UAR {np.mean(list(recalls.values())):.3f}, the mean per-class "
                f"recognition published with the corpus ({each}). Where only recordings that "
                "listeners recognised were published, as of EmoDB, people reach less on others."
            ]
    return []
