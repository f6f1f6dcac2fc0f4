"""Downloads are verified, archives stay inside their folder, and nothing is half-written."""

import functools
import hashlib
import http.server
import io
import os
import stat
import tarfile
import threading
import warnings
import zipfile

import pytest
from tiny_corpora import EMODB, emodb_tree, publish

from ser_lib import download
from ser_lib.corpora import Remote, discovery, emodb, fetch, load_corpus
from ser_lib.errors import InputError


class Handler(http.server.SimpleHTTPRequestHandler):
    """A server that may fail first, or stop in the middle."""

    failures = 0
    requests = 0

    def do_GET(self):
        type(self).requests += 1
        if type(self).failures:
            type(self).failures -= 1
            self.send_error(503)
        elif self.path.endswith("cut.zip"):
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"PK only the beginning")
        else:
            super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve a folder on the loopback; gives the folder, the address and the handler."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = type("Fresh", (Handler,), {})
    serve = functools.partial(handler, directory=folder)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield folder, f"http://127.0.0.1:{running.server_port}", handler
        running.shutdown()


def zipped(path, members):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def offer(server, name, *, algorithm="md5", checksum=None):
    folder, address, _ = server
    content = (folder / name).read_bytes() if (folder / name).exists() else b""
    checksum = checksum or hashlib.new(algorithm, content).hexdigest()
    return Remote(url=f"{address}/{name}", checksum=f"{algorithm}:{checksum}", filename=name)


@pytest.mark.parametrize("algorithm", ["md5", "sha256"])
def test_an_archive_is_downloaded_verified_unpacked_and_deleted(server, tmp_path, algorithm):
    zipped(server[0] / "toy.zip", {"toy/wav/a.wav": b"sound", "toy/empty/": b""})
    target = tmp_path / "data/toy"
    assert download.fetch([offer(server, "toy.zip", algorithm=algorithm)], target) == target
    assert [p.relative_to(target).as_posix() for p in discovery.walk(target)] == ["toy/wav/a.wav"]
    assert (target / "toy/wav/a.wav").read_bytes() == b"sound"
    assert os.listdir(tmp_path / "data") == ["toy"]


def test_several_archives_go_into_one_folder(server, tmp_path):
    zipped(server[0] / "one.zip", {"a": b"1"})
    zipped(server[0] / "two.zip", {"b": b"2"})
    download.fetch([offer(server, "one.zip"), offer(server, "two.zip")], tmp_path / "toy")
    assert sorted(os.listdir(tmp_path / "toy")) == ["a", "b"]


def test_a_failed_transfer_is_tried_again(server, tmp_path):
    zipped(server[0] / "toy.zip", {"a": b"1"})
    server[2].failures = 2
    download.fetch([offer(server, "toy.zip")], tmp_path / "toy", retries=2)
    assert server[2].requests == 3


def tar_of(path, member, content=b"", **attributes):
    with tarfile.open(path, "w:gz") as file:
        info = tarfile.TarInfo(member)
        info.size = len(content)
        for name, value in attributes.items():
            setattr(info, name, value)
        file.addfile(info, io.BytesIO(content))


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
    "wrong checksum": (
        None,
        "toy.zip",
        "the checksum of toy.zip is [0-9a-f]{32}; expected md5:0{32}",
    ),
    "not there": (lambda path: None, "toy.zip", "404.*nothing was kept"),
    "cut short": (lambda path: path.touch(), "cut.zip", "cannot be downloaded"),
    "no archive": (lambda path: path.write_text("sorry"), "toy.zip", "expected a zip or tar"),
    "damaged zip": (damaged_zip, "toy.zip", "cannot be unpacked"),
    "damaged tar": (lambda path: tar_of(path, "a", b"1" * 9), "cut.tar.gz", "zip or tar|unpacked"),
    "zip climbs": (
        lambda path: zipped(path, {"ok": b"", "a/../../evil": b"1"}),
        "toy.zip",
        "member 'a/../../evil' leads out of its folder",
    ),
    "zip, absolute": (lambda path: zipped(path, {"/evil": b"1"}), "toy.zip", "'/evil' leads out"),
    "zip, backslashes": (lambda p: zipped(p, {"..\\evil": b"1"}), "toy.zip", "evil' leads out"),
    "zip, drive": (lambda path: zipped(path, {"C:/evil": b"1"}), "toy.zip", "'C:/evil' leads out"),
    "zip, link": (zip_link, "toy.zip", "member 'wav' is a link"),
    "tar climbs": (lambda path: tar_of(path, "../evil", b"1"), "toy.tar.gz", "'../evil' leads out"),
    "tar, absolute": (lambda path: tar_of(path, "/evil", b"1"), "toy.tar.gz", "'/evil' leads out"),
    "tar, link": (
        lambda path: tar_of(path, "wav", type=tarfile.SYMTYPE, linkname="/etc"),
        "toy.tar.gz",
        "member 'wav' is a link",
    ),
    "tar, hard link": (
        lambda path: tar_of(path, "wav", type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        "toy.tar.gz",
        "member 'wav' is a link",
    ),
    "tar, device": (
        lambda path: tar_of(path, "wav", type=tarfile.CHRTYPE),
        "toy.tar.gz",
        "member 'wav' is a device",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_download_leaves_nothing_behind(server, tmp_path, case):
    make, name, message = BAD[case]
    checksum = None
    if make is None:
        zipped(server[0] / name, {"a": b"1"})
        checksum = "0" * 32
    else:
        make(server[0] / name)
    if case == "damaged tar":
        os.truncate(server[0] / name, 60)
    data = tmp_path / "data"
    with pytest.raises(InputError, match=message) as error:
        download.fetch([offer(server, name, checksum=checksum)], data / "toy", retries=0)
    assert name in str(error.value)
    assert os.listdir(data) == []
    assert sorted(os.listdir(tmp_path)) == ["data", "served"]


def test_nothing_is_downloaded_where_there_is_no_room(server, tmp_path):
    huge = Remote(f"{server[1]}/toy.zip", "md5:" + "0" * 32, "toy.zip", size=10**18)
    with pytest.raises(
        InputError, match=r"MB are free; expected about 2500000000000 MB, which toy\.zip needs"
    ):
        download.fetch([huge], tmp_path / "data/toy")
    assert server[2].requests == 0
    assert os.listdir(tmp_path / "data") == []


@pytest.mark.parametrize("checksum", ["", "md5:", "md5:123", "sha1:" + "0" * 40, "0" * 32])
def test_there_is_no_remote_without_a_checksum(checksum):
    with pytest.raises(InputError, match="expected 'md5:' and 32 or 'sha256:' and 64"):
        Remote("https://example.org/toy.zip", checksum, "toy.zip")


@pytest.fixture
def published(server, tmp_path, monkeypatch):
    """Offer a tiny EmoDB for download."""
    emodb_tree(tmp_path / "origin")
    files = sorted((tmp_path / "origin/emodb/wav").iterdir())
    publish(tmp_path / "index", files)
    monkeypatch.setattr(discovery, "INDICES", tmp_path / "index")
    members = {f"emodb/wav/{path.name}": path.read_bytes() for path in files}
    zipped(server[0] / "emodb.zip", members | {"emodb/db.yaml": b"name: emodb"})
    monkeypatch.setattr(emodb, "REMOTES", (offer(server, "emodb.zip"),))
    return server[2]


def test_fetch_gives_a_corpus_that_validates(published, tmp_path):
    data = tmp_path / "data"
    assert fetch("emodb", data=data) == data / "emodb"
    corpus = load_corpus("emodb", data=data)
    assert list(corpus.table.index) == sorted(EMODB)
    assert corpus.validate().ok
    assert corpus.validate().by_checksum == len(EMODB)


def test_fetch_leaves_a_complete_corpus_as_it_is(published, tmp_path):
    fetch("emodb", data=tmp_path / "data")
    emodb_folder = fetch("emodb", data=tmp_path / "data")
    assert emodb_folder == tmp_path / "data/emodb"
    assert published.requests == 1
    # Also where it lies under another name.
    assert fetch("emodb", data=tmp_path / "origin") == tmp_path / "origin/emodb"
    assert published.requests == 1


def test_fetch_does_not_touch_an_incomplete_corpus(published, tmp_path):
    fetch("emodb", data=tmp_path / "data")
    next((tmp_path / "data").rglob("*.wav")).unlink()
    with pytest.raises(InputError, match="has 5 recordings of emodb; expected all of them or"):
        fetch("emodb", data=tmp_path / "data")
    assert published.requests == 1


def test_fetch_fills_an_empty_folder(published, tmp_path):
    (tmp_path / "data/emodb").mkdir(parents=True)
    fetch("emodb", data=tmp_path / "data")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        load_corpus("emodb", data=tmp_path / "data")


@pytest.mark.parametrize(
    ("name", "message"), [("iemocap", "register at https://sail.usc.edu"), ("folder", "user's own")]
)
def test_what_cannot_be_downloaded_says_how_to_get_it(tmp_path, name, message):
    with pytest.raises(InputError, match=message):
        fetch(name, data=tmp_path / "data")
    assert not (tmp_path / "data").exists()
