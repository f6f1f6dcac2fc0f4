"""What layers and classifiers compute under TensorFlow they compute under JAX as well."""

import keras
import numpy as np
import pytest
from jax_process import run_under_jax
from tiny_networks import AttentionNetwork, classifier, rows

from ser_lib.neural import NeuralClassifier
from ser_lib.neural.layers import LocalFeatureBlock, SequenceFeatureBlock
from ser_lib.neural.masking import MaskedBatchNormalization

UNDER_JAX = """
import json, sys
import keras, numpy as np
import test_jax
arrays = test_jax.computed(sys.argv[1])
arrays["backend"] = keras.backend.backend()
print(json.dumps({name: np.asarray(array).tolist() for name, array in arrays.items()}))
"""


def computed(folder):
    """Outputs and statistics of layers in training, and what a saved classifier predicts."""
    arrays, rng = {}, np.random.default_rng(0)
    maps = rng.normal(1, 2, (3, 8, 6, 4)).astype("float32")
    mask = np.arange(8) < np.array([[8], [5], [1]])
    maps *= mask[..., None, None]
    cases = {
        "frames": (MaskedBatchNormalization(momentum=0.5), maps[:, :, 0], mask),
        "maps": (MaskedBatchNormalization(momentum=0.5), maps, mask),
        "one channel": (MaskedBatchNormalization(momentum=0.5), maps[..., :1], mask),
        "no mask": (MaskedBatchNormalization(momentum=0.5), maps, None),
        "sequence block": (SequenceFeatureBlock(1, 2, momentum=0.5), maps, mask),
        "window block": (LocalFeatureBlock(5, 2, momentum=0.5), maps, mask[:, 0]),
    }
    for name, (layer, values, steps) in cases.items():
        layer.build(values.shape)
        layer.set_weights([rng.normal(1, 0.1, w.shape) for w in layer.get_weights()])
        arrays[f"{name}, training"] = layer(values, mask=steps, training=True)
        for number, weight in enumerate(layer.get_weights()):
            arrays[f"{name}, weight {number}"] = weight
        arrays[f"{name}, inference"] = layer(values, mask=steps)
    saved = NeuralClassifier.load(folder)
    X, y = rows(9, seed=3)
    arrays["posteriors"] = saved.predict_proba(X)
    arrays["attention"] = np.concatenate(saved.attention(X))
    saved.set_params(epochs=2).fit(X, y)
    assert np.isfinite([epoch["loss"] for epoch in saved.history_]).all()
    return arrays


@pytest.mark.slow
def test_layers_and_saved_classifiers_compute_the_same_under_jax(tmp_path):
    classifier(AttentionNetwork(), epochs=1).fit(*rows(12)).save(tmp_path / "model")
    expected = computed(tmp_path / "model")
    found = run_under_jax(UNDER_JAX, tmp_path / "model")
    assert keras.backend.backend() == "tensorflow"
    assert found.pop("backend") == "jax"
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-5, err_msg=name)
