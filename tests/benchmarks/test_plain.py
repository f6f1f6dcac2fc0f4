"""What the benchmark of training compares is the same network, ours and in plain Keras."""

import numpy as np
import pytest

from ser_lib.features import RaggedArray

pytestmark = pytest.mark.slow
# Smaller items than in the benchmark where the network allows it, so that this takes little time.
ITEMS = {"cnn_lstm": (64, 64), "blstm_attention": (34,), "crnn_attention": (40,)}
CLASSES = 4


@pytest.mark.parametrize("name", ITEMS)
def test_both_networks_give_the_same_posteriors(name):
    # Not above: quick tests import no TensorFlow.
    import keras

    from benchmarks import training

    keras.utils.set_random_seed(0)
    (case,) = (case for case in training.cases() if case.system.name == name)
    item_shape = ITEMS[name]
    ours = case.system.build(item_shape, CLASSES)
    plain = case.build(case.length, item_shape, CLASSES)
    rng = np.random.default_rng(0)
    # Drawn anew, as some are zero or one at first, and would hide a weight in the wrong place.
    weights = [
        np.abs(rng.normal(1, 0.2, w.shape)) if w.ndim == 1 else w + rng.normal(0, 0.05, w.shape)
        for w in ours.get_weights()
    ]
    for network in (ours, plain):
        network.set_weights(weights)
    rows = rng.standard_normal((2, case.length, *item_shape)).astype(np.float32)
    # Noise of one level is much like other noise, and posteriors would hardly differ.
    rows[1] *= 3
    mask = np.ones(rows.shape[:2], bool)
    posteriors = np.asarray(ours({"values": rows, "mask": mask}))
    expected = np.asarray(plain(case.inputs(RaggedArray.from_list(list(rows)), case.length)))
    assert np.ptp(expected, axis=0).max() > 1e-3
    np.testing.assert_allclose(posteriors, expected, atol=1e-5)
