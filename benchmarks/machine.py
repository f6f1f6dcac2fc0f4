"""What the machine can do at best, so that work per second can be read against it."""

import importlib.metadata
import os

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.harness import Row, interleaved, row
from ser_lib.experiment import provenance

QUESTION = "machine"
_SIDE = 2048
_BYTES = 2**28
_PACKAGES = ("pyAudioAnalysis", "opensmile", "tensorflow", "keras")


def matrix_product_peak(threads: int | None = None, *, rounds: int = 5) -> np.ndarray:
    """
    Multiply square matrices in single precision by the BLAS that NumPy uses.

    Parameters
    ----------
    threads : int, optional
        All cores by default.
    rounds : int
        How often.

    Returns
    -------
    ndarray, shape (rounds,)
        Thousand millions of operations per second; a multiplication and an addition are two.
    """
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, _SIDE, _SIDE), dtype=np.float32)
    out = np.empty_like(a)
    with threadpool_limits(threads):
        seconds = interleaved({"product": lambda: np.matmul(a, b, out=out)}, rounds)["product"]
    return 2e-9 * _SIDE**3 / seconds


def run(quick: bool) -> list[Row]:
    """Measure matrix products on one core and on all, and copying within memory on one."""
    rounds = 2 if quick else 9
    source = np.ones((_BYTES // 16 if quick else _BYTES) // 4, np.float32)
    target = np.empty_like(source)
    copy = interleaved({"copy": lambda: np.copyto(target, source)}, rounds)["copy"]
    product = "matrix product, float32"
    return [
        row(QUESTION, product, "one core", matrix_product_peak(1, rounds=rounds), "GFLOPS"),
        row(QUESTION, product, "all cores", matrix_product_peak(rounds=rounds), "GFLOPS"),
        # What is copied is read and written.
        row(QUESTION, "memory, copying", "one core", 2e-9 * source.nbytes / copy, "GB/s"),
    ]


def description() -> dict[str, str]:
    """Name processor, cores and the versions of what was compared."""
    found = provenance.environment(neural=False)
    versions = dict(found["versions"])
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "cpu": found["hardware"]["cpu"],
        "cores": str(found["hardware"]["cores"] or os.cpu_count()),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
