"""`ser demo`: a web page on this computer that recognises a recording."""

import contextlib
import html
import logging
import os
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from ser_lib.errors import InputError
from ser_lib.recognition.card import NOT_INTENDED
from ser_lib.recognition.recogniser import Recogniser, load
from ser_lib.recognition.result_page import LONGEST, read_recording, result_html

ADDRESS = "127.0.0.1"
"""The page is for this computer only."""

# Ten minutes of two channels at 48 kHz and 24 bits.
_LARGEST = "180mb"
# Recordings that are recognised at once.
_AT_ONCE = 2
# Visitors who are served or wait.
_VISITORS = 40
# Seconds after which an upload that nobody asked to recognise is deleted.
_ABANDONED = 600


def serve(model: str | None = None, port: int | None = None) -> None:
    """
    Show the page until interrupted; nothing of a recording is left when it has been recognised.

    Parameters
    ----------
    model : path, optional
        Folder of a model; by default the one that comes with this package.
    port : int, optional
        By default 7860, or the next that is free.

    Raises
    ------
    InputError
        If the extra ``demo`` is not installed, the model cannot be loaded or needs other recordings
        of the speaker, or the port is taken.
    """
    gradio = _import_gradio()
    recogniser = load(model)
    if recogniser.by_speaker:
        raise InputError(
            f"{recogniser.name} scales features by the statistics of whoever speaks, which the "
            "page does not have; expected a model that does not"
        )
    with tempfile.TemporaryDirectory(prefix="ser_demo_") as folder:
        # Where Gradio keeps what is uploaded.
        os.environ["GRADIO_TEMP_DIR"] = folder
        page = build(gradio, recogniser, Path(folder))
        _launch(gradio, page, port)
        print(f"{page.local_url} (Ctrl-C ends it)", flush=True)
        try:
            while True:
                time.sleep(60)
                remove_abandoned(Path(folder))
        except KeyboardInterrupt:
            pass
        finally:
            page.close(verbose=False)


def _import_gradio() -> ModuleType:
    # Read when it is imported.
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
    try:
        import gradio
    except ImportError as error:
        raise InputError(
            f"the page needs Gradio, which cannot be imported ({error}); expected the extra demo: "
            "pip install -e .[demo]"
        ) from None
    import matplotlib

    # Figures are drawn in the threads of the server, where windows must not be opened.
    matplotlib.use("agg")
    return gradio


def build(gradio: ModuleType, recogniser: Recogniser, folder: Path) -> object:
    """
    Make the page.

    Parameters
    ----------
    gradio : module
    recogniser : Recogniser
        Shared by all visitors, and only read.
    folder : Path
        Where uploads are.

    Returns
    -------
    gradio.Blocks
    """
    # ONNX Runtime and scikit-learn predict in any number of threads; Keras does not promise to.
    keras = recogniser.description["classifier"].get("runtime") == "keras"
    turns = threading.Semaphore(1 if keras else _AT_ONCE)

    def recognise(upload: str | None) -> tuple[str, None]:
        # Without a recording, a field takes the next one.
        return recognise_upload(recogniser, folder, upload, turns), None

    with gradio.Blocks(title="Emotion in speech", analytics_enabled=False) as page:
        gradio.HTML(_introduction(recogniser))
        with gradio.Row():
            fields = [
                gradio.Audio(
                    sources=[source],
                    type="filepath",
                    label=label,
                    editable=False,
                    buttons=[],
                    # Pixels: one below the other on a telephone.
                    min_width=300,
                    elem_id=f"ser-{source}",
                )
                for source, label in (("microphone", "Microphone"), ("upload", "File"))
            ]
        shown = gradio.HTML(elem_id="ser-result", min_height=60)
        gradio.HTML(_about(recogniser))
        for field, event in zip(fields, ("stop_recording", "upload"), strict=True):
            getattr(field, event)(
                recognise,
                field,
                [shown, field],
                # All begin at once, so that no upload lies about; they then wait for their turn.
                concurrency_limit=None,
                show_progress_on=shown,
                api_visibility="private",
            )
    return page.queue(max_size=_VISITORS)


def _launch(gradio: ModuleType, page: object, port: int | None) -> None:
    # Gradio asks its own server whether it is there, and must not ask a proxy for it.
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), ADDRESS]))
    fonts = ("system-ui", "sans-serif")
    try:
        page.launch(
            server_name=ADDRESS,
            server_port=port,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            max_threads=_VISITORS,
            max_file_size=_LARGEST,
            # No links elsewhere, and no recordings in the browser's storage.
            footer_links=[],
            run_history=False,
            enable_monitoring=False,
            ssr_mode=False,
            mcp_server=False,
            pwa=False,
            theme=gradio.themes.Base(font=fonts, font_mono=("ui-monospace", "monospace")),
            css_paths=Path(__file__).with_name("demo.css"),
        )
        # A browser may ask for a recording whose result it has just been given.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    except (OSError, OverflowError) as error:
        raise InputError(f"port is {port or 'not given'}: {error}; expected a free port") from None


def recognise_upload(
    recogniser: Recogniser, folder: Path, upload: str | None, turns: threading.Semaphore
) -> str:
    """
    Recognise an upload, say in HTML what was recognised, and delete it.

    Parameters
    ----------
    recogniser : Recogniser
    folder : Path
        Where uploads are; nothing elsewhere is read or deleted.
    upload : str or None
        Path of the recording.
    turns : Semaphore
        Recordings that may be recognised at once. Reading them does not wait, nor do refusals.
    """
    try:
        with deleted_afterwards(folder, upload) as path:
            signal = read_recording(recogniser, path)
            with turns:
                return result_html(recogniser, signal, path.name)
    except InputError as error:
        return f'<p class="ser-refusal" role="alert">{html.escape(str(error))}.</p>'
    except Exception:
        traceback.print_exc()
        return '<p class="ser-refusal" role="alert">This recording could not be recognised.</p>'


@contextlib.contextmanager
def deleted_afterwards(folder: Path, upload: str | None) -> Iterator[Path]:
    """
    Give the path of an upload, and delete it at the end.

    Two visitors who upload the same file have it at the same path: one that has come anew in the
    meantime is left to its visitor.

    Raises
    ------
    InputError
        If there is no such file in the folder.
    """
    path = Path(upload or "").resolve()
    if not (path.is_relative_to(folder.resolve()) and path.is_file()):
        raise InputError("the recording is not there any more; open it once more, please")
    uploaded = _version(path)
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            if _version(path) == uploaded:
                path.unlink()
                path.parent.rmdir()


def _version(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def remove_abandoned(folder: Path, age: float = _ABANDONED) -> None:
    """Delete files that were written more than `age` seconds ago, such as broken uploads."""
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            if path.is_file() and time.time() - path.stat().st_mtime > age:
                path.unlink()


def _introduction(recogniser: Recogniser) -> str:
    return (
        "<h1>Emotion in speech</h1>"
        "<p>Record a sentence or open a recording of up to "
        f"{LONGEST / 60:.0f} minutes (WAV, FLAC, Ogg, MP3 or AIFF). The model says which of "
        f"{len(recogniser.classes)} emotions the voice sounds like. Everything happens on this "
        "computer, and recordings are deleted when they have been recognised.</p>"
    )


def _about(recogniser: Recogniser) -> str:
    corpus = recogniser.description["corpus"]
    title = html.escape(f"{recogniser.description['title']}, trained on {corpus['title']}")
    chance = 1 / len(recogniser.classes)
    return (
        f'<div class="ser-about"><h2>The model</h2><p>{title}. To be expected of speakers it has '
        f"not heard: {html.escape(recogniser.scores)}. UAR is the mean recall of the emotions "
        f"(chance: {chance:.2f}).</p>"
        f"<h2>Must not be used for</h2><p>{html.escape(NOT_INTENDED)}</p></div>"
    )
