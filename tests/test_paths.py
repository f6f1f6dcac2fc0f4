"""A file or folder appears whole or not at all."""

import errno
import io
import os
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from ser_lib import paths
from ser_lib.errors import InputError


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


def _killed_while_writing(tmp_path, code):
    """Run code in a process that ends without cleaning up in the middle of it."""
    code = f"import os\nfrom ser_lib import paths\n{code}\n    os._exit(1)"
    root = str(Path(paths.__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=False)
    return [path for path in tmp_path.iterdir() if path.name.startswith(".")]


locks = pytest.mark.skipif(paths.fcntl is None, reason="this system has no locks")


@locks
@pytest.mark.parametrize(
    "code",
    [
        "with paths.whole('a') as file:\n    file.write('half')",
        "with paths.whole_folder('a') as folder:\n    (folder / 'half').touch()",
    ],
    ids=["file", "folder"],
)
def test_what_a_killed_process_left_goes_when_the_same_is_written_again(tmp_path, code):
    (left,) = _killed_while_writing(tmp_path, code)
    assert left.name.startswith(".a.")
    with paths.whole(tmp_path / "b"):
        pass
    assert left.exists()
    paths._unfinished.cache_clear()
    with paths.whole(tmp_path / "a"):
        pass
    assert not left.exists()


@locks
def test_what_a_killed_process_kept_for_itself_goes_with_the_next(tmp_path, monkeypatch):
    (left,) = _killed_while_writing(tmp_path, "with paths.temporary_folder():\n    pass")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with paths.temporary_folder() as folder:
        assert [folder] == list(tmp_path.iterdir())
    assert not left.exists()


@locks
@pytest.mark.parametrize("writer", [paths.whole, paths.whole_folder])
def test_what_is_being_written_is_left_alone(tmp_path, writer):
    with writer(tmp_path / "a"):
        (temporary,) = tmp_path.iterdir()
        paths._unfinished.cache_clear()
        with writer(tmp_path / "a"):
            pass
        assert temporary.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_other_hidden_files_are_left_alone(tmp_path):
    names = [".b.0123abcd", ".a.0123abcg", ".a", "a.0123abcd"]
    for name in names:
        (tmp_path / name).touch()
    paths._unfinished.cache_clear()
    with paths.whole(tmp_path / "a"):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "a"])


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(errno.ENOSPC, "full"), "No space left on device.*expected more free space"),
        (OSError(errno.EROFS, "read-only"), "expected a folder in which this user can write"),
        (OSError(errno.EFBIG, "large"), "File too large"),
    ],
)
@pytest.mark.parametrize("writer", [paths.whole, paths.whole_folder])
def test_a_disk_that_does_not_take_it_is_named(tmp_path, writer, error, message):
    said = f"{tmp_path / 'a'}: cannot be written.*{message}"
    with pytest.raises(InputError, match=said), writer(tmp_path / "a"):
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_library_that_does_not_say_why_has_met_a_full_disk(tmp_path, monkeypatch):
    with pytest.raises(OSError, match="1 requested and 0 written"), paths.whole(tmp_path / "a"):
        raise OSError("1 requested and 0 written")
    monkeypatch.setattr(paths, "_is_full", lambda folder: True)
    with pytest.raises(InputError, match="No space left"), paths.whole(tmp_path / "a"):
        raise OSError("1 requested and 0 written")


def test_what_has_no_room_is_refused_before(tmp_path):
    paths.require_space(tmp_path, 1)
    with pytest.raises(InputError, match=r"MB are free.*expected 1000000000000\.0 MB"):
        paths.require_space(tmp_path, 10**18)


@locks
def test_one_process_waits_for_another(tmp_path, monkeypatch):
    order, entered, said = [], threading.Event(), threading.Event()

    class Writer(io.StringIO):
        def write(self, text):
            said.set()
            return super().write(text)

    monkeypatch.setattr(sys, "stderr", Writer())

    def first():
        with paths.locked(tmp_path / "deep" / ".lock", "waiting"):
            entered.set()
            # Not for ever, so that a second one who does not wait is found.
            said.wait(10)
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait()
    with paths.locked(tmp_path / "deep" / ".lock", "waiting"):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert sys.stderr.getvalue() == "waiting\n"
    assert list((tmp_path / "deep").iterdir()) == []


def test_nothing_is_open_that_could_not_be_removed_where_there_are_no_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "fcntl", None)
    with paths.locked(tmp_path / "deep" / ".lock", "waiting"):
        assert list((tmp_path / "deep").iterdir()) == []
