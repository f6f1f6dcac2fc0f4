"""The hash of the code sees what computes, and nothing else."""

import pytest

from ser_lib import code_digest as source

PLAIN = '''
import os

def area(width, height):
    text = """first

    # not a comment
    last"""
    return width * height, text
'''


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace("import os", '"""About areas.\n\nAt length."""\nimport os  # needed'),
        PLAIN.replace("import os\n", "import os\n\n\n\n# A comment.\n"),
        PLAIN.replace("    text", '    """Compute — all of it."""\n\n    text'),
        PLAIN.replace("height):\n", 'height):\n    # why\n    "Compute."\n   \n'),
        PLAIN.replace(
            "import os", 'import os\nCITATION = """@misc{\n\n}"""\nDEVIATIONS = (\n  "a",  # b\n)'
        ),
        PLAIN.replace("import os", 'import os\nRECIPES = {"ours": {"epochs": 3}}'),
        PLAIN.replace("import os", 'import os\nCANDIDATES: dict[str, dict] = {"default": {}}'),
        PLAIN.replace("height, text", "height, text  # what was asked for"),
    ],
)
def test_comments_docstrings_and_blank_lines_do_not_count(other):
    compile(other, "other", "exec")
    assert other != PLAIN
    assert source.bare(other) == source.bare(PLAIN)


@pytest.mark.parametrize(
    "other",
    [
        PLAIN.replace("*", "+"),
        PLAIN.replace("# not", "# still not"),
        PLAIN.replace('"""first\n\n', '"""first\n'),
        PLAIN.replace("import os", 'import os\nname = "A comment: # this is none"'),
        PLAIN.replace("import os", "import os\nif os:\n    import sys"),
        PLAIN.replace("    return", "    return area or"),
    ],
)
def test_everything_else_counts(other):
    compile(other, "other", "exec")
    assert source.bare(other) != source.bare(PLAIN)


def test_strings_with_braces_read_the_same_on_every_version_of_python():
    # From Python 3.12 on f-strings are many tokens; before, one.
    text = 'x = 1\ny = f"""{x}\n\n# {x!r:>10} {\'a\'}\n"""  # gone\nz = f"{x}#{y}"\n'
    assert source.bare(text) == 'x = 1\ny = f"""{x}\n\n# {x!r:>10} {\'a\'}\n"""\nz = f"{x}#{y}"'


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of files given by name."""

    def make(**files):
        for name, text in files.items():
            path = (
                tmp_path / "ser_lib" / f"{name.replace('__', '/')}.py".replace("/init", "/__init__")
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for folder in [tmp_path / "ser_lib", *(tmp_path / "ser_lib").rglob("*/")]:
            (folder / "__init__.py").touch()
        monkeypatch.setattr(source, "_PACKAGE", tmp_path / "ser_lib")

    return make


def reached(*roots):
    return [name.removeprefix("ser_lib.") for name in source.closure(f"ser_lib.{r}" for r in roots)]


def test_imports_are_followed_wherever_they_stand(package):
    package(
        a="import ser_lib.b\n",
        b="def f():\n    from .c import g\n    return g\n",
        c="from ser_lib import d, errors, paths\nfrom ser_lib.corpora import x\n",
        d="import numpy\nimport ser_lib\n",
        e="x = 1\n",
        errors="from ser_lib import e\n",
        paths="",
        corpora__x="from ser_lib import e\n",
    )
    assert reached("a") == ["a", "b", "c", "d"]


def test_a_package_gives_what_was_asked_of_it(package):
    package(
        a="from ser_lib.kit import tool\n",
        b="from ser_lib.kit import other\n",
        c="from ser_lib.kit import something_lazy\n",
        d="from ser_lib.kit import hammer\n",
        e="from ser_lib import kit\n",
        kit__init="from ser_lib.kit.hammer import tool\nfrom .saw import other\n",
        kit__hammer="",
        kit__saw="from . import teeth\n",
        kit__teeth="",
    )
    assert reached("a") == ["a", "kit.hammer"]
    assert reached("b") == ["b", "kit.saw", "kit.teeth"]
    assert reached("d") == ["d", "kit.hammer"]
    # What is not plainly there may be anything of it.
    everything = ["kit", "kit.hammer", "kit.saw", "kit.teeth"]
    assert reached("c") == ["c", *everything]
    assert reached("e") == ["e", *everything]


def test_the_digest_follows_the_code_that_is_imported(package):
    files = {"a": "from ser_lib import b\n", "b": "x = 1\n", "c": "y = 1\n"}
    package(**files)
    before = source.code(["ser_lib.a"])
    assert list(before.files) == ["a.py", "b.py"]
    package(**files | {"b": "# one\nx = 1\n", "c": "y = 2\n"})
    assert source.code(["ser_lib.a"]) == before
    assert source.is_current(before.roots, before.files)
    package(**files | {"b": "x = 2  # two\n"})
    assert source.code(["ser_lib.a"]).digest != before.digest
    assert not source.is_current(before.roots, before.files)


def test_code_that_is_gone_is_not_current(package):
    package(a="x = 1\n")
    before = source.code(["ser_lib.a"])
    package()
    (source._PACKAGE / "a.py").unlink()
    assert not source.is_current(before.roots, before.files)


class Own:
    """Defined by the user."""

    def half(self, x):
        # Half.
        return x / 2


def test_what_the_user_wrote_counts_by_its_source():
    files = source.code([], [Own]).files
    assert list(files) == [f"{__name__}.Own"]
    assert source.code([], [Own]).digest != source.code([], []).digest
    # It is not part of this package, and so taken as it was.
    assert source.is_current([], files)


def test_an_svm_rests_on_signal_features_and_itself_and_not_on_corpora_or_plots():
    files = source.code(["ser_lib.systems.svm", "ser_lib.experiment.fold"]).files
    assert {"systems/svm.py", "experiment/fold.py", "features/descriptors.py"} <= set(files)
    assert "signal/condition.py" in files
    strangers = ("corpora/", "plots", "evaluation/", "neural/", "errors", "cli")
    assert not [file for file in files if file.startswith(strangers)]
