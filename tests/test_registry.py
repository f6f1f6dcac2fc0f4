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
    assert repr(registry) == "Registry('thing', 'made_up_package')"


def test_an_entry_is_a_module_or_a_class(registry):
    module = registry.get("english")
    assert module.__name__ == "made_up_package.english"
    assert registry.get("large").__name__ == "Large"
    assert registry.get("large").name == "large"


def test_classes_are_known_by_their_own_names_as_well(registry):
    assert registry.classes() == {"Large": "large", "Small": "small"}


def test_aliases_stand_for_names(registry):
    assert registry.get("big") is registry.get("large")
    assert registry.resolve("big") == "large"
    assert "big" not in registry.names()


@pytest.mark.parametrize("name", ["smal", "Small"])
def test_an_unknown_name_is_refused_with_the_nearest(registry, name):
    message = f"unknown thing '{name}'; did you mean 'small'. Known: english, german, large, small"
    with pytest.raises(InputError, match=message):
        registry.get(name)


def test_a_name_that_is_no_text_is_refused(registry):
    with pytest.raises(InputError, match="unknown thing '3'"):
        registry.get(3)


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
