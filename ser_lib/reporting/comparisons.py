"""Which differences between systems are more than chance: paired, under one normalisation."""

from collections.abc import Sequence

from ser_lib.evaluation.significance import ALPHA, compare_all, conclude, smallest_p
from ser_lib.reporting.formatting import code, escape, markdown_table
from ser_lib.reporting.rows import Row, one_per_system

REFERENCE = "svm"
"""With what the others are compared: the simplest of the published systems."""

READ = f"""Below each ranking the systems are compared in pairs: each, in the row that is closest to
its defaults and has three seeds, if one has, with `{REFERENCE}` (or, where that is missing, with
the first), speaker by speaker on the same utterances. *p* is that of a permutation test over
speakers; with several seeds, the larger of that and of Student's test over speakers and seeds; of a
system with one seed it is that one training which is compared. *Corrected p* allows for the number
of comparisons (Holm); in bold, at most 0.05."""
"""How to read what `section` writes."""


def section(rows: Sequence[Row]) -> list[str]:
    """
    Compare the systems of a ranking with one of them: paragraphs in Markdown.

    Parameters
    ----------
    rows : sequence of Row
        Of the same recordings, classes, protocol and normalisation, the best first.

    Returns
    -------
    list of str
        What follows from the comparisons, the smallest p they can give, and their table. The
        reference is `REFERENCE` if it is among them, else the first. Nothing where there are fewer
        than two systems, fewer than two speakers, or utterances whose speaker is not known.
    """
    predictions = {row.values["system"]: row.evaluation.rows() for row in one_per_system(rows)}
    speakers = [frame["speaker"] for frame in predictions.values()]
    known = all(names.notna().all() and names.nunique() > 1 for names in speakers)
    if len(predictions) < 2 or not known:
        return []
    reference = REFERENCE if REFERENCE in predictions else next(iter(predictions))
    differences = compare_all(predictions, reference=reference)
    speakers, n = int(differences["speakers"].max()), len(differences)
    smallest = smallest_p(speakers)
    attainable = (
        f"Over {speakers} speakers no p can be below {smallest:.2g}, and no corrected p of {n} "
        f"comparison{'s' * (n > 1)} below {min(1.0, n * smallest):.2g}."
    )
    table = [
        [
            code(row.first),
            f"{row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]",
            f"{row.p:.2g}",
            f"**{row.p_holm:.2g}**" if row.p_holm <= ALPHA else f"{row.p_holm:.2g}",
        ]
        for row in differences.itertuples()
    ]
    headings = ["system", f" UAR less that of {code(reference)} [95 %]", " p", " corrected p"]
    return [f"**{escape(conclude(differences))}** {attainable}", markdown_table(headings, table)]
