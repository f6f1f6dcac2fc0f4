"""A file or folder appears whole or not at all."""

import os
import stat

import pytest

from ser_lib import paths


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


@pytest.mark.skipif(os.name == "nt", reason="this system has no umask")
@pytest.mark.parametrize("umask", [0o077, 0o022])
def test_what_is_written_is_as_readable_as_the_umask_says(tmp_path, umask):
    before = os.umask(umask)
    try:
        with paths.whole(tmp_path / "file.bin", "wb") as stream:
            stream.write(b"content")
        with paths.whole_folder(tmp_path / "made"):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file.bin").stat().st_mode) == 0o666 & ~umask
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o777 & ~umask


def test_a_cache_folder_that_is_made_here_is_marked(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    with paths.whole(paths.cache() / "deep" / "file.txt"):
        pass
    assert (tmp_path / "cache" / paths.CACHE_MARKER).is_file()
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "mine"))
    with paths.whole(paths.cache() / "deep" / "file.txt"):
        pass
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["deep"]


@pytest.mark.parametrize("name", ["data", "cache", "reports", "notebooks"])
def test_the_environment_says_where_things_lie(name, tmp_path, monkeypatch):
    monkeypatch.setenv(f"SER_{name.upper()}", str(tmp_path / "there"))
    assert getattr(paths, name)() == tmp_path / "there"
    monkeypatch.delenv(f"SER_{name.upper()}")
    assert getattr(paths, name)() != tmp_path / "there"
