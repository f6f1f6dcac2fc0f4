"""A file or folder appears whole or not at all, and the same content has the same digest."""

import dataclasses

import numpy as np
import pytest

from ser_lib import identity, paths


def test_a_file_appears_when_it_was_written_to_its_end(tmp_path):
    with paths.whole(tmp_path / "deep" / "file.txt") as file:
        file.write("all of it\n")
        assert not (tmp_path / "deep" / "file.txt").exists()
    assert (tmp_path / "deep" / "file.txt").read_bytes() == b"all of it\n"


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path):
    (tmp_path / "file.txt").write_text("old")
    with pytest.raises(KeyError), paths.whole(tmp_path / "file.txt") as file:
        file.write("half")
        raise KeyError
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]
    assert (tmp_path / "file.txt").read_text() == "old"


def test_a_folder_appears_when_it_is_complete(tmp_path):
    with pytest.raises(KeyError), paths.whole_folder(tmp_path / "made") as folder:
        (folder / "part").touch()
        raise KeyError
    assert not list(tmp_path.iterdir())
    with paths.whole_folder(tmp_path / "made") as folder:
        (folder / "part").touch()
    assert [p.name for p in tmp_path.rglob("*")] == ["made", "part"]


def test_of_two_who_make_the_same_folder_the_first_wins(tmp_path):
    with paths.whole_folder(tmp_path / "made") as folder:
        (folder / "late").touch()
        (tmp_path / "made").mkdir()
        (tmp_path / "made" / "early").touch()
    assert [p.name for p in (tmp_path / "made").iterdir()] == ["early"]
    assert [p.name for p in tmp_path.iterdir()] == ["made"]


@dataclasses.dataclass(frozen=True)
class Step:
    size: int


@dataclasses.dataclass(frozen=True)
class Other:
    size: int


def test_the_digest_knows_content_not_containers():
    assert identity.digest({"a": 1, "b": (1, 2)}) == identity.digest(
        {"b": [1, 2], "a": np.int64(1)}
    )
    assert identity.digest(np.arange(3)) == identity.digest([0, 1, 2])
    assert identity.digest(Step(1)) == identity.digest(Step(1))
    assert len({identity.digest(x) for x in (Step(1), Step(2), Other(1), {"size": 1})}) == 4
    with pytest.raises(TypeError, match="object"):
        identity.digest(object())


@pytest.mark.parametrize("name", ["data", "cache", "reports", "notebooks"])
def test_the_environment_says_where_things_lie(name, tmp_path, monkeypatch):
    monkeypatch.setenv(f"SER_{name.upper()}", str(tmp_path / "there"))
    assert getattr(paths, name)() == tmp_path / "there"
    monkeypatch.delenv(f"SER_{name.upper()}")
    assert getattr(paths, name)() != tmp_path / "there"
