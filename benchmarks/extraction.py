"""What the cache, all cores, and one decoding for all front ends save."""

import functools
import shutil

import joblib
import numpy as np

from benchmarks import material
from benchmarks.harness import TIMES_AS_FAST, Row, interleaved, row
from ser_lib import paths, systems
from ser_lib.features import extract

QUESTION = "extraction"


def run(quick: bool) -> list[Row]:
    """Extract the features of every system, anew and again, on one core and on all."""
    front_ends = [systems.make(name).front_end for name in systems.names()]
    with material.own_folders():
        corpus = material.corpus(20 if quick else None)
        # The recordings are hashed before, so that it is the features that are timed.
        assert corpus.fingerprint
        extracted = functools.partial(extract, corpus, progress=False)

        def anew(**options: object) -> None:
            shutil.rmtree(paths.cache() / "features", ignore_errors=True)
            extracted(front_ends, **options)

        def one_by_one() -> None:
            shutil.rmtree(paths.cache() / "features", ignore_errors=True)
            for front_end in front_ends:
                extracted([front_end], jobs=1)

        seconds = interleaved(
            {
                "one by one": one_by_one,
                "one core": functools.partial(anew, jobs=1),
                "all cores": functools.partial(anew, jobs=joblib.cpu_count()),
                "again": functools.partial(extracted, front_ends),
            },
            1 if quick else 5,
            description="extraction",
        )
    note = f"{len(front_ends)} front ends, {len(corpus.table)} recordings of {corpus.name}"

    def beside(what: str, fast: str, slow: str, note: str = note) -> Row:
        return row(QUESTION, what, slow, seconds[slow] / seconds[fast], TIMES_AS_FAST, note=note)

    again = f"{note}; {1e3 * np.median(seconds['again']):.0f} ms"
    return [
        beside("a second use, from the cache", "again", "all cores", again),
        beside("all cores", "all cores", "one core"),
        beside("all front ends at once", "one core", "one by one"),
    ]
