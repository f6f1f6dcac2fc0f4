"""
The code behind features and results: found by reading imports, compared without comments.

What is computed depends on the source that computes it. `code` follows the imports of some modules
within this package, by reading, not running, the source, and digests what it meets as `bare` leaves
it: without comments, docstrings, and what a system only declares.
"""

import ast
import functools
import hashlib
import importlib.util
import inspect
import io
import os
import tokenize
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).resolve().parent
"""Folder of the source."""
COMPUTING = ("signal", "features", "neural", "systems", "experiment.fold")
"""
Packages and modules of ser_lib on which numbers depend.

All others look after files, words and order: corpora are covered by their fingerprint, protocols by
the rows that they gave, parameters by their values.
"""
APART = (
    "features.cache",
    "features.storage",
    "neural.checkpoint",
    "neural.saving",
    "neural.untrusted",
    "neural.validation",
    "signal.containers",
    "signal.mpeg",
    "signal.streams",
    "systems.base",
    "systems.sources",
)
"""Modules within `COMPUTING` that only store, check, show or schedule."""

SAME_NUMBERS: dict[str, tuple[str, str]] = {
    "signal/decoding.py": ("75bdf9a7ca74", "2f779c03f0d8"),
    "neural/imagenet.py": ("e1fad8f803df", "38e9800d181b"),
    "neural/squeezenet.py": ("60b61808ea56", "31e138d7d215"),
    "neural/torchvision.py": ("24820eb80f54", "3ce4d71088e6"),
    # A grid of one point is not searched; what the machines and their systems share is stated once;
    # embeddings are new.
    "systems/statistics_svm.py": ("164451764807", "0c511ae36b01"),
    "systems/functionals_svm.py": ("4f4abb6beb16", "a32b83377daa"),
    "systems/svm.py": ("fecf11312d6b", "27bab557673a"),
    "systems/ours_functionals_svm.py": ("196ae76469b7", "dfa891a34d66"),
    # The momentum that is a parameter reaches every normalisation; its default is what they had.
    "systems/fcn_attention.py": ("710efcd6e789", "5afa97b05bc2"),
    # The attention starts otherwise as published, of which nothing is stored.
    "systems/acrnn_3d.py": ("5744bfdcffba", "c6fdd169c40e"),
    # Graphs of finished trainings are let go; unfinished ones keep their state, and go on from it.
    "neural/training.py": ("04bbac6813d2", "1bb993c0c6b6"),
    "neural/classifier.py": ("0cc4f2bac41d", "f2857512ff53"),
    # What is no name, no float or no position is refused; scikit-learn can take rows.
    "features/front_end.py": ("67a119e6240c", "2a0a6bfa6136"),
    "features/ragged.py": ("787cb95e3685", "4ebbe3ad6f72"),
    # The same steps; one of them has a name.
    "features/normalisation.py": ("0a5aa7cf1452", "68a2f07d6062"),
    # Parts of a network that is trained further; what is stored was predicted at the end alone.
    # Rows without items are refused in every method.
    "neural/inference.py": ("d155851dfd3b", "58607d69f752"),
    "experiment/fold.py": ("f7e7e4d171c8", "d7a0693c7c6c"),
}
"""
Files that were changed, and every number stayed as it was, as tests/golden or results that were
computed again have shown: by path, the digest of the file as it is, and the digest that stored
features and results know it by. Twelve digits each, as in `Code.files`. Once the file changes
again, its entry no longer counts.
"""

_NAME = "ser_lib"
# What a system says of itself; the values are recorded with every result.
_CONSTANTS = {"CITATION", "PUBLISHED", "DEVIATIONS"}
_ATTRIBUTES = {
    *("name", "title", "part", "citation", "published", "deviations", "search_space", "extra"),
}
# Functions of `ser_lib.params` by which a class declares a parameter.
_DECLARE = {"param", "change"}


class Code(NamedTuple):
    """
    The code that computed something.

    Attributes
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
    Strip from the source of a module what computes nothing; return the lines that do something.

    Comments, docstrings and blank lines go, and what a system declares: the constants CITATION,
    PUBLISHED and DEVIATIONS, imports from modules that stand `APART`, and in classes ``name``,
    ``title``, ``part``, ``citation``, ``published``, ``deviations``, ``search_space``, ``extra``
    and the parameters declared by `ser_lib.params.param` or `ser_lib.params.change`, whose values
    are recorded with every result. It is cut from the text, never printed from a syntax tree, and
    so the same under every version of Python that can read it; strings keep their blank lines.
    """
    lines = source.split("\n")
    in_string: set[int] = set()  # lines (from 1) that start inside a string
    cuts: list[tuple[int, int, int]] = []  # line, first and last column of what is cut
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
    left = []
    for number, line in enumerate(lines, start=1):
        line = line if number + 1 in in_string else line.rstrip()
        if line.strip() or number in in_string:
            left.append(line)
    return "\n".join(left)


def _silent(tree: ast.Module) -> list[ast.stmt]:
    """List the statements that compute nothing."""
    declare = {
        alias.asname or alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == f"{_NAME}.params"
        for alias in node.names
        if alias.name in _DECLARE
    }
    apart = {f"{_NAME}.{module}" for module in APART}
    statements = [
        node
        for node in tree.body
        if _assigns(node, _CONSTANTS) or (isinstance(node, ast.ImportFrom) and node.module in apart)
    ]
    for owner in tree.body:
        if isinstance(owner, ast.ClassDef):
            statements += [node for node in owner.body if _assigns(node, _ATTRIBUTES, declare)]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            statements.append(node.body[0])
    return statements


def _assigns(node: ast.stmt, names: set[str], functions: Iterable[str] = ()) -> bool:
    """Tell whether a statement assigns to nothing but the names, or what a function returns."""
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return False
    if isinstance(node.value, ast.Call) and getattr(node.value.func, "id", None) in functions:
        return True
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return all(isinstance(target, ast.Name) and target.id in names for target in targets)


def _file(module: str) -> Path | None:
    """Find the source file of a module of this package, without importing it."""
    # A report asks a hundred thousand times, and joining paths takes twice as long as strings.
    base = os.path.join(PACKAGE, *module.split(".")[1:])
    for candidate in (os.path.join(base, "__init__.py"), f"{base}.py"):
        if os.path.isfile(candidate):
            return Path(candidate)
    return None


class _Source(NamedTuple):
    """What a source file imports, anywhere in it, and the digest of its bare source."""

    imports: list[ast.Import | ast.ImportFrom]
    digest: str


@functools.lru_cache(maxsize=512)
def _read(path: Path, changed: int) -> _Source:
    """Read a source file; `changed`, its time stamp, outdates the cache."""
    text = path.read_text(encoding="utf-8")
    nodes = ast.walk(ast.parse(text))
    imports = [node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    return _Source(imports, _digest([bare(text)]))


def _source(module: str) -> _Source:
    path = _file(module)
    return _read(path, path.stat().st_mtime_ns)


def _below(package: str) -> set[str]:
    """List every module of a package, for an import that may mean any of them."""
    folder = _file(package).parent
    files = (path.relative_to(folder).with_suffix("") for path in folder.rglob("*.py"))
    return {package, *(".".join((package, *f.parts)) for f in files if f.name != "__init__")}


def _exported(package: str, name: str) -> set[str]:
    """Find the module that a package's ``__init__`` takes a name from; all of it, if unclear."""
    for node in _source(package).imports:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _imported(package, node, [alias])
    return _below(package)


def _imported(module: str, node: ast.ImportFrom, names: list[ast.alias]) -> set[str]:
    """Find the modules of this package that a ``from ... import names`` in `module` reads."""
    package = module if _file(module).name == "__init__.py" else module.rpartition(".")[0]
    base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
    if base.split(".")[0] != _NAME or _file(base) is None:
        return set()
    modules = set()
    for alias in names:
        below = f"{base}.{alias.name}"
        if _file(below):
            modules |= _below(below) if _file(below).name == "__init__.py" else {below}
        elif base != _NAME:
            is_package = _file(base).name == "__init__.py"
            modules |= _exported(base, alias.name) if is_package else {base}
    return modules


def _within(module: str, names: Iterable[str]) -> bool:
    """Tell whether a module is one of the names or lies in one of them."""
    return f"{module}.".startswith(tuple(f"{name}." for name in names))


def computes(module: str) -> bool:
    """Tell whether numbers depend on a module of this package: `COMPUTING`, but not `APART`."""
    below = module.removeprefix(f"{_NAME}.")
    return _within(below, COMPUTING) and not _within(below, APART)


def closure(roots: Iterable[str]) -> tuple[str, ...]:
    """
    Follow the imports of some modules within this package.

    Parameters
    ----------
    roots : iterable of str
        Names of modules, ``"ser_lib.systems.svm"``.

    Returns
    -------
    tuple of str
        The roots and all that they import, directly or not, at the top or inside functions, as far
        as `computes` says. A root on which no numbers depend is followed within its own package.
    """
    waiting = list(roots)
    other = [
        root if root.count(".") == 1 else root.rpartition(".")[0]
        for root in waiting
        if not _within(root.removeprefix(f"{_NAME}."), COMPUTING)
    ]
    reached: set[str] = set()
    while waiting:
        module = waiting.pop()
        followed = computes(module) or _within(module, other)
        if module in reached or not followed or _file(module) is None:
            continue
        reached.add(module)
        for node in _source(module).imports:
            if isinstance(node, ast.Import):
                waiting += [a.name for a in node.names if a.name.startswith(f"{_NAME}.")]
            else:
                waiting += sorted(_imported(module, node, node.names))
    return tuple(sorted(reached))


def code(roots: Iterable[str], own: Iterable[object] = ()) -> Code:
    """
    Digest the code behind features or a result.

    Parameters
    ----------
    roots : iterable of str
        Modules of this package whose imports are followed (see `closure`).
    own : iterable of classes and functions
        What the user defined elsewhere; their source counts where Python can show it.

    Returns
    -------
    Code
        The same on every machine for the same code, whatever its comments and docstrings say.
    """
    roots = tuple(sorted(set(roots)))
    files = {}
    for module in closure(roots):
        path = _file(module).relative_to(PACKAGE).as_posix()
        digest = _source(module).digest[:12]
        now, known = SAME_NUMBERS.get(path, (None, None))
        files[path] = known if digest == now else digest
    for thing in own:
        try:
            text = bare(inspect.cleandoc("\n" + inspect.getsource(thing)))
        except (OSError, TypeError, SyntaxError, tokenize.TokenError):
            text = ""
        name = f"{thing.__module__}.{thing.__qualname__}"
        files[name] = _digest([text])[:12]
    files = dict(sorted(files.items()))
    return Code(_digest(f"{name} {value}" for name, value in files.items()), roots, files)


def is_current(roots: Iterable[str], files: dict[str, str]) -> bool:
    """
    Tell whether `Code.files` recorded with some `Code.roots` are those of the code of now.

    What was defined outside this package cannot be checked and is taken as it was.
    """
    return code(roots).files == {
        name: value for name, value in files.items() if name.endswith(".py")
    }


def folder(name: str = "") -> str:
    """Digest all modules of a part of this package, or of all of it, as `bare` leaves them."""
    return _digest(
        f"{file.relative_to(PACKAGE).as_posix()} {_read(file, file.stat().st_mtime_ns).digest}"
        for file in sorted((PACKAGE / name).rglob("*.py"))
    )


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
