"""Archives are unpacked whole, inside their folder and within reason, or not at all."""

import io
import os
import stat
import tarfile
import zipfile

import numpy as np
import pytest

from ser_lib.archives import check_archive, unpack
from ser_lib.errors import InputError

SUFFIXES = ("zip", "tar", "tar.gz", "tar.bz2", "tar.xz")
MEMBERS = {"a/1.wav": np.random.default_rng(0).bytes(3000), "a/b/2.wav": b"2", "notes": b""}


def packed(path, members):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(path, f"w:{path.suffix[1:].removeprefix('tar')}") as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size, info.mode = len(content), 0o666
                archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_all_members_are_unpacked(suffix, tmp_path):
    unpack(packed(tmp_path / f"x.{suffix}", MEMBERS), tmp_path / "in")
    for name, content in MEMBERS.items():
        assert (tmp_path / "in" / name).read_bytes() == content


@pytest.mark.skipif(os.name == "nt", reason="this system has no umask")
@pytest.mark.parametrize("suffix", ["zip", "tar"])
def test_permissions_are_those_of_the_umask(suffix, tmp_path):
    before = os.umask(0o077)
    try:
        unpack(packed(tmp_path / f"x.{suffix}", MEMBERS), tmp_path / "in")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "in" / "notes").stat().st_mode) == 0o600


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz"])
@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"a": b"1", "a/b": b"2"}, "'a/b' is a file and a folder"),
        ({"a/b": b"2", "a": b"1"}, "'a' is a file and a folder"),
        ({"n" * 300: b"1"}, "has a name of more than 255 bytes"),
        ({"zeros": bytes(2**26 + 1)}, r"'zeros' is too much: 1 members with 67108865 bytes in"),
    ],
)
def test_what_cannot_be_unpacked_is_refused_before(suffix, members, message, tmp_path):
    if suffix == "tar" and "zeros" in members:
        return  # It is as large as what it holds.
    with pytest.raises(InputError, match=f"x.{suffix}: member .*{message}.*nothing was unpacked"):
        unpack(packed(tmp_path / f"x.{suffix}", members), tmp_path / "in")
    assert not (tmp_path / "in").exists()


@pytest.mark.parametrize("suffix", ["zip", "tar.gz", "tar.bz2", "tar.xz"])
def test_damage_anywhere_is_an_error_or_changes_nothing(suffix, tmp_path):
    content = packed(tmp_path / f"good.{suffix}", MEMBERS).read_bytes()
    for number, place in enumerate(range(0, len(content), len(content) // 40)):
        damaged = bytearray(content)
        damaged[place] ^= 16
        (tmp_path / f"x.{suffix}").write_bytes(damaged)
        folder = tmp_path / f"in{number}"
        try:
            unpack(tmp_path / f"x.{suffix}", folder)
        except InputError:
            continue
        for name, expected in MEMBERS.items():
            assert (folder / name).read_bytes() == expected


def test_a_tar_archive_is_read_to_its_end(tmp_path):
    content = packed(tmp_path / "good.tar", MEMBERS).read_bytes()
    second = content.index(b"a/b/2.wav")
    for name, damaged in {
        "header": content[:second] + b"A" + content[second + 1 :],
        "cut": content[:second],
    }.items():
        (tmp_path / "x.tar").write_bytes(damaged)
        with pytest.raises(InputError, match=r"x\.tar: cannot be unpacked"):
            unpack(tmp_path / "x.tar", tmp_path / name)


def test_archives_hold_no_more_than_their_size(tmp_path):
    np.savez_compressed(tmp_path / "zeros.npz", mean=np.zeros(100_000))
    with pytest.raises(InputError, match=r"zeros.npz: its members hold 8\d+ bytes"):
        check_archive(tmp_path / "zeros.npz")
    np.savez(tmp_path / "plain.npz", mean=np.zeros(100_000))
    check_archive(tmp_path / "plain.npz")
    (tmp_path / "none.npz").write_bytes(b"{}")
    with pytest.raises(InputError, match=r"none.npz: .*expected a zip archive"):
        check_archive(tmp_path / "none.npz")
