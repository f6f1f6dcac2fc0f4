"""Numbers and names in running text."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ser_lib.reporting.formatting import escape

if TYPE_CHECKING:
    import pandas as pd


def count(n: int, noun: str) -> str:
    """
    Write a number of things.

    Examples
    --------
    >>> count(1, "fold"), count(10_000, "fold")
    ('1 fold', '10,000 folds')
    """
    return f"{int(n):,} {noun}" if int(n) == 1 else f"{int(n):,} {noun}s"


def percent(fraction: float) -> str:
    """
    Write a fraction in per cent.

    Examples
    --------
    >>> percent(0.123)
    '12 %'
    """
    return f"{100 * fraction:.0f} %"


def italic(name: object) -> str:
    """
    Write a name in italics, as Markdown.

    Examples
    --------
    >>> italic("anger")
    '*anger*'
    """
    return f"*{escape(name)}*"


def listing(names: Iterable[str], write: Callable[[str], str] = italic) -> str:
    """
    List names, in italics unless `write` writes them otherwise.

    Examples
    --------
    >>> listing(["anger", "fear", "joy"])
    '*anger*, *fear* and *joy*'
    """
    names = [write(name) for name in names]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def confusions_of(counts: "pd.DataFrame", write: Callable[[str], str]) -> str:
    """
    Say which emotions are recognised best and least, and what is confused most often.

    Parameters
    ----------
    counts : pd.DataFrame
        Confusion matrix, rows true; emotions without a row of their own are left out.
    write : callable
        Writes the name of an emotion.
    """
    counts = counts[counts.sum(axis=1) > 0]
    shares = counts.div(counts.sum(axis=1), axis=0)
    recall = {name: shares.loc[name, name] for name in shares.index}
    highest, lowest = max(recall.values()), min(recall.values())
    best, least = ([name for name, v in recall.items() if v == end] for end in (highest, lowest))
    if highest == lowest:
        text = f"Recall is {percent(highest)} for every emotion"
    else:
        text = f"Best recognised: {listing(best, write)} ({percent(highest)}); least: "
        text += f"{listing(least, write)} ({percent(lowest)})"
    wrong = shares.copy()
    for name in wrong.index:
        wrong.loc[name, name] = 0.0
    if not wrong.to_numpy().any():
        return f"{text}. Nothing is confused."
    true, predicted = wrong.stack().idxmax()
    share = percent(wrong.loc[true, predicted])
    return f"{text}. Largest confusion: {share} of {write(true)} is taken for {write(predicted)}."
