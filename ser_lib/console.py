"""Progress bars and tables for a terminal."""

import sys
from collections.abc import Iterable, Sequence

from tqdm import tqdm


class Bar(tqdm):
    """A bar that is removed at its end, also when it was shown before its delay."""

    def move_to(self, done: float) -> None:
        """Show how many steps are done, the one that is being done as a fraction."""
        self.update(done - self.n)

    @property
    def format_dict(self) -> dict[str, object]:
        """What is shown: steps with two decimals, or none."""
        shown = super().format_dict
        done = round(shown["n"], 2)
        return shown | {"n": int(done) if done == int(done) else done}

    def refresh(self, *arguments: object, **options: object) -> bool | None:
        """Show the bar now."""
        # tqdm takes a bar that ends within its delay for one that was never shown, and leaves it.
        self.delay = 0
        return super().refresh(*arguments, **options)


def progress(
    iterable: Iterable | None = None, *, total: int | None = None, description: str = "", **options
) -> Bar:
    """
    Show a progress bar on standard error for anything that takes longer than a second.

    Parameters
    ----------
    iterable : iterable, optional
        The steps; without it the caller moves the bar by ``update``.
    total : int, optional
        Number of steps, if `iterable` has no length.
    description : str
        What is being done.
    **options
        Passed to `tqdm.tqdm`, for example ``unit="file"`` or ``disable=True``. With ``False`` the
        environment variable ``TQDM_DISABLE`` still hides all bars.

    Returns
    -------
    Bar
        A `tqdm.tqdm`, to iterate over or to move.
    """
    if options.get("disable") is False:
        del options["disable"]
    settings = {"delay": 1.0, "leave": False, "dynamic_ncols": True, "file": sys.stderr}
    # By default tqdm waits for as many steps as were done between the last two looks at the bar,
    # and would not show the parts of a long one after many short ones.
    settings |= {"miniters": 0} | options
    return Bar(iterable, total=total, desc=description, **settings)


def table(rows: Iterable[Sequence], columns: Sequence[str]) -> str:
    """
    Align rows of text and numbers under their column names.

    Parameters
    ----------
    rows : iterable of sequences
        Each as long as `columns`; None is shown as an empty cell.
    columns : sequence of str
        The headings.

    Returns
    -------
    str
        Lines without trailing spaces; columns of numbers are aligned to the right.

    Examples
    --------
    >>> print(table([("svm", 3), ("cnn_lstm", 12)], ("system", "folds")))
    system    folds
    svm           3
    cnn_lstm     12
    """
    rows = [list(row) for row in rows]
    numeric = [
        all(isinstance(row[i], int | float) or row[i] is None for row in rows)
        for i in range(len(columns))
    ]
    cells = [[str(c) for c in columns]]
    cells += [["" if cell is None else str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        ).rstrip()
        for line in cells
    )
