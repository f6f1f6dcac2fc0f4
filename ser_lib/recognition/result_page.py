"""What the page says about a recording: HTML that holds figures, sound and tables in itself."""

import base64
import html
import io
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from ser_lib.errors import InputError
from ser_lib.recognition.outcome import NO_SPEECH
from ser_lib.recognition.output import header_of, line_of, one_line
from ser_lib.recognition.reading import HOP, WINDOW, seconds_of
from ser_lib.recognition.recogniser import Recogniser

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

LONGEST = 600.0
"""Seconds that a recording may last."""

# Recordings shorter than two windows would hardly show a course of time: seconds of the windows
# they get instead, and to the next.
_SHORT_WINDOW, _SHORT_HOP = 1.5, 0.25
# Inches, so that figures can be read on a telephone, and pixels per inch.
_WIDTH, _DPI = 4.2, 200
# pyplot has one state for all threads.
_DRAWING = threading.Lock()


def read_recording(recogniser: Recogniser, path: Path) -> np.ndarray:
    """
    Read a recording for a model, unless it is longer than `LONGEST`.

    Returns
    -------
    ndarray of float32, shape (samples,)
        At the sampling rate of the model.

    Raises
    ------
    InputError
        If it is longer, which is found before it is decoded, or cannot be read. The message gives
        the name of the file, but no folder.
    """
    seconds = seconds_of(path)
    if seconds > LONGEST:
        minutes, rest = divmod(round(seconds), 60)
        raise InputError(
            f"{path.name}: lasts {minutes} min {rest} s; expected at most {LONGEST / 60:.0f} min"
        )
    try:
        return recogniser.read(path)
    except InputError as error:
        raise InputError(str(error).replace(f"{path.parent}{os.sep}", "")) from error


def result_html(recogniser: Recogniser, signal: np.ndarray, name: str) -> str:
    """
    Recognise a recording, and write what there is to say about it.

    Parameters
    ----------
    recogniser : Recogniser
    signal : ndarray of float32, shape (samples,)
        As of `read_recording`.
    name : str
        Of the recording.

    Returns
    -------
    str
        HTML: the emotion with the largest posterior, the recording to listen to, figures, and the
        tables to download, all of it embedded.
    """
    rate = recogniser.front_end.sample_rate
    whole = recogniser.predict((signal, rate)).assign(recording=name)
    title = f'<p class="ser-note">{_text(name)}, {len(signal) / rate:.1f} s</p>'
    if whole["emotion"].isna()[0] and whole["remark"][0] != NO_SPEECH:
        raise InputError(f"{name}: {whole['remark'][0]}")
    if whole["emotion"].isna()[0]:
        return f'<p class="ser-verdict">No speech was found.</p>{title}{_player(signal, rate)}'
    windows = _windows(recogniser, signal)
    tables = {"posteriors": whole}
    if windows is not None:
        tables["posteriors over time"] = windows.assign(recording=name)
    left, right = _figures(recogniser, signal, whole, windows)
    links = ",".join(f" {_link(recogniser, table, name, what)}" for what, table in tables.items())
    return (
        f"{_verdict(recogniser, whole)}{title}{_player(signal, rate)}"
        f'<div class="ser-figures"><div>{left}</div>'
        f'<div>{right}<p class="ser-links">Download as CSV:{links}</p></div></div>'
    )


def _windows(recogniser: Recogniser, signal: np.ndarray) -> "pd.DataFrame | None":
    """Recognise a recording window by window; None if it is no longer than one."""
    rate = recogniser.front_end.sample_rate
    seconds = len(signal) / rate
    window, hop = (WINDOW, HOP) if seconds >= 2 * WINDOW else (_SHORT_WINDOW, _SHORT_HOP)
    if seconds <= window:
        return None
    return recogniser.timeline((signal, rate), window=window, hop=hop)


def _verdict(recogniser: Recogniser, whole: "pd.DataFrame") -> str:
    from ser_lib.plots import emotion_colours

    row = whole.iloc[0]
    posteriors = row[[f"p_{emotion}" for emotion in recogniser.classes]].astype(float)
    (first, largest), (second, next_largest) = (
        (label.removeprefix("p_"), value) for label, value in posteriors.nlargest(2).items()
    )
    colour = emotion_colours(recogniser.classes)[first]
    remark = f"; {_text(row['remark'])}" if row["remark"] else ""
    return (
        f'<p class="ser-verdict" style="border-color: {colour}">Sounds most like '
        f"<strong>{_text(first)}</strong>: posterior {largest:.2f}</p>"
        f"<p>Of the {len(recogniser.classes)} emotions this model knows; the next is "
        f"{_text(second)}, {next_largest:.2f}{remark}.</p>"
    )


def _figures(
    recogniser: Recogniser,
    signal: np.ndarray,
    whole: "pd.DataFrame",
    windows: "pd.DataFrame | None",
) -> tuple[str, str]:
    """Draw the recording over time, and what it is recognised as and by what."""
    from ser_lib import plots

    rate, emotions = recogniser.front_end.sample_rate, recogniser.description["corpus"]["emotions"]
    emotion, table = whole["emotion"][0], _contributions(recogniser, (signal, rate))
    with _DRAWING:
        left = _picture(
            plots.recording(recogniser, (signal, rate), title="The recording", width=_WIDTH),
            "Waveform and spectrogram of the recording, and attention over time where the "
            "model has it.",
        )
        if windows is not None and windows["emotion"].notna().any():
            left += _picture(
                plots.timeline(windows, width=_WIDTH),
                "Posteriors of the emotions over time, as a stacked area.",
            )
        right = _picture(
            plots.distribution(whole, emotions, width=_WIDTH),
            "Posteriors of the recording beside the shares of the emotions in the corpus.",
        )
        if table is not None and emotion in table:
            right += _picture(
                plots.contributions(table, emotion, width=_WIDTH),
                f"Which descriptors of the recording speak for {emotion}, and which against it.",
            )
    return left, right


def _contributions(
    recogniser: Recogniser, recording: tuple[np.ndarray, int]
) -> "pd.DataFrame | None":
    """Compute the contributions of features; None for another kind of model, or over 60 s."""
    try:
        return recogniser.contributions(recording)
    except InputError:
        return None


def _picture(fig: "Figure", description: str) -> str:
    from ser_lib import plots

    file = io.BytesIO()
    plots.save(fig, file, dpi=_DPI)
    return f'<img src="{_data("image/png", file.getvalue())}" alt="{_text(description)}">'


def _player(signal: np.ndarray, sample_rate: int) -> str:
    """Embed a recording as MP3, which every browser plays and which is small."""
    file = io.BytesIO()
    soundfile.write(file, np.clip(signal, -1, 1), sample_rate, format="MP3")
    return f'<audio controls src="{_data("audio/mpeg", file.getvalue())}"></audio>'


def _link(recogniser: Recogniser, table: "pd.DataFrame", name: str, what: str) -> str:
    """Embed a table as comma-separated values, in the form of `ser predict`."""
    model = f"{recogniser.name} {recogniser.digest[:8]}"
    rows = [{**row, "model": model} for row in table.to_dict("records")]
    lines = [header_of([*table.columns, "model"], "csv"), *(line_of(row, "csv") for row in rows)]
    address = _data("text/csv;charset=utf-8", "".join(lines).encode())
    file = _text(f"{Path(name).stem} {what}.csv")
    return f'<a download="{file}" href="{address}">{_text(what)}</a>'


def _data(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _text(text: str) -> str:
    return html.escape(str(one_line(text)))
