"""An executed notebook keeps what says something, and nothing of the machine."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from ser_lib.reporting.clean_notebook import audio_cells, clean_notebook, final_text, relink

BAR = "\rfolds:   0%|      | 0/2\rfolds:  50%|###   | 1/2\rfolds: 100%|######| 2/2"


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("two\nlines\n", "two\nlines\n"),
        ("a\n\nb\n", "a\n\nb\n"),
        (f"{BAR}\n", "folds: 100%|######| 2/2\n"),
        # A bar that wipes itself out leaves nothing, not even its line.
        (f"before\n{BAR}\r                          \rafter\n", "before\nafter\n"),
        (f"before\n{BAR}\r{' ' * 30}\r", "before\n"),
        ("abc\rx\n", "x\n"),
        ("abc\x1b[2K\rx\n", "x\n"),
        ("1%\b\b2%\n", "2%\n"),
        # Two bars, the inner one drawn a line below: the cursor goes down and up again.
        ("\router 0/2\n\rinner 0/9\x1b[A\n\rinner 9/9\x1b[A\router 2/2\n", "outer 2/2\n"),
        ("\x1b[31mred\x1b[0m\r\x1b[31mred\x1b[0m\n", "red\n"),
    ],
)
def test_text_is_what_a_terminal_shows_in_the_end(printed, shown):
    assert final_text(printed) == shown


@pytest.fixture
def executed():
    stream = [
        new_output("stream", name="stderr", text="\rfold 1/2"),
        new_output("stream", name="stdout", text="read /home/ann/corpora/emodb\n"),
        new_output("stream", name="stderr", text="\rfold 2/2\n"),
    ]
    noise = "2026-01-01 I tensorflow: oneDNN custom operations are on.\n"
    data = {
        "text/plain": "PosixPath('/home/ann/study')",
        "text/html": "<b>/home/ann/corpora</b> /home/anna/x",
        "image/png": "/home/ann",
    }
    cells = [
        new_markdown_cell("# Title"),
        new_code_cell("data = '/home/ann/corpora'", metadata={"tags": ["injected-parameters"]}),
        new_code_cell("run()", outputs=stream, execution_count=2),
        new_code_cell("x", outputs=[new_output("stream", name="stderr", text=noise)]),
        new_code_cell("y", outputs=[new_output("execute_result", data, execution_count=4)]),
    ]
    for cell in cells:
        cell.metadata["papermill"] = {"start_time": "2026-01-01T00:00:00", "duration": 1.23}
        cell.metadata["execution"] = {"iopub.status.busy": "2026-01-01T00:00:00"}
    return new_notebook(
        cells=cells,
        metadata={
            "papermill": {
                "input_path": "/home/ann/study/02.ipynb",
                "output_path": None,
                "start_time": "2026-01-01T00:00:00",
                "duration": 12.345,
                "parameters": {"corpus": "emodb", "weights": "/home/ann/w.h5"},
            },
            "kernelspec": {"name": "somewhere", "display_name": "Ann's", "language": "python"},
        },
    )


PLACES = {"/home/ann/corpora": "$SER_DATA", "/home/ann/study": ".", "/home/ann": "~"}


def test_folders_and_clocks_are_gone_and_durations_stay(executed):
    clean_notebook(executed, PLACES)
    nbformat.validate(executed)
    text = nbformat.writes(executed)
    assert "2026" not in text
    assert "somewhere" not in text
    assert executed.cells[1].source == "data = '$SER_DATA'"
    assert executed.cells[1].id == "injected-parameters"
    assert executed.cells[2].metadata["seconds"] == 1.2
    assert executed.metadata["ser_lib"] == {
        "parameters": {"corpus": "emodb", "weights": "~/w.h5"},
        "seconds": 12.3,
    }
    data = executed.cells[4].outputs[0].data
    assert data["text/plain"] == "PosixPath('.')"
    assert data["text/html"] == "<b>$SER_DATA</b> /home/anna/x"
    assert data["image/png"] == "/home/ann", "images are not changed"


def test_progress_is_what_it_came_to_and_noise_is_gone(executed):
    clean_notebook(executed, PLACES)
    bars, printed = executed.cells[2].outputs
    assert (bars.name, bars.text) == ("stderr", "fold 2/2\n")
    assert (printed.name, printed.text) == ("stdout", "read $SER_DATA/emodb\n")
    assert executed.cells[3].outputs == []


@pytest.mark.parametrize(
    "data",
    [
        {"text/html": "<div><audio controls src='data:audio/wav;base64,UklG'></audio></div>"},
        {"audio/wav": "UklG"},
    ],
)
def test_embedded_recordings_are_found(executed, data):
    assert audio_cells(executed) == []
    executed.cells[3].outputs.append(new_output("display_data", data))
    assert audio_cells(executed) == [3]


def test_links_hold_in_another_folder(tmp_path):
    text = "[a](b.ipynb) [c](../lib/d.py) [e](https://f.org/) [g](#h) ![i](j.png)"
    notebook = new_notebook(cells=[new_markdown_cell(text), new_code_cell("x")])
    notebook.cells[1].outputs = [new_output("display_data", {"text/markdown": "[k](../r/l)"})]
    relink(notebook, tmp_path / "home" / "notebooks", tmp_path / "home" / "r" / "emodb")
    assert notebook.cells[0].source == (
        "[a](../../notebooks/b.ipynb) [c](../../lib/d.py) [e](https://f.org/) [g](#h) "
        "![i](../../notebooks/j.png)"
    )
    assert notebook.cells[1].outputs[0].data["text/markdown"] == "[k](../l)"


def test_links_to_folders_elsewhere_are_left_alone(tmp_path):
    notebook = new_notebook(cells=[new_markdown_cell("[a](b.ipynb)")])
    relink(notebook, tmp_path / "home" / "notebooks", tmp_path / "reports")
    assert notebook.cells[0].source == "[a](b.ipynb)"
