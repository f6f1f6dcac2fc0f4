"""The command line ``ser``: corpora, runs, evaluations, trials, models, reports, the cache."""

import argparse
import contextlib
import errno
import os
import shlex
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

# Only what costs nothing: a command imports what it needs when it runs.
from ser_lib import __version__, interruption
from ser_lib.errors import InputError, InputWarning

if TYPE_CHECKING:
    from ser_lib.corpora import Corpus


def _corpora(options: argparse.Namespace) -> int:
    from ser_lib import console, corpora, paths

    rows = [
        (row.name, row.utterances or None, row.speakers or None, row.hours or None, row.where)
        for row in corpora.overview(data=options.data)
    ]
    print(console.table(rows, ("corpus", "utterances", "speakers", "hours", "where")))
    print(f"\nsearched in {options.data or paths.data()} (set by SER_DATA or --data)")
    return 0


def _fetch(options: argparse.Namespace) -> int:
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
    from ser_lib.params import as_corpus_options, typed

    given = [(name, typed(value)) for name, value in options.corpus_options]
    if getattr(options, "subset", None):
        given.append(("subset", options.subset))
    values = dict(given)
    if len(values) < len(given):
        raise InputError(f"{given}: an option of the corpus is given twice; expected it once")
    return as_corpus_options(values)


def _validate(options: argparse.Namespace) -> int:
    from ser_lib import protocols

    corpus = _corpus(options)
    validation = corpus.validate()
    print(validation)
    counts = corpus.table["emotion"].value_counts()
    speakers = f"{len(corpus.speakers)} speakers" if corpus.speakers else "unknown speakers"
    emotions = ", ".join(f"{emotion} {counts[emotion]}" for emotion in corpus.classes)
    print(f"{len(corpus.table)} utterances of {speakers}: {emotions}")
    # What training would refuse before it looks at a recording.
    try:
        folds = protocols.make(corpus.protocol).folds(corpus.table)
    except InputError as error:
        print(f"cannot be evaluated: {error}")
        return 1
    print(f"{corpus.protocol}: {len(folds)} folds")
    return 0 if validation.ok else 1


def _run(options: argparse.Namespace) -> int:
    import json

    from ser_lib import notebooks

    names = ("corpus", "data", "reports", "parameters", "jobs", "scheduler", "fresh", "timeout")
    values = {name: getattr(options, name) for name in names}
    corpus_options = _corpus_options(options)
    if corpus_options:
        if "corpus_options" in dict(options.parameters):
            raise InputError("--corpus-option and -p corpus_options; expected one of them")
        given = ["corpus_options", json.dumps(corpus_options)]
        values["parameters"] = [*options.parameters, given]
    outcomes = notebooks.run_notebooks(options.notebooks, **values)
    print(f"\n{notebooks.summary(outcomes)}")
    return 1 if any(outcome.failure for outcome in outcomes) else 0


def _evaluate(options: argparse.Namespace) -> int:
    from ser_lib.recognition.recogniser import shipped

    if options.system in shipped() or Path(options.system).expanduser().is_dir():
        return _evaluate_model(options)
    of_a_model = f"with {options.system!r}; expected the name or the folder of a trained model"
    _refuse_changed(options, "seen", "card", because=of_a_model)

    from ser_lib import cluster, evaluate, systems
    from ser_lib.params import typed

    names = ("protocol", "seeds", "folds", "normalisation", "reports", "fresh", "jobs")
    values = {name: getattr(options, name) for name in names}
    parameters = {name: typed(value) for name, value in options.parameters}
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


def _fuse(options: argparse.Namespace) -> int:
    from ser_lib.reporting import fuse_evaluations

    names = ("weights", "seeds", "normalisation", "name", "reports")
    values = {name: getattr(options, name) for name in names}
    evaluation = fuse_evaluations(options.members, options.corpus, **values)
    print(evaluation.record["title"])
    print(evaluation.summary())
    return 0


def _tune(options: argparse.Namespace) -> int:
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


def _train(options: argparse.Namespace) -> int:
    from ser_lib.recognition.commands import train_model

    train_model(
        *(options.system, options.corpus, options.output),
        data=options.data,
        corpus_options=_corpus_options(options),
        reports=options.reports,
        parameters=options.parameters,
        seed=options.seed,
    )
    return 0


def _predict(options: argparse.Namespace) -> int:
    from ser_lib.recognition.commands import predict_files

    return predict_files(
        options.recordings,
        model=options.model,
        window=options.window,
        hop=options.hop,
        form=options.format,
        output=options.output,
    )


def _demo(options: argparse.Namespace) -> int:
    from ser_lib.recognition.demo import serve

    serve(options.model, options.port)
    return 0


def _evaluate_model(options: argparse.Namespace) -> int:
    from ser_lib.recognition.commands import evaluate_on_corpus

    _refuse_changed(
        options,
        *("variant", "protocol", "normalisation", "folds", "seeds", "nested"),
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
    usual = parser().parse_args(["evaluate", options.system])
    for name in names:
        if getattr(options, name) != getattr(usual, name):
            option = {"parameters": "parameter"}.get(name, name).replace("_", "-")
            raise InputError(f"--{option} {because}")


def _report(options: argparse.Namespace) -> int:
    from ser_lib.reporting import build_report

    pages = build_report(options.reports)
    print("\n".join(os.path.relpath(page) for page in pages))
    return 0


def _systems(options: argparse.Namespace) -> int:
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


def _cache(options: argparse.Namespace) -> int:
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
    _fetch: ("data",),
    _run: ("cache", "reports/{corpus}", "reports/{corpus}/predictions"),
    _evaluate: ("cache", "reports/{corpus}/predictions"),
    _tune: ("cache", "reports/{corpus}/trials"),
    _fuse: ("reports/{corpus}/predictions",),
    _train: ("cache",),
    _report: ("reports",),
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


def _check_places(options: argparse.Namespace) -> None:
    """Refuse names that lead out of the reports, and places that cannot be written."""
    from ser_lib import paths
    from ser_lib.places import plain_name, require_writable

    corpus = _corpus_name(options, getattr(options, "corpus", "synthetic"))
    if options.function is _run:
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
        require_writable(options.system, "the model and its card")


_NORMALISATION = "train, utterance or speaker (default: what suits the system)"
# Options of several commands.
_OPTIONS = {
    "data": {"metavar": "DIR", "help": "folder of the corpora (default: SER_DATA)"},
    "reports": {"metavar": "DIR", "help": "folder of the reports (default: SER_REPORTS)"},
    "corpus": {"default": "synthetic", "metavar": "NAME", "help": "default: synthetic"},
    "corpus-option": {
        "dest": "corpus_options",
        "nargs": 2,
        "action": "append",
        "default": [],
        "metavar": ("NAME", "VALUE"),
        "help": "option of the corpus, such as manifest, pattern or subset; may be repeated",
    },
    "fresh": {"action": "store_true", "help": "run and train everything again"},
    "jobs": {
        "type": int,
        "metavar": "N",
        "help": "number of processes (default: one per core where that is faster)",
    },
    "scheduler": {
        "metavar": "ADDRESS",
        "help": "send extraction, folds and seeds to the Dask cluster at tcp://host:port",
    },
}


def _folds(text: str) -> int | list[str]:
    """Read a number of folds, or names with commas between them; 08 is the fold of that name."""
    if text.isdecimal() and text == str(int(text)):
        return int(text)
    return [name.strip() for name in text.rstrip(",").split(",")]


def _seeds(text: str) -> list[int]:
    """Read seeds with commas between them."""
    try:
        return [int(part) for part in text.rstrip(",").split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}; expected numbers: 0,1,2") from None


def _add_parameters(command: argparse.ArgumentParser, owner: str) -> None:
    """Add the option ``-p NAME VALUE``."""
    command.add_argument(
        *("-p", "--parameter"),
        dest="parameters",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help=f"parameter of the {owner}; may be repeated",
    )


def parser() -> argparse.ArgumentParser:
    """Make the parser of ``ser``."""
    top = argparse.ArgumentParser(
        prog="ser",
        description="Published speech emotion recognition systems, measured on unseen speakers.",
        epilog="Start with: ser run",
    )
    top.add_argument("--version", action="version", version=f"ser_lib {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, function: object, text: str, *options: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.set_defaults(function=function)
        for option in options:
            command.add_argument(f"--{option}", **_OPTIONS[option])
        return command

    add("corpora", _corpora, "list the corpora and what is there of them", "data")
    for name, function, text in (
        ("fetch", _fetch, "download a corpus from its publisher and verify it"),
        ("validate", _validate, "check recordings and labels: what is there and what is wrong"),
    ):
        command = add(name, function, text, "data")
        name = "name" if function is _fetch else "corpus"
        command.add_argument(name, metavar="NAME", help="name of the corpus")
    command.add_argument("--corpus-option", **_OPTIONS["corpus-option"])

    shared = ("corpus", "corpus-option", "data", "reports", "fresh")
    text = "execute notebooks into the reports, then build the report"
    run = add("run", _run, text, *shared, "scheduler")
    run.add_argument(
        "notebooks",
        nargs="*",
        metavar="NOTEBOOK",
        help="name or its beginning (01), a system (cnn_lstm) or a path; default: the whole study",
    )
    _add_parameters(run, "notebooks that have it")
    run.add_argument(
        "--jobs",
        type=int,
        metavar="N",
        help="number of processes: training notebooks side by side, and with those left over folds "
        "within them (default: one per core)",
    )
    run.add_argument("--timeout", type=float, metavar="SECONDS", help="longest time for one cell")

    text = "train and test a system on the folds of a corpus, or test a model on another corpus"
    evaluate = add("evaluate", _evaluate, text, *shared)
    text = "name of the system, or a model (its folder, or one of the package's), tested as it is"
    evaluate.add_argument("system", metavar="SYSTEM|MODEL", help=text)
    text = "of a model: allow a corpus it was trained on; the result is marked"
    evaluate.add_argument("--seen", action="store_true", help=text)
    text = "of a model: add the score to its card, which is written anew"
    evaluate.add_argument("--card", action="store_true", help=text)
    _add_parameters(evaluate, "system")
    for option, default, text in (
        ("variant", "default", "default (the default) or as_published"),
        ("subset", None, "part of the corpus, where it has parts that are named"),
        ("protocol", None, "how recordings are divided (default: what suits the corpus)"),
        ("normalisation", None, _NORMALISATION),
    ):
        evaluate.add_argument(f"--{option}", default=default, metavar="NAME", help=text)
    evaluate.add_argument(
        "--folds", type=_folds, metavar="N|NAME,...", help="some of the folds (default: all)"
    )
    evaluate.add_argument(
        "--seeds", type=_seeds, default=[0], metavar="N,...", help="one training each (default: 0)"
    )
    where = evaluate.add_mutually_exclusive_group()
    for option in ("jobs", "scheduler"):
        where.add_argument(f"--{option}", **_OPTIONS[option])

    evaluate.add_argument(
        "--nested",
        nargs="?",
        const=True,
        metavar="FILE",
        help="choose parameters inside each fold, among the trials of the system's search space or "
        "of a JSON file, then test once",
    )
    text = "keep development rows out of training and predict them (for `ser fuse`)"
    evaluate.add_argument("--hold-out-development", action="store_true", help=text)

    text = "fuse stored evaluations of one corpus and protocol into one more"
    fuse = add("fuse", _fuse, text, "corpus", "reports")
    text = "name of a system, or the beginning of the digest of an evaluation"
    fuse.add_argument("members", nargs="+", metavar="EVALUATION", help=text)
    fuse.add_argument(
        "--weights",
        default="equal",
        metavar="equal|fitted",
        help="average posteriors (the default), or log posteriors with weights fitted to the "
        "development rows of each fold",
    )
    fuse.add_argument(
        "--seeds",
        action="store_true",
        help="average the seeds of each evaluation first; otherwise seed i is fused with seed i",
    )
    text = "train, utterance or speaker: of evaluations that are given by the name of a system"
    fuse.add_argument("--normalisation", metavar="NAME", help=text)
    text = "under which it is stored and shown (default: fusion, or SYSTEM_ensemble)"
    fuse.add_argument("--name", metavar="NAME", help=text)

    tune = add("tune", _tune, "compare trials of a system on development speakers", *shared)
    tune.add_argument("system", metavar="SYSTEM", help="name of the system")
    text = "name of a trial of its search space; default: all"
    tune.add_argument("trials", nargs="*", metavar="TRIAL", help=text)
    tune.add_argument(
        "--folds",
        type=_folds,
        default=3,
        metavar="N|NAME,...",
        help="number of folds, or their names (default: 3)",
    )
    tune.add_argument("--normalisation", metavar="NAME", help=_NORMALISATION)
    tune.add_argument(
        "--seeds",
        type=_seeds,
        default=[0, 1, 2],
        metavar="N,...",
        help="over which a trial is averaged (default: 0,1,2)",
    )
    where = tune.add_mutually_exclusive_group()
    for option in ("jobs", "scheduler"):
        where.add_argument(f"--{option}", **_OPTIONS[option])

    _add_recognition(add)
    text = "build tables, figures and pages from the predictions"
    add("report", _report, text, "reports")

    listed = add("systems", _systems, "list the systems and their parameters")
    listed.add_argument("names", nargs="*", metavar="SYSTEM", help="default: all")
    cache = add("cache", _cache, "show what is in the cache")
    text = "'features', 'evaluations', ... or a corpus; default: all"
    cache.add_argument("what", nargs="*", metavar="PART", help=text)
    cache.add_argument("--clear", action="store_true", help="remove it; it can be made again")
    return top


def _add_recognition(add: Callable) -> None:
    """Add the commands that train and apply models."""
    model = {"metavar": "MODEL", "help": "folder of a model (default: the one that came along)"}

    text = "train a system on all speakers of a corpus, and write a model"
    train = add("train", _train, text, "corpus", "corpus-option", "data", "reports")
    train.add_argument("system", metavar="SYSTEM", help="name of the system")
    _add_parameters(train, "system")
    train.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    train.add_argument(
        "-o", "--output", required=True, metavar="MODEL", help="the new folder to write"
    )

    predict = add("predict", _predict, "recognise the emotion in recordings")
    text = "recording, or folder of recordings"
    predict.add_argument("recordings", nargs="+", metavar="FILE|FOLDER", help=text)
    predict.add_argument("--model", **model)
    predict.add_argument(
        "--window",
        type=float,
        metavar="SECONDS",
        help="recognise windows of this length one after the other (default: whole recordings)",
    )
    text = "seconds from one window to the next (default: the window)"
    predict.add_argument("--hop", type=float, metavar="SECONDS", help=text)
    predict.add_argument(
        "--format",
        choices=("table", "csv", "json"),
        help="a table for people, comma-separated values, or a JSON object per line (default: "
        "table; with -o by the suffix of the file)",
    )
    predict.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write results to a file as they come; what is in it already is not done again",
    )

    text = "show a web page, on this computer only, that recognises what is recorded or opened"
    demo = add("demo", _demo, text)
    demo.add_argument("--model", **model)
    text = "of the page (default: 7860, or the next that is free)"
    demo.add_argument("--port", type=int, metavar="N", help=text)


# What a full or read-only disk says where nothing more helpful was said.
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES)


@contextlib.contextmanager
def _plain_warnings() -> Iterator[None]:
    """Say what was unusual in the user's data in one line, each message once."""
    usual, said = warnings.formatwarning, set()

    def written(message: Warning | str, category: type[Warning], *place: object) -> str:
        if not issubclass(category, InputWarning):
            return usual(message, category, *place)
        text = "" if str(message) in said else f"ser: warning: {message}\n"
        said.add(str(message))
        return text

    warnings.formatwarning = written
    try:
        yield
    finally:
        warnings.formatwarning = usual


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Those of this process by default.

    Returns
    -------
    int
        0 for success, 1 if a corpus is not valid or cannot be divided, a notebook failed or a
        recording could not be read, 2 for bad input, 128 and the number of the signal (130 for
        Ctrl-C) if interrupted.
    """
    if arguments is None:
        # A name that the encoding of a terminal or a pipe lacks must not lose the results.
        sys.stdout.reconfigure(errors="backslashreplace")
        code = main(sys.argv[1:])
        # Nothing is left to be said when Ctrl-C comes while this process ends.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        return code
    with interruption.by_signals(), _plain_warnings():
        try:
            return _command(list(arguments))
        except InputError as error:
            print(f"ser: error: {error}", file=sys.stderr)
            return 2
        except KeyboardInterrupt as error:
            print("ser: interrupted; what was finished is kept", file=sys.stderr)
            return 128 + interruption.number(error)
        except BrokenPipeError:
            # The reader of the output (`ser corpora | head`) has closed it.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        except OSError as error:
            if error.errno not in _UNWRITABLE:
                raise
            what = error.filename or "standard output or a temporary file"
            print(f"ser: error: {what}: {error.strerror}", file=sys.stderr)
            return 2


def _command(arguments: list[str]) -> int:
    options = parser().parse_args(arguments)
    if options.function in (_evaluate, _fuse) and not os.environ.get("SER_COMMAND"):
        # For the record: how to make the result again.
        os.environ["SER_COMMAND"] = shlex.join(["ser", *arguments])
    _check_places(options)
    code = options.function(options)
    # Here a full disk or a closed pipe can still be reported.
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
