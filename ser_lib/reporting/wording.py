"""Numbers and names in running text."""

from collections.abc import Iterable

from ser_lib.reporting.formatting import escape


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


def listing(names: Iterable[str]) -> str:
    """
    List names in italics.

    Examples
    --------
    >>> listing(["anger", "fear", "joy"])
    '*anger*, *fear* and *joy*'
    """
    names = [f"*{escape(name)}*" for name in names]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
