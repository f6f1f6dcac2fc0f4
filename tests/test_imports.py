"""Data flows one way: a package imports only from those above it, and importing costs little."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ser_lib"
GROUND = [
    *("errors", "console", "paths", "identity", "params", "registry", "code_digest"),
    *("cluster", "executor", "download"),
]
ORDER = [
    *("corpora", "signal", "features", "protocols", "evaluation", "plots", "neural", "systems"),
    *("experiment", "recognition", "reporting", "notebooks", "cli"),
]


def imported(file):
    """Parts of ser_lib that a file imports, in functions and for type checkers as well."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("ser_lib"):
            parts = node.module.split(".")
            yield from [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.startswith("ser_lib."):
                    yield alias.name.split(".")[1]


FILES = [f for f in sorted(PACKAGE.rglob("*.py")) if f != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_package_imports_only_from_those_above_it(file):
    part = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
    order = [*GROUND, *ORDER]
    above = {"__version__", *order[: order.index(part) + 1]}
    assert set(imported(file)) <= above


def loaded_by(statement):
    code = f"import sys; {statement}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return set(answer.stdout.split())


HEAVY = {"tensorflow", "keras", "librosa", "matplotlib", "pandas", "sklearn", "numpy"}


def test_importing_the_package_imports_nothing_heavy():
    assert not loaded_by("import ser_lib") & HEAVY


def test_the_command_line_says_its_help_before_anything_heavy():
    assert not loaded_by("import ser_lib.cli") & HEAVY


@pytest.mark.parametrize(
    "part", ["signal", "features", "protocols", "evaluation", "corpora", "systems"]
)
def test_networks_are_imported_only_when_one_is_built(part):
    assert not loaded_by(f"import ser_lib.{part}") & {"tensorflow", "keras", "jax"}
