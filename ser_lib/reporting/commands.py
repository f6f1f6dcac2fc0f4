"""The command that makes a stored evaluation again, from its record."""

import dataclasses
import json
import shlex
from collections.abc import Mapping, Sequence

from ser_lib import corpora, identity, protocols, systems
from ser_lib.corpora.folder import NAME as OWN
from ser_lib.experiment.trials import join_names, split_names
from ser_lib.neural.imagenet import BACKBONES

# Options that say where and how fast, not what.
_OF_THE_MACHINE = ("--data", "--reports", "--jobs", "--scheduler")


def command(record: Mapping) -> str:
    """
    Return the command that an evaluation was made by, or else one that makes it.

    Options of one machine (folders, processes) are left out; where the corpus is a folder, it is
    left to be named. A command that is derived names the parameters, of those that the system has
    today, that differ from the defaults of its variant.
    """
    made = _portable(record["command"]) if record.get("command") else _derived(record)
    # A fusion reads predictions only.
    return made if "members" in record else _with_data(made, record["corpus"])


def _with_data(made: str, corpus: str) -> str:
    """Leave the folder of recordings to be named, where the corpus is one."""
    return f"{made} --data FOLDER" if corpus == OWN else made


def _derived(record: Mapping) -> str:
    """Write a command from what a record says about its evaluation."""
    specification, corpus = record["specification"], record["corpus"]
    if "members" in record:
        return shlex.join(_fuse(record))
    if "model" in specification:
        return _transferred(record)
    words = ["ser", "evaluate", record["system"], "--corpus", corpus]
    words += _unless("--subset", specification["corpus"]["subset"], "all")
    if "nested" in specification:
        words += ["--nested"]
    else:
        words += _unless("--variant", record["variant"], "default")
        words += _parameters(record)
    words += _protocol(record)
    words += _unless("--normalisation", specification["normalisation"], _normalisation(record))
    if record["partial"]:
        words += _folds(specification["folds"])
    words += ["--hold-out-development"] if "development" in specification else []
    return shlex.join([*words, *_seeds(specification)])


def tune_command(system: str, trials: Sequence[str], corpus: str, row: Mapping) -> str:
    """
    Return the command that repeats trials of a system, given a row of their table.

    No `trials` means all of the system's search space. As in `command`, a folder of recordings is
    left to be named. Of a row that does not know the options of its corpus, what is known is the
    subset.
    """
    words = ["ser", "tune", system, *trials, "--corpus", corpus]
    part = {} if row["subset"] == "all" else {"subset": row["subset"]}
    for name, value in (json.loads(row["corpus_options"] or "{}") or part).items():
        words += ["--corpus-option", name, _typed(value)]
    words += _unless("--normalisation", row["normalisation"], systems.make(system).normalisation)
    words += _folds(split_names(row["folds"]))
    words += _unless("--seeds", join_names(split_names(row["seeds"]), ","), "0,1,2")
    return _with_data(shlex.join(words), corpus)


def changed_parameters(record: Mapping) -> dict[str, object]:
    """
    Return the parameters that differ from the defaults of the variant, as the record has them.

    Of a system that is not known, all of them; parameters that the system no longer has are left
    out.
    """
    parameters = record["parameters"]
    if record["system"] not in systems.names():
        return dict(parameters)
    usual = systems.make(record["system"], variant=record["variant"]).parameters
    usual = {name: identity.describe(value) for name, value in usual.items()}
    return {n: value for n, value in parameters.items() if n in usual and value != usual[n]}


def shown(value: object) -> object:
    """Return the value of a parameter as it is given: known weights by name, not checksum."""
    published = [backbone.checksum for backbone in BACKBONES.values()]
    return "imagenet" if value in published else value


def _unless(option: str, value: str, usual: str) -> list[str]:
    return [] if value == usual else [option, value]


def _folds(names: Sequence[str]) -> list[str]:
    # One name would be read as a number; with a comma it is a list.
    return ["--folds", join_names(names, ",") + ("," if len(names) == 1 else "")]


def _seeds(specification: Mapping) -> list[str]:
    return _unless("--seeds", ",".join(map(str, specification["seeds"])), "0")


def _parameters(record: Mapping) -> list[str]:
    """Write the parameters that differ from the defaults as ``-p`` takes them."""
    words = []
    for name, value in changed_parameters(record).items():
        value = shown(value["file"] if isinstance(value, Mapping) else value)
        words += ["-p", name, _typed(value)]
    return words


def _typed(value: object) -> str:
    """Write a value as it is typed; `ser_lib.params.typed` reads it."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return {"null": "None", "true": "True", "false": "False"}.get(text, text)


def _protocol(record: Mapping) -> list[str]:
    """Name a protocol that is not the corpus's own, or has options; a table has no name to give."""
    corpus, name = record["corpus"], record["protocol"]
    own = corpora.get(corpus).PROTOCOL if corpus in corpora.names() else ""
    fields = dataclasses.fields(protocols.get(name)) if name in protocols.names() else ()
    used, options = record["specification"]["protocol"], []
    for field in fields:
        if field.init:
            value = used.get(field.name, field.name.upper())
            options += [] if value == field.default else ["--protocol-option", field.name, value]
    return ["--protocol", name, *map(str, options)] if options else _unless("--protocol", name, own)


def _normalisation(record: Mapping) -> str:
    """Return the normalisation that a system has by default; no name if it is not known."""
    if record["system"] not in systems.names():
        return ""
    return systems.make(record["system"], variant=record["variant"]).normalisation


def _fuse(record: Mapping) -> list[str]:
    """Name the members of a fusion by their digests: names may mean others by now."""
    specification = record["specification"]
    words = ["ser", "fuse", *(digest[:8] for digest in record["members"].values())]
    words += ["--corpus", record["corpus"]]
    words += _unless("--weights", specification["weights"], "equal")
    words += ["--seeds"] if specification["seeds_averaged"] else []
    return [*words, "--name", record["system"]]


def _transferred(record: Mapping) -> str:
    """Train a model on one corpus, and test it on another."""
    trained, system = record["specification"]["protocol"]["corpus"], record["system"]
    model = f"{system}_{trained}"
    train = ["ser", "train", system, "--corpus", trained, *_parameters(record), "-o", model]
    test = ["ser", "evaluate", model, "--corpus", record["corpus"]]
    test += [] if record["speaker_disjoint"] else ["--seen"]
    return f"{shlex.join(train)} && {shlex.join(test)}"


def _portable(command: str) -> str:
    """Leave options of one machine out of a command."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    kept, rest = [], iter(words)
    for word in rest:
        if word in _OF_THE_MACHINE:
            next(rest, None)
        elif word.split("=")[0] not in (*_OF_THE_MACHINE, "--fresh"):
            kept.append(word)
    return command if kept == words else shlex.join(kept)
