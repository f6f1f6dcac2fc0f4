"""Which differences between systems are more than chance: paired, under one normalisation."""

from collections.abc import Sequence

from ser_lib.evaluation.significance import compare_all, conclude, smallest_p
from ser_lib.reporting.formatting import code, escape, markdown_table
from ser_lib.reporting.rows import Row, one_per_system

REFERENCE = "svm"
"""With what the others are compared: the simplest of the published systems."""

_READ = """Paired differences of UAR: each system, in its row that is closest to the defaults and has
three seeds, if one has, is compared with {reference}, speaker by speaker on the same utterances. In
brackets stands the 95 % interval; *p* is that of a permutation test over the {speakers} speakers
(with several seeds the larger of that and of Student's test over speakers and seeds), and is at
least {smallest}; *corrected p* allows for {n} comparison{s} (Holm)."""


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
        What follows from the comparisons, how to read them, and their table. The reference is
        `REFERENCE` if it is among them, else the first. Nothing where there are fewer than two
        systems, fewer than two speakers, or utterances whose speaker is not known.
    """
    predictions = {row.values["system"]: row.evaluation.rows() for row in one_per_system(rows)}
    speakers = [frame["speaker"] for frame in predictions.values()]
    known = all(names.notna().all() and names.nunique() > 1 for names in speakers)
    if len(predictions) < 2 or not known:
        return []
    reference = REFERENCE if REFERENCE in predictions else next(iter(predictions))
    differences = compare_all(predictions, reference=reference)
    n = int(differences["speakers"].max())
    read = _READ.format(
        reference=code(reference),
        speakers=n,
        smallest=_p(smallest_p(n)),
        n=len(differences),
        s="s" * (len(differences) > 1),
    )
    table = [
        [
            code(row.first),
            f"{row.difference:+.3f} [{row.low:+.3f}, {row.high:+.3f}]",
            _p(row.p),
            _p(row.p_holm),
        ]
        for row in differences.itertuples()
    ]
    headings = ["system", f" UAR less that of {code(reference)}", " p", " corrected p"]
    return [f"**{escape(conclude(differences))}**", read, markdown_table(headings, table)]


def _p(value: float) -> str:
    """Write a p-value with two digits that count."""
    return f"{value:.4f}" if 0.0001 <= value < 0.01 else f"{value:.2g}"
