"""What CONTRIBUTING.md says about adding things works as it stands there."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (Add a \w+)\n(.*?)(?=^## )", GUIDE, re.DOTALL | re.MULTILINE))
BLOCK = re.compile(
    r"(?:^`(?P<file>[\w/.]+)`:\n\n)?^```(?P<kind>python|sh)\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)


@pytest.fixture
def checkout(tmp_path):
    """Copy what a contributor changes."""
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for folder in ("ser_lib", "tests"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    return tmp_path


def run(folder, *command):
    environment = os.environ | {"PYTHONPATH": str(folder), "SER_DATA": str(folder / "data")}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("section", SECTIONS)
def test_what_the_guide_says_works(section, checkout):
    steps = 0
    for block in BLOCK.finditer(SECTIONS[section]):
        text, file = block["text"], block["file"]
        appended = re.match(r"# append to (\S+)\n", text)
        if appended:
            with (checkout / appended[1]).open("a", encoding="utf-8") as stream:
                stream.write(f"\n\n{text}")
        elif file:
            assert not (checkout / file).exists()
            (checkout / file).write_text(text, encoding="utf-8")
        elif block["kind"] == "python":
            run(checkout, "-c", text)
            steps += 1
        else:
            for line in text.splitlines():
                program, *words = line.split("#")[0].split()
                assert program == "python"
                run(checkout, *words)
                steps += 1
    assert steps


def test_the_guide_adds_each_kind_of_thing():
    assert list(SECTIONS) == ["Add a corpus", "Add a system", "Add a metric", "Add a protocol"]
