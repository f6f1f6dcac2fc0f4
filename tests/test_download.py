"""Downloads are verified, archives stay inside their folder, and nothing is half-written."""

import os
import stat
import zipfile

import pytest
from file_server import offer, serving, zipped

from ser_lib import download
from ser_lib.download import Remote
from ser_lib.errors import InputError


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve a folder on the loopback interface."""
    with serving(tmp_path / "served", monkeypatch) as running:
        yield running


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_an_archive_is_downloaded_verified_unpacked_and_deleted(server, tmp_path, algorithm):
    zipped(server.folder / "toy.zip", {"toy/wav/a.wav": b"sound", "toy/empty/": b""})
    target = tmp_path / "data/toy"
    assert download.fetch([offer(server, "toy.zip", algorithm=algorithm)], target) == target
    files = [path for path in target.rglob("*") if path.is_file()]
    assert files == [target / "toy/wav/a.wav"]
    assert (target / "toy/wav/a.wav").read_bytes() == b"sound"
    assert os.listdir(tmp_path / "data") == ["toy"]


def test_several_archives_go_into_one_folder(server, tmp_path):
    zipped(server.folder / "one.zip", {"a": b"1"})
    zipped(server.folder / "two.zip", {"b": b"2"})
    download.fetch([offer(server, "one.zip"), offer(server, "two.zip")], tmp_path / "toy")
    assert sorted(os.listdir(tmp_path / "toy")) == ["a", "b"]


def test_a_failed_transfer_is_tried_again(server, tmp_path):
    zipped(server.folder / "toy.zip", {"a": b"1"})
    server.handler.failures = 2
    download.fetch([offer(server, "toy.zip")], tmp_path / "toy", retries=2)
    assert server.handler.requests == 3


def zip_link(path):
    link = zipfile.ZipInfo("wav")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    zipped(path, {"first": b"1", link: b"/etc"})


def damaged_zip(path):
    zipped(path, {"a": b"0123456789" * 100})
    content = bytearray(path.read_bytes())
    content[200] ^= 255
    path.write_bytes(content)


# What is served, as which name, and what the error says.
BAD = {
    "wrong checksum": (None, "toy.zip", "checksum of toy.zip is [0-9a-f]{32}; expected md5:0{32}"),
    "not there": (lambda path: None, "toy.zip", "404.*nothing was kept"),
    "cut short": (lambda path: path.touch(), "cut.zip", "cannot be downloaded"),
    "no archive": (
        lambda path: path.write_text("sorry"),
        "toy.zip",
        "expected a complete zip archive",
    ),
    "damaged zip": (damaged_zip, "toy.zip", "cannot be unpacked"),
    "zip climbs": (lambda p: zipped(p, {"ok": b"", "a/../../evil": b"1"}), "toy.zip", "leads out"),
    "zip, absolute": (lambda path: zipped(path, {"/evil": b"1"}), "toy.zip", "'/evil' leads out"),
    "zip, backslashes": (lambda p: zipped(p, {"..\\evil": b"1"}), "toy.zip", "evil' leads out"),
    "zip, drive": (lambda path: zipped(path, {"C:/evil": b"1"}), "toy.zip", "'C:/evil' leads out"),
    "zip, link": (zip_link, "toy.zip", "member 'wav' is a link"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_download_leaves_nothing_behind(server, tmp_path, case):
    make, name, message = BAD[case]
    make = make or (lambda path: zipped(path, {"a": b"1"}))
    make(server.folder / name)
    data, checksum = tmp_path / "data", "0" * 32 if case == "wrong checksum" else None
    with pytest.raises(InputError, match=message) as error:
        download.fetch([offer(server, name, checksum=checksum)], data / "toy", retries=0)
    assert name in str(error.value)
    assert os.listdir(data) == []
    assert sorted(os.listdir(tmp_path)) == ["data", "served"]


def test_a_download_longer_than_published_is_refused_at_once(server, tmp_path):
    (server.folder / "toy.zip").write_bytes(bytes(10_000_000))
    right = offer(server, "toy.zip")
    short = Remote(right.url, right.checksum, right.filename, size=5000)
    with pytest.raises(InputError, match=r"toy\.zip: is longer than the 5000 bytes"):
        download.retrieve(short, tmp_path / "data", progress=False)
    assert os.listdir(tmp_path / "data") == []
    assert server.handler.requests == 1


@pytest.mark.skipif(os.name == "nt", reason="this system has no umask")
def test_a_downloaded_file_is_as_readable_as_the_umask_says(server, tmp_path):
    zipped(server.folder / "toy.zip", {"a": b"1"})
    file = download.retrieve(offer(server, "toy.zip"), tmp_path / "data", progress=False)
    (tmp_path / "other").touch()
    assert file.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_nothing_is_downloaded_where_there_is_no_room(server, tmp_path):
    huge = Remote(f"{server.address}/toy.zip", "md5:" + "0" * 32, "toy.zip", size=10**18)
    with pytest.raises(
        InputError, match=r"MB are free; expected about 2500000000000 MB, which toy"
    ):
        download.fetch([huge], tmp_path / "data/toy")
    assert server.handler.requests == 0
    assert os.listdir(tmp_path / "data") == []


@pytest.mark.parametrize("checksum", ["", "md5:", "md5:123", "sha1:" + "0" * 40, "0" * 32])
def test_there_is_no_remote_without_a_checksum(checksum):
    with pytest.raises(InputError, match="expected 'md5:' and 32 or 'sha256:' and 64"):
        Remote("https://example.org/toy.zip", checksum, "toy.zip")
