"""Numbers are written to be read, and other people's texts as they are."""

import pytest

from ser_lib.reporting.formatting import code, duration, escape, markdown_table


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (7300, "2 h 1 min")]
)
def test_times_are_readable(seconds, text):
    assert duration(seconds) == text


@pytest.mark.parametrize("text", ["<img src=x>", "a | b", "[a](b)", "*a*", "`a`", "two\n# lines"])
def test_texts_are_shown_as_they_are(text):
    from html import unescape
    from re import sub

    from nbconvert.filters import markdown2html

    page = markdown2html(markdown_table(["text"], [[escape(text)]]))
    (cell,) = [unescape(x.split("</td>")[0]) for x in page.split("<td>")[1:]]
    assert sub(r"\s+", " ", cell).strip() == " ".join(text.split())


def test_code_cannot_end_early():
    assert code("a`b") == "`a'b`"
