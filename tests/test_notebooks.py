"""Notebooks run as `ser run` promises: in order, whole, once, and failures are named."""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
import time

import nbformat
import papermill.cli
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from ser_lib import corpora, executor, notebooks, paths
from ser_lib.errors import InputError
from ser_lib.notebooks import DONE, FAILED, UP_TO_DATE, find, plan, run_notebooks, summary
from ser_lib.params import parse_value


def write_notebook(folder, name, *cells, parameters="corpus = 'synthetic'\nepochs = 1"):
    folder.mkdir(parents=True, exist_ok=True)
    head = new_code_cell(parameters, metadata={"tags": ["parameters"]})
    kernel = {"name": "somewhere_else", "display_name": "Another", "language": "python"}
    notebook = new_notebook(
        cells=[new_markdown_cell(f"# {name}"), head, *map(new_code_cell, cells)],
        metadata={"kernelspec": kernel, "language_info": {"name": "python"}},
    )
    nbformat.write(notebook, folder / f"{name}.ipynb")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of notebooks, and a corpus of which only the fingerprint is looked at."""
    monkeypatch.setenv("SER_NOTEBOOKS", str(tmp_path / "notebooks"))
    monkeypatch.setenv("SER_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    for variable in ("SER_FRESH", "SER_COMMAND"):
        monkeypatch.delenv(variable, raising=False)

    class Corpus:
        def __init__(self, options):
            self.fingerprint = f"{len(options):064x}"

    def load_corpus(name, data=None, **options):
        if name not in ("emodb", "synthetic"):
            raise InputError(f"no corpus {name} in {data}")
        return Corpus(options)

    monkeypatch.setattr(corpora, "load_corpus", load_corpus)
    return tmp_path / "notebooks"


@pytest.fixture
def study(folder):
    """Notebooks like those of the study."""
    for name in ("00_explore", "01_train_svm", "02_train_cnn_lstm", "05_listen", "09_compare"):
        write_notebook(folder, name)
    return folder


@pytest.fixture
def executed(study, monkeypatch):
    """Environments of the kernels, by notebook; nothing is executed."""
    environments = {}

    def execute(notebook, parameters, *, environment, **options):
        environments[notebook.stem] = environment
        return nbformat.read(notebook, as_version=4), None

    monkeypatch.setattr(notebooks, "execute", execute)
    return environments


# Which notebooks


def names(*given):
    return [path.stem for path in find(given)]


def test_no_name_means_the_whole_study_in_order(study):
    assert names() == ["00_explore", "01_train_svm", "02_train_cnn_lstm", "09_compare"]


def test_names_beginnings_systems_and_paths_are_understood(study):
    found = names("cnn_lstm", "05_listen.ipynb", "01_tr")
    assert found == ["01_train_svm", "02_train_cnn_lstm", "05_listen"]
    write_notebook(study.parent, "elsewhere")
    assert find([str(study.parent / "elsewhere.ipynb")])[0].parent == study.parent


@pytest.mark.parametrize(
    ("system", "notebook"),
    [("alex_net", "06_train_alexnet"), ("3d_acrnn", "07_train_acrnn_3d"), ("svm", "01_train_svm")],
)
def test_the_names_that_publications_give_to_systems_are_understood(system, notebook):
    assert names(system) == [notebook]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("01_train_svn", "did you mean '01_train_svm'"),
        ("0", "matches 00_explore, 01_train_svm"),
        ("folder/01_train_svm", "unknown notebook"),
        # A system that has no notebook here.
        ("alexnet", "unknown notebook 'alexnet'"),
    ],
)
def test_names_that_match_nothing_or_too_much_are_refused(study, name, message):
    with pytest.raises(InputError, match=message):
        find([name])


def test_two_notebooks_of_one_name_are_refused(study):
    elsewhere = study.parent / "elsewhere"
    elsewhere.mkdir()
    write_notebook(elsewhere, "01_train_svm")
    given = str(elsewhere / "01_train_svm.ipynb")
    with pytest.raises(InputError, match="expected different names"):
        find(["01", given])
    assert len(find([given, given])) == 1


# Which parameters


def test_each_notebook_gets_the_parameters_it_has(folder):
    write_notebook(folder, "00_explore", parameters="corpus = 'synthetic'")
    write_notebook(folder, "01_train_svm", parameters="corpus = 'synthetic'\nC = None")
    write_notebook(folder, "02_train_net")
    write_notebook(folder, "09_compare", parameters="x = 1")
    write_notebook(folder, "11_train_later", parameters="C = None")
    runs = plan(find([]), "emodb", {"epochs": 5, "C": 2}, paths.reports())
    assert [run.parameters for run in runs] == [
        {"corpus": "emodb"},
        {"corpus": "emodb", "C": 2},
        {"corpus": "emodb", "epochs": 5},
        {"C": 2},
        {},
    ]
    # What reads the results of training notebooks comes after all of them, whatever their numbers.
    assert [run.reads_results for run in runs] == [False] * 4 + [True]
    assert runs[-1].name == "09_compare"
    assert runs[2].command == "ser run 02_train_net --corpus emodb -p epochs 5"
    assert runs[2].output == paths.reports() / "emodb" / "02_train_net.ipynb"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("True", True), ("None", None), ("3", 3), ("1e-3", 0.001), ("emodb", "emodb")),
        *(("[0, 1]", [0, 1]), ('{"a": null}', {"a": None}), ("[0, 1", "[0, 1"), ("", "")),
        *(("0", 0), ("-3", -3), ("0.5", 0.5), ("+.5e2", 50.0), ("2.", 2.0), ("1e400", "1e400")),
    ],
)
def test_values_are_read_as_papermill_reads_them_and_lists_as_json(text, value):
    assert parse_value(text) == value
    if not isinstance(value, list | dict) and text != "1e400":
        assert papermill.cli._resolve_type(text) == value


def test_the_command_of_a_notebook_gives_the_same_parameters(folder):
    write_notebook(folder, "02_train_net", parameters="corpus = ''\nseeds = [0]\nname = ''")
    parameters = {"seeds": [0, 1], "name": "two words"}
    (run,) = plan(find([]), "emodb", parameters, paths.reports())
    parts = shlex.split(run.command)
    assert parts[:5] == ["ser", "run", "02_train_net", "--corpus", "emodb"]
    assert {parts[6]: parse_value(parts[7]), parts[9]: parse_value(parts[10])} == parameters


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"parameters": [("epoch", "5")]}, "parameter of 02_train_cnn_lstm: 'epoch'; did you mean"),
        ({"parameters": [("corpus", "emodb")], "corpus": "iemocap"}, "expected one of them"),
        ({"corpus": "ravdess"}, "no corpus ravdess"),
        ({"corpus": "../outside"}, "unknown corpus '../outside'"),
        ({"jobs": 0}, "jobs is 0"),
        (
            {"parameters": [("corpus_options", r'{"pattern": "\w"}')]},
            r"corpus_options: .*\\w.* is no JSON object; expected one such as",
        ),
        ({"parameters": [("corpus_options", "[1]")]}, r"corpus_options: \[1\] is no JSON object"),
        ({"parameters": [("corpus_options", '{"data": "x"}')]}, "found 'data'; expected options"),
    ],
)
def test_bad_options_are_refused_before_anything_runs(study, options, message):
    with pytest.raises(InputError, match=message):
        run_notebooks(["02"], **options)
    assert not paths.reports().exists()


# What runs, and when


def test_a_comparison_needs_no_recordings(executed):
    run_notebooks(["09"], corpus="ravdess")
    assert list(executed) == ["09_compare"]


def test_a_notebook_runs_again_when_something_that_it_depends_on_changed(
    study, executed, monkeypatch, tmp_path
):
    def again(**options):
        executed.clear()
        (outcome,) = run_notebooks(["01"], **options)
        assert outcome.state == (DONE if executed else UP_TO_DATE)
        return bool(executed)

    assert again()
    assert not again()
    assert again(fresh=True)
    assert executed["01_train_svm"]["SER_FRESH"] == "1"
    assert again(parameters=[("epochs", "2")])
    assert not again(parameters=[("epochs", "2")])
    write_notebook(study, "01_train_svm", "print()", parameters="corpus = ''\nrecording = ''")
    assert again()
    monkeypatch.chdir(tmp_path)
    for content in ("one", "another"):
        (tmp_path / "a.wav").write_text(content)
        assert again(parameters=[("recording", "a.wav")])
        assert not again(parameters=[("recording", "a.wav")])
    with monkeypatch.context() as patch:
        patch.setattr("ser_lib.code_digest.folder", lambda: "other code")
        assert again()
    assert again()
    (paths.reports() / "synthetic" / "01_train_svm.ipynb").write_text("damaged")
    assert again()
    assert not again()


def test_the_corpus_that_is_looked_at_is_the_one_that_the_notebook_loads(
    folder, executed, monkeypatch
):
    write_notebook(folder, "01_train_svm", parameters="corpus = ''\ncorpus_options = {}")
    loaded, labels = [], ["anger"]

    class Corpus:
        @property
        def fingerprint(self):
            return labels[0]

    def load_corpus(name, **options):
        loaded.append(options)
        return Corpus()

    monkeypatch.setattr(corpora, "load_corpus", load_corpus)
    given = [("corpus_options", r'{"pattern": "(?P<emotion>\\w+)"}')]

    def state():
        return run_notebooks(["01"], corpus="folder", parameters=given)[0].state

    assert [state(), state()] == [DONE, UP_TO_DATE]
    assert all(options["pattern"] == r"(?P<emotion>\w+)" for options in loaded)
    labels[0] = "corrected"
    assert state() == DONE


def test_the_comparison_runs_again_when_there_are_new_results(study, executed, monkeypatch):
    built = []
    monkeypatch.setattr(notebooks, "build_report", lambda reports, corpus: built.append(corpus))
    run_notebooks([], corpus="emodb")
    assert sorted(executed) == ["00_explore", "01_train_svm", "02_train_cnn_lstm", "09_compare"]
    assert not built
    executed.clear()
    committed = os.path.join(os.path.dirname(__file__), "..", "reports", "emodb", "predictions")
    shutil.copytree(committed, paths.reports() / "emodb" / "predictions")
    run_notebooks([], corpus="emodb")
    assert list(executed) == ["09_compare"]
    assert built == ["emodb"]


@pytest.mark.parametrize(
    ("jobs", "processes"),
    [(1, [1] * 4), (2, [2, 1, 1, 2]), (5, [5, 2, 2, 5]), (None, [4, 2, 2, 4])],
)
def test_the_notebooks_that_run_side_by_side_share_processes_of_all_cores_by_default(
    executed, monkeypatch, jobs, processes
):
    monkeypatch.setattr("joblib.cpu_count", lambda: 4)
    run_notebooks(jobs=jobs)
    for variable in ("LOKY_MAX_CPU_COUNT", "OMP_NUM_THREADS"):
        assert [int(executed[name][variable]) for name in sorted(executed)] == processes


def test_training_notebooks_run_side_by_side_between_the_others(study, monkeypatch):
    running, together = set(), []
    both = threading.Barrier(2, timeout=10)

    def execute(notebook, parameters, **options):
        name = notebook.stem
        running.add(name)
        if "_train_" in name:
            both.wait()
        together.append((name, sorted(running)))
        if "_train_" in name:
            both.wait()
        running.discard(name)
        return nbformat.read(notebook, as_version=4), None

    monkeypatch.setattr(notebooks, "execute", execute)
    outcomes = run_notebooks(jobs=2)
    assert [outcome.run.name for outcome in outcomes] == names()
    training = ["01_train_svm", "02_train_cnn_lstm"]
    assert dict(together) == {
        "00_explore": ["00_explore"],
        "01_train_svm": training,
        "02_train_cnn_lstm": training,
        "09_compare": ["09_compare"],
    }


def test_kernels_are_started_so_that_trainings_repeat_and_figures_are_kept(executed, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "agg")
    for variable in executor.REPRODUCIBLE:
        monkeypatch.delenv(variable, raising=False)
    run_notebooks(["01"], corpus="emodb", parameters=[("epochs", "2")])
    environment = executed["01_train_svm"]
    assert environment.items() >= executor.REPRODUCIBLE.items()
    assert "MPLBACKEND" not in environment
    assert environment["SER_COMMAND"] == "ser run 01_train_svm --corpus emodb -p epochs 2"
    assert environment["SER_REPORTS"] == str(paths.reports())


def test_kernels_are_told_of_the_scheduler(executed, monkeypatch):
    class Client:
        def close(self):
            pass

    monkeypatch.setattr("ser_lib.cluster.connect", lambda address: Client())
    run_notebooks(["01"], scheduler="tcp://host:8786")
    assert executed["01_train_svm"]["SER_SCHEDULER"] == "tcp://host:8786"


# What is kept


@pytest.mark.parametrize(("corpus", "state"), [("synthetic", DONE), ("emodb", FAILED)])
def test_recordings_are_embedded_only_where_they_are_ours(study, monkeypatch, corpus, state):
    def execute(path, parameters, **options):
        notebook = nbformat.read(path, as_version=4)
        player = {"text/html": "<audio src='data:audio/wav;base64,UklG'></audio>"}
        notebook.cells[1].outputs = [new_output("display_data", player)]
        return notebook, None

    monkeypatch.setattr(notebooks, "execute", execute)
    (outcome,) = run_notebooks(["01"], corpus=corpus)
    assert outcome.state == state
    written = [path.read_text() for path in (paths.reports() / corpus).iterdir()]
    assert any("UklG" in text for text in written) == (corpus == "synthetic")
    if state == FAILED:
        assert "embeds a recording of emodb" in outcome.failure.reason
        assert outcome.failure.cell == "2 of 2"


LOOK = """
import json, os, sys
print(json.dumps([corpus, epochs, sys.executable, os.getcwd(), os.environ["SER_COMMAND"]]))
print("\\r1/2\\r2/2", file=sys.stderr)
from pathlib import Path
Path.cwd()
"""


def test_a_notebook_is_executed_in_a_kernel_of_this_interpreter_and_its_copy_cleaned(
    folder, tmp_path, monkeypatch
):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    write_notebook(
        folder,
        "01_train_look",
        LOOK.replace("print(", f"open({str(tmp_path / 'seen')!r}, 'w').write(", 1),
    )
    (outcome,) = run_notebooks(corpus="emodb", parameters=[("epochs", "3")])
    assert (outcome.state, outcome.failure) == (DONE, None)
    command = "ser run 01_train_look --corpus emodb -p epochs 3"
    seen = json.loads((tmp_path / "seen").read_text())
    # Relative paths among the parameters are those of the command line.
    assert seen == ["emodb", 3, sys.executable, str(tmp_path / "elsewhere"), command]

    copy = nbformat.read(outcome.run.output, as_version=4)
    nbformat.validate(copy)
    bar, path = copy.cells[-1].outputs
    assert bar.text == "2/2\n"
    assert path.data["text/plain"] == "PosixPath('.')"
    text = nbformat.writes(copy).replace(str(tmp_path / "seen"), "")
    for private in (str(tmp_path), os.path.expanduser("~"), sys.prefix):
        assert private not in text
    assert copy.metadata["kernelspec"]["name"] == "python3"
    assert copy.metadata["ser_lib"]["parameters"] == {"corpus": "emodb", "epochs": 3}
    assert [path.name for path in outcome.run.output.parent.iterdir()] == ["01_train_look.ipynb"]


@pytest.mark.slow
def test_a_failure_is_named_and_what_was_done_until_then_is_kept(folder):
    write_notebook(folder, "01_train_fail", "# Why\nvalue = 1\nvalue / 0", "print('never')")
    (outcome,) = run_notebooks(corpus="emodb")
    assert outcome.state == FAILED
    assert outcome.failure.reason == "ZeroDivisionError: division by zero"
    assert (outcome.failure.cell, outcome.failure.line) == ("4 of 5", "value = 1")
    text = summary([outcome])
    assert "01_train_fail  FAILED" in text
    assert "ZeroDivisionError" in text
    reports = paths.reports() / "emodb"
    assert [path.name for path in reports.iterdir()] == ["01_train_fail.failed.ipynb"]
    kept = nbformat.read(reports / "01_train_fail.failed.ipynb", as_version=4)
    assert kept.cells[3].outputs[-1].ename == "ZeroDivisionError"
    # It is tried again, and its remains go when it works.
    write_notebook(folder, "01_train_fail", "value = 1")
    (outcome,) = run_notebooks(corpus="emodb")
    assert outcome.state == DONE
    assert [path.name for path in reports.iterdir()] == ["01_train_fail.ipynb"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "timeout", "reason"),
    [
        ("import time\ntime.sleep(60)", 0.5, "the cell took longer than 1 s"),
        ("import os\nos._exit(1)", None, "the kernel died"),
    ],
)
def test_a_cell_that_takes_too_long_or_ends_its_kernel_is_named(folder, code, timeout, reason):
    write_notebook(folder, "01_train_fail", code)
    (outcome,) = run_notebooks(timeout=timeout)
    assert outcome.failure.reason.startswith(reason)
    assert outcome.failure[:2] == ("4 of 4", code.split("\n")[0])


STUBBORN = """
import signal, subprocess, sys, time
worker = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", worker])
open({file!r}, "w").close()
while True:
    try:
        time.sleep(300)
    except KeyboardInterrupt:
        pass
"""


@pytest.mark.slow
def test_an_interrupt_leaves_no_kernel_and_no_worker(folder, tmp_path, monkeypatch):
    write_notebook(folder, "01_train_wait", STUBBORN.format(file=str(tmp_path / "started")))
    write_notebook(folder, "02_train_next")
    # Workers of earlier tests in this process are none of this one's.
    others = set(psutil.Process().children(recursive=True))
    family = []

    def interrupt():
        while not (tmp_path / "started").exists():
            time.sleep(0.1)
        family.extend(set(psutil.Process().children(recursive=True)) - others)
        # As Ctrl-C does.
        psutil.Process().send_signal(2)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        run_notebooks(jobs=1)
    assert len(family) >= 3, "papermill, its kernel and the worker"
    alive = [p for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    assert alive == []
    assert not paths.reports().exists()


def _command_of(process):
    with contextlib.suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


@pytest.mark.slow
def test_a_kernel_ends_when_the_process_that_started_it_is_killed(folder, tmp_path):
    write_notebook(folder, "01_train_x")
    write_notebook(folder, "09_wait", STUBBORN.format(file=str(tmp_path / "started")))
    command = [sys.executable, "-m", "ser_lib.cli", "run", "09", "--corpus", "emodb"]
    with psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while not (tmp_path / "started").exists():
            time.sleep(0.1)
        family = process.children(recursive=True)
        # While they run: of what has ended, the command cannot be read any more.
        kernels = [p for p in family if "ipykernel_launcher" in _command_of(p)]
        process.kill()
    assert kernels
    assert psutil.wait_procs(kernels, timeout=15)[1] == []
    # What a cell started and forgot is not known to the kernel.
    for process in family:
        if process.is_running():
            process.kill()
