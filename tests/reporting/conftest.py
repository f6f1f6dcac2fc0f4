"""Evaluations to report."""

import pytest
from stored_evaluations import SPEAKERS, store


@pytest.fixture(scope="session")
def stored(tmp_path_factory):
    """Evaluations of every kind: complete, partial, superseded, degraded, speaker-dependent."""
    reports = tmp_path_factory.mktemp("stored") / "reports"
    store(reports, seeds=(0, 1, 2))
    store(reports, folds=SPEAKERS[:1])
    store(reports, normalisation="speaker", accuracy=0.9, seeds=(0, 1, 2))
    store(reports, sharpness=0.1, conditions=("0 dB",), accuracy=0.6, seeds=(0, 1, 2))
    store(reports, sharpness=0.4, accuracy=0.95)
    store(reports, sharpness=0.2, folds=SPEAKERS[:2])
    store(reports, protocol="random_80_20", folds=("draw 1",))
    store(
        reports,
        protocol="random_90_10",
        folds=("draw 1",),
        variant="as_published",
        sharpness=3.0,
    )
    return reports
