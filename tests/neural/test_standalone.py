"""Networks as ordinary Keras models, trained on plain arrays."""

import keras
import numpy as np
import pytest
from tiny_networks import AttentionNetwork, MeanNetwork

from ser_lib.errors import InputError
from ser_lib.neural.saving import register_layers
from ser_lib.neural.standalone import plain_model


@pytest.mark.parametrize(("items", "shape"), [(None, (3, 5)), (4, (3, 4, 5))])
def test_a_plain_model_is_fitted_and_saved_and_computes_what_the_network_does(
    items, shape, tmp_path
):
    network = AttentionNetwork().build((5,), 3)
    model = plain_model(network, items=items)
    x = np.random.default_rng(0).normal(size=shape).astype("float32")
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    before = network.get_weights()
    assert np.isfinite(model.fit(x, np.arange(3), verbose=0).history["loss"]).all()
    assert any((a != b).any() for a, b in zip(before, network.get_weights(), strict=True))
    posteriors = model.predict(x, verbose=0)
    values = x.reshape(3, -1, 5)
    expected = network({"values": values, "mask": np.ones(values.shape[:2], bool)})
    np.testing.assert_allclose(posteriors, expected, rtol=1e-4)
    model.save(tmp_path / "model.keras")
    register_layers()
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), posteriors, rtol=1e-5)


def test_other_models_and_numbers_of_items_are_refused():
    x = keras.Input((3,), name="features")
    with pytest.raises(InputError, match="model has the inputs features; expected values and mask"):
        plain_model(keras.Model(x, keras.layers.Dense(2)(x)))
    with pytest.raises(InputError, match="items is 0; expected an integer of at least 1, or None"):
        plain_model(MeanNetwork().build((5,), 3), items=0)
