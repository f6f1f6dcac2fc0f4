"""From the published score to ours, in one row."""

import dataclasses

from stored_evaluations import store

from ser_lib import identity, paths, systems
from ser_lib.reporting import read_rows
from ser_lib.reporting.as_published import section

DEPENDENT = {"protocol": "random_80_20", "folds": ("draw 1",)}


def lines(corpus="folder"):
    text = section(read_rows(paths.reports() / "folder"), corpus)
    return text, [line.split(" | ") for line in text[2].splitlines()[2:]] if text else []


def test_a_row_leads_from_the_published_score_to_ours(tmp_path):
    original = {"variant": "as_published", "sharpness": 3.0}
    source = store(paths.reports(), accuracy=1.0, **original, **DEPENDENT)
    unseen = store(paths.reports(), accuracy=0.4, **original)
    default = store(paths.reports(), accuracy=0.8)
    store(paths.reports(), accuracy=0.9, normalisation="speaker")
    store(paths.reports(), accuracy=0.9, folds=("s1", "s2"), sharpness=4.0)
    text, ((system, published, *ours),) = lines()
    assert text[0] == "## As published"
    assert (system, published) == ("| `tiny`, 3 classes", "WA 0.900")
    for cell, path in zip(ours, (source, unseen, default), strict=True):
        assert f"](runs.md#{path.stem})<br>" in cell
    assert ours[0].startswith("[WA 1.000")
    scores = {row.name: row.values["wa"] for row in read_rows(paths.reports() / "folder")}
    lost = scores[source.stem] - scores[unseen.stem]
    assert text[3].startswith(f"`tiny` as published has {lost:.3f} WA less on unseen speakers")


def test_what_was_tried_to_come_closer_is_told(tmp_path):
    original = systems.make("svm", variant="as_published")
    source, tried = (
        {name: identity.describe(value) for name, value in system.parameters.items()}
        for system in (original, dataclasses.replace(original, truncate=False))
    )
    variant = {"system": "svm", "variant": "as_published", **DEPENDENT}
    store(paths.reports(), parameters=source, accuracy=0.5, **variant)
    path = store(paths.reports(), parameters=tried, sharpness=2.0, accuracy=0.9, **variant)
    text, ((_, _, chosen, *_),) = lines()
    (row,) = [row for row in read_rows(paths.reports() / "folder") if row.name == path.stem]
    assert path.stem not in chosen
    score = f"[WA {row.values['wa']:.3f}](runs.md#{path.stem})"
    assert text[3] == f"With `truncate=False` it has {score} under the source's protocol."


def test_cells_of_what_was_not_measured_are_empty(tmp_path):
    store(paths.reports(), variant="as_published", sharpness=3.0, **DEPENDENT)
    text, ((*_, unseen, default),) = lines()
    assert (unseen, default) == ("", " |")
    assert len(text) == 3
    # A published score of another corpus is none of this one.
    _, ((_, published, *_),) = lines("another")
    assert published == ""


def test_protocols_that_keep_speakers_apart_are_those_of_unseen_speakers(tmp_path):
    score = {"metric": "uar", "value": 0.5, "corpus": "folder", "classes": 3, "remark": ""}
    score |= {"protocol": "by speaker", "source": "a paper", "speaker_disjoint": True}
    store(paths.reports(), variant="as_published", published=[score])
    _, ((_, published, source, unseen, _),) = lines()
    assert (published, source) == ("UAR 0.500", "")
    assert unseen.startswith("[UAR ")


def test_a_published_score_stands_beside_ours_where_nothing_ran_as_published(tmp_path):
    path = store(paths.reports())
    _, ((_, published, source, unseen, default),) = lines()
    assert published == "WA 0.900"
    assert (source.strip(), unseen.strip()) == ("", "")
    assert f"](runs.md#{path.stem})<br>" in default
    # On another corpus there is nothing to compare.
    assert lines("another") == ([], [])
