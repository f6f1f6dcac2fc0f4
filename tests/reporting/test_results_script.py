"""The script that computes every row: what it asks for is there, and every row is asked for."""

import os
import subprocess
from pathlib import Path

import pytest

from ser_lib import corpora, identity, notebooks, systems
from ser_lib.cli import parser
from ser_lib.experiment import results
from ser_lib.params import parse_parameters
from ser_lib.recognition.recogniser import folder_of
from ser_lib.recognition.transfer import PROTOCOL as TRAINED_ON_ANOTHER

REPORTS = Path(__file__).resolve().parents[2] / "reports"
CORPORA = ("emodb", "ravdess")


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    """Return the commands of the script, as the command line understands them; nothing is run."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "ser").write_text('#!/bin/sh\nprintf "%s\\n" "$(printf "%s\\037" "$@")" >> "$LIST"\n')
    (folder / "ser").chmod(0o755)
    path = os.pathsep.join([str(folder), os.environ["PATH"]])
    written = folder / "list"
    subprocess.run(
        ["bash", REPORTS / "results.sh"],
        check=True,
        env=os.environ | {"PATH": path, "LIST": str(written)},
    )
    lines = written.read_text(encoding="utf-8").splitlines()
    return [parser().parse_args(line.split("\x1f")[:-1]) for line in lines]


def evaluations(commands):
    return [options for options in commands if options.command == "evaluate"]


def test_systems_and_models_have_the_parameters_that_it_gives(commands):
    assert len(evaluations(commands)) > 50
    for options in evaluations(commands):
        if options.system in systems.names():
            given = parse_parameters(options.parameters, "system")
            systems.make(options.system, variant=options.variant, **given)
        else:
            assert folder_of(options.system), options.system


def test_notebooks_have_the_parameters_that_it_gives(commands):
    runs = [options for options in commands if options.command == "run"]
    asked = set()
    for options in runs:
        given = parse_parameters(options.parameters, "notebooks")
        found = notebooks.find(options.notebooks)
        notebooks.plan(found, options.corpus, given, REPORTS)
        asked |= {REPORTS / options.corpus / path.name for path in found}
    executed = {path for corpus in CORPORA for path in (REPORTS / corpus).glob("*.ipynb")}
    assert asked == executed


def test_every_stored_row_is_asked_for(commands):
    asked = []
    for options in evaluations(commands):
        if options.system in systems.names():
            given = parse_parameters(options.parameters, "system")
            system = systems.make(options.system, variant=options.variant, **given)
            scaled = options.normalisation or system.normalisation
            parameters = identity.describe(dict(system.parameters))
            asked.append((options.corpus, system.name, parameters, scaled, options.protocol))
    stored = 0
    for corpus in CORPORA:
        for path in (REPORTS / corpus / "predictions").glob("*.json"):
            record = results.read_record(path)
            protocol = record["protocol"]
            if "members" in record or protocol == TRAINED_ON_ANOTHER:
                continue
            protocol = None if protocol == corpora.get(corpus).PROTOCOL else protocol
            scaled = record["specification"]["normalisation"]
            row = (corpus, record["system"], record["parameters"], scaled, protocol)
            assert row in asked, path.name
            stored += 1
    assert stored > 50
