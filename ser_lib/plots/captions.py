"""Figures in a notebook, each with a sentence on what to see in it."""

import html
import re

from matplotlib.figure import Figure


def show(fig: Figure, sentence: str) -> None:
    """
    Display a figure in a notebook, and below it a sentence on what to see in it.

    The sentence is the figure's alternative text as well, for readers who cannot see it.

    Parameters
    ----------
    fig : Figure
        One of those that `ser_lib.plots` draws.
    sentence : str
        Markdown; true of the data that were drawn.
    """
    from IPython.display import Markdown, display

    plain = html.unescape(re.sub(r"[*`]|\\(?=[^\w\s])", "", sentence)).replace('"', "'")
    display(fig, metadata={"image/png": {"alt": plain}})
    display(Markdown(sentence))
