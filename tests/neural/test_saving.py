"""Classifiers as folders, and layers by the names under which they are saved."""

import importlib
import inspect
import json
import pkgutil
import sys

import keras
import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from tiny_networks import SegmentNetwork, classifier, segment_rows

import ser_lib.neural
from ser_lib.errors import InputError
from ser_lib.neural import NeuralClassifier
from ser_lib.neural.augmentation import SpecAugment

ARGUMENTS = {
    "AttendedPadding": {"steps": 7},
    "CentreMask": {"stride": 32},
    "DownsampleMask": {"stride": 3},
    "LocalFeatureBlock": {"filters": 4, "pool": 2, "side": 5, "momentum": 0.5},
    "MaskedBatchNormalization": {"momentum": 0.5},
    "SequenceFeatureBlock": {"filters": 4, "pool": 2, "side": 5, "momentum": 0.5},
}


def public_layers():
    """All public layers that are defined in a module of `ser_lib.neural`."""
    found = {}
    for item in pkgutil.iter_modules(ser_lib.neural.__path__, "ser_lib.neural."):
        module = importlib.import_module(item.name)
        for name, value in inspect.getmembers(module, inspect.isclass):
            own = value.__module__ == item.name and not name.startswith("_")
            if own and issubclass(value, keras.layers.Layer) and name != "Unmasked":
                found[name] = value
    return found


@pytest.mark.parametrize("name", public_layers())
def test_every_layer_is_registered_and_rebuilt_from_its_configuration(name):
    cls = public_layers()[name]
    assert keras.saving.get_registered_name(cls) == f"ser_lib>{name}"
    layer = cls(**ARGUMENTS.get(name, {}), name="some_name")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert type(again) is cls
    assert again.name == "some_name"
    assert again.get_config() == layer.get_config()
    assert ARGUMENTS.get(name, {}).items() <= again.get_config().items()


@pytest.fixture(scope="module")
def fitted():
    augment = SpecAugment(time=0.3, frequency=0.4, masks=1, within=True)
    return classifier(
        SegmentNetwork(),
        epochs=1,
        spec_augment=augment,
        mixup=0.3,
        pool="max",
        balance="oversampling",
        weight_decay=0.01,
    ).fit(*segment_rows())


def test_a_loaded_classifier_predicts_the_same_and_has_the_same_parameters(fitted, tmp_path):
    X, y = segment_rows()
    fitted.save(tmp_path / "model")
    loaded = NeuralClassifier.load(tmp_path / "model")
    assert loaded.get_params() == fitted.get_params()
    assert loaded.history_ == fitted.history_
    assert loaded.n_parameters_ == fitted.n_parameters_
    assert loaded.best_epoch_ == fitted.best_epoch_
    np.testing.assert_array_equal(loaded.predict_proba(X), fitted.predict_proba(X))
    np.testing.assert_array_equal(loaded.embed(X), fitted.embed(X))
    for found, expected in zip(loaded.attention(X), fitted.attention(X), strict=True):
        np.testing.assert_array_equal(found, expected)
    names = {"network.keras", "scaling.npz", "classifier.json"}
    assert {p.name for p in (tmp_path / "model").iterdir()} == names
    with pytest.raises(InputError, match="exists already; expected the name of a new folder"):
        fitted.save(tmp_path / "model")
    # It can be saved again, and trained again.
    loaded.save(tmp_path / "again")
    loaded.fit(X, y)


def test_a_save_that_fails_leaves_nothing(fitted, tmp_path, monkeypatch):
    with pytest.raises(NotFittedError):
        classifier().save(tmp_path / "model")
    monkeypatch.setattr(np, "savez", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fitted.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


def test_other_folders_are_refused_and_no_code_is_imported_from_them(fitted, tmp_path):
    with pytest.raises(InputError, match=r"nowhere: .*; expected a classifier written by"):
        NeuralClassifier.load(tmp_path / "nowhere")
    fitted.save(tmp_path / "model")
    (tmp_path / "model" / "network.keras").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"model: .*; expected a classifier written by"):
        NeuralClassifier.load(tmp_path / "model")
    state = json.loads((tmp_path / "model" / "classifier.json").read_text())
    # An unknown module is not imported, and a dataclass that is no network is not made.
    for module, name in (
        ("antigravity", "Surprise"),
        ("ser_lib.neural.augmentation", "SpecAugment"),
    ):
        state["network"] = {"module": module, "class": name, "parameters": {}}
        (tmp_path / "model" / "classifier.json").write_text(json.dumps(state))
        with pytest.raises(InputError, match=f"network '{name}' of '{module}' is unknown"):
            NeuralClassifier.load(tmp_path / "model")
    assert "antigravity" not in sys.modules
