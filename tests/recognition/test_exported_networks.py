"""A network in ONNX gives what Keras gives, without Keras."""

import json
import pickle
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from test_model_folder import Harm, resealed

from ser_lib.errors import InputError
from ser_lib.features import RaggedArray
from ser_lib.neural import NeuralClassifier
from ser_lib.recognition import load
from ser_lib.recognition.classifiers import read_fitted, write_fitted

pytestmark = pytest.mark.slow


@pytest.fixture
def model(network_folder, tmp_path):
    return shutil.copytree(network_folder, tmp_path / "model")


def test_recognition_imports_neither_keras_nor_its_backend(network_folder, corpus):
    code = (
        "import sys; from ser_lib import cli\n"
        f"status = cli.main(['predict', '--model', {str(network_folder)!r}, "
        f"{str(corpus.table['path'].iloc[0])!r}])\n"
        "loaded = {'keras', 'tensorflow', 'jax', 'torch', 'matplotlib', 'skops', 'ser_lib.systems'}"
        " & set(sys.modules)\n"
        "sys.exit(str(loaded) if loaded else status)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert corpus.table["path"].iloc[0] in done.stdout


def test_a_recogniser_embeds_and_shows_attention(network_folder, corpus):
    recogniser = load(network_folder)
    paths = list(corpus.table["path"][:3])
    assert recogniser.embed(paths).shape == (3, 5)
    weights = recogniser.attention(paths[0])
    keras = NeuralClassifier.load(network_folder / "classifier")
    X = RaggedArray.from_list([recogniser.front_end(path) for path in paths])
    assert recogniser.embed(paths) == pytest.approx(keras.embed(X), abs=1e-4)
    assert weights["weight"].to_numpy() == pytest.approx(keras.attention(X)[0], abs=1e-4)
    assert weights["weight"].sum() == pytest.approx(1, abs=1e-4)
    assert weights["start"].to_numpy() == pytest.approx(np.arange(len(weights)) * 0.08)
    with pytest.raises(InputError, match="is longer than 60 s"):
        recogniser.embed((np.zeros(16000 * 61, "float32"), 16000))


def test_where_there_is_no_onnx_keras_recognises_and_the_note_says_why(
    network_folder, corpus, tmp_path, monkeypatch
):
    def fails(classifier, path):
        raise NotImplementedError("no such layer in ONNX")

    monkeypatch.setattr("ser_lib.recognition.networks._export", fails)
    keras = NeuralClassifier.load(network_folder / "classifier")
    state, note = write_fitted(keras, tmp_path)
    assert state["runtime"] == "keras"
    assert "no such layer in ONNX" in note
    assert not (tmp_path / "network.onnx").exists()
    again = read_fitted(tmp_path, state)
    X = RaggedArray.from_list([load(network_folder).front_end(corpus.table["path"].iloc[0])])
    assert again.predict_proba(X) == pytest.approx(keras.predict_proba(X), abs=1e-6)


def test_a_network_whose_onnx_form_differs_is_left_to_keras(network_folder, tmp_path, monkeypatch):
    monkeypatch.setattr("ser_lib.recognition.networks._difference", lambda *_: 0.01)
    keras = NeuralClassifier.load(network_folder / "classifier")
    state, note = write_fitted(keras, tmp_path)
    assert state["runtime"] == "keras"
    assert "other posteriors (by up to 0.01)" in note
    assert not (tmp_path / "network.onnx").exists()


@pytest.mark.parametrize("content", [b"", b"onnx", pickle.dumps(Harm("harm"))])
def test_a_damaged_network_is_an_error(content, model):
    (model / "network.onnx").write_bytes(content)
    with pytest.raises(InputError, match=r"network\.onnx: damaged or altered"):
        load(model)
    resealed(model)
    with pytest.raises(InputError, match=r"network\.onnx: .*expected a network in ONNX"):
        load(model)


def test_a_network_with_weights_in_another_file_is_not_read(model, tmp_path):
    import onnx

    network = onnx.load(model / "network.onnx")
    secret = model / "weights.bin"
    onnx.save(
        network, model / "network.onnx", save_as_external_data=True, location=secret.name,
        size_threshold=0,
    )  # fmt: skip
    resealed(model)
    with pytest.raises(InputError, match=r"network\.onnx"):
        load(model)


def test_a_pickle_in_the_scaling_is_not_run(model, tmp_path):
    harm = np.array([Harm(tmp_path / "harm")], dtype=object)
    np.savez(model / "classifier" / "scaling.npz", mean=harm, factor=harm)
    resealed(model)
    with pytest.raises(InputError, match="cannot be read"):
        load(model)
    assert not (tmp_path / "harm").exists()


def test_a_lambda_layer_is_not_run(model, tmp_path):
    import keras

    harm = tmp_path / "harm"

    def call(x):
        harm.mkdir(exist_ok=True)
        return x

    inputs = keras.Input((2,))
    network = keras.Model(inputs, keras.layers.Lambda(call, output_shape=(2,))(inputs))
    network.save(model / "classifier" / "network.keras")
    if harm.exists():
        harm.rmdir()
    description = json.loads((model / "model.json").read_text())
    resealed(model, classifier=description["classifier"] | {"runtime": "keras"})
    with pytest.raises(InputError, match=r"(?i)lambda"):
        load(model)
    assert not harm.exists()


def test_a_linked_folder_of_the_network_is_refused(model, tmp_path):
    (model / "classifier").rename(tmp_path / "elsewhere")
    (model / "classifier").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="classifier: is a link"):
        load(model)


def test_a_recording_is_the_same_whatever_its_batch(network_folder, corpus, tmp_path):
    """Short and long recordings, in one call and alone."""
    recogniser = load(network_folder)
    signal, _ = soundfile.read(corpus.table["path"].iloc[0], dtype="float32")
    recordings = [(np.resize(signal, n), 16000) for n in (8000, 60 * 16000, 30_000, 100_000)]
    together = recogniser.predict(recordings)
    for number, recording in enumerate(recordings):
        alone = recogniser.predict(recording)
        columns = [f"p_{c}" for c in recogniser.classes]
        assert together.loc[number, columns].to_numpy(float) == pytest.approx(
            alone.loc[0, columns].to_numpy(float), abs=2e-6
        )
