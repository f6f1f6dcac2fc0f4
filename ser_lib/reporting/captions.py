"""What the pictures of a page show, in words and numbers: captions and alternative texts."""

from collections.abc import Sequence

import pandas as pd

from ser_lib.evaluation.predictions import with_limits
from ser_lib.reporting.formatting import address, escape
from ser_lib.reporting.rows import Row
from ser_lib.reporting.wording import confusions_of, count


def picture(path: str, shows: str, caption: str) -> str:
    """Show a picture: its alternative text, and its caption below it."""
    return f"![{escape(shows)}]({address(path)})\n\n*{escape(caption)}*"


def leaderboard_name(number: int) -> str:
    """Name the figure of the ranking of that number, from 0."""
    return f"leaderboard-{number + 1}" if number else "leaderboard"


def leaderboard(rows: Sequence[Row]) -> tuple[str, str]:
    """Return the alternative text and the caption of the leaderboard of some rows."""
    parts: dict[str, list[str]] = {}
    for row in rows:
        score = with_limits(*(row.values[name] for name in ("uar", "uar_low", "uar_high")))
        own = parts.setdefault(row.values["normalisation"], [])
        own.append(f"{row.values['system']} {score}")
    listed = "; ".join(f"normalisation {name}: {', '.join(own)}" for name, own in parts.items())
    return (
        f"UAR with 95 % intervals, {listed}.",
        "Pooled UAR of each system, in the row that is closest to its defaults and has three "
        "seeds, if one has; lines are 95 % intervals, hollow points have fewer than three seeds. "
        "One panel for each normalisation, which are not to be compared. The axis does not begin "
        "at zero.",
    )


def confusions(row: Row) -> tuple[str, str]:
    """Return the alternative text and the caption of a confusion matrix."""
    return (
        f"Confusion matrix of {row.title}. {confusions_of(row.evaluation.confusion(), str)}",
        "Rows are the true emotions and sum to 100 %, columns the predicted ones; small numbers "
        "count predictions of all folds and seeds.",
    )


def recalls(row: Row) -> tuple[str, str]:
    """Return the alternative text and the caption of the recalls of the emotions."""
    table = row.evaluation.per_class()
    limits = table[["recall", "recall_low", "recall_high"]].dropna(subset="recall")
    listed = ", ".join(f"{name} {with_limits(*own)}" for name, *own in limits.itertuples())
    return (
        f"Recall of each emotion by {row.title}: {listed}.",
        "Recall of each emotion; lines are 95 % intervals over speakers and seeds, in parentheses "
        "stands the number of utterances, and the dashed line is chance.",
    )


def trials(system: str, table: pd.DataFrame) -> tuple[str, str]:
    """Return the alternative text and the caption of the trials of a system."""
    scores = table.dropna(subset="dev_uar").set_index("trial")["dev_uar"]
    best = scores.idxmax()
    default = f", default {scores['default']:.3f}" if "default" in scores else ""
    marked = "default" in scores
    default = "" if best == "default" else default
    least = f"{default}, least {scores.min():.3f}" if len(scores) > 1 else ""
    return (
        f"Development UAR of {count(len(scores), 'trial')} of {system}: "
        f"{'best ' if len(scores) > 1 else ''}{best} {scores[best]:.3f}{least}.",
        "UAR of the development speakers, for model selection only; on the right the parameters "
        f"that differ from the default{', whose score the dashed line marks' if marked else ''}.",
    )
