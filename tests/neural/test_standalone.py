"""Networks as ordinary Keras models, trained on plain arrays."""

import dataclasses

import keras
import numpy as np
import pytest
from tiny_networks import AttentionNetwork, MeanNetwork

from ser_lib.errors import InputError
from ser_lib.neural.saving import register_layers
from ser_lib.neural.standalone import plain_model


@dataclasses.dataclass(frozen=True)
class SqueezeNetwork:
    """The first fire modules of SqueezeNet over segments, and attention over these."""

    def build(self, item_shape, n_classes):
        from keras import layers

        from ser_lib.neural.attention import AttentionPooling
        from ser_lib.neural.imagenet import add_backbone
        from ser_lib.neural.layers import FoldWindows, UnfoldWindows
        from ser_lib.neural.masking import MeanOverUnits

        values = keras.Input((None, *item_shape), name="values")
        mask = keras.Input((None,), dtype="bool", name="mask")
        x = add_backbone(
            "squeezenet",
            FoldWindows()(values),
            FoldWindows()(mask),
            side=32,
            fire_modules=3,
            imagenet_preprocessing=False,
        )
        x = UnfoldWindows()(x, mask)
        x, _ = AttentionPooling(name="attention")(x, MeanOverUnits()(layers.Dense(1)(x)), mask)
        x = layers.Dense(n_classes, activation="softmax", name="posteriors")(x)
        return keras.Model({"values": values, "mask": mask}, x, name="squeeze")


def check(network, model, x, tmp_path):
    """Fit a plain model for one step, save it, and compare it with its network."""
    y = np.arange(len(x))
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    before = network.get_weights()
    history = model.fit(x, y, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert any((a != b).any() for a, b in zip(before, network.get_weights(), strict=True))
    posteriors = model.predict(x, verbose=0)
    item_shape = next(t.shape[2:] for t in network.inputs if t.name == "values")
    values = x.reshape(len(x), -1, *item_shape)
    expected = network({"values": values, "mask": np.ones(values.shape[:2], bool)})
    np.testing.assert_allclose(posteriors, expected, rtol=1e-4)
    model.save(tmp_path / "model.keras")
    register_layers()
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded.predict(x, verbose=0), posteriors, rtol=1e-5)


def random(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


@pytest.mark.parametrize(("items", "shape"), [(None, (3, 5)), (4, (3, 4, 5))])
def test_a_plain_model_is_fitted_and_saved_and_computes_what_the_network_does(
    items, shape, tmp_path
):
    network = AttentionNetwork().build((5,), 3)
    check(network, plain_model(network, items=items), random(*shape), tmp_path)


@pytest.mark.slow
def test_a_backbone_over_segments_is_a_plain_model_too(tmp_path):
    network = SqueezeNetwork().build((32, 32, 3), 4)
    check(network, plain_model(network, items=2), random(2, 2, 32, 32, 3), tmp_path)


def test_arrays_of_another_shape_are_refused_by_keras():
    model = plain_model(AttentionNetwork().build((5,), 3), items=4)
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    expected = r"expected shape=\(None, 4, 5\), found shape=\(None, 4, 6\)"
    with pytest.raises(ValueError, match=expected):
        model.fit(np.ones((2, 4, 6)), np.zeros(2), verbose=0)


def test_other_models_and_numbers_of_items_are_refused():
    x = keras.Input((3,), name="features")
    with pytest.raises(InputError, match="model has the inputs features; expected values and mask"):
        plain_model(keras.Model(x, keras.layers.Dense(2)(x)))
    with pytest.raises(InputError, match="items is 0; expected an integer of at least 1, or None"):
        plain_model(MeanNetwork().build((5,), 3), items=0)
