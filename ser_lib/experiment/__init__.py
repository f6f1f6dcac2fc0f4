"""A system on a corpus: evaluation fold by fold, training, tuning, and stored results."""

from ser_lib.experiment.nested import evaluate_nested
from ser_lib.experiment.results import read
from ser_lib.experiment.run import evaluate, train_fold
from ser_lib.experiment.tuning import tune

__all__ = ["evaluate", "evaluate_nested", "read", "train_fold", "tune"]
