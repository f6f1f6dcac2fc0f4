"""`pyproject.toml`, `requirements.lock` and `environment.yml` say the same."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
LOCKED_EXTRAS = ("dev", "jax", "dask", "baselines", "docs", "demo")


def locked(python):
    """Versions that the lock gives to a Python version, by canonical name."""
    environment = default_environment() | {
        "python_version": python,
        "python_full_version": f"{python}.1",
        "implementation_version": f"{python}.1",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
    }
    versions = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate(environment):
            assert canonicalize_name(requirement.name) not in versions, f"two versions of {line}"
            (pin,) = requirement.specifier
            assert pin.operator == "=="
            versions[canonicalize_name(requirement.name)] = pin.version
    return versions, environment


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_lock_satisfies_every_dependency(python):
    versions, environment = locked(python)
    wanted = list(PROJECT["dependencies"])
    for extra in LOCKED_EXTRAS:
        wanted += PROJECT["optional-dependencies"][extra]
    for requirement in map(Requirement, wanted):
        if requirement.marker is None or requirement.marker.evaluate(environment):
            found = versions.get(canonicalize_name(requirement.name))
            assert found is not None, f"{requirement} is not locked for Python {python}"
            assert requirement.specifier.contains(found), f"{requirement}: locked at {found}"


def test_the_lock_holds_names_versions_and_markers_only():
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        assert re.fullmatch(r"[\w.\-]+(\[[\w,\-]+\])?==[\w.+]+( ; .+)?", line), line


def test_librosa_is_the_one_that_each_python_can_have():
    assert locked("3.11")[0]["librosa"].startswith("0.11")
    assert locked("3.12")[0]["librosa"].startswith("1.")


def test_conda_installs_the_locked_package_with_its_gpu_extra():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (python,) = [d for d in environment["dependencies"] if str(d).startswith("python=")]
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    assert SpecifierSet(PROJECT["requires-python"]).contains(python.removeprefix("python=") + ".0")
    assert pip == ["-c requirements.lock", "-e .[gpu]"]
    assert "gpu" in PROJECT["optional-dependencies"]


def test_the_workflow_runs_what_the_readme_says_on_every_python():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "tests.yml").read_text())
    jobs = workflow["jobs"]
    pythons = jobs["tests"]["strategy"]["matrix"]["python"]
    prefix = "Programming Language :: Python :: "
    assert pythons == [c.removeprefix(prefix) for c in PROJECT["classifiers"] if prefix in c]
    steps = {name: [s["run"] for s in job["steps"] if "run" in s] for name, job in jobs.items()}
    assert steps["tests"] == ["make lint PYTHON=python", "make test PYTHON=python"]
    assert steps["site"] == ["make site PYTHON=python"]
    assert "make test " in (ROOT / "README.md").read_text()


def test_the_extras_are_those_the_readme_names():
    readme = (ROOT / "README.md").read_text()
    for extra in PROJECT["optional-dependencies"]:
        assert f"`{extra}`" in readme, f"the README does not say what the extra {extra!r} is for"


def test_an_installed_package_looks_for_notebooks_where_the_wheel_has_them(tmp_path):
    package = tmp_path / "ser_lib"
    package.mkdir()
    for name in ("__init__.py", "errors.py", "paths.py", "quiet.py"):
        shutil.copy(ROOT / "ser_lib" / name, package)
    code = "from ser_lib import paths; print(paths.notebooks())"
    answer = subprocess.run(
        [sys.executable, "-c", code], env={}, cwd=tmp_path, capture_output=True, text=True
    )
    included = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert answer.stdout.strip() == str(tmp_path / included["notebooks"]), answer.stderr


def test_the_repository_holds_nothing_at_its_top_that_was_not_put_there():
    command = ["git", "ls-tree", "--name-only", "HEAD"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a clone of the repository")
    assert set(listed.stdout.splitlines()) - {".ci"} == {
        *("notebooks", "ser_lib", "reports", "tests", "benchmarks", "docs", ".github", ".jupyter"),
        *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff", "LICENSE", "Makefile"),
        *("environment.yml", "pyproject.toml", "requirements.lock", ".gitignore", ".gitattributes"),
    }


REPORTED = sorted((ROOT / "reports").glob("*/*.ipynb"))


@pytest.mark.parametrize("notebook", REPORTED, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_no_recording_is_embedded_in_a_report(notebook):
    if notebook.parent.name == "synthetic":
        pytest.skip("the synthetic corpus is ours to embed")
    text = notebook.read_text()
    assert '"audio/' not in text
    assert "<audio" not in text
