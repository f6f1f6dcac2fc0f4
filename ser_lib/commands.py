"""What the commands of ``ser`` do: each takes its parsed options and returns its exit code."""

import argparse
import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

# Only what costs nothing: a command imports what it needs when it runs.
from ser_lib.errors import InputError

if TYPE_CHECKING:
    from ser_lib.corpora import Corpus
    from ser_lib.protocols import Protocol


def list_corpora(options: argparse.Namespace) -> int:
    """Run `ser corpora`."""
    from ser_lib import console, corpora, paths

    rows = [
        (row.name, row.utterances or None, row.speakers or None, row.hours or None, row.where)
        for row in corpora.overview(data=options.data)
    ]
    print(console.table(rows, ("corpus", "utterances", "speakers", "hours", "where")))
    print(f"\nsearched in {options.data or paths.data()} (set by SER_DATA or --data)")
    return 0


def fetch_corpus(options: argparse.Namespace) -> int:
    """Run `ser fetch`."""
    from ser_lib import corpora

    folder = corpora.fetch(options.name, data=options.data)
    corpus = corpora.load_corpus(options.name, data=options.data)
    print(f"{corpus!r}\n{folder}\nlicence: {corpus.licence}")
    return 0


def _corpus(options: argparse.Namespace) -> "Corpus":
    """Load the corpus that the options of a command name."""
    from ser_lib import corpora

    return corpora.load_corpus(options.corpus, data=options.data, **_corpus_options(options))


def _corpus_options(options: argparse.Namespace) -> dict[str, object]:
    """Read the options of the corpus: ``--corpus-option NAME VALUE`` and ``--subset NAME``."""
    from ser_lib.params import as_corpus_options, parse_parameters

    subset = getattr(options, "subset", None)
    more = [("subset", subset)] if subset else []
    return as_corpus_options(parse_parameters([*options.corpus_options, *more], "corpus"))


def validate_corpus(options: argparse.Namespace) -> int:
    """Run `ser validate`."""
    from ser_lib import protocols

    corpus = _corpus(options)
    validation = corpus.validate()
    print(validation)
    if not validation.undecodable:
        # Reports tell corpora by it; and it names recordings with the same samples.
        print(f"recordings and labels {corpus.fingerprint[:8]}")
    counts = corpus.table["emotion"].value_counts()
    speakers = f"{len(corpus.speakers)} speakers" if corpus.speakers else "unknown speakers"
    emotions = ", ".join(f"{emotion} {counts[emotion]}" for emotion in corpus.classes)
    print(f"{len(corpus.table)} utterances of {speakers}: {emotions}")
    # What training would refuse before it looks at a recording.
    try:
        folds = protocols.make(corpus.protocol).folds(corpus.table)
    except InputError as error:
        print(f"cannot be evaluated under {corpus.protocol}: {error}")
        return 1
    print(f"{corpus.protocol}: {len(folds)} folds")
    return 0 if validation.ok else 1


def execute_notebooks(options: argparse.Namespace) -> int:
    """Run `ser run`."""
    import json

    from ser_lib import notebooks

    names = ("corpus", "data", "reports", "parameters", "jobs", "scheduler", "fresh", "timeout")
    values = {name: getattr(options, name) for name in names}
    corpus_options = _corpus_options(options)
    if corpus_options:
        if "corpus_options" in dict(options.parameters):
            raise InputError("--corpus-option and -p corpus_options; expected one of them")
        _refuse_unused(options.notebooks, corpus_options)
        given = ["corpus_options", json.dumps(corpus_options)]
        values["parameters"] = [*options.parameters, given]
    outcomes = notebooks.run_notebooks(options.notebooks, **values)
    print(f"\n{notebooks.summary(outcomes)}")
    return 1 if any(outcome.failure for outcome in outcomes) else 0


def _refuse_unused(names: Sequence[str], corpus_options: Mapping[str, object]) -> None:
    """Refuse options of the corpus if none of the notebooks loads one."""
    import nbformat
    import papermill

    from ser_lib import notebooks

    chosen = notebooks.find(names)
    for path in chosen:
        if "corpus_options" in papermill.inspect_notebook(nbformat.read(path, as_version=4)):
            return
    typed = ", ".join(f"--corpus-option {name}" for name in corpus_options)
    raise InputError(
        f"{typed}: no use in {', '.join(path.stem for path in chosen)}, where no corpus is loaded; "
        "expected no options of it"
    )


def evaluate_system(options: argparse.Namespace) -> int:
    """Run `ser evaluate`, of a system or of a trained model."""
    from ser_lib import systems
    from ser_lib.recognition.recogniser import folder_of

    # A folder that is called like a system is meant by its path, ./svm.
    if options.system not in systems.names() and folder_of(options.system).is_dir():
        return _evaluate_model(options)
    of_a_model = f"with {options.system!r}; expected the name or the folder of a trained model"
    _refuse_changed(options, "seen", "card", because=of_a_model)

    from ser_lib import cluster, evaluate
    from ser_lib.params import parse_parameters

    names = ("seeds", "folds", "normalisation", "reports", "fresh", "jobs")
    values = {name: getattr(options, name) for name in names} | {"protocol": _protocol(options)}
    parameters = parse_parameters(options.parameters, "system")
    joined = cluster.join(options.scheduler) if options.scheduler else contextlib.nullcontext()
    if options.nested:
        trials = _trials(options)
        corpus = _corpus(options)
        with joined:
            from ser_lib.experiment import evaluate_nested

            evaluation = evaluate_nested(options.system, corpus, trials, **values)
        for fold, choice in evaluation.record["choices"].items():
            print(f"fold {fold}: {choice['trial']}")
    else:
        system = systems.make(options.system, variant=options.variant, **parameters)
        corpus = _corpus(options)
        values["hold_out_development"] = options.hold_out_development
        with joined:
            evaluation = evaluate(system, corpus, **values)
    print(evaluation.summary())
    return 0


def _protocol(options: argparse.Namespace) -> "Protocol | str | None":
    """Make the protocol with ``--protocol-option NAME VALUE``; without options it is its name."""
    from ser_lib import protocols

    if not options.protocol_options:
        return options.protocol
    if options.protocol is None:
        raise InputError("--protocol-option without --protocol; expected the name of a protocol")
    from ser_lib.params import parse_parameters

    return protocols.make(
        options.protocol, **parse_parameters(options.protocol_options, "protocol")
    )


def _trials(options: argparse.Namespace) -> dict | None:
    """Read the trials of a nested choice from a file, if one is given."""
    import json

    refused = {
        "-p": options.parameters,
        "--variant": options.variant != "default",
        "--hold-out-development": options.hold_out_development,
    }
    for option, given in refused.items():
        if given:
            raise InputError(f"--nested takes all parameters from its trials; found {option} too")
    if options.nested is True:
        return None
    try:
        trials = json.loads(Path(options.nested).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{options.nested}: not readable as JSON ({error})") from None
    if not isinstance(trials, dict) or not all(isinstance(own, dict) for own in trials.values()):
        raise InputError(
            f"{options.nested}: expected trials as a JSON object, changed parameters by the name "
            'of the trial: {"default": {}, "longer": {"epochs": 80}}'
        )
    return trials


def fuse(options: argparse.Namespace) -> int:
    """Run `ser fuse`."""
    from ser_lib.reporting import fuse_evaluations

    names = ("weights", "seeds", "normalisation", "name", "reports")
    values = {name: getattr(options, name) for name in names}
    evaluation = fuse_evaluations(options.members, options.corpus, **values)
    print(evaluation.record["title"])
    print(evaluation.summary())
    return 0


def tune_system(options: argparse.Namespace) -> int:
    """Run `ser tune`."""
    from ser_lib import cluster, console, systems
    from ser_lib.experiment import tune
    from ser_lib.experiment.trials import trials_file
    from ser_lib.reporting.trials import printed

    system = systems.get(options.system)
    joined = cluster.join(options.scheduler) if options.scheduler else contextlib.nullcontext()
    with joined:
        table = tune(
            system,
            _corpus(options),
            options.trials or None,
            folds=options.folds,
            seeds=options.seeds,
            normalisation=options.normalisation,
            reports=options.reports,
            fresh=options.fresh,
            jobs=options.jobs,
        )
    print(console.table(*printed(system.name, table)))
    file = trials_file(options.corpus, system.name, options.reports)
    print(f"\nin {os.path.relpath(file)}")
    return 0


def train(options: argparse.Namespace) -> int:
    """Run `ser train`."""
    from ser_lib.recognition.commands import train_model

    train_model(
        *(options.system, options.corpus, options.output),
        data=options.data,
        corpus_options=_corpus_options(options),
        reports=options.reports,
        parameters=options.parameters,
        normalisation=options.normalisation,
        seed=options.seed,
    )
    return 0


def predict(options: argparse.Namespace) -> int:
    """Run `ser predict`."""
    from ser_lib.recognition.commands import predict_files

    return predict_files(
        options.recordings,
        model=options.model,
        speaker=options.speaker,
        window=options.window,
        hop=options.hop,
        form=options.format,
        output=options.output,
    )


def demo(options: argparse.Namespace) -> int:
    """Run `ser demo`."""
    from ser_lib.recognition.demo import serve

    serve(options.model, options.port)
    return 0


def _evaluate_model(options: argparse.Namespace) -> int:
    from ser_lib.recognition.commands import evaluate_on_corpus

    _refuse_changed(
        options,
        *("variant", "protocol", "protocol_options", "normalisation", "folds", "seeds", "nested"),
        *("hold_out_development", "parameters", "scheduler"),
        because="with a model, which is trained already; expected the name of a system",
    )
    evaluate_on_corpus(
        *(options.system, options.corpus),
        data=options.data,
        corpus_options=_corpus_options(options),
        reports=options.reports,
        jobs=options.jobs,
        seen=options.seen,
        add_to_card=options.card,
    )
    return 0


def _refuse_changed(options: argparse.Namespace, *names: str, because: str) -> None:
    """Refuse options of `ser evaluate` that would change nothing."""
    for name in names:
        if getattr(options, name) != options.default_of(name):
            option = {"parameters": "parameter", "protocol_options": "protocol-option"}
            option = option.get(name, name).replace("_", "-")
            raise InputError(f"--{option} {because}")


def report(options: argparse.Namespace) -> int:
    """Run `ser report`."""
    from ser_lib.reporting import build_report

    pages = build_report(options.reports)
    print("\n".join(os.path.relpath(page) for page in pages))
    return 0


def list_systems(options: argparse.Namespace) -> int:
    """Run `ser systems`."""
    import dataclasses

    from ser_lib import console, systems

    for name in options.names or systems.names():
        system = systems.get(name)
        published = system.as_published().parameters
        rows = []
        for field in dataclasses.fields(system):
            other = published[field.name]
            original = "" if other == field.default else str(other)
            rows.append((f"  {field.name}", str(field.default), original, field.metadata["doc"]))
        print(f"{system.name}: {system.title}")
        print(console.table(rows, ("  parameter", "default", "as published", "")), end="\n\n")
    return 0


def manage_cache(options: argparse.Namespace) -> int:
    """Run `ser cache`."""
    from ser_lib import console, paths
    from ser_lib.experiment import cache
    from ser_lib.places import require_folder

    require_folder(paths.cache(), _PLACES["cache"])
    entries = cache.select(cache.entries(), options.what)
    rows = [(e.part, e.corpus, e.content, e.files, round(e.size / 1e6, 1)) for e in entries]
    total = sum(e.files for e in entries), round(sum(e.size for e in entries) / 1e6, 1)
    print(console.table([*rows, ("all", "", "", *total)], ("", "corpus", "", "files", "megabytes")))
    for path in cache.foreign():
        print(f"not of ser_lib, left alone: {path.name}")
    if options.clear:
        cache.remove(entries)
    print(f"\n{'cleared' if options.clear else 'in'} {paths.cache()}")
    return 0


# Kinds of places to write to, and what names them.
_PLACES = {
    "cache": "the cache (SER_CACHE)",
    "data": "the corpora (--data or SER_DATA)",
    "reports": "the reports (--reports or SER_REPORTS)",
}
# Where each command writes: the cache, the data, and folders of the corpus in the reports.
_WRITES = {
    fetch_corpus: ("data",),
    execute_notebooks: ("cache", "reports/{corpus}", "reports/{corpus}/predictions"),
    evaluate_system: ("cache", "reports/{corpus}/predictions"),
    tune_system: ("cache", "reports/{corpus}/trials"),
    fuse: ("reports/{corpus}/predictions",),
    train: ("cache",),
    report: ("reports",),
}


def _corpus_name(options: argparse.Namespace, name: str) -> str:
    """Return the name of a corpus; of a folder to be loaded say how its recordings are."""
    from ser_lib.places import plain_name

    try:
        return plain_name("corpus", name)
    except InputError:
        if hasattr(options, "data") and os.path.isdir(os.path.expanduser(name)):
            from ser_lib import corpora

            corpora.get(name)
        raise


def check_places(options: argparse.Namespace) -> None:
    """Refuse names that lead out of the reports, and places that cannot be written."""
    from ser_lib import paths
    from ser_lib.places import plain_name, require_writable

    corpus = _corpus_name(options, getattr(options, "corpus", "synthetic"))
    if options.function is execute_notebooks:
        corpus = _corpus_name(options, dict(options.parameters).get("corpus", corpus))
    if getattr(options, "name", None) is not None:
        plain_name("name", options.name)
    for place in _WRITES.get(options.function, ()):
        kind, _, rest = place.partition("/")
        folder = Path(getattr(options, kind, None) or getattr(paths, kind)())
        folders = [folder / rest.format(corpus=corpus)]
        if kind == "cache":
            # Of another user, perhaps.
            folders += [folder / part for part in ("features", "evaluations")]
        for each in folders:
            require_writable(each, _PLACES[kind])
    if getattr(options, "output", None):
        require_writable(Path(options.output).parent, "what is written (-o)")
    if getattr(options, "card", False):
        from ser_lib.recognition.recogniser import folder_of

        require_writable(folder_of(options.system), "the model and its card")
