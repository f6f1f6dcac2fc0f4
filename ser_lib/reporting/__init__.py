"""From stored results to tables, figures and pages."""

from ser_lib.reporting.build import build_report
from ser_lib.reporting.fusing import fuse_evaluations
from ser_lib.reporting.rows import (
    Row,
    groups,
    leading,
    one_per_system,
    read_rows,
    results_table,
    shared_predictions,
)

__all__ = [
    "Row",
    "build_report",
    "fuse_evaluations",
    "groups",
    "leading",
    "one_per_system",
    "read_rows",
    "results_table",
    "shared_predictions",
]
