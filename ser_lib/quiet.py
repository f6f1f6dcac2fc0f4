"""
Libraries without start-up messages that nobody can act upon.

While its libraries are loaded, TensorFlow writes to the standard error of the process whatever
``TF_CPP_MIN_LOG_LEVEL`` says (TensorFlow 2.20, 2.21); afterwards it heeds that variable.
"""

import contextlib
import importlib.abc
import importlib.util
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator
from importlib.machinery import ModuleSpec

_SEVERITY = re.compile(rb"([IWE])\d{4} ")
_OF_NO_SEVERITY = b"WARNING: All log messages before absl::InitializeLog()"


def quieten() -> None:
    """
    Let the first import of TensorFlow print only what ``TF_CPP_MIN_LOG_LEVEL`` lets through.

    The variable is set to 3 (neither information nor warnings nor errors, which TensorFlow raises
    as exceptions as well) unless it is set already. Nothing happens where TensorFlow was imported.
    In a notebook without ipywidgets, tqdm does not ask for them: librosa imports it for downloads.
    """
    warnings.filterwarnings("ignore", "IProgress not found")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if "tensorflow" not in sys.modules:
        sys.meta_path.insert(0, _Finder())


class _Finder(importlib.abc.MetaPathFinder):
    """Find TensorFlow, once, as others find it, and load it with its messages filtered."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: object) -> None:
                with _filtered():
                    execute(module)

            spec.loader.exec_module = exec_module
        return spec


@contextlib.contextmanager
def _filtered() -> Iterator[None]:
    """Hold back what the process writes to standard error, and then write what is let through."""
    level = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "0")
    if level not in ("1", "2", "3"):
        yield
        return
    with tempfile.TemporaryFile() as held:
        before = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(before, 2)
            os.close(before)
            held.seek(0)
            for line in held:
                found = _SEVERITY.match(line)
                hidden = found is not None and b"IWE".index(found[1]) < int(level)
                if not hidden and not line.startswith(_OF_NO_SEVERITY):
                    os.write(2, line)
