"""Every row has the command that makes it again."""

import json
import shlex

import pytest
from stored_evaluations import store

from ser_lib import identity, paths, systems
from ser_lib.cli import parser
from ser_lib.experiment.results import read_record
from ser_lib.neural.imagenet import BACKBONES
from ser_lib.params import as_corpus_options, parse_parameters
from ser_lib.reporting import fuse_evaluations
from ser_lib.reporting.commands import command, tune_command


def record(system="svm", variant="default", *, specification=None, **changes):
    """The record of an evaluation of a system of today, made without `ser`."""
    path = store(paths.reports(), system=system, variant=variant)
    made = systems.make(system, variant=variant, **changes.pop("parameters", {}))
    return {
        **read_record(path),
        "parameters": identity.describe(dict(made.parameters)),
        "corpus": "emodb",
        **changes,
        "specification": {**read_record(path)["specification"], **(specification or {})},
    }


def test_the_command_that_made_a_row_is_kept_without_what_belongs_to_one_machine(tmp_path):
    made = {"corpus": "emodb", "command": "ser evaluate svm --corpus emodb --seeds 0,1"}
    assert command(made) == made["command"]
    long = "ser run 01 --corpus emodb --data '/some where' --jobs=4 --fresh -p epochs 3 --reports r"
    assert command(made | {"command": long}) == "ser run 01 --corpus emodb -p epochs 3"
    assert command(made | {"command": "ser 'unfinished"}) == "ser 'unfinished"


def test_a_folder_of_recordings_is_left_to_be_named(tmp_path):
    made = {"corpus": "folder", "command": "ser evaluate svm --corpus folder --data '/my own'"}
    assert command(made) == "ser evaluate svm --corpus folder --data FOLDER"
    assert command(record(corpus="folder")).endswith(" --data FOLDER")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, ""),
        ({"specification": {"seeds": [0, 1, 2]}}, "--seeds 0,1,2"),
        ({"specification": {"normalisation": "speaker"}}, "--normalisation speaker"),
        ({"variant": "as_published"}, "--variant as_published"),
        ({"protocol": "random_80_20"}, "--protocol random_80_20"),
        ({"corpus": "ravdess"}, "--protocol leave_one_speaker_out"),
        (
            {
                "protocol": "speaker_folds",
                "specification": {"protocol": {"name": "speaker_folds", "k": 5}},
            },
            "--protocol speaker_folds --protocol-option k 5",
        ),
        (
            {
                "protocol": "split_file",
                "specification": {
                    "protocol": {"name": "split_file", "speaker_disjoint": False, "content": "0f"}
                },
            },
            "--protocol split_file --protocol-option speaker_disjoint False "
            "--protocol-option path PATH",
        ),
        ({"parameters": {"C": [1, 5], "deltas": False}}, "-p deltas False -p C '[1.0, 5.0]'"),
        ({"partial": True, "specification": {"folds": ["03"]}}, "--folds 03,"),
        ({"partial": True, "specification": {"folds": ["03", "08"]}}, "--folds 03,08"),
        (
            {"partial": True, "specification": {"folds": ["Müller, Anna", "Dana"]}},
            "--folds '\"Müller, Anna\",Dana'",
        ),
        (
            {"partial": True, "specification": {"folds": ["Müller, Anna"]}},
            "--folds '\"Müller, Anna\",'",
        ),
        ({"specification": {"development": "held out"}}, "--hold-out-development"),
        ({"specification": {"nested": {}, "seeds": [0, 1]}}, "--nested --seeds 0,1"),
    ],
)
def test_a_command_is_derived_from_the_record(tmp_path, options, expected):
    text = command(record(**options))
    corpus = options.get("corpus", "emodb")
    assert text == f"ser evaluate svm --corpus {corpus} {expected}".strip()
    # And the command line understands it.
    parsed = parser().parse_args(shlex.split(text)[1:])
    assert (parsed.system, parsed.corpus) == ("svm", corpus)


def test_published_weights_are_called_by_their_name(tmp_path):
    weights = {"weights": BACKBONES["squeezenet"].checksum}
    text = command(record("dcnn_blstm_attention", parameters=weights))
    assert text == "ser evaluate dcnn_blstm_attention --corpus emodb -p weights imagenet"


def test_a_subset_is_named(tmp_path):
    corpus = {"subset": "calm_as_neutral", "classes": [], "name": "ravdess"}
    text = command(record(corpus="ravdess", specification={"corpus": corpus}))
    assert "--corpus ravdess --subset calm_as_neutral --protocol" in text


def test_of_a_system_that_is_not_known_all_parameters_are_given(tmp_path):
    made = read_record(store(paths.reports(), system="tiny", sharpness=2.0))
    expected = "ser evaluate tiny --corpus folder -p sharpness 2.0 --normalisation train "
    expected += "--data FOLDER"
    assert command(made) == expected


def test_a_fusion_names_its_members_by_their_digests(tmp_path):
    for system in ("one", "other"):
        store(paths.reports(), system=system, seeds=(0, 1, 2))
    made = fuse_evaluations(["one", "other"], "folder", seeds=True, name="both").record
    digests = [digest[:8] for digest in made["members"].values()]
    expected = f"ser fuse {' '.join(digests)} --corpus folder --seeds --name both"
    assert command(made | {"command": None}) == expected


def test_a_model_is_trained_on_one_corpus_and_tested_on_another(tmp_path):
    trained = {"model": "0" * 64, "protocol": {"name": "trained_on", "corpus": "emodb"}}
    made = record(corpus="ravdess", specification=trained)
    assert command(made) == (
        "ser train svm --corpus emodb -o svm_emodb && ser evaluate svm_emodb --corpus ravdess"
    )
    assert command(made | {"speaker_disjoint": False}).endswith("--corpus ravdess --seen")


TRIAL = {
    "subset": "all",
    "normalisation": "train",
    "folds": '"Müller, Anna", Dana',
    "seeds": "0, 2",
    "corpus_options": "",
}


def test_trials_of_a_folder_are_repeated_on_the_same_corpus():
    options = {"manifest": "day 1.csv", "emotions": {"Ärger": "anger", "0": "fear"}}
    row = TRIAL | {"corpus_options": json.dumps(options)}
    text = tune_command("svm", ["default", "no derivatives"], "folder", row)
    assert text == (
        "ser tune svm default 'no derivatives' --corpus folder --corpus-option manifest 'day 1.csv'"
        """ --corpus-option emotions '{"Ärger": "anger", "0": "fear"}'"""
        """ --folds '"Müller, Anna",Dana' --seeds 0,2 --data FOLDER"""
    )
    parsed = parser().parse_args(shlex.split(text)[1:])
    assert parsed.folds == ["Müller, Anna", "Dana"]
    assert as_corpus_options(parse_parameters(parsed.corpus_options, "corpus")) == options


def test_of_earlier_trials_the_subset_is_known_alone():
    usual = "--folds '\"Müller, Anna\",Dana' --seeds 0,2"
    assert tune_command("svm", [], "emodb", TRIAL) == f"ser tune svm --corpus emodb {usual}"
    for options, subset in (("", "song"), ("{}", "song"), ('{"channel": "song"}', "song")):
        row = TRIAL | {"corpus_options": options, "subset": subset}
        name = "channel" if "channel" in options else "subset"
        expected = f"ser tune svm --corpus ravdess --corpus-option {name} song {usual}"
        assert tune_command("svm", [], "ravdess", row) == expected
