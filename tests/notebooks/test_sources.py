"""The notebooks as they stand: their form, and the commands that their text gives."""

import ast
import json
import re
import shlex
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from ser_lib import cli, load_corpus, notebooks, protocols, systems
from ser_lib.experiment.plan import prepare
from ser_lib.params import parse_value
from ser_lib.systems.base import NeuralSystem

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SOURCES = {path.stem: nbformat.read(path, as_version=4) for path in sorted(FOLDER.glob("*.ipynb"))}
TRAINING = [name for name in SOURCES if "_train_" in name]
COMMAND = re.compile(r"^```sh\n(ser run .*?)^```$", re.DOTALL | re.MULTILINE)
COMMANDS = [
    (name, command.replace("\\\n", " "))
    for name, source in SOURCES.items()
    for cell in source.cells
    for command in COMMAND.findall(cell.source)
]
EXPERIMENT = re.compile(r"^- .*: `(ser run [^`]+)`$", re.MULTILINE)
EXPERIMENTS = [
    (name, command)
    for name, source in SOURCES.items()
    for cell in source.cells
    for command in EXPERIMENT.findall(cell.source)
]
LINK = re.compile(r"\]\((?![a-z]+:|#)([^)\s]+)\)")


def parameters_of(name):
    """The parameters of a notebook and their defaults."""
    (cell,) = (c for c in SOURCES[name].cells if "parameters" in c.metadata.get("tags", []))
    return {n.targets[0].id: ast.literal_eval(n.value) for n in ast.parse(cell.source).body}


@pytest.mark.parametrize("name", SOURCES)
def test_a_notebook_is_short_and_committed_with_its_outputs(name):
    cells = SOURCES[name].cells
    assert len(cells) <= 16
    assert max(len(cell.source.splitlines()) for cell in cells) <= 12
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))


def test_the_page_that_jupyterlab_opens_with_lists_every_notebook():
    listed = re.findall(r"^\| \[(.+?)\]\((.+?)\.ipynb\)", (FOLDER / "README.md").read_text(), re.M)
    assert listed == [(name, name) for name in SOURCES]


@pytest.mark.parametrize("name", SOURCES)
def test_what_differs_between_machines_is_not_compared(name):
    for cell in SOURCES[name].cells:
        kinds = {kind for output in cell.get("outputs", []) for kind in output.get("data", {})}
        streams = {output.get("name") for output in cell.get("outputs", [])}
        if {"image/png", "text/html"} & kinds or "stderr" in streams:
            assert "nbval-ignore-output" in cell.metadata["tags"]
        assert "stderr" not in streams


@pytest.mark.parametrize("name", TRAINING)
def test_training_notebooks_have_the_same_parameters(name):
    expected = {"corpus", "data", "corpus_options", "protocol", "folds", "seeds"}
    is_network = issubclass(systems.get(name.partition("_train_")[2]), NeuralSystem)
    expected |= {"variant", "parameters"} | ({"epochs"} if is_network else set())
    assert expected <= set(parameters_of(name))


# Of a system of our own there is no original.
@pytest.mark.parametrize("name", [name for name in TRAINING if "_ours_" not in name])
def test_every_training_notebook_gives_the_command_of_the_original(name):
    assert name in [notebook for notebook, _ in COMMANDS]


@pytest.mark.parametrize("name", [name for name in SOURCES if not name.startswith(("09_", "10_"))])
def test_a_notebook_suggests_three_experiments(name):
    assert [notebook for notebook, _ in EXPERIMENTS].count(name) == 3


@pytest.mark.parametrize(("name", "command"), EXPERIMENTS)
def test_the_experiments_have_parameters_that_exist(name, command, tmp_path):
    arguments = cli.parser().parse_args(shlex.split(command)[1:])
    given = {key: parse_value(value) for key, value in arguments.parameters}
    (run,) = notebooks.plan(notebooks.find(arguments.notebooks), arguments.corpus, given, tmp_path)
    assert run.name == name
    values = parameters_of(name) | run.parameters
    if "_train_" in name:
        # A file of weights is not here.
        system = systems.get(name.split("_", 2)[2])
        assert values.get("weights") is None or "weights" in system.parameter_names()
        if values.get("weights") is None:
            system.of(variant=values["variant"], **values["parameters"])
        assert values["protocol"] is None or protocols.make(values["protocol"])


@pytest.mark.parametrize("name", SOURCES)
def test_links_lead_somewhere(name):
    text = "\n".join(cell.source for cell in SOURCES[name].cells if cell.cell_type == "markdown")
    for target in LINK.findall(text):
        assert (FOLDER / target).exists(), target


def test_the_comparison_shows_the_score_of_each_system_first_and_cuts_no_text():
    outputs = [o for c in SOURCES["09_compare_systems"].cells for o in c.get("outputs", [])]
    tables = [o.data["text/html"] for o in outputs if "text/html" in o.get("data", {})]
    assert re.findall("<th>(.*?)</th>", tables[0])[:3] == ["", "system", "UAR"]
    assert not any("..." in cell for cell in re.findall("<td>(.*?)</td>", "".join(tables)))


def test_what_no_system_recognises_is_counted_without_the_baseline(capsys):
    def rows(*predicted):
        columns = {"utterance": ["u1", "u2"], "emotion": ["anger", "fear"], "predicted": predicted}
        return pd.DataFrame(columns)

    (cell,) = (c for c in SOURCES["09_compare_systems"].cells if "by no system:" in c.source)
    predictions = {"svm": rows("fear", "fear"), "majority": rows("anger", "anger")}
    exec(cell.source, {"pd": pd, "systems": systems, "predictions": predictions})
    assert "recognised by no system: 1 of 2" in capsys.readouterr().out


@pytest.mark.parametrize("name", SOURCES)
def test_a_notebook_links_the_glossary_where_its_terms_begin(name):
    assert "[glossary](../docs/glossary.md)" in SOURCES[name].cells[0].source


@pytest.mark.parametrize("name", TRAINING)
def test_a_training_notebook_links_its_source_and_its_neighbours(name):
    first = SOURCES[name].cells[0].source
    assert f"](../ser_lib/systems/{name.split('_', 2)[2]}.py)" in first
    names = sorted(SOURCES)
    position = names.index(name)
    for other in [names[position - 1], *names[position + 1 : position + 2]]:
        assert f"]({other}.ipynb)" in first


@pytest.mark.parametrize("name", [name for name in SOURCES if not name.startswith("09_")])
def test_every_figure_has_an_alternative_text_and_a_sentence_below(name):
    outputs = [output for cell in SOURCES[name].cells for output in cell.get("outputs", [])]
    figures = [i for i, o in enumerate(outputs) if "image/png" in o.get("data", {})]
    for i in figures:
        assert outputs[i].metadata["image/png"]["alt"]
        assert outputs[i + 1].data["text/markdown"].rstrip().endswith(".")


@pytest.fixture(scope="module")
def table():
    """A corpus with ten speakers of both sexes, in the place of one that is not here."""
    return load_corpus("synthetic", takes=1)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_a_command_for_the_original_trains_all_of_it(name, command, table, tmp_path):
    arguments = cli.parser().parse_args(shlex.split(command)[1:])
    given = {key: parse_value(value) for key, value in arguments.parameters}
    (run,) = notebooks.plan(notebooks.find(arguments.notebooks), arguments.corpus, given, tmp_path)
    assert run.name == name
    # As the notebook makes them.
    values = parameters_of(name) | run.parameters
    parameters = values["parameters"]
    if values.get("epochs") is not None:
        parameters = {"epochs": values["epochs"], **parameters}
    system = systems.make(name.split("_", 2)[2], variant=values["variant"], **parameters)
    assert system == systems.get(system.name).as_published(**values["parameters"])
    plan = prepare(system, table, protocol=values["protocol"], folds=values["folds"])
    n_folds = len(list((plan.protocol).folds(table.table, seed=0)))
    assert plan.n_folds == len(plan.tasks) == n_folds
    assert values["protocol"] is None or plan.protocol == protocols.make(values["protocol"])


def test_the_settings_of_make_lab_are_those_that_jupyterlab_knows():
    root = FOLDER.parent
    lab = (root / "Makefile").read_text().split("\nlab:")[1].split("\n\n")[0]
    assert "--LabApp.app_settings_dir=.jupyter" in lab
    overrides = json.loads((root / ".jupyter" / "overrides.json").read_text())
    schemas = Path(sys.prefix) / "share" / "jupyter" / "lab" / "schemas"
    if not schemas.is_dir():
        pytest.skip("JupyterLab's schemas are not in this environment's folder")
    for plugin, settings in overrides.items():
        package, name = plugin.split(":")
        known = json.loads((schemas / package / f"{name}.json").read_text())["properties"]
        assert set(settings) <= set(known)
