"""The command line ``ser``: corpora, fetch, validate, run, tune, report, systems, cache."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

# Only what costs nothing: a command imports what it needs when it runs.
from ser_lib import __version__
from ser_lib.errors import InputError


def _corpora(options: argparse.Namespace) -> int:
    from ser_lib import console, corpora, paths

    rows = [
        (row.name, row.utterances or None, row.speakers or None, row.hours or None, row.where)
        for row in corpora.overview(data=options.data)
    ]
    print(console.table(rows, ("corpus", "utterances", "speakers", "hours", "where")))
    print(f"\nlooked for in {options.data or paths.data()} (SER_DATA or --data says where)")
    return 0


def _fetch(options: argparse.Namespace) -> int:
    from ser_lib import corpora

    folder = corpora.fetch(options.name, data=options.data)
    corpus = corpora.load_corpus(options.name, data=options.data)
    print(f"{corpus!r}\n{folder}\nlicence: {corpus.licence}")
    return 0


def _validate(options: argparse.Namespace) -> int:
    from ser_lib import corpora

    found = corpora.load_corpus(options.name, data=options.data).validate()
    print(found)
    return 0 if found.ok else 1


def _run(options: argparse.Namespace) -> int:
    from ser_lib import notebooks as runner

    outcomes = runner.run(
        options.notebooks,
        corpus=options.corpus,
        data=options.data,
        reports=options.reports,
        parameters=options.parameters,
        jobs=options.jobs,
        scheduler=options.scheduler,
        fresh=options.fresh,
        timeout=options.timeout,
    )
    print(f"\n{runner.summary(outcomes)}")
    return 1 if any(outcome.failure for outcome in outcomes) else 0


def _tune(options: argparse.Namespace) -> int:
    import contextlib

    from ser_lib import cluster, console, corpora
    from ser_lib.experiment import trials as recipes
    from ser_lib.experiment import tune

    function, chosen = recipes.listed(options.system, options.recipes)
    joined = cluster.join(options.scheduler) if options.scheduler else contextlib.nullcontext()
    with joined:
        corpus = corpora.load_corpus(options.corpus, data=options.data)
        table = tune(
            function,
            corpus,
            chosen,
            folds=options.folds,
            reports=options.reports,
            fresh=options.fresh,
            jobs=options.jobs,
        )
    print(console.table(*recipes.printed(table)))
    reports = Path(options.reports).resolve() if options.reports else None
    print(f"\nin {os.path.relpath(recipes.file(corpus.name, function.__name__, reports))}")
    return 0


def _report(options: argparse.Namespace) -> int:
    from ser_lib import paths
    from ser_lib.reporting import build as report

    reports = Path(options.reports).resolve() if options.reports else paths.reports()
    pages = report.report(reports)
    if options.html:
        from ser_lib.reporting import html

        pages += html.render(reports)
    print("\n".join(os.path.relpath(page) for page in pages))
    return 0


def _systems(options: argparse.Namespace) -> int:
    import inspect

    from ser_lib import console, systems

    rows = []
    for name in systems.names():
        function = systems.find(name)
        system = function()
        for number, parameter in enumerate(inspect.signature(function).parameters):
            head = (name, system.title) if number == 0 else ("", "")
            value = system.parameters.get(parameter, getattr(system, parameter, ""))
            rows.append((*head, parameter, value))
    print(console.table(rows, ("system", "", "parameter", "default")))
    return 0


def _cache(options: argparse.Namespace) -> int:
    from ser_lib import console, paths
    from ser_lib.experiment import cache as stored

    found = stored.chosen(stored.stored(), options.what)
    rows = [(s.part, s.corpus, s.content, s.files, round(s.size / 1e6, 1)) for s in found]
    total = sum(s.files for s in found), round(sum(s.size for s in found) / 1e6, 1)
    print(console.table([*rows, ("all", "", "", *total)], ("", "corpus", "", "files", "megabytes")))
    for one in found if options.clear else ():
        stored.remove(one)
    print(f"\n{'cleared' if options.clear else 'in'} {paths.cache()}")
    return 0


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", help="folder of the corpora (default: SER_DATA)")


def _folds(text: str) -> int | list[str]:
    """Read a number of folds, or names with commas between them."""
    return text.rstrip(",").split(",") if "," in text else int(text)


def _workers(options: argparse._ActionsContainer, jobs: str) -> None:
    options.add_argument("--jobs", type=int, metavar="N", help=jobs)
    options.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="send extraction, folds and seeds to the Dask cluster at tcp://host:port",
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

    def add(name: str, function: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        command.set_defaults(function=function)
        return command

    _data(add("corpora", _corpora, "list the corpora and what is found of them here"))
    for name, function, text in (
        ("fetch", _fetch, "download a corpus from its publisher and verify it"),
        ("validate", _validate, "name missing, extra, altered and undecodable recordings"),
    ):
        command = add(name, function, text)
        command.add_argument("name", metavar="NAME", help="name of the corpus")
        _data(command)

    run = add("run", _run, "execute notebooks into the reports, then make the report again")
    run.add_argument(
        "notebooks",
        nargs="*",
        metavar="NOTEBOOK",
        help="name or its beginning (01), or a path; default: the whole study",
    )
    run.add_argument("--corpus", default="synthetic", metavar="NAME", help="default: synthetic")
    _data(run)
    run.add_argument(
        "--reports", metavar="DIR", help="folder of the reports (default: SER_REPORTS)"
    )
    run.add_argument(
        *("-p", "--parameter"),
        dest="parameters",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="parameter of the notebooks that have it; may be repeated",
    )
    _workers(
        run,
        "processes in all: notebooks side by side, and with what is over folds within them "
        "(default: one notebook after the other, folds on all cores where that is faster)",
    )
    run.add_argument("--fresh", action="store_true", help="run and train everything again")
    run.add_argument("--timeout", type=float, metavar="SECONDS", help="give a cell up after that")

    tune = add("tune", _tune, "compare recipes of a system on development speakers")
    tune.add_argument("system", metavar="SYSTEM", help="name of the system")
    tune.add_argument("recipes", nargs="*", metavar="RECIPE", help="name of a recipe; default: all")
    tune.add_argument("--corpus", default="synthetic", metavar="NAME", help="default: synthetic")
    _data(tune)
    tune.add_argument("--reports", metavar="DIR", help="folder of the reports")
    tune.add_argument(
        "--folds",
        type=_folds,
        default=3,
        metavar="N|NAME,...",
        help="so many, or those of these names (default: 3)",
    )
    where = tune.add_mutually_exclusive_group()
    _workers(where, "trainings side by side (default: all cores where that is faster)")
    tune.add_argument("--fresh", action="store_true", help="train everything again")

    report = add("report", _report, "make tables, figures and pages again from the predictions")
    report.add_argument("--reports", metavar="DIR", help="folder of the reports")
    report.add_argument("--html", action="store_true", help="also executed notebooks as web pages")

    add("systems", _systems, "list the systems and their parameters")
    cache = add("cache", _cache, "show what lies in the cache")
    cache.add_argument(
        "what", nargs="*", help="parts ('features', 'evaluations', ...) or corpora; default: all"
    )
    cache.add_argument("--clear", action="store_true", help="remove it; it can be made again")
    return top


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
        0 if all went well, 1 if what was looked at or run is not well, 2 for bad input, 130 when
        interrupted.
    """
    # Set before TensorFlow is imported by anything.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    options = parser().parse_args(arguments)
    try:
        return options.function(options)
    except InputError as error:
        print(f"ser: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("ser: interrupted; what was finished is kept", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read the output (`ser corpora | head`) has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
