"""Tables into evidence: metrics, intervals over speakers, significance."""

from ser_lib.evaluation.intervals import interval
from ser_lib.evaluation.metrics import confusion, macro_f1, per_class_recall, uar, wa
from ser_lib.evaluation.predictions import Evaluation
from ser_lib.evaluation.significance import Comparison, compare, compare_all, holm

__all__ = [
    "Comparison",
    "Evaluation",
    "compare",
    "compare_all",
    "confusion",
    "holm",
    "interval",
    "macro_f1",
    "per_class_recall",
    "uar",
    "wa",
]
