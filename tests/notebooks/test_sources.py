"""The notebooks as they stand: their form, and the commands that their text gives."""

import ast
import re
import shlex
from pathlib import Path

import nbformat
import pytest

from ser_lib import cli, load_corpus, notebooks, protocols, systems
from ser_lib.experiment.plan import prepare

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
    expected |= {"variant", "parameters"} | (set() if name.endswith("svm") else {"epochs"})
    assert expected <= set(parameters_of(name))


# Of a system of our own there is no original.
@pytest.mark.parametrize("name", [name for name in TRAINING if "_ours_" not in name])
def test_every_training_notebook_gives_the_command_of_the_original(name):
    assert name in [notebook for notebook, _ in COMMANDS]


@pytest.fixture(scope="module")
def table():
    """A corpus with ten speakers of both sexes, in the place of one that is not here."""
    return load_corpus("synthetic", takes=1)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_a_command_for_the_original_trains_all_of_it(name, command, table, tmp_path):
    arguments = cli.parser().parse_args(shlex.split(command)[1:])
    given = {key: notebooks.typed(value) for key, value in arguments.parameters}
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
