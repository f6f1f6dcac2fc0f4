"""Trials are shown with what they were measured on, and never as results."""

import json
import shlex

import numpy as np
import pytest
from stored_evaluations import store

from ser_lib import code_digest, paths, systems
from ser_lib.cli import parser
from ser_lib.experiment.trials import add, read, stamp, trials_file
from ser_lib.reporting import build_report
from ser_lib.reporting.trials import changes, drawn, printed, section

CODE = code_digest.code(["ser_lib.errors"])
STAMP = stamp(CODE.files)


def row(trial, parameters, *, dev_uar=0.7, folds="s1, s2, s3", code=STAMP, **columns):
    return {
        "trial": trial,
        "parameters": json.dumps({"variant": "default", **parameters}),
        "dev_uar": dev_uar,
        "dev_uar_low": np.nan if "," not in folds else dev_uar - 0.1,
        "dev_uar_high": np.nan if "," not in folds else dev_uar + 0.1,
        "dev_loss": 0.5,
        "best_epoch": 2.0,
        "n_parameters": 24,
        "fit_seconds": 75.0,
        "folds": folds,
        "development": folds,
        "seeds": "0, 1",
        "normalisation": "train",
        "protocol": "leave_one_speaker_out",
        "subset": "all",
        "classes": 3,
        "recordings": "ffffffff",
        "roots": " ".join(CODE.roots),
        "code": code,
        "digest": f"{trial} {folds}",
        **columns,
    }


@pytest.fixture
def folder(tmp_path):
    """Two trials on three folds, one on a single fold."""
    path = trials_file("folder", "tiny")
    add(path, row("default", {"sharpness": 1.0, "epochs": 2}))
    add(path, row("blunt", {"sharpness": 0.01, "epochs": 2}, dev_uar=0.8, code="other"))
    add(path, row("default", {"sharpness": 1.0, "epochs": 2}, folds="s1"))
    return paths.reports() / "folder"


def test_each_trial_says_what_it_changes_and_what_it_was_measured_on(folder):
    text = "\n\n".join(section(folder, {}, []))
    assert "## Trials" in text
    assert "for model selection only, not a result" in " ".join(text.split())
    assert "[trials/tiny.csv](trials/tiny.csv)" in text
    larger, smaller = text.split("; development speakers ")[1:]
    assert larger.startswith("s1, s2, s3; seeds 0, 1:")
    assert smaller.startswith("s1; seeds 0, 1:")
    shown = "| blunt<br>*older code* | sharpness 0.01 | 0.800 [0.700, 0.900] | 0.500 | 2 | 24 |"
    assert shown in larger
    assert "| default |  | 0.700 | " in smaller
    assert "Not in the search space of the system: `blunt`, `default`; " in larger
    assert "`ser tune" not in text


def test_of_which_systems_there_are_no_trials_is_said(folder):
    path = trials_file("folder", "svm")
    add(path, row("default", {}))
    text = "\n\n".join(section(folder, {}, ["acrnn_3d", "svm", "tiny"]))
    assert "Kept were no trials of `acrnn_3d` and only one trial each of `svm`: how their" in text
    assert "Kept were" not in "\n\n".join(section(folder, {}, ["tiny"]))


def test_the_largest_group_is_drawn(folder):
    (table,) = drawn(folder).values()
    assert table[["trial", "changes"]].to_numpy().tolist() == [
        ["blunt", "sharpness 0.01"],
        ["default", ""],
    ]


def test_the_command_repeats_the_trials_that_the_system_still_has(tmp_path):
    path = trials_file("emodb", "crnn_attention")
    space = {"seeds": "0", "normalisation": "speaker", "folds": "03, 08", "subset": "part"}
    for name in ("default", "noisy copies", "as it was"):
        add(path, row(name, {}, **space))
    for name in systems.CrnnAttention.search_space:
        add(path, row(name, {}, seeds="0, 1, 2", folds="03"))
    text = section(paths.reports() / "emodb", {}, [])
    (all_, some) = sorted(part for part in text if part.startswith("`ser tune"))
    assert all_ == "`ser tune crnn_attention --corpus emodb --folds 03,`"
    assert some == (
        "`ser tune crnn_attention default 'noisy copies' --corpus emodb --corpus-option subset part"
        " --normalisation speaker --folds 03,08 --seeds 0`"
    )
    assert sum("Not in the search space of the system: `as it was`;" in part for part in text) == 1
    for command in (all_, some):
        options = parser().parse_args(shlex.split(command.strip("`"))[1:])
        assert options.normalisation in (None, "speaker")


def test_without_a_default_the_defaults_of_today_take_its_place(folder):
    path = trials_file("folder", "crnn_attention")
    today = systems.CrnnAttention().parameters
    add(path, row("shorter", {**today, "epochs": 3}))
    assert changes("crnn_attention", read(path)) == ["epochs 3"]


def test_a_terminal_shows_scores_and_changes(folder):
    rows, columns = printed("tiny", read(trials_file("folder", "tiny")))
    assert columns[:3] == ["trial", "parameters", "dev_uar"]
    assert rows[0][:3] == ["blunt", "sharpness 0.01", 0.8]


@pytest.mark.slow
def test_the_page_shows_the_trials_and_their_figure(folder):
    store(paths.reports())
    build_report()
    text = (folder / "README.md").read_text()
    assert "](figures/trials-tiny.png)" in text
    assert (folder / "figures" / "trials-tiny.png").is_file()
