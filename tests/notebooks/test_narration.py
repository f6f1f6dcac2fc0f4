"""
What the notebooks say is true under other parameters than their defaults.

Each is executed in this process on very few recordings: whole, with test speakers in the training,
and in part, on another corpus, whose classes are not of one size.
"""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from traitlets.config import Config

from ser_lib import load_corpus

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = [
    path.stem
    for path in sorted(FOLDER.glob("*.ipynb"))
    if "_train_" in path.stem or path.stem.startswith("00_")
]
# What would be true of some number of folds or speakers only.
COUNTED = re.compile(
    r"\b(one|two|three|four|five|six|ten|\d+) (?!of)(test |training )?(folds|speakers|trainings)\b"
)


@pytest.fixture(scope="module")
def other_corpus(tmp_path_factory):
    """A folder of recordings of four speakers, three emotions, of which one speaker lacks one."""
    table = load_corpus("synthetic", speakers=4, takes=1).table
    table = table[table["emotion"].isin(["anger", "neutral", "sadness"])]
    table = table[(table["emotion"] != "anger") | ~table["sentence"].isin(["s3", "s4"])]
    table = table[(table["speaker"] != "f01") | (table["emotion"] != "neutral")]
    folder = tmp_path_factory.mktemp("recordings")
    for path in table["path"]:
        shutil.copy(path, folder)
    table = table.assign(path=[Path(path).name for path in table["path"]])
    table[["path", "emotion", "speaker", "sex"]].to_csv(folder / "manifest.csv", index=False)
    return folder


def execute(name, changes):
    """Execute a notebook; return its variables, its texts, and what its cells displayed."""
    shell = InteractiveShell.instance(config=Config(HistoryManager={"enabled": False}))
    shell.reset(new_session=False)
    said, shown = [], []
    for cell in nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells:
        if cell.cell_type == "markdown":
            continue
        with capture_output() as captured:
            result = shell.run_cell(cell.source)
        result.raise_error()
        if "parameters" in cell.metadata.get("tags", []):
            shell.user_ns.update({n: v for n, v in changes.items() if n in shell.user_ns})
        said.append(captured.stdout)
        for output in captured.outputs:
            shown.append(output.data)
            said.append(output.data.get("text/markdown", ""))
    return shell.user_ns, "\n".join(said), shown


def read(variables, said, shown):
    """Check what every notebook says."""
    assert not re.search(r"\b(nan|inf|None|NaT)\b", said)
    pictures = [i for i, data in enumerate(shown) if data["text/plain"].startswith("<Figure")]
    assert pictures
    for i in pictures:
        assert re.search(r"\w.*\.$", shown[i + 1]["text/markdown"]), "no sentence below a figure"
    own = variables["corpus"].name == "synthetic"
    assert own or not any("<audio" in data.get("text/html", "") for data in shown)
    assert own or "synthetic" not in said


def read_training(variables, said):
    """Check what a training notebook says of its evaluation."""
    evaluation = variables["evaluation"]
    record, scores = evaluation.record, evaluation.scores()
    assert f"**UAR {scores['uar']:.3f}" in said
    folds = len({run["fold"] for run in record["runs"]})
    assert f"{folds} of {record['n_folds']} fold" in said
    assert f"on {variables['corpus'].name} " in said
    assert f"{len(evaluation.classes)} classes" in said
    if "layers" in variables:
        assert f"{record['runs'][0]['n_parameters']:,} parameters" in said
        assert f"of {variables['epochs']} epochs" in said
        kept = "choose the epoch" if variables["system"].needs_development else "are trained on"
        assert f"development speakers {kept}" in said


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_true_of_whole_runs(name):
    changes = {"corpus_options": {"speakers": 3, "takes": 1}, "folds": None, "epochs": 1}
    # One training instead of one per speaker.
    changes["protocol"] = None if name.endswith("svm") else "random_80_20"
    variables, said, shown = execute(name, changes)
    read(variables, said, shown)
    assert any("<audio" in data.get("text/html", "") for data in shown) or name[:2] in (
        *("01", "02", "06", "11", "12"),
    )
    if "evaluation" in variables:
        read_training(variables, said)


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_true_of_partial_runs_on_another_corpus(name, other_corpus):
    changes = {"corpus": "folder", "data": str(other_corpus), "folds": ["m02"], "epochs": 1}
    variables, said, shown = execute(name, changes)
    read(variables, said, shown)
    if "evaluation" in variables:
        read_training(variables, said)
        assert "m02 was tested: nothing is known of other speakers" in said
        assert "with 1 test speaker there is no interval" in said


@pytest.mark.parametrize("name", NAMES)
def test_the_text_between_the_cells_counts_no_folds_and_no_speakers(name):
    for cell in nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells:
        # Published scores are of the folds and speakers that they are of.
        if cell.cell_type == "markdown" and "## Published scores" not in cell.source:
            assert not COUNTED.search(" ".join(cell.source.split()))
