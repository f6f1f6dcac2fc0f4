"""A figure is shown with a sentence, which is its alternative text as well."""

import IPython.display

from plots.gallery import built
from ser_lib import plots


def test_the_sentence_stands_below_the_figure_and_in_its_place(monkeypatch):
    shown = []
    monkeypatch.setattr(
        IPython.display, "display", lambda thing, **kind: shown.append((thing, kind))
    )
    figure = built("class_counts")
    plots.show(figure, "Most are *anger* (`12`).")
    (first, kind), (second, _) = shown
    assert first is figure
    assert kind == {"metadata": {"image/png": {"alt": "Most are anger (12)."}}}
    assert second.data == "Most are *anger* (`12`)."
