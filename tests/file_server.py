"""A web server on the loopback interface that offers files, for tests of downloads."""

import contextlib
import functools
import hashlib
import http.server
import threading
import zipfile
from pathlib import Path
from typing import NamedTuple

from ser_lib.download import Remote


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


class Server(NamedTuple):
    """A running server: the folder that it serves, its address, and its handler."""

    folder: Path
    address: str
    handler: type[Handler]


@contextlib.contextmanager
def serving(folder, monkeypatch):
    """Serve a new folder."""
    folder.mkdir()
    handler = type("Fresh", (Handler,), {})
    serve = functools.partial(handler, directory=folder)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # pooch waits between attempts.
    monkeypatch.setattr("pooch.core.time.sleep", lambda seconds: None)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield Server(folder, f"http://127.0.0.1:{running.server_port}", handler)
        running.shutdown()


def zipped(path, members):
    """Write a zip archive with these members."""
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def offer(server, name, *, algorithm="md5", checksum=None):
    """Describe a served file as a `Remote`."""
    file = server.folder / name
    content = file.read_bytes() if file.exists() else b""
    checksum = checksum or hashlib.new(algorithm, content).hexdigest()
    return Remote(url=f"{server.address}/{name}", checksum=f"{algorithm}:{checksum}", filename=name)
