"""Corpora, systems and protocols are found by their names, without importing them."""

import subprocess
import sys

import pytest

from ser_lib.errors import InputError
from ser_lib.registry import Registry

FILES = {
    "__init__": 'NAME = "not an entry"\n',
    "german": '"""A corpus."""\nimport nothing_of_this_name\nNAME = "german"\n',
    "english": 'NAME: str = "english"\n',
    "networks": '''
"""Systems."""
from typing import ClassVar

class Base:
    """A base class is no entry.

    name = "no entry either"
    """

    title = "base"
    name: ClassVar[str]

class Small(Base):
    name = "small"

class Large(Base):
    name: ClassVar[str] = "large"

    class Inner:
        name = "inner"

def function():
    name = "local"
    NAME = "LOCAL"
''',
}


@pytest.fixture
def registry(tmp_path, monkeypatch):
    folder = tmp_path / "made_up_package"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield Registry("thing", "made_up_package", aliases={"big": "large"})
    for name in [name for name in sys.modules if name.startswith("made_up_package")]:
        del sys.modules[name]


def test_names_are_read_from_the_source_and_nothing_is_imported(registry):
    assert registry.names() == ("english", "german", "large", "small")
    assert "made_up_package.networks" not in sys.modules


def test_an_entry_is_a_module_or_a_class_and_may_have_an_alias(registry):
    assert registry.get("english").__name__ == "made_up_package.english"
    assert registry.get("large").__name__ == "Large"
    assert registry.classes() == {"Large": "large", "Small": "small"}
    assert registry.get("big") is registry.get("large")
    assert registry.resolve("big") == "large"


@pytest.mark.parametrize("name", ["smal", "Small", 3])
def test_an_unknown_name_is_refused_with_the_nearest(registry, name):
    hint = "." if name == 3 else "; did you mean 'small'?"
    with pytest.raises(InputError) as error:
        registry.get(name)
    assert str(error.value) == (
        f"unknown thing '{name}'{hint} Known: english, german, large, small"
    )


def test_a_name_is_given_only_once(registry, tmp_path):
    (tmp_path / "made_up_package/second.py").write_text('NAME = "small"\n')
    with pytest.raises(InputError, match=r"'small' is defined twice: in made_up_package.networks"):
        registry.names()


def test_a_package_can_be_listed_without_pandas_or_scikit_learn():
    code = (
        "import sys; from ser_lib.registry import Registry;"
        "assert Registry('text', 'ser_lib').names() == ();"
        "assert not {'pandas', 'sklearn', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
