"""The digest of the code depends on what computes, and on nothing else."""

import pytest

from ser_lib import code_digest

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
        PLAIN.replace("height, text", "height, text  # what was asked for"),
    ],
)
def test_comments_docstrings_and_blank_lines_do_not_count(other):
    compile(other, "other", "exec")
    assert other != PLAIN
    assert code_digest.bare(other) == code_digest.bare(PLAIN)


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
    assert code_digest.bare(other) != code_digest.bare(PLAIN)


SYSTEM = """
from ser_lib.params import change, param

class Net:
    def build(self, n):
        return self.units * n
"""


@pytest.mark.parametrize(
    "declaration",
    [
        "    name = 'net'\n    title: ClassVar[str] = 'Net'\n",
        "    published = (\n        1,  # one\n    )\n    deviations = ('It is small.',)\n",
        "    search_space = {'default': {}}\n",
        "    units: int = param(64, integer(), 'Units of the layer.', as_published=32)\n",
        "    epochs: int = change(\n        25,\n        as_published=256,\n    )\n",
    ],
)
def test_what_a_system_declares_does_not_count(declaration):
    other = SYSTEM.replace("class Net:\n", f"class Net:\n{declaration}")
    compile(other, "other", "exec")
    assert code_digest.bare(other) == code_digest.bare(SYSTEM)


@pytest.mark.parametrize(
    "statement",
    [
        "class Net:\n    size = 3\n",
        "class Net:\n    units: int = other(64)\n",
        "class Net:\n    name = sizes[0] = 'net'\n",
        "name = 'net'\n\nclass Net:\n",
    ],
)
def test_what_else_stands_in_a_class_counts(statement):
    other = SYSTEM.replace("class Net:\n", statement)
    assert code_digest.bare(other) != code_digest.bare(SYSTEM)


def test_imports_of_what_is_only_declared_do_not_count():
    quoted = "from ser_lib.systems.sources import (\n    MULTIMODAL,\n    TRIMMED,\n)\n"
    assert code_digest.bare(quoted + SYSTEM) == code_digest.bare(SYSTEM)
    used = "from ser_lib.systems.spectrograms import SpectrogramSystem\n"
    assert code_digest.bare(used + SYSTEM) != code_digest.bare(SYSTEM)


def test_only_the_declarations_of_this_package_are_left_out():
    text = "def param(x):\n    return x\n\nclass Net:\n    units = param(64)\n"
    assert "param(64)" in code_digest.bare(text)


def test_strings_with_braces_read_the_same_on_every_version_of_python():
    # From Python 3.12 on f-strings are many tokens; before, one.
    text = 'x = 1\ny = f"""{x}\n\n# {x!r:>10} {\'a\'}\n"""  # gone\nz = f"{x}#{y}"\n'
    assert (
        code_digest.bare(text) == 'x = 1\ny = f"""{x}\n\n# {x!r:>10} {\'a\'}\n"""\nz = f"{x}#{y}"'
    )


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of files given by name, with ``__`` between folders and file."""
    root = tmp_path / "ser_lib"

    def make(**files):
        for name, text in files.items():
            path = root / f"{name.replace('__', '/')}.py".replace("/init", "/__init__")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for folder in [root, *root.rglob("*/")]:
            (folder / "__init__.py").touch()
        monkeypatch.setattr(code_digest, "PACKAGE", root)

    return make


def reached(*roots):
    modules = code_digest.closure(f"ser_lib.{root}" for root in roots)
    return [name.removeprefix("ser_lib.") for name in modules]


def test_imports_of_what_computes_are_followed_wherever_they_stand(package):
    package(
        signal__a="import ser_lib.features.b\n",
        features__b="def f():\n    from .c import g\n    return g\n",
        features__c="from ser_lib import errors, paths\nfrom ser_lib.neural import d, saving\n",
        features__cache="",
        neural__d="import numpy\nimport ser_lib\nfrom ser_lib.features import cache\n",
        neural__saving="from ser_lib.features import e\n",
        features__e="from ser_lib.corpora import x\n",
        corpora__x="",
        errors="from ser_lib.features import e\n",
        paths="",
    )
    assert reached("signal.a") == ["features.b", "features.c", "neural.d", "signal.a"]


def test_a_package_gives_what_was_asked_of_it(package):
    package(
        **{
            f"signal__{n}": f"from ser_lib.features import {n}\n"
            for n in ("tool", "lazy", "hammer")
        },
        signal__other="from ser_lib.features import other\n",
        signal__all="from ser_lib import features\n",
        features__init="from ser_lib.features.hammer import tool\nfrom .saw import other\n",
        features__hammer="",
        features__saw="from . import teeth\n",
        features__teeth="",
    )
    assert reached("signal.tool") == ["features.hammer", "signal.tool"]
    assert reached("signal.other") == ["features.saw", "features.teeth", "signal.other"]
    assert reached("signal.hammer") == ["features.hammer", "signal.hammer"]
    # A name that is not plainly there may come from anywhere in the package.
    everything = ["features", "features.hammer", "features.saw", "features.teeth"]
    assert reached("signal.lazy") == [*everything, "signal.lazy"]
    assert reached("signal.all") == [*everything, "signal.all"]


def test_other_roots_are_followed_within_their_own_package(package):
    package(
        corpora__synthesis__voice="from ser_lib.corpora.synthesis import phones\n",
        corpora__synthesis__phones="from ser_lib.corpora import table\nfrom ser_lib import paths\n",
        corpora__table="",
        paths="from ser_lib import errors\n",
        errors="",
    )
    names = ["corpora.synthesis.phones", "corpora.synthesis.voice"]
    assert reached("corpora.synthesis.voice") == names
    assert reached("paths") == ["paths"]


def test_the_digest_follows_the_code_that_is_imported(package):
    package(signal__a="from ser_lib.signal import b\n", signal__b="x = 1\n", signal__c="y = 1\n")
    before = code_digest.code(["ser_lib.signal.a"])
    assert list(before.files) == ["signal/a.py", "signal/b.py"]
    package(signal__b="# one\nx = 1\n", signal__c="y = 2\n")
    assert code_digest.code(["ser_lib.signal.a"]) == before
    assert code_digest.is_current(before.roots, before.files)
    package(signal__b="x = 2  # two\n")
    assert code_digest.code(["ser_lib.signal.a"]).digest != before.digest
    assert not code_digest.is_current(before.roots, before.files)
    (code_digest.PACKAGE / "signal" / "a.py").unlink()
    assert not code_digest.is_current(before.roots, before.files)


def test_a_file_whose_numbers_stayed_keeps_the_digest_that_results_know(package, monkeypatch):
    package(signal__a="x = 1 + 1\n")
    before = code_digest.code(["ser_lib.signal.a"])
    package(signal__a="x = 2\n")
    now = code_digest.code(["ser_lib.signal.a"]).files["signal/a.py"]
    assert now != before.files["signal/a.py"]
    same = {"signal/a.py": (now, before.files["signal/a.py"])}
    monkeypatch.setattr(code_digest, "SAME_NUMBERS", same)
    assert code_digest.code(["ser_lib.signal.a"]) == before
    assert code_digest.is_current(before.roots, before.files)
    package(signal__a="x = 3\n")
    assert not code_digest.is_current(before.roots, before.files)


def test_what_is_said_to_have_kept_its_numbers_is_the_code_of_now(monkeypatch):
    said = dict(code_digest.SAME_NUMBERS)
    monkeypatch.setattr(code_digest, "SAME_NUMBERS", {})
    for path, (now, known) in said.items():
        module = "ser_lib." + path.removesuffix(".py").replace("/", ".")
        assert code_digest.code([module]).files[path] == now != known, path


class Own:
    """Defined by the user."""

    def half(self, x):
        # Half.
        return x / 2


def test_what_the_user_wrote_counts_by_its_source():
    files = code_digest.code([], [Own]).files
    assert list(files) == [f"{__name__}.Own"]
    assert code_digest.code([], [Own]).digest != code_digest.code([], []).digest
    # It is not part of this package, and so taken as it was.
    assert code_digest.is_current([], files)


def test_an_svm_rests_on_signal_features_and_itself_and_not_on_corpora_or_plots():
    roots = ["ser_lib.systems.svm", "ser_lib.experiment.fold", "ser_lib.features.descriptors"]
    files = code_digest.code(roots).files
    assert {"systems/svm.py", "experiment/fold.py", "features/descriptors.py"} <= set(files)
    others = ("corpora/", "plots", "evaluation/", "neural/", "errors", "cli", "features/cache")
    assert not [file for file in files if file.startswith(others)]


def test_every_name_of_what_computes_exists():
    for name in (*code_digest.COMPUTING, *code_digest.APART):
        base = code_digest.PACKAGE.joinpath(*name.split("."))
        assert base.is_dir() or base.with_suffix(".py").is_file(), name


def test_a_folder_has_a_digest_of_its_own(package):
    package(plots__a="x = 1\n", plots__deep__b="y = 1\n", signal__c="z = 1\n")
    before = code_digest.folder("plots")
    package(plots__a="x = 1  # one\n", signal__c="z = 2\n")
    assert code_digest.folder("plots") == before
    package(plots__deep__b="y = 2  # two\n")
    assert code_digest.folder("plots") != before
