"""Systems on corpora: evaluation fold by fold, the store of results, notebook runs, reports."""

from ser_lib.experiment.results import read
from ser_lib.experiment.run import evaluate, trained
from ser_lib.experiment.tuning import tune

__all__ = ["evaluate", "read", "trained", "tune"]
