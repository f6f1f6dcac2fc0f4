"""
What bad input gives: an error that names file or parameter, what was found and what is expected,
and nothing half-written; or, where it can be handled, a result and one warning.
"""

import dataclasses
import warnings

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.base import BaseEstimator, ClassifierMixin

import ser_lib
from ser_lib import paths
from ser_lib.corpora import load_corpus
from ser_lib.errors import InputError, InputWarning
from ser_lib.features import FrontEnd, Functionals, LogMel
from ser_lib.systems.base import System

RATE = 16000
PITCH = {"anger": 900, "sadness": 200}


def tone(pitch=440, seconds=0.1, rate=RATE):
    rng = np.random.default_rng(pitch)
    time = np.arange(round(seconds * rate)) / rate
    return np.sin(2 * np.pi * pitch * time) / 4 + rng.normal(0, 0.01, len(time))


class NearestMean(ClassifierMixin, BaseEstimator):
    """Posteriors from distances to class means."""

    def fit(self, X, y, **_):
        rows = X.stack()
        self.classes_ = np.unique(y)
        self.means_ = np.stack([rows[y == c].mean(axis=0) for c in self.classes_])
        return self

    def predict_proba(self, X):
        distance = np.linalg.norm(X.stack()[:, None] - self.means_, axis=-1)
        return np.exp(distance.min(axis=1, keepdims=True) - distance)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tiny(System):
    """A system that is trained in a blink."""

    name = "tiny"
    title = "Nearest mean"
    citation = ""

    @property
    def front_end(self):
        statistics = Functionals(statistics=("mean",))
        return FrontEnd(analysis=LogMel(n_mels=8, hop_length=1600), segmentation=statistics)

    def classifier(self, seed=0):
        return NearestMean()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def folder(tmp_path):
    """Three speakers, two emotions; the first recording is the one that goes wrong."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    rows = []
    for number, speaker in enumerate(("ann", "ben", "cleo")):
        for emotion, pitch in PITCH.items():
            name = f"{speaker}_{emotion}.wav"
            soundfile.write(folder / name, tone(pitch + number), RATE)
            rows.append({"path": name, "emotion": emotion, "speaker": speaker})
    pd.DataFrame(rows).to_csv(folder / "manifest.csv", index=False)
    return folder


def evaluate(folder, **options):
    """Everything from the manifest to the reported predictions."""
    corpus = load_corpus("folder", data=folder)
    return ser_lib.evaluate(Tiny(), corpus, **options)


def written(folder):
    """All files below a folder, finished or not."""
    return [path for path in folder.rglob("*") if path.is_file()] if folder.exists() else []


# Recordings


def half(path):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def not_a_number(path):
    soundfile.write(path, np.full(RATE, np.nan), RATE, subtype="FLOAT")


REFUSED = {
    "empty": (lambda path: path.write_bytes(b""), "expected"),
    "corrupt": (lambda path: path.write_bytes(b"no audio at all" * 99), "cannot be decoded"),
    "truncated": (half, "is truncated: its header announces 3200 bytes of sound, found 1578"),
    "all NaN": (not_a_number, r"samples are not finite \(NaN or infinite\)"),
    "too short": (
        lambda path: soundfile.write(path, tone(seconds=0.01), RATE),
        r"has 160 samples at 16000 Hz \(10.0 ms\); expected at least 25 ms",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), REFUSED.values(), ids=REFUSED)
def test_a_recording_that_cannot_be_used_is_named(folder, spoil, message):
    bad = folder / "ann_anger.wav"
    spoil(bad)
    with pytest.raises(InputError, match=message) as caught:
        evaluate(folder)
    assert str(bad) in str(caught.value)
    assert written(paths.reports()) == []
    assert not [p for p in written(paths.cache() / "features") if p.name == "values.npy"]
    # Mended, it is taken as it now is.
    soundfile.write(bad, tone(PITCH["anger"]), RATE)
    assert evaluate(folder).scores()["uar"] == 1


def hour(path):
    # Eight bits at 8 kHz: 29 MB on the disk, 58 million samples when brought to 16 kHz.
    block = tone(PITCH["anger"], seconds=60, rate=8000)
    with soundfile.SoundFile(path, "w", 8000, 1, subtype="PCM_U8") as file:
        for _ in range(60):
            file.write(block)


TONE = tone(PITCH["anger"])
HANDLED = {
    "silent": (lambda path: soundfile.write(path, np.zeros(RATE), RATE), "silent"),
    "8-bit": (lambda path: soundfile.write(path, TONE, RATE, subtype="PCM_U8"), None),
    "96 kHz": (
        lambda path: soundfile.write(path, tone(PITCH["anger"], rate=96000), 96000),
        "96000 Hz, resampled to 16000 Hz",
    ),
    "stereo": (
        lambda path: soundfile.write(path, np.stack([TONE] * 2, axis=1), RATE),
        "2 channels, averaged to one",
    ),
    "an hour": (hour, "8000 Hz, resampled to 16000 Hz"),
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(*case, id=name, marks=[pytest.mark.slow] if name == "an hour" else [])
        for name, case in HANDLED.items()
    ],
)
def test_a_recording_that_can_be_used_is_used_with_one_warning(folder, change, said):
    change(folder / "ann_anger.wav")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", InputWarning)
        evaluation = evaluate(folder)
        evaluate(folder)
    messages = [str(w.message) for w in caught if issubclass(w.category, InputWarning)]
    assert len(messages) == (said is not None)
    for message in messages:
        assert said in message
        assert "6 recordings of folder" in message
        assert str(folder / "ann_anger.wav") in message
    assert sorted(evaluation.rows()["utterance"])[0] == "ann_anger"
    assert len(evaluation.rows()) == 6
    right = evaluation.rows().query("emotion == predicted")["utterance"]
    assert said == "silent" or "ann_anger" in set(right)


# Manifests


MANIFESTS = {
    "an unknown emotion": (
        "path,emotion\nann_anger.wav,angre\n",
        "row 2 .*'angre'; did you mean 'anger'",
    ),
    "a fold without a class": (
        "path,emotion,speaker\nann_anger.wav,anger,ann\nann_sadness.wav,sadness,ann\n"
        "ben_anger.wav,fear,ben\ncleo_anger.wav,anger,cleo\ncleo_sadness.wav,fear,cleo\n",
        "fold 'ann': there is no training row of .*sadness",
    ),
    "too few speakers": (
        "path,emotion,speaker\nann_anger.wav,anger,ann\nben_anger.wav,sadness,ben\n",
        "needs at least 3 speakers; found 2: ann, ben",
    ),
    "unknown speakers": (
        "path,emotion\nann_anger.wav,anger\nben_sadness.wav,sadness\n",
        "needs the speaker of every utterance; 2 of 2 have none",
    ),
}


@pytest.mark.parametrize(("text", "message"), MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_that_cannot_be_used_is_explained(folder, text, message):
    (folder / "manifest.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        evaluate(folder)
    assert written(paths.reports()) == []


def test_a_misspelt_option_of_a_corpus_gets_the_nearest_one(folder):
    with pytest.raises(InputError, match="option of folder 'manifst'; did you mean 'manifest'"):
        load_corpus("folder", data=folder, manifst="x.csv")
