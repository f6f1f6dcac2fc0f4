"""What notebooks say of the reports is what the reports say, without executing them again."""

import json
from pathlib import Path

import nbformat
import pytest

from ser_lib.errors import InputError
from ser_lib.reporting.sentences import on_real_speech
from ser_lib.reporting.stored_notebooks import update_notebooks

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = (
    "corpus,subset,classes,system,variant,changes,protocol,speaker_disjoint,normalisation,seeds,folds,"
    "partial,uar,uar_low,uar_high"
)
RESULTS = f"{COLUMNS}\nemodb,all,7,svm,default,,loso,True,train,3,10,False,0.7,0.65,0.75\n"


def stored_notebook(file, *sources):
    """Write a notebook whose cells have the given source and an output of long ago."""
    cells = []
    for number, source in enumerate(sources):
        cell = nbformat.v4.new_code_cell(source, id=f"cell-{number}")
        data = {"text/markdown": "long ago", "text/plain": "<Markdown>"}
        cell.outputs = [nbformat.v4.new_output("execute_result", data, execution_count=1)]
        cells.append(cell)
    file.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), file)


def said(file):
    cells = json.loads(file.read_text())["cells"]
    return ["".join(cell["outputs"][0]["data"]["text/markdown"]) for cell in cells]


@pytest.fixture
def checkout(tmp_path):
    root = tmp_path / "checkout"
    (root / "ser_lib" / "systems").mkdir(parents=True)
    for folder in ("notebooks", "reports/emodb"):
        call = "Markdown(sentences.on_real_speech(system.name))"
        stored_notebook(root / folder / "01_train_svm.ipynb", call, "Markdown(sentences.score(e))")
    (root / "reports" / "emodb" / "results.csv").write_text(RESULTS)
    return root


def test_only_what_the_reports_say_is_written_anew(checkout):
    files = [checkout / f / "01_train_svm.ipynb" for f in ("notebooks", "reports/emodb")]
    assert update_notebooks(checkout / "reports") == files
    links = ["../reports/emodb/01_train_svm.ipynb", "01_train_svm.ipynb"]
    for file, link in zip(files, links, strict=True):
        box, other = said(file)
        assert "**UAR 0.700 [0.650, 0.750]**, 7 classes" in box
        assert f"([executed notebook]({link}))" in box
        assert other == "long ago"
    before = [file.stat().st_mtime_ns for file in files]
    assert update_notebooks(checkout / "reports") == []
    assert [file.stat().st_mtime_ns for file in files] == before


def test_notebooks_beside_other_reports_are_left_alone(checkout):
    (checkout / "reports").rename(checkout / "mine")
    assert update_notebooks(checkout / "mine") == []
    assert said(checkout / "notebooks" / "01_train_svm.ipynb") == ["long ago"] * 2


def test_a_damaged_notebook_is_named(checkout):
    file = checkout / "notebooks" / "01_train_svm.ipynb"
    file.write_text(file.read_text()[:-30])
    with pytest.raises(InputError, match=r"01_train_svm.ipynb: not readable as a notebook"):
        update_notebooks(checkout / "reports")


def test_committed_notebooks_say_what_the_committed_reports_say():
    reports = ROOT / "reports"
    folders = [reports / "emodb", reports / "ravdess", ROOT / "notebooks"]
    checked = 0
    for file in (file for folder in folders for file in sorted(folder.glob("*_train_*.ipynb"))):
        system = file.stem.partition("_train_")[2]
        for cell in nbformat.read(file, as_version=4).cells:
            if "sentences.on_real_speech(" in cell.source:
                text = cell.outputs[0].data["text/markdown"]
                expected = on_real_speech(system, reports=reports, folder=file.parent)
                assert text == expected, f"{file}: `ser report` writes it anew"
                checked += 1
    assert checked >= 9
