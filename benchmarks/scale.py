"""
Whether cost grows linearly: time per utterance and peak memory, from 500 utterances to 50,000.

The synthetic corpus is tiled: every row is computed, though many point to the same recording. One
system throughout (the convolutional BLSTM, sizes of its source), as its features are small on disk:
some four gigabytes for 50,000 utterances while they are put together, all removed at the end.
"""

import tempfile
import time
from pathlib import Path

import ser_lib
from benchmarks import material, memory
from benchmarks.harness import Row, row
from ser_lib import systems
from ser_lib.console import progress
from ser_lib.corpora import Corpus
from ser_lib.systems.base import System

QUESTION = "scale"
EXTRACTION, TRAINING = "extraction", "one epoch"
FIGURE_UNITS = PER_SECOND, MEGABYTES = "utterances per second", "megabytes"
_SIZES = {EXTRACTION: (500, 5_000, 50_000), TRAINING: (500, 5_000)}
_QUICK = {EXTRACTION: (50, 100), TRAINING: (50,)}


def run(quick: bool) -> list[Row]:
    """Extract, train an epoch, and train on more than the memory holds."""
    rows = []
    todo = [(work, n) for work, sizes in (_QUICK if quick else _SIZES).items() for n in sizes]
    with material.own_folders():
        # Rendered and hashed before, as every corpus is but once.
        assert ser_lib.load_corpus("synthetic").fingerprint
        bar = progress(todo, description="scale", unit="run", delay=0)
        for work, utterances in bar:
            bar.set_postfix_str(f"{work} of {utterances:,}")
            seconds, peak = memory.watched(_WORK[work], utterances)
            size = f"{utterances:,} utterances"
            rows.append(row(QUESTION, work, size, [utterances / seconds], PER_SECOND))
            rows.append(row(QUESTION, f"{work}: peak memory", size, [peak / 1e6], MEGABYTES))
    rows += _growth(rows)
    size, room = (2**28, 2**27) if quick else (2**31, 2**28)
    with tempfile.TemporaryDirectory(prefix="ser_lib-bench-") as folder:
        memory.large_features(Path(folder), size)
        done = memory.train_within(Path(folder), room)
    if done.returncode:
        print(f"training in little memory failed:\n{done.stderr[-2000:]}")
    what = f"features trained on in {room / 1e6:.0f} MB"
    note = "further memory was refused by the system"
    trained = 0.0 if done.returncode else size / room
    rows.append(row(QUESTION, what, "the memory", [trained], "times as large", target=2, note=note))
    return rows


def _growth(rows: list[Row]) -> list[Row]:
    """Set the largest corpus beside the one before."""
    result = []
    for what in dict.fromkeys(r.what for r in rows):
        sizes = [r for r in rows if r.what == what]
        if len(sizes) == 1:
            continue
        # Not beside the smallest of three: it is done before it pays to start processes.
        small, large = sizes[-2:]
        per = small.value / large.value if large.unit == PER_SECOND else large.value / small.value
        name = f"{what}: time per utterance" if large.unit == PER_SECOND else what
        beside = f"{small.against}; at {large.against}"
        result.append(row(QUESTION, name, beside, [per], "times as much", target=1.5, at_most=True))
    return result


def _corpus(utterances: int) -> Corpus:
    return material.tiled(ser_lib.load_corpus("synthetic"), utterances)


def _system() -> System:
    sizes = {"filters": (8, 16, 32), "units": 32}
    return systems.make("crnn_attention", **sizes, copies=0, spec_augment=False)


def _extract(utterances: int) -> float:
    """Extract features in this process; seconds."""
    corpus, front_end = _corpus(utterances), _system().front_end
    started = time.perf_counter()
    front_end.extract(corpus, progress=False)
    return time.perf_counter() - started


def _train(utterances: int) -> float:
    """Train an epoch, after two in which every shape was met; seconds."""
    # Not above: a process that extracts features holds no TensorFlow.
    from benchmarks.epochs import Epochs

    corpus, system = _corpus(utterances), _system()
    features = system.front_end.extract(corpus, progress=False)
    epoch = Epochs(system.classifier(0), (features,), system.targets(corpus.table))
    epoch()
    started = time.perf_counter()
    epoch()
    return time.perf_counter() - started


_WORK = {EXTRACTION: _extract, TRAINING: _train}
