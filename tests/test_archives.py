"""Archives are unpacked whole, inside their folder and within reason, or not at all."""

import os
import stat
import zipfile

import numpy as np
import pytest

from ser_lib import archives
from ser_lib.archives import check_archive, unpack
from ser_lib.errors import InputError

MEMBERS = {"a/1.wav": np.random.default_rng(0).bytes(3000), "a/b/2.wav": b"2", "notes": b""}


def packed(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_all_members_are_unpacked(tmp_path):
    unpack(packed(tmp_path / "x.zip", MEMBERS), tmp_path / "in")
    for name, content in MEMBERS.items():
        assert (tmp_path / "in" / name).read_bytes() == content


@pytest.mark.skipif(os.name == "nt", reason="this system has no umask")
def test_permissions_are_those_of_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        unpack(packed(tmp_path / "x.zip", MEMBERS), tmp_path / "in")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "in" / "notes").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a": b"1", "a/b": b"2"}, "'a/b' is a file and a folder"),
        ({"a/b": b"2", "a": b"1"}, "'a' is a file and a folder"),
        ({"n" * 300: b"1"}, "has a name of more than 255 bytes"),
        ({"zeros": bytes(2**26 + 1)}, r"'zeros' is too much: 1 members with 67108865 bytes or"),
    ],
)
def test_what_cannot_be_unpacked_is_refused_before(members, message, tmp_path):
    with pytest.raises(InputError, match=rf"x\.zip: member .*{message}.*nothing was unpacked"):
        unpack(packed(tmp_path / "x.zip", members), tmp_path / "in")
    assert not (tmp_path / "in").exists()


def test_too_many_members_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MEMBERS", 2)
    with pytest.raises(InputError, match="is too much: 3 members"):
        unpack(packed(tmp_path / "x.zip", MEMBERS), tmp_path / "in")


def test_damage_anywhere_is_an_error_or_changes_nothing(tmp_path):
    content = packed(tmp_path / "good.zip", MEMBERS).read_bytes()
    for number, place in enumerate(range(0, len(content), len(content) // 40)):
        damaged = bytearray(content)
        damaged[place] ^= 16
        (tmp_path / "x.zip").write_bytes(damaged)
        folder = tmp_path / f"in{number}"
        try:
            unpack(tmp_path / "x.zip", folder)
        except InputError:
            continue
        for name, expected in MEMBERS.items():
            assert (folder / name).read_bytes() == expected


def test_archives_hold_no_more_than_their_size(tmp_path):
    np.savez_compressed(tmp_path / "zeros.npz", mean=np.zeros(100_000))
    with pytest.raises(InputError, match=r"zeros.npz: its members hold 8\d+ bytes"):
        check_archive(tmp_path / "zeros.npz")
    np.savez(tmp_path / "plain.npz", mean=np.zeros(100_000))
    check_archive(tmp_path / "plain.npz")
    (tmp_path / "none.npz").write_bytes(b"{}")
    with pytest.raises(InputError, match=r"none.npz: .*expected a zip archive"):
        check_archive(tmp_path / "none.npz")
