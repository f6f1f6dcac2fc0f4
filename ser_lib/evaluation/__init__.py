"""
Evidence from tables of predictions: metrics, intervals over speakers, significance.

Nothing here knows networks or file formats. A module is imported when a name of it is first used:
networks compute metrics while they are trained, and need no tables for that.
"""

import importlib

_MODULES = {
    "Comparison": "significance",
    "Evaluation": "predictions",
    "METRICS": "metrics",
    "Metric": "metrics",
    "compare": "significance",
    "compare_all": "significance",
    "conclude": "significance",
    "confusion": "metrics",
    "fuse": "fusion",
    "holm": "significance",
    "interval": "intervals",
    "macro_f1": "metrics",
    "per_class_recall": "metrics",
    "smallest_p": "significance",
    "uar": "metrics",
    "wa": "metrics",
}
_SUBMODULES = (
    *("calibration", "fusion", "intervals", "metrics", "predictions", "resampling"),
    "significance",
)

__all__ = [*_MODULES, *_SUBMODULES]


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
