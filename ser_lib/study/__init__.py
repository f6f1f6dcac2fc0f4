"""Systems on corpora: evaluation fold by fold, the store of results, notebook runs, reports."""

from ser_lib.study.evaluate import evaluate
from ser_lib.study.store import read

__all__ = ["evaluate", "read"]
