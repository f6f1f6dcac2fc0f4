"""What `ser train`, `ser predict` and `ser evaluate MODEL` do."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ser_lib import console
from ser_lib.errors import InputError

if TYPE_CHECKING:
    from ser_lib.recognition.outcome import Result
    from ser_lib.recognition.recogniser import Recogniser


def files_of(arguments: Sequence[str]) -> list[str]:
    """
    List the recordings of a command line: files as they are, and all in folders.

    Raises
    ------
    InputError
        If a folder holds no recordings at any depth.
    """
    files: dict[str, None] = {}
    for argument in arguments:
        if not os.path.isdir(argument):
            files[argument] = None
            continue
        from ser_lib.corpora import discovery

        visible = list(discovery.walk(argument))
        # Names as they were given: results are found again by them.
        found = [
            os.path.join(argument, os.path.relpath(path, argument))
            for path in visible
            if discovery.is_audio(path)
        ]
        if not found:
            raise InputError(
                f"{argument}: no recordings in this folder; {discovery.nothing_read(visible)}"
            )
        discovery.warn_of_unread(argument, visible)
        files |= dict.fromkeys(found)
    return list(files)


def train_model(
    system: str,
    corpus: str,
    folder: str,
    *,
    data: str | None,
    corpus_options: Mapping[str, object],
    reports: str | None,
    parameters: Sequence[tuple[str, str]],
    normalisation: str | None,
    seed: int,
) -> None:
    """Train a system and say what became of it."""
    from ser_lib import corpora, systems
    from ser_lib.params import parse_parameters
    from ser_lib.recognition.recogniser import load
    from ser_lib.recognition.training import train

    model = train(
        systems.make(system, **parse_parameters(parameters, "system")),
        corpora.load_corpus(corpus, data=data, **corpus_options),
        folder,
        normalisation=normalisation,
        seed=seed,
        reports=reports,
    )
    recogniser = load(model)
    print(f"{os.path.relpath(model)}: {', '.join(recogniser.classes)}")
    print(recogniser.scores)
    if recogniser.description["note"]:
        print(f"recognised by Keras: {recogniser.description['note']}")


def predict_files(
    arguments: Sequence[str],
    *,
    model: str | None,
    speaker: Sequence[str],
    window: float | None,
    hop: float | None,
    form: str | None,
    output: str | None,
) -> int:
    """
    Recognise recordings, and print or write the results.

    Returns
    -------
    int
        1 if a recording could not be read, else 0.
    """
    from ser_lib.recognition import output as output_file
    from ser_lib.recognition.outcome import columns_of, row_of
    from ser_lib.recognition.reading import check_window
    from ser_lib.recognition.recogniser import load

    if hop is not None and window is None:
        raise InputError("--hop without --window; expected a window in seconds")
    if window is not None:
        hop = window if hop is None else hop
        check_window(window, hop)
    if output is not None:
        form = output_file.format_of(Path(output), form)
    files = files_of(arguments)
    recogniser = load(model)
    if speaker:
        recogniser = recogniser.for_speaker(files_of(speaker), progress=True)
    name = f"{recogniser.name} {recogniser.digest[:8]}"
    columns = (*columns_of(recogniser.classes), "model")
    if output is not None:
        rate = recogniser.front_end.sample_rate
        with output_file.RowFile(output, form, columns, name, window, hop, rate, files) as rows:
            if done := len(files) - len(rows.waiting):
                print(f"{output}: {done} are there already", file=sys.stderr)
            if rows.newer:
                print(
                    f"{output}: {len(rows.newer)} of these recordings were changed after it, the "
                    f"first is {rows.newer[0]}; delete their rows if they sound otherwise now",
                    file=sys.stderr,
                )
            outcome = _Outcome(window)
            for results in _followed(recogniser, rows.waiting, window, hop, rows.begun):
                outcome.note(results)
                rows.add(
                    [{**row_of(result, recogniser.classes), "model": name} for result in results]
                )
    else:
        outcome = _Outcome(window)
        _print_results(recogniser, files, window, hop, form or "table", columns, name, outcome)
    outcome.say(len(files))
    print(f"{name}: {recogniser.scores}", file=sys.stderr)
    return 1 if outcome.failed else 0


class _Outcome:
    """Counts what is said at the end."""

    def __init__(self, window: float | None):
        self.window = window
        self.failed = self.short = 0

    def note(self, results: Sequence) -> None:
        from ser_lib.recognition.outcome import is_shorter

        self.failed += results[0].failed
        self.short += self.window is not None and is_shorter(results, self.window)

    def say(self, total: int) -> None:
        from ser_lib.recognition.outcome import shorter

        if self.short:
            print(shorter(self.window, self.short), file=sys.stderr)
        if self.failed:
            print(f"{self.failed} of {total} recordings could not be read", file=sys.stderr)


def _followed(
    recogniser: "Recogniser",
    files: Sequence[str],
    window: float | None,
    hop: float | None,
    begun: int = 0,
) -> Iterator[list["Result"]]:
    with console.progress(total=len(files), description="recognising", unit="file") as bar:
        yield from recogniser.results(files, window=window, hop=hop, skip=begun, read=bar.move_to)


def _print_results(
    recogniser: "Recogniser",
    files: Sequence[str],
    window: float | None,
    hop: float | None,
    form: str,
    columns: Sequence[str],
    name: str,
    outcome: _Outcome,
) -> None:
    from ser_lib.recognition.outcome import columns_of, row_of
    from ser_lib.recognition.output import header_of, line_of, one_line

    table = []
    if form != "table":
        sys.stdout.write(header_of(columns, form))
    for results in _followed(recogniser, files, window, hop):
        outcome.note(results)
        for row in (row_of(result, recogniser.classes) for result in results):
            if form == "table":
                table.append([_cell(value) for value in map(one_line, row.values())])
            else:
                sys.stdout.write(line_of({**row, "model": name}, form))
                sys.stdout.flush()
    if form == "table":
        print(console.table(*_without_empty(table, columns_of(recogniser.classes))))


def _cell(value: object) -> object:
    if isinstance(value, float):
        return None if value != value else f"{value:.3f}".rstrip("0").rstrip(".") or "0"
    return value


def _without_empty(table: list[list], columns: Sequence[str]) -> tuple[list[list], list[str]]:
    """Leave out the columns in which there is nothing."""
    kept = [i for i in range(len(columns)) if any(row[i] not in (None, "") for row in table)]
    return [[row[i] for i in kept] for row in table], [columns[i] for i in kept]


def evaluate_on_corpus(
    model: str,
    corpus: str,
    *,
    data: str | None,
    corpus_options: Mapping[str, object],
    reports: str | None,
    jobs: int | None,
    seen: bool,
    add_to_card: bool,
) -> None:
    """Test a model on another corpus, and say what it scores there."""
    from ser_lib import corpora
    from ser_lib.evaluation.predictions import describe_all_outputs
    from ser_lib.recognition.recogniser import load
    from ser_lib.recognition.transfer import add_score, evaluate_model

    recogniser = load(model)
    evaluation, file = evaluate_model(
        recogniser,
        corpora.load_corpus(corpus, data=data, **corpus_options),
        reports=reports,
        jobs=jobs,
        seen=seen,
    )
    print(evaluation.summary())
    more = [emotion for emotion in recogniser.classes if emotion not in evaluation.classes]
    if more:
        print(f"with {', '.join(more)}, as it predicts: {describe_all_outputs(evaluation.rows())}")
    print(f"in {os.path.relpath(file)}")
    if add_to_card:
        add_score(recogniser, evaluation)
        print(f"added to {os.path.relpath(recogniser.folder)}")
