"""Captions and alternative texts say what a picture shows, in words and numbers."""

import re

import pandas as pd
from stored_evaluations import store

from ser_lib import paths
from ser_lib.reporting import captions, read_rows


def rows(**options):
    store(paths.reports(), **options)
    return read_rows(paths.reports() / "folder")


def test_a_confusion_matrix_is_told_by_its_best_its_worst_and_its_commonest_confusion(tmp_path):
    (row,) = rows(accuracy=0.6)
    shows, _ = captions.confusions(row)
    counts = row.evaluation.confusion()
    assert shows.startswith("Confusion matrix of tiny, normalisation train, leave one speaker out.")
    recalls = {name: counts.loc[name, name] / counts.loc[name].sum() for name in counts}
    best, worst = max(recalls, key=recalls.get), min(recalls, key=recalls.get)
    assert f"Best recognised: {best} ({100 * recalls[best]:.0f} %)" in shows
    assert f"least: {worst} ({100 * recalls[worst]:.0f} %)" in shows
    said = re.search(r"Largest confusion: \d+ % of (\w+) is taken for (\w+)\.", shows)
    true, predicted = said.groups()
    wrong = counts.loc[true, predicted] / counts.loc[true].sum()
    others = [counts.loc[a, b] / counts.loc[a].sum() for a in counts for b in counts if a != b]
    assert wrong == max(others)


def test_without_mistakes_there_is_no_confusion_to_name(tmp_path):
    (row,) = rows(accuracy=1.0)
    shows, _ = captions.confusions(row)
    assert shows.endswith("Recall is 100 % for every emotion. Nothing is confused.")


def test_recalls_and_scores_are_given_with_their_intervals(tmp_path):
    (row,) = rows()
    shows, _ = captions.recalls(row)
    recall = row.evaluation.per_class().loc["anger"]
    limits = f"[{recall['recall_low']:.3f}, {recall['recall_high']:.3f}]"
    assert f"anger {recall['recall']:.3f} {limits}" in shows
    shows, _ = captions.leaderboard([row])
    score = f"tiny {row.values['uar']:.3f} [{row.values['uar_low']:.3f}, "
    assert f"normalisation train: {score}" in shows


def test_trials_are_told_by_the_best_the_default_and_the_least():
    table = pd.DataFrame({"trial": ["a", "default", "b"], "dev_uar": [0.8, 0.7, 0.6]})
    shows, caption = captions.trials("svm", table)
    assert "dashed line" in caption
    assert shows == (
        "Development UAR of 3 trials of svm: best a 0.800, default 0.700, least 0.600."
    )
    shows, caption = captions.trials("svm", table.drop(index=1))
    assert "default" not in shows
    assert "dashed line" not in caption


def test_a_picture_has_an_alternative_text_and_a_caption_that_cannot_become_markup():
    text = captions.picture("a.png", "shows [0.1, 0.2]", "a *caption* <b>")
    assert text == "![shows \\[0.1, 0.2\\]](a.png)\n\n*a \\*caption\\* &lt;b&gt;*"
