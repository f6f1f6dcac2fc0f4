"""How fast recordings become features on one core, beside the libraries that do the same."""

import concurrent.futures
import functools
import importlib.util
import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence

import librosa
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks import material
from benchmarks.harness import TIMES_AS_FAST, Row, interleaved, row
from ser_lib import systems
from ser_lib.features import Descriptors, FrontEnd, LogMel
from ser_lib.signal import decode

QUESTION = "features"
RATE = 16000
_REAL_TIME = "times real time, one core"


def run(quick: bool) -> list[Row]:
    """Measure decoding, descriptors, log-mel, statistics, and the front end of every system."""
    corpus = material.corpus(3 if quick else 60)
    paths = list(corpus.table["path"])
    signals = [decode(path, sample_rate=RATE).signal for path in paths]
    seconds = sum(map(len, signals)) / RATE
    rounds = 1 if quick else 5

    def timed(ways: Mapping[str, Callable], inputs: Iterable, what: str) -> dict[str, np.ndarray]:
        works = {name: functools.partial(_each, way, inputs) for name, way in ways.items()}
        return interleaved(works, rounds, description=what)

    # Features are computed on all cores by a process each: what counts is what a core does.
    with threadpool_limits(1):
        decoding = timed({"ser_lib": decode, "librosa.load": _librosa_load}, paths, "decoding")
        descriptors = timed(_DESCRIPTORS, signals, "descriptors")
        mel = timed(_LOG_MEL, signals, "log-mel")
        statistics = _statistics(signals, rounds)
        made = {name: systems.make(name).front_end for name in systems.names()}
        fronts = timed(made, signals, "front ends")

    of_svm = f"statistics of the SVM ({len(_svm().feature_names)})"
    rows = [
        _compared("34 descriptors", "pyAudioAnalysis", descriptors, target=30),
        _compared("log-mel in dB, 64 bands", "librosa", mel, target=2),
        _compared("decoding", "librosa.load", decoding),
        row(
            *(QUESTION, of_svm, "real time"),
            *(seconds / statistics["ser_lib"], _REAL_TIME),
            target=500,
        ),
    ]
    if "openSMILE" in statistics:
        smile = statistics["openSMILE"]
        rows.append(_compared(of_svm, "openSMILE", statistics))
        rows.append(row(QUESTION, "eGeMAPSv02 (88)", "real time", seconds / smile, _REAL_TIME))
    rows += [
        row(QUESTION, what, "real time", seconds / times, _REAL_TIME)
        for what, times in (
            ("decoding", decoding["ser_lib"]),
            ("34 descriptors", descriptors["ser_lib"]),
            ("34 descriptors by pyAudioAnalysis", descriptors["pyAudioAnalysis"]),
            ("log-mel in dB, 64 bands", mel["ser_lib"]),
            ("log-mel by librosa", mel["librosa"]),
            *((f"front end of {name}", fronts[name]) for name in systems.names()),
        )
    ]
    note = f"{len(signals)} recordings of {corpus.name}, {seconds:.0f} s"
    return [r._replace(note=note) for r in rows]


def _each(way: Callable, inputs: Iterable) -> None:
    for one in inputs:
        way(one)


def _compared(what: str, other: str, seconds: Mapping[str, np.ndarray], **options: object) -> Row:
    ratios = seconds[other] / seconds["ser_lib"]
    return row(QUESTION, what, other, ratios, TIMES_AS_FAST, **options)


def _librosa_load(path: str) -> np.ndarray:
    return librosa.load(path, sr=RATE)[0]


def _py_audio_analysis(signal: np.ndarray) -> np.ndarray:
    from pyAudioAnalysis import ShortTermFeatures

    samples = signal * np.float64(2**15)
    return ShortTermFeatures.feature_extraction(samples, RATE, 400, 160, deltas=False)[0]


_MEL = {"n_fft": 512, "hop_length": 160, "n_mels": 64, "pad_mode": "reflect"}


def _librosa_mel(signal: np.ndarray) -> np.ndarray:
    mel = librosa.feature.melspectrogram(y=signal, sr=RATE, **_MEL)
    return librosa.power_to_db(mel, ref=np.max)


_DESCRIPTORS = {
    "ser_lib": functools.partial(Descriptors(convention="pyaudioanalysis"), sample_rate=RATE),
    "pyAudioAnalysis": _py_audio_analysis,
}
_LOG_MEL = {"ser_lib": functools.partial(LogMel(**_MEL), sample_rate=RATE), "librosa": _librosa_mel}


def _svm() -> FrontEnd:
    return systems.make("svm").front_end


@functools.cache
def _smile() -> object:
    import opensmile

    return opensmile.Smile(
        feature_set=opensmile.FeatureSet.eGeMAPSv02,
        feature_level=opensmile.FeatureLevel.Functionals,
        num_workers=1,
    )


def _open_smile(signals: Sequence[np.ndarray]) -> None:
    for signal in signals:
        _smile().process_signal(signal, RATE)


def _statistics(signals: Sequence[np.ndarray], rounds: int) -> dict[str, np.ndarray]:
    """Time our statistics and, where it is installed, openSMILE."""
    ways = {"ser_lib": functools.partial(_each, _svm(), signals)}
    if importlib.util.find_spec("opensmile") is None:
        print("opensmile is not installed (the extra `baselines`): left out")
        return interleaved(ways, rounds, description="statistics")
    # In a process of its own: its library was seen to corrupt the memory of the one it ran in.
    context = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(1, context) as pool:
        smile = {"openSMILE": lambda: pool.submit(_open_smile, signals).result()}
        try:
            return interleaved(ways | smile, rounds, description="statistics")
        except concurrent.futures.process.BrokenProcessPool:
            print("openSMILE died: left out")
            return interleaved(ways, rounds, description="statistics")
