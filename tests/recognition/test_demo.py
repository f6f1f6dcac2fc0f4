"""The page that recognises a recording: what it says, and how it behaves in a browser."""

import base64
import concurrent.futures
import contextlib
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import soundfile

from ser_lib import cli
from ser_lib.errors import InputError
from ser_lib.recognition import demo, load
from ser_lib.recognition.result_page import read_recording, result_html

RATE = 16000
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
ENVIRONMENT = ("GRADIO_ANALYTICS_ENABLED", "HF_HUB_DISABLE_TELEMETRY", "GRADIO_TEMP_DIR")


@pytest.fixture(scope="module")
def network(network_folder):
    return load(network_folder)


@pytest.fixture
def turns():
    return threading.Semaphore(1)


def embedded(page, kind):
    """The files of a kind that are embedded in HTML."""
    found = re.findall(rf'"data:{kind}[^,"]*;base64,([^"]*)"', page)
    return [base64.b64decode(content) for content in found]


def tables(page):
    return [pd.read_csv(io.BytesIO(content)) for content in embedded(page, "text/csv")]


# ---- what is said about a recording ----------------------------------------------------------


def test_a_result_holds_verdict_sound_figures_and_tables(network, speech):
    signal = speech[: 7 * RATE]
    page = result_html(network, signal, "mine.wav")
    (row,) = network.predict((signal, RATE)).to_dict("records")
    assert f"<strong>{row['emotion']}</strong>: posterior {row['posterior']:.2f}" in page
    assert "mine.wav, 7.0 s" in page
    (sound,) = embedded(page, "audio/mpeg")
    heard, rate = soundfile.read(io.BytesIO(sound))
    assert rate == RATE
    assert len(heard) / rate == pytest.approx(7, abs=0.1)
    assert len(embedded(page, "image/png")) == 3
    whole, windows = tables(page)
    posteriors = [f"p_{emotion}" for emotion in network.classes]
    expected = network.timeline((signal, RATE), window=3, hop=1)
    assert whole["recording"].tolist() == ["mine.wav"]
    assert whole[posteriors].iloc[0].tolist() == [row[name] for name in posteriors]
    assert windows["start"].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(windows[posteriors], expected[posteriors])
    assert set(windows["model"]) == {f"{network.name} {network.digest[:8]}"}


def test_short_recordings_get_shorter_windows_and_the_shortest_none(network, speech):
    _, windows = tables(result_html(network, speech[: 3 * RATE], "a"))
    assert (windows["end"] - windows["start"]).tolist() == [1.5] * len(windows)
    assert len(windows) == 7
    page = result_html(network, speech[:RATE], "a")
    assert len(tables(page)) == 1
    assert len(embedded(page, "image/png")) == 2


def test_what_speaks_for_the_emotion_is_shown_of_discriminant_analysis(speech):
    model = load()
    page = result_html(model, speech[: 7 * RATE], "a")
    (row,) = model.predict((speech[: 7 * RATE], RATE)).to_dict("records")
    assert len(embedded(page, "image/png")) == 4
    assert f"descriptors of the recording speak for {row['emotion']}" in page
    # As a whole, up to a minute is read.
    long = np.tile(speech, 1 + 61 * RATE // len(speech))[: 61 * RATE]
    assert "speak for" not in result_html(model, long, "a")


def test_the_name_of_a_recording_is_no_markup(network, speech):
    page = result_html(network, speech[:RATE], '<b>"x".wav')
    assert "<b>" not in page
    assert "&lt;b&gt;&quot;x&quot;.wav" in page


def test_silence_holds_no_speech(network):
    page = result_html(network, np.zeros(RATE, np.float32), "silence.wav")
    assert "No speech was found." in page
    assert embedded(page, "audio/mpeg")
    assert not embedded(page, "image/png")


@pytest.mark.slow
def test_visitors_at_once_get_the_results_of_one_after_the_other(network, speech):
    signals = [speech[: 2 * RATE], speech[3 * RATE : 8 * RATE], speech[9 * RATE : 11 * RATE]]
    names = ["a", "b", "c"]
    expected = [result_html(network, *each) for each in zip(signals, names, strict=True)]
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        assert list(pool.map(result_html, [network] * 3, signals, names)) == expected


# ---- what is refused ------------------------------------------------------------------------


def test_a_recording_that_is_too_long_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "talk.flac"
    soundfile.write(path, np.zeros(8000 * 723, np.int16), 8000)
    with pytest.raises(
        InputError, match=r"^talk\.flac: lasts 12 min 3 s; expected at most 10 min$"
    ):
        read_recording(SimpleNamespace(), path)


def of_samples(samples, subtype=None):
    """The content of a file with these samples."""
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format="WAV", subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty (0 bytes); expected a recording"),
        (b"no recording" * 50, "cannot be decoded ("),
        (b"RIFF", "cannot be decoded ("),
        (of_samples(np.zeros(RATE))[:5000], "is truncated: "),
        (of_samples(np.zeros(160)), "has 160 samples at 16000 Hz (10.0 ms); expected at least 25"),
        (of_samples(np.full(RATE, np.nan), "FLOAT"), "16000 of the first 16000 samples are not"),
        (of_samples(np.full(RATE, 9999.0), "FLOAT"), "has samples of 9999, where full scale is 1"),
    ],
    ids=["empty", "text", "head", "cut", "short", "NaN", "not scaled"],
)
def test_what_is_no_whole_recording_is_refused_with_the_reason_and_without_folders(
    content, why, recogniser, recordings
):
    path = recordings / "below" / "it's é.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match="^" + re.escape(f"it's é.wav: {why}")) as caught:
        read_recording(recogniser, path)
    assert "expected " in str(caught.value)
    assert str(recordings) not in str(caught.value)


# ---- what is kept ---------------------------------------------------------------------------


def upload(folder, source, name="a.wav"):
    """Put a file where Gradio puts an upload."""
    path = folder / "0123" / name
    path.parent.mkdir(exist_ok=True)
    shutil.copy(source, path.with_suffix(".part"))
    return path.with_suffix(".part").replace(path)


def test_an_upload_is_deleted_when_it_is_recognised_or_refused(
    network, recordings, tmp_path, turns, monkeypatch, capsys
):
    folder = tmp_path / "uploads"
    folder.mkdir()
    page = demo.recognise_upload(network, folder, str(upload(folder, recordings / "a.wav")), turns)
    assert "ser-verdict" in page
    assert list(folder.iterdir()) == []
    page = demo.recognise_upload(
        network, folder, str(upload(folder, recordings / "notes.txt")), turns
    )
    assert 'role="alert">a.wav: cannot be decoded (' in page
    assert list(folder.iterdir()) == []
    monkeypatch.setattr(demo, "result_html", lambda *_: 1 / 0)
    page = demo.recognise_upload(network, folder, str(upload(folder, recordings / "a.wav")), turns)
    assert "This recording could not be recognised." in page
    assert list(folder.iterdir()) == []
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_an_upload_that_another_visitor_replaced_is_left_to_them(recordings, tmp_path):
    path = upload(tmp_path, recordings / "a.wav")
    with demo.deleted_afterwards(tmp_path, str(path)):
        upload(tmp_path, recordings / "a.wav")
    assert path.is_file()
    with demo.deleted_afterwards(tmp_path, str(path)):
        pass
    assert not path.exists()


@pytest.mark.parametrize("where", ["outside.wav", "uploads/../outside.wav", "uploads/gone.wav"])
def test_nothing_but_uploads_is_read_or_deleted(where, tmp_path, recogniser, turns):
    (tmp_path / "uploads").mkdir()
    (tmp_path / "outside.wav").write_bytes(b"kept")
    page = demo.recognise_upload(recogniser, tmp_path / "uploads", str(tmp_path / where), turns)
    assert "the recording is not there any more" in page
    assert (tmp_path / "outside.wav").read_bytes() == b"kept"


def test_uploads_that_nobody_asks_about_are_deleted_in_the_end(tmp_path):
    for name, age in (("old", 700), ("new", 10)):
        (tmp_path / name).write_bytes(b"")
        written = (tmp_path / name).stat().st_mtime - age
        os.utime(tmp_path / name, (written, written))
    demo.remove_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


# ---- the command ----------------------------------------------------------------------------


@pytest.fixture
def restored(monkeypatch):
    """Forget what the command sets in the environment."""
    for name in ENVIRONMENT:
        monkeypatch.setenv(name, "")


def test_without_gradio_the_command_names_the_extra(restored, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert cli.main(["demo"]) == 2
    assert "expected the extra demo: pip install -e .[demo]" in capsys.readouterr().err


@pytest.mark.slow
def test_a_port_that_is_taken_is_refused(restored, svm_folder, capsys):
    pytest.importorskip("gradio", reason="the extra demo is not installed")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["demo", "--model", str(svm_folder), "--port", str(port)]) == 2
    assert f"port is {port}: " in capsys.readouterr().err


# ---- the page in a browser ------------------------------------------------------------------

# Writes to whom the server connects and whose addresses it asks for.
SERVER = """
import sys
log = open(sys.argv.pop(1), "a", buffering=1)
def note(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        print(arguments[1][0], file=log)
    elif event == "socket.getaddrinfo":
        print(arguments[0], file=log)
sys.addaudithook(note)
from ser_lib.cli import main
sys.exit(main())
"""


@pytest.fixture(scope="module")
def server(network_folder, tmp_path_factory):
    """The page as `ser demo` serves it: its address, its folder of uploads, its connections."""
    pytest.importorskip("gradio", reason="the extra demo is not installed")
    folder = tmp_path_factory.mktemp("server")
    log = folder / "connections.txt"
    command = [sys.executable, "-c", SERVER, str(log), "demo", "--model", str(network_folder)]
    # A proxy that is not there: nothing may be asked of it.
    proxies = dict.fromkeys(("http_proxy", "https_proxy"), "http://192.0.2.1:9")
    process = subprocess.Popen(
        command,
        env={**os.environ, **proxies, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=(folder / "errors.txt").open("w"),
        text=True,
    )
    try:
        line = process.stdout.readline()
        address = re.match(r"(http://127\.0\.0\.1:\d+/) ", line)
        assert address, (folder / "errors.txt").read_text()
        (uploads,) = folder.glob("ser_demo_*")
        yield SimpleNamespace(
            address=address[1],
            kept=lambda: [path for path in uploads.rglob("*") if path.is_file()],
            connections=lambda: set(log.read_text().split()),
            errors=lambda: (folder / "errors.txt").read_text(),
        )
    finally:
        process.send_signal(2)
        status = process.wait(30)
    assert status == 0
    assert not uploads.exists()


@pytest.fixture(scope="module")
def browser(speech, tmp_path_factory):
    """Chromium, whose microphone hears a recording."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("there is no Chromium on this machine")
    heard = tmp_path_factory.mktemp("microphone") / "speech.wav"
    soundfile.write(heard, speech[: 20 * RATE], RATE)
    microphone = (
        *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
        f"--use-file-for-fake-audio-capture={heard}",
    )
    with api.sync_playwright() as playwright:
        options = {"executable_path": CHROMIUM, "args": [*microphone, "--no-sandbox"]}
        with contextlib.closing(playwright.chromium.launch(**options)) as started:
            yield started


class Visitor:
    """Somebody with a browser of their own at the page."""

    def __init__(self, browser, address, width=1280):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, permissions=["microphone"]
        )
        self.page = context.new_page()
        self.requests, self.close = [], context.close
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(address)
        self.page.locator("#ser-upload input[type=file]").wait_for(state="attached")

    def open(self, path):
        self.page.set_input_files("#ser-upload input[type=file]", path)

    def result(self, name):
        """Wait for the result of a recording; all that it says."""
        result = self.page.locator("#ser-result")
        result.get_by_text(name).wait_for(timeout=120_000)
        return result.inner_text()

    def count(self, what):
        return self.page.locator(f"#ser-result {what}").count()


@pytest.fixture
def visit(browser, server):
    """Visit the page; in the end nothing is kept, and nothing was asked of anybody else."""
    visitors = []

    def visit(**options):
        visitors.append(Visitor(browser, server.address, **options))
        return visitors[-1]

    yield visit
    own = (server.address, "data:", f"blob:{server.address}")
    for visitor in visitors:
        visitor.close()
        assert [url for url in visitor.requests if not url.startswith(own)] == []
    assert server.connections() <= {"127.0.0.1", "localhost"}
    assert server.kept() == []
    assert server.errors() == ""


@pytest.mark.slow
def test_a_file_is_recognised_with_figures_sound_and_a_table(visit, network, recordings):
    visitor = visit()
    assert "Never for decisions about people" in visitor.page.locator("body").inner_text()
    assert network.scores in visitor.page.locator("body").inner_text()
    visitor.open(recordings / "a.wav")
    row = network.predict(recordings / "a.wav").iloc[0]
    said = visitor.result("a.wav")
    assert f"Sounds most like {row['emotion']}: posterior {row['posterior']:.2f}" in said
    assert visitor.count("img") == 3
    assert visitor.count("audio") == 1
    images = visitor.page.locator("#ser-result img")
    assert images.evaluate_all("all => all.every(e => e.complete && e.naturalWidth > 500)")
    with visitor.page.expect_download() as download:
        visitor.page.get_by_text("posteriors", exact=True).click()
    assert download.value.suggested_filename == "a posteriors.csv"
    table = pd.read_csv(download.value.path())
    assert table["posterior"].tolist() == [row["posterior"]]
    assert table["recording"].tolist() == ["a.wav"]


@pytest.mark.slow
def test_what_the_microphone_hears_is_recognised(visit):
    visitor = visit()
    microphone = visitor.page.locator("#ser-microphone")
    microphone.get_by_role("button", name="Record").click()
    visitor.page.wait_for_timeout(4000)
    microphone.get_by_role("button", name="Stop").first.click()
    assert "Sounds most like" in visitor.result("audio.wav")
    # The next one can be recorded.
    microphone.get_by_role("button", name="Record").wait_for()


@pytest.mark.slow
def test_what_cannot_be_recognised_is_refused_in_a_sentence(visit, recordings, tmp_path):
    visitor = visit()
    damaged = recordings / "damaged.wav"
    damaged.write_bytes((recordings / "a.wav").read_bytes()[:5000])
    shutil.copy(recordings / "notes.txt", recordings / "text.wav")
    soundfile.write(recordings / "long.flac", np.zeros(8000 * 601, np.int16), 8000)
    for name, reason in (
        ("damaged.wav", "is truncated: "),
        ("text.wav", "cannot be decoded ("),
        ("long.flac", "lasts 10 min 1 s; expected at most 10 min"),
    ):
        visitor.open(recordings / name)
        said = visitor.result(name)
        assert f"{name}: {reason}" in said
        assert len(said.splitlines()) == 1


@pytest.mark.slow
def test_five_minutes_are_recognised(visit, speech, tmp_path):
    signal = np.resize(speech, 300 * RATE)
    soundfile.write(tmp_path / "talk.flac", signal, RATE)
    visitor = visit()
    visitor.open(tmp_path / "talk.flac")
    said = visitor.result("talk.flac")
    assert "windows of 3 s with speech" in said
    with visitor.page.expect_download() as download:
        visitor.page.get_by_text("posteriors over time").click()
    assert len(pd.read_csv(download.value.path())) == 298


@pytest.mark.slow
def test_two_visitors_at_once_see_their_own_results(visit, recordings):
    one, other = visit(), visit(width=390)
    for names in (("a.wav", "b.wav"), ("c.wav", "c.wav")):
        for visitor, name in zip((one, other), names, strict=True):
            visitor.open(recordings / name)
        for visitor, name in zip((one, other), names, strict=True):
            said = visitor.result(name)
            assert "Sounds most like" in said
            assert re.findall(r"\w+\.wav", said) == [name]


@pytest.mark.slow
@pytest.mark.parametrize(("width", "columns"), [(1280, 2), (390, 1)])
def test_figures_fit_the_screen(width, columns, visit, recordings):
    visitor = visit(width=width)
    visitor.open(recordings / "a.wav")
    visitor.result("a.wav")
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [image.bounding_box() for image in visitor.page.locator("#ser-result img").all()]
    assert len({round(box["x"]) for box in boxes}) == columns
    assert all(box["width"] >= 340 for box in boxes)
