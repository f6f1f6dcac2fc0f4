"""Systems on corpora: evaluation fold by fold, the store of results, notebook runs, reports."""

from ser_lib.study.evaluate import evaluate, trained
from ser_lib.study.store import read
from ser_lib.study.tune import tune

__all__ = ["evaluate", "read", "trained", "tune"]
