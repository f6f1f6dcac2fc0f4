"""The source code behind a result: found by reading imports, compared without comments."""

import ast
import functools
import hashlib
import inspect
import io
import tokenize
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_PACKAGE = Path(__file__).resolve().parent
_NAME = _PACKAGE.name

# What a number does not depend on: where things lie, what is shown, what is read from finished
# files. Corpora are covered by their fingerprint, protocols by the rows that they gave.
# Of the experiment, only `experiment.fold` computes.
_APART = (
    *("corpora", "errors", "paths", "console", "plots", "evaluation", "cli", "systems.base"),
    *("code_digest", "executor", "cluster", "download", "protocols", "reporting", "notebooks"),
    *("notebook_jobs", "notebook_execution", "clean_notebook", "experiment"),
)
_COMPUTES = ("experiment.fold",)
# Names at the top of a system's file under which it says where it comes from, what was tried, and
# what its parameters are by default: their values are recorded with every result.
_SAID = {"CITATION", "PUBLISHED", "DEVIATIONS", "RECIPES", "CANDIDATES"}


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
    Strip from Python source what computes nothing.

    Comments, docstrings, blank lines, and the CITATION, PUBLISHED, DEVIATIONS, RECIPES and
    CANDIDATES of a system go.
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
    for text in _silent(ast.parse(source)):
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


def _silent(tree: ast.Module) -> list[ast.stmt]:
    """List the statements that compute nothing."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if all(isinstance(t, ast.Name) and t.id in _SAID for t in targets):
                found.append(node)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            found.append(node.body[0])
    return found


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
        below = module.removeprefix(f"{_NAME}.")
        apart = any(below == name or below.startswith(f"{name}.") for name in _APART)
        if apart and below not in _COMPUTES:
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


def folder(name: str = "") -> str:
    """Digest all modules of a part of this package, or of all of it, as `bare` leaves them."""
    lines = []
    for file in sorted((_PACKAGE / name).rglob("*.py")):
        text = _read(file, file.stat().st_mtime_ns)[1]
        lines.append(f"{file.relative_to(_PACKAGE).as_posix()} {text}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
