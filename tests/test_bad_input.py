"""
What bad input gives: an error that names file or parameter, what was found and what is expected,
and nothing half-written; or, where it can be handled, a result and one warning.
"""

import dataclasses
import http.server
import threading
import warnings
import zipfile

import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.base import BaseEstimator, ClassifierMixin

import ser_lib
from ser_lib import download, paths
from ser_lib.corpora import Remote, load_corpus
from ser_lib.errors import InputError, InputWarning
from ser_lib.features import FrontEnd, Functionals, LogMel
from ser_lib.notebooks import run_notebooks
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
    for speaker in ("ann", "ben", "cleo"):
        for emotion, pitch in PITCH.items():
            name = f"{speaker}_{emotion}.wav"
            soundfile.write(folder / name, tone(pitch), RATE)
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


HANDLED = {
    "silent": (lambda path: soundfile.write(path, np.zeros(RATE), RATE), "silent"),
    "8-bit": (
        lambda path: soundfile.write(path, tone(PITCH["anger"]), RATE, subtype="PCM_U8"),
        None,
    ),
    "96 kHz": (
        lambda path: soundfile.write(path, tone(PITCH["anger"], rate=96000), 96000),
        "96000 Hz, resampled to 16000 Hz",
    ),
    "stereo": (
        lambda path: soundfile.write(path, np.stack([tone(PITCH["anger"])] * 2, axis=1), RATE),
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


def manifest(*lines):
    return lambda folder: (folder / "manifest.csv").write_text("\n".join(lines) + "\n")


MANIFESTS = {
    "no manifest": (
        lambda folder: (folder / "manifest.csv").unlink(),
        "the manifest .* does not exist; expected a CSV file with at least the columns path, emo",
    ),
    "empty": (lambda folder: (folder / "manifest.csv").write_text(""), "missing columns path, emo"),
    "missing columns": (
        manifest("file,emotion", "ann_anger.wav,anger"),
        "missing columns path; found columns file, emotion",
    ),
    "misspelt column": (
        manifest("path,emotion,speeker", "ann_anger.wav,anger,ann"),
        "'speeker'; did you mean 'speaker'",
    ),
    "unknown emotion": (
        manifest("path,emotion", "ann_anger.wav,anger", "ben_anger.wav,angre"),
        "manifest.csv, row 3 .*'angre'; did you mean 'anger'",
    ),
    "the same file twice": (
        manifest("path,emotion", "ann_anger.wav,anger", "ann_anger.wav,fear"),
        r"\(row 3\) and .*\(row 2\) are the same utterance",
    ),
    "a missing file": (
        manifest("path,emotion", "ann_anger.wav,anger", "dora.wav,fear"),
        r"1 of 2 recordings do not exist, the first is .*dora.wav \(row 3\)",
    ),
    "a fold without a class": (
        manifest(
            "path,emotion,speaker",
            *("ann_anger.wav,anger,ann", "ann_sadness.wav,sadness,ann"),
            *("ben_anger.wav,fear,ben", "cleo_anger.wav,anger,cleo", "cleo_sadness.wav,fear,cleo"),
        ),
        "fold 'ann': there is no training row of .*sadness",
    ),
    "too few speakers": (
        manifest("path,emotion,speaker", "ann_anger.wav,anger,ann", "ben_anger.wav,sadness,ben"),
        "needs at least 3 speakers; found 2: ann, ben",
    ),
    "unknown speakers": (
        manifest("path,emotion", "ann_anger.wav,anger", "ben_sadness.wav,sadness"),
        "needs the speaker of every utterance; 2 of 2 have none",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), MANIFESTS.values(), ids=MANIFESTS)
def test_a_manifest_that_cannot_be_used_is_explained(folder, spoil, message):
    spoil(folder)
    with pytest.raises(InputError, match=message):
        evaluate(folder)
    assert written(paths.reports()) == []


# Names


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """One notebook to run, with one parameter."""
    import nbformat
    from nbformat.v4 import new_code_cell, new_notebook

    (tmp_path / "notebooks").mkdir()
    monkeypatch.setenv("SER_NOTEBOOKS", str(tmp_path / "notebooks"))
    cell = new_code_cell("corpus = 'synthetic'\nepochs = 1", metadata={"tags": ["parameters"]})
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    made = new_notebook(cells=[cell], metadata={"kernelspec": kernel})
    nbformat.write(made, tmp_path / "notebooks" / "02_train_cnn_lstm.ipynb")


MISSPELT = {
    "corpus": (lambda folder: load_corpus("emobd"), "unknown corpus 'emobd'; did you mean 'emodb'"),
    "option of a corpus": (
        lambda folder: load_corpus("folder", data=folder, manifst="x.csv"),
        "option of folder 'manifst'; did you mean 'manifest'",
    ),
    "system": (
        lambda folder: ser_lib.systems.make("cnn_ltsm"),
        "unknown system 'cnn_ltsm'; did you mean 'cnn_lstm'",
    ),
    "parameter of a system": (
        lambda folder: ser_lib.systems.make("svm", componets=3),
        "parameter of svm 'componets'; did you mean 'components'",
    ),
    "variant": (
        lambda folder: ser_lib.systems.make("svm", variant="as_publishd"),
        "unknown variant 'as_publishd'; did you mean 'as_published'",
    ),
    "protocol": (
        lambda folder: evaluate(folder, protocol="leave_one_speeker_out"),
        "unknown protocol 'leave_one_speeker_out'; did you mean 'leave_one_speaker_out'",
    ),
    "fold": (
        lambda folder: evaluate(folder, folds=["anne"]),
        "unknown fold of leave_one_speaker_out 'anne'; did you mean 'ann'",
    ),
    "normalisation": (
        lambda folder: evaluate(folder, normalisation="speakers"),
        "unknown normalisation 'speakers'; did you mean 'speaker'",
    ),
    "notebook": (
        lambda folder: run_notebooks(["02_train_cnn_ltsm"]),
        "unknown notebook '02_train_cnn_ltsm'; did you mean '02_train_cnn_lstm'",
    ),
    "parameter of a notebook": (
        lambda folder: run_notebooks(["02"], parameters=[("epoch", "3")]),
        "parameter of 02_train_cnn_lstm: 'epoch'; did you mean 'epochs'",
    ),
}


@pytest.mark.parametrize(("call", "message"), MISSPELT.values(), ids=MISSPELT)
def test_a_misspelt_name_gets_the_nearest_one(folder, notebook, call, message):
    with pytest.raises(InputError, match=message):
        call(folder)
    assert written(paths.reports()) == []


# Downloads


@pytest.fixture
def archive(tmp_path):
    """An archive with a path that climbs out of its folder."""
    path = tmp_path / "served" / "corpus.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("wav/03a01Fa.wav", b"sound")
        file.writestr("../climbed.txt", b"out")
    return path


@pytest.fixture
def address(archive, monkeypatch):
    """Where the archive can be downloaded from: this machine's loopback."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args, **options):
            super().__init__(*args, directory=archive.parent, **options)

        def log_message(self, *_):
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/corpus.zip"
        server.shutdown()


def md5(path):
    import hashlib

    return f"md5:{hashlib.md5(path.read_bytes()).hexdigest()}"


DOWNLOADS = {
    "a wrong checksum": (
        lambda path: f"md5:{'0' * 32}",
        f"the checksum of corpus.zip is [0-9a-f]{{32}}; expected md5:{'0' * 32}",
    ),
    "a path that climbs out": (md5, "climbed.txt.*leads out of its folder"),
}


@pytest.mark.parametrize(("checksum", "message"), DOWNLOADS.values(), ids=DOWNLOADS)
def test_a_download_that_is_not_what_was_published_leaves_nothing(
    archive, address, tmp_path, checksum, message
):
    offer = Remote(address, checksum(archive), "corpus.zip")
    data = tmp_path / "data"
    data.mkdir()
    with pytest.raises(InputError, match=message):
        download.fetch([offer], data / "corpus", retries=0, progress=False)
    assert list(data.iterdir()) == []
    assert not (tmp_path / "climbed.txt").exists()
