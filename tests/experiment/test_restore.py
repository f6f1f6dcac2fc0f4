"""Folds that the reports hold are not trained again where the cache has lost them."""

import shutil

import pandas as pd
import pytest
from tiny import Tiny, trained

from ser_lib import evaluate, paths
from ser_lib.experiment import results
from ser_lib.reporting.fusing import fuse_evaluations


@pytest.fixture
def cloned(corpus, system):
    """An evaluation in the reports, and a cache without its folds."""
    first = evaluate(system, corpus)
    trained()
    shutil.rmtree(paths.cache() / "evaluations")
    return first


def test_an_evaluation_is_read_from_the_reports(cloned, corpus, system, predictions_folder):
    before = {path: path.read_bytes() for path in predictions_folder.iterdir()}
    second = evaluate(system, corpus)
    assert trained() == 0
    pd.testing.assert_frame_equal(cloned.predictions, second.predictions)
    assert cloned.record == second.record
    assert before == {path: path.read_bytes() for path in predictions_folder.iterdir()}


def test_one_more_seed_trains_only_that(cloned, corpus, system):
    both = evaluate(system, corpus, seeds=(0, 1))
    assert trained() == 4
    own = both.predictions[both.predictions["seed"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, cloned.predictions)
    assert both.record["runs"][0] == cloned.record["runs"][0]


def test_fresh_trains_again(cloned, corpus, system):
    evaluate(system, corpus, fresh=True)
    assert trained() == 4


def test_other_specifications_rows_and_damaged_evaluations_are_passed_over(cloned, corpus):
    evaluate(Tiny(sharpness=2.0), corpus)
    assert trained() == 4
    # Another speaker fewer: the same specification but for the recordings.
    evaluate(Tiny(), corpus.select(speaker=["s0", "s1", "s2"]))
    assert trained() == 3
    shutil.rmtree(paths.cache() / "evaluations")
    file = results.records(paths.reports() / "folder")
    for path in file:
        path.with_suffix(".csv").write_text("nothing")
    evaluate(Tiny(), corpus)
    assert trained() == 4


def test_an_evaluation_takes_the_place_of_its_parts(corpus, system, predictions_folder):
    evaluate(system, corpus, folds=2)
    other = evaluate(Tiny(sharpness=2.0), corpus, folds=2)
    evaluate(system, corpus, seeds=(0, 1), folds=3)
    # Neither is a part of the other.
    whole = evaluate(system, corpus)
    left = {path.stem for path in predictions_folder.iterdir()}
    assert len(left) == 3
    assert {f"tiny-{e.record['digest'][:8]}" for e in (other, whole)} < left
    evaluate(system, corpus, seeds=(0, 1))
    assert len({path.stem for path in predictions_folder.iterdir()}) == 2


def test_a_member_of_a_fusion_stays(corpus, system, predictions_folder):
    members = [evaluate(each, corpus) for each in (system, Tiny(sharpness=2.0))]
    digests = [member.record["digest"] for member in members]
    fuse_evaluations(digests, corpus.name)
    evaluate(system, corpus, seeds=(0, 1))
    left = {path.stem for path in predictions_folder.iterdir()}
    assert {f"tiny-{digest[:8]}" for digest in digests} < left
    assert len(left) == 4
