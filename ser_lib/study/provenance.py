"""What made a result: the objects it was made of, the source code, the versions, the machine."""

import ast
import dataclasses
import functools
import hashlib
import importlib.metadata
import inspect
import io
import os
import platform
import subprocess
import sys
import sysconfig
import tokenize
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ser_lib import __version__
from ser_lib.errors import InputError

_PACKAGE = Path(__file__).resolve().parent.parent
_NAME = _PACKAGE.name

# What a number does not depend on: where things lie, what is shown, what is read from finished
# files. Corpora are covered by their fingerprint, protocols by the rows that they gave.
_APART = tuple(
    f"{_NAME}.{name}"
    for name in (
        *("corpora", "errors", "paths", "console", "plots", "evaluation", "cli", "systems.base"),
        *("study.evaluate", "study.store", "study.provenance", "study.report", "study.runner"),
    )
)

# Arguments of estimators that change how fast or how loud they are, never what they answer.
_IDLE = {"n_jobs", "verbose", "memory", "pre_dispatch"}


class Code(NamedTuple):
    """
    The source code that computed something.

    Parameters
    ----------
    digest : str
        64 hexadecimal digits.
    roots : tuple of str
        The modules whose imports were followed.
    files : dict
        First 12 digits of each file's own digest, by its path inside the package (or by
        ``module.name`` for what was defined in a notebook).
    """

    digest: str
    roots: tuple[str, ...]
    files: dict[str, str]


def bare(source: str) -> str:
    """
    Strip comments, docstrings and blank lines from Python source.

    Only positions in the text are used, never a printed syntax tree, so the result is the same
    under every version of Python that can read the source.

    Parameters
    ----------
    source : str
        A whole module.

    Returns
    -------
    str
        The lines that do something; strings keep their blank lines.
    """
    lines = source.split("\n")
    in_string: set[int] = set()  # lines (from 1) that start inside a string
    cuts: list[tuple[int, int, int]] = []  # line, first and last column of what is dropped
    opened = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "COMMENT":
            cuts.append((token.start[0], token.start[1], token.end[1]))
        elif kind == "STRING":
            in_string.update(range(token.start[0] + 1, token.end[0] + 1))
        elif kind == "FSTRING_START":  # from Python 3.12 on
            opened.append(token.start[0])
        elif kind == "FSTRING_END":
            in_string.update(range(opened.pop() + 1, token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if ast.get_docstring(node, clean=False) is None:
            continue
        text = node.body[0]
        for number in range(text.lineno, text.end_lineno + 1):
            line = lines[number - 1].encode()
            first = text.col_offset if number == text.lineno else 0
            last = text.end_col_offset if number == text.end_lineno else len(line)
            cuts.append((number, len(line[:first].decode()), len(line[:last].decode())))
            in_string.discard(number)
    for number, first, last in sorted(cuts, reverse=True):
        lines[number - 1] = lines[number - 1][:first] + lines[number - 1][last:]
    kept = []
    for number, line in enumerate(lines, start=1):
        line = line if number + 1 in in_string else line.rstrip()
        if line.strip() or number in in_string:
            kept.append(line)
    return "\n".join(kept)


def _file(module: str) -> Path | None:
    """Find the source file of a module of this package, without importing it."""
    base = _PACKAGE.joinpath(*module.split(".")[1:])
    for candidate in (base / "__init__.py", base.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


@functools.lru_cache(maxsize=512)
def _read(path: Path, changed: int) -> tuple[ast.Module, str]:
    """Parse a file and digest its bare source; `changed` (its time stamp) outdates the cache."""
    source = path.read_text(encoding="utf-8")
    return ast.parse(source), hashlib.sha256(bare(source).encode()).hexdigest()


def _source(module: str) -> tuple[ast.Module, str]:
    path = _file(module)
    return _read(path, path.stat().st_mtime_ns)


def _below(package: str) -> set[str]:
    """List every module of a package, for an import that may mean any of them."""
    folder = _file(package).parent
    files = (path.relative_to(folder).with_suffix("") for path in folder.rglob("*.py"))
    return {package, *(".".join((package, *f.parts)) for f in files if f.name != "__init__")}


def _exported(package: str, name: str) -> set[str]:
    """Find the module that a package's ``__init__`` takes a name from; all of it, if unclear."""
    for node in ast.walk(_source(package)[0]):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _imported(package, node, [alias])
    return _below(package)


def _imported(module: str, node: ast.ImportFrom, names: list[ast.alias]) -> set[str]:
    """Find the modules of this package that a ``from ... import names`` in `module` reads."""
    base = node.module or ""
    if node.level:
        is_package = _file(module).name == "__init__.py"
        parts = module.split(".")
        parts = parts[: len(parts) - node.level + is_package]
        base = ".".join([*parts, *([base] if base else [])])
    if base.split(".")[0] != _NAME or _file(base) is None:
        return set()
    found = set()
    for alias in names:
        if _file(f"{base}.{alias.name}"):
            below = f"{base}.{alias.name}"
            found |= _below(below) if _file(below).name == "__init__.py" else {below}
        elif base == _NAME:
            continue
        elif _file(base).name == "__init__.py":
            found |= _exported(base, alias.name)
        else:
            found.add(base)
    return found


def closure(roots: Iterable[str]) -> tuple[str, ...]:
    """
    Follow the imports of some modules within this package, by reading, not running, the source.

    Parameters
    ----------
    roots : iterable of str
        Names of modules, ``"ser_lib.systems.svm"``.

    Returns
    -------
    tuple of str
        The roots and all that they import, directly or not, at the top or inside functions; less
        what computes no number (corpora, errors, paths, console, plots, reports, this file).
    """
    reached: set[str] = set()
    waiting = list(roots)
    while waiting:
        module = waiting.pop()
        if module in reached or _file(module) is None:
            continue
        if any(module == apart or module.startswith(f"{apart}.") for apart in _APART):
            continue
        reached.add(module)
        for node in ast.walk(_source(module)[0]):
            if isinstance(node, ast.Import):
                waiting += [a.name for a in node.names if a.name.startswith(f"{_NAME}.")]
            elif isinstance(node, ast.ImportFrom):
                waiting += sorted(_imported(module, node, node.names))
    return tuple(sorted(reached))


def code(roots: Iterable[str], own: Iterable[object] = ()) -> Code:
    """
    Digest the source code behind a result.

    Parameters
    ----------
    roots : iterable of str
        Modules of this package whose imports are followed (see `closure`).
    own : iterable of classes and functions
        What the user defined elsewhere; their source counts where Python can show it.

    Returns
    -------
    Code
        The same on every machine and version of Python for the same code, whatever its comments
        and docstrings say.
    """
    roots = tuple(sorted(set(roots)))
    files = {}
    for module in closure(roots):
        files[_file(module).relative_to(_PACKAGE).as_posix()] = _source(module)[1][:12]
    for thing in own:
        try:
            text = bare(inspect.cleandoc("\n" + inspect.getsource(thing)))
        except (OSError, TypeError, SyntaxError, tokenize.TokenError):
            text = ""
        name = f"{thing.__module__}.{thing.__qualname__}"
        files[name] = hashlib.sha256(text.encode()).hexdigest()[:12]
    files = dict(sorted(files.items()))
    text = "\n".join(f"{name} {value}" for name, value in files.items())
    return Code(hashlib.sha256(text.encode()).hexdigest(), roots, files)


def is_current(recorded: Iterable[str], files: dict[str, str]) -> bool:
    """
    Tell whether recorded file digests are those of the code that is installed now.

    Parameters
    ----------
    recorded : iterable of str
        The roots that were followed.
    files : dict
        `Code.files` of then. What was defined outside this package cannot be checked and is
        taken as it was.
    """
    now = code(recorded).files
    return now == {name: value for name, value in files.items() if name.endswith(".py")}


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
    backend, gpu = "scikit-learn", None
    if neural:
        import keras

        backend = keras.config.backend()
        packages += ["keras", backend]
        gpu = _gpu(keras)
    versions = {"python": platform.python_version(), "ser_lib": __version__}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    hardware = {"cpu": _cpu(), "cores": cores, "gpu": gpu}
    return {"versions": versions, "hardware": hardware, "backend": backend}


def _cpu() -> str:
    """Name the processor."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.split(":", 1)[1].split())
    return _answer("sysctl", "-n", "machdep.cpu.brand_string") or platform.machine()


def _gpu(keras: object) -> str | None:
    """Name the graphics card, if the backend of Keras sees one."""
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
