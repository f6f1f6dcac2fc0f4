"""Which notebooks are meant, and what each of them is given."""

import shlex

import pytest
from tiny import write_notebook

from ser_lib import notebook_jobs as jobs
from ser_lib import paths
from ser_lib.errors import InputError


def found(*given):
    return [path.stem for path in jobs.find(given)]


def test_no_name_means_the_whole_study_in_order(names):
    assert found() == ["00_explore", "01_train_svm", "02_train_net", "09_compare"]


def test_names_beginnings_and_paths_are_understood(names):
    assert found("02_train_net.ipynb", "05", "01_train") == [
        "01_train_svm",
        "02_train_net",
        "05_listen",
    ]
    write_notebook(names.parent, "elsewhere")
    assert jobs.find([str(names.parent / "elsewhere.ipynb")])[0].parent == names.parent


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("01_train_svn", "did you mean '01_train_svm'"),
        ("0", "stands for 00_explore, 01_train_svm"),
        ("folder/01_train_svm", "unknown notebook"),
    ],
)
def test_names_that_mean_nothing_or_too_much_are_refused(names, name, message):
    with pytest.raises(InputError, match=message):
        jobs.find([name])


def test_each_notebook_gets_the_parameters_it_has(notebooks):
    write_notebook(notebooks, "00_explore", parameters="corpus = 'synthetic'")
    write_notebook(notebooks, "01_train_svm", parameters="corpus = 'synthetic'\nC = None")
    write_notebook(notebooks, "02_train_net")
    write_notebook(notebooks, "09_compare", parameters="x = 1")
    planned = jobs.plan(jobs.find([]), "emodb", {"epochs": 5, "C": 2}, paths.reports())
    assert [job.parameters for job in planned] == [
        {"corpus": "emodb"},
        {"corpus": "emodb", "C": 2},
        {"corpus": "emodb", "epochs": 5},
        {},
    ]
    assert [job.reads_results for job in planned] == [False, False, False, True]
    assert jobs.command(planned[2], "emodb") == "ser run 02_train_net --corpus emodb -p epochs 5"
    assert planned[2].output == paths.reports() / "emodb" / "02_train_net.ipynb"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("True", True), ("None", None), ("3", 3), ("1e-3", 0.001), ("emodb", "emodb")),
        *(("[0, 1]", [0, 1]), ('{"a": null}', {"a": None}), ("[0, 1", "[0, 1"), ("", "")),
    ],
)
def test_values_are_read_as_papermill_reads_them_and_lists_as_json(text, value):
    from papermill.cli import _resolve_type

    assert jobs.typed(text) == value
    if not isinstance(value, list | dict):
        assert _resolve_type(text) == value


def test_the_command_of_a_notebook_gives_the_same_parameters(notebooks):
    write_notebook(
        notebooks, "02_train_net", parameters="corpus = 'synthetic'\nseeds = [0]\nname = ''"
    )
    given = {"seeds": [0, 1], "name": "two words"}
    (job,) = jobs.plan(jobs.find([]), "emodb", given, paths.reports())
    parts = shlex.split(jobs.command(job, "emodb"))
    assert parts[:5] == ["ser", "run", "02_train_net", "--corpus", "emodb"]
    assert {parts[6]: jobs.typed(parts[7]), parts[9]: jobs.typed(parts[10])} == given
