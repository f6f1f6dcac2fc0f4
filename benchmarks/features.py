"""How fast recordings become features: compared with other libraries, and by cache and cores."""

import concurrent.futures
import functools
import importlib.util
import multiprocessing
import shutil
from collections.abc import Callable, Sequence
from typing import NamedTuple

import joblib
import librosa
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import material
from benchmarks.harness import TIMES_AS_FAST, interleaved, row
from ser_lib import paths, systems
from ser_lib.features import Descriptors, LogMel, extract
from ser_lib.signal import decode

RATE = 16000
_MEL = {"n_fft": 512, "hop_length": 160, "n_mels": 64, "pad_mode": "reflect"}


class Case(NamedTuple):
    """What is computed: by us, by another library, and how fast it should be."""

    what: str
    ours: Callable
    name: str = ""
    other: Callable | None = None
    times_as_fast: float | None = None
    times_real_time: float | None = None


def cases() -> list[Case]:
    """List what is measured: functions of a signal, or of a path (decoding)."""
    descriptors = functools.partial(Descriptors(convention="pyaudioanalysis"), sample_rate=RATE)
    mel = functools.partial(LogMel(**_MEL), sample_rate=RATE)
    front_ends = {name: systems.make(name).front_end for name in systems.names()}
    svm = front_ends["svm"]
    statistics = f"statistics of the SVM ({len(svm.feature_names)})"
    # The extra `baselines`.
    smile = open_smile if importlib.util.find_spec("opensmile") else None
    return [
        Case("34 descriptors", descriptors, "pyAudioAnalysis", _py_audio_analysis, 30),
        Case("log-mel in dB, 64 bands", mel, "librosa", _librosa_mel, 2),
        Case("decoding", decode, "librosa.load", functools.partial(librosa.load, sr=RATE)),
        Case(statistics, svm, "openSMILE, eGeMAPSv02 (88)", smile, times_real_time=500),
        *(Case(f"front end of {name}", front_end) for name, front_end in front_ends.items()),
    ]


def measure_features(quick: bool) -> list[dict]:
    """Measure all cases on one core: features are computed by one process per core."""
    corpus = material.load(3 if quick else 60)
    files = list(corpus.table["path"])
    signals = [decode(path, sample_rate=RATE).signal for path in files]
    length = sum(map(len, signals)) / RATE
    rows = []
    for case in cases():
        inputs = files if case.what == "decoding" else signals
        with threadpool_limits(1):
            seconds = _timed(case, inputs, 1 if quick else 5)
        if case.name in seconds:
            ratios = seconds[case.name] / seconds["ours"]
            rows.append(row(case.what, case.name, ratios, TIMES_AS_FAST, target=case.times_as_fast))
        for name, times in seconds.items():
            what = case.what if name == "ours" else f"{case.what} by {name}"
            target = case.times_real_time if name == "ours" else None
            speed = length / times
            rows.append(row(what, "real time", speed, "times real time, one core", target=target))
    note = f"{len(signals)} recordings of {corpus.name}, {length:.0f} s"
    return [r | {"note": note} for r in rows]


def _timed(case: Case, inputs: Sequence, rounds: int) -> dict[str, np.ndarray]:
    timed = functools.partial(interleaved, rounds=rounds, description=case.what)
    ours = {"ours": functools.partial(_each, case.ours, inputs)}
    if case.other is None:
        return timed(ours)
    other = functools.partial(_each, case.other, inputs)
    if case.other is not open_smile:
        return timed(ours | {case.name: other})
    # In a process of its own: its library was seen to corrupt the memory of the one it ran in.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        try:
            return timed(ours | {case.name: lambda: pool.submit(other).result()})
        except concurrent.futures.process.BrokenProcessPool:
            print("the process of openSMILE died: left out")
            return timed(ours)


def _each(function: Callable, inputs: Sequence) -> None:
    for value in inputs:
        function(value)


def _py_audio_analysis(signal: np.ndarray) -> np.ndarray:
    from pyAudioAnalysis import ShortTermFeatures

    samples = signal * np.float64(2**15)
    return ShortTermFeatures.feature_extraction(samples, RATE, 400, 160, deltas=False)[0]


def _librosa_mel(signal: np.ndarray) -> np.ndarray:
    mel = librosa.feature.melspectrogram(y=signal, sr=RATE, **_MEL)
    return librosa.power_to_db(mel, ref=np.max)


@functools.cache
def _smile() -> object:
    import opensmile

    level = opensmile.FeatureLevel.Functionals
    return opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, level, num_workers=1)


def open_smile(signal: np.ndarray) -> object:
    """Compute the functionals of a signal, shape (samples,), at `RATE`."""
    return _smile().process_signal(signal, RATE)


def measure_extraction(quick: bool) -> list[dict]:
    """Measure what the cache, all cores, and one decoding for all front ends save."""
    front_ends = [systems.make(name).front_end for name in systems.names()]
    corpus = material.load(20 if quick else None)
    with material.temporary_folders():
        # Recordings are hashed before, so that only features are timed.
        assert corpus.fingerprint

        def anew(*groups: list, jobs: int = 1) -> None:
            shutil.rmtree(paths.cache() / "features", ignore_errors=True)
            for group in groups:
                extract(corpus, group, jobs=jobs, progress=False)

        alternatives = {
            "one by one": functools.partial(anew, *([f] for f in front_ends)),
            "one core": functools.partial(anew, front_ends),
            "all cores": functools.partial(anew, front_ends, jobs=joblib.cpu_count()),
            "again": functools.partial(extract, corpus, front_ends, progress=False),
        }
        seconds = interleaved(alternatives, 1 if quick else 5, description="extraction")
    note = f"{len(front_ends)} front ends, {len(corpus.table)} recordings of {corpus.name}"
    again = f"{note}; {1e3 * np.median(seconds['again']):.0f} ms"
    compared = (
        ("a second use, from the cache", "again", "all cores", again),
        ("all cores", "all cores", "one core", note),
        ("all front ends at once", "one core", "one by one", note),
    )
    return [
        row(what, slow, seconds[slow] / seconds[fast], TIMES_AS_FAST, note=text)
        for what, fast, slow, text in compared
    ]
