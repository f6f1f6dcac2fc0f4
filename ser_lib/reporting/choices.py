"""On which corpora the defaults of systems were chosen, and what that means for a page."""

import re
from collections.abc import Sequence

from ser_lib import systems
from ser_lib.reporting.formatting import code, escape
from ser_lib.reporting.rows import Row

_CHOSEN = """**Choices were made on this corpus.** The defaults of {systems} were chosen on
development speakers, who are test speakers of other folds: their scores here may be too high by
what those choices gained. Rows named *nested choice* are free of the choice among the trials of
their system's search space, which is made inside each fold. No default was chosen on another
corpus.{kept}"""
_CONFIRMATION = """**No default was chosen on this corpus.** Those of {systems} were chosen on
development speakers of {corpora}.{kept}"""
_KEPT = """ But what is fused, and which variant of our own systems is kept, was decided when the
scores of earlier variants on this corpus were known: fusions and systems of our own confirm less
here than the published ones do."""
_SCORED = """ And earlier variants were scored on its test speakers before the present ones were
kept."""
SCORED_BEFORE = frozenset({"emodb", "ravdess"})
"""Corpora on which earlier variants were scored before the present ones were kept."""
CHOSEN_ON = re.compile(r"[Cc]hosen on development speakers of ([\w-]+)")
"""How a system says on which corpus its defaults were chosen: in one of its deviations."""


def chosen(rows: Sequence[Row]) -> dict[str, list[str]]:
    """List, by the name of a corpus as systems write it, those whose defaults were chosen on it."""
    found: dict[str, set[str]] = {}
    for row in rows:
        if row.values["variant"] == "default":
            for corpus in CHOSEN_ON.findall(" ".join(row.record["deviations"])):
                found.setdefault(corpus, set()).add(row.values["system"])
    return {corpus: sorted(names) for corpus, names in found.items()}


def chosen_on(corpus: str, rows: Sequence[Row]) -> list[str]:
    """List the systems, without fusions, whose defaults were chosen on a corpus."""
    found = {name.lower(): own for name, own in chosen(rows).items()}
    return [system for system in found.get(corpus, []) if system in systems.names()]


def note(rows: Sequence[Row]) -> list[str]:
    """
    Say whose defaults were chosen on the corpus of some rows, or else on which they were chosen.

    A paragraph in Markdown; none where no system says that its defaults were chosen.
    """
    here, found = rows[0].record["corpus"], chosen(rows)
    if not found:
        return []
    own = {corpus: names for corpus, names in found.items() if corpus.lower() == here}
    named = ", ".join(sorted({code(name) for names in (own or found).values() for name in names}))
    corpora = escape(", ".join(sorted(found)))
    kept = (_SCORED if own else _KEPT) if here in SCORED_BEFORE else ""
    return [(_CHOSEN if own else _CONFIRMATION).format(systems=named, corpora=corpora, kept=kept)]
