"""
Data flows one way: a package imports only from those before it, and importing costs little.

``python tests/test_imports.py`` draws which packages import which, for CONTRIBUTING.md.
"""

import ast
import functools
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ser_lib"
GROUND = [
    *("errors", "csv_table", "console", "interruption", "paths", "places", "quiet", "identity"),
    *("params", "registry", "code_digest", "checksums", "archives", "cluster", "executor"),
    "download",
]
ORDER = [
    *("signal", "corpora", "features", "protocols", "evaluation", "plots", "neural", "systems"),
    *(
        "experiment",
        "recognition",
        "reporting",
        "notebook_execution",
        "notebooks",
        "commands",
        "cli",
    ),
]
FILES = [f for f in sorted(PACKAGE.rglob("*.py")) if f != PACKAGE / "__init__.py"]


def module_of(file):
    """Return the full name of the module in a file."""
    parts = ["ser_lib", *file.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def part_of(module):
    """Return the first part of a module's name below ser_lib: a package, or a single file."""
    return module.split(".")[1]


MODULES = {module_of(file): file for file in FILES}


@functools.cache
def imports(file):
    """
    Return the modules of ser_lib that a file imports, in functions and for type checkers as well.

    ``from package import name`` imports the module of that name where there is one, else the
    ``__init__`` of the package, which defines the name or imports it.
    """
    modules = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            modules.update(name if name in MODULES else node.module for name in names)
        elif isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
    return frozenset(modules & set(MODULES))


@functools.cache
def graph():
    """
    Return the imports between files.

    An ``__init__`` with a ``__getattr__`` imports the files of its package when a name is first
    used: any of them, for what can be told from the text.
    """
    edges = {}
    for module, file in MODULES.items():
        edges[module] = set(imports(file))
        body = ast.parse(file.read_text(encoding="utf-8")).body
        if any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in body):
            edges[module] |= {m for m in MODULES if m.rpartition(".")[0] == module}
    return edges


# ---- one direction --------------------------------------------------------------------------


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))
def test_a_package_imports_only_from_those_before_it(file):
    order = [*GROUND, *ORDER]
    part = part_of(module_of(file))
    assert part in order, f"{part} has no place in the order of packages; add it to ORDER"
    allowed = order[: order.index(part) + 1]
    backward = sorted(m for m in imports(file) if part_of(m) not in allowed)
    assert not backward, f"{module_of(file)} is before what it imports: {', '.join(backward)}"


def test_imports_between_files_form_no_cycle():
    graphlib.TopologicalSorter(graph()).prepare()


# ---- at little cost -------------------------------------------------------------------------


def loaded_by(statement):
    """Return the top-level packages that a statement imports in a process of its own."""
    code = f"import sys; {statement}; print(*sorted({{m.split('.')[0] for m in sys.modules}}))"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    return set(output.split())


NETWORKS = {"tensorflow", "keras", "jax", "torch"}
HEAVY = {
    *(*NETWORKS, "librosa", "matplotlib", "seaborn", "pandas", "scipy", "sklearn", "numpy"),
    "papermill",
}


def test_importing_the_package_imports_nothing_heavy():
    assert not loaded_by("import ser_lib") & HEAVY


def test_metrics_need_only_numpy():
    assert loaded_by("import ser_lib.evaluation.metrics") & HEAVY == {"numpy"}


def test_protocols_do_not_import_scikit_learn_before_they_draw_folds():
    assert "sklearn" not in loaded_by("from ser_lib.protocols import LeaveOneSpeakerOut")


def test_networks_are_imported_only_when_one_is_built():
    parts = ("signal", "features", "protocols", "evaluation", "corpora", "systems")
    assert not loaded_by("; ".join(f"import ser_lib.{part}" for part in parts)) & NETWORKS


def test_models_are_applied_without_networks_systems_or_figures():
    statement = "import ser_lib.recognition.commands, ser_lib.recognition.recogniser"
    assert not loaded_by(statement) & (NETWORKS | {"matplotlib", "skops", "onnx"})


# ---- a drawing ------------------------------------------------------------------------------


def drawing():
    """List the packages in order, and what each imports: arrows point upwards only."""
    parts = [p for p in [*GROUND, *ORDER] if any(part_of(m) == p for m in MODULES)]
    lines = []
    for part in parts:
        targets = {part_of(m) for m, f in MODULES.items() if part_of(m) == part for m in imports(f)}
        known = [p for p in parts if p in targets - {part}]
        unknown = sorted(targets - {part} - set(parts))
        groups = ([p for p in known if p in ORDER], [p for p in known if p in GROUND], unknown)
        text = " | ".join(" ".join(group) for group in groups if group)
        lines.append(f"{part:<12} -> {text}" if text else part)
        if part == [p for p in parts if p in GROUND][-1]:
            lines.append("-" * 12)
    return "\n".join(lines)


def test_the_drawing_has_a_line_for_every_package():
    parts = {part_of(module) for module in MODULES}
    lines = [line.split()[0] for line in drawing().splitlines() if not line.startswith("-")]
    assert set(lines) == parts & {*GROUND, *ORDER}


if __name__ == "__main__":
    print(drawing())
