"""Durations, tables and other people's texts, written in Markdown."""

import html
import re
import urllib.parse
from collections.abc import Sequence

# Characters that would begin a link, an image, emphasis, code or a column; underscores inside words
# do not, and at the beginning of a line those that begin a heading or a list.
_MARKUP = re.compile(
    r"([\\`*\[\]|]|~(?=~)|(?<!\w)_|_(?!\w)|^(?:#+|[-+=]+|\d+(?=[.)]))(?=[.)]?(?:\s|$)))"
)
# Characters that move a cursor, or turn the direction of what follows.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def duration(seconds: float) -> str:
    """
    Write a time in at most two units.

    Examples
    --------
    >>> duration(0.42), duration(75), duration(4000)
    ('0.4 s', '1 min 15 s', '1 h 6 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def escape(text: object) -> str:
    r"""
    Write a text from data or a record so that Markdown and HTML show it as it is.

    Examples
    --------
    >>> print(escape("<b>a|b</b> [x](y)"))
    &lt;b&gt;a\|b&lt;/b&gt; \[x\](y)
    """
    escaped = html.escape(_MARKUP.sub(_escaped, one_line(text)), quote=False)
    # Formulas end nowhere in Markdown's rules.
    return escaped.replace("$", "&#36;")


def _escaped(match: re.Match) -> str:
    mark = match[0]
    return f"{mark}\\" if mark.isdigit() else f"\\{mark}"


def one_line(text: object) -> str:
    """Write a text in one line, without characters that are no text."""
    return " ".join(_CONTROLS.sub(" ", str(text)).split())


def address(path: object) -> str:
    """
    Write a path as the target of a link.

    Examples
    --------
    >>> address("a (1)/b.csv")
    'a%20%281%29/b.csv'
    """
    return urllib.parse.quote(str(path))


def short_title(title: str) -> str:
    """
    Return the abbreviation that ends the title of a corpus, or else the title.

    Examples
    --------
    >>> short_title("Berlin Database of Emotional Speech (EmoDB)")
    'EmoDB'
    """
    found = re.search(r"\(([A-Z][\w-]*)\)$", title)
    return found[1] if found else title


def code(text: object) -> str:
    """
    Write a text as code.

    Examples
    --------
    >>> code("leave_one_speaker_out")
    '`leave_one_speaker_out`'
    """
    line = one_line(text).replace("`", "'")
    # Between backticks a bar would still end the cell of a table.
    return f"<code>{escape(line)}</code>" if "|" in line else f"`{line}`"


def with_code(text: str) -> str:
    r"""
    Write a text in which code stands between backticks.

    Examples
    --------
    >>> print(with_code("The `weights` of [x] are `None`."))
    The `weights` of \[x\] are `None`.
    """
    # What is between pairs of backticks has an odd place; a backtick without a partner is text.
    parts = re.split(r"`([^`]+)`", one_line(text))
    parts[1::2] = map(code, parts[1::2])
    parts[::2] = [re.sub(r"\S(.*\S)?", lambda plain: escape(plain[0]), part) for part in parts[::2]]
    return "".join(parts)


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """
    Lay out a table in Markdown; a column whose heading starts with a space is aligned right.

    Cells are Markdown: texts from data go through `escape` first.

    Examples
    --------
    >>> print(markdown_table(["system", " UAR"], [["svm", "0.691"]]))
    | system | UAR |
    |---|---:|
    | svm | 0.691 |
    """
    lines = [[column.strip() for column in columns], *[[str(c) for c in row] for row in rows]]
    head, *body = ["| " + " | ".join(line) + " |" for line in lines]
    rule = "|" + "|".join("---:" if column.startswith(" ") else "---" for column in columns) + "|"
    return "\n".join([head, rule, *body])
