"""What made a result: the objects it was made of, the versions, the machine."""

import dataclasses
import functools
import hashlib
import importlib.metadata
import inspect
import os
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

from ser_lib import __version__
from ser_lib.errors import InputError

_NAME = "ser_lib"
# Arguments of estimators that change how fast or how loud they are, never what they answer.
_IDLE = {"n_jobs", "verbose", "memory", "pre_dispatch"}


def _named(thing: object) -> str:
    return f"{thing.__module__}.{thing.__qualname__}"


def identity(value: object, origins: set | None = None) -> object:
    """
    Say in plain values what an estimator, front end, network or protocol is made of.

    Parameters
    ----------
    value : object
        Estimators are described by ``get_params``, dataclasses by their fields, anything else with
        attributes by those; functions by their names; a path by its file's name and content.
    origins : set, optional
        Filled with the classes and functions met on the way.

    Returns
    -------
    object
        What `ser_lib.paths.canonical` can write: dicts, lists, strings, numbers, None.

    Raises
    ------
    InputError
        For an object that nothing tells apart from another, such as a lambda or a generator.
    """
    origins = set() if origins is None else origins

    def inner(item: object) -> object:
        return identity(item, origins)

    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, os.PathLike):
        path = Path(value)
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None
        return {"file": path.name, "sha256": content}
    if isinstance(value, dict):
        return {str(k): inner(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [inner(v) for v in value]
    if isinstance(value, set | frozenset):
        return sorted((inner(v) for v in value), key=str)
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, functools.partial):
        arguments = {"arguments": inner(value.args), **inner(value.keywords)}
        return {"function": inner(value.func), **arguments}
    if isinstance(value, type):
        origins.add(value)
        return _named(value)
    if inspect.isroutine(value) or hasattr(value, "__wrapped__"):
        origins.add(inspect.unwrap(value))
        if "<" in value.__qualname__:
            raise InputError(
                f"cannot tell {_named(value)} from another function of that name; "
                "expected one defined by `def` at the top of a module or notebook"
            )
        return _named(value)
    origins.add(type(value))
    if callable(getattr(value, "get_params", None)):
        content = {k: v for k, v in value.get_params(deep=False).items() if k not in _IDLE}
    elif dataclasses.is_dataclass(value):
        content = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    elif hasattr(value, "__dict__"):
        content = vars(value)
    else:
        raise InputError(
            f"cannot say what {_plain(value)} {value!r} is made of; expected an estimator, "
            "a dataclass or plain values"
        )
    return {"class": _plain(value), **inner(content)}


def _plain(value: object) -> str:
    return type(value).__qualname__


def origin(things: Iterable[object]) -> tuple[tuple[str, ...], tuple[object, ...]]:
    """
    Divide classes and functions into modules of this package and what the user wrote.

    Returns
    -------
    modules : tuple of str
        Modules of this package.
    own : tuple of objects
        What was defined in a notebook or in a file outside installed packages.
    """
    installed = [
        sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")
    ]
    modules, own = set(), {}
    for thing in things:
        name = thing.__module__ or "builtins"
        if name.split(".")[0] == _NAME:
            modules.add(name)
            continue
        file = getattr(sys.modules.get(name), "__file__", None)
        if name == "__main__" or (file and not file.startswith(tuple(installed))):
            own[_named(thing)] = thing
    return tuple(sorted(modules)), tuple(own[name] for name in sorted(own))


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
