"""
A trained system on new recordings.

>>> from ser_lib.recognition import load
>>> recogniser = load("my_model")                                       # doctest: +SKIP
>>> recogniser.predict(["one.wav", "two.flac"])                         # doctest: +SKIP
>>> recogniser.timeline("interview.mp3", window=3, hop=1)               # doctest: +SKIP

`train` makes a model of a system and a corpus: a folder that holds no code. Networks run on ONNX
Runtime; neither Keras nor its backend is imported to recognise.
"""

import importlib

_MODULES = {
    "Recogniser": "recogniser",
    "evaluate_model": "transfer",
    "load": "recogniser",
    "train": "training",
}

__all__ = ["Recogniser", "evaluate_model", "load", "train"]


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
