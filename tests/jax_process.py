"""Run Python code under JAX, in a process of its own: the backend of this one is TensorFlow."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def run_under_jax(code, *arguments):
    """
    Run code with ``sys.argv[1:]`` as given, and return what it printed last, as JSON.

    The test is skipped where JAX is not installed. The code can import modules of ``tests/`` and of
    the caller's folder.
    """
    pytest.importorskip("jax", reason="JAX is not installed (the extra 'jax')")
    folder = os.path.dirname(sys._getframe(1).f_code.co_filename)
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests"), folder])
    process = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(process.stdout.splitlines()[-1])
