"""Which differences between systems are more than chance: paired, under one normalisation."""

from collections.abc import Sequence

import pandas as pd

from ser_lib.evaluation.significance import (
    ALPHA,
    EXACT_UP_TO,
    PERMUTATIONS,
    compare_all,
    conclude,
    smallest_p,
)
from ser_lib.reporting import cells
from ser_lib.reporting.formatting import code, escape, markdown_table
from ser_lib.reporting.rows import Row, one_per_system
from ser_lib.systems import Majority

REFERENCE = "svm"
"""With what the others are compared, beside the best: the simplest of the published systems."""

READ = f"""Below each ranking the systems are compared in pairs: each, in the row that is closest to
its defaults and has three seeds, if one has, with `{REFERENCE}` and with the first, speaker by
speaker on the same utterances. *p* is that of a permutation test over speakers; with several seeds,
the larger of that and of Student's test over speakers and seeds; of a system with one seed it is
that one training which is compared. *Corrected p* allows for the number of comparisons with the
same system (Holm); in bold, at most 0.05. Intervals are those of one comparison, not corrected.
The first system was found by these same scores, so that its lead is somewhat too large."""
"""How to read what `section` writes."""


def section(rows: Sequence[Row]) -> list[str]:
    """
    Compare the systems of a ranking with two of them: paragraphs in Markdown.

    Parameters
    ----------
    rows : sequence of Row
        Of the same recordings, classes, protocol and normalisation, the best first.

    Returns
    -------
    list of str
        What follows from the comparisons with `REFERENCE`, if it is among them, and with the first,
        the smallest p they can give, and their table. Nothing where there are fewer than two
        systems, fewer than two speakers, or utterances whose speaker is not known.
    """
    chosen = {row.values["system"]: row for row in one_per_system(rows)}
    predictions = {system: row.evaluation.rows() for system, row in chosen.items()}
    speakers = [frame["speaker"] for frame in predictions.values()]
    known = all(names.notna().all() and names.nunique() > 1 for names in speakers)
    if len(predictions) < 2 or not known:
        return []
    first = next(iter(predictions))
    references = [REFERENCE, first] if REFERENCE in predictions else [first]
    compared = {
        reference: compare_all(predictions, reference=reference)
        for reference in dict.fromkeys(references)
    }
    # As many with each.
    speakers, n = int(compared[first]["speakers"].max()), len(compared[first])
    smallest = smallest_p(speakers)
    drawn = "" if speakers <= EXACT_UP_TO else f" and with {PERMUTATIONS:,} random permutations"
    attainable = (
        f"Over {speakers} speakers{drawn} no p can be below {smallest:.2g}, and no corrected p of "
        f"{n} comparison{'s' * (n > 1)} below {min(1.0, n * smallest):.2g}."
    )
    found = {reference: _cells(differences) for reference, differences in compared.items()}
    headings = ["system"]
    for reference in compared:
        headings += [f" UAR less that of {code(reference)} [95 %]", " p", " corrected p"]
    table = []
    for system in predictions:
        # That of a system with itself stays empty.
        own = [found[reference].get(system, [""] * 3) for reference in compared]
        if any(map(any, own)):
            name = cells.system(chosen[system])
            table.append([name, *(cell for part in own for cell in part)])
    # With one seed it is one training that is ahead or behind.
    once = {
        system: f"{system} (one seed)"
        for system, row in chosen.items()
        if row.values["seeds"] == 1 and system != Majority.name
    }
    sentences = [
        f"**{escape(conclude(differences.replace({'first': once, 'second': once})))}**"
        for differences in compared.values()
    ]
    return ["\n\n".join([*sentences, attainable]), markdown_table(headings, table)]


def _cells(differences: pd.DataFrame) -> dict[str, list[str]]:
    """Write difference, p and corrected p of each system that was compared."""
    return {
        row.first: [
            f"{row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]",
            f"{row.p:.2g}",
            f"**{row.p_holm:.2g}**" if row.p_holm <= ALPHA else f"{row.p_holm:.2g}",
        ]
        for row in differences.itertuples()
    }
