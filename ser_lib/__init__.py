"""
Published speech emotion recognition systems, re-implemented and evaluated on unseen speakers.

A notebook reads like a paper's method section:

>>> import ser_lib
>>> corpus = ser_lib.load_corpus("synthetic")                       # doctest: +SKIP
>>> system = ser_lib.systems.Svm()                                  # doctest: +SKIP
>>> evaluation = ser_lib.evaluate(system, corpus)                   # doctest: +SKIP
>>> evaluation.scores()                                             # doctest: +SKIP

Every submodule is imported when it is first used, so that ``import ser_lib`` costs next to nothing.
"""

import importlib

from ser_lib.quiet import quieten

__version__ = "0.1.0"

_SUBMODULES = (
    "console",
    "corpora",
    "errors",
    "evaluation",
    "experiment",
    "features",
    "neural",
    "notebooks",
    "paths",
    "plots",
    "protocols",
    "recognition",
    "reporting",
    "signal",
    "systems",
)
_FUNCTIONS = {"load_corpus": "ser_lib.corpora", "evaluate": "ser_lib.experiment.run"}

__all__ = ["__version__", *_SUBMODULES, *_FUNCTIONS]

quieten()


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _FUNCTIONS:
        value = getattr(importlib.import_module(_FUNCTIONS[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
