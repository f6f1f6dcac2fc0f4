"""What made a result: the objects it was made of, the versions, the machine."""

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

from ser_lib import __version__


def environment(*, neural: bool) -> dict[str, object]:
    """
    Describe versions, hardware and backend, and nothing that names a person, a host or a folder.

    Parameters
    ----------
    neural : bool
        Whether a network computes here; then Keras, its backend and the GPU are looked at too.

    Returns
    -------
    dict
        ``versions`` by package, ``hardware`` (cpu, cores, gpu) and ``backend``.
    """
    packages = ["numpy", "scipy", "scikit-learn", "pandas", "librosa", "soundfile", "soxr"]
    name, gpu = "scikit-learn", None
    if neural:
        name, gpu = backend(), _gpu()
        packages += ["keras", name]
    versions = {"python": platform.python_version(), "ser_lib": __version__}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    hardware = {"cpu": _cpu(), "cores": cores, "gpu": gpu}
    return {"versions": versions, "hardware": hardware, "backend": name}


def _cpu() -> str:
    """Name the processor."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.split(":", 1)[1].split())
    return _answer("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()


def backend() -> str:
    """Name the backend that Keras computes with."""
    import keras

    return keras.config.backend()


def _gpu() -> str | None:
    """Name the graphics card, if the backend of Keras sees one."""
    import keras

    try:
        devices = keras.distribution.list_devices()
    except (NotImplementedError, AttributeError, RuntimeError):
        return None
    if not any(str(device).lower().startswith(("gpu", "cuda")) for device in devices):
        return None
    names = _answer("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    return names.splitlines()[0] if names else "GPU"


def _answer(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
