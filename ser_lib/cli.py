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

# Only what costs nothing: a command imports what it needs when it runs.
from ser_lib import __version__, commands, interruption
from ser_lib.errors import InputError, InputWarning

_NORMALISATION = "train, utterance or speaker (default: what suits the system)"
# What takes a name and a value.
_PAIRS = {"nargs": 2, "action": "append", "default": [], "metavar": ("NAME", "VALUE")}
# Options of several commands.
_OPTIONS = {
    "data": {"metavar": "DIR", "help": "folder of the corpora (default: SER_DATA)"},
    "reports": {"metavar": "DIR", "help": "folder of the reports (default: SER_REPORTS)"},
    "corpus": {"default": "synthetic", "metavar": "NAME", "help": "default: synthetic"},
    "corpus-option": {
        "dest": "corpus_options",
        **_PAIRS,
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
    """Read a number of folds, or names as `split_names` reads them; 08 is the fold of that name."""
    if text.isdecimal() and text == str(int(text)):
        return int(text)
    from ser_lib.experiment.trials import split_names

    try:
        return split_names(text)
    except InputError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


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
        **_PAIRS,
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
    subparsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, function: object, text: str, *options: str) -> argparse.ArgumentParser:
        command = subparsers.add_parser(
            name, help=text, description=f"{text[0].upper()}{text[1:]}."
        )
        command.set_defaults(function=function)
        for option in options:
            command.add_argument(f"--{option}", **_OPTIONS[option])
        return command

    add("corpora", commands.list_corpora, "list the corpora and what is there of them", "data")
    text = "download a corpus from its publisher and verify it"
    fetch = add("fetch", commands.fetch_corpus, text, "data")
    fetch.add_argument("name", metavar="NAME", help="name of the corpus")
    text = "check recordings and labels: what is wrong"
    validate = add("validate", commands.validate_corpus, text, "data", "corpus-option")
    validate.add_argument("corpus", metavar="NAME", help="name of the corpus")

    shared = ("corpus", "corpus-option", "data", "reports", "fresh")
    text = "execute notebooks into the reports, then build the report"
    run = add("run", commands.execute_notebooks, text, *shared, "scheduler")
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
    evaluate = add("evaluate", commands.evaluate_system, text, *shared)
    evaluate.set_defaults(default_of=evaluate.get_default)
    text = "name of the system, or a model (its folder, or one of the package's), tested as it is"
    evaluate.add_argument("system", metavar="SYSTEM|MODEL", help=text)
    text = "of a model: allow recordings or speakers it was trained on; the result is marked"
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
        "--protocol-option",
        dest="protocol_options",
        **_PAIRS,
        help="option of the protocol, such as k of speaker_folds or path of split_file; may be "
        "repeated",
    )
    evaluate.add_argument(
        "--folds",
        type=_folds,
        metavar="N|NAME,...",
        help="some of the folds, a name that holds a comma in quotes (default: all)",
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
    fuse = add("fuse", commands.fuse, text, "corpus", "reports")
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

    text = "compare trials of a system on development speakers"
    tune = add("tune", commands.tune_system, text, *shared)
    tune.add_argument("system", metavar="SYSTEM", help="name of the system")
    text = "name of a trial of its search space; default: all"
    tune.add_argument("trials", nargs="*", metavar="TRIAL", help=text)
    tune.add_argument(
        "--folds",
        type=_folds,
        default=3,
        metavar="N|NAME,...",
        help="number of folds, or their names, one that holds a comma in quotes (default: 3)",
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
    add("report", commands.report, text, "reports")

    listed = add("systems", commands.list_systems, "list the systems and their parameters")
    listed.add_argument("names", nargs="*", metavar="SYSTEM", help="default: all")
    cache = add("cache", commands.manage_cache, "show what is in the cache")
    text = "'features', 'evaluations', ... or a corpus; default: all"
    cache.add_argument("what", nargs="*", metavar="PART", help=text)
    cache.add_argument("--clear", action="store_true", help="remove it; it can be made again")
    return top


def _add_recognition(add: Callable) -> None:
    """Add the commands that train and apply models."""
    model = {"metavar": "MODEL", "help": "folder of a model (default: the one that came along)"}

    text = "train a system on all speakers of a corpus, and write a model"
    train = add("train", commands.train, text, "corpus", "corpus-option", "data", "reports")
    train.add_argument("system", metavar="SYSTEM", help="name of the system")
    _add_parameters(train, "system")
    train.add_argument("--normalisation", metavar="NAME", help=_NORMALISATION)
    train.add_argument("--seed", type=int, default=0, metavar="N", help="default: 0")
    train.add_argument(
        "-o", "--output", required=True, metavar="MODEL", help="the new folder to write"
    )

    predict = add("predict", commands.predict, "recognise the emotion in recordings")
    text = "recording, or folder of recordings"
    predict.add_argument("recordings", nargs="+", metavar="FILE|FOLDER", help=text)
    predict.add_argument("--model", **model)
    predict.add_argument(
        "--speaker",
        action="append",
        default=[],
        metavar="FILE|FOLDER",
        help="recordings of the one who speaks in all, for a model that scales by speaker; may be "
        "the same ones, and may be repeated",
    )
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
        help="write results to a file as they come; what it holds already is not done again",
    )

    text = "show a web page, on this computer only, that recognises what is recorded or opened"
    demo = add("demo", commands.demo, text)
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
    stores = options.function in (commands.evaluate_system, commands.fuse)
    if stores and not os.environ.get("SER_COMMAND"):
        # For the record: how to make the result again.
        os.environ["SER_COMMAND"] = shlex.join(["ser", *arguments])
    commands.check_places(options)
    code = options.function(options)
    # Here a full disk or a closed pipe can still be reported.
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    sys.exit(main())
