"""Tables into evidence: protocols, metrics, intervals over speakers, significance."""

from ser_lib.evaluation.evaluation import Evaluation
from ser_lib.evaluation.intervals import interval
from ser_lib.evaluation.metrics import confusion, macro_f1, per_class_recall, uar, wa
from ser_lib.evaluation.protocols import Fold, Protocol, make, names, read_split, split_table
from ser_lib.evaluation.significance import Comparison, compare, compare_all, holm

__all__ = [
    "Comparison",
    "Evaluation",
    "Fold",
    "Protocol",
    "compare",
    "compare_all",
    "confusion",
    "holm",
    "interval",
    "macro_f1",
    "make",
    "names",
    "per_class_recall",
    "read_split",
    "split_table",
    "uar",
    "wa",
]
