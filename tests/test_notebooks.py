"""Notebooks run as `ser run` promises: in order, whole, tidy, once, and failures are named."""

import json
import os
import sys

import nbformat
import pytest
from tiny import write_notebook

from ser_lib import evaluate, paths
from ser_lib import notebooks as runner
from ser_lib.errors import InputError


def test_a_comparison_needs_no_recordings(names, unexecuted):
    runner.run(["09"], corpus="ravdess")
    assert unexecuted == ["09_compare"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameters": [("epoch", "5")]}, "parameter of 02_train_net: 'epoch'; did you mean 'epo"),
        ({"parameters": [("corpus", "emodb")], "corpus": "iemocap"}, "expected one of them"),
        ({"corpus": "ravdess"}, "no corpus ravdess"),
        ({"jobs": 0}, "jobs is 0"),
    ],
)
def test_bad_options_are_refused_before_anything_runs(names, options, message):
    with pytest.raises(InputError, match=message):
        runner.run(["02"], **options)
    assert not paths.reports().exists()


LOOK = """
import json, os, sys, warnings
print(json.dumps([corpus, epochs, sys.executable, os.getcwd(), os.environ["SER_COMMAND"]]))
print("\\r1/2\\r2/2", file=sys.stderr)
from pathlib import Path
Path.cwd()
"""


@pytest.fixture
def told(notebooks, monkeypatch, tmp_path):
    """The notebooks of the run below, and what is printed outside of kernels."""
    write_notebook(
        notebooks,
        "01_train_look",
        f"seen = {str(tmp_path / 'seen')!r}\n"
        + LOOK.replace("print(json", "open(seen, 'a').write(json").replace(
            "]))\n", "]) + '\\n')\n"
        ),
    )
    write_notebook(notebooks, "02_train_fail", "# Why\nvalue = 1\nvalue / 0", "print('never')")
    return notebooks


def test_a_study_with_a_failure(told, tmp_path):
    outcomes = runner.run(corpus="emodb", parameters=[("epochs", "3")], jobs=2)
    looked, failed = outcomes
    folder = paths.reports() / "emodb"

    # The kernel was this interpreter, in the notebook's folder, and knew the command.
    (line,) = (tmp_path / "seen").read_text().splitlines()
    command = "ser run 01_train_look --corpus emodb -p epochs 3"
    assert json.loads(line) == ["emodb", 3, sys.executable, str(told), command]

    # The copy is whole and tidy.
    executed = nbformat.read(folder / "01_train_look.ipynb", as_version=4)
    nbformat.validate(executed)
    (bar, path) = executed.cells[-1].outputs
    assert bar.text == "2/2\n"
    assert path.data["text/plain"] == "PosixPath('notebooks')"
    text = nbformat.writes(executed)
    for private in (str(tmp_path), os.path.expanduser("~"), sys.prefix):
        assert private not in text.replace(f"seen = {str(tmp_path / 'seen')!r}", "")
    assert executed.metadata["kernelspec"]["name"] == "python3"

    # The failure says which cell, and why; what was done until then lies beside.
    assert (looked.state, failed.state) == (runner.DONE, runner.FAILED)
    assert failed.failure.reason == "ZeroDivisionError: division by zero"
    assert failed.failure.cell == "4 of 5"
    assert failed.failure.line == "value = 1"
    assert sorted(p.name for p in folder.iterdir()) == [
        "01_train_look.ipynb",
        "02_train_fail.failed.ipynb",
    ]
    summary = runner.summary(outcomes)
    assert "01_train_look  done" in summary
    assert "ZeroDivisionError" in summary

    # Nothing is run twice; what failed is tried again, and its remains go when it works.
    write_notebook(told, "02_train_fail", "value = 1")
    outcomes = runner.run(corpus="emodb", parameters=[("epochs", "3")])
    assert [outcome.state for outcome in outcomes] == [runner.SKIPPED, runner.DONE]
    assert sorted(p.name for p in folder.iterdir()) == [
        "01_train_look.ipynb",
        "02_train_fail.ipynb",
    ]
    assert len((tmp_path / "seen").read_text().splitlines()) == 1


@pytest.fixture
def unexecuted(names, monkeypatch):
    """A notebook that is taken as executed without a kernel, and how often that was done."""
    calls = []

    def execute(notebook, parameters, **options):
        calls.append(notebook.stem)
        return nbformat.read(notebook, as_version=4), None

    monkeypatch.setattr(runner, "execute", execute)
    return calls


def test_what_a_notebook_depends_on_decides_whether_it_runs_again(names, unexecuted, monkeypatch):
    def again(**options):
        unexecuted.clear()
        runner.run(["01"], **options)
        return bool(unexecuted)

    assert again()
    assert not again()
    assert again(fresh=True)
    assert again(parameters=[("epochs", "2")])
    assert not again(parameters=[("epochs", "2")])
    write_notebook(names, "01_train_svm", "print()")
    assert again()
    with monkeypatch.context() as patch:
        patch.setattr(runner.source, "folder", lambda: "another code")
        assert again()
    assert again()
    (paths.reports() / "synthetic" / "01_train_svm.ipynb").write_text("damaged")
    assert again()
    assert not again()


def test_the_comparison_runs_again_when_there_are_new_results(corpus, system, names, unexecuted):
    runner.run([])
    assert unexecuted == ["00_explore", "01_train_svm", "02_train_net", "09_compare"]
    unexecuted.clear()
    made = evaluate(system, corpus)
    home = paths.reports()
    (home / "folder").rename(home / "renamed")
    (home / "synthetic" / "predictions").mkdir()
    for path in (home / "renamed" / "predictions").iterdir():
        path.rename(home / "synthetic" / "predictions" / path.name)
    assert made.record["corpus"] == "folder"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner.report, "report", lambda reports, corpus: None)
        runner.run([])
    assert unexecuted == ["09_compare"]


@pytest.mark.parametrize(("corpus", "state"), [("synthetic", "done"), ("emodb", "FAILED")])
def test_recordings_are_embedded_only_where_they_are_ours(names, monkeypatch, corpus, state):
    def execute(notebook, parameters, **options):
        executed = nbformat.read(notebook, as_version=4)
        player = {"text/html": "<audio src='data:audio/wav;base64,UklG'></audio>"}
        executed.cells[1].outputs = [nbformat.v4.new_output("display_data", player)]
        return executed, None

    monkeypatch.setattr(runner, "execute", execute)
    (outcome,) = runner.run(["01"], corpus=corpus)
    assert outcome.state == state
    written = [path.read_text() for path in (paths.reports() / corpus).iterdir()]
    assert any("UklG" in text for text in written) == (corpus == "synthetic")
    if state == "FAILED":
        assert "embeds a recording of emodb" in outcome.failure.reason


def test_a_cell_that_takes_too_long_is_given_up(notebooks):
    write_notebook(notebooks, "01_train_sleep", "import time\ntime.sleep(60)")
    (outcome,) = runner.run(timeout=1)
    assert outcome.failure.reason == "gave up after 1 seconds"


def test_a_kernel_that_dies_is_said(notebooks):
    write_notebook(notebooks, "01_train_die", "import os\nos._exit(1)")
    (outcome,) = runner.run()
    assert outcome.failure.reason.startswith("the kernel died")
    assert outcome.failure.cell == "4 of 4"


def test_kernels_are_started_so_that_trainings_repeat_and_share_the_cores(monkeypatch):
    from ser_lib.experiment.parallel import REPRODUCIBLE
    from ser_lib.notebook_execution import kernel_environment

    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    for variable in REPRODUCIBLE:
        monkeypatch.delenv(variable, raising=False)
    alone = kernel_environment()
    shared = kernel_environment(share=2, SER_COMMAND="ser run")
    for environment in (alone, shared):
        assert environment.items() >= REPRODUCIBLE.items()
        assert "MPLBACKEND" not in environment
    assert alone.get("OMP_NUM_THREADS") == os.environ.get("OMP_NUM_THREADS")
    assert "LOKY_MAX_CPU_COUNT" not in alone
    assert shared["OMP_NUM_THREADS"] == shared["LOKY_MAX_CPU_COUNT"] == "2"
    assert shared["SER_COMMAND"] == "ser run"


@pytest.mark.parametrize(
    ("jobs", "shares"), [(None, [None] * 4), (1, [1] * 4), (2, [2, 1, 1, 2]), (5, [5, 2, 2, 5])]
)
def test_processes_are_shared_among_the_notebooks_that_run_side_by_side(
    names, monkeypatch, jobs, shares
):
    seen = {}

    def execute(notebook, parameters, *, environment, **options):
        seen[notebook.stem] = environment.get("LOKY_MAX_CPU_COUNT")
        return nbformat.read(notebook, as_version=4), None

    monkeypatch.delenv("LOKY_MAX_CPU_COUNT", raising=False)
    monkeypatch.setattr(runner, "execute", execute)
    runner.run(jobs=jobs)
    assert [seen[name] for name in sorted(seen)] == [share and str(share) for share in shares]
